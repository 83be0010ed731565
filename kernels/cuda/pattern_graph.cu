#include "kernels/cuda/for_each.cuh"
#include "kernels/cuda/launch.cuh"
// These need the words of launch.cuh.
#include "kernels/cuda/pattern_edges.cuh"
#include "kernels/cuda/pattern_step.cuh"

namespace cutaway::kernels {

void run(CudaStream& stream, const PatternPredict& k) {
  for_each_index(stream, k.filters * k.stride, PatternPredictAt{k});
}

void run(CudaStream& stream, const PatternStep& k) {
  const PatternStepLaunch g = pattern_step_launch(k);
  if (g.shared > kPatternShared) {
    throw Error(ErrorKind::kUnsupported, "an explanatory graph with so many nodes a filter on CUDA")
        .expected("at most " + std::to_string(kPatternShared / sizeof(PatternComponent)))
        .got(std::to_string(k.nodes))
        .hint("--device cpu takes any number");
  }
  launch_pattern_step(static_cast<cudaStream_t>(stream.handle()), g);
  const std::int64_t sums = k.maps.filters * k.nodes * kPatternSums;
  if (k.sums != nullptr)
    for_each_index(stream, sums, SumPatternSlices{g.partial, g.slices, sums, k.sums, true});
  const std::int64_t logs = 2 * k.maps.filters;
  if (g.logs != nullptr)
    for_each_index(stream, logs, SumPatternSlices{g.logs, g.slices, logs, k.likelihood, false});
}

void run(CudaStream& stream, const PatternAffinity& k) {
  launch_pattern_affinity(static_cast<cudaStream_t>(stream.handle()), k);
}

void run(CudaStream& stream, const PatternBest& k) {
  launch_pattern_best(static_cast<cudaStream_t>(stream.handle()), k);
}

}  // namespace cutaway::kernels
