#include "weights/import/keras_config.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "runtime/error.h"
#include "weights/import/keras_layers.h"

namespace cutaway::weights {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostText = std::size_t{64} << 20;
constexpr int kMostDepth = 64;
constexpr std::size_t kMostLayers = 20'000;
constexpr int kMostReferenceDepth = 16;

Json parsed(std::string_view text, const std::string& file) {
  if (text.size() > kMostText)
    throw Error(ErrorKind::kInput, "the configuration is too long").at(file);
  const auto shallow = [&](int depth, Json::parse_event_t event, Json&) {
    const bool opens =
        event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (opens && depth >= kMostDepth) {
      throw Error(ErrorKind::kInput, "the configuration is nested too deeply").at(file);
    }
    return true;
  };
  try {
    return Json::parse(text, shallow);
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::kInput, "the configuration is not valid JSON")
        .at(file)
        .hint(error.what());
  }
}

std::string text_of(const Json& object, const char* name) {
  const auto at = object.is_object() ? object.find(name) : object.end();
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

/// "BatchNormalization" -> "batch_normalization", "Conv2D" -> "conv2d": as Keras 3 names
/// containers.
std::string snake_case(const std::string& name) {
  const auto upper = [](char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; };
  const auto lower = [](char c) { return std::islower(static_cast<unsigned char>(c)) != 0; };
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool starts_word = i > 0 && upper(name[i]) &&
                             ((i + 1 < name.size() && lower(name[i + 1])) || lower(name[i - 1]));
    if (starts_word) out += '_';
    out += static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
  }
  return out;
}

/// Every layer that a reference names: ["conv1", 0, 0, {}] in Keras 1 and 2, a __keras_tensor__ in
/// Keras 3.
void collect_inputs(const Json& value, int depth, std::vector<std::string>& names) {
  if (depth > kMostReferenceDepth) return;
  if (value.is_object()) {
    const auto config = value.find("config");
    if (text_of(value, "class_name") == "__keras_tensor__" && config != value.end() &&
        config->is_object()) {
      const auto history = config->find("keras_history");
      if (history != config->end() && history->is_array() && !history->empty() &&
          (*history)[0].is_string()) {
        names.push_back((*history)[0].get<std::string>());
      }
      return;
    }
    const auto args = value.find("args");
    if (args != value.end()) collect_inputs(*args, depth + 1, names);
    return;
  }
  if (!value.is_array()) return;
  if (value.size() >= 3 && value[0].is_string() && value[1].is_number_integer()) {
    names.push_back(value[0].get<std::string>());
    return;
  }
  for (const Json& inner : value) collect_inputs(inner, depth + 1, names);
}

class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  KerasLayers run(const Json& model) {
    const std::string type = text_of(model, "class_name");
    if (!model.is_object() || !model.contains("config")) fail("no model's configuration");
    const Json& config = model["config"];
    if (type == "Sequential") {
      sequential(config);
    } else if (type == "Functional" || type == "Model") {
      functional(config);
    } else {
      throw Error(ErrorKind::kUnsupported, "a model of class '" + type.substr(0, 64) + "'")
          .at(file_)
          .expected("Sequential or Functional");
    }
    return std::move(result_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kInput, what).at(file_);
  }

  KerasLayer layer(const Json& json) {
    if (!json.is_object() || !json.contains("config") || !json["config"].is_object())
      fail("a layer without configuration");
    KerasLayer layer{text_of(json, "name"), text_of(json, "class_name"), &json["config"], {}};
    if (layer.name.empty()) layer.name = text_of(json["config"], "name");
    if (layer.name.empty() || layer.type.empty()) fail("a layer without name or class");
    if (!names_.insert(layer.name).second) fail("two layers '" + layer.name.substr(0, 64) + "'");
    if (names_.size() > kMostLayers) fail("too many layers");
    result_.all.push_back({layer.name, snake_case(layer.type)});
    return layer;
  }

  void sequential(const Json& config) {
    const Json* layers = &config;
    if (config.is_object() && config.contains("layers")) layers = &config["layers"];
    if (!layers->is_array() || layers->empty()) fail("a Sequential model without layers");
    std::string before;
    for (const Json& json : *layers) {
      KerasLayer next = layer(json);
      if (before.empty() && next.type != "InputLayer") before = input_of(next);
      if (!before.empty()) next.inputs = {before};
      before = next.name;
      result_.list.push_back(std::move(next));
    }
  }

  /// The first layer of an older Sequential model says itself how large its input is.
  std::string input_of(const KerasLayer& first) {
    if (!first.config->contains("batch_input_shape") && !first.config->contains("batch_shape")) {
      fail("the model does not say how large its input is");
    }
    result_.list.push_back({"input", "InputLayer", first.config, {}});
    return "input";
  }

  void functional(const Json& config) {
    if (!config.is_object() || !config.contains("layers") || !config["layers"].is_array())
      fail("a model without layers");
    std::map<std::string, KerasLayer> all;
    for (const Json& json : config["layers"]) {
      KerasLayer next = layer(json);
      const auto nodes = json.find("inbound_nodes");
      if (nodes != json.end() && nodes->is_array()) {
        if (nodes->size() > 1) {
          throw Error(ErrorKind::kUnsupported, "layer '" + next.name + "' is used more than once")
              .at(file_);
        }
        collect_inputs(*nodes, 0, next.inputs);
      }
      all.emplace(next.name, std::move(next));
    }
    std::vector<std::string> outputs;
    if (config.contains("output_layers")) collect_inputs(config["output_layers"], 0, outputs);
    if (outputs.size() != 1) {
      throw Error(ErrorKind::kUnsupported, "number of outputs")
          .at(file_)
          .expected("1")
          .got(std::to_string(outputs.size()));
    }
    order(all, outputs[0]);
  }

  /// Depth-first from the output, without recursion: inputs first, everything else left out.
  void order(std::map<std::string, KerasLayer>& all, const std::string& output) {
    enum class State : std::uint8_t { kNew, kOpen, kDone };
    std::map<std::string, State> states;
    std::vector<std::string> stack{output};
    while (!stack.empty()) {
      const std::string name = stack.back();
      const auto at = all.find(name);
      if (at == all.end()) fail("no layer '" + name.substr(0, 64) + "'");
      State& state = states[name];
      if (state == State::kNew) {
        state = State::kOpen;
        // Backwards, so that the first input is finished first.
        for (auto input = at->second.inputs.rbegin(); input != at->second.inputs.rend(); ++input) {
          if (states[*input] == State::kOpen)
            fail("the layers form a circle at '" + input->substr(0, 64) + "'");
          if (states[*input] == State::kNew) stack.push_back(*input);
        }
        continue;
      }
      if (state == State::kOpen) {
        state = State::kDone;
        result_.list.push_back(at->second);
      }
      stack.pop_back();
    }
  }

  const std::string& file_;
  KerasLayers result_;
  std::set<std::string> names_;
};

}  // namespace

KerasLayers keras_layers(const nlohmann::json& model, const std::string& file) {
  return Reader(file).run(model);
}

KerasGraph keras_graph(std::string_view json, const std::string& file) {
  const Json model = parsed(json, file);
  const KerasLayers layers = keras_layers(model, file);
  return KerasBuilder(layers, file).run();
}

}  // namespace cutaway::weights
