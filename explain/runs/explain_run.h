#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/pictures/source.h"
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
  std::vector<MethodChoice> methods;
  std::vector<std::string> left_out;  ///< of a group, with the reason
  std::vector<std::string> targets;   ///< TargetRule texts
  std::vector<std::string> layers;    ///< empty: the default one
  std::optional<TenCrops> crops;      ///< empty: the package's own crop
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
  std::int64_t flat{0}, meaningless{0};                       ///< maps, by their doubts
  std::int64_t resumed{0};                                    ///< images that were there already
  std::vector<std::pair<std::string, std::string>> failures;  ///< file, why: the first thousand
  std::vector<Explainers::Layer> layers;
  std::string report, manifest;
  double forward_seconds{0}, explain_seconds{0}, write_seconds{0};
};

/// Explains all pictures: one forward pass a batch and layer, whatever the number of methods and
/// targets. In the output folder appear
///   {image}__{method}__{layer}__{class}.npy, .png
///                   a raw map and its picture; images from the thousandth on in sub-folders of a
///                   thousand. With `pack` the raw maps go into maps.h5 (explain/runs/pack.h)
///   index.jsonl     a line an image: its predictions and maps, or why it failed
///                   (explain/runs/journal.h)
///   sheet.png       the first pictures side by side
///   report.html, report-2.html, ...
///                   the first `report_rows` pictures
///   manifest.json   written last: all that is needed to run it again
///
/// Memory does not depend on the number of images. A run that was stopped, however, is continued
/// with `resume`: it gives what an uninterrupted one gives. Throws kUsage when the folder holds
/// another run.
///
/// A picture that cannot be read, or whose class scores are not finite, is listed and skipped. Maps
/// that mean nothing, or on which there is nothing to see, say so in the report and in index.jsonl. Throws kMismatch when weights or logits are
/// not, bit for bit, what they were before.
[[nodiscard]] ExplainSummary run_explain(const ExplainJob& job,
                                         const weights::Package& package,
                                         const RunContext& context);

}  // namespace cutaway::explain
