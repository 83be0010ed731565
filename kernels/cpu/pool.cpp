#include <vector>

#include "kernels/cpu/for_each.h"
#include "kernels/pool.inl"

namespace cutaway::kernels {
namespace {

// Greater, or the first NaN.
float larger(float best, float next) { return !(next <= best) & (best == best) ? next : best; }

/// Max pooling without switches, one row of windows at a time: the maxima of the columns first,
/// which overlapping windows share, in one long loop, then those of the windows: 4 comparisons
/// instead of 8 for a 3 x 3 window at stride 1.
template <int V>
class MaxRows {
 public:
  explicit MaxRows(const MaxPool& k) : k_(k), columns_(static_cast<std::size_t>(k.x.shape.w) * V) {}

  void run(std::int64_t n, std::int64_t cb, std::int64_t h) {
    const PoolGeometry& g = k_.g;
    const Range rows = window_of(h, g.kernel_h, g.stride_h, g.pad_h, k_.x.shape.h);
    const Site at{n, cb, h, 0, 0};
    float* columns = columns_.data();
    const auto count = static_cast<std::int64_t>(columns_.size());
    const float* in = k_.x.data + at.in(k_.x, rows.first, 0);
    for (std::int64_t i = 0; i < count; ++i) columns[i] = in[i];
    for (std::int32_t r = rows.first + 1; r < rows.last; ++r) {
      in += k_.x.stride_h;
#pragma omp simd
      for (std::int64_t i = 0; i < count; ++i) columns[i] = larger(columns[i], in[i]);
    }
    float* out = k_.y.data + at.in(k_.y);
    for (std::int64_t w = 0; w < k_.y.shape.w; ++w, out += k_.y.stride_w) {
      const Range window = window_of(w, g.kernel_w, g.stride_w, g.pad_w, k_.x.shape.w);
      const float* from = columns + std::int64_t{window.first} * V;
      Lanes<float, V> best;
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) best[l] = from[l];
      for (std::int32_t c = window.first + 1; c < window.last; ++c) {
        from += V;
        CUTAWAY_LANES
        for (int l = 0; l < V; ++l) best[l] = larger(best[l], from[l]);
      }
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) out[l] = best[l];
    }
  }

 private:
  const MaxPool& k_;
  std::vector<float> columns_;
};

template <int V>
void max_rows(LevelStream& s, const MaxPool& k, const SiteSpace& space) {
  const bool parallel = space.count() * area_of(k.g) >= kSerialBelow;
#pragma omp parallel num_threads(s.threads()) if (parallel)
  {
    MaxRows<V> rows(k);
    const Share mine = share_of(space.rows(), omp_get_thread_num(), omp_get_num_threads());
    for (std::int64_t row = mine.first; row < mine.last; ++row) {
      const std::int64_t plane = row / space.h;
      rows.run(plane / space.blocks, plane % space.blocks, row % space.h);
    }
  }
}

void max_values(LevelStream& s, const MaxPool& k) {
  const SiteSpace space = SiteSpace::of(k.y);
  if (space.count() == 0) return;
  if (space.lanes == 16 && k.x.stride_w == 16) return max_rows<16>(s, k, space);
  if (space.lanes == 8 && k.x.stride_w == 8) return max_rows<8>(s, k, space);
  for_each_site(s, space, MaxPoolAt<false>{k}, area_of(k.g));
}

}  // namespace
}  // namespace cutaway::kernels
