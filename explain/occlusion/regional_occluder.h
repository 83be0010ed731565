#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "explain/evaluator.h"
#include "layers/regional/regional_model.h"

namespace cutaway::explain {

/// What a node of a network holds when one region of an image at a time is painted over, computed
/// only where the region reaches; the rest is read from the pass over the clean image. On a CPU
/// every thread carries patches of its own through all layers: no thread ever waits for another.
class RegionalOccluder {
 public:
  /// The model must outlive this. Throws kUnsupported when the network cannot be restricted
  /// (RegionalModel).
  RegionalOccluder(const Model& model,
                   NodeId output,
                   const Evaluator::Resources& resources,
                   std::span<const Region> regions);

  /// Multiply-adds of one region's pass, on average.
  [[nodiscard]] double macs() const noexcept { return macs_; }
  /// Regions by groups, in the order in which run() takes them.
  [[nodiscard]] std::span<const std::size_t> order() const noexcept { return order_; }

  /// Passes over the clean image. It is read where it lies until the last run().
  void bind(std::span<const float> image, std::span<const float> fill);
  /// store(region, values of the node, plain) for order()[first] to order()[last - 1]; regions of
  /// equal groups run together. Called from several threads for different regions. Reports regions
  /// to the observer of the resources as "occlusion", as parts of all regions, and throws Cancelled
  /// where that has cancelled, between two layers of a pass at the latest.
  using Store = std::function<void(std::size_t region, std::span<const float> values)>;
  void run(std::size_t first, std::size_t last, const Store& store);

 private:
  /// Regions about equally far from the borders: what they reach is about equally large, so that
  /// windows of one size suit them all.
  struct Group {
    std::vector<std::size_t> members;
    std::size_t first{0};  ///< of its members in order_
  };
  /// One group as one thread runs it.
  struct Lane {
    std::unique_ptr<RegionalModel> regional;
    std::unique_ptr<Executor> executor;
    Tensor input;
  };
  struct Worker {
    std::vector<Lane> lanes;  ///< one a group; all in one arena
  };
  struct Job {
    std::size_t group, first, count;  ///< of order_
  };

  void make_groups();
  void make_workers(const Evaluator::Resources& resources);
  [[nodiscard]] std::vector<Plan> plans(const Worker& worker,
                                        const Stream& stream,
                                        std::size_t budget) const;
  void run_job(Worker& worker, const Job& job, const Store& store);
  void report(std::size_t done) const;

  const Model& model_;
  NodeId output_;
  std::vector<Region> regions_;
  Shape shape_;
  std::vector<Group> groups_;
  std::vector<std::size_t> order_;
  std::int64_t most_{1};  ///< patches a batch
  kernels::EngineOptions engines_;
  Observer* observer_;
  CancelOnly cancel_;
  std::unique_ptr<Executor> full_;
  std::vector<Worker> workers_;
  std::span<const float> image_, fill_;
  double macs_{0};
};

/// Copies the window of `image` (plain, `plane`) that begins at (row, column) and is as large as
/// `patch`, of shape `window`; 0 outside, and `fill`, a value a channel, where `painted` lies.
void paint_window(std::span<const float> image,
                  const Shape& plane,
                  const Region& painted,
                  std::span<const float> fill,
                  std::int64_t row,
                  std::int64_t column,
                  const Shape& window,
                  std::span<float> patch);

}  // namespace cutaway::explain
