#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "explain/evaluate/fill.h"
#include "explain/evaluate/importance.h"
#include "explain/evaluator.h"
#include "layers/class_head.h"
#include "runtime/observer.h"

namespace cutaway::explain {

/// Which score a curve records.
enum class ScoreKind : std::uint8_t { kProbability, kLogit };

/// In which order pixels change.
enum class PixelOrder : std::uint8_t {
  kMostImportantFirst,
  kLeastImportantFirst,
  kRandom  ///< keyed by CurveRequest::seed
};

/// One curve: pixels change from one picture to another, in steps, and the class score is recorded.
struct CurveRequest {
  bool insertion{false};  ///< from the filled picture to the intact one; else the other way
  PixelOrder order{PixelOrder::kMostImportantFirst};
  ScoreKind score{ScoreKind::kProbability};
  ClassHead head{ClassHead::kSoftmax};  ///< of the network, for probabilities
  Fill fill;                            ///< RISE: kZero for deletion, kBlur for insertion
  std::int64_t step{
      0};  ///< pixels a step (all channels of a pixel together); 0: the picture's width,
           ///< RISE's 224 for a picture of 224
  std::int64_t patch{
      1};  ///< changes squares of that side, ranked by their mean importance; those at
           ///< the right and lower border may be smaller
  std::uint64_t seed{0};
};

/// Deletion and insertion as RISE defines them (Petsiuk et al. 2018, section 4.1, and its code).
[[nodiscard]] CurveRequest deletion();
[[nodiscard]] CurveRequest insertion();

/// ceil(units / step) + 1 scores, from no pixel changed to all.
struct PerturbationCurve {
  std::vector<double> score;
  std::vector<double> fraction;  ///< of the pixels that have changed
  /// RISE's area, (sum of scores - half the first - half the last) / steps.
  double area{0};
  /// The trapezoid over `fraction`, which differs where the last step is a short one.
  double trapezoid{0};
};

/// RISE's area under a curve of at least two scores.
[[nodiscard]] double curve_area(std::span<const double> scores);

/// One map and one way to read it.
struct CurveTask {
  std::span<const float> importance;  ///< h x w of the network's input, row-major
  CurveRequest request;
};
/// The curves of one picture (1 x c x h x w of the network's input) for class `target`, all in one
/// run of `evaluator` (the picture to the logits), so in full batches. A picture's curves do not
/// depend on other pictures. NaN in a map counts as least important. A sample is a step of the
/// progress "perturbations". Throws kShape, kUsage.
[[nodiscard]] std::vector<PerturbationCurve> perturbation_curves(
    Evaluator& evaluator,
    const Tensor& picture,
    std::int64_t target,
    std::span<const CurveTask> tasks,
    Observer& observer = silent_observer());

/// Pixels or patches in the order in which a request changes them: row-major numbers of patches.
/// Stable: equal importance keeps the order of the numbers.
[[nodiscard]] std::vector<std::int64_t> change_order(std::span<const float> importance,
                                                     std::int64_t height,
                                                     std::int64_t width,
                                                     const CurveRequest& request);

/// Selectivity with the order made anew (Montavon et al. 2018, section 7.2): after every step the
/// map of what is left is drawn again, and its most important patches that are still there go.
/// `request` says fill, patch, step (in patches; 0: one) and score; insertion and other orders are
/// kUsage. One explanation a step: for small pictures or large patches.
[[nodiscard]] PerturbationCurve selectivity_recomputed(Evaluator& evaluator,
                                                       const Explainer& explainer,
                                                       const Tensor& picture,
                                                       std::int64_t target,
                                                       const CurveRequest& request,
                                                       Observer& observer = silent_observer());

/// Average drop and increase (Chattopadhay et al. 2018, section 4.1) of one picture and map: the
/// class probability of the intact picture, and of the picture times its map scaled to [0, 1].
struct MaskedScore {
  double intact{0}, masked{0};
  [[nodiscard]] double drop() const {  ///< in percent of the intact probability
    return intact > 0.0 ? 100.0 * (intact > masked ? intact - masked : 0.0) / intact : 0.0;
  }
  [[nodiscard]] bool increased() const { return masked > intact; }
};
/// One result a map (h x w each), in one run. A constant map masks everything.
[[nodiscard]] std::vector<MaskedScore> masked_scores(Evaluator& evaluator,
                                                     const Tensor& picture,
                                                     std::int64_t target,
                                                     std::span<const std::span<const float>> maps,
                                                     Observer& observer = silent_observer(),
                                                     ClassHead head = ClassHead::kSoftmax);

}  // namespace cutaway::explain
