#pragma once

#include <functional>
#include <string>
#include <vector>

#include "explain/compare/feature_extractor.h"
#include "explain/compare/run/job.h"
#include "explain/pictures/image.h"
#include "explain/report/manifest.h"
#include "explain/runs/run_context.h"
#include "explain/runs/steps.h"
#include "weights/package.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// The pictures that could be read, with their vectors at every layer.
struct Collection {
  std::vector<std::string> names;
  std::vector<std::int64_t> places;   ///< of each among the inputs
  std::vector<std::int64_t> classes;  ///< numbers of class_names; -1: unknown
  std::vector<std::string> class_names;
  std::vector<Image> thumbnails;  ///< at most 48 pixels a side
  std::vector<LayerFeatures> features;
  std::vector<Manifest::Failure> failures;

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(names.size()); }
  /// At least two classes, and one of them with two pictures.
  [[nodiscard]] bool labelled() const;
};

/// The class of an entry: its label with the name that a list's column `name` has, or else the
/// folder its name begins with; empty: unknown.
[[nodiscard]] std::string class_of(const ImageEntry& entry);

/// Reads all pictures once. A picture that cannot be used is a failure of that picture. `steps` keeps
/// the vectors of each batch and gives those back that it knows; `name` tells networks apart in it.
[[nodiscard]] Collection collect(const CompareJob& job,
                                 const weights::Package& package,
                                 const std::vector<FeatureRequest>& requests,
                                 const RunContext& context,
                                 Steps& steps,
                                 const std::string& name);

/// Reads pictures again: `use` is called for each of these places, in the order of the inputs, with
/// its number among `places`, what the net sees and the input made of it.
void revisit(const CompareJob& job,
             const weights::Package& package,
             const std::vector<std::int64_t>& places,
             const RunContext& context,
             const std::function<void(std::size_t, const Image&, const Tensor&)>& use);

/// HDF5 with /features/LAYER/REPRESENTATION (pictures x numbers, float32), /labels (float32; -1:
/// unknown), /names and /classes (a text, a line each): h5py.File(path)["/features/fc/gap"][:].
void write_dump(const std::string& path, const Collection& collection, const Graph& graph);

}  // namespace cutaway::explain

#pragma GCC visibility pop
