#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/attributes.h"
#include "tools/explaining/paint.h"
#include "tools/images/list.h"
#include "tools/program/context.h"
#include "weights/package.h"

namespace cutaway::tools {

/// What `cutaway explain` is to do.
struct ExplainJob {
  std::string model_path, out;
  std::vector<std::string> methods;
  std::vector<std::pair<std::string, Attributes>> options;  ///< a method's name, its options
  std::vector<std::string> targets{"top1"};
  std::string layer;
  std::vector<ImageEntry> images;
  std::int64_t batch{4};
  bool raw{true}, pictures{true}, report{true};
  std::size_t report_rows{200};  ///< a page of more rows than that helps nobody
  PaintOptions paint;
};

/// What came of it.
struct ExplainSummary {
  std::int64_t images{0}, maps{0};
  std::vector<std::pair<std::string, std::string>> failures;  ///< file, why
  std::string layer, layer_why, report, manifest;
  double forward_seconds{0}, explain_seconds{0}, write_seconds{0};
};

/// Explains all pictures: one forward pass a batch, whatever the number of methods and targets. Writes
/// `{image}__{method}__{layer}__{target}.png` and the raw map beside it as .npy, the first pictures
/// together on sheet.png, then report.html, and manifest.json last. A picture that cannot be read is listed and skipped.
[[nodiscard]] ExplainSummary run_explain(const ExplainJob& job, const weights::Package& package,
                                         const Context& context);

}  // namespace cutaway::tools
