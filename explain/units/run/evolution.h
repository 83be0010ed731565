#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/units/run/units_run.h"

namespace cutaway::explain {

/// One map at one checkpoint: its strongest activation over all the data.
struct EvolutionEntry {
  Activation best;
  std::string name;     ///< of that image
  bool changed{false};  ///< another image than at the checkpoint before
};

struct EvolutionLayer {
  std::string name;
  std::vector<std::int64_t> maps;
  std::vector<std::vector<EvolutionEntry>> entries;  ///< a map, a checkpoint
};

struct EvolutionSummary {
  std::int64_t images{0}, failed{0};
  std::vector<std::string> checkpoints;  ///< their names, in order
  std::vector<EvolutionLayer> layers;
  std::string index, manifest;
  bool complete_before{false};  ///< a finished run was resumed: index and manifest alone are known
};

/// How feature maps come into being (Zeiler & Fergus 2013, figure 4): at each
/// checkpoint of a training, the projection of each map's strongest activation over the data.
/// `job.model_path` is not read and `job.top` is 1; without job.maps, sixteen maps evenly spaced
/// are shown. Writes, for every layer, LAYER.png (rows: maps, columns: checkpoints; a frame where
/// the strongest image is another one than before), evolution.json, index.html, and manifest.json
/// last. With job.resume goes on where the same run was stopped. Throws kInput when the checkpoints are not of one architecture.
[[nodiscard]] EvolutionSummary run_evolution(const UnitsJob& job,
                                             const std::vector<std::string>& checkpoints,
                                             const RunContext& context);

}  // namespace cutaway::explain
