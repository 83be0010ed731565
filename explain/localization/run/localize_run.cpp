#include "explain/localization/run/localize_run.h"

#include <algorithm>
#include <filesystem>

#include "explain/localization/run/outputs.h"
#include "explain/localization/run/resume.h"
#include "explain/network.h"
#include "explain/report/manifest.h"
#include "explain/runs/complaints.h"
#include "explain/runs/load_network.h"
#include "explain/runs/picture_loop.h"
#include "explain/runs/run_manifest.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// Of the job, with methods instead of groups.
LocalizeJob with_methods(const LocalizeJob& asked, ChosenMethods chosen) {
  LocalizeJob job = asked;
  job.methods = std::move(chosen.methods);
  return job;
}

class Localize final : public PictureTask {
 public:
  Localize(const LocalizeJob& job,
           ChosenMethods chosen,
           const weights::Package& package,
           const RunContext& context)
      : job_(with_methods(job, chosen)),
        package_(package),
        context_(context),
        truth_(job.truth.empty() ? Truth() : Truth(job.truth, class_count(package.model.graph))),
        source_(open_images(job.inputs, with_classes(source_options(), package))),
        names_(row_names(job_)),
        finder_(job_, package, truth_, context),
        hash_(weights::weights_hash(package.model)),
        gaussian_(centre_gaussian(224)) {
    for (const std::string& why : chosen.left_out) context.observer.info("left out: " + why);
    for (const std::string& why : chosen.refused) context.observer.warn("not used: " + why);
    summary_.refusals = std::move(chosen.refused);
  }

  LocalizeSummary run() {
    if (!truth_.note().empty()) context_.observer.warn(truth_.note());
    std::vector<std::string> reads = job_.inputs;
    reads.insert(reads.end(), {job_.model_path, job_.truth});
    folder_.open(existing(job_.resume, job_.overwrite), reads);
    LocalizeOutputs outputs(job_, package_, folder_);
    outputs_ = &outputs;
    const LoopPlan plan{.task = "localize",
                        .batch = job_.batch,
                        .resume = job_.resume,
                        .identity = localize_identity(job_, package_, finder_.layer(), context_)};
    summary_.resumed = run_pictures(plan, &folder_, *source_, *this, context_).resumed;
    folder_.begin();  // the table is made again, also for a run that was complete
    finish(outputs);
    return std::move(summary_);
  }

  std::vector<Record> work(std::int64_t /*first*/, std::vector<ImageEntry>& entries) override {
    std::vector<Located> batch;
    for (ImageEntry& entry : entries) batch.emplace_back().entry = std::move(entry);
    return locate(batch);
  }

  /// What is drawn is not in the journal; and the first picture gives the methods' options.
  [[nodiscard]] bool wants(std::int64_t n) const override {
    return n < std::max<std::int64_t>(1, job_.pictures);
  }

  void restore(std::int64_t n, const Record& line, ImageEntry& entry) override {
    if (wants(n)) {
      again_.emplace_back().entry = std::move(entry);
      if (static_cast<std::int64_t>(again_.size()) == job_.batch) restored();
      return;
    }
    restored();
    const LocalizedPicture p = picture_of(line, folder_.journal());
    outputs_->add(n, p);
    account(p);
  }
  void restored() override {
    if (!again_.empty()) (void)locate(again_);
    again_.clear();
  }

 private:
  [[nodiscard]] std::int64_t done() const { return summary_.images + summary_.failed; }

  [[nodiscard]] SourceOptions source_options() const {
    SourceOptions options = job_.source;
    options.without = job_.out;
    return options;
  }

  /// All that is done with a batch; its lines of the journal.
  std::vector<Record> locate(std::vector<Located>& batch) {
    const std::int64_t first = done();
    const std::int64_t draw = std::clamp<std::int64_t>(job_.pictures - first, 0, job_.batch);
    finder_.locate(batch, static_cast<std::size_t>(draw));
    std::vector<Record> lines;
    for (const Located& located : batch) {
      LocalizedPicture p = judge(located);
      p.lines = outputs_->add(done(), located);
      lines.push_back(record_of(done(), p));
      account(p);
    }
    return lines;
  }

  [[nodiscard]] LocalizedPicture judge(const Located& located) const {
    LocalizedPicture p;
    p.name = valid_utf8(located.entry.name);
    p.error = located.error;
    if (!p.error.empty()) return p;
    const std::size_t at = located.true_class();
    p.labelled = located.label.has_value();
    p.top1 = p.labelled && at == 0;
    p.topk = p.labelled && at < located.ranked;
    if (!located.truth.empty() && at < located.classes.size()) p.score = score(located, at);
    return p;
  }

  void account(const LocalizedPicture& p) {
    if (!p.error.empty()) {
      context_.observer.warn(p.error);
      ++summary_.failed;
      if (summary_.failures.size() < Complaints::kMost)
        summary_.failures.emplace_back(p.name, p.error);
      return;
    }
    ++summary_.images;
    summary_.labelled += p.labelled ? 1 : 0;
    summary_.top1 += p.top1 ? 1 : 0;
    summary_.topk += p.topk ? 1 : 0;
    if (p.score) scores_.push_back(*p.score);
  }

