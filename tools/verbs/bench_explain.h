#pragma once

#include "layers/model.h"
#include "tools/program/context.h"

namespace cutaway::tools {

class Command;

/// `cutaway bench explain`, below the verb `bench`.
Command& add_bench_explain(Command& bench, Context& context);

/// A package, or an architecture of the zoo with random weights.
[[nodiscard]] Model load_or_build(const std::string& name, std::uint64_t seed);

}  // namespace cutaway::tools
