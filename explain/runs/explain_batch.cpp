#include "explain/runs/explain_batch.h"

#include <cstring>

#include "explain/class_probability.h"
#include "explain/doubt.h"
#include "explain/runs/cells.h"
#include "explain/runs/load_network.h"
#include "explain/scores.h"
#include "runtime/error.h"
#include "runtime/stopwatch.h"

namespace cutaway::explain {

ResolvedExplain::ResolvedExplain(const ExplainJob& asked, const weights::Package& package)
    : job(asked) {
  const std::string layer = job.layers.empty() ? "" : job.layers.front();
  ChosenMethods chosen = choose_methods(asked.methods, asked.options, package, layer);
  job.methods = std::move(chosen.methods);
  left_out = std::move(chosen.left_out);
  refused = std::move(chosen.refused);
  crops = choose_crops(job.crops, package.preprocess, package.model.graph.node(0).shape);
}

BatchExplainer::BatchExplainer(const ResolvedExplain& resolved,
                               const weights::Package& package,
                               const Shape& input,
                               const RunContext& context)
    : resolved_(resolved),
      package_(package),
      rows_(input.n),
      explainers_(package.model,
                  resolved.job.methods,
                  resolved.job.layers,
                  input,
                  context,
                  resolved.crops ? std::optional(resolved.crops->plan) : std::nullopt,
                  true) {
  for (const std::string& text : resolved.job.targets) rules_.emplace_back(text, package);
}

void BatchExplainer::explain(Batch& batch,
                             std::vector<ImageOutcome>& outcomes,
                             std::vector<Record>& lines) {
  auto start = Clock::now();
  const Tensor& scores = explainers_.forward(batch.input);
  const double seconds = seconds_since(start);
  forward_seconds_ += seconds;
  if (after_forward_) after_forward_(seconds);
  Rankings rankings;
  for (std::size_t i = 0; i < batch.entries.size(); ++i) {
    ImageOutcome& outcome = outcomes[batch.entries[i]];
    describe(scores, i, outcome, rankings);
    const auto classes = static_cast<std::size_t>(scores.shape().c);
    const Doubt doubt = doubt_of_values("class scores", scores.f32().subspan(i * classes, classes));
    if (doubt) outcome.spooled.row.error = outcome.entry.name + ": " + doubt.text;
    outcomes[batch.entries[i]].spooled.row.photo = std::move(batch.seen[i]);
  }
  const Tensor before = logits_checked_ ? Tensor() : scores.clone();
  start = Clock::now();
  for (const TargetRule& rule : rules_) add_cells(rule, batch, rankings, outcomes, lines);
  explain_seconds_ += seconds_since(start);
  if (!logits_checked_) check_logits(before, batch.input);
}

void BatchExplainer::describe(const Tensor& scores,
                              std::size_t i,
                              ImageOutcome& o,
                              Rankings& rankings) const {
  const auto classes = static_cast<std::size_t>(scores.shape().c);
  const auto p = class_probabilities(scores.f32().subspan(i * classes, classes),
                                     class_head(package_.model.graph));
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

void BatchExplainer::add_cells(const TargetRule& rule,
                               const Batch& batch,
                               const Rankings& rankings,
                               std::vector<ImageOutcome>& outcomes,
                               std::vector<Record>& lines) {
  std::vector<std::vector<MapCell>> predicted(batch.entries.size());
  for (std::size_t part = 0; part < rule.parts(); ++part) {
    // Rows beyond the pictures exist only to fill the batch; any class will do for them.
    std::vector<std::int64_t> targets(static_cast<std::size_t>(rows_), 0);
    std::vector<TargetRule::Choice> choices;
    for (std::size_t i = 0; i < batch.entries.size(); ++i) {
      choices.push_back(rule.resolve(rankings[i], outcomes[batch.entries[i]].entry, part));
      targets[i] = choices.back().target.value_or(0);
    }
    const std::string word = rule.part_name(part);
    const std::vector<Explanation> all = explainers_.explain(targets);
    for (std::size_t k = 0; k < all.size(); ++k) {
      const Explanation& e = all[k];
      const std::string& why_not = explainers_.why_not(k);
      bool fresh = false;
      const NamedValues varies = why_not.empty() ? records_.observe(e, fresh) : NamedValues{};
      if (fresh) lines.push_back(record_of(records_.entries().back()));
      for (std::size_t i = 0; i < batch.entries.size(); ++i) {
        const auto& target = choices[i].target;
        const bool there = target && why_not.empty();
        MapCell cell = there ? cell_of(e, i, word, *target, package_)
                             : empty_cell(e, word, target ? why_not : choices[i].missing);
        cell.refused = cell.refused || (target && !there);
        cell.varies = varies;
        if (target && !cell.values.empty()) {
          for (NamedValue& measured : records_.measure(e, i))
            set_value(cell.varies, std::move(measured));
        }
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
void BatchExplainer::add_cell(MapCell cell,
                              std::vector<MapCell>& predicted,
                              std::vector<MapCell>& cells) const {
  if (predicted.empty()) {
    cells.push_back(std::move(cell));
    return;
  }
  MapCell first = std::move(predicted.front());
  predicted.erase(predicted.begin());
  MapCell difference = first;
  if (!first.values.empty() && !cell.values.empty()) {
    difference = compare(first, cell, resolved_.job.paint);
  } else {
    difference.target = "difference";
    difference.values.clear();
    difference.warning = cell.warning.empty() ? first.warning : cell.warning;
    difference.refused = first.refused || cell.refused;
  }
  cells.push_back(std::move(first));
  cells.push_back(std::move(cell));
  cells.push_back(std::move(difference));
}

/// Explaining leaves the net as it was: the same picture gives the same scores, bit for bit.
void BatchExplainer::check_logits(const Tensor& before, const Tensor& input) {
  const Tensor& after = explainers_.forward(input);
  if (std::memcmp(before.f32().data(), after.f32().data(), before.f32().size_bytes()) != 0) {
    throw Error(ErrorKind::kMismatch, "the class scores changed while they were explained")
        .at(resolved_.job.model_path);
  }
  logits_checked_ = true;
}

}  // namespace cutaway::explain
