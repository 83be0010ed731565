// Included by cpu/template_mask.cpp and cuda/template_mask.cu, after their for_each.
#include "kernels/template_mask.h"

namespace cutaway::kernels {
namespace {

CUTAWAY_HD inline float beta_by_n(float beta, const Shape& s) {
  return beta / static_cast<float>(s.h > s.w ? s.h : s.w);
}

struct TemplateMaskAt {
  TemplateMask k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const float slope = beta_by_n(k.beta, k.x.shape);
    const float* in = k.x.data + s.in(k.x);
    const std::int32_t* pick = k.pick.data + s.in(k.pick, 0, 0);
    float* out = k.y.data + s.in(k.y);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) {
      const std::int64_t row = pick[l] / k.x.shape.w;
      const std::int64_t column = pick[l] - row * k.x.shape.w;
      const float y = in[l] * template_value(s.h, s.w, row, column, slope);
      out[l] = y < 0.0f ? 0.0f : y;
    }
  }
};

struct TemplateMaskBackwardAt {
  TemplateMaskBackward k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const float slope = beta_by_n(k.beta, k.y.shape);
    const float* y = k.y.data + s.in(k.y);
    const float* dy = k.dy.data + s.in(k.dy);
    const std::int32_t* pick = k.pick.data + s.in(k.pick, 0, 0);
    float* dx = k.dx.data + s.in(k.dx);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) {
      const std::int64_t row = pick[l] / k.y.shape.w;
      const std::int64_t column = pick[l] - row * k.y.shape.w;
      const float t = template_value(s.h, s.w, row, column, slope);
      dx[l] = y[l] > 0.0f ? dy[l] * t : 0.0f;
    }
  }
};

}  // namespace

void run(CUTAWAY_STREAM& s, const TemplateMask& k) {
  for_each_site(s, SiteSpace::of(k.y), TemplateMaskAt{k}, 4);
}

void run(CUTAWAY_STREAM& s, const TemplateMaskBackward& k) {
  for_each_site(s, SiteSpace::of(k.dx), TemplateMaskBackwardAt{k}, 4);
}

}  // namespace cutaway::kernels
