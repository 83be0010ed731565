#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX__)
#include <immintrin.h>
#endif

#include "runtime/macros.h"

/// The widest float vector this file is compiled for, as a GCC vector type. Multiply-adds that may
/// fuse are written fmadd(): the project is compiled with -ffp-contract=off.
namespace cutaway::kernels {

#if defined(__AVX512F__)
inline constexpr int kVecWidth = 16;
inline constexpr int kVecRegisters = 32;
#elif defined(__AVX__)
inline constexpr int kVecWidth = 8;
inline constexpr int kVecRegisters = 16;
#else
inline constexpr int kVecWidth = 4;
inline constexpr int kVecRegisters = 16;
#endif

typedef float Vec __attribute__((vector_size(4 * kVecWidth)));

/// Vectors in one block of 16 channels.
inline constexpr int kVecsPerBlock = 16 / kVecWidth;

CUTAWAY_INLINE Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
CUTAWAY_INLINE void store(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }
CUTAWAY_INLINE Vec broadcast(float x) {
#if defined(__AVX512F__)
  return _mm512_set1_ps(x);
#elif defined(__AVX__)
  return _mm256_set1_ps(x);
#else
  return x - Vec{};  // x - 0 is x, -0 included; x + 0 would cost an addition
#endif
}

/// a b + c, rounded once where the processor can.
CUTAWAY_INLINE Vec fmadd(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}
CUTAWAY_INLINE Vec fmadd(float a, Vec b, Vec c) { return fmadd(broadcast(a), b, c); }

/// v, loaded once: g++ would otherwise read it from memory again at each of its uses.
CUTAWAY_INLINE Vec in_register(Vec v) {
#if defined(__AVX512F__)
  asm("" : "+v"(v));
#elif defined(__x86_64__)
  asm("" : "+x"(v));
#endif
  return v;
}

/// max(v, 0); NaN stays NaN.
CUTAWAY_INLINE Vec clamp_at_zero(Vec v) { return v < 0.0f ? Vec{} : v; }

}  // namespace cutaway::kernels
