#pragma once

#include <string>
#include <vector>

#include "explain/pictures/source.h"
#include "explain/runs/run_context.h"
#include "explain/runs/steps.h"
#include "explain/units/run/units_run.h"
#include "explain/units/top_activations.h"
#include "weights/package.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// A picture of the data that a map answers strongly.
struct ElsewhereImage {
  std::string name;
  Activation where;
  Image seen;
  Tensor input;
};

/// The strongest units of a layer's maps over other data (Zeiler & Fergus 2013, figure 7 (c)).
class Elsewhere {
 public:
  /// `data` may be empty; not standard input, for it is gone through again.
  Elsewhere(std::vector<std::string> data,
            const SourceOptions& source,
            const weights::Package& package,
            const RunContext& context);

  /// Goes through the data once; keeps `most` units a map, and in `steps` how far it is.
  void search(NodeId layer, std::int64_t most, Steps& steps);
  /// The strongest of a map, at most `count`, without the picture `but` (by its file, or name).
  /// Empty without a search.
  [[nodiscard]] std::vector<ElsewhereImage> best_of(std::int64_t map,
                                                    const ImageEntry& but,
                                                    std::int64_t count) const;

 private:
  UnitsJob job_;
  const weights::Package& package_;
  const RunContext& context_;
  std::vector<UnitsLayer> found_;
};

}  // namespace cutaway::explain

#pragma GCC visibility pop
