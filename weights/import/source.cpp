#include "weights/import/source.h"

#include <bit>
#include <cstring>

#include "runtime/error.h"

namespace cutaway::weights {
namespace {

template <class T>
T element(std::span<const std::byte> from, std::size_t i) {
  T value{};
  std::memcpy(&value, from.data() + i * sizeof(T), sizeof(T));
  return value;
}

// IEEE 754 binary16.
float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  std::uint32_t exponent = (half >> 10) & 0x1fU;
  std::uint32_t mantissa = half & 0x3ffU;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000U | (mantissa << 13));
  if (exponent == 0) {
    if (mantissa == 0) return std::bit_cast<float>(sign);
    exponent = 1;
    while ((mantissa & 0x400U) == 0) {  // subnormal: normalise
      mantissa <<= 1;
      --exponent;
    }
    mantissa &= 0x3ffU;
  }
  return std::bit_cast<float>(sign | ((exponent + 112U) << 23) | (mantissa << 13));
}

template <class T>
void convert(std::span<const std::byte> from, std::span<float> to) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<float>(element<T>(from, i));
}

bool matches_star(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, mark = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

const char* to_string(ElementType type) {
  switch (type) {
    case ElementType::kF16:
      return "float16";
    case ElementType::kBf16:
      return "bfloat16";
    case ElementType::kF32:
      return "float32";
    case ElementType::kF64:
      return "float64";
    case ElementType::kU8:
      return "uint8";
    case ElementType::kI8:
      return "int8";
    case ElementType::kI16:
      return "int16";
    case ElementType::kI32:
      return "int32";
    case ElementType::kI64:
      return "int64";
    case ElementType::kOther:
      break;
  }
  return "other";
}

std::size_t size_of(ElementType type) {
  switch (type) {
    case ElementType::kU8:
    case ElementType::kI8:
      return 1;
    case ElementType::kF16:
    case ElementType::kBf16:
    case ElementType::kI16:
      return 2;
    case ElementType::kF32:
    case ElementType::kI32:
      return 4;
    case ElementType::kF64:
    case ElementType::kI64:
      return 8;
    case ElementType::kOther:
      break;
  }
  return 0;
}

bool is_floating(ElementType type) {
  return type == ElementType::kF16 || type == ElementType::kBf16 || type == ElementType::kF32 ||
         type == ElementType::kF64;
}

void to_f32(ElementType type, std::span<const std::byte> from, std::span<float> to) {
  static_assert(std::endian::native == std::endian::little);
  check(from.size() == to.size() * size_of(type) && type != ElementType::kOther,
        "elements of another size");
  switch (type) {
    case ElementType::kF32:
      if (!to.empty()) std::memcpy(to.data(), from.data(), from.size());
      return;
    case ElementType::kF16:
      for (std::size_t i = 0; i < to.size(); ++i)
        to[i] = half_to_float(element<std::uint16_t>(from, i));
      return;
    case ElementType::kBf16:
      for (std::size_t i = 0; i < to.size(); ++i) {
        to[i] =
            std::bit_cast<float>(static_cast<std::uint32_t>(element<std::uint16_t>(from, i)) << 16);
      }
      return;
    case ElementType::kF64:
      return convert<double>(from, to);
    case ElementType::kU8:
      return convert<std::uint8_t>(from, to);
    case ElementType::kI8:
      return convert<std::int8_t>(from, to);
    case ElementType::kI16:
      return convert<std::int16_t>(from, to);
    case ElementType::kI32:
      return convert<std::int32_t>(from, to);
    case ElementType::kI64:
      return convert<std::int64_t>(from, to);
    case ElementType::kOther:
      return;
  }
}

bool matches_pattern(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return false;
  if (pattern.find('*') != std::string_view::npos) return matches_star(pattern, name);
  if (!name.starts_with(pattern)) return false;
  if (name.size() == pattern.size()) return true;
  const char next = name[pattern.size()];
  return next == '/' || next == '.' || next == ' ';
}

}  // namespace cutaway::weights
