#include "kernels/cuda/for_each.cuh"

#include "kernels/conv_reference.inl"

namespace cutaway::kernels {
namespace {

/// One thread a result, any layout, sums in double.
class ReferenceConvCuda final : public ConvPrimitive {
 public:
  explicit ReferenceConvCuda(const ConvProblem& problem) : problem_(problem) {}

  [[nodiscard]] std::string_view engine() const noexcept override { return "reference"; }

  void run(Stream& stream, const ConvArguments& a) const override {
    run_reference_conv(std::get<CudaStream>(stream), problem_, a);
  }

 private:
  ConvProblem problem_;
};

}  // namespace

std::unique_ptr<ConvPrimitive> make_conv_reference_cuda(const ConvProblem& problem, std::string&) {
  return std::make_unique<ReferenceConvCuda>(problem);
}

}  // namespace cutaway::kernels
