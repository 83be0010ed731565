#include <cstring>

#if defined(__F16C__)
#include <immintrin.h>
#endif

#include "kernels/cpu/level.h"
#include "kernels/pattern_graph.h"
#include "kernels/pattern_math.h"

namespace cutaway::kernels {
namespace {

std::uint16_t to_half(float value) {
  if (value != value) return 0;
  std::uint16_t sign = 0;
  if (value < 0) {
    sign = 0x8000u;
    value = -value;
  }
  if (value >= 65504.0f) return static_cast<std::uint16_t>(sign | 0x7bffu);
  if (value < 0x1p-14f) {
    // Adding 0.5 leaves the multiple of 2^-24 in the low bits, rounded to even.
    const float moved = value + 0.5f;
    std::uint32_t bits;
    std::memcpy(&bits, &moved, sizeof bits);
    return static_cast<std::uint16_t>(sign | (bits - 0x3f000000u));
  }
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits += 0xfffu + ((bits >> 13u) & 1u);
  const std::uint32_t half = (bits - (112u << 23u)) >> 13u;
  return static_cast<std::uint16_t>(sign | (half > 0x7bffu ? 0x7bffu : half));
}

}  // namespace

void halves_to_floats(ThisLevel, const std::uint16_t* from, float* to, std::int64_t n) {
  std::int64_t i = 0;
#if defined(__F16C__)
  for (; i + 8 <= n; i += 8) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(halves));
  }
#endif
  for (; i < n; ++i) to[i] = half_lane(from[i]);
}

void floats_to_halves(ThisLevel, const float* from, std::uint16_t* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = to_half(from[i]);
}

}  // namespace cutaway::kernels
