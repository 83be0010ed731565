#define CUTAWAY_STREAM CudaStream
#include "kernels/cuda/for_each.cuh"
#include "kernels/window.inl"

namespace cutaway::kernels {
namespace {

struct CutWindowAt {
  CutWindow k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const WindowOrigin& o = k.origin[s.n];
    const std::int64_t row = s.h + o.y_row;
    const std::int64_t column = s.w + o.y_column;
    float* out = k.y.data + s.in(k.y);
    const float* in = nullptr;
    if (row >= 0 && row < k.plane_h && column >= 0 && column < k.plane_w) {
      const std::int64_t h = row - o.x_row;
      const std::int64_t w = column - o.x_column;
      if (h >= 0 && h < k.x.shape.h && w >= 0 && w < k.x.shape.w) {
        in = k.x.data + s.in(k.x, h, w);
      } else if (k.base.data != nullptr) {
        in = k.base.data + s.in(k.base, row, column) - s.n * k.base.stride_n;
      }
    }
    if (in != nullptr) {
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) out[l] = in[l];
      return;
    }
    // A padding lane must stay 0 whatever lies outside: minus infinity times a weight of 0 is NaN.
    const std::int64_t channels = k.y.shape.c - s.channel(k.y.block);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = l < channels ? k.outside : 0.0f;
  }
};

}  // namespace

void run(CudaStream& stream, const CutWindow& k) {
  for_each_site(stream, SiteSpace::of(k.y), CutWindowAt{k});
}

}  // namespace cutaway::kernels
