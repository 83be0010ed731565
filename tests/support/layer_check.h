#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/elementwise.h"
#include "layers/add.h"
#include "layers/concat.h"
#include "layers/conv.h"
#include "layers/executor.h"
#include "layers/registry.h"
#include "layers/relu.h"
#include "runtime/error.h"
#include "tests/support/layer_reference.h"

/// A test for any layer (after dlib's test_layer): give it a layer and input shapes, and it builds
/// networks around it and compares values and gradients with the double reference.
namespace cutaway::tests {

struct LayerCase {
  LayerPtr layer;
  /// Of one image. Rows and columns of a smaller plane are every k-th of the largest, as a strided
  /// 1x1 convolution picks them.
  std::vector<Shape> inputs;
  bool linear{false};  ///< without its bias, y = A x: checks <A x, r> = <x, A^T r>
  bool training{false};
  /// Relative error of values and derivatives: float32 sums of some hundred terms, Winograd's
  /// transform.
  double tolerance{3e-5};
};

/// What was found wrong, one line each; empty: nothing.
using Failures = std::vector<std::string>;

namespace check_detail {

/// One way to put the layer into a network.
enum class Place {
  kFirst,   ///< on the network's input, which may then be plain
  kBehind,  ///< behind other layers, so on blocked values
  kRelu,    ///< and followed by a ReLU, which may be fused
  kTwice,   ///< two of it on the same values, summed
  kConcat,  ///< three of it, concatenated
  kNested   ///< three of it in two nested concatenations
};

inline const char* name_of(Place place) {
  constexpr const char* kNames[] = {"first", "behind", "relu", "twice", "concat", "nested"};
  return kNames[static_cast<int>(place)];
}

struct Net {
  Model model;
  std::vector<NodeId> inputs, layers;  // the layer's inputs, and its one to three copies
};

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(engine_);
  }
  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(engine_);
  }
  /// Away from kinks: every plane holds distinct values at least 0.1 apart and at least 0.05 from
  /// zero.
  Tensor grid(const Shape& s) {
    Tensor t = zeros(s);
    const auto plane = static_cast<std::size_t>(s.plane());
    for (std::size_t i = 0; i < t.f32().size(); i += plane) {
      std::vector<float> values;
      for (std::size_t k = 0; k < plane; ++k) {
        const auto level = static_cast<float>(k) - static_cast<float>(plane / 2);
        values.push_back((plane == 1 ? static_cast<float>(below(30)) - 14.5f : level + 0.5f) *
                         0.1f);
      }
      std::shuffle(values.begin(), values.end(), engine_);
      std::copy(values.begin(), values.end(), t.f32().begin() + static_cast<std::ptrdiff_t>(i));
    }
    return t;
  }
  Tensor normal(const Shape& s) {
    Tensor t = zeros(s);
    std::normal_distribution<float> d;
    for (float& v : t.f32()) v = d(engine_);
    return t;
  }

 private:
  std::mt19937_64 engine_;
};

inline RefTensor ref_of(const Tensor& t) {
  return {t.shape(), Values(t.f32().begin(), t.f32().end())};
}

/// The network's input: the channels of all the layer's inputs, on the largest of their planes.
inline Shape joint_shape(const LayerCase& c) {
  Shape all = c.inputs[0];
  all.c = 0;
  for (const Shape& s : c.inputs)
    all = {all.n, all.c + s.c, std::max(all.h, s.h), std::max(all.w, s.w)};
  return all;
}

/// Which rows (columns) of `all` an input of `extent` takes: every k-th.
inline std::int32_t step_between(std::int64_t all, std::int64_t extent) {
  const std::int64_t step = (all + extent - 1) / extent;
  check((all - 1) / step + 1 == extent, "planes of a layer case that do not fit");
  return static_cast<std::int32_t>(step);
}

