#include "weights/import/row_bands.h"

#include <algorithm>
#include <vector>

#include "kernels/transpose.h"
#include "runtime/error.h"

namespace cutaway::weights {
namespace {

constexpr std::int64_t kTile = kernels::kTransposeSide;
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
    kernels::transpose_squares(lines.data(), apart, rounded_up(width), rounded_up(count),
                               to.data() + block * distance_, kBlock);
  }
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
