#include "explain/localization/run/resume.h"

#include <string_view>

#include "explain/runs/run_resume.h"
#include "runtime/error.h"
#include "weights/sha256.h"

namespace cutaway::explain {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

/// Levels are four bits each (BoxHits).
std::string text_of(const BoxHits& hits) {
  std::string text;
  for (const std::uint8_t bits : hits.at) text += kDigits[bits & 15U];
  return text;
}

BoxHits hits_of(const Record& record) {
  BoxHits hits;
  const std::string text = record.at(0).get<std::string>();
  if (text.size() != hits.at.size()) throw Error(ErrorKind::kInput, "levels of a map");
  for (std::size_t i = 0; i < hits.at.size(); ++i) {
    const auto digit = std::string_view(kDigits, 16).find(text[i]);
    if (digit == std::string_view::npos) throw Error(ErrorKind::kInput, "levels of a map");
    hits.at[i] = static_cast<std::uint8_t>(digit);
  }
  hits.most = record.at(1).get<std::uint8_t>();
  return hits;
}

}  // namespace

Record record_of(std::int64_t n, const LocalizedPicture& p) {
  Record line{{"image", n}, {"name", p.name}};
  if (!p.error.empty()) {
    line["error"] = valid_utf8(p.error);
    return line;
  }
  line["labelled"] = p.labelled;
  line["top1"] = p.top1;
  line["topk"] = p.topk;
  line["boxes"] = p.lines;
  if (!p.score) return line;
  Record boxes = Record::array(), hits = Record::array();
  for (const BoxScore& b : p.score->boxes) boxes.push_back({b.overlap, b.top1, b.topk, b.five});
  for (const BoxHits& h : p.score->hits) hits.push_back({text_of(h), h.most});
  line["score"] = {{"label", p.score->label},
                   {"rank", p.score->rank},
                   {"boxes", std::move(boxes)},
                   {"hits", std::move(hits)}};
  return line;
}

LocalizedPicture picture_of(const Record& line, const std::string& path) {
  try {
    LocalizedPicture p;
    p.name = line.at("name").get<std::string>();
    p.error = line.value("error", "");
    if (!p.error.empty()) return p;
    p.labelled = line.at("labelled").get<bool>();
    p.top1 = line.at("top1").get<bool>();
    p.topk = line.at("topk").get<bool>();
    p.lines = line.at("boxes").get<std::string>();
    if (!line.contains("score")) return p;
    const Record& score = line.at("score");
    p.score.emplace();
    p.score->label = score.at("label").get<std::int64_t>();
    p.score->rank = score.at("rank").get<std::int64_t>();
    for (const Record& b : score.at("boxes")) {
      p.score->boxes.push_back(
          {b.at(0).get<double>(), b.at(1).get<bool>(), b.at(2).get<bool>(), b.at(3).get<bool>()});
    }
    for (const Record& h : score.at("hits")) p.score->hits.push_back(hits_of(h));
    return p;
  } catch (const Record::exception&) {
    throw Error(ErrorKind::kInput, "a line that no run of localize wrote")
        .at(path)
        .hint("begin anew with --overwrite");
  }
}

Record localize_identity(const LocalizeJob& job,
                         const weights::Package& package,
                         const Explainers::Layer& layer,
                         const RunContext& context) {
  const RunParts parts{.inputs = job.inputs,
                       .source = job.source,
                       .methods = job.methods,
                       .layers = {layer.name},
                       .crops = job.crops ? &*job.crops : nullptr};
  Record identity = run_identity(parts, package, context);
  identity["verb"] = "localize";
  identity["truth"] = {job.truth, job.truth.empty() ? "" : weights::sha256_of_file(job.truth)};
  Record rules = Record::object();
  for (const RuleChoice& rule : job.rules) {
    rules[rule.name] = Record::object();
    for (const NamedValue& field : rule_fields(rule))
      rules[rule.name][field.name] = to_text(field.value);
  }
  identity["rules"] = std::move(rules);
  identity["outputs"] = {{"top", job.top},
                         {"work_side", job.work_side},
                         {"resample", to_string(job.resample)},
                         {"pictures", job.pictures},
                         {"curves", job.curves}};
  return as_read_back(identity);
}

}  // namespace cutaway::explain
