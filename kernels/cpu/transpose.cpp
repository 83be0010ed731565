#include "kernels/transpose.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "kernels/cpu/level.h"

namespace cutaway::kernels {
namespace {

using Vector [[gnu::vector_size(64)]] = float;
using Square = std::array<Vector, kTransposeSide>;

// Exchanges the halves of every 2D x 2D square that lie off its diagonal.
template <int D, int... J>
void exchange(Square& v, std::integer_sequence<int, J...>) {
  for (std::size_t i = 0; i < v.size(); ++i) {
    if ((i & D) != 0) continue;
    const Vector a = v[i], b = v[i + D];
    v[i] = __builtin_shufflevector(a, b, ((J & D) != 0 ? 16 + J - D : J)...);
    v[i + D] = __builtin_shufflevector(a, b, ((J & D) != 0 ? 16 + J : J + D)...);
  }
}

// Around the caches where that can be said: the result is larger than they are, and its lines need
// not be fetched to be overwritten.
void store(float* to, const Vector& v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(to, __m512(v));
#else
  std::memcpy(to, &v, sizeof v);
#endif
}

void transpose(const float* from, std::int64_t from_line, float* to, std::int64_t to_row) {
  Square v;
  for (std::int64_t l = 0; l < kTransposeSide; ++l)
    std::memcpy(&v[static_cast<std::size_t>(l)], from + l * from_line, sizeof(Vector));
  constexpr auto all = std::make_integer_sequence<int, static_cast<int>(kTransposeSide)>{};
  exchange<8>(v, all);
  exchange<4>(v, all);
  exchange<2>(v, all);
  exchange<1>(v, all);
  for (std::int64_t r = 0; r < kTransposeSide; ++r)
    store(to + r * to_row, v[static_cast<std::size_t>(r)]);
}

}  // namespace

void transpose_squares(ThisLevel,
                       const float* from,
                       std::int64_t from_line,
                       std::int64_t lines,
                       std::int64_t rows,
                       float* to,
                       std::int64_t to_row) {
  for (std::int64_t row = 0; row < rows; row += kTransposeSide) {
    for (std::int64_t l = 0; l < lines; l += kTransposeSide)
      transpose(from + l * from_line + row, from_line, to + row * to_row + l, to_row);
  }
#if defined(__AVX512F__)
  // Stores around the caches are not ordered with others: before another thread is told.
  _mm_sfence();
#endif
}

}  // namespace cutaway::kernels
