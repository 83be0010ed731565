// Included by .inl files of elementwise kernels, after a device's for_each.
#pragma once

#include "kernels/site.h"

namespace cutaway::kernels {
namespace {

/// y = f(x0, x1), element by element, wherever the element stands.
template <class F>
struct MapAt {
  View<const float> x0, x1;
  View<float> y;
  F f;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const float* p0 = x0.data + s.in(x0);
    const float* p1 = x1.data + s.in(x1);
    float* out = y.data + s.in(y);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = f(p0[l], p1[l]);
  }
};

/// How far the elements a kernel visits follow each other without a gap in all of `views`: the
/// extents that remain, and the length of the runs. A dense plain tensor is then one run, which the
/// V-lane code takes 16 at a time, instead of pixels of one lane.
struct Runs {
  SiteSpace outer;
  std::int64_t length;
};

Runs runs_of(const SiteSpace& space, const View<const float>* const* views, int count) {
  Runs r{space, space.lanes};
  const auto follows = [&](std::int64_t View<const float>::*stride) {
    for (int i = 0; i < count; ++i) {
      if (views[i]->*stride != r.length) return false;
    }
    return true;
  };
  const auto swallow = [&](std::int64_t& extent, std::int64_t View<const float>::*stride) {
    if (extent != 1 && !follows(stride)) return false;
    r.length *= extent;
    extent = 1;
    return true;
  };
  // Innermost first; an extent that stays ends the run.
  static_cast<void>(swallow(r.outer.w, &View<const float>::stride_w) &&
                    swallow(r.outer.h, &View<const float>::stride_h) &&
                    swallow(r.outer.blocks, &View<const float>::stride_b) &&
                    swallow(r.outer.n, &View<const float>::stride_n));
  return r;
}

/// The view of one part of every run: `first` elements in, pixels of `lanes` elements.
template <class T>
View<T> part_of(View<T> v, std::int64_t first, std::int64_t lanes) {
  v.data += first;
  v.stride_w = lanes;
  return v;
}

template <class F>
void map(CUTAWAY_STREAM& stream,
         const View<const float>& x0,
         const View<const float>& x1,
         const View<float>& y,
         F f,
         std::int64_t cost = 1) {
  const View<const float> seen = y;
  const View<const float>* views[] = {&x0, &x1, &seen};
  const SiteSpace space = SiteSpace::of(y);
  const Runs runs = runs_of(space, views, 3);
  const std::int64_t whole = runs.length / 16 * 16;
  if (runs.outer.w != 1 || whole == 0) {
    for_each_site(stream, space, MapAt<F>{x0, x1, y, f}, cost);
    return;
  }
  SiteSpace part = runs.outer;
  part.lanes = 16;
  part.w = whole / 16;
  for_each_site(stream, part,
                MapAt<F>{part_of(x0, 0, 16), part_of(x1, 0, 16), part_of(y, 0, 16), f}, cost);
  part.lanes = 1;
  part.w = runs.length - whole;
  for_each_site(stream, part,
                MapAt<F>{part_of(x0, whole, 1), part_of(x1, whole, 1), part_of(y, whole, 1), f},
                cost);
}

}  // namespace
}  // namespace cutaway::kernels
