#include "weights/import/row_bands.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "runtime/error.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace cutaway::weights {
namespace {

// Floats in a cache line.
constexpr std::int64_t kTile = 16;
// Columns that are together in a band. A line of the source becomes a column: as many as a
// processor's cache holds are transposed at a time.
constexpr std::int64_t kBlock = 64;
// Rows of a band: a read then gets 4 KiB of a matrix. With half of it a call takes longer than its
// copy, with twice as many the pages of the band take longer.
constexpr std::int64_t kMostRows = 1024;
// Floats of a band, if that is kTile rows or more.
constexpr std::int64_t kBand = std::int64_t{1} << 25;
// Floats handed over at a time, if that is a row: they stay in a processor's cache.
constexpr std::int64_t kPiece = std::int64_t{1} << 18;

using Vector [[gnu::vector_size(64)]] = float;
using Square = std::array<Vector, kTile>;

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

// To an address of whole cache lines. Around the caches where that can be said: a band is larger
// than they are, and its lines need not be fetched to be overwritten.
void store(float* to, const Vector& v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(to, __m512(v));
#else
  std::memcpy(to, &v, sizeof v);
#endif
}

// kTile elements of kTile lines, `distance` apart, become kTile rows, kBlock apart.
void transpose(const float* lines, std::int64_t distance, float* to) {
  Square v;
  for (std::int64_t l = 0; l < kTile; ++l)
    std::memcpy(&v[static_cast<std::size_t>(l)], lines + l * distance, sizeof(Vector));
  constexpr auto all = std::make_integer_sequence<int, kTile>{};
  exchange<8>(v, all);
  exchange<4>(v, all);
  exchange<2>(v, all);
  exchange<1>(v, all);
  for (std::int64_t r = 0; r < kTile; ++r) store(to + r * kBlock, v[static_cast<std::size_t>(r)]);
}

// Such stores are not ordered with others: before another thread is told of the band.
void finish_stores() {
#if defined(__AVX512F__)
  _mm_sfence();
#endif
}

std::int64_t rounded_up(std::int64_t rows) { return (rows + kTile - 1) / kTile * kTile; }

}  // namespace

std::optional<RowBands> RowBands::of(const Transform& t, const Extents& extents) {
  const bool matrix = t.axes == std::vector<std::size_t>{1, 0};
  const bool kernels = t.axes == std::vector<std::size_t>{3, 2, 0, 1} && t.hwc[0] == 0;
  // Turning a matrix by 180 degrees moves its rows.
  if ((!matrix || t.flip) && !kernels) return std::nullopt;
  const std::int64_t count = count_of(extents);
  if (count == 0) return std::nullopt;
  RowBands b;
  b.transform_ = t;
  b.result_ = matrix ? Extents{extents[1], extents[0]}
                     : Extents{extents[3], extents[2], extents[0], extents[1]};
  b.rows_ = b.result_[0];
  b.columns_ = count / b.rows_;
  b.plane_ = matrix ? t.hwc[0] * t.hwc[1] : extents[0] * extents[1];
  b.channels_ = matrix ? t.hwc[2] : extents[2];
  check(!matrix || t.hwc[0] == 0 || b.plane_ * b.channels_ == b.columns_,
        "a feature order of another size");
  b.step_ = std::clamp(kBand / b.columns_ / kTile * kTile, kTile,
                       std::min(kMostRows, rounded_up(b.rows_)));
  // Not a power of two of cache lines, which would share a few sets.
  b.distance_ = (b.step_ + kTile) * kBlock;
  return b;
}

std::size_t RowBands::count() const {
  return static_cast<std::size_t>((rows_ + step_ - 1) / step_);
}

std::size_t RowBands::floats() const {
  return static_cast<std::size_t>((columns_ + kBlock - 1) / kBlock * distance_);
}

std::int64_t RowBands::rows_of(std::size_t band) const {
  return std::min(step_, rows_ - static_cast<std::int64_t>(band) * step_);
}

std::int64_t RowBands::source_line(std::int64_t column) const {
  return plane_ == 0 ? column : column % plane_ * channels_ + column / plane_;
}

void RowBands::fill(std::size_t band, const Read& read, std::span<float> to) const {
  const std::int64_t first = static_cast<std::int64_t>(band) * step_;
  const std::int64_t count = rows_of(band);
  const std::int64_t apart = step_ + kTile;
  std::vector<float> lines(static_cast<std::size_t>(kBlock * apart));
  for (std::int64_t block = 0; block * kBlock < columns_; ++block) {
    const std::int64_t width = std::min(kBlock, columns_ - block * kBlock);
    for (std::int64_t l = 0; l < width; ++l) {
      read(source_line(block * kBlock + l) * rows_ + first,
           {lines.data() + l * apart, static_cast<std::size_t>(count)});
    }
    // The last squares may reach beyond both, into room that is there for them.
    float* corner = to.data() + block * distance_;
    for (std::int64_t row = 0; row < count; row += kTile) {
      for (std::int64_t l = 0; l < width; l += kTile)
        transpose(lines.data() + l * apart + row, apart, corner + row * kBlock + l);
    }
  }
  finish_stores();
}

void RowBands::put(std::size_t band, std::span<const float> from, const Put& put) const {
  const std::int64_t count = rows_of(band);
  const std::int64_t most = std::clamp(kPiece / columns_, std::int64_t{1}, count);
  std::vector<float> piece(static_cast<std::size_t>(most * columns_));
  Extents extents = result_;
  for (std::int64_t row = 0; row < count; row += most) {
    extents[0] = std::min(most, count - row);
    for (std::int64_t block = 0; block * kBlock < columns_; ++block) {
      const float* corner = from.data() + block * distance_ + row * kBlock;
      float* to = piece.data() + block * kBlock;
      const std::int64_t width = std::min(kBlock, columns_ - block * kBlock);
      for (std::int64_t r = 0; r < extents[0]; ++r)
        std::copy_n(corner + r * kBlock, width, to + r * columns_);
    }
    const auto rows = std::span(piece).first(static_cast<std::size_t>(extents[0] * columns_));
    apply_within_rows(transform_, extents, rows);
    put(rows);
  }
}

}  // namespace cutaway::weights