inline Net build(const LayerCase& c, Place place, std::uint64_t seed) {
  const Shape all = joint_shape(c);
  Graph g(all);
  std::vector<NodeId> in, layers;
  // Selectors: 1x1 convolutions of zeros and ones hand each input its channels, exactly.
  for (std::size_t j = 0; place != Place::kFirst && j < c.inputs.size(); ++j) {
    in.push_back(g.add("in" + std::to_string(j),
                       std::make_shared<Conv>(
                           c.inputs[j].c,
                           kernels::ConvGeometry{.stride_h = step_between(all.h, c.inputs[j].h),
                                                 .stride_w = step_between(all.w, c.inputs[j].w)},
                           false),
                       {0}));
  }
  if (place == Place::kFirst) in = {0};
  const int copies = place == Place::kTwice                               ? 2
                     : place == Place::kConcat || place == Place::kNested ? 3
                                                                          : 1;
  for (int i = 0; i < copies; ++i)
    layers.push_back(g.add("layer" + std::to_string(i), c.layer, in));
  if (place == Place::kRelu) g.add("relu", std::make_shared<Relu>());
  if (place == Place::kTwice) g.add("sum", std::make_shared<Add>(), layers);
  if (place == Place::kConcat) g.add("concat", std::make_shared<Concat>(), layers);
  if (place == Place::kNested) {
    const NodeId inner = g.add("inner", std::make_shared<Concat>(), {layers[1], layers[2]});
    g.add("outer", std::make_shared<Concat>(), {layers[0], inner});
  }
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  std::int64_t first = 0;
  for (std::size_t j = 0; place != Place::kFirst && j < in.size(); ++j) {
    Tensor& w = m.parameters.of(in[j])[0];
    for (std::int64_t o = 0; o < w.shape().n; ++o) w.ref().out().at(o, first + o, 0, 0) = 1.0f;
    first += w.shape().n;
  }
  Random random(seed);
  const auto specs = m.graph.parameters(layers[0]);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    Tensor values = random.normal(specs[i].shape);
    for (float& v : values.f32()) v = specs[i].name == "variance" ? 0.5f + std::fabs(v) : v;
    for (const NodeId id : layers) m.parameters.of(id)[i] = values.clone();
  }
  return {std::move(m), std::move(in), std::move(layers)};
}

/// What one run brought, plain on the CPU.
struct Run {
  Tensor y;                // the network's output
  Tensor layer;            // the first copy's output, when it was tapped
  std::vector<Tensor> dx;  // at the layer's inputs
  std::vector<Tensor> dw;  // of the first copy's parameters
};

struct How {
  bool taps{true}, guard{true}, parameters{true};
  int threads{1};
};

inline PlanRequest request_of(const LayerCase& c,
                              const Net& net,
                              std::int64_t batch,
                              const How& how) {
  PlanRequest r;
  r.input = net.model.graph.node(0).shape;
  r.input.n = batch;
  r.training = c.training;
  r.guard = how.guard;
  if (how.taps) {
    for (NodeId id = 0; id < net.model.graph.size(); ++id) r.taps.push_back(id);
  }
  BackwardRequest b;
  b.to = net.inputs;
  b.parameters = how.parameters;
  r.backward.push_back(b);
  return r;
}

inline Run run(
    const LayerCase& c, const Net& net, const Tensor& x, const Tensor& dy, const How& how) {
  // Training moves running estimates: on a copy.
  const Model copy(net.model.graph, net.model.parameters.clone());
  Executor e(copy, request_of(c, net, x.shape().n, how), CpuStream(how.threads));
  Run result;
  // Twice: leftovers of the first run must not matter.
  for (int again = 0; again < (c.training ? 1 : 2); ++again) {
    e.set_random(7);
    e.set_input(x);
    e.forward();
    e.set_random(7);
    kernels::run(e.stream(), kernels::Reorder{dy.ref().in(), e.seed(0).out()});
    e.backward(0);
  }
  result.y = e.read(e.output());
  if (how.taps) result.layer = e.read(e.value(net.layers[0]));
  for (const NodeId id : net.inputs) result.dx.push_back(e.read(e.gradient(0, id)));
  if (how.parameters) {
    for (const Tensor& t : e.parameter_gradients().of(net.layers[0]))
      result.dw.push_back(t.clone());
  }
  return result;
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape())) return false;
  for (std::size_t i = 0; i < a.f32().size(); ++i) {
    if (!(a.f32()[i] == b.f32()[i])) return false;  // NaN fails; -0 = 0
  }
  return true;
}

