#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/runs/load_network.h"
#include "explain/verify/verify.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string model, reference;
  Tolerances tolerances;
};

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

int verify_model(const Options& o, const Context& context) {
  const Reference reference(o.reference);
  const weights::Package package = load_network(o.model, Use::kStructure);
  const Verification v =
      verify(package, reference, o.tolerances, context.stream(), context.engines());
  if (context.common.json) {
    Json rows = Json::array();
    for (const Comparison& row : v.rows) rows.push_back(to_json(row));
    Json result{{"model", o.model},
                {"reference", o.reference},
                {"producer", reference.producer()},
                {"ok", v.ok()},
                {"first", v.ok() ? Json(nullptr) : Json(v.rows[v.first].name)},
                {"diagnosis", v.diagnosis.empty() ? Json(nullptr) : Json(v.diagnosis)},
                {"rounding", v.rounding.empty() ? Json(nullptr) : Json(v.rounding)},
                {"rows", std::move(rows)}};
    std::printf("%s\n", result.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    int width = 5;
    for (const Comparison& row : v.rows) width = std::max(width, static_cast<int>(row.name.size()));
    std::printf("%-10s  %-*s  %-18s  %-16s  %10s  %10s  %10s  %11s\n", "kind", width, "name",
                "type", "shape", "max abs", "relative", "rms", "cosine");
    for (const Comparison& row : v.rows) print_row(row, width);
    std::printf("\n%s\n", verdict(v).c_str());
    for (const std::string& why : {v.diagnosis, v.rounding}) {
      if (!why.empty()) std::printf("%s\n", why.c_str());
    }
  }
  return v.ok() ? kExitOk : kExitMismatch;
}

}  // namespace

void add_verify(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb =
      program.add_subcommand("verify", "Compare every layer with what another framework computed");
  verb.footer(
      "Exit code 4 when anything differs. docs/verify.md has the bundle's format; the scripts in "
      "tools/verify record bundles.\n"
      "example: cutaway verify vgg16.h5 vgg16_reference.h5");
  verb.add_option("model", o->model, "a Cutaway package").required();
  verb.add_option("reference", o->reference, "a reference bundle").required();
  const auto tolerance = [&](const char* name, double& value, const char* what) {
    verb.add_option(name, value,
                    std::string("largest difference of ") + what +
                        ", as a share of the reference's largest value")
        .check(range(0.0, 1e6))
        .capture_default_str();
  };
  tolerance("--tolerance", o->tolerances.activation, "activations");
  tolerance("--gradient-tolerance", o->tolerances.gradient, "gradients");
  tolerance("--map-tolerance", o->tolerances.map, "maps");
  tolerance("--input-tolerance", o->tolerances.input, "preprocessed pictures");
  verb.callback(
      [o, &context] { context.action = [o, &context] { return verify_model(*o, context); }; });
}

}  // namespace cutaway::tools
