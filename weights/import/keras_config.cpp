#include "weights/import/keras_config.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "runtime/error.h"
#include "weights/import/keras_layers.h"
#include "weights/import/keras_names.h"

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

std::string in_quotes(const std::string& name) { return "'" + name.substr(0, 64) + "'"; }

bool is_model(const std::string& type) {
  return type == "Sequential" || type == "Functional" || type == "Model";
}

/// Lists the layers of a model and of the models in it. Every layer has an id: the names of the
/// models it is in, and its own, with '/' between. A model in a model is a pair of other names: its
/// id for its output layer, and the id of its input for what it is given.
class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  KerasLayers run(const Json& model) {
    if (!model.is_object() || !model.contains("config")) fail("no model's configuration");
    const std::string type = text_of(model, "class_name");
    if (!is_model(type)) {
      throw Error(ErrorKind::kUnsupported, "a model of class " + in_quotes(type))
          .at(file_)
          .expected("Sequential or Functional");
    }
    const std::string output = expand(type, model["config"], {}, "");
    name_nodes();
    order(resolve(output));
    return std::move(result_);
  }

 private:
  /// Where a model stands: "" and nothing for the outermost.
  struct Level {
    std::string prefix, outer;            // "vgg16/", "vgg16"
    std::vector<std::string> containers;  // of Keras 3
  };
  struct Listed {
    KerasLayer layer;
    const Json* json{};
  };

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kInput, what).at(file_);
  }
  [[noreturn]] void refuse(const std::string& what, const std::string& hint) const {
    throw Error(ErrorKind::kUnsupported, what).at(file_).hint(hint);
  }

  /// All layers of one level, with their ids and containers.
  std::vector<Listed> listed(const Json& layers, const Level& level) {
    std::vector<Listed> all;
    std::vector<std::string> classes;
    for (const Json& json : layers) {
      if (!json.is_object() || !json.contains("config")) fail("a layer without configuration");
      Listed next;
      next.json = &json;
      KerasLayer& layer = next.layer;
      layer.name = text_of(json, "name");
      layer.type = text_of(json, "class_name");
      layer.config = &json["config"];
      if (layer.name.empty()) layer.name = text_of(json["config"], "name");
      // Keras 1 has a list where a Sequential model's configuration should be.
      if (!layer.config->is_object() && !(is_model(layer.type) && layer.config->is_array()))
        fail("a layer without configuration");
      if (layer.name.empty() || layer.type.empty()) fail("a layer without name or class");
      layer.id = level.prefix + layer.name;
      layer.outer = level.outer.empty() ? layer.name : level.outer;
      if (!ids_.insert(layer.id).second) fail("two layers " + in_quotes(layer.id));
      if (ids_.size() > kMostLayers) fail("too many layers");
      classes.push_back(snake_case(layer.type));
      all.push_back(std::move(next));
    }
    const std::vector<std::string> counted = keras3_containers(classes);
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i].layer.containers = level.containers;
      all[i].layer.containers.push_back(counted[i]);
    }
    return all;
  }

  /// Adds a model's layers; `input` is what it is given, empty if it is the outermost or the first
  /// in a Sequential model. Returns the id of its output.
  std::string expand(const std::string& type,
                     const Json& config,
                     const Level& level,
                     const std::string& input) {
    const Json* layers = &config;
    if (config.is_object() && config.contains("layers")) layers = &config["layers"];
    if (!layers->is_array() || layers->empty()) {
      fail(type == "Sequential" ? "a Sequential model without layers" : "a model without layers");
    }
    std::vector<Listed> all = listed(*layers, level);
    return type == "Sequential" ? sequential(all, level, input)
                                : functional(all, config, level, input);
  }

  void add(Listed& next, const Level& level) {
    KerasLayer& layer = next.layer;
    if (!is_model(layer.type)) {
      layers_.emplace(layer.id, std::move(layer));
      return;
    }
    if (layer.inputs.size() > 1) refuse_several("inputs", layer.id);
    Level inner{layer.id + "/", level.outer.empty() ? layer.name : level.outer, layer.containers};
    const std::string given = layer.inputs.empty() ? "" : layer.inputs[0];
    others_[layer.id] = expand(layer.type, *layer.config, inner, given);
  }

  [[noreturn]] void refuse_several(const std::string& what, const std::string& model) const {
    refuse("several " + what + (model.empty() ? "" : " of the model " + in_quotes(model)),
           "save the part you want as a model of its own: keras.Model(model.inputs[0], "
           "model.get_layer(NAME).output).save(FILE)");
  }

  std::string sequential(std::vector<Listed>& all, const Level& level, const std::string& input) {
    std::string before = input;
    for (Listed& next : all) {
      const KerasLayer layer = next.layer;
      if (layer.type == "InputLayer") {
        if (!input.empty()) {
          others_[layer.id] = input;
        } else {
          add(next, level);
          before = layer.id;
        }
        continue;
      }
      if (before.empty() && !is_model(layer.type)) before = input_of(layer);
      if (!before.empty()) next.layer.inputs = {before};
      add(next, level);
      before = layer.id;
    }
    return before;
  }

  /// The first layer of an older Sequential model says itself how large its input is.
  std::string input_of(const KerasLayer& first) {
    if (!first.config->contains("batch_input_shape") && !first.config->contains("batch_shape")) {
      fail("the model does not say how large its input is");
    }
    KerasLayer input;
    input.name = input.id = "input";
    input.type = "InputLayer";
    input.config = first.config;
    layers_.emplace(input.id, input);
    return input.id;
  }

  std::string functional(std::vector<Listed>& all,
                         const Json& config,
                         const Level& level,
                         const std::string& input) {
    int inputs = 0;
    for (Listed& next : all) {
      KerasLayer& layer = next.layer;
      const auto nodes = next.json->find("inbound_nodes");
      if (nodes != next.json->end() && nodes->is_array()) {
        if (nodes->size() > 1) {
          refuse("layer " + in_quotes(layer.id) + " is used more than once",
                 "write the model with a layer of its own for each use");
        }
        collect_inputs(*nodes, 0, layer.inputs);
        for (std::string& name : layer.inputs) name = level.prefix + name;
      }
      if (layer.type == "InputLayer" && !input.empty()) {
        if (++inputs > 1) refuse_several("inputs", level.outer);
        others_[layer.id] = input;
        continue;
      }
      add(next, level);
    }
    std::vector<std::string> outputs;
    if (config.is_object() && config.contains("output_layers"))
      collect_inputs(config["output_layers"], 0, outputs);
    if (outputs.empty()) fail("a model without outputs");
    if (outputs.size() > 1) refuse_several("outputs", level.outer);
    return level.prefix + outputs[0];
  }

  /// The layer behind an id that may be a model's.
  std::string resolve(std::string id) const {
    for (std::size_t steps = 0; others_.contains(id); ++steps) {
      if (steps > others_.size()) fail("models in a circle at " + in_quotes(id));
      id = others_.at(id);
    }
    return id;
  }

  /// A layer of a model in a model keeps its own name where that is the only one.
  void name_nodes() {
    std::map<std::string, int> uses;
    for (const auto& [id, layer] : layers_) ++uses[layer.name];
    for (auto& [id, layer] : layers_) layer.node = uses[layer.name] == 1 ? layer.name : id;
  }

  /// Depth-first from the output, without recursion: inputs first, everything else left out.
  void order(const std::string& output) {
    enum class State : std::uint8_t { kNew, kOpen, kDone };
    std::map<std::string, State> states;
    std::vector<std::string> stack{output};
    while (!stack.empty()) {
      const std::string id = stack.back();
      const auto at = layers_.find(id);
      if (at == layers_.end()) fail("no layer " + in_quotes(id));
      State& state = states[id];
      if (state == State::kNew) {
        state = State::kOpen;
        std::vector<std::string>& inputs = at->second.inputs;
        for (std::string& input : inputs) input = resolve(input);
        // Backwards, so that the first input is finished first.
        for (auto input = inputs.rbegin(); input != inputs.rend(); ++input) {
          if (states[*input] == State::kOpen)
            fail("the layers form a circle at " + in_quotes(*input));
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
  std::set<std::string> ids_;
  std::map<std::string, KerasLayer> layers_;   // by id
  std::map<std::string, std::string> others_;  // ids that stand for another
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
