#define CUTAWAY_STREAM CudaStream
#include "kernels/cuda/for_each.cuh"
#include "kernels/pool.inl"

namespace cutaway::kernels {
namespace {

void max_values(CudaStream& s, const MaxPool& k) {
  for_each_site(s, SiteSpace::of(k.y), MaxPoolAt<false>{k}, area_of(k.g));
}

}  // namespace
}  // namespace cutaway::kernels
