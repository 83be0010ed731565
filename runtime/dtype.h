#pragma once

#include <cstddef>
#include <cstdint>

namespace cutaway {

/// Element types of tensors. Arithmetic is float32; the others are storage (switches, masks,
/// labels).
enum class DType : std::uint8_t { kF32, kI32, kU8 };

[[nodiscard]] constexpr std::size_t size_of(DType type) { return type == DType::kU8 ? 1 : 4; }

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::kF32;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::kI32;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::kU8;
};

}  // namespace cutaway
