#include "explain/graph/ranking.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace cutaway::explain::graph {

std::int64_t usual_best(std::int64_t images) {
  return std::min<std::int64_t>(20, (images + 3) / 4);
}

std::vector<float> rank_nodes(std::span<const Records> shards,
                              std::int64_t best,
                              double unit,
                              Reducer& reducer) {
  double images[1] = {0};
  for (const Records& r : shards) images[0] += static_cast<double>(r.images());
  reducer.sum(images);
  const auto all = static_cast<std::int64_t>(images[0]);
  const auto count = static_cast<std::size_t>(std::min(all, best > 0 ? best : usual_best(all)));
  const std::int64_t nodes = shards.front().nodes();
  // Each process sends its largest scores of every node; together they hold the largest of all.
  std::vector<float> own(static_cast<std::size_t>(nodes) * count);
  std::vector<float> row;
  const auto keep_largest = [&](float* to) {
    row.resize(std::max(row.size(), count), 0.0f);  // scores are never negative
    std::partial_sort(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(count), row.end(),
                      std::greater<>());
    std::copy_n(row.begin(), count, to);
  };
  for (std::int64_t n = 0; n < nodes; ++n) {
    row.clear();
    for (const Records& r : shards)
      row.insert(row.end(), r.total.row(n), r.total.row(n) + r.images());
    keep_largest(own.data() + static_cast<std::size_t>(n) * count);
  }
  const std::vector<float> gathered = reducer.gather(std::move(own));
  const std::size_t block = static_cast<std::size_t>(nodes) * count;
  std::vector<float> rank(static_cast<std::size_t>(nodes));
  std::vector<float> largest(count);
  for (std::size_t n = 0; n < rank.size(); ++n) {
    row.clear();
    for (std::size_t p = 0; p < gathered.size(); p += block) {
      const auto from = gathered.begin() + static_cast<std::ptrdiff_t>(p + n * count);
      row.insert(row.end(), from, from + static_cast<std::ptrdiff_t>(count));
    }
    keep_largest(largest.data());
    const double sum = std::accumulate(largest.begin(), largest.end(), 0.0);
    rank[n] = static_cast<float>(sum / static_cast<double>(count) / unit);
  }
  return rank;
}

std::vector<std::int64_t> best_images(const Rows& scores, std::int64_t node, std::int64_t count) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(scores.images()));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const float* row = scores.row(node);
  std::ranges::stable_sort(order, [&](std::int64_t a, std::int64_t b) { return row[a] > row[b]; });
  order.resize(static_cast<std::size_t>(std::min(count, scores.images())));
  return order;
}

}  // namespace cutaway::explain::graph
