#include "weights/import/keras/keras_config.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "runtime/error.h"
#include "weights/import/keras/keras_layers.h"
#include "weights/import/keras/keras_names.h"

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

/// An output of a layer: which use of the layer, and which of its outputs then.
struct Reference {
  std::string layer;
  std::int64_t use{0}, output{0};
};

Reference reference(const Json& name, const Json& list) {
  const auto index = [&](std::size_t i) {
    return list.size() > i && list[i].is_number_integer() ? list[i].get<std::int64_t>() : 0;
  };
  return {name.get<std::string>(), index(1), index(2)};
}

/// Every reference: ["conv1", 0, 0, {}] in Keras 1 and 2, a __keras_tensor__ in Keras 3; several in
/// a list or under names.
void collect_inputs(const Json& value, int depth, std::vector<Reference>& found) {
  if (depth > kMostReferenceDepth) return;
  if (value.is_object()) {
    const auto config = value.find("config");
    if (text_of(value, "class_name") == "__keras_tensor__" && config != value.end() &&
        config->is_object()) {
      const auto history = config->find("keras_history");
      if (history != config->end() && history->is_array() && !history->empty() &&
          (*history)[0].is_string()) {
        found.push_back(reference((*history)[0], *history));
      }
      return;
    }
    const auto args = value.find("args");
    if (args != value.end()) return collect_inputs(*args, depth + 1, found);
    for (const Json& inner : value) collect_inputs(inner, depth + 1, found);
    return;
  }
  if (!value.is_array()) return;
  if (value.size() >= 3 && value[0].is_string() && value[1].is_number_integer()) {
    found.push_back(reference(value[0], value));
    return;
  }
  for (const Json& inner : value) collect_inputs(inner, depth + 1, found);
}

/// True when there is something else than outputs of layers among what a layer is called with:
/// keras.ops.add(x, 1.0) has the class of a layer, too.
bool has_constant(const Json& value, int depth) {
  if (depth > kMostReferenceDepth || value.is_null()) return false;
  if (value.is_array()) {
    return std::any_of(value.begin(), value.end(),
                       [&](const Json& inner) { return has_constant(inner, depth + 1); });
  }
  return !value.is_object() || text_of(value, "class_name") != "__keras_tensor__";
}

/// The ids of a layer's further uses and outputs. The first of both has the layer's own.
std::string id_of(const std::string& id, std::int64_t use, std::int64_t output) {
  return id + (use == 0 ? "" : ":" + std::to_string(use + 1)) +
         (output == 0 ? "" : "[" + std::to_string(output) + "]");
}

std::string in_quotes(const std::string& name) { return "'" + name.substr(0, 64) + "'"; }

bool is_model(const std::string& type) {
  return type == "Sequential" || type == "Functional" || type == "Model";
}

/// Lists the layers of a model and of the models in it. Every layer has an id: the names of the
/// models it is in, and its own, with '/' between; a layer that is used n times is n layers. A
/// model in a model is a pair of other names: its id for its output layer, and the id of its input
/// for what it is given.
class Reader {
 public:
  Reader(const std::string& file, const std::string& wanted) : file_(file), wanted_(wanted) {}

  KerasLayers run(const Json& model) {
    if (!model.is_object() || !model.contains("config")) fail("no model's configuration");
    const std::string type = text_of(model, "class_name");
    if (!is_model(type)) {
      throw Error(ErrorKind::kUnsupported, "a model of class " + in_quotes(type))
          .at(file_)
          .expected("Sequential or Functional");
    }
    const std::string output = chosen(expand(type, model["config"], {}, ""));
    name_nodes();
    order(resolve(output));
    for (auto& [id, layer] : layers_) {
      if (states_[id] == State::kNew) result_.left_out.push_back(std::move(layer));
    }
    return std::move(result_);
  }

 private:
  /// Where a model stands: "" and nothing for the outermost.
  struct Level {
    std::string prefix, outer;            // "vgg16/", "vgg16"
    std::vector<std::string> containers;  // of Keras 3
    bool shared{false};                   // one of several uses of a model
    std::optional<bool> training{};       // how that model is called
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
      layer.shared = level.shared;
      layer.training = level.training;
      claim(layer.id);
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

