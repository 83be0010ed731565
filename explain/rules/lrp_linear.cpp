#include <algorithm>
#include <optional>

#include "explain/rules/lrp_terms.h"
#include "kernels/elementwise.h"
#include "kernels/image.h"
#include "kernels/norm.h"
#include "kernels/pool.h"
#include "layers/batch_norm.h"
#include "layers/linear_map.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// A dense layout of `c` channels for what a rule computes beside a value of layout `like`.
Layout dense_layout(Layout like, std::int64_t c) {
  return like.block <= 16 ? like : channels_last(c);
}

/// Hands out parts of a step's scratch memory.
class ScratchMap {
 public:
  std::size_t take(std::size_t bytes) {
    const std::size_t at = bytes_;
    bytes_ += (bytes + 63) / 64 * 64;
    return at;
  }
  std::size_t take(const ValueSpec& spec) {
    return take(static_cast<std::size_t>(stored_count(spec.shape, spec.layout)) * sizeof(float));
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_{0};
};

View<float> at(std::byte* scratch, std::size_t offset, const ValueSpec& spec) {
  return dense_view(reinterpret_cast<float*>(scratch + offset), spec.shape, spec.layout);
}

View<float> vector_view(float* data, std::int64_t count) {
  return dense_view(data, Shape{1, 1, 1, count}, kPlain);
}
View<const float> vector_view(const float* data, std::int64_t count) {
  return dense_view(data, Shape{1, 1, 1, count}, kPlain);
}

/// Fills channels [first, first + count) with a value and leaves the padding behind the last zero.
void fill_channels(
    Stream& stream, const View<float>& y, std::int64_t first, std::int64_t count, float value) {
  for (std::int64_t c = first; c < first + count;) {
    View<float> part = y;
    const bool whole = c % y.block == 0 && c + y.block <= first + count;
    const std::int64_t step = whole ? y.block : 1;
    part.data += y.offset(0, c, 0, 0);
    part.shape.c = step;
    if (!whole) part.block = 1;
    kernels::run(stream, kernels::Fill{part, value});
    c += step;
  }
}

/// The layer's weights and bias as they act: merged with a batch normalisation, or folded from one.
struct Base {
  const float* weight{};
  const float* bias{};
  WeightCache::Entry owner;  // null: they are the layer's own
};

struct PreparedLinear final : Prepared {
  LrpRule rule;
  LrpRecipe recipe;
  std::unique_ptr<LinearMap> map;
  std::optional<float> norm_eps;  // of the normalisation merged in, or of this layer if it is one
  bool is_norm{false}, has_bias{false};
  std::int64_t outputs{0};
  ValueSpec x, y;
  std::size_t engine{0}, f{0}, back{0}, z{0}, s{0}, out{0}, stats{0}, total{0};
  bool x_as_it_is{false};  // the input's own memory will do for LrpInput::kAsIs
  std::string engines_note;

  std::vector<LinearMap::Weights> weights;
  std::vector<WeightCache::Entry> biases;
  Base base;

  [[nodiscard]] std::size_t scratch_bytes() const override { return total; }
  [[nodiscard]] const float* bias_of(std::size_t form) const {
    if (recipe.weights[form].as_is()) return base.bias;
    return biases[form] ? reinterpret_cast<const float*>(biases[form]->data()) : nullptr;
  }
  void load(Stream& stream,
            std::span<const TensorRef> params,
            WeightCache& cache,
            const std::string& key) override;

