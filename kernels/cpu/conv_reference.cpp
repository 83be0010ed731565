#include "kernels/cpu/for_each.h"

#include "kernels/conv_reference.inl"
#include "runtime/error.h"

namespace cutaway::kernels {
namespace {

class ReferenceConv final : public ConvPrimitive {
 public:
  explicit ReferenceConv(const ConvProblem& problem) : problem_(problem) {}

  [[nodiscard]] std::string_view engine() const noexcept override { return "reference"; }

  void run(Stream& stream, const ConvArguments& a) const override {
    LevelStream at(std::get<CpuStream>(stream));
    run_reference_conv(at, problem_, a);
  }

 private:
  ConvProblem problem_;
};

}  // namespace

std::unique_ptr<ConvPrimitive> make_conv_reference(ThisLevel,
                                                   const ConvProblem& problem,
                                                   std::string&) {
  return std::make_unique<ReferenceConv>(problem);
}

}  // namespace cutaway::kernels
