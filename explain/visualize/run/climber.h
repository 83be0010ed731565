#pragma once

#include <vector>

#include "explain/pictures/image.h"
#include "explain/runs/run_context.h"
#include "explain/visualize/ascent.h"
#include "explain/visualize/run/subjects.h"
#include "explain/visualize/run/visualize_run.h"
#include "weights/package.h"

namespace cutaway::explain {

/// Weight of the mean over pairs of variants, in an objective summed over the pictures: Lucid sums
/// over ordered pairs, divides by the pictures, and sets that against the objective's mean over
/// them.
[[nodiscard]] double diversity_of_pairs(const VisualizeJob& job);

/// Climbs subjects one after the other, in the mode of the job. Reports the steps under the
/// subject's name; throws Cancelled, between two layers of a pass at the latest, when the observer
/// says so.
class Climber {
 public:
  Climber(const VisualizeJob& job, const weights::Package& package, const RunContext& context);
  Climber(const Climber&) = delete;
  Climber& operator=(const Climber&) = delete;

  [[nodiscard]] Ascended climb(const Subject& subject);
  /// Of the last climb: pictures on the way, all of one size; empty unless the job wants them.
  [[nodiscard]] std::vector<Image> frames() const;
  /// Picture n for people: as a photograph, or, stretched, its differences from the mean picture,
  /// at full contrast.
  [[nodiscard]] Image image_of(const Tensor& picture, std::int64_t n) const;

 private:
  [[nodiscard]] Ascended climb(const Subject& subject, const Watch& watch);
  [[nodiscard]] Ascended climb_dream(const Subject& subject, const Watch& watch);
  [[nodiscard]] Tensor start_of_dream() const;

  const VisualizeJob& job_;
  const weights::Package& package_;
  const RunContext& context_;
  CancelOnly cancel_;
  PixelSpace pixels_;
  std::vector<Image> frames_;
};

}  // namespace cutaway::explain
