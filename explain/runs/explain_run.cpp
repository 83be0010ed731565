#include "explain/runs/explain_run.h"

#include <algorithm>
#include <set>

#include "explain/promise.h"
#include "explain/runs/explain_batch.h"
#include "explain/runs/explain_record.h"
#include "explain/runs/load_network.h"
#include "explain/runs/named_record.h"
#include "explain/runs/picture_loop.h"
#include "explain/runs/report_pages.h"
#include "explain/runs/run_outputs.h"
#include "explain/runs/run_resume.h"
#include "runtime/error.h"
#include "runtime/stopwatch.h"

namespace cutaway::explain {
namespace {

/// One run of `explain`: what becomes of its pictures. The loop is run_pictures().
class ExplainRun final : public PictureTask {
 public:
  ExplainRun(const ExplainJob& job, const weights::Package& package, const RunContext& context)
      : resolved_(job, package),
        job_(resolved_.job),
        package_(package),
        context_(context),
        source_(open_images(job.inputs, source_options())),
        shape_(input_shape(job, package, context.settings.share_of_memory(), source_->count())),
        explainer_(resolved_, package, shape_, context),
        outputs_(job_, package, folder_),
        hash_(weights::weights_hash(package.model)),
        estimate_(context.observer, "pictures") {
    context.observer.debug(explainer_.explainers().report(package.model.graph));
    for (const std::string& why : resolved_.left_out) context.observer.info("left out: " + why);
    for (const std::string& why : resolved_.refused) refuse(why);
    for (const std::string& why : explainer_.explainers().refused()) refuse(why);
    summary_.layers = explainer_.explainers().layers();
    explainer_.after_forward([this](double seconds) { estimate(seconds); });
  }

  ExplainSummary run() {
    std::vector<std::string> reads = job_.inputs;
    reads.push_back(job_.model_path);
    folder_.open(existing(job_.resume, job_.overwrite), reads);
    LoopPlan plan{.task = "explain",
                  .batch = shape_.n,
                  .resume = job_.resume,
                  .identity = identity(),
                  .estimate = &estimate_};
    if (!(job_.resume && folder_.stopped())) outputs_.clean();
    const LoopOutcome done = run_pictures(plan, &folder_, *source_, *this, context_);
    summary_.resumed = done.resumed;
    if (done.complete_before) {
      context_.observer.info("nothing is left to do");
      summary_.manifest = folder_.last();
      if (job_.report) summary_.report = folder_.file(report_file(1));
    } else {
      finish(done);
    }
    return summary();
  }

  std::vector<Record> work(std::int64_t first, std::vector<ImageEntry>& entries) override {
    const int threads = CpuStream(context_.settings.threads).threads();
    Batch batch = load_batch(entries, 0, entries.size(), package_.preprocess, shape_, threads,
                             resolved_.crops ? &*resolved_.crops : nullptr);
    std::vector<ImageOutcome> outcomes = outcomes_of(first, entries);
    for (const auto& failure : batch.failures) {
      outcomes[failure.entry].spooled.row.error = failure.error;
      context_.observer.warn(failure.error);
    }
    std::vector<Record> lines;
    if (!batch.entries.empty()) explainer_.explain(batch, outcomes, lines);
    outputs_.note(lines);
    const auto start = Clock::now();
    for (ImageOutcome& o : outcomes) {
      outputs_.add(o);
      warn_of(o);
      tally_.add(o);
    }
    std::vector<Record> done = outputs_.commit(false);
    write_seconds_ += seconds_since(start);
    gauge_.add(static_cast<std::int64_t>(outcomes.size()));
    return done;
  }

  std::vector<Record> flush() override { return outputs_.commit(true); }

  [[nodiscard]] bool holds(std::int64_t n, const Record& line) const override {
    if (RunOutputs::files_are_there(line, job_.out)) return true;
    context_.observer.warn("a map of image " + std::to_string(n) +
                           " is missing or cut short; going on from there");
    return false;
  }

  void restore(std::int64_t n, const Record& line, ImageEntry& entry) override {
    (void)names_.stem(n, entry.name);
    tally_.add(line);
    for (const Record& map : line.value("maps", Record::array())) {
      if (!map.contains("varies")) continue;
      explainer_.records().restore(map.value("method", ""), map.value("layer", ""),
                                   named_values(map["varies"]));
    }
  }
  void restore(const Record& line) override {
    if (line.contains("options")) explainer_.records().restore(line);
  }
  void restored() override { outputs_.drop_parts(tally_.all()); }