  void claim(const std::string& id) {
    if (!ids_.insert(id).second) fail("two layers " + in_quotes(id));
    if (ids_.size() > kMostLayers) fail("too many layers");
  }

  /// Adds a model's layers; `input` is what it is given, empty if it is the outermost or the first
  /// in a Sequential model. Returns the ids of its outputs.
  std::vector<std::string> expand(const std::string& type,
                                  const Json& config,
                                  const Level& level,
                                  const std::string& input) {
    const Json* layers = &config;
    if (config.is_object() && config.contains("layers")) layers = &config["layers"];
    if (!layers->is_array() || layers->empty()) {
      fail(type == "Sequential" ? "a Sequential model without layers" : "a model without layers");
    }
    std::vector<Listed> all = listed(*layers, level);
    if (type == "Sequential") return {sequential(all, level, input)};
    return functional(all, config, level, input);
  }

  void add(Listed& next, const Level& level) {
    KerasLayer& layer = next.layer;
    if (!is_model(layer.type)) {
      layers_.emplace(layer.id, std::move(layer));
      return;
    }
    if (layer.inputs.size() > 1) refuse_several_inputs(layer.id);
    const Level inner{layer.id + "/", level.outer.empty() ? layer.name : level.outer,
                      layer.containers, layer.shared, layer.training};
    if (!layer.argument.empty()) {
      refuse("the model " + in_quotes(layer.id) + " is called with " + in_quotes(layer.argument),
             "call it with its input alone");
    }
    const std::string given = layer.inputs.empty() ? "" : layer.inputs[0];
    const std::vector<std::string> outputs = expand(layer.type, *layer.config, inner, given);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const std::string id = id_of(layer.id, 0, static_cast<std::int64_t>(i));
      if (i > 0) claim(id);
      others_[id] = outputs[i];
    }
  }

  /// One of the outermost model's outputs.
  std::string chosen(const std::vector<std::string>& outputs) const {
    if (wanted_.empty() && outputs.size() == 1) return outputs[0];
    std::string names;
    for (const std::string& name : outputs) {
      if (name == wanted_) return name;
      names += (names.empty() ? "" : ", ") + name.substr(0, 64);
    }
    if (wanted_.empty()) {
      throw Error(ErrorKind::kUnsupported, "a model with several outputs: " + names.substr(0, 1024))
          .at(file_)
          .hint("choose one with --output NAME");
    }
    throw Error(ErrorKind::kUsage, "the model has no output " + in_quotes(wanted_))
        .at(file_)
        .expected(outputs.size() == 1 ? names : "one of " + names.substr(0, 1024));
  }

