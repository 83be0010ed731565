#include "explain/verify/diagnosis.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "explain/verify/verify.h"
#include "layers/executor.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

// Agreement after an error is undone has to be plain, not exact: one layer's rounding is far below.
constexpr double kSlack = 10;
constexpr int kMostOthers = 200;

using Values = std::vector<float>;
/// Where element (o, i, h, w) of the wanted weights stands in the present ones.
using Source = std::function<std::size_t(
    const Shape&, std::int64_t, std::int64_t, std::int64_t, std::int64_t)>;

std::size_t at(const Shape& s, std::int64_t o, std::int64_t i, std::int64_t h, std::int64_t w) {
  return static_cast<std::size_t>(((o * s.c + i) * s.h + h) * s.w + w);
}

Values rearranged(const Tensor& weight, const Source& source) {
  const Shape& s = weight.shape();
  const auto from = weight.f32();
  Values to;
  to.reserve(from.size());
  for (std::int64_t o = 0; o < s.n; ++o) {
    for (std::int64_t i = 0; i < s.c; ++i) {
      for (std::int64_t h = 0; h < s.h; ++h) {
        for (std::int64_t w = 0; w < s.w; ++w) to.push_back(from[source(s, o, i, h, w)]);
      }
    }
  }
  return to;
}

struct Variant {
  std::string sentence;
  Source source;
};

class Diagnosis {
 public:
  Diagnosis(const Model& model,
            const Reference& reference,
            NodeId node,
            double tolerance,
            const Stream& stream)
      : model_(model),
        reference_(reference),
        id_(node),
        node_(model.graph.node(node)),
        tolerance_(tolerance),
        stream_(stream) {}

  std::string run() {
    const LayerKind kind = node_.layer->kind();
    if (kind != LayerKind::kConv && kind != LayerKind::kDense) return {};
    if (!find_input() || !find_output()) return {};
    const auto own = model_.parameters.of(id_);
    if (matches(own)) {
      return "given the reference's input this layer agrees: look at the layers before it";
    }
    for (const Variant& variant : variants(own[0].shape())) {
      std::vector<Tensor> changed = copies(own);
      const Values values = rearranged(own[0], variant.source);
      std::copy(values.begin(), values.end(), changed[0].f32().begin());
      if (matches(changed)) return variant.sentence;
    }
    if (own.size() > 1) {
      std::vector<Tensor> changed = copies(own);
      std::fill(changed[1].f32().begin(), changed[1].f32().end(), 0.0f);
      if (matches(changed))
        return "agrees without the bias: the reference has none, or it was lost";
      const std::string bias = solved_bias();
      if (!bias.empty()) return bias;
    }
    return other_layers(own);
  }

 private:
  static std::vector<Tensor> copies(std::span<const Tensor> tensors) {
    std::vector<Tensor> all;
    for (const Tensor& t : tensors) all.push_back(t.clone());
    return all;
  }

  const ReferenceItem* recorded(NodeId wanted) const {
    for (const ReferenceItem& item : reference_.items()) {
      if (item.kind == ReferenceKind::kActivation && model_.graph.find(item.name) == wanted) {
        return &item;
      }
    }
    return nullptr;
  }

  bool find_input() {
    // Layers that change nothing but the shape are seldom recorded.
    NodeId from = node_.inputs[0];
    bool rectified = false;
    while (from != 0 && recorded(from) == nullptr) {
      const Node& passed = model_.graph.node(from);
      const LayerKind kind = passed.layer->kind();
      rectified = rectified || kind == LayerKind::kRelu;
      if (kind != LayerKind::kFlatten && kind != LayerKind::kDropout && kind != LayerKind::kRelu) {
        return false;
      }
      from = passed.inputs[0];
    }
    Tensor found = from == 0 && recorded(0) == nullptr ? reference_.input().clone()
                                                       : reference_.read(*recorded(from));
    if (rectified) {
      for (float& v : found.f32()) v = std::max(v, 0.0f);
    }
    plane_ = found.shape();
    Shape wanted = model_.graph.node(node_.inputs[0]).shape;
    wanted.n = plane_.n;
    if (wanted.count() != plane_.count()) return false;
    input_ = tensor_of(wanted, Values(found.f32().begin(), found.f32().end()));
    return true;
  }

  bool find_output() {
    const ReferenceItem* item = recorded(id_);
    if (item == nullptr) return false;
    output_ = reference_.read(*item);
    return true;
  }

  Tensor run_layer(std::span<const Tensor> parameters) const {
    Shape one = input_.shape();
    one.n = 1;
    Graph graph(one);
    const NodeId layer = graph.add("layer", node_.layer, {0});
    Model alone(std::move(graph));
    alone.parameters = Parameters::zeroed(alone.graph);
    const auto to = alone.parameters.of(layer);
    for (std::size_t i = 0; i < to.size(); ++i) {
      std::copy(parameters[i].f32().begin(), parameters[i].f32().end(), to[i].f32().begin());
    }
    PlanRequest request;
    request.input = input_.shape();
    Executor executor(alone, request, stream_);
    executor.set_input(input_);
    executor.forward();
    return executor.read(executor.output());
  }

