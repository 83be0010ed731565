#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "explain/runs/batch.h"
#include "explain/runs/explain_run.h"
#include "explain/runs/method_record.h"
#include "explain/runs/run_outputs.h"
#include "explain/runs/targets.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// The job with everything decided that depends on the net.
struct ResolvedExplain {
  ExplainJob job;                     ///< its methods are methods, not groups
  std::vector<std::string> left_out;  ///< of groups
  std::vector<std::string> refused;   ///< asked for by name, and not possible
  std::optional<TenCrops> crops;      ///< empty: the package's own crop

  ResolvedExplain(const ExplainJob& asked, const weights::Package& package);
};

/// Turns batches of pictures into cells: one forward pass, then every method for every target.
class BatchExplainer {
 public:
  BatchExplainer(const ResolvedExplain& resolved,
                 const weights::Package& package,
                 const Shape& input,
                 const RunContext& context);

  /// Fills the outcomes of the pictures that could be read. `lines` gets a line of every method
  /// that is seen for the first time.
  void explain(Batch& batch, std::vector<ImageOutcome>& outcomes, std::vector<Record>& lines);
  /// Called after each forward pass with the seconds that it took.
  void after_forward(std::function<void(double)> hear) { after_forward_ = std::move(hear); }

  [[nodiscard]] Explainers& explainers() noexcept { return explainers_; }
  [[nodiscard]] const Explainers& explainers() const noexcept { return explainers_; }
  [[nodiscard]] MethodRecords& records() noexcept { return records_; }
  [[nodiscard]] const MethodRecords& records() const noexcept { return records_; }
  [[nodiscard]] const std::vector<TargetRule>& rules() const noexcept { return rules_; }
  /// Explaining has been seen to leave the net as it was.
  [[nodiscard]] bool logits_checked() const noexcept { return logits_checked_; }
  [[nodiscard]] double forward_seconds() const noexcept { return forward_seconds_; }
  [[nodiscard]] double explain_seconds() const noexcept { return explain_seconds_; }

 private:
  using Rankings = std::vector<std::vector<std::int64_t>>;
  void describe(const Tensor& scores, std::size_t i, ImageOutcome& o, Rankings& rankings) const;
  void add_cells(const TargetRule& rule,
                 const Batch& batch,
                 const Rankings& rankings,
                 std::vector<ImageOutcome>& outcomes,
                 std::vector<Record>& lines);
  void add_cell(MapCell cell, std::vector<MapCell>& predicted, std::vector<MapCell>& cells) const;
  void check_logits(const Tensor& before, const Tensor& input);

  const ResolvedExplain& resolved_;
  const weights::Package& package_;
  std::int64_t rows_;
  Explainers explainers_;
  std::vector<TargetRule> rules_;
  MethodRecords records_;
  std::function<void(double)> after_forward_;
  bool logits_checked_{false};
  double forward_seconds_{0}, explain_seconds_{0};
};

}  // namespace cutaway::explain

#pragma GCC visibility pop
