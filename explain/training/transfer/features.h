#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/runs/run_context.h"
#include "explain/training/data/labelled.h"
#include "weights/package.h"

namespace cutaway::training {

/// What one layer says of pictures: a row of `width` numbers each.
struct FeatureTable {
  std::string layer;
  std::int64_t width{0};
  std::vector<float> values;

  [[nodiscard]] std::span<const float> row(std::int64_t picture) const {
    return std::span(values).subspan(static_cast<std::size_t>(picture * width),
                                     static_cast<std::size_t>(width));
  }
};

/// Runs every picture through the net once. Maps are averaged over their plane; every row is
/// brought to length 1. Progress is "features". Throws kUsage for unknown layers, Cancelled, and
/// what reading a picture throws.
[[nodiscard]] std::vector<FeatureTable> extract_features(const weights::Package& package,
                                                         const LabelledSet& set,
                                                         const std::vector<std::string>& layers,
                                                         std::int64_t batch,
                                                         const explain::RunContext& context);

/// The layers looked at when the user names none: four rectified maps evenly over the depth, and
/// what the classifier reads.
[[nodiscard]] std::vector<std::string> transfer_layers(const Graph& graph);

}  // namespace cutaway::training