 private:
  /// What lies in the run's own folder is no input of it.
  [[nodiscard]] SourceOptions source_options() const {
    SourceOptions options = with_classes(job_.source, package_);
    options.without = job_.out;
    return options;
  }

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

  [[nodiscard]] Record identity() const {
    RunParts parts{.inputs = job_.inputs,
                   .source = job_.source,
                   .methods = job_.methods,
                   .targets = &job_.targets,
                   .layers = {},
                   .crops = resolved_.crops ? &*resolved_.crops : nullptr};
    for (const auto& layer : explainer_.explainers().layers()) parts.layers.push_back(layer.name);
    Record identity = run_identity(parts, package_, context_);
    identity["outputs"] = {{"raw", job_.raw},
                           {"pictures", job_.pictures},
                           {"pack", job_.pack},
                           {"report_rows", job_.report ? job_.report_rows : 0},
                           {"shared_scale", job_.shared_scale},
                           {"colormap", to_string(job_.paint.colormap)},
                           {"heat", job_.paint.heat_weight}};
    return as_read_back(identity);
  }

  void refuse(const std::string& why) {
    context_.observer.warn("not explained: " + why);
    summary_.refusals.push_back(why);
  }

  /// Before the first long part of a run: the methods' work in forward passes is known.
  void estimate(double seconds) {
    const std::int64_t left = source_->count().value_or(0) - tally_.all();
    const double each = seconds / static_cast<double>(shape_.n) * explainer_.explainers().work();
    estimate_.tell(each * static_cast<double>(left), left, "one forward pass");
  }

  std::vector<ImageOutcome> outcomes_of(std::int64_t first, std::vector<ImageEntry>& entries) {
    std::vector<ImageOutcome> outcomes(entries.size());
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      ImageOutcome& o = outcomes[i];
      o.number = first + static_cast<std::int64_t>(i);
      o.entry = std::move(entries[i]);
      o.entry.bytes.reset();  // decoded by now
      o.entry.stored.reset();
      o.stem = names_.stem(o.number, o.entry.name);
      o.spooled.row.name = o.entry.name;
    }
    return outcomes;
  }

  /// Each method's first map that could not be made, or means nothing; the journal has all.
  void warn_of(const ImageOutcome& o) {
    for (const MapCell& cell : o.spooled.cells) {
      if (!cell.refused || !warned_.insert(cell.method + " " + cell.warning).second) continue;
      context_.observer.warn(o.entry.name + ": " + cell.method + ": " + cell.warning);
    }
  }

  ExplainSummary summary() {
    summary_.images = tally_.images;
    summary_.maps = tally_.maps;
    summary_.failed = tally_.failed.count;
    summary_.refused = tally_.refused;
    summary_.failures = tally_.failed.named;
    summary_.forward_seconds = explainer_.forward_seconds();
    summary_.explain_seconds = explainer_.explain_seconds();
    summary_.write_seconds = write_seconds_;
    return std::move(summary_);
  }

  void finish(const LoopOutcome& done) {
    const std::string after = weights::weights_hash(package_.model);
    if (after != hash_) {
      throw Error(ErrorKind::kMismatch, "the weights changed while they were explained")
          .at(job_.model_path)
          .expected(hash_)
          .got(after);
    }
    const ExplainRecord record{resolved_, package_, context_,     explainer_,    tally_,
                               hash_,     shape_.n, done.resumed, write_seconds_};
    if (job_.pack) outputs_.merge_parts();
    if (job_.pictures) write_sheet(job_, package_, outputs_.spool(), folder_);
    if (job_.report) {
      summary_.report =
          write_report(job_, package_, outputs_.spool(), record.head(), folder_, context_.observer);
    }
    summary_.manifest = folder_.last();
    write_manifest(summary_.manifest, record.manifest(gauge_, folder_.files()));
    folder_.end();
    outputs_.clean();
  }

  ResolvedExplain resolved_;
  const ExplainJob& job_;
  const weights::Package& package_;
  const RunContext& context_;
  RunFolder folder_{job_.out};
  ImageSourcePtr source_;
  Shape shape_;
  BatchExplainer explainer_;
  RunOutputs outputs_;
  std::string hash_;
  Estimate estimate_;
  OutputNames names_;
  Tally tally_;
  Gauge gauge_;
  double write_seconds_{0};
  std::set<std::string> warned_;
  ExplainSummary summary_;
};

}  // namespace

ExplainSummary run_explain(const ExplainJob& job,
                           const weights::Package& package,
                           const RunContext& context) {
  return ExplainRun(job, package, context).run();
}

}  // namespace cutaway::explain
