#include "explain/runs/explain_run.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "explain/promise.h"
#include "explain/report/manifest.h"
#include "explain/runs/batch.h"
#include "explain/runs/cells.h"
#include "explain/runs/gauge.h"
#include "explain/runs/load_network.h"
#include "explain/runs/report_pages.h"
#include "explain/runs/run_folder.h"
#include "explain/runs/run_manifest.h"
#include "explain/runs/run_outputs.h"
#include "explain/runs/run_resume.h"
#include "explain/runs/targets.h"
#include "explain/scores.h"
#include "runtime/config.h"
#include "runtime/error.h"
#include "runtime/progress.h"
#include "runtime/stopwatch.h"

namespace cutaway::explain {
namespace {

/// One run of `explain`.
class Run {
 public:
  Run(const ExplainJob& job, const weights::Package& package, const RunContext& context)
      : job_(job),
        package_(package),
        context_(context),
        source_(open_images(job.inputs, with_classes(job.source, package))),
        shape_(input_shape(job, package, context.settings.share_of_memory(), source_->count())),
        explainers_(package.model,
                    job.methods,
                    job.layers,
                    shape_,
                    context,
                    job.crops ? std::optional(job.crops->plan) : std::nullopt),
        outputs_(job, package),
        hash_(weights::weights_hash(package.model)) {
    for (const std::string& text : job.targets) rules_.emplace_back(text, package);
    summary_.layers = explainers_.layers();
    context.observer.debug(explainers_.report(package.model.graph));
  }

  ExplainSummary run() {
    const Record identity = run_identity(job_, package_, explainers_.layers(), context_);
    folder_.open(existing(job_.resume, job_.overwrite));
    const bool resuming = job_.resume && folder_.stopped();
    if (resuming) {
      outputs_.begin(resume_run(job_, identity, *source_, names_, records_, tally_, context_));
      outputs_.drop_parts(next());
      summary_.resumed = next();
      context_.observer.info("resumed: " + std::to_string(next()) + " images were there");
    } else {
      outputs_.begin(Journal::create(folder_.journal(), identity));
      outputs_.clean();
    }
    if (resuming && folder_.finished() && !look_ahead()) return finished_before();
    folder_.begin();
    explain_all();
    finish();
    return summary();
  }

 private:
  static Shape input_shape(const ExplainJob& job,
                           const weights::Package& package,
                           std::size_t memory,
                           std::optional<std::int64_t> count) {
    Shape shape = package.model.graph.node(0).shape;
    shape.n = std::clamp<std::int64_t>(count.value_or(job.batch), 1, job.batch);
    // Smaller batches give the same maps; a batch that does not fit gives none.
    if (shape.n > 1) shape.n = batch_within(package.model.graph, shape.n, memory);
    return shape;
  }

  [[nodiscard]] std::int64_t next() const { return tally_.images + tally_.failed; }

  /// Fills the next batch; false when there is nothing left.
  bool look_ahead() {
    ImageEntry entry;
    std::size_t held = 0;
    while (static_cast<std::int64_t>(entries_.size()) < shape_.n && held < kMostHeldBytes &&
           source_->next(entry)) {
      held += held_bytes(entry);
      entries_.push_back(std::move(entry));
    }
    return !entries_.empty();
  }

  void explain_all() {
    const std::int64_t total = source_->count().value_or(0);
    Progress progress(context_.observer, "explain", total, next());
    try {
      while (look_ahead()) {
        throw_if_cancelled(context_.observer);
        explain_batch();
        progress.add(static_cast<std::int64_t>(entries_.size()));
        gauge_.add(static_cast<std::int64_t>(entries_.size()));
        entries_.clear();
      }
      throw_if_cancelled(context_.observer);
    } catch (const Cancelled&) {
      outputs_.commit(true);
      context_.observer.info("continue with the same command and --resume");
      throw;
    }
    outputs_.commit(true);
  }

  void explain_batch() {
    const int threads = CpuStream(context_.settings.threads).threads();
    Batch batch = load_batch(entries_, 0, entries_.size(), package_.preprocess, shape_, threads,
                             job_.crops ? &*job_.crops : nullptr);
    std::vector<ImageOutcome> outcomes(entries_.size());
    const std::int64_t first = next();
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      ImageOutcome& o = outcomes[i];
      o.number = first + static_cast<std::int64_t>(i);
      o.entry = std::move(entries_[i]);
      o.entry.bytes.reset();  // decoded by now
      o.entry.stored.reset();
      o.stem = names_.stem(o.number, o.entry.name);
      o.spooled.row.name = o.entry.name;
    }
    for (const auto& failure : batch.failures) {
      outcomes[failure.entry].spooled.row.error = failure.error;
      context_.observer.warn(failure.error);
    }
    if (!batch.entries.empty()) explain_readable(batch, outcomes);
    const auto start = Clock::now();
    for (ImageOutcome& o : outcomes) {
      outputs_.add(o);
      account(o);
    }
    outputs_.commit(false);
    summary_.write_seconds += seconds_since(start);
  }

