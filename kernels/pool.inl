// Included by cpu/pool.cpp and cuda/pool.cu, after their for_each.
#include "kernels/pool.h"

namespace cutaway::kernels {
namespace {

/// Half-open range of rows, columns or window numbers, in 32 bits: extents of one image fit, and a
/// 64-bit division would cost more than the rest of a small window.
struct Range {
  std::int32_t first, last;
};

/// Input positions under window i, clipped to the image.
CUTAWAY_HD inline Range window_of(std::int64_t i,
                                  std::int32_t kernel,
                                  std::int32_t stride,
                                  std::int32_t pad,
                                  std::int64_t extent) {
  const std::int32_t start = static_cast<std::int32_t>(i) * stride - pad;
  const std::int32_t end = start + kernel;
  const std::int32_t most = static_cast<std::int32_t>(extent);
  return {start < 0 ? 0 : start, end > most ? most : end};
}

/// Windows that cover input position p: the ceil(kernel/stride) at most.
CUTAWAY_HD inline Range windows_over(std::int64_t p,
                                     std::int32_t kernel,
                                     std::int32_t stride,
                                     std::int32_t pad,
                                     std::int64_t windows) {
  const auto at = static_cast<std::uint32_t>(p) + static_cast<std::uint32_t>(pad);
  const auto step = static_cast<std::uint32_t>(stride);
  const auto length = static_cast<std::uint32_t>(kernel);
  const auto most = static_cast<std::uint32_t>(windows);
  const std::uint32_t first = at < length ? 0 : (at - length) / step + 1;
  const std::uint32_t end = at / step + 1;
  return {static_cast<std::int32_t>(first), static_cast<std::int32_t>(end < most ? end : most)};
}

template <bool kSwitches>
struct MaxPoolAt {
  MaxPool k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const PoolGeometry& g = k.g;
    const Range rows = window_of(s.h, g.kernel_h, g.stride_h, g.pad_h, k.x.shape.h);
    const Range columns = window_of(s.w, g.kernel_w, g.stride_w, g.pad_w, k.x.shape.w);
    // Offset inside the unclipped window of input (0, 0).
    const std::int32_t origin =
        (g.pad_h - static_cast<std::int32_t>(s.h) * g.stride_h) * g.kernel_w + g.pad_w -
        static_cast<std::int32_t>(s.w) * g.stride_w;
    // Starting at the first pixel of the image, not at minus infinity, keeps the switch inside it.
    const float* start = k.x.data + s.in(k.x, rows.first, columns.first);
    Lanes<float, V> best;
    Lanes<std::int32_t, V> pick;
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) {
      best[l] = start[l];
      if constexpr (kSwitches) pick[l] = origin + rows.first * g.kernel_w + columns.first;
    }
    for (std::int32_t r = rows.first; r < rows.last; ++r) {
      const float* in = k.x.data + s.in(k.x, r, columns.first);
      std::int32_t tap = origin + r * g.kernel_w + columns.first;
      for (std::int32_t c = columns.first; c < columns.last; ++c, in += k.x.stride_w, ++tap) {
        CUTAWAY_LANES
        for (int l = 0; l < V; ++l) {
          // Greater, or the first NaN.
          const bool take = !(in[l] <= best[l]) & (best[l] == best[l]);
          best[l] = take ? in[l] : best[l];
          if constexpr (kSwitches) pick[l] = take ? tap : pick[l];
        }
      }
    }
    float* out = k.y.data + s.in(k.y);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = best[l];
    if constexpr (kSwitches) {
      std::uint8_t* where = k.pick.data + s.in(k.pick);
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) where[l] = static_cast<std::uint8_t>(pick[l]);
    }
  }
};

