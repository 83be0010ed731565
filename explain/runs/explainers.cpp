#include "explain/runs/explainers.h"

#include <optional>

#include "explain/network.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// Whether the net gives this method what it needs at a further layer; otherwise why not.
std::string objection(const MethodChoice& choice, const Graph& graph, const std::string& layer) {
  Setting setting;
  setting.logits = logits_node(graph);
  setting.layer = graph.find(layer);
  setting.layer_named = true;
  setting.layer_why = "chosen by the user";
  Needs needs;
  try {
    make_method(choice.name, choice.options)->plan(graph, setting, needs);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw;
    return error.what();
  }
  return {};
}

/// What is wrong with a picture is what is wrong with any of its crops.
std::vector<Doubt> doubts_of_pictures(const std::vector<Doubt>& of_crops) {
  std::vector<Doubt> doubts(of_crops.size() / kTenCrops);
  for (std::size_t i = 0; i < of_crops.size() && i / kTenCrops < doubts.size(); ++i) {
    Doubt& doubt = doubts[i / kTenCrops];
    if (of_crops[i].meaningless() && !doubt) doubt = of_crops[i];
  }
  return doubts;
}

/// The explanation of the pictures; without a map, and with the reason, where their crops give
/// none.
Explanation merged(Explanation of_crops, const CropPlan& plan, bool keep_going, std::string& why) {
  if (!why.empty()) return of_crops;
  Explanation none;
  none.method = of_crops.method;
  none.layer = of_crops.layer;
  none.kind = of_crops.kind;
  std::vector<Doubt> doubts = doubts_of_pictures(of_crops.doubts);
  try {
    Explanation e = merge_crops(std::move(of_crops), plan);
    e.doubts = std::move(doubts);
    return e;
  } catch (const Error& error) {
    if (!keep_going || error.kind() != ErrorKind::kUnsupported) throw;
    why = error.what();
  }
  return none;
}

}  // namespace

Explainers::Explainers(const Model& model,
                       const std::vector<MethodChoice>& methods,
                       const std::vector<std::string>& layers,
                       const Shape& input,
                       const RunContext& context,
                       const std::optional<CropPlan>& crops,
                       bool keep_going)
    : crops_(crops), keep_going_(keep_going) {
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
      if (k > 0) {
        const std::string why = objection(choice, model.graph, names[k]);
        if (!why.empty()) refused_.push_back(choice.name + " at " + names[k] + ": " + why);
        if (!why.empty()) continue;
      }
      made.push_back({std::move(method), names[k]});
    }
    if (made.size() > before) first_of.push_back(before);
  }
  Session::Options options;
  options.engines = context.settings.engines();
  options.observer = &context.observer;
  options.budget = context.settings.share_of_memory();
  options.keep_going = keep_going;
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
  why_not_.clear();
  for (std::size_t k = 0; k < all.size(); ++k) why_not_.push_back(session_->refused(k));
  if (!crops_) return all;
  for (std::size_t k = 0; k < all.size(); ++k)
    all[k] = merged(std::move(all[k]), *crops_, keep_going_, why_not_[k]);
  return all;
}

double Explainers::work() const { return session_->work(); }

std::string Explainers::report(const Graph& graph) {
  return session_->executor().plan().report(graph);
}

}  // namespace cutaway::explain
