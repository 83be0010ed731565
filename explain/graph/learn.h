#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "explain/graph/edge_selection.h"
#include "explain/graph/feature_maps.h"
#include "explain/graph/graph.h"
#include "explain/graph/layer_pass.h"
#include "explain/graph/records.h"
#include "explain/graph/reducer.h"
#include "runtime/observer.h"
#include "runtime/stream.h"

namespace cutaway::explain::graph {

/// Features of a shard of the images: one entry a layer, from the shallowest.
using ShardFeatures = std::vector<FeatureMaps>;

/// First positions of a layer's nodes, cells.
struct Positions {
  std::vector<float> h, w;
};
/// Distinct random cells for the nodes of every filter, each moved by up to `jitter`. A function of
/// its arguments alone.
[[nodiscard]] Positions random_positions(const LayerSpec& spec,
                                         std::size_t layer,
                                         double jitter,
                                         std::uint64_t seed);

/// Everything needed to go on learning: between two passes, nothing else lives.
struct Snapshot {
  std::int64_t layer{-1};  ///< being learned; -1 when all are
  std::int64_t pass{1};    ///< the next, from 1
  std::int64_t restart{0};
  std::vector<Layer> layers;                      ///< those above `layer` are finished
  std::vector<std::vector<Records>> records;      ///< a layer each, a shard each; of the finished
  std::vector<std::vector<std::uint8_t>> mirror;  ///< a shard each; empty without flips
  std::vector<Records> current;                   ///< of the layer being learned
  double best_score{-1};                          ///< of the restarts so far
  Layer best_layer;
  std::vector<Records> best_records;
  std::vector<std::vector<std::uint8_t>> best_mirror;
};

/// What a pass did.
struct PassReport {
  std::int64_t layer{0}, pass{0};
  bool last{false};      ///< the layer is finished
  double movement{0};    ///< mean change of position of the nodes, cells
  double likelihood{0};  ///< evidence-weighted mean of the log mixture; 0 unless asked for
  double score{0};       ///< sum over images and nodes of the total score
};

/// Learns a graph, layer after layer from the top, each by T passes of expectation maximisation and
/// a last one with the final parameters. The result depends on features, configuration and seed;
/// not on the number of threads, and on the split into shards only by rounding of double sums.
class Learner {
 public:
  /// `first` are the first positions of each layer, random where empty. Throws kShape when features
  /// do not fit the layers, kUsage on a bad configuration. Shards must not be empty; features must
  /// outlive the learner.
  Learner(std::vector<LayerSpec> specs,
          const Config& config,
          std::vector<const ShardFeatures*> shards,
          Stream stream,
          std::vector<Positions> first = {},
          Reducer* reducer = nullptr);

  /// Computes PassReport::likelihood, which costs a logarithm a candidate.
  void watch_likelihood(bool on) noexcept { likelihood_ = on; }
  [[nodiscard]] bool done() const noexcept { return state_.layer < 0; }
  /// Passes there are in all, for a progress bar.
  [[nodiscard]] std::int64_t passes() const;
  /// Throws Cancelled where the observer has cancelled, but only where snapshot() is still good: before
  /// the pass over the images, and while edges are chosen.
  PassReport step();
  /// Hears the edges of a layer as "edges" (nodes) and the pass over the images as "images". Must
  /// outlive the learner.
  void set_observer(Observer& observer) noexcept { observer_ = &observer; }

  [[nodiscard]] const Snapshot& snapshot() const noexcept { return state_; }
  /// Goes on where `snapshot` was taken from a learner of the same arguments; throws kShape when it
  /// does not fit.
  void resume(Snapshot snapshot);
  /// The graph; throws kInternal before it is done. Records and orientations stay in snapshot().
  [[nodiscard]] ExplanatoryGraph graph() const;

 private:
  /// Why a snapshot, or its layer l, does not belong to these arguments; empty where it does.
  [[nodiscard]] std::string misfit(const Snapshot& snapshot) const;
  [[nodiscard]] std::string misfit(const Snapshot& snapshot, std::size_t l) const;
  [[nodiscard]] bool is_top() const {
    return state_.layer + 1 == static_cast<std::int64_t>(specs_.size());
  }
  [[nodiscard]] std::int64_t last_pass() const;
  [[nodiscard]] const FeatureMaps& features(std::size_t shard) const;
  void begin_layer();
  void look_up();
  void set_parameters();
  void choose_orientations();
  [[nodiscard]] double update(const PassSums& sums, std::int64_t pass);
  void finish_layer();
  [[nodiscard]] bool another_restart(double score);
  [[nodiscard]] double score() const;
  [[nodiscard]] double ratio() const;

  std::vector<LayerSpec> specs_;
  Config config_;
  std::vector<const ShardFeatures*> shards_;
  Stream stream_;
  std::vector<Positions> first_;
  Reducer alone_;
  Reducer* reducer_;
  bool likelihood_{false};
  Observer* observer_{&silent_observer()};
  Snapshot state_;
  // Follow from the state; made anew by begin_layer() and resume().
  std::unique_ptr<LayerPass> pass_;
  std::unique_ptr<EdgeSelector> selector_;
  std::vector<Motion> motion_;
};

}  // namespace cutaway::explain::graph
