#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/training/roar/roar_run.h"
#include "explain/training/run/train_job.h"
#include "explain/training/sweep/sweep_run.h"
#include "tools/printing/print.h"
#include "tools/program/output.h"

namespace cutaway::tools {
namespace {

Json json_of(const explain::Interval& i) { return {i.value, i.low, i.high}; }

}  // namespace

void print(const training::TrainSummary& s, const Context& context) {
  const double right = 100.0 * s.evaluation.accuracy;
  if (context.common.json) {
    print_json({{"model", s.model},
                {"updates", s.steps},
                {"epochs", s.epochs},
                {"trained_on", s.trained_on},
                {"held_back", s.held_back},
                {"left_out", s.unreadable},
                {"accuracy", right},
                {"mean_class_accuracy", 100.0 * s.evaluation.mean_class_accuracy},
                {"loss", s.evaluation.loss},
                {"renormalized_filters", s.renormalized},
                {"seconds", s.seconds}});
    return;
  }
  std::printf("%s: %lld updates in %.0f s", s.model.c_str(), static_cast<long long>(s.steps),
              s.seconds);
  if (s.held_back > 0) {
    std::printf("; %.2f %% of %lld %s pictures right", right, static_cast<long long>(s.held_back),
                s.on_test ? "test" : "validation");
  }
  std::printf("\n");
  if (s.unreadable > 0)
    std::printf("%lld pictures left out: unreadable.csv\n", static_cast<long long>(s.unreadable));
}

void print(const training::RoarSummary& s, const Context& context) {
  if (s.complete_before) return print_complete(s.report, s.manifest, context);
  for (const std::string& why : s.refusals) context.warn(why);
  if (context.common.json) {
    Json rows = Json::array();
    for (const training::RoarRow& row : s.rows) {
      Json accuracy = Json::array();
      for (const explain::Interval& i : row.accuracy) accuracy.push_back(json_of(i));
      rows.push_back({{"method", row.method},
                      {"accuracy", accuracy},
                      {"area", json_of(row.area)},
                      {"against_random", json_of(row.against_random)}});
    }
    print_json({{"trainings", s.runs.size()},
                {"intact", json_of(s.intact)},
                {"rows", rows},
                {"report", s.report},
                {"manifest", s.manifest}});
    return;
  }
  std::printf("accuracy on whole pictures %s\n", explain::interval_text(s.intact).c_str());
  std::printf("%-20s  %24s  %24s\n", "pixels removed by", "area under accuracy", "against random");
  for (const training::RoarRow& row : s.rows) {
    std::printf("%-20s  %24s  %24s\n", row.method.c_str(), explain::interval_text(row.area).c_str(),
                row.method == "random" ? "-" : explain::interval_text(row.against_random).c_str());
  }
  std::printf("%s\n", s.report.c_str());
}

void print(const training::SweepSummary& s, const Context& context) {
  if (s.complete_before) return print_complete(s.report, s.manifest, context);
  if (context.common.json) {
    Json rows = Json::array();
    for (const training::SweepRow& row : s.rows) {
      Json measures = Json::object();
      for (const training::SweepMeasure& m : row.measures)
        measures[m.name] = {{"mean", json_of(m.value)}, {"above_first", json_of(m.above_first)}};
      rows.push_back({{"variant", row.variant}, {"measures", measures}});
    }
    print_json({{"trainings", s.runs.size()},
                {"variants", rows},
                {"report", s.report},
                {"manifest", s.manifest}});
    return;
  }
  std::size_t width = 7;
  for (const training::SweepRow& row : s.rows) width = std::max(width, row.variant.size());
  std::printf("%-*s", static_cast<int>(width), "variant");
  for (const training::SweepMeasure& m : s.rows.front().measures)
    std::printf("  %24s", m.name.c_str());
  std::printf("\n");
  for (const training::SweepRow& row : s.rows) {
    std::printf("%-*s", static_cast<int>(width), row.variant.c_str());
    for (const training::SweepMeasure& m : row.measures) {
      std::printf("  %24s", explain::interval_text(m.value).c_str());
    }
    std::printf("\n");
  }
  std::printf("%s\n", s.report.c_str());
}

}  // namespace cutaway::tools
