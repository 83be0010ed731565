// Included by the .inl files whose kernels reduce over the channels of one pixel.
#include "kernels/site.h"

namespace cutaway::kernels {
namespace {

struct Pixel {
  std::int64_t n, h, w;
};
CUTAWAY_HD inline Pixel pixel_of(std::int64_t i, const Shape& s) {
  const std::int64_t row = i / s.w;
  return {row / s.h, row % s.h, i % s.w};
}

/// The channels of one pixel, addressed as channel c0 + l, where c0 is a multiple of 8 and l < 8.
/// Blocks are 1 or a multiple of 8, so that eight such channels are always one step apart.
template <class T>
struct Channels {
  T* data;
  std::int64_t count, block, stride_b, step;

  CUTAWAY_HD Channels(const View<T>& v, const Pixel& p)
      : data(v.data + v.offset(p.n, 0, p.h, p.w)),
        count(v.shape.c),
        block(v.block),
        stride_b(v.stride_b),
        step(v.block == 1 ? v.stride_b : 1) {}

  CUTAWAY_HD T& operator()(std::int64_t c0, int l) const {
    if (block >= count) return data[c0 + l];
    if (block == 1) return data[(c0 + l) * step];
    return data[(c0 / block) * stride_b + c0 % block + l];
  }
  /// Zeroes the lanes of the last block that are no channels.
  CUTAWAY_HD void clear_padding(const View<T>& v) const {
    const std::int64_t last = v.blocks() - 1;
    for (std::int64_t lane = count - last * block; lane < v.lanes(); ++lane) {
      data[last * stride_b + lane] = 0.0f;
    }
  }
};

/// f(c0, l) for every channel.
template <class F>
CUTAWAY_HD void each_channel(std::int64_t count, const F& f) {
  std::int64_t c0 = 0;
  for (; c0 + 8 <= count; c0 += 8) {
    for (int l = 0; l < 8; ++l) f(c0, l);
  }
  for (int l = 0; l < 8; ++l) {
    if (c0 + l < count) f(c0, l);
  }
}

/// Sum over channels of term(c0, l), in double: channel c goes to accumulator c mod 8, and the
/// eight are folded in halves. Fixed, the same for every layout and device, and short chains for
/// the processor.
template <class F>
CUTAWAY_HD double channel_sum(std::int64_t count, const F& term) {
  double sum[8] = {};
  each_channel(count, [&](std::int64_t c0, int l) { sum[l] += static_cast<double>(term(c0, l)); });
  return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

/// The larger of the two; a NaN stays.
CUTAWAY_HD inline float larger(float most, float value) {
  return !(value <= most) & (most == most) ? value : most;
}

}  // namespace
}  // namespace cutaway::kernels
