#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/dtype.h"
#include "runtime/layout.h"
#include "runtime/stream.h"

namespace cutaway {

/// An untyped, non-owning reference to a tensor: what layers are handed.
class TensorRef {
 public:
  TensorRef() = default;
  /// Dense reference to memory in `layout`.
  TensorRef(void* data, DType dtype, const Shape& shape, Layout layout);
  template <class T>
  explicit TensorRef(const View<T>& v)
      : data_(const_cast<std::remove_const_t<T>*>(v.data)),
        dtype_(DTypeOf<std::remove_const_t<T>>::value),
        geometry_{nullptr, v.shape, v.block, v.stride_n, v.stride_b, v.stride_h, v.stride_w} {}

  /// Throws kInternal when T is not the element type.
  template <class T>
  [[nodiscard]] View<T> view() const {
    require(DTypeOf<std::remove_const_t<T>>::value);
    return {static_cast<T*>(data_), geometry_.shape,    geometry_.block,   geometry_.stride_n,
            geometry_.stride_b,     geometry_.stride_h, geometry_.stride_w};
  }
  [[nodiscard]] View<const float> in() const { return view<const float>(); }
  [[nodiscard]] View<float> out() const { return view<float>(); }

  [[nodiscard]] explicit operator bool() const noexcept { return data_ != nullptr; }
  [[nodiscard]] const Shape& shape() const noexcept { return geometry_.shape; }
  [[nodiscard]] Layout layout() const noexcept { return {geometry_.block}; }
  [[nodiscard]] DType dtype() const noexcept { return dtype_; }
  [[nodiscard]] void* data() const noexcept { return data_; }

 private:
  void require(DType type) const;

  void* data_{};
  DType dtype_{DType::kF32};
  View<char> geometry_{};
};

/// Owns one dense tensor: parameters, inputs, and results that outlive an Executor. Move-only.
class Tensor {
 public:
  Tensor() = default;
  /// Contents undefined. Throws kShape on an impossible shape, kMemory when it does not fit.
  Tensor(Device device, DType dtype, const Shape& shape, Layout layout = kPlain);

  [[nodiscard]] TensorRef ref() const;
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] Layout layout() const noexcept { return layout_; }
  [[nodiscard]] DType dtype() const noexcept { return dtype_; }
  [[nodiscard]] Device device() const noexcept { return buffer_.device(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return buffer_.bytes(); }
  [[nodiscard]] bool empty() const noexcept { return buffer_.data() == nullptr; }

  /// Elements of a CPU tensor in storage order (padding included). Throws kInternal elsewhere.
  [[nodiscard]] std::span<float> f32();
  [[nodiscard]] std::span<const float> f32() const;

  [[nodiscard]] Tensor clone() const;

 private:
  Buffer buffer_;
  DType dtype_{DType::kF32};
  Shape shape_{};
  Layout layout_{};
};

/// A CPU tensor of zeros.
[[nodiscard]] Tensor zeros(const Shape& shape, Layout layout = kPlain);
/// A plain NCHW CPU tensor holding `values`; throws kShape when the counts differ.
[[nodiscard]] Tensor tensor_of(const Shape& shape, std::span<const float> values);

/// Bytes from one dense buffer to another of the same size, on any devices; returns when done.
void copy_bytes(
    void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);

/// The same bytes on another device (layout unchanged).
[[nodiscard]] Tensor to_device(const Tensor& tensor, Device device);

}  // namespace cutaway
