#pragma once

#include <cstddef>

namespace cutaway::kernels {

/// Bytes of the second-level cache of one core; 512 KiB where the system does not say. It chooses
/// block sizes, never the order of a sum.
[[nodiscard]] std::size_t second_level_cache();

}  // namespace cutaway::kernels
