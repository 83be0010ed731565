#include "explain/evaluate/run/evaluate_run.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>

#include "explain/evaluate/baseline.h"
#include "explain/evaluate/run/continuity_study.h"
#include "explain/evaluate/run/measure.h"
#include "explain/evaluate/run/outputs.h"
#include "explain/pictures/gif_write.h"
#include "explain/render/panel.h"
#include "explain/render/render.h"
#include "explain/report/manifest.h"
#include "explain/runs/load_network.h"
#include "explain/runs/picture_loop.h"
#include "explain/runs/run_folder.h"
#include "explain/runs/run_manifest.h"
#include "explain/runs/run_resume.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/progress.h"
#include "weights/sha256.h"

namespace cutaway::explain {
namespace {

constexpr int kFrameDelay = 8;  // hundredths of a second

/// NaN has no number in JSON.
Record numbers(const std::vector<std::vector<double>>& rows) {
  Record out = Record::array();
  for (const auto& row : rows) {
    Record& line = out.emplace_back(Record::array());
    for (const double v : row) line.push_back(std::isnan(v) ? Record() : Record(v));
  }
  return out;
}

std::vector<std::vector<double>> numbers(const Record& rows) {
  std::vector<std::vector<double>> out;
  for (const Record& row : rows) {
    auto& line = out.emplace_back();
    for (const Record& v : row) {
      line.push_back(v.is_null() ? std::numeric_limits<double>::quiet_NaN() : v.get<double>());
    }
  }
  return out;
}

Record record_of(std::int64_t n, const PictureResult& p) {
  if (!p.error.empty()) return {{"image", n}, {"name", p.name}, {"error", valid_utf8(p.error)}};
  return {{"image", n},
          {"name", p.name},
          {"target", p.target},
          {"probability", p.probability},
          {"values", numbers(p.values)},
          {"deletion", numbers(p.deletion)},
          {"insertion", numbers(p.insertion)}};
}

PictureResult result_of(const Record& line, const std::string& path) {
  try {
    PictureResult p;
    p.name = line.at("name").get<std::string>();
    p.error = line.value("error", "");
    if (!p.error.empty()) return p;
    p.target = line.at("target").get<std::int64_t>();
    p.probability = line.at("probability").get<double>();
    p.values = numbers(line.at("values"));
    p.deletion = numbers(line.at("deletion"));
    p.insertion = numbers(line.at("insertion"));
    return p;
  } catch (const Record::exception&) {
    throw Error(ErrorKind::kInput, "a line that no run of evaluate wrote")
        .at(path)
        .hint("begin anew with --overwrite");
  }
}

Record identity_of(const EvaluateJob& job,
                   const weights::Package& package,
                   const RunContext& context) {
  const RunParts parts{
      .inputs = job.inputs, .source = job.source, .methods = job.methods, .layers = {job.layer}};
  Record identity = run_identity(parts, package, context);
  identity["verb"] = "evaluate";
  identity["truth"] = {job.truth, job.truth.empty() ? "" : weights::sha256_of_file(job.truth)};
  identity["metrics"] = job.metrics;
  identity["baselines"] = baseline_names();
  identity["settings"] = {{"label_target", job.label_target},
                          {"most", job.most},
                          {"step", job.step},
                          {"deletion_fill", to_string(job.deletion_fill)},
                          {"insertion_fill", to_string(job.insertion_fill)},
                          {"infidelity_samples", job.infidelity_samples},
                          {"sensitivity_samples", job.sensitivity_samples},
                          {"radius", job.radius}};
  return as_read_back(identity);
}

/// The job with methods instead of groups.
EvaluateJob with_methods(const EvaluateJob& asked, const ChosenMethods& chosen) {
  EvaluateJob job = asked;
  job.methods = chosen.methods;
  job.source.without = asked.out;  // what the run writes is no input of it
  return job;
}

class EvaluateRun final : public PictureTask {
 public:
  EvaluateRun(const EvaluateJob& job,
              const ChosenMethods& chosen,
              const weights::Package& package,
              const RunContext& context)
      : job_(with_methods(job, chosen)),
        package_(package),
        context_(context),
        folder_(job.out),
        measurer_(job_, package, context) {
    for (const std::string& why : chosen.left_out) context.observer.info("left out: " + why);
    for (const std::string& why : chosen.refused) context.observer.warn("not used: " + why);
    summary_.refusals = chosen.refused;
    results_.methods = measurer_.rows();
    results_.metrics = measurer_.metrics();
  }