  [[nodiscard]] PictureScore score(const Located& p, std::size_t at) const {
    PictureScore s;
    s.label = *p.label;
    s.rank = at < p.ranked ? static_cast<std::int64_t>(at) : -1;
    std::vector<ClassBoxes> ranked(p.ranked);
    for (const auto& row : p.found) {
      for (std::size_t k = 0; k < p.ranked; ++k) ranked[k] = {p.classes[k].label, row[k].boxes};
      s.boxes.push_back(score_boxes(ranked, row[at].boxes.at(0), s.label, p.truth));
    }
    const double width = p.scene->width(), height = p.scene->height();
    for (const RealBox& blind : {whole_picture(width, height), centre_box(width, height)}) {
      for (std::size_t k = 0; k < p.ranked; ++k) ranked[k] = {p.classes[k].label, {blind}};
      s.boxes.push_back(score_boxes(ranked, blind, s.label, p.truth));
    }
    s.hits = p.hits;
    if (job_.curves) {
      s.hits.push_back(box_hits({gaussian_, 224, 224}, p.scene->scaled(p.truth, 224)));
    }
    return s;
  }

  void finish(LocalizeOutputs& outputs) {
    if (!job_.truth.empty() && scores_.empty() && summary_.labelled == 0 && summary_.images > 0) {
      throw Error(ErrorKind::kInput, "the truth knows none of the pictures")
          .at(job_.truth)
          .hint("its names must be those of the pictures");
    }
    if (!scores_.empty()) {
      summary_.table =
          make_table(scores_, names_.rows, job_.curves ? names_.maps : std::vector<std::string>{},
                     job_.samples, job_.tau_step, context_.settings.seed, job_.top);
    }
    if (summary_.labelled > 0) outputs.write_results(summary_);
    summary_.layer = finder_.layer().name;
    summary_.layer_why = finder_.layer().why;
    summary_.explain_seconds = finder_.explain_seconds();
    summary_.box_seconds = finder_.box_seconds();
    summary_.report = outputs.finish(head());
    summary_.manifest = folder_.last();
    write_manifest(summary_.manifest, manifest());
    folder_.end();
  }

  [[nodiscard]] ReportHead head() const {
    ReportHead h;
    h.title = "Localisation";
    h.subtitle = std::filesystem::path(job_.model_path).filename().string();
    h.argv = context_.origin.argv;
    h.note = "Boxes of the first class: red the first, yellow the second; true boxes green.";
    for (const RuleChoice& rule : job_.rules) h.details.push_back({rule.name, rule_fields(rule)});
    for (const BoxRow& r : summary_.table.boxes) {
      h.details.push_back({r.method == "-" ? r.rule : r.method + " " + r.rule,
                           {{"GT-known", r.gt_known.value},
                            {"CorLoc", r.corloc.value},
                            {"top-1 localisation error", r.top1_error.value}}});
      const std::int64_t k = summary_.table.classes;
      if (k > 1) {
        h.details.back().fields.push_back(
            {"top-" + std::to_string(k) + " localisation error", r.topk_error.value});
      }
    }
    h.totals = ReportHead::Totals{summary_.images + summary_.failed, summary_.labelled,
                                  summary_.top1, summary_.failed};
    return h;
  }

  [[nodiscard]] Manifest manifest() const {
    Manifest m = start_manifest(job_.model_path, hash_, package_, context_);
    for (const Explanation& e : finder_.first_maps()) {
      NamedValues fields{{"rules", e.rules}};
      for (NamedValue& option : named_values(e.options)) fields.push_back(std::move(option));
      m.methods.push_back(
          {e.method, e.layer, summary_.layer_why, "top" + std::to_string(job_.top), fields});
    }
    m.counts = {summary_.images + summary_.failed, summary_.images, summary_.failed,
                static_cast<std::int64_t>(scores_.size())};
    m.timings = {{"explain", summary_.explain_seconds, summary_.images},
                 {"boxes", summary_.box_seconds, summary_.images}};
    for (const auto& [file, error] : summary_.failures) m.failures.push_back({file, error});
    m.extra = {{"truth", job_.truth},
               {"top", job_.top},
               {"work_side", job_.work_side},
               {"map_resample", to_string(job_.resample)},
               {"tau_step", job_.tau_step},
               {"interval_groups", job_.samples},
               {"resumed_images", summary_.resumed}};
    for (const RuleChoice& rule : job_.rules) {
      for (NamedValue field : rule_fields(rule))
        m.extra.push_back({rule.name + "." + field.name, field.value});
    }
    if (job_.crops) {
      for (const NamedValue& field : job_.crops->fields()) m.extra.push_back(field);
    }
    if (!summary_.refusals.empty()) m.extra.push_back({"refused", summary_.refusals});
    m.extra.push_back(folder_.files());
    return m;
  }

  const LocalizeJob job_;
  const weights::Package& package_;
  const RunContext& context_;
  RunFolder folder_{job_.out};
  LocalizeOutputs* outputs_{nullptr};
  std::vector<Located> again_;
  Truth truth_;
  ImageSourcePtr source_;
  RowNames names_;
  BoxFinder finder_;
  std::string hash_;
  std::vector<float> gaussian_;
  std::vector<PictureScore> scores_;
  LocalizeSummary summary_;
};

}  // namespace

LocalizeSummary run_localize(const LocalizeJob& job,
                             const weights::Package& package,
                             const RunContext& context) {
  return Localize(job, choose_methods(job.methods, {}, package, job.layer), package, context).run();
}

}  // namespace cutaway::explain
