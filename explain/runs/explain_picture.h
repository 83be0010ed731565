#pragma once

#include <string>
#include <vector>

#include "explain/pictures/image.h"
#include "explain/runs/cell.h"
#include "explain/runs/choose_methods.h"
#include "explain/runs/explainers.h"
#include "explain/runs/paint.h"
#include "explain/runs/run_context.h"
#include "weights/package.h"

namespace cutaway::explain {

/// Explains pictures in memory by one method, one at a time: the same numbers as run_explain() gives
/// for their files. Keeps its plan, so that the second picture costs less than the first. One thread
/// at a time; several threads need one each.
class PictureExplainer {
 public:
  /// `layer` empty: the default one. The package and the context's observer outlive this. Throws
  /// kUsage and kUnsupported as choose_methods() does.
  PictureExplainer(const weights::Package& package,
                   const MethodChoice& method,
                   const std::string& layer,
                   const RunContext& context);

  /// The probability of every class. Throws what reading and preprocessing throw, kShape where the
  /// prepared picture does not fit the net.
  [[nodiscard]] std::vector<double> classify(const Image& photo);
  /// The map for a class; `target` as TargetRule takes it, but for what a list says. A map that means
  /// nothing has its reason in `warning`. Throws as classify() does, kUsage for an unknown target,
  /// and what the method throws.
  [[nodiscard]] MapCell explain(const Image& photo, const std::string& target);

 private:
  [[nodiscard]] std::vector<double> forward(const Image& photo);

  const weights::Package& package_;
  Explainers explainers_;
};

/// The figure of a map: the part of `photo` that the net saw under the map's colours, and a colour
/// bar, as run_explain() writes it.
[[nodiscard]] Image figure_of(const MapCell& map,
                              const Image& photo,
                              const weights::Preprocess& rule,
                              const PaintOptions& options = {});

}  // namespace cutaway::explain
