#include "explain/units/project.h"

#include <array>

#include "explain/rules/rules.h"
#include "runtime/error.h"

namespace cutaway::explain {

RuleSet projection_rules(std::string_view name) {
  if (name == "deconvnet") return deconvnet_rules();
  if (name == "deconvnet_lrn") return deconvnet_rules(true);
  if (name == "gradient") return gradient_rules();
  if (name == "guided") return guided_rules();
  throw Error(ErrorKind::kUsage, "unknown rules '" + std::string(name) + "'")
      .expected("deconvnet, deconvnet_lrn, gradient or guided");
}

UnitProjector::UnitProjector(const Model& model,
                             std::vector<NodeId> layers,
                             const RuleSet& rules,
                             const Shape& input,
                             Stream stream,
                             kernels::EngineOptions engines) {
  check(!layers.empty(), "projections of no layer");
  PlanRequest request;
  request.input = input;
  request.input.n = 1;
  request.output = layers.front();
  request.engines = std::move(engines);
  for (const NodeId layer : layers) {
    request.output = std::max(request.output, layer);
    BackwardRequest pass;
    pass.rules = rules;
    pass.from = layer;
    pass.to = {0};
    request.backward.push_back(std::move(pass));
    frames_.push_back(unit_frame(model.graph, layer, input));
  }
  request.taps = std::move(layers);
  executor_ = std::make_unique<Executor>(model, request, std::move(stream));
}

void UnitProjector::set_observer(Observer& observer) {
  observer_ = &observer;
  cancel_ = std::make_unique<CancelOnly>(observer);
  executor_->set_observer(*cancel_);
}

void UnitProjector::set_image(const Tensor& image) {
  executor_->set_input(image);
  executor_->forward();
}

std::vector<std::vector<float>> UnitProjector::project_units(
    std::size_t layer, std::span<const Executor::Unit> units) {
  const UnitFrame& frame = frames_.at(layer);
  std::vector<std::vector<float>> projections;
  for (const Executor::Unit& unit : units) {
    executor_->seed_units(layer, std::array{unit});
    executor_->backward(layer);
    const Tensor pixels = executor_->read(executor_->gradient(layer, 0));
    projections.push_back(cut_frame(pixels.f32(), pixels.shape().c, frame,
                                    frame_origin(frame, unit.row, unit.column)));
    observer_->progress("projections", static_cast<double>(projections.size()),
                        static_cast<double>(units.size()));
  }
  return projections;
}

}  // namespace cutaway::explain
