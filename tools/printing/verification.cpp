#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/verify/verify.h"
#include "tools/printing/print.h"
#include "tools/program/output.h"

namespace cutaway::tools {

using namespace explain;
namespace {

const char* name_of(ReferenceKind kind) {
  constexpr const char* kNames[] = {"input", "activation", "gradient", "map"};
  return kNames[static_cast<std::size_t>(kind)];
}

/// JSON knows no NaN and no infinity.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json to_json(const Comparison& row) {
  Json json{{"kind", name_of(row.kind)},
            {"name", row.name},
            {"type", row.type},
            {"shape", {row.shape.n, row.shape.c, row.shape.h, row.shape.w}},
            {"ok", row.ok}};
  if (row.problem.empty()) {
    json["max_abs"] = number(row.distance.largest);
    json["relative"] = number(row.distance.relative);
    json["rms"] = number(row.distance.rms);
    json["cosine"] = number(row.distance.cosine);
  } else {
    json["problem"] = row.problem;
  }
  json["tolerance"] = row.tolerance;
  if (row.decided) {
    json["with_their_decisions"] = number(row.decided->relative);
    json["by_rounding"] = row.by_rounding;
  }
  return json;
}

void print_row(const Comparison& row, int width) {
  std::printf("%-10s  %-*s  %-18s  %-16s  ", name_of(row.kind), width, row.name.c_str(),
              row.type.c_str(), to_string(row.shape).c_str());
  if (!row.problem.empty()) {
    std::printf("%s  FAILED\n", row.problem.c_str());
    return;
  }
  std::printf("%10.3g  %10.3g  %10.3g  %11.8f  %s", row.distance.largest, row.distance.relative,
              row.distance.rms, row.distance.cosine, row.ok ? "ok" : "FAILED");
  if (row.decided) {
    std::printf("%s (relative %.3g with the reference's decisions)",
                row.by_rounding ? " but for rounding" : "", row.decided->relative);
  }
  std::printf("\n");
}

std::string verdict(const Verification& v) {
  if (v.ok()) return "all " + std::to_string(v.rows.size()) + " tensors agree";
  const Comparison& row = v.rows[v.first];
  std::size_t failed = 0;
  for (const Comparison& r : v.rows) failed += r.ok ? 0U : 1U;
  return std::to_string(failed) + " of " + std::to_string(v.rows.size()) +
         " tensors differ; the first is the " + name_of(row.kind) + " of '" + row.name + "'";
}

}  // namespace

void print(const Verification& v, const VerifiedFiles& names, const Context& context) {
  if (context.common.json) {
    Json rows = Json::array();
    for (const Comparison& row : v.rows) rows.push_back(to_json(row));
    print_json({{"model", names.model},
                {"reference", names.reference},
                {"producer", names.producer},
                {"ok", v.ok()},
                {"first", v.ok() ? Json(nullptr) : Json(v.rows[v.first].name)},
                {"diagnosis", v.diagnosis.empty() ? Json(nullptr) : Json(v.diagnosis)},
                {"rounding", v.rounding.empty() ? Json(nullptr) : Json(v.rounding)},
                {"rows", std::move(rows)}});
    return;
  }
  int width = 5;
  for (const Comparison& row : v.rows) width = std::max(width, static_cast<int>(row.name.size()));
  std::printf("%-10s  %-*s  %-18s  %-16s  %10s  %10s  %10s  %11s\n", "kind", width, "name", "type",
              "shape", "max abs", "relative", "rms", "cosine");
  for (const Comparison& row : v.rows) print_row(row, width);
  std::printf("\n%s\n", verdict(v).c_str());
  for (const std::string& why : {v.diagnosis, v.rounding}) {
    if (!why.empty()) std::printf("%s\n", why.c_str());
  }
}

}  // namespace cutaway::tools
