#include "explain/runs/explain_record.h"

#include <filesystem>

#include "explain/class_probability.h"
#include "explain/runs/run_manifest.h"
#include "runtime/config.h"

namespace cutaway::explain {
namespace {

std::string layer_reason(const Explainers& explainers, const std::string& layer) {
  for (const auto& [name, why] : explainers.layers()) {
    if (name == layer) return why;
  }
  return "the method's own";
}

std::string maps_text(const ExplainJob& job) {
  return job.pack ? "maps.h5" : job.raw ? "*.npy" : "not kept";
}

}  // namespace

void Tally::add(const Record& line) {
  if (line.contains("error")) {
    failed.add(line.value("name", ""), line["error"].get<std::string>());
    return;
  }
  ++images;
  if (line.contains("correct") && line["correct"].is_boolean()) {
    ++labelled;
    correct += line["correct"].get<bool>() ? 1 : 0;
  }
  if (!line.contains("maps")) return;
  for (const Record& map : line["maps"]) {
    maps += map.contains("missing") ? 0 : 1;
    refused += map.contains("refused") || map.contains("doubt") ? 1 : 0;
  }
}

void Tally::add(const ImageOutcome& o) {
  if (!o.spooled.row.error.empty()) {
    failed.add(o.entry.name, o.spooled.row.error);
    return;
  }
  ++images;
  if (o.spooled.row.correct) {
    ++labelled;
    correct += *o.spooled.row.correct ? 1 : 0;
  }
  for (const MapCell& cell : o.spooled.cells) {
    maps += cell.values.empty() ? 0 : 1;
    refused += cell.refused ? 1 : 0;
  }
}

ReportHead ExplainRecord::head() const {
  const ExplainJob& job = resolved.job;
  ReportHead head;
  head.title = "Explanations";
  head.subtitle = std::filesystem::path(job.model_path).filename().string();
  head.argv = context.origin.argv;
  head.details.push_back(
      {"Model",
       {{"parameters", package.model.graph.parameter_count()},
        {"weights", hash},
        {"source", package.provenance.source_format + " " + package.provenance.source_file}}});
  for (const MethodRecords::Entry& e : explainer.records().entries()) {
    NamedValues fields{{"layer", e.layer}};
    for (const NamedValue& field : e.fields()) fields.push_back(field);
    head.details.push_back({e.method, fields});
  }
  head.details.push_back({"Preprocessing", fields_of(package.preprocess)});
  head.details.push_back({"Run",
                          {{"version", std::string(CUTAWAY_VERSION)},
                           {"seed", static_cast<std::int64_t>(context.settings.seed)},
                           {"device", to_string(device_of(context.settings.stream()))},
                           {"precision", context.settings.precision}}});
  head.totals = ReportHead::Totals{tally.all(), tally.labelled, tally.correct, tally.failed.count};
  if (tally.all() > job.report_rows) {
    head.note = "The report shows the first " + std::to_string(job.report_rows) + " of " +
                std::to_string(tally.all()) + " images; index.jsonl lists all.";
  }
  return head;
}

Manifest ExplainRecord::manifest(const Gauge& gauge, const NamedValue& files) const {
  const ExplainJob& job = resolved.job;
  Manifest m = start_manifest(job.model_path, hash, package, context);
  m.model.details.push_back({"weights_hash_after", weights::weights_hash(package.model)});
  std::string targets;
  for (const TargetRule& rule : explainer.rules())
    targets += (targets.empty() ? "" : ",") + rule.text();
  for (const MethodRecords::Entry& e : explainer.records().entries()) {
    m.methods.push_back(
        {e.method, e.layer, layer_reason(explainer.explainers(), e.layer), targets, e.fields()});
  }
  m.counts = {tally.all(), tally.images, tally.failed.count, tally.maps};
  m.timings = {{"forward", explainer.forward_seconds(), tally.images},
               {"explain", explainer.explain_seconds(), tally.maps},
               {"write", write_seconds, tally.maps}};
  for (const auto& [file, error] : tally.failed.named) m.failures.push_back({file, error});
  m.extra = {{"batch", batch},
             {"resumed_images", resumed},
             {"logits_unchanged", explainer.logits_checked() || tally.images == resumed},
             {"left_out", resolved.left_out},
             {"index", std::string("index.jsonl")},
             {"maps", maps_text(job)},
             {"shared_scale", job.shared_scale},
             {"probability", std::string(probability_rule(package.model.graph))}};
  std::vector<std::string> refused = resolved.refused;
  for (const std::string& why : explainer.explainers().refused()) refused.push_back(why);
  if (!refused.empty()) m.extra.push_back({"refused", refused});
  if (tally.refused > 0) m.extra.push_back({"refused_maps", tally.refused});
  if (resolved.crops) {
    for (const NamedValue& field : resolved.crops->fields()) m.extra.push_back(field);
  }
  for (const NamedValue& field : gauge.fields()) m.extra.push_back(field);
  m.extra.push_back(files);
  return m;
}

}  // namespace cutaway::explain
