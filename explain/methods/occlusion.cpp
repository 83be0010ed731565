#include "explain/occlusion/occluder.h"

#include <cmath>

#include "explain/class_probability.h"
#include "explain/methods/constant_image.h"
#include "explain/methods/methods.h"
#include "explain/methods/of_class.h"

namespace cutaway::explain {
namespace {

/// Occlusion attribution (after Zeiler & Fergus 2013, section 4.2): R(pixel) = mean over the
/// windows that cover it of S_c(x) - S_c(x with the window painted over). Signed: what is above 0
/// speaks for the class.
class Occlusion final : public Method {
 public:
  explicit Occlusion(const Options& o)
      : window_(o.integer("window")),
        stride_(o.integer("stride")),
        fill_(o.text("fill")),
        output_(o.text("output")),
        passes_(o.text("passes")) {}
  std::string_view name() const noexcept override { return "occlusion"; }

  void plan(const Graph& graph, const Setting& setting, Needs& needs) override {
    const Shape& image = graph.node(0).shape;
    if (window_ == 0) window_ = std::max<std::int64_t>(1, (image.h + 3) / 7);
    if (stride_ == 0) stride_ = std::max<std::int64_t>(1, window_ / 4);
    regions_ = window_grid(image, window_, stride_);
    values_ = channel_values("fill", fill_, static_cast<std::size_t>(image.c));
    needs.tap(setting.logits);
  }
  double work(const Graph&) const override {
    return static_cast<double>(regions_.size()) * (occluder_ ? occluder_->work() : 1.0);
  }

  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, "occlusion", "", MapKind::kSigned);
    if (!occluder_) {
      const auto how = passes_ == "full"       ? Occluder::Passes::kFull
                       : passes_ == "regional" ? Occluder::Passes::kRegional
                                               : Occluder::Passes::kAutomatic;
      occluder_ = std::make_unique<Occluder>(passes.model(), passes.setting().logits,
                                             passes.resources(), regions_, how);
    }
    head_ = class_head(passes.graph());
    e.options = {
        {"window", window_},        {"stride", stride_}, {"fill", fill_},
        {"output", output_},        {"passes", passes_}, {"regional", occluder_->regional()},
        {"work", occluder_->work()}};
    const Shape& shape = passes.input().shape();
    const auto size = static_cast<std::size_t>(shape.c * shape.plane());
    const auto plane = static_cast<std::size_t>(shape.plane());
    e.map = zeros({shape.n, 1, shape.h, shape.w});
    for (std::int64_t n = 0; n < shape.n; ++n) {
      const auto i = static_cast<std::size_t>(n);
      explain_one(passes.input().f32().subspan(i * size, size), passes.scores(n),
                  passes.targets()[i], shape, e.map.f32().subspan(i * plane, plane));
    }
    return e;
  }

 private:
  [[nodiscard]] double answer(std::span<const float> scores, std::int64_t target) const {
    return output_ == "logit" ? static_cast<double>(scores[static_cast<std::size_t>(target)])
                              : class_probability(scores, target, head_);
  }

  void explain_one(std::span<const float> x,
                   std::span<const float> clean,
                   std::int64_t target,
                   const Shape& shape,
                   std::span<float> map) const {
    const double whole = answer(clean, target);
    std::vector<double> sum(map.size());
    std::vector<std::int32_t> covers(map.size());
    occluder_->run(x, values_, [&](std::int64_t k, std::span<const float> scores) {
      const double loss = whole - answer(scores, target);
      const Region& r = regions_[static_cast<std::size_t>(k)];
      for (std::int64_t i = r.rows.first; i <= r.rows.last; ++i) {
        for (std::int64_t j = r.columns.first; j <= r.columns.last; ++j) {
          const auto at = static_cast<std::size_t>(i * shape.w + j);
          sum[at] += loss;
          ++covers[at];
        }
      }
    });
    for (std::size_t i = 0; i < map.size(); ++i) {
      map[i] = covers[i] == 0 ? 0.0f : static_cast<float>(sum[i] / covers[i]);
    }
  }

  std::int64_t window_, stride_;
  std::string fill_, output_, passes_;
  std::vector<Region> regions_;
  std::vector<float> values_;
  mutable ClassHead head_{ClassHead::kSoftmax};
  mutable std::unique_ptr<Occluder> occluder_;  // made at the first image: its plans are large
};

}  // namespace

MethodEntry occlusion_method() {
  MethodFacts facts;
  facts.name = "occlusion";
  facts.summary = "score lost when a sliding window is painted over";
  facts.source = "after Zeiler & Fergus 2013, section 4.2";
  facts.map = MapKind::kSigned;
  facts.options = {
      integer_option("window", 0, 0, 1 << 15,
                     "pixels of the window's side; 0: a seventh of the height, 32 of 224"),
      integer_option("stride", 0, 0, 1 << 15, "pixels it moves; 0: a quarter of the window"),
      channels_option("fill", "zero", {"zero"},
                      "its colour: zero, the mean colour, or numbers a channel"),
      word_option("output", {"logit", "probability"}, "the answer whose loss is measured"),
      word_option("passes", {"automatic", "regional", "full"},
                  "regional: compute only what the window reaches; full: everything")};
  return {std::move(facts),
          [](const Options& o) -> MethodPtr { return std::make_unique<Occlusion>(o); }};
}

}  // namespace cutaway::explain