  bool matches(std::span<const Tensor> parameters) const {
    const Tensor mine = run_layer(parameters);
    return mine.shape() == output_.shape() &&
           agrees(distance(mine.f32(), output_.f32()), kSlack * tolerance_);
  }

  std::vector<Variant> variants(const Shape& s) const {
    std::vector<Variant> all;
    using I = std::int64_t;
    if (s.h * s.w > 1) {
      all.push_back(
          {"agrees with kernels rotated by 180 degrees: they are those of a true convolution",
           [](const Shape& x, I o, I i, I h, I w) {
             return at(x, o, i, x.h - 1 - h, x.w - 1 - w);
           }});
      if (s.h == s.w) {
        all.push_back({"agrees with rows and columns of the kernels exchanged",
                       [](const Shape& x, I o, I i, I h, I w) { return at(x, o, i, w, h); }});
      }
    }
    if (s.n == s.c) {
      all.push_back({"agrees with the weights transposed (outputs and inputs exchanged)",
                     [](const Shape& x, I o, I i, I h, I w) { return at(x, i, o, h, w); }});
    }
    if (s.c == 3) {
      all.push_back({"agrees with the input channels reversed: RGB and BGR are mixed up",
                     [](const Shape& x, I o, I i, I h, I w) { return at(x, o, 2 - i, h, w); }});
    }
    if (node_.layer->kind() == LayerKind::kDense && plane_.plane() > 1) {
      const I plane = plane_.plane();
      const I channels = plane_.c;
      all.push_back({"agrees with the input features reordered from H, W, C to C, H, W",
                     [plane, channels](const Shape& x, I o, I i, I h, I w) {
                       return at(x, o, (i % plane) * channels + i / plane, h, w);
                     }});
      all.push_back({"agrees with the input features reordered from C, H, W to H, W, C",
                     [plane, channels](const Shape& x, I o, I i, I h, I w) {
                       return at(x, o, (i % channels) * plane + i / channels, h, w);
                     }});
    }
    return all;
  }

  /// True when the outputs differ by one number a channel: only the bias is wrong.
  std::string solved_bias() const {
    const auto own = model_.parameters.of(id_);
    const Tensor mine = run_layer(own);
    if (!(mine.shape() == output_.shape())) return {};
    const Shape& s = mine.shape();
    // One value a channel cannot tell a wrong bias from anything else.
    if (s.n * s.plane() < 2) return {};
    Tensor shifted = mine.clone();
    const auto plane = static_cast<std::size_t>(s.plane());
    for (std::int64_t c = 0; c < s.c; ++c) {
      double sum = 0;
      const auto each = [&](auto&& visit) {
        for (std::int64_t n = 0; n < s.n; ++n) {
          const std::size_t first = static_cast<std::size_t>(n * s.c + c) * plane;
          for (std::size_t i = first; i < first + plane; ++i) visit(i);
        }
      };
      each([&](std::size_t i) { sum += double{output_.f32()[i]} - double{mine.f32()[i]}; });
      const auto mean = static_cast<float>(sum / static_cast<double>(s.n * s.plane()));
      each([&](std::size_t i) { shifted.f32()[i] += mean; });
    }
    if (!agrees(distance(shifted.f32(), output_.f32()), kSlack * tolerance_)) return {};
    return "only the bias differs: it is missing or another layer's";
  }

  std::string other_layers(std::span<const Tensor> own) const {
    int tried = 0;
    for (NodeId other = 0; other < model_.graph.size() && tried < kMostOthers; ++other) {
      const auto theirs = model_.parameters.of(other);
      if (other == id_ || theirs.size() != own.size()) continue;
      const bool fits =
          std::equal(own.begin(), own.end(), theirs.begin(),
                     [](const Tensor& a, const Tensor& b) { return a.shape() == b.shape(); });
      if (!fits) continue;
      ++tried;
      if (matches(theirs)) {
        return "agrees with the weights of '" + model_.graph.node(other).name +
               "': two layers of equal extents are exchanged";
      }
    }
    return {};
  }

  const Model& model_;
  const Reference& reference_;
  NodeId id_;
  const Node& node_;
  double tolerance_;
  const Stream& stream_;
  Shape plane_;
  Tensor input_, output_;
};

}  // namespace

std::string diagnose(const Model& model,
                     const Reference& reference,
                     NodeId node,
                     double tolerance,
                     const Stream& stream) {
  return Diagnosis(model, reference, node, tolerance, stream).run();
}

}  // namespace cutaway::explain
