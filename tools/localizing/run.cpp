#include "tools/localizing/run.h"

#include <algorithm>
#include <filesystem>

#include "runtime/config.h"
#include "runtime/error.h"
#include "tools/program/run_manifest.h"
#include "tools/localizing/outputs.h"
#include "tools/program/progress.h"
#include "tools/report/manifest.h"

namespace cutaway::tools {
namespace {

class Localize {
 public:
  Localize(const LocalizeJob& job, const weights::Package& package, const Context& context)
      : job_(job),
        package_(package),
        context_(context),
        truth_(job.truth.empty() ? Truth() : Truth(job.truth)),
        source_(open_images(job.inputs, job.source)),
        names_(row_names(job)),
        finder_(job, package, truth_, context),
        hash_(weights::weights_hash(package.model)),
        gaussian_(explain::centre_gaussian(224)) {}

  LocalizeSummary run() {
    LocalizeOutputs outputs(job_, package_);
    Progress progress("localize", source_->count().value_or(0), context_.common.quiet);
    std::vector<Located> batch;
    while (next(batch)) {
      throw_if_interrupted();
      const std::int64_t first = summary_.images + summary_.failed;
      const std::int64_t draw = std::clamp<std::int64_t>(job_.pictures - first, 0, job_.batch);
      finder_.locate(batch, static_cast<std::size_t>(draw));
      for (std::size_t i = 0; i < batch.size(); ++i) {
        outputs.add(first + static_cast<std::int64_t>(i), batch[i]);
        account(batch[i]);
      }
      progress.add(static_cast<std::int64_t>(batch.size()));
    }
    finish(outputs);
    return std::move(summary_);
  }

 private:
  bool next(std::vector<Located>& batch) {
    batch.clear();
    Located p;
    while (static_cast<std::int64_t>(batch.size()) < job_.batch && source_->next(p.entry)) {
      batch.push_back(std::move(p));
      p = {};
    }
    return !batch.empty();
  }

  void account(const Located& p) {
    if (!p.error.empty()) {
      context_.warn(p.error);
      ++summary_.failed;
      if (summary_.failures.size() < 1000) summary_.failures.emplace_back(p.entry.name, p.error);
      return;
    }
    ++summary_.images;
    const std::size_t at = p.true_class();
    if (p.label) {
      ++summary_.labelled;
      summary_.top1 += at == 0 ? 1 : 0;
      summary_.topk += at < p.ranked ? 1 : 0;
    }
    if (!p.truth.empty() && at < p.classes.size()) scores_.push_back(score(p, at));
  }

  [[nodiscard]] PictureScore score(const Located& p, std::size_t at) const {
    PictureScore s;
    s.label = *p.label;
    s.rank = at < p.ranked ? static_cast<std::int64_t>(at) : -1;
    std::vector<explain::ClassBoxes> ranked(p.ranked);
    for (const auto& row : p.found) {
      for (std::size_t k = 0; k < p.ranked; ++k) ranked[k] = {p.classes[k].label, row[k].boxes};
      s.boxes.push_back(score_boxes(ranked, row[at].boxes.at(0), s.label, p.truth));
    }
    const double width = p.scene->width(), height = p.scene->height();
    for (const explain::RealBox& blind :
         {explain::whole_picture(width, height), explain::centre_box(width, height)}) {
      for (std::size_t k = 0; k < p.ranked; ++k) ranked[k] = {p.classes[k].label, {blind}};
      s.boxes.push_back(score_boxes(ranked, blind, s.label, p.truth));
    }
    s.hits = p.hits;
    if (job_.curves) {
      s.hits.push_back(explain::box_hits({gaussian_, 224, 224}, p.scene->scaled(p.truth, 224)));
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
                     job_.samples, job_.tau_step, context_.common.seed);
    }
    if (summary_.labelled > 0) outputs.write_results(summary_);
    summary_.layer = finder_.layer().name;
    summary_.layer_why = finder_.layer().why;
    summary_.explain_seconds = finder_.explain_seconds();
    summary_.box_seconds = finder_.box_seconds();
    summary_.report = outputs.finish(head());
    summary_.manifest = job_.out + "/manifest.json";
    write_manifest(summary_.manifest, manifest());
  }

