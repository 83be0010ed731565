#pragma once

#include <string>
#include <vector>

#include "explain/evaluate/continuity.h"
#include "explain/evaluate/run/job.h"
#include "explain/pictures/image.h"
#include "weights/package.h"

namespace cutaway::explain {

/// What maps are compared between.
enum class Motion : std::uint8_t {
  kTranslation,  ///< frames of a picture moved by a pixel each
  kJitter,       ///< a picture and its copies with noise
  kClass         ///< pictures explained for one class
};
/// "translation", "jitter", "class".
[[nodiscard]] const char* to_string(Motion motion);

/// Ratios |R(x) - R(x')|_1 / |x - x'|_2 of one row (method or baseline) over all pictures.
struct ContinuityRow {
  std::string method;
  Motion motion{Motion::kTranslation};
  bool normalized{false};  ///< of maps divided by their sum
  Continuity ratio;  ///< the maximum over, the quantile and the mean as means over the sequences
};

/// Continuity of explanations (Montavon et al. 2018, section 7.1) by every method and baseline, a
/// sequence of each sort a picture.
class ContinuityStudy {
 public:
  /// `explainers`: a row each, at the input's size. All are borrowed.
  ContinuityStudy(const EvaluateJob& job,
                  const weights::Package& package,
                  const RunContext& context,
                  std::vector<std::string> rows,
                  std::vector<Explainer> explainers);

  /// A picture (1 x c x h x w) explained for `target`. The first picture's frames are drawn.
  void add(const Tensor& picture, std::int64_t target);
  /// The ratios; of Motion::kClass where two pictures have one target.
  [[nodiscard]] std::vector<ContinuityRow> rows();
  /// The first picture moving beside its maps, each on one scale over all frames.
  [[nodiscard]] const std::vector<Image>& frames() const noexcept { return frames_; }

 private:
  struct Found {
    std::vector<Continuity> raw, normalized;
  };
  void note(std::size_t row, Motion motion, const ContinuityResult& result);
  void draw(const Tensor& moved, std::int64_t target);

  const EvaluateJob& job_;
  const weights::Package& package_;
  const RunContext& context_;
  std::vector<std::string> rows_;
  std::vector<Explainer> explainers_;
  PixelSpace pixels_;
  std::vector<Found> found_[3];  // a row each
  std::vector<std::pair<std::int64_t, Tensor>> kept_;
  std::vector<Image> frames_;
};

[[nodiscard]] std::string continuity_csv(const std::vector<ContinuityRow>& rows);

}  // namespace cutaway::explain
