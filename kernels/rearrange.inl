// Included by cpu/rearrange.cpp and cuda/rearrange.cu, after their for_each.
#include "kernels/elementwise.h"
#include "kernels/rearrange.h"

namespace cutaway::kernels {
namespace {

struct Place {
  std::int32_t c, h, w;
  bool there{true};
};

/// y[n,c,h,w] = x at map(c,h,w), 0 where it has no place.
template <class Map>
struct GatherAt {
  View<const float> x;
  View<float> y;
  Map map;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    float* out = y.data + s.in(y);
    const auto c = static_cast<std::int32_t>(s.channel(y.block));
    const auto real = static_cast<std::int32_t>(y.shape.c) - c;
    for (int l = 0; l < V; ++l) {
      float value = 0.0f;
      if (l < real) {
        const Place p =
            map({c + l, static_cast<std::int32_t>(s.h), static_cast<std::int32_t>(s.w)});
        if (p.there) value = x.at(s.n, p.c, p.h, p.w);
      }
      out[l] = value;
    }
  }
};

struct SliceMap {
  SliceAxis channels, rows, columns;
  CUTAWAY_HD Place operator()(const Place& p) const {
    return {channels.start + p.c * channels.step, rows.start + p.h * rows.step,
            columns.start + p.w * columns.step};
  }
};

struct UnsliceMap {
  SliceAxis channels, rows, columns;
  std::int32_t c, h, w;  // extents of the slice
  CUTAWAY_HD Place operator()(const Place& p) const {
    Place q{p.c - channels.start, p.h - rows.start, p.w - columns.start};
    q.there = q.c >= 0 && q.h >= 0 && q.w >= 0 && q.c % channels.step == 0 &&
              q.h % rows.step == 0 && q.w % columns.step == 0;
    q.c /= channels.step;
    q.h /= rows.step;
    q.w /= columns.step;
    q.there = q.there && q.c < c && q.h < h && q.w < w;
    return q;
  }
};

struct ShuffleMap {
  std::int32_t groups, size;
  CUTAWAY_HD Place operator()(const Place& p) const {
    return {p.c % groups * size + p.c / groups, p.h, p.w};
  }
};

struct DepthToSpaceMap {
  std::int32_t size, channels;
  bool column_first;
  CUTAWAY_HD Place operator()(const Place& p) const {
    const std::int32_t inside = p.h % size * size + p.w % size;
    return {column_first ? p.c * size * size + inside : inside * channels + p.c, p.h / size,
            p.w / size};
  }
};

struct SpaceToDepthMap {
  std::int32_t size, channels;
  bool column_first;
  CUTAWAY_HD Place operator()(const Place& p) const {
    const std::int32_t area = size * size;
    const std::int32_t inside = column_first ? p.c % area : p.c / channels;
    const std::int32_t c = column_first ? p.c / area : p.c % channels;
    return {c, p.h * size + inside / size, p.w * size + inside % size};
  }
};

struct TransposeMap {
  std::int32_t order[3];
  CUTAWAY_HD Place operator()(const Place& p) const {
    const std::int32_t from[3] = {p.c, p.h, p.w};
    std::int32_t to[3] = {0, 0, 0};
    for (int k = 0; k < 3; ++k) to[order[k]] = from[k];
    return {to[0], to[1], to[2]};
  }
};

struct ReshapeMap {
  std::int32_t to_h, to_w, from_h, from_w;
  CUTAWAY_HD Place operator()(const Place& p) const {
    const std::int32_t flat = (p.c * to_h + p.h) * to_w + p.w;
    const std::int32_t row = flat / from_w;
    return {row / from_h, row % from_h, flat % from_w};
  }
};

template <class Map>
void gather(CUTAWAY_STREAM& s, const View<const float>& x, const View<float>& y, Map map) {
  for_each_site(s, SiteSpace::of(y), GatherAt<Map>{x, y, map}, 4);
}

/// The slice as a view of the whole, when its channels are whole blocks of it; false: they are not.
template <class T>
bool as_view(View<T>& whole,
             const Shape& part,
             const SliceAxis& channels,
             const SliceAxis& rows,
             const SliceAxis& columns) {
  const std::int64_t unit = whole.block <= 16 ? whole.block : 8;
  const bool ends = channels.start + part.c == whole.shape.c;
  if (channels.step != 1 || channels.start % unit != 0 || !(ends || part.c % unit == 0))
    return false;
  // A channels-last tensor of up to 16 channels cannot be told from a blocked one: not to be
  // sliced.
  if (whole.block != 16 && whole.block != 1 && whole.block <= 16 && part.c != whole.shape.c)
    return false;
  whole = channel_slice(whole, channels.start, part.c);
  whole.data += rows.start * whole.stride_h + columns.start * whole.stride_w;
  whole.shape.h = part.h;
  whole.shape.w = part.w;
  whole.stride_h *= rows.step;
  whole.stride_w *= columns.step;
  return true;
}

/// Reorder takes these two as they are.
bool same_lanes(const View<const float>& a, const View<const float>& b) {
  return a.block == b.block || (a.block > 16 && b.block > 16 && a.blocks() == 1 && b.blocks() == 1);
}

}  // namespace

void run(CUTAWAY_STREAM& s, const Slice& k) {
  View<const float> part = k.x;
  if (as_view(part, k.y.shape, k.channels, k.rows, k.columns) && same_lanes(part, k.y)) {
    run(s, Reorder{part, k.y});
    return;
  }
  gather(s, k.x, k.y, SliceMap{k.channels, k.rows, k.columns});
}

void run(CUTAWAY_STREAM& s, const SliceBackward& k) {
  const Shape& part = k.dy.shape;
  gather(s, k.dy, k.dx,
         UnsliceMap{k.channels, k.rows, k.columns, static_cast<std::int32_t>(part.c),
                    static_cast<std::int32_t>(part.h), static_cast<std::int32_t>(part.w)});
}

void run(CUTAWAY_STREAM& s, const Permute& k) {
  const auto narrow = [](std::int64_t v) { return static_cast<std::int32_t>(v); };
  const Shape& from = k.x.shape;
  const Shape& to = k.y.shape;
  switch (k.permutation) {
    case Permutation::kShuffle:
      return gather(s, k.x, k.y, ShuffleMap{k.size, narrow(to.c) / k.size});
    case Permutation::kDepthToSpace:
      return gather(s, k.x, k.y, DepthToSpaceMap{k.size, narrow(to.c), k.column_first});
    case Permutation::kSpaceToDepth:
      return gather(s, k.x, k.y, SpaceToDepthMap{k.size, narrow(from.c), k.column_first});
    case Permutation::kTranspose:
      return gather(s, k.x, k.y, TransposeMap{{k.order[0], k.order[1], k.order[2]}});
    case Permutation::kReshape:
      return gather(s, k.x, k.y,
                    ReshapeMap{narrow(to.h), narrow(to.w), narrow(from.h), narrow(from.w)});
  }
}

}  // namespace cutaway::kernels
