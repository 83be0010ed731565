#include "explain/graph/edge_selection.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/pattern_graph.h"

namespace cutaway::explain::graph {
namespace {

double at(std::span<const float> values, std::int64_t i) {
  return static_cast<double>(values[static_cast<std::size_t>(i)]);
}

/// Affinities are told apart to this share of the largest: parents that move alike differ by
/// rounding only, they are ties.
constexpr double kGrain = 1e-5;

/// On the CPU 5 MB of affinities; on a device as much as fits easily, so that rows travel once.
std::int64_t nodes_at_a_time(const Stream& stream, std::int64_t candidates) {
  if (device_of(stream).kind == Device::Kind::kCpu) return 1024;
  return std::max<std::int64_t>(1024, (std::int64_t{1} << 28) / (8 * candidates));
}

/// Near the border of the map a node's mean position says little.
bool near_border(const Config& config, const LayerSpec& child, const Layer& parent, std::size_t n) {
  for (const float mean : {parent.mean_h[n], parent.mean_w[n]}) {
    const auto q = static_cast<double>(mean);
    const auto size =
        static_cast<double>(config.released.border_of_child ? child.size : parent.spec.size);
    const double inside = config.released.border_of_child ? size / 2 - std::abs(size / 2 - (q + 1))
                                                          : std::min(q + 0.5, size - 0.5 - q);
    if (inside < config.edge_margin * size) return true;
  }
  return false;
}

std::vector<double> variances(const Layer& parent,
                              std::span<const Records> records,
                              Reducer& reducer) {
  return mean_of(records, reducer, [&](const Records& r, std::int64_t n, std::int64_t i) {
    const double h = static_cast<double>(r.h.at(n, i)) - at(parent.mean_h, n);
    const double w = static_cast<double>(r.w.at(n, i)) - at(parent.mean_w, n);
    return h * h + w * w;
  });
}

std::vector<std::int32_t> admissible(const Config& config,
                                     const LayerSpec& child,
                                     const Layer& parent,
                                     std::span<const Records> records,
                                     Reducer& reducer) {
  const auto nodes = static_cast<std::size_t>(parent.count());
  std::vector<bool> barred(nodes);
  for (std::size_t n = 0; n < nodes; ++n) barred[n] = near_border(config, child, parent, n);
  if (config.static_fraction > 0) {
    const std::vector<double> variance = variances(parent, records, reducer);
    std::vector<std::size_t> order(nodes);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(
        order, [&](std::size_t a, std::size_t b) { return variance[a] < variance[b]; });
    const auto count =
        static_cast<std::size_t>(std::ceil(config.static_fraction * static_cast<double>(nodes)));
    for (std::size_t k = 0; k < std::min(count, nodes); ++k) barred[order[k]] = true;
  }
  std::vector<std::int32_t> kept;
  for (std::size_t n = 0; n < nodes; ++n) {
    if (!barred[n]) kept.push_back(static_cast<std::int32_t>(n));
  }
  std::ranges::stable_sort(kept, [&](std::int32_t a, std::int32_t b) {
    return parent.mean_total[static_cast<std::size_t>(a)] >
           parent.mean_total[static_cast<std::size_t>(b)];
  });
  if (kept.size() > static_cast<std::size_t>(config.candidates)) {
    kept.resize(static_cast<std::size_t>(config.candidates));
  }
  return kept;
}

/// What the released program adds to displacements: it maps them like positions.
double affine_offset(const Config& config, const LayerSpec& spec) {
  return config.released.affine_displacement ? spec.offset + 1 - spec.stride : 0;
}

}  // namespace

EdgeSelector::EdgeSelector(const Config& config,
                           const LayerSpec& child,
                           const Layer& parent,
                           std::span<const Records> records,
                           Reducer& reducer)
    : config_(config),
      child_(child),
      reducer_(reducer),
      candidates_(admissible(config, child, parent, records, reducer)) {
  const auto count = static_cast<std::int64_t>(candidates_.size());
  parents_ = std::min(config.parents, count);
  const double added = affine_offset(config, parent.spec);
  double totals[2] = {0, 0};  // sum of |y|^2, images
  squares_above_.resize(candidates_.size());
  for (const Records& r : records) {
    Shard shard{Rows(count, r.images()), Rows(count, r.images()), {}, {}};
    shard.mean_h.resize(static_cast<std::size_t>(r.images()));
    shard.mean_w.resize(shard.mean_h.size());
    for (std::int64_t m = 0; m < count; ++m) {
      const std::int32_t p = candidates_[static_cast<std::size_t>(m)];
      for (std::int64_t i = 0; i < r.images(); ++i) {
        const double h =
            parent.spec.stride * (static_cast<double>(r.h.at(p, i)) - at(parent.mean_h, p)) + added;
        const double w =
            parent.spec.stride * (static_cast<double>(r.w.at(p, i)) - at(parent.mean_w, p)) + added;
        shard.y_h.row(m)[i] = static_cast<float>(h);
        shard.y_w.row(m)[i] = static_cast<float>(w);
        shard.mean_h[static_cast<std::size_t>(i)] += h / static_cast<double>(count);
        shard.mean_w[static_cast<std::size_t>(i)] += w / static_cast<double>(count);
        totals[0] += h * h + w * w;
        squares_above_[static_cast<std::size_t>(m)] += h * h + w * w;
      }
    }
    totals[1] += static_cast<double>(r.images());
    shards_.push_back(std::move(shard));
  }
  reducer.sum(totals);
  reducer.sum(squares_above_);
  images_ = totals[1];
  mean_square_ = count > 0 ? totals[0] / (static_cast<double>(count) * images_) : 0;
}

std::vector<double> EdgeSelector::squares(std::span<const Records> records,
                                          const Terms& terms) const {
  std::vector<double> sums(static_cast<std::size_t>(child_.count()));
  for (const Records& r : records) {
    for (std::size_t n = 0; n < sums.size(); ++n) {
      const auto row = static_cast<std::int64_t>(n);
      for (std::int64_t i = 0; i < r.images(); ++i) {
        const double h = child_.stride * static_cast<double>(r.h.at(row, i)) -
                         static_cast<double>(terms.offset_h[n]);
        const double w = child_.stride * static_cast<double>(r.w.at(row, i)) -
                         static_cast<double>(terms.offset_w[n]);
        sums[n] += h * h + w * w;
      }
    }
  }
  reducer_.sum(sums);
  return sums;
}

std::vector<float> EdgeSelector::bandwidths(std::span<const Records> records,
                                            const Terms& terms) const {
  const auto nodes = static_cast<std::size_t>(child_.count());
  std::vector<double> sums(nodes);
  for (std::size_t s = 0; s < shards_.size(); ++s) {
    for (std::size_t n = 0; n < nodes; ++n) {
      const auto row = static_cast<std::int64_t>(n);
      for (std::int64_t i = 0; i < records[s].images(); ++i) {
        const auto image = static_cast<std::size_t>(i);
        const double h = child_.stride * static_cast<double>(records[s].h.at(row, i)) -
                         static_cast<double>(terms.offset_h[n]);
        const double w = child_.stride * static_cast<double>(records[s].w.at(row, i)) -
                         static_cast<double>(terms.offset_w[n]);
        sums[n] +=
            h * h + w * w - 2 * (h * shards_[s].mean_h[image] + w * shards_[s].mean_w[image]);
      }
    }
  }
  reducer_.sum(sums);
  std::vector<float> bandwidth(nodes);
  for (std::size_t n = 0; n < nodes; ++n) {
    const double h = sums[n] / images_ + mean_square_;
    bandwidth[n] = h > 0 ? static_cast<float>(h) : 1.0f;
  }
  return bandwidth;
}

EdgeSelector::Terms EdgeSelector::terms(std::span<const Records> records) const {
  const double added = affine_offset(config_, child_);
  const auto offsets = [&](Rows Records::*position) {
    const std::vector<double> mean =
        mean_of(records, reducer_, [&](const Records& r, std::int64_t n, std::int64_t i) {
          return static_cast<double>((r.*position).at(n, i));
        });
    std::vector<float> offset(mean.size());
    std::ranges::transform(mean, offset.begin(),
                           [&](double m) { return static_cast<float>(child_.stride * m - added); });
    return offset;
  };
  Terms result{.offset_h = offsets(&Records::h),
               .offset_w = offsets(&Records::w),
               .bandwidth = {},
               .squares = {}};
  if (config_.likeness == Likeness::kConcordance) {
    result.squares = squares(records, result);
  } else {
    result.bandwidth = bandwidths(records, result);
  }
  return result;
}

void EdgeSelector::measure(Stream& stream,
                           std::span<const Records> records,
                           const Terms& terms,
                           std::int64_t first,
                           std::int64_t last,
                           double* affinity,
                           Staging& there) const {
  const bool concordance = config_.likeness == Likeness::kConcordance;
  const auto candidates = static_cast<std::int64_t>(candidates_.size());
  for (std::size_t s = 0; s < shards_.size(); ++s) {
    const Records& r = records[s];
    const auto rows = static_cast<std::size_t>(child_.count() * r.h.stride());
    const auto above = static_cast<std::size_t>(candidates * r.h.stride());
    kernels::run(stream, kernels::PatternAffinity{
                             .first = first,
                             .last = last,
                             .candidates = candidates,
                             .images = r.images(),
                             .stride = r.h.stride(),
                             .position_h = there.read(r.h.data(), rows),
                             .position_w = there.read(r.w.data(), rows),
                             .peak = concordance ? nullptr : there.read(r.peak.data(), rows),
                             .scale = static_cast<float>(child_.stride),
                             .offset_h = there.read(terms.offset_h),
                             .offset_w = there.read(terms.offset_w),
                             .y_h = there.read(shards_[s].y_h.data(), above),
                             .y_w = there.read(shards_[s].y_w.data(), above),
                             .bandwidth = there.read(terms.bandwidth),
                             .out = affinity,
                             .accumulate = s > 0,
                             .product = concordance});
  }
}

std::vector<std::int32_t> EdgeSelector::select(Stream& stream,
                                               std::span<const Records> records,
                                               Observer& observer) const {
  const std::int64_t nodes = child_.count();
  const auto candidates = static_cast<std::int64_t>(candidates_.size());
  std::vector<std::int32_t> edges(static_cast<std::size_t>(nodes * parents_));
  if (parents_ == 0) return edges;
  const Terms own = terms(records);
  const bool concordance = config_.likeness == Likeness::kConcordance;
  const std::int64_t block = nodes_at_a_time(stream, candidates);
  std::vector<double> sum(static_cast<std::size_t>(std::min(block, nodes) * candidates));
  Staging there;
  for (std::int64_t first = 0; first < nodes; first += block) {
    const std::int64_t last = std::min(nodes, first + block);
    throw_if_cancelled(observer);
    const auto pairs = static_cast<std::size_t>((last - first) * candidates);
    const auto count = static_cast<std::size_t>(last - first);
    there.begin(stream);
    double* affinity =
        reducer_.alone() ? there.keep(sum.data(), pairs) : there.write(sum.data(), pairs);
    measure(stream, records, own, first, last, affinity, there);
    if (!reducer_.alone()) {
      there.finish(stream);
      reducer_.sum({sum.data(), pairs});
      there.begin(stream);
      affinity = there.write(sum.data(), pairs, true);
    }
    kernels::run(stream,
                 kernels::PatternBest{
                     .nodes = last - first,
                     .candidates = candidates,
                     .parents = parents_,
                     .grain = kGrain,
                     .affinity = affinity,
                     .nodes_above = there.read(candidates_),
                     .edges = there.write(edges.data() + first * parents_,
                                          count * static_cast<std::size_t>(parents_)),
                     .own = concordance ? there.read(own.squares.data() + first, count) : nullptr,
                     .other = concordance ? there.read(squares_above_) : nullptr,
                     .least = config_.least_likeness});
    there.finish(stream);
    observer.progress("edges", static_cast<double>(last), static_cast<double>(nodes));
  }
  return edges;
}

}  // namespace cutaway::explain::graph
