#include "explain/localization/graph_cut.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "explain/localization/min_cut.h"
#include "explain/render/normalize.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr std::size_t kMostPixels = std::size_t{1} << 22U;

Rgb pixel_at(const Image& image, std::size_t i) {
  return {image.rgb[3 * i], image.rgb[3 * i + 1], image.rgb[3 * i + 2]};
}

double squared_difference(Rgb a, Rgb b) {
  const double r = static_cast<double>(a.r) - b.r, g = static_cast<double>(a.g) - b.g,
               c = static_cast<double>(a.b) - b.b;
  return r * r + g * g + c * c;
}

void check_input(const Image& picture, const Map& saliency, const GraphCutOptions& o) {
  validate(picture, "picture to cut");
  validate(saliency, "saliency map");
  if (picture.width != saliency.width || picture.height != saliency.height) {
    throw Error(ErrorKind::kShape, "GraphCut: picture and saliency map differ")
        .expected(std::to_string(picture.width) + "x" + std::to_string(picture.height))
        .got(std::to_string(saliency.width) + "x" + std::to_string(saliency.height));
  }
  if (saliency.values.size() > kMostPixels) {
    throw Error(ErrorKind::kMemory, "GraphCut: the picture is too large")
        .expected("at most 4194304 pixels")
        .hint("scale it down");
  }
  if (std::ranges::any_of(saliency.values, [](float v) { return std::isnan(v); })) {
    throw Error(ErrorKind::kUsage, "GraphCut: the saliency map holds NaN");
  }
  const bool good = o.high >= 0.0 && o.high <= 1.0 && o.low >= 0.0 && o.low <= o.high &&
                    o.gamma >= 0.0 && std::isfinite(o.gamma) && o.iterate >= 1 && o.iterate <= 100;
  if (!good) {
    throw Error(ErrorKind::kUsage, "options of GraphCut")
        .expected("0 <= low <= high <= 1, gamma >= 0, 1 to 100 cuts");
  }
}

/// Calls f(a, b, distance) for all pairs of neighbours, each once.
template <class F>
void for_neighbours(int width, int height, F f) {
  const double diagonal = std::sqrt(2.0);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto at = static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                      static_cast<std::size_t>(x);
      const auto row = static_cast<std::size_t>(width);
      if (x + 1 < width) f(at, at + 1, 1.0);
      if (y + 1 >= height) continue;
      f(at, at + row, 1.0);
      if (x + 1 < width) f(at, at + row + 1, diagonal);
      if (x > 0) f(at, at + row - 1, diagonal);
    }
  }
}

/// Pixels of a colour model, as a mask. Strict inequalities; where ties leave fewer than `least`,
/// the share itself by a stable sort.
ByteMap seeds(const Map& saliency, double limit, bool above, double share, std::size_t least) {
  ByteMap mask = make_byte_map(saliency.width, saliency.height);
  std::size_t count = 0;
  for (std::size_t i = 0; i < mask.values.size(); ++i) {
    const double v = static_cast<double>(saliency.values[i]);
    mask.values[i] = (above ? v > limit : v < limit) ? 1 : 0;
    count += mask.values[i];
  }
  if (count >= least) return mask;
  std::vector<std::size_t> order(mask.values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    const float u = saliency.values[a], v = saliency.values[b];
    return above ? u > v : u < v;
  });
  const auto wanted = static_cast<std::size_t>(share * static_cast<double>(order.size()));
  order.resize(std::min(order.size(), std::max({wanted, least, std::size_t{1}})));
  std::ranges::fill(mask.values, std::uint8_t{0});
  for (const std::size_t i : order) mask.values[i] = 1;
  return mask;
}

std::vector<Rgb> colours(const Image& picture, const ByteMap& mask, std::uint8_t label) {
  std::vector<Rgb> some;
  for (std::size_t i = 0; i < mask.values.size(); ++i) {
    if (mask.values[i] == label) some.push_back(pixel_at(picture, i));
  }
  return some;
}

