#include <algorithm>
#include <cstdio>

#include "explain/methods/methods.h"
#include "explain/rules/rules.h"
#include "explain/tensor_math.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// The max pooling that reads `layer`, through layers that keep its extents, or what such a pooling
/// reads; the layer itself where there is none.
NodeId anchored(const Graph& graph, NodeId layer, const std::string& anchor) {
  const auto kind = [&](NodeId id) { return graph.node(id).layer->kind(); };
  if (anchor == "relu" && kind(layer) == LayerKind::kMaxPool) return graph.node(layer).inputs[0];
  NodeId at = layer;
  while (anchor == "pooled" && kind(at) != LayerKind::kMaxPool) {
    if (graph.node(at).consumers.size() != 1) return layer;
    at = graph.node(at).consumers[0];
    const LayerKind next = kind(at);
    if (next != LayerKind::kMaxPool && next != LayerKind::kRelu && next != LayerKind::kLrn)
      return layer;
  }
  return at;
}

/// The deconvnet projection of one unit (Zeiler & Fergus 2013, section 2.1): the layer is zero
/// but for one entry, which keeps its activation; unpool, rectify, transposed filter, down to the
/// signed pixels.
class Deconvnet final : public Method {
 public:
  explicit Deconvnet(const Options& o)
      : channel_(o.integer("channel")),
        row_(o.integer("row")),
        column_(o.integer("column")),
        lrn_(o.text("lrn")),
        overlap_(o.text("overlap")),
        anchor_(o.text("anchor")) {
    if ((row_ < 0) != (column_ < 0) || (row_ >= 0 && channel_ < 0)) {
      throw Error(ErrorKind::kUsage, "a unit needs a channel, a row and a column");
    }
  }
  std::string_view name() const noexcept override { return "deconvnet"; }

  LayerUse layer_use() const noexcept override { return LayerUse::kRequired; }
  void plan(const Graph& graph, const Setting& setting, Needs& needs) override {
    layer_ = anchored(graph, required_layer(setting), anchor_);
    layer_name_ = graph.node(layer_).name;
    needs.tap(layer_);
    pass_ = needs.backward(deconvnet_rules(lrn_ == "gradient", overlap_ == "overwrite"), layer_, 0);
  }

  Explanation explain(Passes& passes) const override {
    const Tensor& maps = passes.tap(layer_);
    Explanation e;
    e.method = "deconvnet";
    e.rules = "deconvnet";
    e.layer = layer_name_;
    e.kind = MapKind::kReconstruction;
    e.target = TargetKind::kUnit;
    e.options = {{"channel", channel_}, {"row", row_},         {"column", column_},
                 {"lrn", lrn_},         {"overlap", overlap_}, {"anchor", anchor_}};
    std::vector<Executor::Unit> units;
    for (std::int64_t n = 0; n < maps.shape().n; ++n) {
      units.push_back(choose(maps, n));
      const Executor::Unit& u = units.back();
      e.targets.push_back(u.channel);
      char note[96];
      std::snprintf(note, sizeof note, "unit %lld at (%lld, %lld), activation %.4g",
                    static_cast<long long>(u.channel), static_cast<long long>(u.row),
                    static_cast<long long>(u.column), static_cast<double>(u.value));
      e.notes.emplace_back(note);
    }
    e.map = passes.gradient(pass_, 0, units);
    return e;
  }

 private:
  [[nodiscard]] Executor::Unit choose(const Tensor& maps, std::int64_t image) const {
    const Shape& s = maps.shape();
    const std::int64_t channel = channel_ >= 0 ? channel_ : strongest_channel(maps, image);
    if (channel >= s.c || row_ >= s.h || column_ >= s.w) {
      throw Error(ErrorKind::kUsage, "unit to explain")
          .at(layer_name_)
          .expected("channel, row and column within " + to_string(s))
          .got(std::to_string(channel) + ", " + std::to_string(row_) + ", " +
               std::to_string(column_));
    }
    if (row_ >= 0)
      return {channel, row_, column_, maps.ref().in().at(image, channel, row_, column_)};
    const Peak p = peak(maps, image, channel);
    return {channel, p.row, p.column, p.value};
  }

  std::int64_t channel_, row_, column_;
  std::string lrn_, overlap_, anchor_, layer_name_;
  NodeId layer_{0};
  std::size_t pass_{0};
};

}  // namespace

MethodEntry deconvnet_method() {
  MethodFacts facts;
  facts.name = "deconvnet";
  facts.summary = "deconvnet projection of a layer's strongest (or any) unit";
  facts.source = "Zeiler & Fergus 2013, section 2.1";
  facts.layer = LayerUse::kRequired;
  facts.target = TargetKind::kUnit;
  facts.map = MapKind::kReconstruction;
  facts.options = {
      integer_option("channel", -1, -1, 1 << 20, "the map; -1: the strongest in the picture"),
      integer_option("row", -1, -1, 1 << 20, "of the unit; -1: where the map is strongest"),
      integer_option("column", -1, -1, 1 << 20, "of the unit; -1: where the map is strongest"),
      word_option("lrn", {"identity", "gradient"}, "how the signal passes local normalisation"),
      word_option("overlap", {"add", "overwrite"},
                  "what unpooling windows that share a switch do there"),
      word_option("anchor", {"named", "pooled", "relu"},
                  "the layer as named, the max pooling that reads it (the paper's layers 1, 2 and "
                  "5), or what that pooling reads")};
  return {std::move(facts),
          [](const Options& o) -> MethodPtr { return std::make_unique<Deconvnet>(o); }};
}

}  // namespace cutaway::explain
