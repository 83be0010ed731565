#include "layers/training/trainer.h"

#include <algorithm>
#include <cmath>

#include "kernels/softmax.h"
#include "layers/training/filter_norm.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

PlanRequest training_request(const Graph& graph, NodeId logits, const Trainer::Options& options) {
  PlanRequest r;
  r.input = graph.node(0).shape;
  r.input.n = options.batch;
  r.output = logits;
  r.training = true;
  r.single_backward = true;
  r.engines = options.engines;
  BackwardRequest b;
  b.parameters = true;
  r.backward.push_back(std::move(b));
  return r;
}

}  // namespace

Trainer::Trainer(const Model& model, NodeId logits, const Options& options, Stream stream)
    : options_(options),
      working_(model.graph, model.parameters.to(device_of(stream))),
      executor_(working_, training_request(model.graph, logits, options), stream),
      optimizer_(working_, device_of(stream), options.optimizer),
      logits_(logits),
      labels_(device_of(stream), DType::kI32, {1, options.batch, 1, 1}),
      losses_(device_of(stream), DType::kF32, {1, options.batch, 1, 1}) {
  const Shape& scores = model.graph.node(logits).shape;
  if (scores.h != 1 || scores.w != 1) {
    throw Error(ErrorKind::kShape, "class scores")
        .expected("n x classes x 1 x 1")
        .got(to_string(scores));
  }
}

Trainer::Result Trainer::step(const Tensor& images,
                              std::span<const std::int32_t> labels,
                              float rate) {
  const std::int64_t classes = working_.graph.node(logits_).shape.c;
  if (static_cast<std::int64_t>(labels.size()) != options_.batch) {
    throw Error(ErrorKind::kShape, "number of labels")
        .expected(std::to_string(options_.batch))
        .got(std::to_string(labels.size()));
  }
  for (const std::int32_t label : labels) {
    if (label < 0 || label >= classes) {
      throw Error(ErrorKind::kInput, "label")
          .expected("0 to " + std::to_string(classes - 1))
          .got(std::to_string(label));
    }
  }
  Stream& stream = executor_.stream();
  const Device device = device_of(stream);
  executor_.set_input(images);
  executor_.set_random(options_.seed * 0x9E3779B97F4A7C15u + steps_++);
  executor_.forward();
  copy_bytes(labels_.ref().data(), device, labels.data(), kCpuDevice, labels_.bytes());
  kernels::run(stream, kernels::CrossEntropy{executor_.output().in(),
                                             labels_.ref().view<const std::int32_t>().data,
                                             losses_.ref().out().data, executor_.seed(0).out(),
                                             options_.label_smoothing});
  const Tensor scores = executor_.read(executor_.output());
  executor_.backward(0);
  optimizer_.step(stream, working_.parameters, executor_.parameter_gradients(), rate);
  if (options_.filter_radius > 0.0) {
    synchronize(stream);
    renormalized_ +=
        renormalize_filters(working_.graph, working_.parameters, options_.filter_radius);
  }

  const Tensor losses = executor_.read(losses_.ref());
  Result result{0.0, 0};
  for (const float loss : losses.f32()) result.loss += static_cast<double>(loss);
  result.loss /= static_cast<double>(options_.batch);
  if (!std::isfinite(result.loss)) {
    throw Error(ErrorKind::kInternal, "the training loss is not finite any more")
        .hint("lower the learning rate");
  }
  const auto row = static_cast<std::size_t>(classes);
  for (std::size_t n = 0; n < labels.size(); ++n) {
    const auto s = scores.f32().subspan(n * row, row);
    const auto best = std::max_element(s.begin(), s.end()) - s.begin();
    result.correct += best == labels[n] ? 1 : 0;
  }
  return result;
}

Parameters Trainer::parameters() const { return working_.parameters.to(kCpuDevice); }

}  // namespace cutaway
