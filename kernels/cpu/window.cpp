#include <algorithm>

#include "kernels/cpu/for_each.h"
#include "kernels/window.inl"

namespace cutaway::kernels {
namespace {

/// Columns [first, last) of a window.
struct Columns {
  std::int64_t first, last;
};

/// The columns of a window of `width` that begins at `column` which lie in [from, from + extent).
Columns overlap(std::int64_t column, std::int64_t width, std::int64_t from, std::int64_t extent) {
  const std::int64_t first = std::clamp<std::int64_t>(from - column, 0, width);
  return {first, std::clamp<std::int64_t>(from + extent - column, first, width)};
}

/// A row of a window at a time, in pieces that each come from one place: a regional pass moves
/// about as many bytes through here as through its pooling layers.
class CutRows {
 public:
  explicit CutRows(const CutWindow& k) : k_(k), lanes_(k.y.lanes()) {}

  void run(std::int64_t n, std::int64_t cb, std::int64_t h) const {
    const WindowOrigin& o = k_.origin[n];
    const std::int64_t width = k_.y.shape.w, row = h + o.y_row, held = row - o.x_row;
    const Site at{n, cb, h, 0, 0};
    float* out = k_.y.data + at.in(k_.y);
    const bool inside = row >= 0 && row < k_.plane_h;
    const bool in_x = inside && held >= 0 && held < k_.x.shape.h;
    const Columns plane = inside ? overlap(o.y_column, width, 0, k_.plane_w) : Columns{0, 0};
    Columns x = in_x ? overlap(o.y_column, width, o.x_column, k_.x.shape.w)
                     : Columns{plane.last, plane.last};
    x = {std::clamp(x.first, plane.first, plane.last), std::clamp(x.last, plane.first, plane.last)};
    fill(out, cb, {0, plane.first});
    const float* base = k_.base.data == nullptr || !inside
                            ? nullptr
                            : k_.base.data + cb * k_.base.stride_b + row * k_.base.stride_h +
                                  o.y_column * k_.base.stride_w;
    copy(out, cb, base, k_.base.stride_w, {plane.first, x.first});
    if (x.first < x.last) {
      copy(out, cb, k_.x.data + at.in(k_.x, held, o.y_column - o.x_column), k_.x.stride_w, x);
    }
    copy(out, cb, base, k_.base.stride_w, {x.last, plane.last});
    fill(out, cb, {plane.last, width});
  }

 private:
  /// `in`: where the window's first column would stand; null: `outside`.
  void copy(float* out, std::int64_t cb, const float* in, std::int64_t stride, Columns c) const {
    if (c.first >= c.last) return;
    if (in == nullptr) return fill(out, cb, c);
    if (stride == lanes_ && k_.y.stride_w == lanes_) {
      std::copy(in + c.first * lanes_, in + c.last * lanes_, out + c.first * lanes_);
      return;
    }
    for (std::int64_t w = c.first; w < c.last; ++w) {
      std::copy_n(in + w * stride, lanes_, out + w * k_.y.stride_w);
    }
  }

  /// A padding lane must stay 0 whatever lies outside: minus infinity times a weight of 0 is NaN.
  void fill(float* out, std::int64_t cb, Columns c) const {
    const std::int64_t channels =
        std::clamp<std::int64_t>(k_.y.shape.c - cb * k_.y.block, 0, lanes_);
    for (std::int64_t w = c.first; w < c.last; ++w) {
      float* pixel = out + w * k_.y.stride_w;
      std::fill_n(pixel, channels, k_.outside);
      std::fill_n(pixel + channels, lanes_ - channels, 0.0f);
    }
  }

  const CutWindow& k_;
  std::int64_t lanes_;
};

}  // namespace

void run(LevelStream& stream, const CutWindow& k) {
  const SiteSpace space = SiteSpace::of(k.y);
  if (space.count() == 0) return;
#pragma omp parallel num_threads(stream.threads()) if (space.count() >= kSerialBelow)
  {
    const CutRows rows(k);
    const Share mine = share_of(space.rows(), omp_get_thread_num(), omp_get_num_threads());
    for (std::int64_t row = mine.first; row < mine.last; ++row) {
      const std::int64_t plane = row / space.h;
      rows.run(plane / space.blocks, plane % space.blocks, row % space.h);
    }
  }
}

}  // namespace cutaway::kernels