  EvaluateSummary run() {
    std::vector<std::string> reads = job_.inputs;
    reads.insert(reads.end(), {job_.model_path, job_.truth});
    folder_.open(existing(job_.resume, job_.overwrite), reads);
    const ImageSourcePtr source = open_images(job_.inputs, with_classes(job_.source, package_));
    const LoopPlan plan{.task = "evaluate",
                        .batch = 1,
                        .most = job_.most,
                        .resume = job_.resume,
                        .identity = identity_of(job_, package_, context_)};
    summary_.resumed = run_pictures(plan, &folder_, *source, *this, context_).resumed;
    if (summary_.images == 0) {
      throw Error(ErrorKind::kInput, "none of the pictures could be used").at(job_.inputs.front());
    }
    folder_.begin();  // the tables are made again, also for a run that was complete
    check_sanity();
    check_continuity();
    finish();
    return std::move(summary_);
  }

  std::vector<Record> work(std::int64_t first, std::vector<ImageEntry>& entries) override {
    std::vector<Record> lines;
    for (const ImageEntry& entry : entries) {
      PictureResult result;
      try {
        result = measurer_.measure(measurer_.prepare(entry), entry);
      } catch (const Error& error) {
        if (!concerns_picture(error.kind())) throw;
        result.error = error.what();
      }
      result.name = valid_utf8(entry.name);
      lines.push_back(record_of(first++, result));
      account(std::move(result));
    }
    return lines;
  }

  void restore(std::int64_t /*n*/, const Record& line, ImageEntry& /*entry*/) override {
    account(result_of(line, folder_.journal()));
  }

 private:
  [[nodiscard]] std::int64_t done() const {
    return static_cast<std::int64_t>(results_.pictures.size());
  }

  void account(PictureResult result) {
    if (result.error.empty()) {
      ++summary_.images;
    } else {
      ++summary_.failed;
      context_.observer.warn(result.error.find(result.name) == std::string::npos
                                 ? result.name + ": " + result.error
                                 : result.error);
    }
    results_.pictures.push_back(std::move(result));
  }

  /// Calls `use` with entry and number of those pictures, in the order of the list.
  template <class Use>
  void visit(const std::vector<std::int64_t>& numbers, const Use& use) {
    const ImageSourcePtr source = open_images(job_.inputs, job_.source);
    ImageEntry entry;
    for (std::int64_t n = 0; n < done(); ++n) {
      const bool wanted = std::ranges::find(numbers, n) != numbers.end();
      if (!source->next(entry, wanted)) return;
      if (wanted) use(entry, n);
    }
  }

  void check_sanity() {
    if (job_.sanity <= 0) return;
    const std::vector<std::int64_t> numbers = first_good(job_.sanity);
    Shape s = package_.model.graph.node(0).shape;
    s.n = static_cast<std::int64_t>(numbers.size());
    Tensor inputs = zeros(s);
    std::vector<std::int64_t> targets;
    const auto size = static_cast<std::size_t>(s.c * s.plane());
    visit(numbers, [&](const ImageEntry& entry, std::int64_t n) {
      const auto at = static_cast<std::ptrdiff_t>(targets.size() * size);
      std::ranges::copy(measurer_.prepare(entry).input.f32(), inputs.f32().begin() + at);
      targets.push_back(results_.pictures[static_cast<std::size_t>(n)].target);
    });
    results_.sanity = measurer_.check_sanity(inputs, targets);
  }

  /// The first pictures again, moved and made noisy.
  void check_continuity() {
    if (job_.continuity <= 0) return;
    ContinuityStudy study(job_, package_, context_, measurer_.rows(), measurer_.explainers());
    const std::vector<std::int64_t> numbers = first_good(job_.continuity);
    Progress progress(context_.observer, "continuity", static_cast<std::int64_t>(numbers.size()));
    visit(numbers, [&](const ImageEntry& entry, std::int64_t n) {
      throw_if_cancelled(context_.observer);
      study.add(measurer_.prepare(entry).input,
                results_.pictures[static_cast<std::size_t>(n)].target);
      progress.add();
    });
    results_.continuity = study.rows();
    if (!study.frames().empty())
      write_gif(folder_.file("continuity.gif"), study.frames(), kFrameDelay);
  }

  /// Numbers of the first pictures that did not fail.
  [[nodiscard]] std::vector<std::int64_t> first_good(std::int64_t most) const {
    std::vector<std::int64_t> numbers;
    for (std::int64_t n = 0; n < done() && static_cast<std::int64_t>(numbers.size()) < most; ++n) {
      if (results_.pictures[static_cast<std::size_t>(n)].error.empty()) numbers.push_back(n);
    }
    return numbers;
  }

