#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "explain/evaluator.h"
#include "layers/regional/regional_model.h"

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
/// region reaches is computed anew, where that pays (RegionalModel); the rest is read from the pass
/// over the clean image. Both give the same answers to rounding.
class Occluder {
 public:
  enum class Passes : std::uint8_t { kAutomatic, kRegional, kFull };
  /// `output`: the logits. The model must outlive this.
  Occluder(const Model& model,
           NodeId output,
           const Evaluator::Resources& resources,
           std::vector<Region> regions,
           Passes passes = Passes::kAutomatic);

  /// take(region number, scores), in order. `image` is plain c x h x w; `fill` one value a channel.
  using Take = std::function<void(std::int64_t region, std::span<const float> scores)>;
  void run(std::span<const float> image, std::span<const float> fill, const Take& take);

  [[nodiscard]] const std::vector<Region>& regions() const noexcept { return regions_; }
  [[nodiscard]] bool regional() const noexcept { return !groups_.empty(); }
  /// Multiply-adds of one region's pass, on average, as a share of the full pass's.
  [[nodiscard]] double work() const noexcept { return work_; }

 private:
  /// Regions about equally far from the borders: what they reach is about equally large, so that windows of one size
  /// suit them all.
  struct Group {
    std::vector<std::size_t> members;
    std::unique_ptr<RegionalModel> regional;
    std::unique_ptr<Executor> executor;
    Tensor input;
  };

  [[nodiscard]] std::vector<Group> grouped() const;
  void make_executor(Group& group);
  void run_regional(std::span<const float> image, std::span<const float> fill, const Take& take);
  void run_group(Group& group, std::span<const float> image, std::span<const float> fill, Tensor& scores);
  void run_full(std::span<const float> image, std::span<const float> fill, const Take& take);
  [[nodiscard]] int threads() const;

  const Model& model_;
  NodeId output_;
  Evaluator::Resources resources_;
  std::vector<Region> regions_;
  Shape shape_;
  std::vector<Group> groups_;  // empty: full passes
  std::unique_ptr<Executor> full_;
  std::unique_ptr<Evaluator> evaluator_;
  double work_{1.0};
};

}  // namespace cutaway::explain
