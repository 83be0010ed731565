#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tools/program/context.h"

namespace cutaway::tools {

using Json = nlohmann::ordered_json;

/// A result on standard output; malformed UTF-8 in it is replaced.
void print_json(const Json& result);

/// What names one failure each: {"file": ..., "error": ...}.
[[nodiscard]] Json failures_json(const std::vector<std::pair<std::string, std::string>>& failures);

/// "3 images failed" on standard output, where any did.
void print_failed(std::int64_t failed);

/// All that a run which was complete before has to say: where its page and its manifest are.
void print_complete(const std::string& page, const std::string& manifest, const Context& context);

/// The exit code of a run over pictures: 0 when all is there, 5 when something that was asked for
/// is missing, 3 when nothing could be done.
[[nodiscard]] int exit_code_of(std::int64_t done, bool complete);

}  // namespace cutaway::tools