/// "" when all values agree to `tolerance` of the largest (at least of 1e-3), otherwise where they
/// differ most.
inline std::string compare(std::span<const float> got, const Values& want, double tolerance) {
  if (got.size() != want.size() || want.empty()) return "sizes differ";
  double scale = 1e-3, worst = -1.0;
  std::size_t at = 0;
  for (const double v : want) scale = std::max(scale, std::fabs(v));
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double error = std::fabs(static_cast<double>(got[i]) - want[i]) / scale;
    if (!(error <= worst)) {
      worst = error;
      at = i;
    }
    if (std::isnan(error)) break;
  }
  if (worst <= tolerance) return "";
  return "element " + std::to_string(at) + ": expected " + std::to_string(want[at]) + ", got " +
         std::to_string(got[at]) + " (relative error " + std::to_string(worst) + ")";
}

/// The layer in double at a point: inputs and parameters.
struct Point {
  std::vector<RefTensor> in, params;
};

inline Point point_of(const LayerCase& c, const Net& net, const Tensor& x) {
  Point p;
  std::int64_t first = 0;
  for (Shape s : c.inputs) {
    s.n = x.shape().n;
    RefTensor part(s);
    const RefTensor whole = ref_of(x);
    const std::int32_t rows = step_between(whole.shape.h, s.h);
    const std::int32_t columns = step_between(whole.shape.w, s.w);
    for_each(s, [&](auto n, auto ch, auto h, auto w) {
      part.at(n, ch, h, w) = whole.at(n, first + ch, h * rows, w * columns);
    });
    p.in.push_back(std::move(part));
    first += s.c;
  }
  for (const Tensor& t : net.model.parameters.of(net.layers[0])) p.params.push_back(ref_of(t));
  return p;
}

inline double loss(const LayerCase& c, const Point& p, const Tensor& dy) {
  const RefTensor y = reference(*c.layer, p.in, p.params, c.training);
  double sum = 0.0;
  for (std::size_t i = 0; i < y.v.size(); ++i) sum += y.v[i] * static_cast<double>(dy.f32()[i]);
  return sum;
}

/// Central differences of the double reference along one direction, against the engine's gradient,
/// at several step sizes: the best counts. `scale`: what rounding in the gradient may be relative
/// to.
class Direction {
 public:
  Direction(const LayerCase& c, const Point& p, const Run& run, const Tensor& dy)
      : case_(c), point_(p), run_(run), dy_(dy) {}

  /// Some entry of one tensor (inputs first, then trainable parameters), or all entries of all, at
  /// random.
  std::string check(Random& random, bool single) {
    Point v = point_;
    std::vector<std::pair<RefTensor*, const Tensor*>> parts;
    for (std::size_t j = 0; j < v.in.size(); ++j) parts.emplace_back(&v.in[j], &run_.dx[j]);
    const auto specs = case_.layer->parameters(shapes());
    for (std::size_t j = 0; j < v.params.size(); ++j) {
      if (specs[j].trainable && j < run_.dw.size()) parts.emplace_back(&v.params[j], &run_.dw[j]);
      std::fill(v.params[j].v.begin(), v.params[j].v.end(), 0.0);
    }
    for (RefTensor& x : v.in) std::fill(x.v.begin(), x.v.end(), 0.0);
    double analytic = 0.0, scale = 1e-3;
    const std::size_t chosen = random.below(parts.size());
    for (std::size_t k = 0; k < parts.size(); ++k) {
      auto& [direction, gradient] = parts[k];
      if (single && k != chosen) continue;
      if (single) {
        direction->v[random.below(direction->v.size())] = 1.0;
        for (const float g : gradient->f32())
          scale = std::max(scale, std::fabs(static_cast<double>(g)));
      } else {
        for (double& d : direction->v) d = random.uniform(-1.0, 1.0);
      }
      for (std::size_t i = 0; i < direction->v.size(); ++i) {
        const double term = direction->v[i] * static_cast<double>(gradient->f32()[i]);
        analytic += term;
        if (!single) scale += std::fabs(term);
      }
    }
    double best = HUGE_VAL, numeric = 0.0;
    for (const double h : {1e-3, 1e-4, 1e-5}) {
      const double slope =
          (loss(case_, moved(v, h), dy_) - loss(case_, moved(v, -h), dy_)) / (2.0 * h);
      if (std::fabs(slope - analytic) < best) {
        best = std::fabs(slope - analytic);
        numeric = slope;
      }
    }
    if (best <= case_.tolerance * scale) return "";
    return "derivative: expected " + std::to_string(numeric) + ", got " + std::to_string(analytic);
  }

