#include "layers/executor.h"

#include <algorithm>
#include <chrono>

#include "kernels/elementwise.h"
#include "runtime/denormals.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

Plan plan_for(const Stream& stream, const Graph& graph, const PlanRequest& request) {
  const auto* cpu = std::get_if<CpuStream>(&stream);
  if (cpu == nullptr) return Plan::build(graph, request, device_of(stream), 1);
  return Plan::build(graph, request, kCpuDevice, cpu->threads(), cpu->level());
}

}  // namespace

Executor::Executor(const Model& model, const PlanRequest& request, Stream stream)
    : Executor(model, plan_for(stream, model.graph, request), stream) {}

Executor::Executor(const Model& model, Plan plan, Stream stream, std::shared_ptr<Buffer> arena)
    : model_(model),
      stream_(std::move(stream)),
      plan_(std::move(plan)),
      arena_(arena ? std::move(arena)
                   : std::make_shared<Buffer>(device_of(stream_), plan_.arena_bytes())) {
  check(arena_->bytes() >= plan_.arena_bytes() && arena_->device() == device_of(stream_),
        "an arena that the plan does not fit into");
  bind_parameters();
  bind();
  load(plan_.forward());
  for (std::size_t k = 0; k < plan_.backward_count(); ++k) load(plan_.backward(k));
}

std::size_t Executor::value_index(ValueId value) const {
  check(value != kNoValue, "a value that the plan does not have");
  return static_cast<std::size_t>(value);
}

TensorRef Executor::ref_of(ValueId value) const {
  return value == kNoValue ? TensorRef() : refs_[static_cast<std::size_t>(value)];
}

TensorRef Executor::ref_or_geometry(ValueId value, const Shape& shape) const {
  return value == kNoValue ? TensorRef(nullptr, DType::kF32, shape, kPlain) : ref_of(value);
}

void Executor::bind_parameters() {
  const Device device = device_of(stream_);
  const Graph& graph = model_.graph;
  bool wants_gradients = false;
  for (const BackwardRequest& b : plan_.request().backward) wants_gradients |= b.parameters;
  if (wants_gradients) gradients_ = Parameters::zeroed(graph).to(device);
  for (NodeId id = 0; id < graph.size(); ++id) {
    std::vector<TensorRef> refs;
    for (const Tensor& tensor : model_.parameters.of(id)) {
      if (tensor.device() == device) {
        refs.push_back(tensor.ref());
      } else {
        device_parameters_.push_back(to_device(tensor, device));
        refs.push_back(device_parameters_.back().ref());
      }
    }
    parameter_refs_.push_back(std::move(refs));
  }
}

void Executor::bind() {
  for (const Value& v : plan_.values()) {
    if (v.parent == kNoValue) {
      refs_.emplace_back(arena_->data() + v.offset, v.dtype, v.spec.shape, v.spec.layout);
      continue;
    }
    refs_.emplace_back();
  }
  // Slices after their wholes; a whole may itself be a slice, so follow the chain.
  for (std::size_t i = 0; i < refs_.size(); ++i) {
    std::int64_t offset = 0;
    ValueId root = static_cast<ValueId>(i);
    while (plan_.values()[static_cast<std::size_t>(root)].parent != kNoValue) {
      offset += plan_.values()[static_cast<std::size_t>(root)].channel_offset;
      root = plan_.values()[static_cast<std::size_t>(root)].parent;
    }
    if (root == static_cast<ValueId>(i)) continue;
    const View<float> whole = refs_[static_cast<std::size_t>(root)].out();
    refs_[i] = TensorRef(channel_slice(whole, offset, plan_.values()[i].spec.shape.c));
  }
  for (const Step& step : plan_.forward()) forward_.push_back(bind_step(step));
  for (std::size_t k = 0; k < plan_.backward_count(); ++k) {
    backward_.emplace_back();
    for (const Step& step : plan_.backward(k)) backward_.back().push_back(bind_step(step));
  }
}

