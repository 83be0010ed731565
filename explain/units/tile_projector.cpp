#include "explain/units/tile_projector.h"

#include <algorithm>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

// Units a pass. Windows of deep layers are large: more would cost memory and gain nothing.
constexpr std::int64_t kBatch = 9;
// A regional pass computes forward and backward for each unit, a whole one shares its forward pass
// among the units of an image: beyond this share of the whole, that is worth more than the smaller
// windows.
constexpr double kWorthIt = 0.6;

}  // namespace

TileProjector::TileProjector(const Model& model,
                             std::vector<NodeId> layers,
                             const RuleSet& rules,
                             const Shape& input,
                             const Evaluator::Resources& resources,
                             Passes passes)
    : channels_(input.c) {
  check(!layers.empty(), "projections of no layer");
  std::vector<NodeId> whole;
  for (const NodeId layer : layers) {
    frames_.push_back(unit_frame(model.graph, layer, input));
    regional_.emplace_back();
    whole_at_.push_back(whole.size());
    if (passes != Passes::kWhole) {
      try {
        auto projector =
            std::make_unique<RegionalProjector>(model, layer, rules, resources, kBatch);
        if (passes == Passes::kRegional || projector->work() <= kWorthIt)
          regional_.back() = std::move(projector);
      } catch (const Error& error) {
        if (passes == Passes::kRegional || error.kind() != ErrorKind::kUnsupported) throw;
      }
    }
    if (!regional_.back()) whole.push_back(layer);
  }
  if (!whole.empty()) {
    whole_ = std::make_unique<UnitProjector>(model, std::move(whole), rules, input,
                                             resources.stream, resources.engines);
    whole_->set_observer(*resources.observer);
  }
}

std::size_t TileProjector::batch(std::size_t layer) const {
  return regional(layer) ? static_cast<std::size_t>(kBatch) : 1;
}

std::vector<float> TileProjector::in_frame(std::size_t layer,
                                           const RegionalProjector::Projection& projection,
                                           const Executor::Unit& unit) const {
  const UnitFrame& frame = frames_[layer];
  const FrameOrigin origin = frame_origin(frame, unit.row, unit.column);
  const std::int64_t h = projection.region.rows.size(), w = projection.region.columns.size();
  const std::int64_t top = projection.region.rows.first - origin.row;
  const std::int64_t left = projection.region.columns.first - origin.column;
  check(top >= 0 && left >= 0 && top + h <= frame.height && left + w <= frame.width,
        "what a unit sees lies in its frame");
  std::vector<float> tile(static_cast<std::size_t>(channels_ * frame.height * frame.width));
  for (std::int64_t c = 0; c < channels_; ++c) {
    for (std::int64_t i = 0; i < h; ++i) {
      std::copy_n(projection.pixels.begin() + (c * h + i) * w, w,
                  tile.begin() + (c * frame.height + top + i) * frame.width + left);
    }
  }
  return tile;
}

std::vector<std::vector<float>> TileProjector::project(std::size_t layer,
                                                       std::span<const Job> jobs) {
  std::vector<std::vector<float>> tiles;
  if (!regional(layer)) {
    for (const Job& job : jobs) {
      if (job.number != set_) whole_->set_image(*job.image);
      set_ = job.number;
      tiles.push_back(
          std::move(whole_->project_units(whole_at_.at(layer), std::span(&job.unit, 1)).front()));
    }
    return tiles;
  }
  std::vector<RegionalProjector::Job> units;
  for (const Job& job : jobs)
    units.push_back({job.image->f32(), job.unit.channel, job.unit.row, job.unit.column});
  const auto projections = regional_[layer]->project(units);
  for (std::size_t i = 0; i < jobs.size(); ++i)
    tiles.push_back(in_frame(layer, projections[i], jobs[i].unit));
  return tiles;
}

}  // namespace cutaway::explain
