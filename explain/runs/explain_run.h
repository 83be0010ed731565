#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "explain/pictures/source.h"
#include "explain/runs/choose_methods.h"
#include "explain/runs/crops.h"
#include "explain/runs/explainers.h"
#include "explain/runs/paint.h"
#include "explain/runs/run_context.h"
#include "weights/package.h"

namespace cutaway::explain {

/// What `cutaway explain` is to do.
struct ExplainJob {
  std::string model_path, out;
  std::vector<std::string> inputs;  ///< as given, to know the run again
  SourceOptions source;
  std::vector<MethodChoice> methods;  ///< methods and groups (explain/runs/choose_methods.h)
  std::vector<MethodChoice> options;  ///< further options of methods, a method each
  std::vector<std::string> targets;   ///< TargetRule texts
  std::vector<std::string> layers;    ///< empty: the default one
  CropOptions crops;
  std::int64_t batch{4};
  bool raw{true}, pictures{true}, report{true};
  bool pack{false};       ///< maps.h5 instead of a raw file a map
  bool resume{false};     ///< go on where a run with the same job was stopped
  bool overwrite{false};  ///< the folder may hold another run
  bool shared_scale{false};
  std::int64_t report_rows{500};  ///< pictures in the report
  PaintOptions paint;
};

/// What came of it.
struct ExplainSummary {
  std::int64_t images{0}, maps{0}, failed{0};
  std::int64_t refused{0};  ///< maps that a method could not make, or that mean nothing
  std::int64_t resumed{0};  ///< images that were there already
  std::vector<std::pair<std::string, std::string>> failures;  ///< file, why: the first thousand
  std::vector<std::string> refusals;  ///< methods and layers that the net cannot serve, with why
  std::vector<Explainers::Layer> layers;
  std::string report, manifest;
  double forward_seconds{0}, explain_seconds{0}, write_seconds{0};

  /// Nothing that was asked for is missing.
  [[nodiscard]] bool clean() const { return failed == 0 && refused == 0 && refusals.empty(); }
};

/// Explains all pictures: one forward pass a batch, whatever the number of methods, layers and
/// targets. In the output folder appear
///   {image}__{method}__{layer}__{class}.npy, .png
///                   a raw map and its picture (explain/runs/output_names.h); images from the
///                   thousandth on in sub-folders of a thousand. With `pack` the raw maps go into
///                   maps.h5 (explain/runs/pack.h)
///   index.jsonl     a line an image: its predictions and maps, or why it failed
///                   (explain/runs/journal.h)
///   sheet.png       the first pictures side by side
///   report.html, report-2.html, ...
///                   the first `report_rows` pictures
///   manifest.json   written last: all that is needed to run it again
///
/// Memory does not depend on the number of images. A run that was stopped, however, is continued
/// with `resume`: it gives what an uninterrupted one gives. Throws kUsage when the folder holds
/// another run, or what is read.
///
/// A picture that cannot be read is listed and skipped; so is a method that the net cannot serve
/// beside others that it can, and a map that a method cannot make. Throws kMismatch when weights or
/// logits are not, bit for bit, what they were before.
[[nodiscard]] ExplainSummary run_explain(const ExplainJob& job,
                                         const weights::Package& package,
                                         const RunContext& context);

}  // namespace cutaway::explain