  void explain_readable(Batch& batch, std::vector<ImageOutcome>& outcomes) {
    auto start = Clock::now();
    const Tensor& scores = explainers_.forward(batch.input);
    summary_.forward_seconds += seconds_since(start);
    std::vector<std::vector<std::int64_t>> rankings;
    for (std::size_t i = 0; i < batch.entries.size(); ++i) {
      describe(scores, i, outcomes[batch.entries[i]], rankings);
      outcomes[batch.entries[i]].spooled.row.photo = std::move(batch.seen[i]);
    }
    const Tensor before = logits_checked_ ? Tensor() : scores.clone();
    start = Clock::now();
    for (const TargetRule& rule : rules_) add_cells(rule, batch, outcomes, rankings);
    summary_.explain_seconds += seconds_since(start);
    if (!logits_checked_) check_logits(before, batch.input);
  }

  void describe(const Tensor& scores,
                std::size_t i,
                ImageOutcome& o,
                std::vector<std::vector<std::int64_t>>& rankings) const {
    const auto p = probabilities(scores, static_cast<std::int64_t>(i));
    rankings.push_back(top(p, p.size()));
    ReportRow& row = o.spooled.row;
    if (o.entry.label) {
      row.true_label = label_name(package_, *o.entry.label);
      row.correct = rankings.back()[0] == *o.entry.label;
    }
    for (const std::int64_t c : top(p, 3)) {
      const double probability = p[static_cast<std::size_t>(c)];
      row.predictions.push_back({label_name(package_, c), probability});
      o.predictions.emplace_back(label_name(package_, c), probability);
    }
  }

  void add_cells(const TargetRule& rule,
                 const Batch& batch,
                 std::vector<ImageOutcome>& outcomes,
                 const std::vector<std::vector<std::int64_t>>& rankings) {
    std::vector<std::vector<MapCell>> predicted(batch.entries.size());
    for (std::size_t part = 0; part < rule.parts(); ++part) {
      // Rows beyond the pictures exist only to fill the batch; any class will do for them.
      std::vector<std::int64_t> targets(static_cast<std::size_t>(shape_.n), 0);
      std::vector<TargetRule::Choice> choices;
      for (std::size_t i = 0; i < batch.entries.size(); ++i) {
        choices.push_back(rule.resolve(rankings[i], outcomes[batch.entries[i]].entry, part));
        targets[i] = choices.back().target.value_or(0);
      }
      const std::vector<Explanation> all = explainers_.explain(targets);
      for (const Explanation& e : all) {
        Record fresh;
        const Record varies = records_.observe(e, fresh);
        if (!fresh.is_null()) outputs_.note(fresh);
        for (std::size_t i = 0; i < batch.entries.size(); ++i) {
          const std::string word = rule.part_name(part);
          MapCell cell = choices[i].target ? cell_of(e, i, word, *choices[i].target, package_)
                                           : empty_cell(e, word, choices[i].missing);
          Record own = varies;
          if (choices[i].target) own.update(records_.measure(e, i));
          if (!own.empty()) cell.varies = own.dump();
          if (rule.is_pair() && part == 0) {
            predicted[i].push_back(std::move(cell));
          } else {
            add_cell(std::move(cell), predicted[i], outcomes[batch.entries[i]].spooled.cells);
          }
        }
      }
    }
  }

  /// A cell, or with the next waiting prediction the three of a pair.
  void add_cell(MapCell cell, std::vector<MapCell>& predicted, std::vector<MapCell>& cells) const {
    if (predicted.empty()) {
      cells.push_back(std::move(cell));
      return;
    }
    MapCell first = std::move(predicted.front());
    predicted.erase(predicted.begin());
    MapCell difference = first;
    if (!first.values.empty() && !cell.values.empty()) {
      difference = compare(first, cell, job_.paint);
    } else {
      difference.target = "difference";
      difference.values.clear();
      difference.warning = cell.warning;
    }
    cells.push_back(std::move(first));
    cells.push_back(std::move(cell));
    cells.push_back(std::move(difference));
  }

  /// Explaining leaves the net as it was: the same picture gives the same scores, bit for bit.
  void check_logits(const Tensor& before, const Tensor& input) {
    const Tensor& after = explainers_.forward(input);
    if (std::memcmp(before.f32().data(), after.f32().data(), before.f32().size_bytes()) != 0) {
      throw Error(ErrorKind::kMismatch, "the class scores changed while they were explained")
          .at(job_.model_path);
    }
    logits_checked_ = true;
  }

  void account(const ImageOutcome& o) {
    if (!o.spooled.row.error.empty()) {
      ++tally_.failed;
      if (tally_.failures.size() < Tally::kMostFailures) {
        tally_.failures.emplace_back(o.entry.name, o.spooled.row.error);
      }
      return;
    }
    ++tally_.images;
    if (o.spooled.row.correct) {
      ++tally_.labelled;
      tally_.correct += *o.spooled.row.correct ? 1 : 0;
    }
    for (const MapCell& cell : o.spooled.cells) tally_.maps += cell.values.empty() ? 0 : 1;
  }