 private:
  [[nodiscard]] std::vector<Shape> shapes() const {
    std::vector<Shape> s;
    for (const RefTensor& x : point_.in) s.push_back(x.shape);
    return s;
  }
  [[nodiscard]] Point moved(const Point& v, double h) const {
    Point p = point_;
    for (std::size_t j = 0; j < p.in.size(); ++j) {
      for (std::size_t i = 0; i < p.in[j].v.size(); ++i) p.in[j].v[i] += h * v.in[j].v[i];
    }
    for (std::size_t j = 0; j < p.params.size(); ++j) {
      for (std::size_t i = 0; i < p.params[j].v.size(); ++i)
        p.params[j].v[i] += h * v.params[j].v[i];
    }
    return p;
  }

  const LayerCase& case_;
  const Point& point_;
  const Run& run_;
  const Tensor& dy_;
};

/// The layer alone: values, derivatives, adjoint; guarded and not, tapped and not.
inline void check_alone(
    const LayerCase& c, Place place, std::int64_t batch, Random& random, Failures& failures) {
  const std::string where = std::string(c.layer->type()) + ", " + name_of(place) + ", batch " +
                            std::to_string(batch) + ": ";
  const auto fail = [&](const std::string& what) {
    if (!what.empty()) failures.push_back(where + what);
  };
  const Net net = build(c, place, 11 + static_cast<std::uint64_t>(batch));
  Shape in = net.model.graph.node(0).shape, out = net.model.graph.node(net.layers[0]).shape;
  in.n = out.n = batch;
  const Tensor x = random.grid(in), dy = random.normal(out);
  const Run tapped = run(c, net, x, dy, {});
  // Two threads where engines divide the work; idle threads spin, which costs on a busy machine.
  const LayerKind kind = c.layer->kind();
  const bool shared = batch == 2 && place == Place::kBehind &&
                      (kind == LayerKind::kConv || kind == LayerKind::kDense);
  const Run bare = run(c, net, x, dy, {false, false, true, shared ? 2 : 1});
  if (!same_bits(tapped.y, bare.y)) fail("output depends on taps, guard or threads");
  for (std::size_t j = 0; j < tapped.dx.size(); ++j) {
    if (!same_bits(tapped.dx[j], bare.dx[j])) fail("dx depends on taps, guard or threads");
  }
  const Point p = point_of(c, net, x);
  fail(compare(tapped.y.f32(), reference(*c.layer, p.in, p.params, c.training).v, c.tolerance));
  Direction direction(c, p, tapped, dy);
  for (int i = 0; i < 3; ++i) fail(direction.check(random, false));
  for (int i = 0; batch == 2 && i < 10; ++i) fail(direction.check(random, true));
  if (!c.linear) return;
  Point zero = p;
  for (RefTensor& t : zero.in) std::fill(t.v.begin(), t.v.end(), 0.0);
  const double bias = loss(c, zero, dy);
  double left = -bias, right = 0.0, scale = 1.0;
  for (std::size_t i = 0; i < tapped.y.f32().size(); ++i) {
    left += static_cast<double>(tapped.y.f32()[i]) * static_cast<double>(dy.f32()[i]);
    scale += std::fabs(static_cast<double>(tapped.y.f32()[i]) * static_cast<double>(dy.f32()[i]));
  }
  for (std::size_t j = 0; j < p.in.size(); ++j) {
    for (std::size_t i = 0; i < p.in[j].v.size(); ++i)
      right += p.in[j].v[i] * static_cast<double>(tapped.dx[j].f32()[i]);
  }
  if (!(std::fabs(left - right) <= 1e-5 * scale)) {
    fail("not adjoint: <Ax, r> = " + std::to_string(left) +
         ", <x, A^T r> = " + std::to_string(right));
  }
}

