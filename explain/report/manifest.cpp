#include "explain/report/manifest.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/files/atomic_file.h"

namespace cutaway::explain {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchemaVersion = 1;

Json json_of(bool v) { return v; }
Json json_of(std::int64_t v) { return v; }
Json json_of(double v) { return std::isfinite(v) ? Json(v) : Json(nullptr); }
Json json_of(const std::string& v) { return valid_utf8(v); }
Json json_of(const Manifest::Method& method);
Json json_of(const Manifest::Timing& timing);
Json json_of(const Manifest::Failure& failure);
template <class T>
Json json_of(const std::vector<T>& values) {
  Json array = Json::array();
  for (const T& v : values) array.push_back(json_of(v));
  return array;
}

Json json_of(const NamedValues& fields) {
  Json object = Json::object();
  for (const NamedValue& field : fields) {
    object[valid_utf8(field.name)] =
        std::visit([](const auto& v) { return json_of(v); }, field.value);
  }
  return object;
}

Json json_of(const Manifest::Model& model) {
  return {{"path", json_of(model.path)},
          {"name", json_of(model.name)},
          {"sha256", json_of(model.sha256)},
          {"details", json_of(model.details)}};
}

Json json_of(const Manifest::Method& method) {
  return {{"name", json_of(method.name)},
          {"layer", json_of(method.layer)},
          {"layer_reason", json_of(method.layer_reason)},
          {"target", json_of(method.target)},
          {"parameters", json_of(method.parameters)}};
}

Json json_of(const Manifest::Timing& timing) {
  return {{"stage", json_of(timing.stage)},
          {"seconds", json_of(timing.seconds)},
          {"items", json_of(timing.items)}};
}

Json json_of(const Manifest::Failure& failure) {
  return {{"input", json_of(failure.input)}, {"error", json_of(failure.error)}};
}

}  // namespace

std::string manifest_json(const Manifest& manifest) {
  const Manifest::Counts& counts = manifest.counts;
  Json root;
  root["schema_version"] = kSchemaVersion;
  root["tool"] = "cutaway";
  root["tool_version"] = json_of(manifest.tool_version);
  root["started_at"] = json_of(manifest.started_at);
  root["argv"] = json_of(manifest.argv);
  root["model"] = json_of(manifest.model);
  root["preprocessing"] = json_of(manifest.preprocessing);
  root["methods"] = json_of(manifest.methods);
  root["seed"] = manifest.seed;
  root["device"] = json_of(manifest.device);
  root["precision"] = json_of(manifest.precision);
  root["threads"] = manifest.threads;
  root["deterministic"] = manifest.deterministic;
  root["counts"] = {{"inputs", counts.inputs},
                    {"succeeded", counts.succeeded},
                    {"failed", counts.failed},
                    {"outputs", counts.outputs}};
  root["timings"] = json_of(manifest.timings);
  root["failures"] = json_of(manifest.failures);
  root["extra"] = json_of(manifest.extra);
  return root.dump(2) + "\n";
}

void write_manifest(const std::string& path, const Manifest& manifest) {
  files::write_file_atomically(path, manifest_json(manifest));
}

}  // namespace cutaway::explain
