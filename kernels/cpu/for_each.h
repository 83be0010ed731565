#pragma once

#include <omp.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "kernels/cpu/level.h"
#include "kernels/site.h"

// The CPU half of the index-space scheme. No .cu file includes this: nvcc's host pass rejects the
// pragmas.

/// The stream of the functions in the .inl files, which both devices compile.
#define CUTAWAY_STREAM LevelStream

/// Stands before the loop over the V lanes of a site: lane l reads and writes lane l only (so
/// in-place is fine), and the loop is to become vector code, not to be unrolled before the
/// vectoriser sees it.
#define CUTAWAY_LANES _Pragma("omp simd")

namespace cutaway::kernels {

/// One T for each lane of a site: the registers of an op.
template <class T, int V>
using Lanes = T[static_cast<unsigned>(V)];

/// Sets every lane to zero. The compiler must not see that it is zero: it would write it in 16-byte
/// pieces, and a 32-byte load right after them waits until they have left the store buffer
/// (measured: 4 times slower average pooling).
template <int V, class T>
void clear(T (&lanes)[static_cast<unsigned>(V)]) {
  T zero = 0;
  __asm__("" : "+g"(zero));
  CUTAWAY_LANES
  for (int l = 0; l < V; ++l) lanes[l] = zero;
}

/// lanes[l] = bytes[l]. Written out for AVX2, where g++ 12 widens in 16-byte pieces (see clear).
template <int V>
void widen(const std::uint8_t* bytes, std::int32_t (&lanes)[static_cast<unsigned>(V)]) {
#if defined(__AVX2__)
  if constexpr (V % 8 == 0) {
    for (int l = 0; l < V; l += 8) {
      const __m128i narrow = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes + l));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes + l), _mm256_cvtepu8_epi32(narrow));
    }
    return;
  }
#endif
  for (int l = 0; l < V; ++l) lanes[l] = bytes[l];
}

/// Below this much work (elements times cost) a parallel region costs more than it saves (about 2
/// microseconds).
inline constexpr std::int64_t kSerialBelow = 8192;

/// The half-open part of [0, count) that one of `team` threads takes.
struct Share {
  std::int64_t first, last;
};
inline Share share_of(std::int64_t count, std::int64_t member, std::int64_t team) {
  return {count * member / team, count * (member + 1) / team};
}

template <int V, class Op>
void for_each_site_of(LevelStream& stream, const SiteSpace& space, const Op& op, bool parallel) {
  // Pixels, not rows, are shared out: a vector of features, or a flattened tensor, is a single row.
#pragma omp parallel num_threads(stream.threads()) if (parallel)
  {
    const Op own = op;  // a local copy: stores through its pointers cannot change its numbers
    const SiteSpace in = space;
    const Share mine = share_of(in.rows() * in.w, omp_get_thread_num(), omp_get_num_threads());
    std::int64_t row = mine.first / in.w;
    std::int64_t w = mine.first % in.w;
    for (std::int64_t left = mine.last - mine.first; left > 0; ++row, w = 0) {
      const std::int64_t end = left < in.w - w ? w + left : in.w;
      left -= end - w;
      const std::int64_t plane = row / in.h;
      Site site{plane / in.blocks, plane % in.blocks, row % in.h, 0, 0};
      for (site.w = w; site.w < end; ++site.w) {
        for (site.lane = 0; site.lane < in.lanes; site.lane += V) own.template at<V>(site);
      }
    }
  }
}

/// Calls op.at<V>(site) for every lane group; `cost` is the work of one element, in elementwise
/// operations, and decides only whether threads are worth starting.
template <class Op>
void for_each_site(LevelStream& stream,
                   const SiteSpace& space,
                   const Op& op,
                   std::int64_t cost = 1) {
  if (space.count() == 0) return;
  const bool parallel = space.count() * cost >= kSerialBelow;
  if (space.lanes % 16 == 0) {
    for_each_site_of<16>(stream, space, op, parallel);
  } else if (space.lanes % 8 == 0) {
    for_each_site_of<8>(stream, space, op, parallel);
  } else {
    for_each_site_of<1>(stream, space, op, parallel);
  }
}

/// Calls op(i) for i in [0, count); `cost` as above.
template <class Op>
void for_each_index(LevelStream& stream, std::int64_t count, const Op& op, std::int64_t cost = 1) {
#pragma omp parallel num_threads(stream.threads()) if (count * cost >= kSerialBelow)
  {
    const Op own = op;
    const Share mine = share_of(count, omp_get_thread_num(), omp_get_num_threads());
    for (std::int64_t i = mine.first; i < mine.last; ++i) own(i);
  }
}

}  // namespace cutaway::kernels