  [[noreturn]] void refuse_several_inputs(const std::string& model) const {
    refuse("several inputs of the model " + in_quotes(model),
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

  std::vector<std::string> functional(std::vector<Listed>& all,
                                      const Json& config,
                                      const Level& level,
                                      const std::string& input) {
    int inputs = 0;
    std::map<std::string, std::int64_t> uses;
    for (const Listed& next : all) uses[next.layer.name] = uses_of(*next.json);
    const auto ids = [&](const std::vector<Reference>& references) {
      std::vector<std::string> all_ids;
      for (const Reference& r : references) {
        const auto found = uses.find(r.layer);
        // Keras 2 counts the uses of a model that it made outside of this one too.
        const std::int64_t most = found == uses.end() ? 1 : found->second;
        if (most > 1 && (r.use < 0 || r.use >= most))
          fail("use " + std::to_string(r.use) + " of layer " + in_quotes(r.layer));
        if (r.output < 0) fail("an output of layer " + in_quotes(r.layer));
        all_ids.push_back(level.prefix + id_of(r.layer, most == 1 ? 0 : r.use, r.output));
      }
      return all_ids;
    };
    for (Listed& next : all) {
      const KerasLayer layer = next.layer;
      if (layer.type == "InputLayer" && !input.empty()) {
        if (++inputs > 1) refuse_several_inputs(level.outer);
        others_[layer.id] = input;
        continue;
      }
      for (std::int64_t use = 0; use < uses[layer.name]; ++use) {
        next.layer = layer;
        next.layer.id = id_of(layer.id, use, 0);
        next.layer.shared = layer.shared || uses[layer.name] > 1;
        if (use > 0) claim(next.layer.id);
        next.layer.inputs = ids(inputs_of(*next.json, static_cast<std::size_t>(use)));
        read_call(*next.json, static_cast<std::size_t>(use), next.layer);
        add(next, level);
      }
    }
    std::vector<Reference> outputs;
    if (config.is_object() && config.contains("output_layers"))
      collect_inputs(config["output_layers"], 0, outputs);
    if (outputs.empty()) fail("a model without outputs");
    return ids(outputs);
  }

  /// At least one, for layers whose description says nothing of uses.
  static std::int64_t uses_of(const Json& layer) {
    const auto nodes = layer.find("inbound_nodes");
    const bool listed = nodes != layer.end() && nodes->is_array() && !nodes->empty();
    return listed ? static_cast<std::int64_t>(nodes->size()) : 1;
  }

  static std::vector<Reference> inputs_of(const Json& layer, std::size_t use) {
    std::vector<Reference> found;
    const auto nodes = layer.find("inbound_nodes");
    if (nodes != layer.end() && nodes->is_array() && use < nodes->size())
      collect_inputs((*nodes)[use], 0, found);
    return found;
  }

  /// What a layer is called with apart from its inputs: {"training": true}, in Keras 1 and 2 behind
  /// every input, in Keras 3 under "kwargs". What says nothing (null, no mask) is passed over.
  static void read_call(const Json& layer, std::size_t use, KerasLayer& to) {
    const auto nodes = layer.find("inbound_nodes");
    if (nodes == layer.end() || !nodes->is_array() || use >= nodes->size()) return;
    const auto take = [&](const Json& arguments) {
      if (!arguments.is_object()) return;
      for (const auto& [name, value] : arguments.items()) {
        if (value.is_null()) continue;
        if (name == "training" && value.is_boolean()) {
          to.training = value.get<bool>();
        } else {
          to.argument = name.substr(0, 64);
        }
      }
    };
    const Json& node = (*nodes)[use];
    if (node.is_object()) {
      const auto arguments = node.find("kwargs");
      if (arguments != node.end()) take(*arguments);
      const auto inputs = node.find("args");
      if (inputs != node.end() && has_constant(*inputs, 0)) to.argument = "a constant";
      return;
    }
    if (!node.is_array()) return;
    for (const Json& input : node) {
      if (input.is_array() && input.size() >= 4) take(input[3]);
    }
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
    std::vector<std::string> stack{output};
    while (!stack.empty()) {
      const std::string id = stack.back();
      const auto at = layers_.find(id);
      if (at == layers_.end()) fail("no layer " + in_quotes(id));
      State& state = states_[id];
      if (state == State::kNew) {
        state = State::kOpen;
        std::vector<std::string>& inputs = at->second.inputs;
        for (std::string& input : inputs) input = resolve(input);
        // Backwards, so that the first input is finished first.
        for (auto input = inputs.rbegin(); input != inputs.rend(); ++input) {
          if (states_[*input] == State::kOpen)
            fail("the layers form a circle at " + in_quotes(*input));
          if (states_[*input] == State::kNew) stack.push_back(*input);
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

  enum class State : std::uint8_t { kNew, kOpen, kDone };

  const std::string& file_;
  const std::string& wanted_;
  KerasLayers result_;
  std::map<std::string, State> states_;
  std::set<std::string> ids_;
  std::map<std::string, KerasLayer> layers_;   // by id
  std::map<std::string, std::string> others_;  // ids that stand for another
};

}  // namespace

KerasLayers keras_layers(const nlohmann::json& model,
                         const std::string& file,
                         const std::string& output) {
  return Reader(file, output).run(model);
}

KerasGraph keras_graph(std::string_view json, const std::string& file, const std::string& output) {
  const Json model = parsed(json, file);
  const KerasLayers layers = keras_layers(model, file, output);
  KerasGraph net = KerasBuilder(layers, file).run();
  for (const KerasLayer& layer : layers.left_out)
    net.left_out.push_back({layer.outer, layer.name, layer.containers, KerasLeftOut{}.reason});
  return net;
}

}  // namespace cutaway::weights
