#pragma once

#include <cstdint>
#include <vector>

#include "explain/visualize/ascent.h"

namespace cutaway::explain {

/// The steps of one ascent: gradients that lead somewhere where plain ones are 0, progress, and at
/// the end what is to be doubted.
class Climber {
 public:
  /// The ascent has `steps` steps. Score and objective must outlive it.
  Climber(LayerScore& score, const Objective& objective, std::int64_t steps)
      : score_(score), objective_(objective), steps_(steps) {}

  /// The objective at x. g becomes its gradient and, for images whose gradient is 0 everywhere, or
  /// for all if `rescue`, that of rescue_rules().
  double step(const Tensor& x, Tensor& g, bool rescue = false);

  /// The objective at x, where the ascent ended. Adds to the result's notes how many steps were
  /// rescued, and writes its doubts: kStuck where an image's gradient is 0 everywhere, also the
  /// rescued one or after steps that did not get away from there; kNotFinite where values of the
  /// picture or the objective are not finite.
  double finish(const Tensor& x, Ascended& result);

 private:
  LayerScore& score_;
  const Objective& objective_;
  std::int64_t steps_, done_{0}, rescued_{0};
};

}  // namespace cutaway::explain