/// The layer among others: fused and sliced as the planner likes, against everything kept apart;
/// and against the sum of what single copies give.
inline void check_among(const LayerCase& c, Place place, Random& random, Failures& failures) {
  const std::string where = std::string(c.layer->type()) + ", " + name_of(place) + ": ";
  const auto fail = [&](const std::string& what) {
    if (!what.empty()) failures.push_back(where + what);
  };
  const Net net = build(c, place, 23), single = build(c, Place::kBehind, 23);
  Shape in = net.model.graph.node(0).shape,
        out = net.model.graph.node(net.model.graph.last()).shape;
  in.n = out.n = 2;
  const Tensor x = random.grid(in), dy = random.normal(out);
  const Run tapped = run(c, net, x, dy, {}), bare = run(c, net, x, dy, {false, true, false, 1});
  if (!same_bits(tapped.y, bare.y)) fail("output depends on taps");
  for (std::size_t j = 0; j < tapped.dx.size(); ++j) {
    if (!same_bits(tapped.dx[j], bare.dx[j])) fail("dx depends on taps");
  }
  // What each copy should see and give.
  const std::int64_t channels = single.model.graph.node(single.layers[0]).shape.c;
  const std::size_t copies = net.layers.size();
  Values want_y(tapped.y.f32().size(), 0.0);
  std::vector<Values> want_dx;
  for (const Tensor& dx : tapped.dx) want_dx.emplace_back(dx.f32().size(), 0.0);
  for (std::size_t k = 0; k < copies; ++k) {
    const std::int64_t first = place == Place::kTwice || place == Place::kRelu
                                   ? 0
                                   : static_cast<std::int64_t>(k) * channels;
    Shape part_shape = out;
    part_shape.c = channels;
    Tensor part = zeros(part_shape);
    for_each(part_shape, [&](auto n, auto ch, auto h, auto w) {
      const bool stopped = place == Place::kRelu && !(tapped.y.ref().in().at(n, ch, h, w) > 0.0f);
      part.ref().out().at(n, ch, h, w) = stopped ? 0.0f : dy.ref().in().at(n, first + ch, h, w);
    });
    const Run one = run(c, single, x, part, {});
    RefTensor want(out, want_y);
    for_each(part_shape, [&](auto n, auto ch, auto h, auto w) {
      const double y = static_cast<double>(one.y.ref().in().at(n, ch, h, w));
      want.at(n, first + ch, h, w) += place == Place::kRelu ? std::max(0.0, y) : y;
    });
    want_y = want.v;
    for (std::size_t j = 0; j < want_dx.size(); ++j) {
      for (std::size_t i = 0; i < want_dx[j].size(); ++i)
        want_dx[j][i] += static_cast<double>(one.dx[j].f32()[i]);
    }
  }
  // The same kernels on the same numbers; engines may differ between slices and wholes.
  fail(compare(tapped.y.f32(), want_y, 1e-5));
  for (std::size_t j = 0; j < want_dx.size(); ++j)
    fail(compare(tapped.dx[j].f32(), want_dx[j], 1e-5));
}

inline void check_description(const LayerCase& c, Failures& failures) {
  const LayerPtr again = make_layer(c.layer->type(), c.layer->attributes());
  if (again->attributes().values() != c.layer->attributes().values() ||
      again->type() != c.layer->type() || again->kind() != c.layer->kind() ||
      !(again->infer(c.inputs) == c.layer->infer(c.inputs))) {
    failures.push_back(std::string(c.layer->type()) + ": attributes do not survive the registry");
  }
  Attributes more = c.layer->attributes();
  more.set("no_such_attribute", std::int64_t{1});
  try {
    (void)make_layer(c.layer->type(), more);
    failures.push_back(std::string(c.layer->type()) + ": accepts an unknown attribute");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInput)
      failures.emplace_back("unknown attribute: another kind of error");
  }
}

}  // namespace check_detail

/// All checks on one layer. Whatever the library throws becomes a failure too.
inline Failures check_layer(const LayerCase& c, bool among = true) {
  using check_detail::Place;
  Failures failures;
  check_detail::Random random(5);
  try {
    if (references().contains(c.layer->type()) &&
        c.layer->type() == make_layer(c.layer->type(), c.layer->attributes())->type()) {
      check_detail::check_description(c, failures);
    }
    for (const std::int64_t batch : {1, 2, 5}) {
      if (c.inputs.size() == 1)
        check_detail::check_alone(c, Place::kFirst, batch, random, failures);
      check_detail::check_alone(c, Place::kBehind, batch, random, failures);
    }
    // Copies in training have masks and estimates of their own.
    if (among && !c.training) {
      for (const Place place : {Place::kRelu, Place::kTwice, Place::kConcat, Place::kNested}) {
        check_detail::check_among(c, place, random, failures);
      }
    }
  } catch (const Error& error) {
    failures.push_back(std::string(c.layer->type()) + " threw: " + error.what());
  }
  return failures;
}

}  // namespace cutaway::tests
