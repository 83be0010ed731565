#include <cstdio>

#include "explain/methods/methods.h"
#include "explain/rules/rules.h"
#include "explain/tensor_math.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// The deconvnet projection of one unit (Zeiler & Fergus 2013; methods.md A.1): the layer is zero but for one
/// entry, which keeps its activation; unpool, rectify, transposed filter, down to the signed pixels.
/// Options: `channel` (-1: the map with the strongest response in this image), `row` and `column` (-1: where
/// the map is strongest), `lrn` = identity | gradient.
class Deconvnet final : public Method {
 public:
  explicit Deconvnet(const Attributes& o)
      : channel_(o.integer("channel", -1, -1, 1 << 20)),
        row_(o.integer("row", -1, -1, 1 << 20)),
        column_(o.integer("column", -1, -1, 1 << 20)),
        lrn_(o.text("lrn", "identity")) {
    if (lrn_ != "identity" && lrn_ != "gradient") {
      throw Error(ErrorKind::kUsage, "deconvnet option lrn").expected("identity or gradient").got(
          lrn_);
    }
    if ((row_ < 0) != (column_ < 0) || (row_ >= 0 && channel_ < 0)) {
      throw Error(ErrorKind::kUsage, "a unit needs a channel, a row and a column");
    }
  }
  std::string_view name() const noexcept override { return "deconvnet"; }

  void plan(const Graph& graph, const Setting& setting, Needs& needs) override {
    layer_ = required_layer(setting);
    layer_name_ = graph.node(layer_).name;
    needs.tap(layer_);
    pass_ = needs.backward(deconvnet_rules(lrn_ == "gradient"), layer_, 0);
  }

  Explanation explain(Passes& passes) const override {
    const Tensor& maps = passes.tap(layer_);
    Explanation e;
    e.method = "deconvnet";
    e.rules = "deconvnet";
    e.layer = layer_name_;
    e.kind = MapKind::kReconstruction;
    e.options = {{"channel", channel_}, {"row", row_}, {"column", column_}, {"lrn", lrn_}};
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
    if (row_ >= 0) return {channel, row_, column_, maps.ref().in().at(image, channel, row_, column_)};
    const Peak p = peak(maps, image, channel);
    return {channel, p.row, p.column, p.value};
  }

  std::int64_t channel_, row_, column_;
  std::string lrn_, layer_name_;
  NodeId layer_{0};
  std::size_t pass_{0};
};

}  // namespace

MethodPtr make_deconvnet(const Attributes& options) { return std::make_unique<Deconvnet>(options); }

}  // namespace cutaway::explain
