#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "explain/evaluator.h"
#include "explain/occlusion/regional_occluder.h"

namespace cutaway::explain {

/// Positions of a square of `size` that is moved over `extent` pixels by `stride`, always inside:
/// 0, stride, ..., and last extent - size, so that every pixel is covered. Throws kUsage when it
/// does not fit.
[[nodiscard]] std::vector<std::int64_t> window_positions(std::int64_t extent,
                                                         std::int64_t size,
                                                         std::int64_t stride);
/// The squares at all positions, row by row.
[[nodiscard]] std::vector<Region> window_grid(const Shape& image,
                                              std::int64_t size,
                                              std::int64_t stride);

/// What a network answers when one region of an image at a time is painted over. Only what the
/// region reaches is computed anew, where that pays (RegionalOccluder); the rest is read from the
/// pass over the clean image. Both give the same answers to rounding.
class Occluder {
 public:
  enum class Passes : std::uint8_t { kAutomatic, kRegional, kFull };
  /// `output`: the logits. The model must outlive this.
  Occluder(const Model& model,
           NodeId output,
           const Evaluator::Resources& resources,
           std::vector<Region> regions,
           Passes passes = Passes::kAutomatic);

  /// take(region number, scores), in order. Reports regions to the observer of the resources as
  /// "occlusion" and throws Cancelled where that has cancelled. `image` is plain c x h x w; `fill`
  /// one value a channel.
  using Take = std::function<void(std::int64_t region, std::span<const float> scores)>;
  void run(std::span<const float> image, std::span<const float> fill, const Take& take);

  [[nodiscard]] const std::vector<Region>& regions() const noexcept { return regions_; }
  [[nodiscard]] bool regional() const noexcept { return regional_ != nullptr; }
  /// Multiply-adds of one region's pass, on average, as a share of the full pass's.
  [[nodiscard]] double work() const noexcept { return work_; }

 private:
  void make_head(const Model& model, NodeId features, NodeId output);
  void run_regional(std::span<const float> image, std::span<const float> fill, const Take& take);
  void run_head(std::size_t first, std::size_t count, Tensor& scores);
  void run_full(std::span<const float> image, std::span<const float> fill, const Take& take);

  Evaluator::Resources resources_;
  std::vector<Region> regions_;
  Shape shape_;
  std::unique_ptr<RegionalOccluder> regional_;  // null: full passes
  // The fully connected layers at the end run on large batches of their own: they read more weights
  // than anything else.
  std::unique_ptr<Model> head_model_;
  std::unique_ptr<CancelOnly> cancel_;
  std::unique_ptr<Executor> head_;
  Tensor features_;  // a row a region of the slab in hand
  std::unique_ptr<Evaluator> evaluator_;
  double work_{1.0};
};

}  // namespace cutaway::explain
