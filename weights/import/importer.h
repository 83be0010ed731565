#pragma once

#include <functional>
#include <string>

#include "layers/model.h"
#include "weights/import/import_plan.h"
#include "weights/package.h"

namespace cutaway::weights {

struct Imported {
  Model model;
  ImportReport report;
};

/// Reads all of `source` into a model. Strict: every parameter of the graph must be there in its
/// exact extents, of a floating-point type and finite, and every tensor of the source must be used,
/// except for what `options` and the bindings' exemptions name. Otherwise throws kInput with ALL
/// problems, one a line.
[[nodiscard]] Imported import_weights(const Source& source,
                                      Graph graph,
                                      const Bindings& bindings,
                                      const ImportOptions& options = {});

/// The same straight into a package file, in pieces (ImportPlan::stream says how much memory that
/// is). `header` has the graph, preprocessing and labels; its parameters are not used, and source
/// file and checksum of its provenance are filled in. No file is left behind on failure. Runs three
/// threads: the source is read and transposed ahead, and its digest taken beside. `poll` is called
/// before every piece; what it throws goes through.
ImportReport import_into_package(const Source& source,
                                 Package header,
                                 const Bindings& bindings,
                                 const ImportOptions& options,
                                 const std::string& path,
                                 const std::function<void()>& poll = {});

/// Bindings that the user's file adds to or puts before those of the format. JSON: an object whose
/// members are parameters, "conv1 weight", and whose values are names of source tensors or objects
///   {"source": "conv1_w", "axes": "HWIO->OIHW", "flip": true}.
/// Throws kInput for unknown nodes, parameters or tensors.
void apply_map(const std::string& path,
               const Source& source,
               const Graph& graph,
               Bindings& bindings);

/// How well an architecture of the zoo fits a source without one.
struct Fit {
  std::string architecture;
  std::size_t problems{0};
  std::string first;        ///< the first problem
  std::int64_t classes{0};  ///< with as many classes; 0: its own
};
/// All of the zoo, fewest problems first. `classes`: how many each is built with; 0: as many as the
/// tensor of its last layer with weights has, or its own where there is none. `options` count but
/// for allow_missing, whose patterns are about one architecture.
[[nodiscard]] std::vector<Fit> fitting_architectures(const Source& source,
                                                     const ImportOptions& options,
                                                     std::int64_t classes = 0);

}  // namespace cutaway::weights
