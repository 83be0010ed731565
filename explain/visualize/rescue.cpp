#include "explain/visualize/rescue.h"

#include "kernels/elementwise.h"
#include "kernels/image.h"
#include "kernels/pool.h"

namespace cutaway::explain {
namespace {

struct PreparedRescue final : Prepared {
  ValueSpec plane;  // largest magnitude over the channels
  std::size_t most{0}, pick{0}, total{0};
  [[nodiscard]] std::size_t scratch_bytes() const override { return total; }
};

class RescueRule final : public BackwardRule {
 public:
  std::string_view name() const noexcept override { return "ReLU gradient with rescue"; }
  std::string declines(const Layer& layer) const override {
    return layer.kind() == LayerKind::kRelu ? "" : "it is for ReLU layers";
  }
  std::uint8_t keeps(const Layer&) const override { return kKeepOutput; }
  std::unique_ptr<Prepared> prepare(const Layer&, const PrepareContext& c) const override {
    auto p = std::make_unique<PreparedRescue>();
    const Shape& s = c.dy.shape;
    const auto aligned = [](std::int64_t bytes) {
      return static_cast<std::size_t>((bytes + 63) / 64 * 64);
    };
    p->plane = {{s.n, 1, s.h, s.w}, kPlain, 0};
    p->most = aligned(s.n * s.plane() * 4);
    p->pick = p->most + aligned(s.n * 4);
    p->total = p->pick + aligned(s.n * 4);
    return p;
  }
  void apply(const Layer&, const BackCall& c) const override {
    if (!c.dx[0]) return;
    const auto& p = *static_cast<const PreparedRescue*>(c.prepared);
    const View<float> plane =
        dense_view(reinterpret_cast<float*>(c.scratch), p.plane.shape, kPlain);
    const Shape each{p.plane.shape.n, 1, 1, 1};
    const View<float> most = dense_view(reinterpret_cast<float*>(c.scratch + p.most), each, kPlain);
    const View<std::int32_t> pick =
        dense_view(reinterpret_cast<std::int32_t*>(c.scratch + p.pick), each, kPlain);
    kernels::run(c.stream, kernels::ReluBackward{c.out.in(), c.dy.in(), c.dx[0].out(),
                                                 kernels::ReluRule::kGradient});
    kernels::run(c.stream,
                 kernels::ReduceChannels{c.dx[0].in(), plane, kernels::ChannelReduction::kMaxAbs});
    kernels::run(c.stream, kernels::GlobalMaxPool{plane, most, pick});
    kernels::run(c.stream, kernels::ReluRescue{c.out.in(), c.dy.in(), most.data, c.dx[0].out()});
  }
};

}  // namespace

RuleSet rescue_rules() {
  RuleSet rules("gradient with ReLU rescue");
  return rules.on(LayerKind::kRelu, std::make_shared<RescueRule>()).otherwise(vjp_rule());
}

}  // namespace cutaway::explain
