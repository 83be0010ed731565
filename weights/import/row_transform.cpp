#include "weights/import/row_transform.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "runtime/error.h"

namespace cutaway::weights {
namespace {

// Floats of the source in memory at a time, 128 MiB: a read then gets 5 KiB of the widest matrix
// (25088 x 4096 of VGG-16). With a quarter of it VGG-16 took 0.2 s more for calls, with more no
// less.
constexpr std::int64_t kBand = std::int64_t{1} << 25;
// Floats of the result handed over at a time, if that is kTile rows: they stay in a processor's
// cache. Four times as many took 0.1 s more.
constexpr std::int64_t kPiece = std::int64_t{1} << 18;
// Floats in a cache line.
constexpr std::int64_t kTile = 16;

struct Lines {
  const float* data{};
  std::int64_t distance{0};  // from one to the next
};

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

// 16 x 16: row r of the result, `width` apart, is element r of every line.
void transpose_tile(const Lines& from, std::int64_t width, float* to) {
  Square v;
  for (std::int64_t l = 0; l < kTile; ++l)
    std::memcpy(&v[static_cast<std::size_t>(l)], from.data + l * from.distance, sizeof(Vector));
  constexpr auto all = std::make_integer_sequence<int, kTile>{};
  exchange<8>(v, all);
  exchange<4>(v, all);
  exchange<2>(v, all);
  exchange<1>(v, all);
  for (std::int64_t r = 0; r < kTile; ++r)
    std::memcpy(to + r * width, &v[static_cast<std::size_t>(r)], sizeof(Vector));
}

// The first `rows` elements of `columns` lines become rows.
void transpose(const Lines& from, std::int64_t columns, std::int64_t rows, float* to) {
  for (std::int64_t column = 0; column < columns; column += kTile) {
    const std::int64_t width = std::min(kTile, columns - column);
    for (std::int64_t row = 0; row < rows; row += kTile) {
      const Lines tile{from.data + column * from.distance + row, from.distance};
      float* corner = to + row * columns + column;
      if (width == kTile && rows - row >= kTile) {
        transpose_tile(tile, columns, corner);
        continue;
      }
      for (std::int64_t r = 0; r < std::min(kTile, rows - row); ++r) {
        for (std::int64_t l = 0; l < width; ++l)
          corner[r * columns + l] = tile.data[l * tile.distance + r];
      }
    }
  }
}

/// Rows of a source that count positions first, channels second, and columns of the result, which
/// has them the other way round: kernels H x W x I -> I x H x W, features H, W, C -> C, H, W.
struct Planes {
  std::int64_t plane{0}, channels{0};  // zeros: alike
  [[nodiscard]] std::int64_t source_of(std::int64_t column) const {
    return plane == 0 ? column : column % plane * channels + column / plane;
  }
};

std::int64_t rounded(std::int64_t rows) { return rows / kTile * kTile; }

}  // namespace

bool RowTransform::apply(const Transform& t,
                         const Extents& extents,
                         const std::function<void(std::int64_t first, std::span<float> to)>& read,
                         const std::function<void(std::span<const float>)>& put) {
  const bool matrix = t.axes == std::vector<std::size_t>{1, 0};
  const bool kernels = t.axes == std::vector<std::size_t>{3, 2, 0, 1} && t.hwc[0] == 0;
  // Turning a matrix by 180 degrees moves its rows.
  if ((!matrix || t.flip) && !kernels) return false;
  if (count_of(extents) == 0) return true;
  Extents result = matrix ? Extents{extents[1], extents[0]}
                          : Extents{extents[3], extents[2], extents[0], extents[1]};
  const std::int64_t rows = result[0];
  const std::int64_t columns = count_of(extents) / rows;
  const Planes order =
      matrix ? Planes{t.hwc[0] * t.hwc[1], t.hwc[2]} : Planes{extents[0] * extents[1], extents[2]};
  check(!matrix || t.hwc[0] == 0 || order.plane * order.channels == columns,
        "a feature order of another size");
  // Not a power of two of cache lines from one to the next, which would share a few sets.
  const std::int64_t step =
      std::min(rounded(rows - 1) + kTile, std::max(kTile, rounded(kBand / columns) - kTile));
  const std::int64_t distance = step + kTile;
  const std::int64_t most = std::min(step, std::max(kTile, rounded(kPiece / columns)));
  const auto floats = static_cast<std::size_t>(std::max(kBand, columns * distance));
  if (floats > size_) {
    band_ = std::make_unique_for_overwrite<float[]>(floats);
    size_ = floats;
  }
  float* band = band_.get();
  piece_.resize(std::max(piece_.size(), static_cast<std::size_t>(most * columns)));
  for (std::int64_t first = 0; first < rows; first += step) {
    const std::int64_t count = std::min(step, rows - first);
    for (std::int64_t column = 0; column < columns; ++column) {
      read(order.source_of(column) * rows + first,
           {band + column * distance, static_cast<std::size_t>(count)});
    }
    for (std::int64_t row = 0; row < count; row += most) {
      result[0] = std::min(most, count - row);
      const auto part = std::span(piece_).first(static_cast<std::size_t>(result[0] * columns));
      transpose({band + row, distance}, columns, result[0], part.data());
      apply_within_rows(t, result, part);
      put(part);
    }
  }
  return true;
}

}  // namespace cutaway::weights
