#pragma once

#include <string>

namespace cutaway::kernels {

/// Once a process, before oneDNN is first used: where the level of the CPU's kernels was lowered,
/// oneDNN is held to the same instructions. Later calls change nothing.
void match_library_isa();

/// kernels/library.h. Only in builds that have oneDNN, like the above.
[[nodiscard]] std::string library_isa_text();

}  // namespace cutaway::kernels
