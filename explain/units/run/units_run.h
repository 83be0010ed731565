#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/pictures/source.h"
#include "explain/runs/complaints.h"
#include "explain/runs/run_context.h"
#include "explain/units/top_activations.h"
#include "weights/package.h"

namespace cutaway::explain {

/// What `cutaway units` is to do.
struct UnitsJob {
  std::string model_path, out, rules{"deconvnet"};
  /// As open_images; no standard input, for the data is gone through twice.
  std::vector<std::string> data;
  SourceOptions source;
  std::vector<std::string> layers;
  std::vector<std::int64_t> maps;  ///< empty: all of each layer
  std::int64_t top{9}, batch{16};
  bool resume{false}, overwrite{false};
};

/// The strongest units of one layer.
struct UnitsLayer {
  std::string name;
  NodeId node{0};
  std::vector<std::int64_t> maps;  ///< those that were chosen
  TopActivations best;
  bool regional{false};  ///< projected inside receptive fields (TileProjector)
};

struct UnitsSummary {
  std::int64_t images{0}, failed{0}, projections{0};
  std::vector<UnitsLayer> layers;
  std::string index, manifest;
  double search_seconds{0}, project_seconds{0};
  bool complete_before{false};  ///< a finished run was resumed: index and manifest alone are known
};

/// Finds, for every chosen map, the images that drive it most, and shows the part of each that the
/// unit sees beside the unit's projection (Zeiler & Fergus 2013, figure 2). Two
/// passes over the data: the first keeps the strongest activations only, the second reads the
/// images they came from again. Writes
///   units.h5       activations, patches, projections (explain/units/run/store.h)
///   units.json     the same without pictures: image, name, value, row and column
///   LAYER/map-0017.png, ...            a picture a map
///   LAYER.png, LAYER/sheet-2.png, ...  sheets of them
///   index.html
///   manifest.json  written last
/// With `resume` goes on where the same run was stopped in the folder, in either pass. Pictures that cannot be read are counted and skipped. Throws kUsage for unknown layers, maps and
/// rules.
[[nodiscard]] UnitsSummary run_units(const UnitsJob& job,
                                     const weights::Package& package,
                                     const RunContext& context);

/// The first pass alone: the strongest activations of `layers` over the data.
struct UnitSearch {
  std::vector<UnitsLayer> layers;
  std::int64_t images{0};
  Complaints complaints;  ///< pictures that could not be read
};
[[nodiscard]] UnitSearch find_units(const UnitsJob& job,
                                    const weights::Package& package,
                                    const RunContext& context);
/// Throws kUsage when the data cannot be gone through twice.
void check_data(const UnitsJob& job);
/// The data; what the run writes is no part of it.
[[nodiscard]] ImageSourcePtr open_units_data(const UnitsJob& job);

}  // namespace cutaway::explain
