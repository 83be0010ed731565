#include "runtime/tensor.h"

#include <algorithm>
#include <cstring>

#include "runtime/error.h"
#if CUTAWAY_HAVE_CUDA
#include "runtime/cuda/memory.h"
#endif

namespace cutaway {

TensorRef::TensorRef(void* data, DType dtype, const Shape& shape, Layout layout)
    : data_(data), dtype_(dtype), geometry_(dense_view<char>(nullptr, shape, layout)) {}

void TensorRef::require(DType type) const {
  check(type == dtype_, "a tensor was viewed as another element type");
}

Tensor::Tensor(Device device, DType dtype, const Shape& shape, Layout layout)
    : dtype_(dtype), shape_(shape), layout_(layout) {
  validate(shape, "tensor");
  buffer_ = Buffer(device, static_cast<std::size_t>(stored_count(shape, layout)) * size_of(dtype));
}

TensorRef Tensor::ref() const { return {buffer_.data(), dtype_, shape_, layout_}; }

std::span<float> Tensor::f32() {
  check(dtype_ == DType::kF32 && device() == kCpuDevice, "f32() needs a float CPU tensor");
  return {reinterpret_cast<float*>(buffer_.data()), buffer_.bytes() / sizeof(float)};
}

std::span<const float> Tensor::f32() const {
  check(dtype_ == DType::kF32 && device() == kCpuDevice, "f32() needs a float CPU tensor");
  return {reinterpret_cast<const float*>(buffer_.data()), buffer_.bytes() / sizeof(float)};
}

Tensor Tensor::clone() const { return to_device(*this, device()); }

Tensor zeros(const Shape& shape, Layout layout) {
  Tensor t(kCpuDevice, DType::kF32, shape, layout);
  std::ranges::fill(t.f32(), 0.0f);
  return t;
}

Tensor tensor_of(const Shape& shape, std::span<const float> values) {
  if (static_cast<std::int64_t>(values.size()) != shape.count()) {
    throw Error(ErrorKind::kShape, "number of values")
        .expected(std::to_string(shape.count()) + " for " + to_string(shape))
        .got(std::to_string(values.size()));
  }
  Tensor t(kCpuDevice, DType::kF32, shape);
  std::ranges::copy(values, t.f32().begin());
  return t;
}

void copy_bytes(
    void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  if (bytes == 0) return;
#if CUTAWAY_HAVE_CUDA
  if (to_device.kind == Device::Kind::kCuda || from_device.kind == Device::Kind::kCuda) {
    cuda::copy(to, to_device, from, from_device, bytes);
    return;
  }
#endif
  (void)to_device;
  (void)from_device;
  std::memcpy(to, from, bytes);
}

Tensor to_device(const Tensor& tensor, Device device) {
  if (tensor.empty()) return {};
  Tensor copy(device, tensor.dtype(), tensor.shape(), tensor.layout());
  copy_bytes(copy.ref().data(), device, tensor.ref().data(), tensor.device(), tensor.bytes());
  return copy;
}

}  // namespace cutaway
