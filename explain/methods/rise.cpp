#include <algorithm>
#include <cmath>
#include <limits>

#include "explain/class_probability.h"
#include "explain/methods/methods.h"
#include "explain/methods/of_class.h"
#include "kernels/vector_sums.h"
#include "runtime/parallel.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

/// Weights of one pixel's two grid cells along an axis.
struct Tap {
  std::size_t low, high;
  float share;  // of `high`
};

/// Where pixel p of an axis of (cells + 1) * cell pixels falls on the grid: half-pixel centres; a
/// cell beyond the border is the mirror image without repeating the edge.
Tap tap_at(std::int64_t p, std::int64_t cells, std::int64_t cell) {
  const double scale = static_cast<double>(cells) / static_cast<double>((cells + 1) * cell);
  const double at = (static_cast<double>(p) + 0.5) * scale - 0.5;
  const auto low = static_cast<std::int64_t>(std::floor(at));
  const auto reflect = [&](std::int64_t i) {
    if (cells == 1) return std::int64_t{0};
    if (i < 0) return -i;
    return i >= cells ? 2 * (cells - 1) - i : i;
  };
  return {static_cast<std::size_t>(reflect(low)), static_cast<std::size_t>(reflect(low + 1)),
          static_cast<float>(at - static_cast<double>(low))};
}

