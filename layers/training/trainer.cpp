#include "layers/training/trainer.h"

#include <algorithm>
#include <cmath>

#include "kernels/elementwise.h"
#include "layers/classifier.h"
#include "layers/training/filter_norm.h"
#include "layers/training/mix.h"
#include "layers/training/non_finite.h"
#include "layers/training/selection.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

Recipe recipe_of(const Trainer::Options& o) {
  Recipe r;
  r.batch = o.batch;
  r.optimizer = o.optimizer;
  r.schedule.kind = ScheduleOptions::Kind::kConstant;
  r.losses[0].settings.set("smoothing", double{o.label_smoothing});
  r.filter_radius = o.filter_radius;
  r.seed = o.seed;
  return r;
}

Recipe validated(const Recipe& recipe) {
  recipe.validate();
  return recipe;
}

Model copy_for(const Model& model, const Stream& stream) {
  return {model.graph, model.parameters.to(device_of(stream))};
}

/// The model with the parameters of a training state.
Model copy_for(const Model& model, const TrainingState& state, const Stream& stream) {
  Model copy = copy_for(model, stream);
  for (NodeId id = 0; id < copy.graph.size(); ++id) {
    const auto specs = copy.graph.parameters(id);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      copy_named(state.tensors, "parameters/" + copy.graph.node(id).name + "/" + specs[i].name,
                 copy.parameters.of(id)[i]);
    }
  }
  return copy;
}

std::vector<LossPtr> make_losses(const Recipe& recipe, const Graph& graph, NodeId logits) {
  std::vector<LossPtr> losses;
  for (const LossSpec& spec : recipe.losses) {
    losses.push_back(make_loss(spec, graph, logits));
    if (recipe.mixup > 0.0f && losses.back()->compares_images()) {
      throw Error(ErrorKind::kUsage, "mixup does not go with the loss " + spec.kind)
          .hint("it compares images of one class each");
    }
  }
  return losses;
}

/// Those whose name begins with `prefix`, without it.
std::vector<NamedTensor> below(std::span<const NamedTensor> all, const std::string& prefix) {
  std::vector<NamedTensor> found;
  for (const NamedTensor& t : all) {
    if (t.name.starts_with(prefix))
      found.push_back({t.name.substr(prefix.size()), t.tensor.clone()});
  }
  return found;
}

void append(std::vector<NamedTensor>& to,
            const std::string& prefix,
            std::vector<NamedTensor> from) {
  for (NamedTensor& t : from) to.push_back({prefix + t.name, std::move(t.tensor)});
}

}  // namespace

Trainer::Trainer(const Model& model,
                 const Recipe& recipe,
                 std::int64_t steps_per_epoch,
                 Stream stream,
                 const kernels::EngineOptions& engines)
    : Trainer(copy_for(model, stream),
              logits_node(model.graph),
              recipe,
              steps_per_epoch,
              stream,
              engines) {}

Trainer::Trainer(const Model& model,
                 const TrainingState& state,
                 Stream stream,
                 const kernels::EngineOptions& engines)
    : Trainer(copy_for(model, state, stream),
              logits_node(model.graph),
              state.recipe,
              state.steps_per_epoch,
              stream,
              engines) {
  restore(state);
}

Trainer::Trainer(const Model& model, NodeId logits, const Options& options, Stream stream)
    : Trainer(copy_for(model, stream), logits, recipe_of(options), 1, stream, options.engines) {}