class Cutter {
 public:
  Cutter(const Image& picture, const GraphCutOptions& o) : picture_(picture), options_(o) {
    double sum = 0.0;
    for_neighbours(picture.width, picture.height, [&](std::size_t a, std::size_t b, double) {
      sum += squared_difference(pixel_at(picture, a), pixel_at(picture, b));
      ++pairs_;
    });
    beta_ = sum > 0.0 ? static_cast<double>(pairs_) / (2.0 * sum) : 0.0;
  }

  [[nodiscard]] double beta() const { return beta_; }
  [[nodiscard]] double energy() const { return energy_; }

  /// Labels all pixels; `hard_*` empty: no pixel is held.
  ByteMap cut(const GaussianMixture& fg,
              const GaussianMixture& bg,
              const ByteMap* hard_fg,
              const ByteMap* hard_bg) {
    const std::size_t count = picture_.rgb.size() / 3;
    MinCut graph(count, pairs_);
    std::vector<double> sums(hard_fg != nullptr ? count : 0, 0.0);
    for_neighbours(
        picture_.width, picture_.height, [&](std::size_t a, std::size_t b, double distance) {
          const double weight =
              options_.gamma / distance *
              std::exp(-beta_ * squared_difference(pixel_at(picture_, a), pixel_at(picture_, b)));
          graph.add_edges(a, b, weight, weight);
          if (!sums.empty()) {
            sums[a] += weight;
            sums[b] += weight;
          }
        });
    const double hold = 1.0 + (sums.empty() ? 0.0 : *std::ranges::max_element(sums));
    double shifted = 0.0;
    for (std::size_t i = 0; i < count; ++i) {
      if (hard_fg != nullptr && (hard_fg->values[i] != 0 || hard_bg->values[i] != 0)) {
        graph.add_terminals(i, hard_fg->values[i] != 0 ? hold : 0.0,
                            hard_fg->values[i] != 0 ? 0.0 : hold);
        continue;
      }
      const Rgb colour = pixel_at(picture_, i);
      const double as_fg = -fg.log_density(colour), as_bg = -bg.log_density(colour);
      const double shift = std::min(as_fg, as_bg);
      graph.add_terminals(i, as_bg - shift, as_fg - shift);
      shifted += shift;
    }
    energy_ = graph.solve() + shifted;
    ByteMap label = make_byte_map(picture_.width, picture_.height);
    for (std::size_t i = 0; i < count; ++i) label.values[i] = graph.on_source_side(i) ? 1 : 0;
    return label;
  }

 private:
  const Image& picture_;
  const GraphCutOptions& options_;
  std::size_t pairs_{0};
  double beta_{0}, energy_{0};
};

}  // namespace

GraphCutResult graph_cut(const Image& picture, const Map& saliency, const GraphCutOptions& o) {
  check_input(picture, saliency, o);
  GraphCutResult result;
  result.high = quantile(saliency.values, o.high);
  result.low = quantile(saliency.values, o.low);
  const auto least = static_cast<std::size_t>(std::max(1, o.mixture.components));
  const ByteMap high = seeds(saliency, result.high, true, 1.0 - o.high, least);
  const ByteMap low = seeds(saliency, result.low, false, o.low, least);
  Cutter cutter(picture, o);
  result.beta = cutter.beta();
  std::vector<Rgb> fg = colours(picture, high, 1), bg = colours(picture, low, 1);
  MixtureOptions of_fg = o.mixture, of_bg = o.mixture;
  of_fg.stream = 2 * o.mixture.stream;
  of_bg.stream = of_fg.stream + 1;
  for (int round = 0; round < o.iterate; ++round) {
    const GaussianMixture inside(fg, of_fg), outside(bg, of_bg);
    result.foreground =
        cutter.cut(inside, outside, o.hard_seeds ? &high : nullptr, o.hard_seeds ? &low : nullptr);
    fg = colours(picture, result.foreground, 1);
    bg = colours(picture, result.foreground, 0);
    if (fg.empty() || bg.empty()) break;  // nothing left to refit
  }
  result.energy = cutter.energy();
  std::optional<Component> object = largest_component(result.foreground);
  if (!object) {
    result.fallback = true;
    object = largest_component(mask_above(saliency, static_cast<float>(result.high)));
  }
  if (object) result.box = object->box;
  return result;
}

}  // namespace cutaway::explain
