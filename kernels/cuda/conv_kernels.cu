#include "kernels/cuda/for_each.cuh"

#include "kernels/cuda/conv_kernels.h"

namespace cutaway::kernels {
namespace {

struct ConvEpilogueAt {
  View<float> y;
  const float* bias;
  bool relu;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    float* v = y.data + s.in(y);
    const std::int64_t c = s.channel(y.block);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) {
      float sum = v[l];
      if (bias != nullptr && c + l < y.shape.c) sum += bias[c + l];
      v[l] = relu && sum < 0.0f ? 0.0f : sum;
    }
  }
};

}  // namespace

void launch(CudaStream& stream, const WeightsToKrsc& op) { for_each_index(stream, op.count(), op); }

void launch(CudaStream& stream, const KrscToWeights& op) { for_each_index(stream, op.count(), op); }

void launch(CudaStream& stream, const PadVector& op, std::int64_t count) {
  for_each_index(stream, count, op);
}

void conv_epilogue(CudaStream& stream, const View<float>& y, const float* bias, bool relu) {
  for_each_site(stream, SiteSpace::of(y), ConvEpilogueAt{y, bias, relu});
}

}  // namespace cutaway::kernels
