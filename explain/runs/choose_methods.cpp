#include "explain/runs/choose_methods.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>

#include "explain/method.h"
#include "explain/network.h"
#include "explain/runs/option_value.h"
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

NodeId layer_node(const Graph& graph, const std::string& layer) {
  if (!layer.empty()) return graph.find(layer);
  try {
    return default_layer(graph).node;
  } catch (const Error&) {
    return -1;
  }
}

/// Black, white and a grey level as the net takes them.
PixelRange pixel_range(const weights::Preprocess& rule) {
  PixelRange range;
  for (std::size_t c = 0; c < static_cast<std::size_t>(rule.channels()); ++c) {
    const double black = -double{rule.mean[c]} / double{rule.std[c]};
    const double white = (double{rule.scale} * 255.0 - double{rule.mean[c]}) / double{rule.std[c]};
    range.low.push_back(std::min(black, white));
    range.high.push_back(std::max(black, white));
    range.grey_level.push_back(double{rule.scale} / double{rule.std[c]});
  }
  return range;
}

/// What is asked for, sorted out.
class Chooser {
 public:
  Chooser(const std::vector<MethodChoice>& options,
          const weights::Package& package,
          const std::string& layer)
      : options_(options),
        graph_(package.model.graph),
        pixels_(pixel_range(package.preprocess)),
        layer_(layer_node(graph_, layer)),
        layer_named_(!layer.empty()) {}

  void add(const MethodChoice& wanted) {
    const Group* group = group_of(wanted.name);
    if (group == nullptr) {
      (void)method_facts(wanted.name);  // throws for names it does not know
      add(wanted, chosen_.refused);
      return;
    }
    for (const std::string& member : members(*group)) add({member, {}}, chosen_.left_out);
  }

  ChosenMethods finish() {
    for (const MethodChoice& given : options_) {
      (void)make_method(given.name, given.options);
      if (!seen_.contains(given.name)) {
        throw Error(ErrorKind::kUsage, "an option of a method that does not run")
            .at(given.name)
            .hint("name it in --method");
      }
    }
    if (chosen_.methods.empty()) throw first_.value();
    return std::move(chosen_);
  }

 private:
  void add(MethodChoice choice, std::vector<std::string>& without) {
    if (!seen_.insert(choice.name).second) return;
    for (const MethodChoice& given : options_) {
      if (given.name != choice.name) continue;
      for (const auto& [name, value] : given.options.values()) choice.options.set(name, value);
    }
    (void)make_method(choice.name,
                      choice.options);  // before pixels: errors are about what was given
    set_pixel_options(method_facts(choice.name).options, pixels_, choice.options);
    if (const auto against = objection(choice)) {
      if (against->kind() != ErrorKind::kUnsupported) throw Error(*against);
      without.push_back(choice.name + ": " + against->what());
      if (!first_) first_ = against;
      return;
    }
    chosen_.methods.push_back(std::move(choice));
  }

  /// Asks the method to plan; the error it has against this net or layer.
  [[nodiscard]] std::optional<Error> objection(const MethodChoice& choice) const {
    Setting setting;
    setting.logits = logits_node(graph_);
    setting.layer = layer_;
    setting.layer_named = layer_named_;
    setting.layer_why = "no layer";
    Needs needs;
    try {
      make_method(choice.name, choice.options)->plan(graph_, setting, needs);
    } catch (const Error& error) {
      return error.located("method " + choice.name);
    }
    return std::nullopt;
  }

  const std::vector<MethodChoice>& options_;
  const Graph& graph_;
  PixelRange pixels_;
  NodeId layer_;
  bool layer_named_;
  std::set<std::string> seen_;
  std::optional<Error> first_;
  ChosenMethods chosen_;
};

Attributes& options_of(std::vector<MethodChoice>& all, const std::string& method) {
  for (MethodChoice& choice : all) {
    if (choice.name == method) return choice.options;
  }
  return all.emplace_back(MethodChoice{method, {}}).options;
}

}  // namespace

ChosenMethods choose_methods(const std::vector<MethodChoice>& wanted,
                             const std::vector<MethodChoice>& options,
                             const weights::Package& package,
                             const std::string& layer) {
  if (wanted.empty()) throw Error(ErrorKind::kUsage, "no method is asked for");
  Chooser chooser(options, package, layer);
  for (const MethodChoice& choice : wanted) chooser.add(choice);
  return chooser.finish();
}

std::vector<MethodChoice> methods_named(const std::vector<std::string>& names) {
  std::vector<MethodChoice> choices;
  for (const std::string& name : names) choices.push_back({name, {}});
  return choices;
}

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

std::string method_help() {
  std::string text = "methods, and their options (--option METHOD.NAME=VALUE):";
  for (const std::string& name : method_names()) {
    const MethodFacts& facts = method_facts(name);
    text += "\n  " + name + ": " + facts.summary;
    for (const OptionFact& option : facts.options) text += "\n      " + option_line(option);
  }
  return text + "\ngroups:" + group_help();
}

void add_method_option(std::vector<MethodChoice>& options, const std::string& text) {
  const std::size_t dot = text.find('.');
  const std::size_t equals = text.find('=');
  if (dot == std::string::npos || equals == std::string::npos || dot > equals || dot == 0) {
    throw Error(ErrorKind::kUsage, "--option").expected("METHOD.NAME=VALUE").got(text);
  }
  const std::string method = text.substr(0, dot);
  const std::string name = text.substr(dot + 1, equals - dot - 1);
  Attributes one{{name, parse_option_value(text.substr(equals + 1))}};
  try {
    (void)make_method(method, one);
  } catch (const Error& error) {
    throw Error(error.kind(), error.what()).at("--option " + method + "." + name);
  }
  options_of(options, method).set(name, one.values().at(name));
}

void add_unit_option(std::vector<MethodChoice>& options, const std::string& text) {
  long long channel = -1;
  long long row = -1;
  long long column = -1;
  int used = 0;
  const int fields =
      std::sscanf(text.c_str(), "%lld%n@%lld,%lld%n", &channel, &used, &row, &column, &used);
  if ((fields != 1 && fields != 3) || static_cast<std::size_t>(used) != text.size() ||
      channel < 0) {
    throw Error(ErrorKind::kUsage, "--unit").expected("CHANNEL or CHANNEL@ROW,COLUMN").got(text);
  }
  Attributes& values = options_of(options, "deconvnet");
  values.set("channel", std::int64_t{channel});
  if (fields == 3) {
    values.set("row", std::int64_t{row});
    values.set("column", std::int64_t{column});
  }
}

}  // namespace cutaway::explain
