#pragma once

#include <cstddef>

/// A CUDA device that is not there: memory that only kernels and copies may touch (any other access
/// is a segmentation fault), and kernels of the explanatory graph that the shim runs.
namespace shim {

/// Pointers that kernels were given and that were not in the device's memory.
[[nodiscard]] std::size_t stray_pointers();
/// Kernels that ran.
[[nodiscard]] std::size_t kernels_run();

}  // namespace shim