Executor::Bound Executor::bind_step(const Step& step) {
  Bound b;
  b.step = &step;
  if (step.kind == Step::Kind::kAccumulate) {
    for (const ValueId value : step.in) b.in.push_back(ref_of(value));
    b.out = ref_of(step.out);
    return b;
  }
  for (std::size_t j = 0; j < step.in.size(); ++j) {
    b.in.push_back(ref_or_geometry(step.in[j], step.in_shapes[j]));
  }
  for (const ValueId value : step.dx) b.dx.push_back(ref_of(value));
  b.out = ref_or_geometry(step.out, step.out_shape);
  b.aux = ref_of(step.aux);
  b.dy = ref_of(step.dy);
  if (step.scratch != kNoValue) b.scratch = static_cast<std::byte*>(ref_of(step.scratch).data());
  b.params = parameters_of(step);
  if (step.parameters) {
    for (const Tensor& t : gradients_.of(step.node)) b.dparams.push_back(t.ref());
  }
  return b;
}

std::span<const TensorRef> Executor::parameters_of(const Step& step) {
  const std::vector<TensorRef>& own = parameter_refs_[static_cast<std::size_t>(step.node)];
  if (step.also_reads.empty()) return own;
  std::vector<TensorRef>& joined = joined_parameters_.emplace_back(own);
  for (const NodeId other : step.also_reads) {
    const auto& more = parameter_refs_[static_cast<std::size_t>(other)];
    joined.insert(joined.end(), more.begin(), more.end());
  }
  return joined;
}

void Executor::load(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    if (!step.prepared) continue;
    step.prepared->load(stream_, parameters_of(step), *model_.cache,
                        model_.parameters.key(step.node));
  }
}

void Executor::set_input(const Tensor& input) {
  const TensorRef target = this->input();
  if (!(input.shape() == target.shape())) {
    throw Error(ErrorKind::kShape, "input")
        .expected(to_string(target.shape()))
        .got(to_string(input.shape()));
  }
  copy_in(input, target);
}

void Executor::set_seed(std::size_t k, const Tensor& seed) {
  const TensorRef target = this->seed(k);
  if (!(seed.shape() == target.shape())) {
    throw Error(ErrorKind::kShape, "seed")
        .expected(to_string(target.shape()))
        .got(to_string(seed.shape()));
  }
  copy_in(seed, target);
}

/// Through a staging tensor where the devices differ.
void Executor::copy_in(const Tensor& from, const TensorRef& to) {
  const Device device = device_of(stream_);
  if (from.device() == device) {
    kernels::run(stream_, kernels::Reorder{from.ref().in(), to.out()});
    return;
  }
  synchronize(stream_);  // what still reads the staging tensor
  if (staging_.empty() || !(staging_.layout() == from.layout()) ||
      !(staging_.shape() == from.shape())) {
    staging_ = Tensor(device, DType::kF32, from.shape(), from.layout());
  }
  copy_bytes(staging_.ref().data(), device, from.ref().data(), from.device(), from.bytes());
  kernels::run(stream_, kernels::Reorder{staging_.ref().in(), to.out()});
}

void Executor::forward() { run(forward_, -1); }

void Executor::forward(const OutputVisitor& visit) {
  const FlushDenormals flush(stream_);
  for (const Bound& bound : forward_) {
    run_step(bound);
    synchronize(stream_);
    visit(bound.step->node, bound.out);
  }
}

void Executor::backward(std::size_t k) { run(backward_.at(k), static_cast<int>(k)); }

void Executor::run(const std::vector<Bound>& steps, int group) {
  const bool recordable = replay_ && can_record(stream_) && !observer_ && !plan_.request().training;
  if (!recordable) {
    run_eagerly(steps, group);
    return;
  }
  passes_.resize(plan_.backward_count() + 1);
  Pass& pass = passes_[static_cast<std::size_t>(group + 1)];
  // The first run is eager: libraries set themselves up on first use, which cannot be recorded.
  if (pass.runs++ == 0) {
    run_eagerly(steps, group);
    return;
  }
  if (!pass.recording) {
    begin_recording(stream_);
    try {
      run_eagerly(steps, group);
    } catch (...) {
      // The stream must leave its recording state, whatever went wrong.
      try {
        (void)end_recording(stream_);
      } catch (const Error&) {
      }
      throw;
    }
    pass.recording = end_recording(stream_);
  }
  throw_if_cancelled(*watcher_);
  replay(stream_, pass.recording);
}