  [[nodiscard]] Fields rule_fields(const RuleChoice& r) const {
    const explain::BoxOptions& o = r.options;
    switch (r.rule) {
      case explain::BoxRule::kThreshold:
        return {{"threshold", static_cast<double>(o.threshold)}};
      case explain::BoxRule::kDt:
        return {
            {"grey_levels",
             std::vector<std::int64_t>(o.dt.thresholds.begin(), o.dt.thresholds.end())},
            {"suppress",
             std::string(o.dt.suppression == explain::Suppression::kAuthors ? "authors" : "clean")},
            {"jpeg_quality", job_.jpeg}};
      case explain::BoxRule::kGraphCut:
        return {{"high_quantile", o.graph_cut.high},
                {"low_quantile", o.graph_cut.low},
                {"components", std::int64_t{o.graph_cut.mixture.components}},
                {"rounds", std::int64_t{o.graph_cut.mixture.rounds}},
                {"covariance_floor", o.graph_cut.mixture.floor},
                {"gamma", o.graph_cut.gamma},
                {"hard_seeds", o.graph_cut.hard_seeds},
                {"iterate", std::int64_t{o.graph_cut.iterate}}};
      case explain::BoxRule::kGrabCut:
        return {{"background", std::int64_t{o.grab_cut.background}},
                {"foreground", std::int64_t{o.grab_cut.foreground}},
                {"iterations", std::int64_t{o.grab_cut.iterations}},
                {"jpeg_quality", job_.jpeg}};
    }
    return {};
  }

  [[nodiscard]] ReportHead head() const {
    ReportHead h;
    h.title = "Localisation";
    h.subtitle = std::filesystem::path(job_.model_path).filename().string();
    h.argv = {"cutaway"};
    h.argv.insert(h.argv.end(), context_.argv.begin(), context_.argv.end());
    h.note = "Boxes of the first class: red the first, yellow the second; true boxes green.";
    for (const RuleChoice& rule : job_.rules) h.details.push_back({rule.name, rule_fields(rule)});
    for (const BoxRow& r : summary_.table.boxes) {
      h.details.push_back({r.method == "-" ? r.rule : r.method + " " + r.rule,
                           {{"GT-known", r.gt_known.value},
                            {"CorLoc", r.corloc.value},
                            {"top-1 localisation error", r.top1_error.value},
                            {"top-5 localisation error", r.top5_error.value}}});
    }
    h.totals = ReportHead::Totals{summary_.images + summary_.failed, summary_.labelled,
                                  summary_.top1, summary_.failed};
    return h;
  }

  [[nodiscard]] Manifest manifest() const {
    Manifest m = start_manifest(job_.model_path, hash_, package_, context_);
    for (const explain::Explanation& e : finder_.first_maps()) {
      Fields fields{{"rules", e.rules}};
      for (const auto& [name, value] : e.options.values()) {
        std::visit([&, &key = name](const auto& v) { fields.push_back({key, Value(v)}); }, value);
      }
      m.methods.push_back(
          {e.method, e.layer, summary_.layer_why, "top" + std::to_string(job_.top), fields});
    }
    m.counts = {summary_.images + summary_.failed, summary_.images, summary_.failed,
                static_cast<std::int64_t>(scores_.size())};
    m.timings = {{"explain", summary_.explain_seconds, summary_.images},
                 {"boxes", summary_.box_seconds, summary_.images}};
    for (const auto& [file, error] : summary_.failures) m.failures.push_back({file, error});
    m.extra = {{"truth", job_.truth},         {"top", job_.top},
               {"work_side", job_.work_side}, {"map_resample", explain::to_string(job_.resample)},
               {"tau_step", job_.tau_step},   {"bootstrap_samples", job_.samples}};
    for (const RuleChoice& rule : job_.rules) {
      for (Field field : rule_fields(rule))
        m.extra.push_back({rule.name + "." + field.name, field.value});
    }
    if (job_.crops) {
      for (const Field& field : job_.crops->fields()) m.extra.push_back(field);
    }
    return m;
  }

  const LocalizeJob& job_;
  const weights::Package& package_;
  const Context& context_;
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
                             const Context& context) {
  return Localize(job, package, context).run();
}

}  // namespace cutaway::tools
