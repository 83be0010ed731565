#include "tools/training/evaluate_labelled.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "tools/program/output.h"
#include "tools/training/train_options.h"

namespace cutaway::tools {

int evaluate_labelled(const EvaluateLabelled& o, const Context& context) {
  const auto open = [&](std::int64_t height) {
    return open_labelled(o.job.data, height, o.classes, context);
  };
  const training::EvaluationSummary s = run_evaluation(o.job, open, context.run());
  const training::Evaluation& e = s.evaluation;
  if (context.common.json) {
    print_json({{"model", o.job.model},
                {"pictures", e.verdicts.size()},
                {"left_out", s.left_out.size()},
                {"accuracy", 100.0 * e.accuracy},
                {"mean_class_accuracy", 100.0 * e.mean_class_accuracy},
                {"loss", e.loss},
                {"expected_calibration_error", 100.0 * e.calibration_error}});
  } else {
    std::printf(
        "%zu pictures: %.2f %% right, mean of the classes %.2f %%, loss %.4f, expected "
        "calibration error %.2f %%\n",
        e.verdicts.size(), 100.0 * e.accuracy, 100.0 * e.mean_class_accuracy, e.loss,
        100.0 * e.calibration_error);
  }
  return s.left_out.empty() ? kExitOk : kExitPartial;
}

}  // namespace cutaway::tools
