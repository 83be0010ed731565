// own_method MODEL.h5 PICTURE.jpg OVERLAY.png: a method of one's own beside the library's.
#include <exception>

#include "explain/explain.h"
#include "explain/tensor_math.h"

namespace {
using namespace cutaway;

/// Sum over the channels of |gradient|, at every pixel.
class GradientSum final : public explain::Method {
 public:
  std::string_view name() const noexcept override { return "gradient_sum"; }
  void plan(const Graph&, const explain::Setting& setting, explain::Needs& needs) override {
    pass_ = needs.backward(gradient_rules(), setting.logits, 0);
  }
  explain::Explanation explain(explain::Passes& passes) const override {
    explain::Explanation e;
    e.method = "gradient_sum";
    e.map = explain::reduce_channels(passes.gradient(pass_, 0), kernels::ChannelReduction::kSumAbs);
    return e;
  }

 private:
  std::size_t pass_{0};
};
}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4) return 2;
  const weights::Package net = explain::load_network(argv[1]);
  const explain::Image photo = explain::read_image(argv[2]);
  const explain::Image seen = explain::resize_and_crop(photo, net.preprocess);
  std::vector<explain::MethodPtr> methods;
  methods.push_back(std::make_unique<GradientSum>());
  explain::Session session(net.model, std::move(methods), net.model.graph.node(0).shape,
                           CpuStream());
  const Tensor& scores = session.forward(explain::preprocess(photo, net.preprocess));
  const std::int64_t best = explain::top(explain::probabilities(scores, 0), 1).front();
  const Tensor map = std::move(session.explain({best}).front().map);
  const explain::Map shown{map.f32(), static_cast<int>(map.shape().h),
                           static_cast<int>(map.shape().w)};
  explain::write_png(argv[3], explain::overlay(seen, shown).image);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