Trainer::Trainer(Model working,
                 NodeId logits,
                 const Recipe& recipe,
                 std::int64_t steps_per_epoch,
                 Stream stream,
                 const kernels::EngineOptions& engines)
    : recipe_(validated(recipe)),
      working_(std::move(working)),
      logits_(logits),
      per_epoch_(steps_per_epoch),
      frozen_(matching_nodes(working_.graph, recipe.freeze)),
      losses_(make_losses(recipe, working_.graph, logits)),
      optimizer_(working_, device_of(stream), recipe.optimizer, frozen_),
      schedule_(recipe.schedule, steps_per_epoch, recipe.epochs) {
  PlanRequest r;
  r.input = working_.graph.node(0).shape;
  r.input.n = recipe_.batch_size();
  r.output = logits_;
  r.training = true;
  r.single_backward = true;
  r.frozen = frozen_;
  if (recipe_.freeze_batch_norm) r.evaluated = batch_norms(working_.graph);
  r.engines = engines;
  BackwardRequest b;
  b.parameters = true;
  for (const NodeId node : nodes_read()) {
    if (node == logits_) continue;
    r.taps.push_back(node);
    b.joined.push_back(node);
  }
  r.backward.push_back(std::move(b));
  executor_ = std::make_unique<Executor>(working_, r, stream);
  if (recipe_.average_decay > 0.0f)
    average_.emplace(working_.graph, working_.parameters, recipe_.average_decay);
}

Trainer::~Trainer() = default;

/// Nodes that the losses read, each once.
std::vector<NodeId> Trainer::nodes_read() const {
  std::vector<NodeId> nodes;
  for (const LossPtr& loss : losses_) {
    for (const NodeId node : loss->reads()) {
      if (std::ranges::find(nodes, node) == nodes.end()) nodes.push_back(node);
    }
  }
  return nodes;
}

void Trainer::check_batch(std::span<const std::int32_t> labels) const {
  const std::int64_t classes = working_.graph.node(logits_).shape.c;
  if (static_cast<std::int64_t>(labels.size()) != recipe_.batch_size()) {
    throw Error(ErrorKind::kShape, "number of labels")
        .expected(std::to_string(recipe_.batch_size()))
        .got(std::to_string(labels.size()));
  }
  for (const std::int32_t label : labels) {
    if (label < 0 || label >= classes) {
      throw Error(ErrorKind::kInput, "label")
          .expected("0 to " + std::to_string(classes - 1))
          .got(std::to_string(label));
    }
  }
}

double Trainer::evaluate_losses(const BatchLabels& labels, std::vector<double>& parts) {
  Stream& stream = executor_->stream();
  const auto gradient_of = [&](NodeId node) {
    return node == logits_ ? executor_->seed(0) : executor_->joined_seed(0, node);
  };
  kernels::run(stream, kernels::Fill{executor_->seed(0).out(), 0.0f});
  for (const NodeId node : nodes_read()) {
    if (node != logits_) kernels::run(stream, kernels::Fill{gradient_of(node).out(), 0.0f});
  }
  const double epoch = static_cast<double>(steps_) / static_cast<double>(per_epoch_);
  double total = 0.0;
  for (std::size_t i = 0; i < losses_.size(); ++i) {
    std::vector<TensorRef> values, gradients;
    for (const NodeId node : losses_[i]->reads()) {
      values.push_back(executor_->value(node));
      gradients.push_back(gradient_of(node));
    }
    const float weight = recipe_.losses[i].weight;
    const LossCall call{stream, values, gradients, labels, working_.parameters, epoch, weight};
    parts.push_back(losses_[i]->evaluate(call));
    total += static_cast<double>(weight) * parts.back();
  }
  return total;
}

void Trainer::report_divergence(double loss) {
  const auto found = find_non_finite(*executor_);
  std::string where = "step " + std::to_string(steps_);
  if (found) {
    where += ", layer " + found->layer;
    where += found->parameter ? ", a parameter"
                              : ", image " + std::to_string(found->image) + " of the batch";
  }
  throw Error(ErrorKind::kInternal, "the training loss is not finite any more")
      .at(where)
      .got(std::to_string(loss))
      .hint("lower the learning rate, warm it up, or clip the gradients");
}

