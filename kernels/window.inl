// Included by cpu/window.cpp and cuda/window.cu, after their for_each. Each cuts in its own way.
#include "kernels/site.h"
#include "kernels/window.h"

namespace cutaway::kernels {
namespace {

struct CutWindowBackwardAt {
  CutWindowBackward k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const WindowOrigin& o = k.origin[s.n];
    const std::int64_t h = s.h + o.x_row - o.y_row;
    const std::int64_t w = s.w + o.x_column - o.y_column;
    float* out = k.dx.data + s.in(k.dx);
    const bool read = h >= 0 && h < k.dy.shape.h && w >= 0 && w < k.dy.shape.w;
    const float* in = read ? k.dy.data + s.in(k.dy, h, w) : nullptr;
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = read ? in[l] : 0.0f;
  }
};

}  // namespace

void run(CUTAWAY_STREAM& stream, const CutWindowBackward& k) {
  for_each_site(stream, SiteSpace::of(k.dx), CutWindowBackwardAt{k});
}

}  // namespace cutaway::kernels
