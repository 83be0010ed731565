#pragma once

#include <span>
#include <string>
#include <string_view>

#include "runtime/tensor.h"

namespace cutaway {

/// A tensor of a training state, on the CPU.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// Copies the tensor called `name` over `to`, on whatever device that is. Throws kInput when it is
/// not there or has another shape.
void copy_named(std::span<const NamedTensor> from, std::string_view name, Tensor& to);

}  // namespace cutaway