template <Overlap kOverlap>
struct MaxUnpoolAt {
  MaxUnpool k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const PoolGeometry& g = k.g;
    const Range rows = windows_over(s.h, g.kernel_h, g.stride_h, g.pad_h, k.dy.shape.h);
    const Range columns = windows_over(s.w, g.kernel_w, g.stride_w, g.pad_w, k.dy.shape.w);
    Lanes<float, V> sum;
    clear<V>(sum);
    for (std::int32_t i = rows.first; i < rows.last; ++i) {
      // Where this pixel stands inside window (i, columns.first).
      std::int32_t tap = (static_cast<std::int32_t>(s.h) - i * g.stride_h + g.pad_h) * g.kernel_w +
                         static_cast<std::int32_t>(s.w) - columns.first * g.stride_w + g.pad_w;
      const float* in = k.dy.data + s.in(k.dy, i, columns.first);
      const std::uint8_t* pick = k.pick.data + s.in(k.pick, i, columns.first);
      for (std::int32_t j = columns.first; j < columns.last; ++j) {
        Lanes<std::int32_t, V> where;
        widen<V>(pick, where);
        CUTAWAY_LANES
        for (int l = 0; l < V; ++l) {
          if constexpr (kOverlap == Overlap::kAdd) {
            sum[l] += where[l] == tap ? in[l] : 0.0f;
          } else {
            sum[l] = where[l] == tap ? in[l] : sum[l];
          }
        }
        in += k.dy.stride_w;
        pick += k.pick.stride_w;
        tap -= g.stride_w;
      }
    }
    float* out = k.dx.data + s.in(k.dx);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = sum[l];
  }
};

/// Length of window i that counts towards the divisor along one axis.
CUTAWAY_HD inline std::int32_t counted(std::int64_t i,
                                       std::int32_t kernel,
                                       std::int32_t stride,
                                       std::int32_t pad,
                                       std::int64_t extent,
                                       bool count_padding) {
  const Range inside = window_of(i, kernel, stride, pad, extent);
  if (!count_padding) return inside.last - inside.first;
  const std::int32_t left =
      static_cast<std::int32_t>(extent) + 2 * pad - static_cast<std::int32_t>(i) * stride;
  return left < kernel ? left : kernel;
}

struct AveragePoolAt {
  AveragePool k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const PoolGeometry& g = k.g;
    const Range rows = window_of(s.h, g.kernel_h, g.stride_h, g.pad_h, k.x.shape.h);
    const Range columns = window_of(s.w, g.kernel_w, g.stride_w, g.pad_w, k.x.shape.w);
    // Row by row, then the rows: the rounding error grows with the side of a window, not its area.
    Lanes<float, V> sum;
    clear<V>(sum);
    for (std::int32_t r = rows.first; r < rows.last; ++r) {
      const float* in = k.x.data + s.in(k.x, r, columns.first);
      Lanes<float, V> row;
      clear<V>(row);
      for (std::int32_t c = columns.first; c < columns.last; ++c, in += k.x.stride_w) {
        CUTAWAY_LANES
        for (int l = 0; l < V; ++l) row[l] += in[l];
      }
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) sum[l] += row[l];
    }
    const auto divisor = static_cast<float>(
        counted(s.h, g.kernel_h, g.stride_h, g.pad_h, k.x.shape.h, k.count_padding) *
        counted(s.w, g.kernel_w, g.stride_w, g.pad_w, k.x.shape.w, k.count_padding));
    float* out = k.y.data + s.in(k.y);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = sum[l] / divisor;
  }
};

struct AveragePoolBackwardAt {
  AveragePoolBackward k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const PoolGeometry& g = k.g;
    const Range rows = windows_over(s.h, g.kernel_h, g.stride_h, g.pad_h, k.dy.shape.h);
    const Range columns = windows_over(s.w, g.kernel_w, g.stride_w, g.pad_w, k.dy.shape.w);
    const std::int32_t area = g.kernel_h * g.kernel_w;
    const float usual = 1.0f / static_cast<float>(area);
    Lanes<float, V> sum;
    clear<V>(sum);
    for (std::int32_t i = rows.first; i < rows.last; ++i) {
      const std::int32_t height =
          counted(i, g.kernel_h, g.stride_h, g.pad_h, k.dx.shape.h, k.count_padding);
      const float* in = k.dy.data + s.in(k.dy, i, columns.first);
      for (std::int32_t j = columns.first; j < columns.last; ++j, in += k.dy.stride_w) {
        const std::int32_t width =
            counted(j, g.kernel_w, g.stride_w, g.pad_w, k.dx.shape.w, k.count_padding);
        const std::int32_t counts = height * width;
        const float weight = counts == area ? usual : 1.0f / static_cast<float>(counts);
        CUTAWAY_LANES
        for (int l = 0; l < V; ++l) sum[l] += in[l] * weight;
      }
    }
    float* out = k.dx.data + s.in(k.dx);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = sum[l];
  }
};

