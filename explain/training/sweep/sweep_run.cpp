#include "explain/training/sweep/sweep_run.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <optional>

#include "explain/evaluate/run/outputs.h"
#include "explain/localization/run/localize_run.h"
#include "explain/pictures/write_image.h"
#include "explain/report/report.h"
#include "explain/runs/choose_methods.h"
#include "explain/runs/output_names.h"
#include "explain/runs/run_folder.h"
#include "explain/runs/run_manifest.h"
#include "explain/runs/run_resume.h"
#include "explain/runs/steps.h"
#include "explain/study/run/page.h"
#include "explain/training/run/prepare.h"
#include "explain/training/run/train_run.h"
#include "explain/training/sweep/dead_maps.h"
#include "explain/visualize/filters.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "weights/graph_json.h"
#include "weights/recipe_json.h"
#include "weights/xxh64.h"

namespace cutaway::training {

auto members(SweepRun& r) {
  return std::tie(r.variant, r.seed, r.accuracy, r.loss, r.seconds, r.parameters, r.dead_filters,
                  r.filters, r.high_frequencies, r.dead_maps, r.maps, r.max_box_acc);
}

namespace {

using explain::Record;
using explain::RunFolder;
using explain::Steps;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::string digest(const std::string& text) {
  weights::Xxh64 sum;
  sum.update(std::as_bytes(std::span(text.data(), text.size())));
  return weights::hex(sum.digest());
}

/// What Zeiler and Fergus look for in a first layer: filters that died, and noise.
void look_at_filters(const Model& model, SweepRun& run) {
  try {
    const auto reports =
        explain::report_filters(model.parameters.of(explain::first_convolution(model.graph))[0]);
    run.filters = static_cast<std::int64_t>(reports.size());
    for (const explain::FilterReport& r : reports) {
      run.dead_filters += r.dead ? 1 : 0;
      run.high_frequencies += r.spectrum[2] / static_cast<double>(reports.size());
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw;  // a net without such filters
  }
}

class Sweep {
 public:
  Sweep(const SweepJob& job, const explain::RunContext& context)
      : job_(job), context_(context), folder_(job.out), all_(job.set) {}

  SweepSummary run() {
    std::vector<std::string> reads{job_.data};
    if (job_.plan.truth) {
      reads.insert(reads.end(), job_.plan.truth->data.begin(), job_.plan.truth->data.end());
      reads.push_back(job_.plan.truth->boxes);
    }
    found_ = survey(all_, context_.settings.cpu_threads(), context_.observer);
    set_ = all_;
    unreadable_ = leave_out_unreadable(set_, found_, context_);
    summary_.unreadable = static_cast<std::int64_t>(unreadable_.size());
    const Record identity = check_nets();
    folder_.open(explain::existing(job_.resume, job_.overwrite), reads);
    Steps steps(folder_, job_.resume, identity, context_.observer);
    if (steps.complete_before()) {
      summary_.complete_before = true;
      summary_.report = folder_.file("report.html");
      summary_.manifest = folder_.last();
      return std::move(summary_);
    }
    folder_.begin();
    steps.run(context_.observer, [&] { train_all(steps); });
    write();
    return std::move(summary_);
  }

 private:
  /// Builds every net, so that a mistake is found before hours of training; what the sweep is.
  Record check_nets() {
    std::vector<std::string> names;
    Record identity{
        {"data", found_.digest},
        {"classes", all_.classes},
        {"seeds", job_.plan.seeds},
        {"held back", job_.division.held_back ? to_string(*job_.division.held_back) : ""},
        {"pictures a class", job_.division.per_class}};
    for (const SweepVariant& v : job_.plan.variants) {
      names.push_back(v.name);
      try {
        const weights::Package net =
            start_net(v.net, all_, found_, v.recipe.initial, job_.plan.seeds.front());
        identity["variants"].push_back(
            {v.name, digest(weights::to_json(net.model.graph)), weights::to_json(v.recipe)});
        nets_.push_back(digest(weights::to_json(net.model.graph)));
      } catch (const Error& error) {
        throw Error(error.kind(), error.what()).at("variant '" + v.name + "'");
      }
    }
    if (job_.plan.truth) {
      identity["localize"] = {job_.plan.truth->data, job_.plan.truth->boxes,
                              job_.plan.truth->method};
    }
    folders_ = explain::file_words(names, {"runs.csv", "sweep.csv", "report.html"});
    return explain::as_read_back(identity);
  }

  void train_all(Steps& steps) {
    std::int64_t done = 0;
    const auto total = static_cast<double>(job_.plan.variants.size() * job_.plan.seeds.size());
    for (std::size_t v = 0; v < job_.plan.variants.size(); ++v) {
      for (const std::uint64_t seed : job_.plan.seeds) {
        const std::string name = job_.plan.variants[v].name;
        context_.observer.progress("sweep", static_cast<double>(done), total);
        summary_.runs.push_back(steps.step<SweepRun>(name + " seed " + std::to_string(seed),
                                                     [&] { return train(v, seed); }));
        context_.observer.progress("sweep", static_cast<double>(++done), total);
      }
    }
  }

  SweepRun train(std::size_t v, std::uint64_t seed) {
    const SweepVariant& variant = job_.plan.variants[v];
    Recipe recipe = variant.recipe;
    recipe.seed = seed;
    TrainJob train(start_net(variant.net, all_, found_, recipe.initial, seed));
    train.net = variant.net.net;
    train.data = job_.data;
    train.recipe = recipe;
    train.set = set_;
    train.survey = found_;
    train.unreadable = unreadable_;
    train.division = job_.division;
    train.out = job_.out + "/" + folders_[v] + "/seed-" + std::to_string(seed);
    // A training of this sweep that was stopped goes on; one of another goes.
    std::error_code code;
    const bool begun = std::filesystem::exists(train.out + "/log.jsonl", code) &&
                       !std::filesystem::exists(train.out + "/manifest.json", code);
    train.resume = job_.resume && begun;
    train.overwrite = !train.resume;
    const TrainSummary s = run_training(train, context_);
    SweepRun run;
    run.variant = variant.name;
    run.seed = seed;
    run.accuracy = s.evaluation.accuracy;
    run.loss = s.evaluation.loss;
    run.seconds = s.seconds;
    const weights::Package net = weights::load(s.model);
    run.parameters = net.model.graph.parameter_count();
    look_at_filters(net.model, run);
    std::vector<std::int64_t> seen;
    for (const Verdict& verdict : s.evaluation.verdicts) seen.push_back(verdict.picture);
    const DeadMaps dead =
        count_dead_maps(net.model, net.preprocess, set_, seen, recipe.batch_size(), context_);
    run.dead_maps = dead.dead;
    run.maps = dead.maps;
    run.max_box_acc = job_.plan.truth ? localize(net, s.model, train.out + "/localize") : kNaN;
    return run;
  }

  double localize(const weights::Package& net, const std::string& model, const std::string& out) {
    explain::LocalizeJob job;
    job.model_path = model;
    job.out = out;
    job.truth = job_.plan.truth->boxes;
    job.inputs = job_.plan.truth->data;
    job.methods = explain::methods_named({job_.plan.truth->method});
    job.rules = {explain::parse_rule("threshold", {}, 0)};
    job.pictures = 0;
    job.samples = 0;
    job.overwrite = true;
    const explain::LocalizeSummary s = run_localize(job, net, context_);
    return s.table.curves.empty() ? kNaN : s.table.curves.front().v1.value;
  }

  void write() {
    using explain::csv_field;
    using explain::csv_value;
    summary_.rows = sweep_rows(summary_.runs);
    std::string csv =
        "variant,seed,accuracy,loss,max_box_acc,dead_filters,filters,"
        "high_frequencies,dead_maps,maps,parameters,seconds,folder\n";
    for (std::size_t k = 0; k < summary_.runs.size(); ++k) {
      const SweepRun& r = summary_.runs[k];
      csv += csv_field(r.variant) + "," + std::to_string(r.seed);
      for (const double value :
           {r.accuracy, r.loss, r.max_box_acc, static_cast<double>(r.dead_filters),
            static_cast<double>(r.filters), r.high_frequencies, static_cast<double>(r.dead_maps),
            static_cast<double>(r.maps), static_cast<double>(r.parameters), r.seconds})
        csv += "," + csv_value(value);
      csv += "," + csv_field(folders_[k / job_.plan.seeds.size()]) + "/seed-" +
             std::to_string(r.seed) + "\n";
    }
    files::write_file_atomically(folder_.claim("runs.csv"), csv);
    csv = "variant,measure,mean,low,high,above_first,above_first_low,above_first_high,seeds\n";
    for (const SweepRow& row : summary_.rows) {
      for (const SweepMeasure& m : row.measures) {
        csv += csv_field(row.variant) + "," + m.name;
        for (const explain::Interval* i : {&m.value, &m.above_first})
          csv += "," + csv_value(i->value) + "," + csv_value(i->low) + "," + csv_value(i->high);
        csv += "," + std::to_string(m.value.count) + "\n";
      }
    }
    files::write_file_atomically(folder_.claim("sweep.csv"), csv);
    summary_.report = folder_.claim("report.html");
    files::write_file_atomically(summary_.report, page());
    explain::Manifest m = explain::start_manifest(context_);
    const auto runs = static_cast<std::int64_t>(summary_.runs.size());
    m.counts = {runs, runs, 0, runs};
    for (const auto& [name, why] : unreadable_) m.failures.push_back({name, why});
    m.extra = {{"data", job_.data}, {"nets", nets_}};
    m.extra.push_back(folder_.files());
    summary_.manifest = folder_.last();
    write_manifest(summary_.manifest, m);
    folder_.end();
  }

  [[nodiscard]] std::string page() const {
    explain::StudyPage page(
        "Nets compared",
        "Each variant was trained once a seed (" + std::to_string(job_.plan.seeds.size()) +
            ") on " + job_.data +
            ". Means over the seeds; brackets: 95 % intervals (Student). Behind a semicolon: how "
            "much a variant is above the first one, paired by seed.");
    std::vector<std::string> head{"variant"};
    for (const SweepMeasure& m : summary_.rows.front().measures) head.push_back(m.name);
    std::vector<std::vector<std::string>> table;
    for (const SweepRow& row : summary_.rows) {
      table.push_back({row.variant});
      for (const SweepMeasure& m : row.measures) {
        std::string text = explain::interval_text(m.value);
        if (&row != &summary_.rows.front() && !std::isnan(m.above_first.value))
          text += "; " + explain::interval_text(m.above_first);
        table.back().push_back(text);
      }
    }
    page.table(head, table);
    return page.html(context_.origin.argv, {{"data", job_.data}});
  }

  const SweepJob& job_;
  const explain::RunContext& context_;
  RunFolder folder_;
  const LabelledSet& all_;  // what the survey is of
  LabelledSet set_;         // what can be read
  Survey found_;
  std::vector<std::pair<std::string, std::string>> unreadable_;
  std::vector<std::string> folders_, nets_;
  SweepSummary summary_;
};

}  // namespace

SweepSummary run_sweep(const SweepJob& job, const explain::RunContext& context) {
  return Sweep(job, context).run();
}

}  // namespace cutaway::training
