#include "explain/runs/explainers.h"

#include <algorithm>
#include <optional>
#include <set>

#include "explain/network.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

struct Group {
  const char* name;
  std::vector<std::string> methods;  // those there are; empty: all
};

const std::vector<Group>& groups() {
  static const std::vector<Group> all{
      {"all", {}},
      {"cam-family",
       {"cam", "gradcam", "gradcam++", "hirescam", "xgradcam", "layercam", "scorecam",
        "ablationcam", "eigencam"}},
      {"gradient-family",
       {"saliency", "gradient_x_input", "sensitivity", "smoothgrad", "smoothgrad_squared",
        "vargrad", "integrated_gradients", "guided", "guided_gradcam", "deconvnet"}}};
  return all;
}

std::vector<std::string> members(const Group& group) {
  const std::vector<std::string> known = method_names();
  if (group.methods.empty()) return known;
  std::vector<std::string> some;
  for (const std::string& name : group.methods) {
    if (std::find(known.begin(), known.end(), name) != known.end()) some.push_back(name);
  }
  return some;
}

const Group* group_of(const std::string& name) {
  for (const Group& group : groups()) {
    if (name == group.name) return &group;
  }
  return nullptr;
}

/// Asks the method to plan; the error it has against this net or layer.
std::optional<Error> objection(const MethodChoice& choice,
                               const Graph& graph,
                               NodeId layer,
                               bool named) {
  Setting setting;
  setting.logits = logits_node(graph);
  setting.layer = layer;
  setting.layer_named = named;
  setting.layer_why = "no layer";
  Needs needs;
  try {
    make_method(choice.name, choice.options)->plan(graph, setting, needs);
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

NodeId layer_node(const Graph& graph, const std::string& layer) {
  if (!layer.empty()) return graph.find(layer);
  try {
    return default_layer(graph).node;
  } catch (const Error&) {
    return -1;
  }
}

Attributes options_for(const std::string& name,
                       const std::vector<std::pair<std::string, Attributes>>& options) {
  for (const auto& [method, values] : options) {
    if (method == name) return values;
  }
  return {};
}

}  // namespace

std::string group_help() {
  std::string text;
  for (const Group& group : groups()) {
    text += std::string("\n  ") + group.name + ":";
    if (group.methods.empty()) text += " every method the net supports";
    for (const std::string& name :
         group.methods.empty() ? std::vector<std::string>{} : members(group)) {
      text += " " + name;
    }
  }
  return text;
}

std::vector<MethodChoice> choose_methods(
    const std::vector<std::string>& names,
    const std::vector<std::pair<std::string, Attributes>>& options,
    const Graph& graph,
    const std::string& layer,
    std::vector<std::string>& left_out) {
  std::vector<MethodChoice> chosen;
  std::set<std::string> seen;
  const NodeId node = layer_node(graph, layer);
  for (const std::string& name : names) {
    const Group* group = group_of(name);
    if (group == nullptr) {
      (void)method_summary(name);  // throws for names it does not know
      if (seen.insert(name).second) chosen.push_back({name, options_for(name, options)});
      continue;
    }
    for (const std::string& member : members(*group)) {
      MethodChoice choice{member, options_for(member, options)};
      const auto against = objection(choice, graph, node, !layer.empty());
      if (against && against->kind() == ErrorKind::kUnsupported) {
        left_out.push_back(member + ": " + against->what());
      } else if (seen.insert(member).second) {
        chosen.push_back(std::move(choice));
      }
    }
  }
  for (const auto& [method, values] : options) {
    (void)make_method(method, values);
    if (!seen.contains(method)) {
      throw Error(ErrorKind::kUsage, "an option of a method that does not run")
          .at(method)
          .hint("name it in --method");
    }
  }
  if (chosen.empty()) {
    throw Error(ErrorKind::kUnsupported, "no method of the group suits this net")
        .got(left_out.empty() ? "nothing" : left_out.front());
  }
  return chosen;
}

Explainers::Explainers(const Model& model,
                       const std::vector<MethodChoice>& methods,
                       const std::vector<std::string>& layers,
                       const Shape& input,
                       const RunContext& context,
                       const std::optional<CropPlan>& crops)
    : crops_(crops) {
  Shape rows = input;
  if (crops) rows.n *= kTenCrops;
  std::vector<std::string> names = layers;
  if (names.empty()) names.emplace_back();
  std::vector<MethodAt> made;
  std::vector<std::size_t> first_of;  // method of each layer that any depends on
  for (std::size_t k = 0; k < names.size(); ++k) {
    const std::size_t before = made.size();
    for (const MethodChoice& choice : methods) {
      MethodPtr method = make_method(choice.name, choice.options);
      // One map is enough of a method whose layer is not for choosing.
      const LayerUse use = method->layer_use();
      if (k > 0 && (use == LayerUse::kNone || use == LayerUse::kFixed)) continue;
      made.push_back({std::move(method), names[k]});
    }
    if (made.size() > before) first_of.push_back(before);
  }
  Session::Options options;
  options.engines = context.settings.engines();
  options.observer = &context.observer;
  options.budget = context.settings.share_of_memory();
  session_ =
      std::make_unique<Session>(model, std::move(made), rows, context.settings.stream(), options);
  for (const std::size_t k : first_of) {
    const Setting& setting = session_->setting(k);
    layers_.push_back(
        {setting.layer >= 0 ? model.graph.node(setting.layer).name : "none", setting.layer_why});
  }
}

const Tensor& Explainers::forward(const Tensor& input) {
  const Tensor& logits = session_->forward(input.clone());
  if (!crops_) return logits;
  merged_ = merge_scores(logits);
  return merged_;
}

std::vector<Explanation> Explainers::explain(const std::vector<std::int64_t>& targets) {
  std::vector<std::int64_t> rows;
  for (const std::int64_t target : targets) {
    rows.insert(rows.end(), crops_ ? kTenCrops : 1, target);
  }
  std::vector<Explanation> all = session_->explain(rows);
  if (!crops_) return all;
  for (Explanation& e : all) e = merge_crops(std::move(e), *crops_);
  return all;
}

std::string Explainers::report(const Graph& graph) {
  return session_->executor().plan().report(graph);
}

}  // namespace cutaway::explain
