#include <algorithm>

#include "explain/rules/lrp.h"
#include "kernels/broadcast.h"
#include "kernels/elementwise.h"
#include "kernels/image.h"
#include "kernels/pool.h"
#include "layers/elementwise.h"
#include "layers/max_pool.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// Memory of one step: z of an averaged max pooling, the quotients, the input in the layout of dx,
/// statistics.
struct PreparedShare final : Prepared {
  ValueSpec x, y;
  bool x_as_it_is{false};
  std::size_t z{0}, s{0}, copy{0}, stats{0}, total{0};
  [[nodiscard]] std::size_t scratch_bytes() const override { return total; }
  [[nodiscard]] Layout layout_for(std::int64_t channels) const {
    return x.layout.block <= 16 ? x.layout : channels_last(channels);
  }

  std::size_t take(std::int64_t floats) {
    const std::size_t at = total;
    total += (static_cast<std::size_t>(floats) * sizeof(float) + 63) / 64 * 64;
    return at;
  }
};

View<float> at(const BackCall& c, std::size_t offset, const ValueSpec& spec) {
  return dense_view(reinterpret_cast<float*>(c.scratch + offset), spec.shape, spec.layout);
}

/// A layer whose output is a sum of its inputs with fixed positive weights: R_in = x A'(R / (z + e
/// sign z)).
class ShareRule : public BackwardRule {
 public:
  ShareRule(double epsilon, double rms_share)
      : epsilon_(static_cast<float>(epsilon)), share_(static_cast<float>(rms_share)) {}
  std::string_view name() const noexcept override { return "in proportion"; }
  std::string declines(const Layer& layer) const override {
    const LayerKind kind = layer.kind();
    const auto* elementwise = dynamic_cast<const Elementwise*>(&layer);
    const bool good = kind == LayerKind::kAveragePool || kind == LayerKind::kGlobalAveragePool ||
                      kind == LayerKind::kAdd || kind == LayerKind::kResize ||
                      (elementwise != nullptr && elementwise->is_linear());
    return good ? "" : "it is for average poolings and sums";
  }
  std::uint8_t keeps(const Layer&) const override { return kKeepInput | kKeepOutput; }
  std::unique_ptr<Prepared> prepare(const Layer&, const PrepareContext& c) const override {
    auto p = std::make_unique<PreparedShare>();
    const auto layout = [](Layout like, std::int64_t channels) {
      return like.block <= 16 ? like : channels_last(channels);
    };
    p->x = {c.in[0].shape, layout(c.dy.layout, c.in[0].shape.c), 0};
    p->y = {c.out.shape, layout(c.dy.layout, c.out.shape.c), 0};
    p->s = p->take(stored_count(p->y.shape, p->y.layout));
    if (needs_z()) p->z = p->take(stored_count(p->y.shape, p->y.layout));
    std::int64_t largest = 0;  // of inputs that are broadcast one is smaller
    for (const ValueSpec& in : c.in)
      largest = std::max(largest, stored_count(in.shape, layout(c.dy.layout, in.shape.c)));
    p->copy = p->take(largest);
    if (share_ != 0.0f)
      p->stats =
          p->take(stored_count({p->y.shape.n, p->y.shape.c, 1, 1}, p->y.layout) + p->y.shape.n);
    return p;
  }
  void apply(const Layer& layer, const BackCall& c) const override {
    const auto& p = *static_cast<const PreparedShare*>(c.prepared);
    const View<float> s = at(c, p.s, p.y);
    quotients(c, p, sum(layer, c, p), s);
    std::vector<TensorRef> dx(c.dx.begin(), c.dx.end());
    transposed(layer, c, TensorRef(s), dx);
    for (std::size_t i = 0; i < c.dx.size(); ++i) {
      if (!c.dx[i]) continue;
      View<const float> x = c.in[i].in();
      const View<float> out = c.dx[i].out();
      if (x.block != out.block &&
          !(x.blocks() == 1 && out.blocks() == 1 && x.lanes() == out.lanes())) {
        const View<float> copy = at(c, p.copy, {x.shape, p.layout_for(x.shape.c), 0});
        kernels::run(c.stream, kernels::Reorder{x, copy});
        x = copy;
      }
      kernels::run(c.stream, kernels::Multiply{x, out, out});
    }
  }

 protected:
  [[nodiscard]] virtual bool needs_z() const { return false; }
  /// z, the sum.
  virtual View<const float> sum(const Layer&, const BackCall& c, const PreparedShare&) const {
    return c.out.in();
  }
  /// dx = A' s.
  virtual void transposed(const Layer& layer,
                          const BackCall& c,
                          TensorRef s,
                          std::span<const TensorRef> dx) const {
    layer.vjp(
        {c.stream, c.in, c.out, c.params, c.aux, s, dx, {}, nullptr, nullptr, false, c.random});
  }