void Executor::run_eagerly(const std::vector<Bound>& steps, int group) {
  const FlushDenormals flush(stream_);
  const bool guard = plan_.request().guard && device_of(stream_) == kCpuDevice;
  double done = 0.0;
  for (const Bound& bound : steps) {
    throw_if_cancelled(*watcher_);
    if (guard) guard_before(bound, group);
    const auto start = std::chrono::steady_clock::now();
    run_step(bound);
    if (observer_) {
      synchronize(stream_);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      observer_(*bound.step, took.count());
    }
    if (guard) guard_after(bound, group);
    watcher_->progress(group < 0 ? "forward" : "backward", ++done,
                       static_cast<double>(steps.size()));
  }
}

void Executor::run_step(const Bound& b) {
  const Step& step = *b.step;
  if (step.kind == Step::Kind::kAccumulate) {
    kernels::run(stream_, kernels::Add{b.in[0].in(), b.in[1].in(), b.out.out()});
    return;
  }
  const Layer& layer = *model_.graph.node(step.node).layer;
  const Philox random{random_seed_, static_cast<std::uint64_t>(step.node)};
  const bool training = step.training;
  if (step.kind == Step::Kind::kForward) {
    layer.forward({.stream = stream_,
                   .in = b.in,
                   .out = b.out,
                   .params = b.params,
                   .aux = b.aux,
                   .scratch = b.scratch,
                   .prepared = step.prepared.get(),
                   .relu = step.relu,
                   .training = training,
                   .random = random});
  } else {
    step.rule->apply(layer, {.stream = stream_,
                             .in = b.in,
                             .out = b.out,
                             .params = b.params,
                             .aux = b.aux,
                             .dy = b.dy,
                             .dx = b.dx,
                             .dparams = b.dparams,
                             .scratch = b.scratch,
                             .prepared = step.prepared.get(),
                             .training = training,
                             .random = random});
  }
}

TensorRef Executor::value(NodeId node) const {
  const ValueId value = plan_.output_value(node);
  if (value == kNoValue) {
    throw Error(ErrorKind::kUsage,
                "this plan does not keep the output of '" + model_.graph.node(node).name + "'")
        .hint("name it in PlanRequest::taps");
  }
  return ref_of(value);
}

TensorRef Executor::seed(std::size_t k) const { return refs_[value_index(plan_.seed_value(k))]; }

TensorRef Executor::joined_seed(std::size_t k, NodeId node) const {
  return refs_[value_index(plan_.joined_value(k, node))];
}

void Executor::seed_units(std::size_t k, std::span<const Unit> units) {
  const View<float> seed = this->seed(k).out();
  check(static_cast<std::int64_t>(units.size()) == seed.shape.n, "one seed unit an image");
  kernels::run(stream_, kernels::Fill{seed, 0.0f});
  for (std::int64_t n = 0; n < seed.shape.n; ++n) {
    const Unit& u = units[static_cast<std::size_t>(n)];
    if (u.channel < 0 || u.channel >= seed.shape.c || u.row < 0 || u.row >= seed.shape.h ||
        u.column < 0 || u.column >= seed.shape.w) {
      throw Error(ErrorKind::kUsage, "unit to explain")
          .expected("channel, row, column within " + to_string(seed.shape))
          .got(std::to_string(u.channel) + ", " + std::to_string(u.row) + ", " +
               std::to_string(u.column));
    }
    // A one-element view: works on every device.
    View<float> one = dense_view(&seed.at(n, u.channel, u.row, u.column), Shape{}, kPlain);
    kernels::run(stream_, kernels::Fill{one, u.value});
  }
}

TensorRef Executor::gradient(std::size_t k, NodeId to) const {
  return refs_[value_index(plan_.gradient_value(k, to))];
}

Tensor Executor::read(const TensorRef& value) {
  const Device device = device_of(stream_);
  Tensor plain(device, DType::kF32, value.shape());
  kernels::run(stream_, kernels::Reorder{value.in(), plain.ref().out()});
  synchronize(stream_);
  return device == kCpuDevice ? std::move(plain) : to_device(plain, kCpuDevice);
}

}  // namespace cutaway