 private:
  void load_base(Stream& stream,
                 std::span<const TensorRef> params,
                 WeightCache& cache,
                 const std::string& key);
};

/// Modifies `count` weights.
void modify(
    Stream& stream, const LrpWeights& form, const float* from, float* to, std::int64_t count) {
  const View<const float> w = vector_view(from, count);
  const View<float> y = vector_view(to, count);
  switch (form.kind) {
    case LrpWeights::Kind::kBySign:
      kernels::run(stream, kernels::ScaleBySign{w, y, form.positive, form.negative});
      break;
    case LrpWeights::Kind::kSquare:
      kernels::run(stream, kernels::Multiply{w, w, y});
      break;
    case LrpWeights::Kind::kOnes:
      kernels::run(stream, kernels::Fill{y, 1.0f});
      break;
  }
}

/// scale = gamma / sqrt(variance + eps), w' = w * scale, b' = shift + b * scale, o by o.
void PreparedLinear::load_base(Stream& stream,
                               std::span<const TensorRef> params,
                               WeightCache& cache,
                               const std::string& key) {
  const std::size_t own = is_norm ? 0 : has_bias ? 2 : 1;
  const TensorRef& w = params[0];
  base.weight = w.in().data;
  base.bias = own == 2 ? params[1].in().data : nullptr;
  if (!norm_eps) return;
  const std::int64_t count = is_norm ? outputs : w.shape().count();
  const auto bytes = static_cast<std::size_t>(count + 3 * outputs) * sizeof(float);
  base.owner = cache.get(key + "/merged", device_of(stream), bytes, [&](std::byte* data) {
    auto* merged = reinterpret_cast<float*>(data);
    float* bias = merged + count;
    float* scale = is_norm ? merged : bias + outputs;
    float* shift = own == 2 ? bias + 2 * outputs : bias;
    const auto norm = params.subspan(own);
    kernels::run(stream,
                 kernels::BatchNormFold{norm[0].in().data, norm[1].in().data, norm[2].in().data,
                                        norm[3].in().data, scale, shift, *norm_eps, outputs});
    if (!is_norm) {
      const Shape rows{1, outputs, 1, count / outputs};
      kernels::run(stream,
                   kernels::ChannelAffine{dense_view(base.weight, rows, kPlain),
                                          dense_view(merged, rows, kPlain), scale, nullptr});
    }
    if (own == 2) {
      const Shape column{1, outputs, 1, 1};
      kernels::run(stream, kernels::ChannelAffine{dense_view(base.bias, column, kPlain),
                                                  dense_view(bias, column, kPlain), scale, shift});
    }
    synchronize(stream);
  });
  base.weight = reinterpret_cast<const float*>(base.owner->data());
  base.bias = base.weight + count;
}

void PreparedLinear::load(Stream& stream,
                          std::span<const TensorRef> params,
                          WeightCache& cache,
                          const std::string& key) {
  load_base(stream, params, cache, key);
  const std::string of = key + (base.owner ? "/merged" : "");
  const std::int64_t count = is_norm ? outputs : params[0].shape().count();
  for (const LrpWeights& form : recipe.weights) {
    biases.emplace_back();
    if (form.as_is()) {
      weights.push_back(map->load(stream, base.weight, nullptr, cache, of));
      continue;
    }
    const std::string name = of + "/lrp " + form.name();
    const auto modified = [&](const std::string& entry, const float* from, std::int64_t size) {
      return cache.get(entry, device_of(stream), static_cast<std::size_t>(size) * sizeof(float),
                       [&](std::byte* data) {
                         modify(stream, form, from, reinterpret_cast<float*>(data), size);
                         synchronize(stream);
                       });
    };
    const WeightCache::Entry w = modified(name, base.weight, count);
    weights.push_back(map->load(stream, reinterpret_cast<const float*>(w->data()), w, cache, name));
    if (base.bias != nullptr) biases.back() = modified(name + " bias", base.bias, outputs);
  }
}

/// One step of propagation, while it runs.
struct Propagation {
  const BackCall& c;
  const PreparedLinear& p;
  View<float> f, back, z, s;

  Propagation(const BackCall& call, const PreparedLinear& prepared)
      : c(call),
        p(prepared),
        f(at(c.scratch, p.f, p.x)),
        back(at(c.scratch, p.back, p.x)),
        z(at(c.scratch, p.z, p.y)),
        s(at(c.scratch, p.s, p.y)) {}

  [[nodiscard]] std::byte* engine() const { return c.scratch + p.engine; }

  [[nodiscard]] View<const float> input(LrpInput which) const {
    const View<const float> x = c.in[0].in();
    if (which == LrpInput::kAsIs && p.x_as_it_is) return x;
    const auto plane = [&](const std::vector<float>& values) {
      kernels::run(c.stream, kernels::Fill{f, 0.0f});
      const auto last = static_cast<std::int64_t>(values.size()) - 1;
      for (std::int64_t ch = 0; ch < f.shape.c; ++ch) {
        fill_channels(c.stream, f, ch, 1, values[static_cast<std::size_t>(std::min(ch, last))]);
      }
    };
    const auto by_sign = [&](float positive, float negative) {
      if (!p.x_as_it_is) kernels::run(c.stream, kernels::Reorder{x, f});
      kernels::run(c.stream, kernels::ScaleBySign{p.x_as_it_is ? x : View<const float>(f), f,
                                                  positive, negative});
    };
    switch (which) {
      case LrpInput::kAsIs:
        kernels::run(c.stream, kernels::Reorder{x, f});
        break;
      case LrpInput::kPositive:
        by_sign(1, 0);
        break;
      case LrpInput::kNegative:
        by_sign(0, 1);
        break;
      case LrpInput::kLow:
        plane(p.rule.low);
        break;
      case LrpInput::kHigh:
        plane(p.rule.high);
        break;
      case LrpInput::kOnes:
        kernels::run(c.stream, kernels::Fill{f, 0.0f});
        fill_channels(c.stream, f, 0, f.shape.c, 1.0f);
    }
    return f;
  }

