#pragma once

#include <string>
#include <utility>

#include "layers/attributes.h"

namespace cutaway::explain {

/// A value as the command line has it: true and false, an integer, a number, or text.
[[nodiscard]] Attributes::Value parse_option_value(const std::string& text);

/// "NAME=VALUE"; throws kUsage, naming `option`, when there is no name or no '='.
[[nodiscard]] std::pair<std::string, Attributes::Value> parse_assignment(const std::string& text,
                                                                         const char* option);

}  // namespace cutaway::explain
