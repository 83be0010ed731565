#include "explain/session.h"

#include "explain/network.h"
#include "runtime/error.h"

namespace cutaway::explain {

Session::Session(const Model& model,
                 std::vector<MethodPtr> methods,
                 const Shape& input,
                 Stream stream,
                 Options options)
    : methods_(std::move(methods)) {
  const Graph& graph = model.graph;
  setting_.logits = logits_node(graph);
  if (options.layer.empty()) {
    try {
      const LayerChoice choice = default_layer(graph);
      setting_.layer = choice.node;
      setting_.layer_why = choice.why;
    } catch (const Error& error) {  // only methods that take a layer need to care
      setting_.layer_why = error.what();
    }
  } else {
    setting_.layer = graph.find(options.layer);
    setting_.layer_named = true;
    setting_.layer_why = "chosen by the user";
  }
  Needs needs;
  for (const MethodPtr& method : methods_) {
    try {
      method->plan(graph, setting_, needs);
    } catch (const Error& error) {
      throw error.located("method " + std::string(method->name()));
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
      model, Evaluator::Resources{stream, options.engines, options.budget});
  executor_ = std::make_unique<Executor>(model, request, std::move(stream));
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
  for (const MethodPtr& method : methods_) explanations.push_back(method->explain(passes));
  return explanations;
}

}  // namespace cutaway::explain