  /// z = sum over the terms of sign * (A(g) f + b).
  void denominators(const LrpGroup& group) const {
    for (std::size_t i = 0; i < group.terms.size(); ++i) {
      const LrpTerm& t = group.terms[i];
      const float* bias = t.bias ? p.bias_of(t.weights) : nullptr;
      p.map->apply(c.stream, p.weights[t.weights], bias, input(t.input), i == 0 ? z : s, engine());
      if (i > 0) kernels::run(c.stream, kernels::Add{z, s, z, 1.0f, t.sign});
    }
  }

  /// s = R / (z + epsilon sign z), for the group's side of the output only.
  void quotients(const LrpGroup& group) const {
    View<const float> r = c.dy.in();
    if (group.side != LrpGroup::Side::kAll) {
      const View<float> out = at(c.scratch, p.out, p.y);
      p.map->apply(c.stream, p.weights[p.recipe.output],
                   p.rule.bias ? p.bias_of(p.recipe.output) : nullptr, input(LrpInput::kAsIs), out,
                   engine());
      if (group.side == LrpGroup::Side::kBelow)
        kernels::run(c.stream, kernels::Scale{out, out, -1.0f});
      kernels::run(c.stream, kernels::ReluBackward{out, r, s, kernels::ReluRule::kGradient});
      r = s;
    }
    const auto epsilon = static_cast<float>(p.rule.epsilon);
    if (p.rule.rms_share == 0.0) {
      kernels::run(c.stream, kernels::RelevanceQuotient{z, r, s, epsilon});
      return;
    }
    relative_quotients(r, epsilon);
  }

  /// The same with epsilon + share * RMS(z), image by image.
  void relative_quotients(const View<const float>& r, float epsilon) const {
    const std::int64_t n = z.shape.n, channels = z.shape.c;
    const ValueSpec means{{n, channels, 1, 1}, p.y.layout, 0};
    const View<float> of_channels = at(c.scratch, p.stats, means);
    float* of_images = of_channels.data + stored_count(means.shape, means.layout);
    const View<float> sums = dense_view(of_images, Shape{n, 1, 1, 1}, kPlain);
    kernels::run(c.stream, kernels::Multiply{z, z, s});
    kernels::run(c.stream, kernels::GlobalAveragePool{s, of_channels});
    kernels::run(c.stream,
                 kernels::ReduceChannels{of_channels, sums, kernels::ChannelReduction::kSum});
    kernels::run(c.stream, kernels::Scale{sums, sums, 1.0f / static_cast<float>(channels)});
    for (std::int64_t i = 0; i < n; ++i) {
      kernels::run(c.stream,
                   kernels::RelevanceQuotient{image_slice(View<const float>(z), i, 1),
                                              image_slice(r, i, 1), image_slice(s, i, 1), epsilon,
                                              static_cast<float>(p.rule.rms_share), of_images + i});
    }
  }

  /// dx (+)= factor * sum over the terms of sign * f * A(g)' s.
  void distribute(const LrpGroup& group, bool first) const {
    for (const LrpTerm& t : group.terms) {
      p.map->adjoint(c.stream, p.weights[t.weights], s, back, engine());
      kernels::run(c.stream, kernels::MultiplyAdd{input(t.input), back, c.dx[0].out(),
                                                  group.factor * t.sign, !first});
      first = false;
    }
  }
};

class LinearRule final : public BackwardRule {
 public:
  explicit LinearRule(LrpRule rule) : rule_(std::move(rule)) {}