  void add_pictures(StudyPage& page) {
    // Disputed by the first metric; failed pictures have no column in its table.
    const std::vector<std::int64_t> good = first_good(done());
    std::vector<std::int64_t> numbers;
    for (const std::int64_t k : most_disputed(results_.table(0), job_.disputed)) {
      numbers.push_back(good[static_cast<std::size_t>(k)]);
    }
    if (numbers.empty()) return;
    page.section("Where the methods disagree most",
                 "By " + std::string(results_.metrics[0].name) + ", the number under each map.");
    visit(numbers, [&](const ImageEntry& entry, std::int64_t n) {
      const Measurer::Picture picture = measurer_.prepare(entry);
      const Measurer::Maps maps = measurer_.explain(picture, entry);
      const PictureResult& result = results_.pictures[static_cast<std::size_t>(n)];
      std::vector<Tile> tiles{{picture.seen, label_name(package_, maps.target), ""}};
      for (std::size_t m = 0; m < maps.maps.size(); ++m) {
        const Map map{maps.maps[m].f32(), picture.seen.height, picture.seen.width};
        tiles.push_back({overlay(picture.seen, map).image, results_.methods[m],
                         format_number(result.values[m][0])});
      }
      page.picture(grid(tiles, 5), result.name, result.name);
    });
  }

  void write(const std::string& file, const std::string& text) {
    files::write_file_atomically(folder_.claim(file), text);
  }

  void finish() {
    write("metrics.csv", metrics_csv(results_));
    write("summary.csv", summary_csv(results_));
    write("paired.csv", paired_csv(results_));
    write("curves.csv", curves_csv(results_));
    if (!results_.sanity.empty()) write("sanity.csv", sanity_csv(results_));
    if (!results_.continuity.empty()) write("continuity.csv", continuity_csv(results_.continuity));
    summary_.methods = results_.methods;
    summary_.intervals.resize(results_.methods.size());
    for (std::size_t k = 0; k < results_.metrics.size(); ++k) {
      const MetricTable table = results_.table(k);
      summary_.metrics.emplace_back(results_.metrics[k].name);
      summary_.ranks.push_back(rank_methods(table));
      for (std::size_t m = 0; m < table.values.size(); ++m) {
        summary_.intervals[m].push_back(mean_interval(table.values[m]));
      }
    }
    summary_.sanity = results_.sanity;
    StudyPage page("Explanations measured", job_.model_path + ", " +
                                                std::to_string(summary_.images) +
                                                " pictures. Intervals: 95 %, over pictures "
                                                "(bootstrap-t; shares: Wilson); p: signed ranks.");
    add_tables(page, results_);
    add_pictures(page);
    const NamedValues settings = details();
    summary_.report = folder_.file("report.html");
    write("report.html", page.html(context_.origin.argv, settings));
    Manifest m =
        start_manifest(job_.model_path, weights::weights_hash(package_.model), package_, context_);
    for (const MethodChoice& method : job_.methods) {
      m.methods.push_back({method.name, job_.layer, "", job_.label_target ? "label" : "top1", {}});
    }
    m.counts = {done(), summary_.images, summary_.failed, summary_.images};
    for (const PictureResult& p : results_.pictures) {
      if (!p.error.empty()) m.failures.push_back({p.name, p.error});
    }
    m.extra = settings;
    if (!summary_.refusals.empty()) m.extra.push_back({"refused", summary_.refusals});
    m.extra.push_back(folder_.files());
    summary_.manifest = folder_.last();
    write_manifest(summary_.manifest, m);
    folder_.end();
  }

  [[nodiscard]] NamedValues details() const {
    return {{"metrics", job_.metrics},
            {"step", job_.step > 0 ? job_.step : 8 * package_.model.graph.node(0).shape.w},
            {"deletion_fill", std::string(to_string(job_.deletion_fill))},
            {"insertion_fill", std::string(to_string(job_.insertion_fill))},
            {"infidelity_samples", job_.infidelity_samples},
            {"sensitivity_samples", job_.sensitivity_samples},
            {"sensitivity_radius", job_.radius},
            {"sanity_pictures", job_.sanity},
            {"sanity_weights", std::string(to_string(job_.kind))},
            {"continuity_pictures", job_.continuity},
            {"continuity_shift", job_.continuity_shift},
            {"continuity_jitters", job_.continuity_jitters}};
  }

  const EvaluateJob job_;
  const weights::Package& package_;
  const RunContext& context_;
  RunFolder folder_;
  Measurer measurer_;
  EvaluateResults results_;
  EvaluateSummary summary_;
};

}  // namespace

EvaluateSummary run_evaluate(const EvaluateJob& job,
                             const weights::Package& package,
                             const RunContext& context) {
  return EvaluateRun(job, choose_methods(job.methods, {}, package, job.layer), package, context)
      .run();
}

}  // namespace cutaway::explain