  ExplainSummary summary() {
    summary_.images = tally_.images;
    summary_.maps = tally_.maps;
    summary_.failed = tally_.failed;
    summary_.failures = tally_.failures;
    return std::move(summary_);
  }

  ExplainSummary finished_before() {
    context_.observer.info("nothing is left to do");
    summary_.manifest = folder_.last();
    if (job_.report) summary_.report = folder_.file(report_file(1));
    return summary();
  }

  void finish() {
    const std::string after = weights::weights_hash(package_.model);
    if (after != hash_) {
      throw Error(ErrorKind::kMismatch, "the weights changed while they were explained")
          .at(job_.model_path)
          .expected(hash_)
          .got(after);
    }
    if (job_.pack) outputs_.merge_parts();
    if (job_.pictures) write_sheet(job_, package_, outputs_.spool());
    if (job_.report)
      summary_.report = write_report(job_, package_, outputs_.spool(), head(), context_.observer);
    summary_.manifest = folder_.last();
    write_manifest(summary_.manifest, manifest());
    outputs_.clean();
  }

  [[nodiscard]] ReportHead head() const {
    ReportHead head;
    head.title = "Explanations";
    head.subtitle = std::filesystem::path(job_.model_path).filename().string();
    head.argv = context_.origin.argv;
    head.details.push_back(
        {"Model",
         {{"parameters", package_.model.graph.parameter_count()},
          {"weights", hash_},
          {"source", package_.provenance.source_format + " " + package_.provenance.source_file}}});
    for (const MethodRecords::Entry& e : records_.entries()) {
      NamedValues fields{{"layer", e.layer}};
      for (const NamedValue& field : e.fields()) fields.push_back(field);
      head.details.push_back({e.method, fields});
    }
    head.details.push_back({"Preprocessing", fields_of(package_.preprocess)});
    head.details.push_back({"Run",
                            {{"version", std::string(CUTAWAY_VERSION)},
                             {"seed", static_cast<std::int64_t>(context_.settings.seed)},
                             {"device", to_string(device_of(context_.settings.stream()))},
                             {"precision", context_.settings.precision}}});
    head.totals = ReportHead::Totals{next(), tally_.labelled, tally_.correct, tally_.failed};
    if (next() > job_.report_rows) {
      head.note = "The report shows the first " + std::to_string(job_.report_rows) + " of " +
                  std::to_string(next()) + " images; index.jsonl lists all.";
    }
    return head;
  }

  [[nodiscard]] std::string layer_reason(const std::string& layer) const {
    for (const auto& [name, why] : explainers_.layers()) {
      if (name == layer) return why;
    }
    return "the method's own";
  }

  [[nodiscard]] Manifest manifest() const {
    Manifest m = start_manifest(job_.model_path, hash_, package_, context_);
    m.model.details.push_back({"weights_hash_after", weights::weights_hash(package_.model)});
    std::string targets;
    for (const TargetRule& rule : rules_) targets += (targets.empty() ? "" : ",") + rule.text();
    for (const MethodRecords::Entry& e : records_.entries()) {
      m.methods.push_back({e.method, e.layer, layer_reason(e.layer), targets, e.fields()});
    }
    m.counts = {next(), tally_.images, tally_.failed, tally_.maps};
    m.timings = {{"forward", summary_.forward_seconds, tally_.images},
                 {"explain", summary_.explain_seconds, tally_.maps},
                 {"write", summary_.write_seconds, tally_.maps}};
    for (const auto& [file, error] : tally_.failures) m.failures.push_back({file, error});
    m.extra = {{"batch", shape_.n},
               {"resumed_images", summary_.resumed},
               {"logits_unchanged", logits_checked_ || tally_.images == summary_.resumed},
               {"left_out", job_.left_out},
               {"index", std::string("index.jsonl")},
               {"maps", std::string(job_.pack  ? "maps.h5"
                                    : job_.raw ? "*.npy"
                                               : "not kept")},
               {"shared_scale", job_.shared_scale}};
    if (job_.crops) {
      for (const NamedValue& field : job_.crops->fields()) m.extra.push_back(field);
    }
    for (const NamedValue& field : gauge_.fields()) m.extra.push_back(field);
    return m;
  }

  const ExplainJob& job_;
  const weights::Package& package_;
  const RunContext& context_;
  RunFolder folder_{job_.out};
  ImageSourcePtr source_;
  Shape shape_;
  Explainers explainers_;
  RunOutputs outputs_;
  std::string hash_;
  std::vector<TargetRule> rules_;
  OutputNames names_;
  MethodRecords records_;
  Tally tally_;
  Gauge gauge_;
  std::vector<ImageEntry> entries_;
  bool logits_checked_{false};
  ExplainSummary summary_;
};

}  // namespace

ExplainSummary run_explain(const ExplainJob& job,
                           const weights::Package& package,
                           const RunContext& context) {
  return Run(job, package, context).run();
}

}  // namespace cutaway::explain
