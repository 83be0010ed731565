#include "explain/session.h"

#include "explain/network.h"
#include "runtime/error.h"

namespace cutaway::explain {

Setting Session::setting_of(const Graph& graph, const std::string& layer) {
  Setting setting;
  setting.logits = logits_node(graph);
  if (!layer.empty()) {
    setting.layer = graph.find(layer);
    setting.layer_named = true;
    setting.layer_why = "chosen by the user";
    return setting;
  }
  try {
    const LayerChoice choice = default_layer(graph);
    setting.layer = choice.node;
    setting.layer_why = choice.why;
  } catch (const Error& error) {  // only methods that take a layer need to care
    setting.layer_why = error.what();
  }
  return setting;
}

namespace {

/// Fills Explanation::doubts; a method's own stay.
void examine(Explanation& e, const Tensor& logits) {
  const auto images = static_cast<std::size_t>(logits.shape().n);
  e.doubts.resize(images);
  const auto of = [&](const Tensor& t, std::size_t n) {
    const std::size_t size = t.f32().size() / images;
    return t.f32().subspan(n * size, size);
  };
  for (std::size_t n = 0; n < images; ++n) {
    if (!e.doubts[n]) e.doubts[n] = doubt_of_values("class scores", of(logits, n));
    if (!e.doubts[n]) e.doubts[n] = doubt_of_map(of(e.map, n));
  }
}

std::vector<MethodAt> at_one_layer(std::vector<MethodPtr> methods) {
  std::vector<MethodAt> all;
  for (MethodPtr& method : methods) all.push_back({std::move(method), ""});
  return all;
}

}  // namespace

Session::Session(const Model& model,
                 std::vector<MethodPtr> methods,
                 const Shape& input,
                 Stream stream,
                 Options options)
    : Session(
          model, at_one_layer(std::move(methods)), input, std::move(stream), std::move(options)) {}

Session::Session(const Model& model,
                 std::vector<MethodAt> methods,
                 const Shape& input,
                 Stream stream,
                 Options options)
    : setting_(setting_of(model.graph, options.layer)), keep_going_(options.keep_going) {
  const Graph& graph = model.graph;
  Needs needs;
  for (MethodAt& at : methods) {
    methods_.push_back(
        {std::move(at.method), at.layer.empty() ? setting_ : setting_of(graph, at.layer)});
    const Planned& planned = methods_.back();
    try {
      planned.method->plan(graph, planned.setting, needs);
    } catch (const Error& error) {
      throw error.located("method " + std::string(planned.method->name()));
    }
  }
  PlanRequest request;
  request.input = input;
  request.output = setting_.logits;
  request.taps = needs.taps();
  request.backward = needs.passes();
  request.engines = options.engines;
  request.guard = options.guard;
  evaluators_ = std::make_unique<EvaluatorPool>(
      model, Evaluator::Resources{stream, options.engines, options.budget, options.observer});
  executor_ = std::make_unique<Executor>(model, request, std::move(stream));
  executor_->set_observer(*options.observer);
}

double Session::work() const {
  double passes = 1.0;
  const Graph& graph = executor_->model().graph;
  for (const Planned& planned : methods_) passes += planned.method->work(graph);
  return passes;
}

const Tensor& Session::forward(Tensor input, std::vector<std::uint64_t> numbers) {
  check(numbers.empty() || static_cast<std::int64_t>(numbers.size()) == input.shape().n,
        "one number an image");
  numbers_ = std::move(numbers);
  input_ = std::move(input);
  executor_->set_input(input_);
  executor_->forward();
  logits_ = executor_->read(executor_->output());
  return logits_;
}

Explanation Session::explain_with(const Planned& planned, Passes& passes) {
  refused_.emplace_back();
  try {
    return planned.method->explain(passes);
  } catch (const Error& error) {
    const bool of_input = error.kind() == ErrorKind::kUnsupported ||
                          error.kind() == ErrorKind::kInput || error.kind() == ErrorKind::kShape;
    if (!keep_going_ || !of_input) throw;
    Explanation none;
    none.method = planned.method->name();
    none.layer =
        planned.setting.layer >= 0 ? executor_->model().graph.node(planned.setting.layer).name : "";
    refused_.back() = error.what();
    return none;
  }
}

std::vector<Explanation> Session::explain(std::vector<std::int64_t> targets) {
  check(!logits_.empty(), "explain() before forward()");
  const Shape& logits = logits_.shape();
  if (static_cast<std::int64_t>(targets.size()) != logits.n) {
    throw Error(ErrorKind::kUsage, "number of targets")
        .expected(std::to_string(logits.n) + ", one an image")
        .got(std::to_string(targets.size()));
  }
  for (const std::int64_t target : targets) {
    if (target < 0 || target >= logits.c) {
      throw Error(ErrorKind::kUsage, "target class")
          .expected("0 to " + std::to_string(logits.c - 1))
          .got(std::to_string(target));
    }
  }
  Passes passes(*executor_, *evaluators_, setting_, input_, targets, numbers_);
  std::vector<Explanation> explanations;
  refused_.clear();
  for (const Planned& planned : methods_) {
    evaluators_->set_task(planned.method->name());
    explanations.push_back(explain_with(planned, passes));
    if (refused_.back().empty()) examine(explanations.back(), logits_);
  }
  return explanations;
}

}  // namespace cutaway::explain
