#pragma once

#include <memory>
#include <string>
#include <vector>

#include "explain/evaluate/run/job.h"
#include "explain/evaluator.h"
#include "explain/localization/run/truth.h"
#include "explain/pictures/image.h"
#include "explain/visualize/pixel_space.h"
#include "weights/package.h"

namespace cutaway::explain {

/// Black and white of a package's input.
[[nodiscard]] PixelSpace pixel_space(const weights::Preprocess& rule);

/// Explains pictures with every method and measures every map.
class Measurer {
 public:
  Measurer(const EvaluateJob& job, const weights::Package& package, const RunContext& context);

  /// The methods, then the baselines.
  [[nodiscard]] const std::vector<std::string>& rows() const noexcept { return rows_; }
  [[nodiscard]] const std::vector<MetricInfo>& metrics() const noexcept { return metrics_; }
  [[nodiscard]] const std::vector<Explanation>& first() const noexcept { return first_; }

  struct Picture {
    Image seen;              ///< as the net sees it
    Tensor input;            ///< 1 x c x h x w
    std::vector<Box> boxes;  ///< of the object, in pixels of `input`; empty: unknown
  };
  /// Reads and preprocesses. Throws as reading does.
  [[nodiscard]] Picture prepare(const ImageEntry& entry) const;
  /// Maps of all rows at the size of the input, and the class they explain. Throws kInput when the
  /// label is wanted and not known.
  struct Maps {
    std::int64_t target{0};
    double probability{0};
    std::vector<Tensor> maps;
  };
  [[nodiscard]] Maps explain(const Picture& picture, const ImageEntry& entry);
  /// All metrics of all rows. Equal pictures give equal results, in whatever order they come.
  [[nodiscard]] PictureResult measure(const Picture& picture, const ImageEntry& entry);

  /// A method or baseline as an Explainer, a row each; borrowed.
  [[nodiscard]] std::vector<Explainer> explainers() const;
  /// The job's sanity check over these inputs (n x c x h x w), one result a row. Baselines know no
  /// network: what they give stays as it is, or, of random numbers, is drawn anew.
  [[nodiscard]] std::vector<SanityCurve> check_sanity(const Tensor& inputs,
                                                      std::span<const std::int64_t> targets);

 private:
  [[nodiscard]] std::optional<std::size_t> column(Metric metric) const;
  void curves(const Picture& picture, const Maps& maps, PictureResult& result);
  void masked(const Picture& picture, const Maps& maps, PictureResult& result);
  void robustness(const Picture& picture, const Maps& maps, PictureResult& result);
  void localization(const Picture& picture, const Maps& maps, PictureResult& result) const;

  const EvaluateJob& job_;
  const weights::Package& package_;
  const RunContext& context_;
  Truth truth_;
  PixelSpace pixels_;
  std::vector<MetricInfo> metrics_;
  std::vector<std::string> rows_;
  Explainers explainers_;
  std::unique_ptr<Evaluator> evaluator_;
  std::vector<Explainer> again_;  // a method each, for max-sensitivity
  std::vector<Explanation> first_;
};

}  // namespace cutaway::explain
