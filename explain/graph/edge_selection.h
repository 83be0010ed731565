#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "explain/graph/graph.h"
#include "explain/graph/records.h"
#include "explain/graph/reducer.h"
#include "explain/graph/staging.h"
#include "runtime/observer.h"
#include "runtime/stream.h"

namespace cutaway::explain::graph {

/// Joins nodes of a layer to nodes of the layer above that move with them. Displacements in pixels
/// are y of the candidate parents and x of the own nodes; the affinity of n and m is
///   sum over images of peak_n exp(-|x_n - y_m|^2 / (2 h_n)),
///   h_n = mean |x_n - y_m|^2 over candidates and images,
/// and the M candidates of the greatest affinity become the parents (ties: the better-ranked); or,
/// as Config::likeness says, those of the greatest concordance,
///   1 - sum |x_n - y_m|^2 / (sum |x_n|^2 + sum |y_m|^2),
/// as many of them as have at least Config::least_likeness and more than 0; -1 stands for the
/// others.
class EdgeSelector {
 public:
  /// `records` are the final ones of the parent layer, a shard each; they are not kept.
  EdgeSelector(const Config& config,
               const LayerSpec& child,
               const Layer& parent,
               std::span<const Records> records,
               Reducer& reducer);

  /// Parents a node: min(M, candidates); 0 when nothing above may be a parent.
  [[nodiscard]] std::int64_t parents() const noexcept { return parents_; }
  [[nodiscard]] std::span<const std::int32_t> candidates() const noexcept { return candidates_; }
  /// N x parents(), from the records of the child layer's previous pass.
  /// Reports nodes to the observer as "edges"; throws Cancelled where that has cancelled.
  [[nodiscard]] std::vector<std::int32_t> select(Stream& stream,
                                                 std::span<const Records> records,
                                                 Observer& observer = silent_observer()) const;

 private:
  struct Shard {
    Rows y_h, y_w;                       // of the candidates
    std::vector<double> mean_h, mean_w;  // over the candidates, an image each
  };
  /// What else likeness needs of the own nodes: one of the last two, as Config::likeness says.
  struct Terms {
    std::vector<float> offset_h, offset_w;  // x = scale position - offset
    std::vector<float> bandwidth;           // h
    std::vector<double> squares;            // sum of |x|^2 over the images
  };
  [[nodiscard]] Terms terms(std::span<const Records> records) const;
  [[nodiscard]] std::vector<double> squares(std::span<const Records> records,
                                            const Terms& terms) const;
  [[nodiscard]] std::vector<float> bandwidths(std::span<const Records> records,
                                              const Terms& terms) const;
  /// Nodes [first, last) against all candidates, over the images of all shards.
  void measure(Stream& stream,
               std::span<const Records> records,
               const Terms& terms,
               std::int64_t first,
               std::int64_t last,
               double* affinity,
               Staging& there) const;

  Config config_;
  LayerSpec child_;
  Reducer& reducer_;
  std::vector<std::int32_t> candidates_;
  std::int64_t parents_{0};
  std::vector<double> squares_above_;  // sum of |y_m|^2 over the images
  double images_{0}, mean_square_{0};
  std::vector<Shard> shards_;
};

/// Mean over all images of all shards of rows of `of(records)`.
template <class F>
[[nodiscard]] std::vector<double> mean_of(std::span<const Records> shards,
                                          Reducer& reducer,
                                          const F& of) {
  const auto nodes = static_cast<std::size_t>(shards.front().nodes());
  std::vector<double> sums(nodes + 1);
  for (const Records& records : shards) {
    for (std::size_t n = 0; n < nodes; ++n) {
      for (std::int64_t i = 0; i < records.images(); ++i) {
        sums[n] += of(records, static_cast<std::int64_t>(n), i);
      }
    }
    sums[nodes] += static_cast<double>(records.images());
  }
  reducer.sum(sums);
  const double images = sums.back();
  sums.pop_back();
  for (double& v : sums) v /= images;
  return sums;
}

}  // namespace cutaway::explain::graph