/// RISE (Petsiuk et al. 2018, eq. 6 and section 3.2): the mean of random masks, each weighted by
/// the class's probability on the masked input: S = 1 / (N p) sum p_c(x o M) M. A mask is a grid of
/// cells x cells coins of probability p, resampled smoothly and shifted at random. Not centred:
/// only differences within a map mean something. A grid as fine as the image is taken as it is.
class Rise final : public Method {
 public:
  explicit Rise(const Options& o)
      : masks_(o.integer("masks")),
        cells_(o.integer("cells")),
        keep_(o.number("keep")),
        output_(o.text("output")),
        seed_(o.integer("seed")) {}
  std::string_view name() const noexcept override { return "rise"; }
  void plan(const Graph&, const Setting&, Needs&) override {}
  double work(const Graph&) const override { return static_cast<double>(masks_); }

  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, "rise", "", MapKind::kScore);
    e.options = {{"masks", masks_},
                 {"cells", cells_},
                 {"keep", keep_},
                 {"output", output_},
                 {"seed", seed_}};
    const Shape& shape = passes.input().shape();
    const auto size = static_cast<std::size_t>(shape.c * shape.plane());
    const auto plane = static_cast<std::size_t>(shape.plane());
    e.map = zeros({shape.n, 1, shape.h, shape.w});
    for (std::int64_t n = 0; n < shape.n; ++n) {
      const auto i = static_cast<std::size_t>(n);
      e.doubts.push_back(explain_one(passes, n, passes.input().f32().subspan(i * size, size),
                                     passes.targets()[i], e.map.f32().subspan(i * plane, plane)));
    }
    return e;
  }

 private:
  void draw(std::uint64_t image,
            std::int64_t number,
            const Shape& shape,
            std::span<float> mask) const {
    const Philox random{static_cast<std::uint64_t>(seed_), image};
    const auto cells = static_cast<std::size_t>(cells_);
    // Each mask has counters of its own: the coins, then the two shifts.
    const std::uint64_t base = static_cast<std::uint64_t>(number) * (cells * cells + 4);
    std::vector<float> coins(cells * cells);
    for (std::size_t k = 0; k < coins.size(); ++k) {
      coins[k] = random.uniform(base + k) < static_cast<float>(keep_) ? 1.0f : 0.0f;
    }
    if (cells_ == shape.h && cells_ == shape.w) {
      std::ranges::copy(coins, mask.begin());
      return;
    }
    const std::int64_t cell_h = (shape.h + cells_ - 1) / cells_;
    const std::int64_t cell_w = (shape.w + cells_ - 1) / cells_;
    const auto shift = [&](std::size_t k, std::int64_t most) {
      return static_cast<std::int64_t>(random.word(base + coins.size() + k)) % most;
    };
    const std::int64_t top = shift(0, cell_h);
    const std::int64_t left = shift(1, cell_w);
    std::vector<Tap> across;
    for (std::int64_t j = 0; j < shape.w; ++j) across.push_back(tap_at(j + left, cells_, cell_w));
    for (std::int64_t i = 0; i < shape.h; ++i) {
      const Tap down = tap_at(i + top, cells_, cell_h);
      const float* upper = coins.data() + down.low * cells;
      const float* lower = coins.data() + down.high * cells;
      float* out = mask.data() + i * shape.w;
      for (std::size_t j = 0; j < across.size(); ++j) {
        const Tap& t = across[j];
        const float a = upper[t.low] + t.share * (upper[t.high] - upper[t.low]);
        const float b = lower[t.low] + t.share * (lower[t.high] - lower[t.low]);
        out[j] = a + down.share * (b - a);
      }
    }
  }

  Doubt explain_one(Passes& passes,
                    std::int64_t n,
                    std::span<const float> x,
                    std::int64_t target,
                    std::span<float> map) const {
    Evaluator& evaluator = passes.evaluator({0, passes.setting().logits});
    const Shape shape = evaluator.input_shape();
    const auto image = passes.image_number(n);
    std::vector<double> sum(map.size());
    double least = std::numeric_limits<double>::infinity(), most = -least;
    evaluator.run(
        masks_,
        [&](std::int64_t number, std::span<float> values) {
          std::vector<float> mask(map.size());
          draw(image, number, shape, mask);
          for (std::size_t i = 0; i < values.size(); ++i) values[i] = x[i] * mask[i % mask.size()];
        },
        [&](const Evaluator::Batch& b) {
          // Drawn again instead of kept: a mask costs a hundredth of a forward pass.
          std::vector<std::vector<float>> drawn(static_cast<std::size_t>(b.count),
                                                std::vector<float>(map.size()));
          parallel_for(evaluator.threads(), b.count, 1, [&](std::int64_t from, std::int64_t to) {
            for (std::int64_t k = from; k < to; ++k) {
              draw(image, b.first + k, shape, drawn[static_cast<std::size_t>(k)]);
            }
          });
          for (std::int64_t k = 0; k < b.count; ++k) {
            const double p =
                output_ == "logit"
                    ? static_cast<double>(b.scores(k)[static_cast<std::size_t>(target)])
                    : class_probability(b.scores(k), target, class_head(passes.graph()));
            least = std::min(least, p);
            most = std::max(most, p);
            kernels::add_scaled(std::span<const float>(drawn[static_cast<std::size_t>(k)]), p,
                                sum.data());
          }
        });
    const double scale = 1.0 / (static_cast<double>(masks_) * keep_);
    for (std::size_t i = 0; i < map.size(); ++i) map[i] = static_cast<float>(sum[i] * scale);
    if (!(least == most)) return {};
    return {DoubtKind::kFlat, "every mask gets the same answer: the map shows the masks alone"};
  }

  std::int64_t masks_, cells_;
  double keep_;
  std::string output_;
  std::int64_t seed_;
};

}  // namespace

MethodEntry rise_method() {
  MethodFacts facts;
  facts.name = "rise";
  facts.summary = "random masks weighted by the class probability they leave";
  facts.source = "Petsiuk et al. 2018, eq. 6";
  facts.map = MapKind::kScore;
  OptionFact keep = number_option("keep", 0.5, 0.0, 1.0, "probability that a cell is kept");
  keep.above_least = keep.below_most = true;
  facts.options = {
      integer_option("masks", 4000, 1, 1 << 24, "random masks"),
      integer_option("cells", 7, 1, 256, "cells of a mask along each side"), std::move(keep),
      word_option("output", {"probability", "logit"}, "what the net answers a mask with"),
      integer_option("seed", 0, 0, std::int64_t{1} << 62, "of the random numbers")};
  return {std::move(facts),
          [](const Options& o) -> MethodPtr { return std::make_unique<Rise>(o); }};
}

}  // namespace cutaway::explain
