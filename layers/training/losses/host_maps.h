#pragma once

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cutaway {

/// A plain NCHW copy of a value on the CPU, whatever the stream's device.
[[nodiscard]] Tensor read_plain(Stream& stream, const TensorRef& value);

/// gradient += weight * plain, a CPU tensor of the same shape.
void add_plain(Stream& stream, const TensorRef& gradient, const Tensor& plain, float weight);

/// Threads of a CPU stream; of another one, those of this process.
[[nodiscard]] int host_threads(const Stream& stream);

}  // namespace cutaway
