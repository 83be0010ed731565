#pragma once

#include <cstdint>

namespace cutaway {

/// Bytes of memory that this process may take at all: the machine's, or the limit of its control
/// group (containers, job schedulers) where that is less. 0 where the system does not tell. The same
/// on every call, so that what is sized by it is the same on every run.
[[nodiscard]] std::uint64_t machine_memory();

}  // namespace cutaway
