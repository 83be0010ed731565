#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/device.h"
#include "runtime/layout.h"

/// Memory and numbers of one parity case on one device. Two fixtures with the same seed hand out
/// the same geometries and the same numbers, whatever their devices.
namespace parity {

using cutaway::Device;
using cutaway::Layout;
using cutaway::Shape;
using cutaway::View;

enum class Values : std::uint8_t {
  kSigned,    ///< uniform in [-1, 1)
  kPositive,  ///< uniform in [0.1, 1.1)
  kSpecial,   ///< signed, but one in eight is NaN, +-infinity or a repeated value
};

enum class Type : std::uint8_t { kFloat, kInt, kByte };

/// What one region of memory held after a run.
struct Region {
  std::string name;
  Type type{Type::kFloat};
  std::vector<std::byte> bytes;
  Shape shape{};  ///< of a tensor; c = count for an array
  Layout layout{};
  bool canaries{true};  ///< intact
  bool output{false};   ///< started as poison: every element must have been written
};

/// Bits that no kernel computes: a NaN with a payload.
inline constexpr std::uint32_t kPoison = 0x7fc0dead;

class Fixture {
 public:
  Fixture(Device device, std::uint32_t seed, int variant);

  [[nodiscard]] Device device() const noexcept { return device_; }
  /// Cases come in numbered variants: 0, 1 and 2 modulo 3 are the three kinds of layout.
  [[nodiscard]] int variant() const noexcept { return variant_; }

  /// A whole number in [low, high].
  std::int32_t draw(std::int32_t low, std::int32_t high);
  /// A random shape: n to 3, c to 40, h and w to 19; sometimes 1.
  Shape shape();
  /// Plain, blocked by 16, or channels-last for c channels, by the variant.
  [[nodiscard]] Layout layout(std::int64_t c) const;

  /// Filled with random numbers; padding lanes are zero. Watched for writes.
  View<const float> input(const Shape& shape, Layout layout, Values fill = Values::kSigned);
  /// Filled, and compared after the run.
  View<float> changing(const Shape& shape, Layout layout, Values fill = Values::kSigned);
  /// Poison, and compared after the run.
  View<float> output(const Shape& shape, Layout layout);
  View<std::uint8_t> byte_output(const Shape& shape, Layout layout);
  View<std::int32_t> int_output(const Shape& shape, Layout layout);

  const float* numbers(std::int64_t count, Values fill = Values::kSigned);
  float* changing_numbers(std::int64_t count, Values fill = Values::kSigned);
  float* result_numbers(std::int64_t count);
  const std::int32_t* labels(std::int64_t count, std::int32_t classes);
  /// Numbers of any type, to read, and to change; the latter are compared byte for byte.
  template <class T>
  const T* array(const std::vector<T>& values) {
    return reinterpret_cast<const T*>(add_bytes(bytes_of(values), false));
  }
  template <class T>
  T* changing_array(const std::vector<T>& values) {
    return reinterpret_cast<T*>(add_bytes(bytes_of(values), true));
  }
  /// Poisoned memory that nobody looks at afterwards; null for no bytes.
  std::byte* scratch(std::size_t bytes);

  /// Puts every region back to what it was before the first run.
  void reset();
  /// Everything that is compared, and the canaries of everything.
  [[nodiscard]] std::vector<Region> read() const;

 private:
  struct Memory {
    Region region;
    std::vector<std::byte> initial;
    cutaway::Buffer buffer;
    bool compared{false};
  };
  template <class T>
  static std::vector<std::byte> bytes_of(const std::vector<T>& values) {
    const auto* first = reinterpret_cast<const std::byte*>(values.data());
    return {first, first + values.size() * sizeof(T)};
  }
  std::byte* add_bytes(std::vector<std::byte> bytes, bool compared);
  std::byte* add(Region region, std::vector<std::byte> initial, bool compared);
  std::byte* add_tensor(
      const char* name, const Shape& shape, Layout layout, Values fill, bool compared);
  std::byte* add_poison(const char* name, Type type, const Shape& shape, Layout layout);
  void upload(const Memory& memory) const;
  float number(Values fill);

  Device device_;
  int variant_;
  std::mt19937 random_;
  std::vector<Memory> memory_;
};

}  // namespace parity