  std::string_view name() const noexcept override {
    switch (rule_.kind) {
      case LrpKind::kEpsilon:
        return "LRP-epsilon";
      case LrpKind::kGamma:
        return "LRP-gamma";
      case LrpKind::kAlphaBeta:
        return "LRP-alpha-beta";
      case LrpKind::kZPlus:
        return rule_.negated ? "z+ of the negated weights" : "z+";
      case LrpKind::kZBox:
        return "z^B";
      case LrpKind::kWSquare:
        return "w^2";
      case LrpKind::kFlat:
        return "flat";
    }
    return "LRP";
  }
  std::string declines(const Layer& layer) const override {
    const LayerKind kind = layer.kind();
    const bool linear = kind == LayerKind::kConv || kind == LayerKind::kDense ||
                        kind == LayerKind::kBatchNorm || kind == LayerKind::kConvTranspose;
    return linear ? "" : "it is for convolutions, dense layers and batch normalisations";
  }
  std::uint8_t keeps(const Layer&) const override {
    const bool whatever = rule_.kind == LrpKind::kWSquare || rule_.kind == LrpKind::kFlat;
    return whatever ? kKeepNothing : kKeepInput;
  }
  std::vector<NodeId> also_reads(const Graph& graph, NodeId id) const override {
    const NodeId norm = merged_norm(graph, id);
    return norm < 0 ? std::vector<NodeId>() : std::vector<NodeId>{norm};
  }
  std::unique_ptr<Prepared> prepare(const Layer& layer, const PrepareContext& c) const override;
  void apply(const Layer&, const BackCall& c) const override {
    if (!c.dx[0]) return;
    const Propagation step(c, *static_cast<const PreparedLinear*>(c.prepared));
    bool first = true;
    for (const LrpGroup& group : step.p.recipe.groups) {
      step.denominators(group);
      step.quotients(group);
      step.distribute(group, first);
      first = false;
    }
  }

 private:
  LrpRule rule_;
};

bool goes_through_relu_only(const Graph& graph, NodeId id) {
  const auto& readers = graph.node(id).consumers;
  return !readers.empty() && std::ranges::all_of(readers, [&](NodeId reader) {
    return graph.node(reader).layer->kind() == LayerKind::kRelu;
  });
}

std::unique_ptr<Prepared> LinearRule::prepare(const Layer& layer, const PrepareContext& c) const {
  check(c.graph != nullptr, "a rule of relevance propagation needs the graph");
  const Graph& graph = *c.graph;
  auto p = std::make_unique<PreparedLinear>();
  p->rule = rule_;
  const NodeId norm = merged_norm(graph, c.node);
  p->is_norm = layer.kind() == LayerKind::kBatchNorm;
  if (p->is_norm || norm >= 0) {
    const Layer& normal = p->is_norm ? layer : *graph.node(norm).layer;
    p->norm_eps = static_cast<float>(static_cast<const BatchNorm&>(normal).eps());
  }
  p->has_bias = graph.parameters(c.node).size() == 2;
  p->recipe = lrp_recipe(rule_, never_negative(graph, graph.node(c.node).inputs[0]),
                         goes_through_relu_only(graph, norm >= 0 ? norm : c.node));
  const Shape& in = c.in[0].shape;
  p->outputs = c.out.shape.c;
  p->x = {in, dense_layout(c.dx[0].shape.count() > 0 ? c.dx[0].layout : c.dy.layout, in.c), 0};
  p->y = {c.out.shape, dense_layout(c.dy.layout, c.out.shape.c), 0};
  p->x_as_it_is = c.in[0].layout == p->x.layout && c.in[0].stored_channels == 0;
  p->map = layer.linear_map({c.device, c.threads, c.level, p->x, p->y, c.engines});
  ScratchMap scratch;
  p->engine = scratch.take(p->map->scratch_bytes());
  p->f = scratch.take(p->x);
  p->back = scratch.take(p->x);
  p->z = scratch.take(p->y);
  p->s = scratch.take(p->y);
  if (p->recipe.needs_output()) p->out = scratch.take(p->y);
  if (rule_.rms_share != 0.0) {
    const ValueSpec means{{p->y.shape.n, p->y.shape.c, 1, 1}, p->y.layout, 0};
    p->stats = scratch.take((static_cast<std::size_t>(stored_count(means.shape, means.layout)) +
                             static_cast<std::size_t>(p->y.shape.n)) *
                            sizeof(float));
  }
  p->total = scratch.bytes();
  return p;
}

}  // namespace

RulePtr lrp_linear(const LrpRule& rule) { return std::make_shared<LinearRule>(rule); }

}  // namespace cutaway::explain