void Trainer::update(float rate, Result& result) {
  Stream& stream = executor_->stream();
  executor_->backward(0);
  result.gradient_norm =
      optimizer_.step(stream, working_.parameters, executor_->parameter_gradients(), rate);
  if (recipe_.filter_radius > 0.0) {
    renormalized_ += renormalize_filters(stream, working_.graph, working_.parameters,
                                         recipe_.filter_radius, frozen_);
  }
  if (average_) average_->update(stream, working_.parameters);
}

std::int64_t Trainer::count_correct(std::span<const std::int32_t> labels) {
  const Tensor scores = executor_->read(executor_->output());
  const auto row = static_cast<std::size_t>(working_.graph.node(logits_).shape.c);
  std::int64_t correct = 0;
  for (std::size_t n = 0; n < labels.size(); ++n) {
    const auto s = scores.f32().subspan(n * row, row);
    const auto best = std::max_element(s.begin(), s.end()) - s.begin();
    correct += best == labels[n] ? 1 : 0;
  }
  return correct;
}

Trainer::Result Trainer::step(const Tensor& images, std::span<const std::int32_t> labels) {
  return step(images, labels, rate());
}

Trainer::Result Trainer::step(const Tensor& images,
                              std::span<const std::int32_t> labels,
                              float rate) {
  check_batch(labels);
  const auto now = static_cast<std::uint64_t>(steps_);
  MixedLabels mixed;
  if (recipe_.mixup > 0.0f || recipe_.cutout > 0) {
    Tensor changed = images.clone();
    if (recipe_.cutout > 0) cut_out(changed, recipe_.cutout, recipe_.seed, now);
    if (recipe_.mixup > 0.0f) mixed = mix_batch(changed, labels, recipe_.mixup, recipe_.seed, now);
    executor_->set_input(changed);
  } else {
    executor_->set_input(images);
  }
  executor_->set_random(recipe_.seed * 0x9E3779B97F4A7C15u + now);
  executor_->forward();
  Result result{0.0, 0, rate, 0.0, {}};
  result.loss = evaluate_losses({labels, mixed.other, mixed.share}, result.parts);
  if (!std::isfinite(result.loss)) report_divergence(result.loss);
  result.correct = count_correct(labels);
  update(rate, result);
  ++steps_;
  return result;
}

Parameters Trainer::parameters() const { return working_.parameters.to(kCpuDevice); }

Parameters Trainer::averaged_parameters() const {
  return average_ ? average_->parameters(working_.parameters) : parameters();
}

TrainingState Trainer::state() const {
  TrainingState s;
  s.recipe = recipe_;
  s.steps = steps_;
  s.steps_per_epoch = per_epoch_;
  s.schedule = schedule_.state();
  s.average_updates = average_ ? average_->updates() : 0;
  s.renormalized = renormalized_;
  const Graph& graph = working_.graph;
  for (NodeId id = 0; id < graph.size(); ++id) {
    const auto specs = graph.parameters(id);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      s.tensors.push_back({"parameters/" + graph.node(id).name + "/" + specs[i].name,
                           to_device(working_.parameters.of(id)[i], kCpuDevice)});
    }
  }
  append(s.tensors, "optimizer/", optimizer_.state());
  if (average_) append(s.tensors, "average/", average_->state());
  for (std::size_t i = 0; i < losses_.size(); ++i)
    append(s.tensors, "loss/" + std::to_string(i) + "/", losses_[i]->state());
  return s;
}

/// All but the parameters, which are in the working copy since before the plan was made: the
/// weights of frozen layers are transformed then.
void Trainer::restore(const TrainingState& s) {
  steps_ = s.steps;
  renormalized_ = s.renormalized;
  schedule_.restore(s.schedule);
  optimizer_.restore(s.steps, below(s.tensors, "optimizer/"));
  if (average_) average_->restore(s.average_updates, below(s.tensors, "average/"));
  for (std::size_t i = 0; i < losses_.size(); ++i)
    losses_[i]->restore(below(s.tensors, "loss/" + std::to_string(i) + "/"));
}

}  // namespace cutaway