struct GlobalAveragePoolAt {
  GlobalAveragePool k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    Lanes<double, V> sum;
    clear<V>(sum);
    for (std::int64_t h = 0; h < k.x.shape.h; ++h) {
      const float* in = k.x.data + s.in(k.x, h, 0);
      for (std::int64_t w = 0; w < k.x.shape.w; ++w, in += k.x.stride_w) {
        CUTAWAY_LANES
        for (int l = 0; l < V; ++l) sum[l] += static_cast<double>(in[l]);
      }
    }
    const auto area = static_cast<double>(k.x.shape.plane());
    float* out = k.y.data + s.in(k.y);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = static_cast<float>(sum[l] / area);
  }
};

struct GlobalAveragePoolBackwardAt {
  GlobalAveragePoolBackward k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const auto area = static_cast<float>(k.dx.shape.plane());
    const float* in = k.dy.data + s.in(k.dy, 0, 0);
    float* out = k.dx.data + s.in(k.dx);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = in[l] / area;
  }
};

struct GlobalMaxPoolAt {
  GlobalMaxPool k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const float* start = k.x.data + s.in(k.x, 0, 0);
    Lanes<float, V> best;
    Lanes<std::int32_t, V> pick;
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) {
      best[l] = start[l];
      pick[l] = 0;
    }
    std::int32_t pixel = 0;
    for (std::int64_t h = 0; h < k.x.shape.h; ++h) {
      const float* in = k.x.data + s.in(k.x, h, 0);
      for (std::int64_t w = 0; w < k.x.shape.w; ++w, in += k.x.stride_w, ++pixel) {
        CUTAWAY_LANES
        for (int l = 0; l < V; ++l) {
          const bool take = !(in[l] <= best[l]) & (best[l] == best[l]);
          best[l] = take ? in[l] : best[l];
          pick[l] = take ? pixel : pick[l];
        }
      }
    }
    float* out = k.y.data + s.in(k.y);
    std::int32_t* where = k.pick.data + s.in(k.pick);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) {
      out[l] = best[l];
      where[l] = pick[l];
    }
  }
};

struct GlobalMaxPoolBackwardAt {
  GlobalMaxPoolBackward k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const float* in = k.dy.data + s.in(k.dy, 0, 0);
    const std::int32_t* pick = k.pick.data + s.in(k.pick, 0, 0);
    const auto pixel = static_cast<std::int32_t>(s.h * k.dx.shape.w + s.w);
    float* out = k.dx.data + s.in(k.dx);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = pick[l] == pixel ? in[l] : 0.0f;
  }
};

std::int64_t area_of(const PoolGeometry& g) {
  return static_cast<std::int64_t>(g.kernel_h) * g.kernel_w;
}

// Max pooling without switches, for which the devices have code of their own.
void max_values(CUTAWAY_STREAM& s, const MaxPool& k);

}  // namespace

void run(CUTAWAY_STREAM& s, const MaxPool& k) {
  if (k.pick.data != nullptr) {
    for_each_site(s, SiteSpace::of(k.y), MaxPoolAt<true>{k}, area_of(k.g));
  } else {
    max_values(s, k);
  }
}

void run(CUTAWAY_STREAM& s, const MaxUnpool& k) {
  if (k.overlap == Overlap::kAdd) {
    for_each_site(s, SiteSpace::of(k.dx), MaxUnpoolAt<Overlap::kAdd>{k});
  } else {
    for_each_site(s, SiteSpace::of(k.dx), MaxUnpoolAt<Overlap::kOverwrite>{k});
  }
}

void run(CUTAWAY_STREAM& s, const AveragePool& k) {
  for_each_site(s, SiteSpace::of(k.y), AveragePoolAt{k}, area_of(k.g));
}

void run(CUTAWAY_STREAM& s, const AveragePoolBackward& k) {
  for_each_site(s, SiteSpace::of(k.dx), AveragePoolBackwardAt{k});
}

void run(CUTAWAY_STREAM& s, const GlobalAveragePool& k) {
  for_each_site(s, SiteSpace::of(k.y), GlobalAveragePoolAt{k}, k.x.shape.plane());
}

void run(CUTAWAY_STREAM& s, const GlobalAveragePoolBackward& k) {
  for_each_site(s, SiteSpace::of(k.dx), GlobalAveragePoolBackwardAt{k});
}

void run(CUTAWAY_STREAM& s, const GlobalMaxPool& k) {
  for_each_site(s, SiteSpace::of(k.y), GlobalMaxPoolAt{k}, k.x.shape.plane());
}

void run(CUTAWAY_STREAM& s, const GlobalMaxPoolBackward& k) {
  for_each_site(s, SiteSpace::of(k.dx), GlobalMaxPoolBackwardAt{k});
}

}  // namespace cutaway::kernels
