#include "explain/graph/instability.h"

#include <cmath>
#include <limits>

#include "explain/graph/ranking.h"
#include "runtime/philox.h"

namespace cutaway::explain::graph {

double instability(const LayerSpec& spec,
                   const Records& records,
                   std::int64_t node,
                   const Landmark& landmark,
                   const InstabilityOptions& options) {
  const auto wanted = static_cast<std::size_t>(options.best);
  std::vector<double> distances;
  std::size_t taken = 0;
  for (const std::int64_t i : best_images(records.total, node, records.images())) {
    if (taken == wanted) break;
    const PixelPoint& k = landmark[static_cast<std::size_t>(i)];
    taken += k.seen || options.choose_first ? 1 : 0;
    if (!k.seen) continue;
    distances.push_back(std::hypot(spec.pixel(static_cast<double>(records.h.at(node, i))) - k.h,
                                   spec.pixel(static_cast<double>(records.w.at(node, i))) - k.w));
  }
  if (distances.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  double mean = 0;
  for (const double d : distances) mean += d / static_cast<double>(distances.size());
  double squares = 0;
  for (const double d : distances) squares += (d - mean) * (d - mean);
  return std::sqrt(squares / static_cast<double>(distances.size() - 1)) /
         (options.side * std::sqrt(2.0));
}

double mean_instability(const LayerSpec& spec,
                        const Records& records,
                        const std::vector<std::int32_t>& nodes,
                        std::span<const Landmark> landmarks,
                        const InstabilityOptions& options) {
  double sum = 0;
  double count = 0;
  for (const std::int32_t node : nodes) {
    double own = 0;
    double seen = 0;
    for (const Landmark& landmark : landmarks) {
      const double d = instability(spec, records, node, landmark, options);
      if (std::isnan(d)) continue;
      own += d;
      seen += 1;
    }
    if (seen == 0) continue;
    sum += own / seen;
    count += 1;
  }
  return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
}

void note_strongest(std::span<const float> maps, std::int64_t image, Records& records) {
  const std::size_t cells = maps.size() / static_cast<std::size_t>(records.nodes());
  const auto size = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(cells))));
  for (std::int64_t d = 0; d < records.nodes(); ++d) {
    const auto map = maps.subspan(static_cast<std::size_t>(d) * cells, cells);
    std::size_t at = 0;
    for (std::size_t j = 1; j < cells; ++j) at = map[j] > map[at] ? j : at;
    records.h.row(d)[image] = static_cast<float>(at / size);
    records.w.row(d)[image] = static_cast<float>(at % size);
    records.peak.row(d)[image] = records.total.row(d)[image] = map[at];
  }
}

Records raw_filters(const FeatureMaps& features, std::span<const std::uint8_t> mirror) {
  Records records(features.filters(), features.images());
  for (std::int64_t i = 0; i < features.images(); ++i) {
    const bool turned = !mirror.empty() && mirror[static_cast<std::size_t>(i)] != 0;
    note_strongest(features.get(i, turned), i, records);
  }
  return records;
}

Records random_positions_like(const Records& like, const LayerSpec& spec, std::uint64_t seed) {
  Records records = like;
  const auto size = static_cast<float>(spec.size);
  for (std::int64_t n = 0; n < like.nodes(); ++n) {
    const Philox random{seed, static_cast<std::uint64_t>(n)};
    for (std::int64_t i = 0; i < like.images(); ++i) {
      const auto at = 2 * static_cast<std::uint64_t>(i);
      records.h.row(n)[i] = std::floor(size * random.uniform(at));
      records.w.row(n)[i] = std::floor(size * random.uniform(at + 1));
    }
  }
  return records;
}

}  // namespace cutaway::explain::graph
