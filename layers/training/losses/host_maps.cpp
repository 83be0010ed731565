#include "layers/training/losses/host_maps.h"

#include "kernels/elementwise.h"

namespace cutaway {

Tensor read_plain(Stream& stream, const TensorRef& value) {
  const Device device = device_of(stream);
  Tensor plain(device, DType::kF32, value.shape());
  kernels::run(stream, kernels::Reorder{value.in(), plain.ref().out()});
  synchronize(stream);
  return device == kCpuDevice ? std::move(plain) : to_device(plain, kCpuDevice);
}

void add_plain(Stream& stream, const TensorRef& gradient, const Tensor& plain, float weight) {
  const Device device = device_of(stream);
  const Tensor moved = device == kCpuDevice ? Tensor() : to_device(plain, device);
  const Tensor& there = device == kCpuDevice ? plain : moved;
  Tensor laid_out(device, DType::kF32, gradient.shape(), gradient.layout());
  kernels::run(stream, kernels::Reorder{there.ref().in(), laid_out.ref().out()});
  kernels::run(stream,
               kernels::Add{gradient.in(), laid_out.ref().in(), gradient.out(), 1.0f, weight});
  synchronize(stream);  // the copies end here
}

int host_threads(const Stream& stream) {
  const auto* cpu = std::get_if<CpuStream>(&stream);
  return cpu != nullptr ? cpu->threads() : CpuStream(0).threads();
}

}  // namespace cutaway
