#include "kernels/cuda/for_each.cuh"
#include "kernels/cuda/launch.cuh"
// The tiles need the words of launch.cuh.
#include "kernels/cuda/conv_implicit_gemm.cuh"
#include "kernels/cuda/conv_weight_gradient.cuh"

namespace cutaway::kernels {
namespace {

class ImplicitGemmConv final : public ConvPrimitive {
 public:
  explicit ImplicitGemmConv(const ConvProblem& problem)
      : gemm_(problem),
        weights_pass_(problem.pass == ConvPass::kBackwardWeights),
        frozen_(problem.frozen) {}

  [[nodiscard]] std::string_view engine() const noexcept override { return "implicit_gemm"; }
  [[nodiscard]] std::size_t scratch_bytes() const override {
    if (weights_pass_) return gemm_.partial_bytes();
    return frozen_ ? 0 : gemm_.matrix_bytes();
  }
  [[nodiscard]] std::size_t prepared_bytes() const override {
    return !weights_pass_ && frozen_ ? gemm_.matrix_bytes() : 0;
  }
  [[nodiscard]] std::string prepared_format() const override {
    if (prepared_bytes() == 0) return {};
    return gemm_.backward_data() ? "implicit_gemm backward" : "implicit_gemm forward";
  }

  void prepare(Stream& stream, const float* w, std::byte* prepared) const override {
    if (prepared_bytes() > 0) arrange(std::get<CudaStream>(stream), w, prepared);
  }

  void run(Stream& stream, const ConvArguments& a) const override {
    CudaStream& cuda = std::get<CudaStream>(stream);
    const auto queue = static_cast<cudaStream_t>(cuda.handle());
    if (weights_pass_) {
      auto* partial = reinterpret_cast<float*>(a.scratch);
      launch_conv_weights(queue, gemm_.weights(a, partial), gemm_.splits());
      const SumSplits sum = gemm_.sum_splits(partial, a.dw);
      for_each_index(cuda, sum.count(), sum);
      return;
    }
    if (!frozen_) arrange(cuda, a.w, a.scratch);
    const auto* matrix = reinterpret_cast<const float*>(frozen_ ? a.prepared : a.scratch);
    launch_conv_rows(queue, gemm_.rows(a, matrix), gemm_.strided());
  }

 private:
  void arrange(CudaStream& stream, const float* w, std::byte* to) const {
    const WeightMatrix m = gemm_.weight_matrix(w, reinterpret_cast<float*>(to));
    for_each_index(stream, m.count(), m);
  }

  ImplicitGemm gemm_;
  bool weights_pass_, frozen_;
};

}  // namespace

std::unique_ptr<ConvPrimitive> make_conv_implicit_gemm(const ConvProblem& problem,
                                                       std::string& declined) {
  declined = ImplicitGemm::refuse(problem);
  if (!declined.empty()) return nullptr;
  return std::make_unique<ImplicitGemmConv>(problem);
}

}  // namespace cutaway::kernels