 private:
  void quotients(const BackCall& c,
                 const PreparedShare& p,
                 const View<const float>& z,
                 const View<float>& s) const {
    if (share_ == 0.0f) {
      kernels::run(c.stream, kernels::RelevanceQuotient{z, c.dy.in(), s, epsilon_});
      return;
    }
    const std::int64_t n = p.y.shape.n, channels = p.y.shape.c;
    const View<float> means = at(c, p.stats, {{n, channels, 1, 1}, p.y.layout, 0});
    float* of_images = means.data + stored_count(means.shape, p.y.layout);
    const View<float> sums = dense_view(of_images, Shape{n, 1, 1, 1}, kPlain);
    kernels::run(c.stream, kernels::Multiply{z, z, s});
    kernels::run(c.stream, kernels::GlobalAveragePool{s, means});
    kernels::run(c.stream, kernels::ReduceChannels{means, sums, kernels::ChannelReduction::kSum});
    kernels::run(c.stream, kernels::Scale{sums, sums, 1.0f / static_cast<float>(channels)});
    for (std::int64_t i = 0; i < n; ++i) {
      kernels::run(c.stream, kernels::RelevanceQuotient{
                                 image_slice(z, i, 1), image_slice(c.dy.in(), i, 1),
                                 image_slice(s, i, 1), epsilon_, share_, of_images + i});
    }
  }

  float epsilon_, share_;
};

/// Max pooling with its windows averaged: a_j / sum of the window's a.
class AveragedMaxRule final : public ShareRule {
 public:
  using ShareRule::ShareRule;
  std::string_view name() const noexcept override { return "max pooling as average"; }
  std::string declines(const Layer& layer) const override {
    const LayerKind kind = layer.kind();
    return kind == LayerKind::kMaxPool || kind == LayerKind::kGlobalMaxPool
               ? ""
               : "it is for max poolings";
  }
  std::uint8_t keeps(const Layer&) const override { return kKeepInput; }

 protected:
  bool needs_z() const override { return true; }
  View<const float> sum(const Layer& layer,
                        const BackCall& c,
                        const PreparedShare& p) const override {
    const View<float> z = at(c, p.z, p.y);
    View<const float> x = c.in[0].in();
    if (x.block != z.block && x.block == 1) {  // pixels
      const View<float> copy = at(c, p.copy, p.x);
      kernels::run(c.stream, kernels::Reorder{x, copy});
      x = copy;
    }
    if (layer.kind() == LayerKind::kGlobalMaxPool) {
      kernels::run(c.stream, kernels::GlobalAveragePool{x, z});
    } else {
      kernels::run(c.stream,
                   kernels::AveragePool{x, z, static_cast<const MaxPool&>(layer).geometry()});
    }
    return z;
  }
  void transposed(const Layer& layer,
                  const BackCall& c,
                  TensorRef s,
                  std::span<const TensorRef> dx) const override {
    if (layer.kind() == LayerKind::kGlobalMaxPool) {
      kernels::run(c.stream, kernels::GlobalAveragePoolBackward{s.in(), dx[0].out()});
    } else {
      kernels::run(c.stream,
                   kernels::AveragePoolBackward{s.in(), dx[0].out(),
                                                static_cast<const MaxPool&>(layer).geometry()});
    }
  }
};

/// Through the transpose of a sum in place of the product's.
class ConstantFactorRule final : public BackwardRule {
 public:
  std::string_view name() const noexcept override { return "pass"; }
  std::string declines(const Layer& layer) const override {
    return layer.kind() == LayerKind::kElementwise ? "" : "it is for products with a constant";
  }
  std::uint8_t keeps(const Layer&) const override { return kKeepNothing; }
  void apply(const Layer&, const BackCall& c) const override {
    if (!c.dx[0]) return;
    kernels::run(c.stream, kernels::BinaryBackward{c.in[0].in(), c.params[0].in(), c.dy.in(),
                                                   c.dx[0].out(), kernels::BinaryOp::kAdd, 0});
  }
};

class PassRule final : public BackwardRule {
 public:
  std::string_view name() const noexcept override { return "pass"; }
  std::string declines(const Layer&) const override { return {}; }
  std::uint8_t keeps(const Layer&) const override { return kKeepNothing; }
  bool in_place(const Layer&) const override { return true; }
  void apply(const Layer&, const BackCall& c) const override {
    if (c.dx[0] && c.dx[0].data() != c.dy.data())
      kernels::run(c.stream, kernels::Reorder{c.dy.in(), c.dx[0].out()});
  }
};

}  // namespace

RulePtr lrp_proportional(double epsilon, double rms_share) {
  return std::make_shared<ShareRule>(epsilon, rms_share);
}
RulePtr lrp_max_as_average(double epsilon, double rms_share) {
  return std::make_shared<AveragedMaxRule>(epsilon, rms_share);
}
RulePtr lrp_pass() { return std::make_shared<PassRule>(); }
RulePtr lrp_constant_factor() { return std::make_shared<ConstantFactorRule>(); }

}  // namespace cutaway::explain
