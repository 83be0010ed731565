// cutaway verify: agreement, and every usual conversion error found in the right layer and named.

#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>

#include "explain/session.h"
#include "explain/verify/decisions.h"
#include "explain/verify/verify.h"
#include "layers/add.h"
#include "layers/clip.h"
#include "layers/concat.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/executor.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/leaky_relu.h"
#include "layers/max_pool.h"
#include "layers/relu.h"
#include "layers/softmax.h"
#include "runtime/error.h"
#include "tests/support/random_tensor.h"
#include "tools/program/context.h"
#include "weights/hdf5_file.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tools;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path;
  Folder() : path(fs::temp_directory_path() / ("cutaway-verify-" + std::to_string(getpid()))) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  [[nodiscard]] std::string operator/(const std::string& name) const {
    return (path / name).string();
  }
};

/// Every kind of layer that a conversion error can hide in: equal convolutions, equal square fully
/// connected layers, a flatten of several channels and positions, an odd kernel.
weights::Package small_net() {
  Graph g(Shape{1, 3, 12, 12});
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
  g.add("conv1", std::make_shared<Conv>(6, three));
  g.add("relu1", std::make_shared<Relu>());
  g.add("conv2", std::make_shared<Conv>(6, three));
  g.add("relu2", std::make_shared<Relu>());
  g.add("conv3", std::make_shared<Conv>(6, three));
  g.add("pool", std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 3, 3, 0, 0}, true));
  g.add("flatten", std::make_shared<Flatten>());
  g.add("fc1", std::make_shared<Dense>(10));
  g.add("relu4", std::make_shared<Relu>());
  g.add("fc2", std::make_shared<Dense>(10));
  g.add("fc3", std::make_shared<Dense>(10));
  g.add("prob", std::make_shared<Softmax>());
  Model model(std::move(g));
  model.parameters = Parameters::initialized(model.graph, 11);
  for (NodeId id = 0; id < model.graph.size(); ++id) {
    const auto own = model.parameters.of(id);
    if (own.size() < 2) continue;
    const Tensor bias = tests::random_tensor(own[1].shape(), static_cast<unsigned>(id) + 90U);
    std::copy(bias.f32().begin(), bias.f32().end(), own[1].f32().begin());
  }
  return {std::move(model), {}, {}, {}};
}

std::vector<std::int64_t> extents(const Shape& s) { return {s.n, s.c, s.h, s.w}; }

struct Recorded {
  std::vector<std::string> activations{"conv1", "conv2", "conv3", "pool",
                                       "fc1",   "fc2",   "fc3",   "prob"};
  bool gradients{true};
  float spoil{0};   // added to one element of conv2
  float factor{1};  // times the gradients
};

/// Records a bundle from a model with this library itself.
void record(const weights::Package& package, const std::string& path, const Recorded& what = {}) {
  const Graph& g = package.model.graph;
  const Tensor input = tests::random_tensor({2, 3, 12, 12}, 7);
  PlanRequest request;
  request.input = input.shape();
  for (const std::string& name : what.activations) request.taps.push_back(g.find(name));
  BackwardRequest pass;
  pass.from = g.find("fc3");
  pass.to = {0, g.find("conv2"), g.find("pool")};
  if (what.gradients) request.backward.push_back(pass);
  Executor executor(package.model, request, CpuStream(1));
  executor.set_input(input);
  executor.forward();
  weights::Hdf5File file = weights::Hdf5File::create(path);
  file.write_attribute("/", "cutaway_reference", std::int64_t{1});
  file.write_attribute("/", "producer", "test");
  file.write_f32("/input", extents(input.shape()), input.f32());
  for (const std::string& name : what.activations) {
    Tensor value = executor.read(executor.value(g.find(name)));
    if (name == "conv2") value.f32()[5] += what.spoil;
    file.write_f32("/activations/" + name, extents(value.shape()), value.f32());
  }
  if (what.gradients) {
    const std::vector<float> targets{3, 8};
    file.write_f32("/targets", std::vector<std::int64_t>{2}, targets);
    executor.seed_units(0, std::vector<Executor::Unit>{{3}, {8}});
    executor.backward(0);
    for (const char* name : {"input", "conv2", "pool"}) {
      Tensor value = executor.read(executor.gradient(0, g.find(name)));
      for (float& v : value.f32()) v *= what.factor;
      file.write_f32("/gradients/" + std::string(name), extents(value.shape()), value.f32());
    }
  }
  file.close();
}

Verification check_net(const weights::Package& package, const std::string& bundle) {
  return verify(package, Reference(bundle), {}, CpuStream(1), {});
}

std::span<float> weight(weights::Package& p, const char* node, std::size_t i = 0) {
  return p.model.parameters.of(p.model.graph.find(node))[i].f32();
}

/// Verifies `broken` against the sound net's bundle; the first difference and the diagnosis.
std::pair<std::string, std::string> caught(const std::string& bundle,
                                           const weights::Package& broken) {
  const Verification v = check_net(broken, bundle);
  if (v.ok()) return {"nothing", ""};
  return {v.rows[v.first].name, v.diagnosis};
}

bool says(const std::string& text, const char* part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("'" << part << "' is not in: " << text);
  return found;
}

}  // namespace

TEST_CASE("a net agrees with itself, layer by layer, gradients from the score down") {
  const Folder f;
  const weights::Package net = small_net();
  record(net, f / "b.h5");
  const Verification v = check_net(net, f / "b.h5");
  REQUIRE(v.rows.size() == 11);
  CHECK(v.ok());
  CHECK(v.rows[0].name == "conv1");
  CHECK(v.rows[7].name == "prob");
  CHECK(v.rows[8].kind == ReferenceKind::kGradient);
  CHECK(v.rows[8].name == "pool");
  CHECK(v.rows[10].name == "input");
  for (const Comparison& row : v.rows) {
    CHECK(row.distance.cosine == doctest::Approx(1.0).epsilon(1e-6));
    CHECK(row.distance.scale > 0);
  }
  CHECK(v.diagnosis.empty());
}

TEST_CASE("conversion errors are found in their layer and named") {
  const Folder f;
  record(small_net(), f / "b.h5");
  const std::string bundle = f / "b.h5";
  {
    weights::Package net = small_net();  // unflipped kernels
    const auto w = weight(net, "conv2");
    for (std::size_t k = 0; k < w.size(); k += 9)
      std::reverse(w.begin() + static_cast<long>(k), w.begin() + static_cast<long>(k) + 9);
    const auto [layer, why] = caught(bundle, net);
    CHECK(layer == "conv2");
    CHECK(says(why, "rotated by 180 degrees"));
  }
  {
    weights::Package net = small_net();  // height and width exchanged
    const auto w = weight(net, "conv3");
    for (std::size_t k = 0; k < w.size(); k += 9) {
      for (std::size_t r = 0; r < 3; ++r) {
        for (std::size_t c = r + 1; c < 3; ++c) std::swap(w[k + 3 * r + c], w[k + 3 * c + r]);
      }
    }
    const auto [layer, why] = caught(bundle, net);
    CHECK(layer == "conv3");
    CHECK(says(why, "rows and columns"));
  }
  {
    weights::Package net = small_net();  // a square matrix transposed
    const auto w = weight(net, "fc2");
    for (std::size_t r = 0; r < 10; ++r) {
      for (std::size_t c = r + 1; c < 10; ++c) std::swap(w[10 * r + c], w[10 * c + r]);
    }
    const auto [layer, why] = caught(bundle, net);
    CHECK(layer == "fc2");
    CHECK(says(why, "transposed"));
  }
  {
    weights::Package net = small_net();  // features in H, W, C order
    const auto w = weight(net, "fc1");
    std::vector<float> old(w.begin(), w.end());
    for (std::size_t o = 0; o < 10; ++o) {
      for (std::size_t c = 0; c < 6; ++c) {
        for (std::size_t p = 0; p < 16; ++p) w[o * 96 + p * 6 + c] = old[o * 96 + c * 16 + p];
      }
    }
    const auto [layer, why] = caught(bundle, net);
    CHECK(layer == "fc1");
    CHECK(says(why, "from H, W, C to C, H, W"));
  }
  {
    weights::Package net = small_net();  // BGR for RGB
    const auto w = weight(net, "conv1");
    for (std::size_t o = 0; o < 6; ++o)
      std::swap_ranges(w.begin() + static_cast<long>(27 * o),
                       w.begin() + static_cast<long>(27 * o) + 9,
                       w.begin() + static_cast<long>(27 * o) + 18);
    const auto [layer, why] = caught(bundle, net);
    CHECK(layer == "conv1");
    CHECK(says(why, "RGB and BGR"));
  }
  {
    weights::Package net = small_net();  // a bias dropped
    const auto b = weight(net, "conv3", 1);
    std::fill(b.begin(), b.end(), 0.0f);
    const auto [layer, why] = caught(bundle, net);
    CHECK(layer == "conv3");
    CHECK(says(why, "only the bias"));
  }
  {
    weights::Package net = small_net();  // two equal layers exchanged, biases too
    for (const std::size_t i : {0U, 1U})
      std::swap_ranges(weight(net, "conv2", i).begin(), weight(net, "conv2", i).end(),
                       weight(net, "conv3", i).begin());
    const auto [layer, why] = caught(bundle, net);
    CHECK(layer == "conv2");
    CHECK(says(why, "weights of 'conv3'"));
  }
}

TEST_CASE("one wrong number is enough, NaN never agrees, and a wrong shape is a difference") {
  const Folder f;
  const weights::Package net = small_net();
  record(net, f / "one.h5", {{"conv1", "conv2"}, false, 0.1f});
  Verification v = check_net(net, f / "one.h5");
  CHECK(v.first == 1);
  CHECK(v.rows[1].distance.largest == doctest::Approx(0.1).epsilon(1e-3));
  record(net, f / "nan.h5", {{"conv1", "conv2"}, false, std::numeric_limits<float>::quiet_NaN()});
  v = check_net(net, f / "nan.h5");
  CHECK(v.first == 1);
  CHECK(std::isnan(v.rows[1].distance.largest));
  CHECK_FALSE(agrees({}, std::numeric_limits<double>::quiet_NaN()));
  {
    weights::Hdf5File file = weights::Hdf5File::create(f / "shape.h5");
    file.write_attribute("/", "cutaway_reference", std::int64_t{1});
    const std::vector<float> zero(2 * 3 * 12 * 12, 0.0f);
    file.write_f32("/input", std::vector<std::int64_t>{2, 3, 12, 12}, zero);
    file.write_f32("/activations/fc1", std::vector<std::int64_t>{2, 9},
                   std::vector<float>(18, 0.0f));
    file.close();
  }
  v = check_net(net, f / "shape.h5");
  CHECK_FALSE(v.ok());
  CHECK(says(v.rows[0].problem, "2x10x1x1"));
}

namespace {

/// The outputs of one layer for the input of record().
Tensor output_of(const weights::Package& net, const char* node) {
  const Tensor input = tests::random_tensor({2, 3, 12, 12}, 7);
  RunRequest request;
  request.input = input.shape();
  request.taps = {net.model.graph.find(node)};
  RunResult run = run_model(net.model, request, input, {}, CpuStream(1));
  return std::move(run.values.begin()->second);
}

/// small_net() with a bias of conv1 moved so far that its k-th smallest output changes its sign.
weights::Package nudged(std::size_t k) {
  weights::Package net = small_net();
  const Tensor values = output_of(net, "conv1");
  std::vector<std::size_t> order(values.f32().size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::abs(values.f32()[a]) < std::abs(values.f32()[b]);
  });
  weight(net, "conv1", 1)[order[k] / 144 % 6] -= 1.5f * values.f32()[order[k]];
  return net;
}

}  // namespace

TEST_CASE("gradients that rounding changes are told from wrong ones") {
  const Folder f;
  Tolerances loose;
  loose.activation = 1e-2;  // a whole small net has no output so near zero that 1e-4 would do
  const auto check_against = [&](const weights::Package& net, const Recorded& what) {
    record(small_net(), f / "b.h5", what);
    return verify(net, Reference(f / "b.h5"), loose, CpuStream(1), {});
  };
  std::size_t k = 0;  // one whose gradient is large enough to count
  while (k < 20 && check_against(nudged(k), {}).rounding.empty()) ++k;
  REQUIRE(k < 20);
  const weights::Package net = nudged(k);
  Verification v = check_against(net, {});
  CHECK(v.ok());
  const Comparison& row = v.rows.back();
  CHECK(row.name == "input");
  CHECK(row.by_rounding);
  CHECK(row.distance.relative > 1e-3);
  REQUIRE(row.decided.has_value());
  CHECK(row.decided->relative < 1e-5);
  CHECK(says(v.rounding, "of 3476 rectifiers"));  // 2 (2 x 6 x 12 x 12 + 10)
  CHECK(says(v.rounding, "with the reference's decisions they agree"));
  // The same and a gradient one percent too large: an error, whatever is decided.
  Recorded wrong;
  wrong.factor = 1.01f;
  v = check_against(net, wrong);
  CHECK_FALSE(v.ok());
  CHECK(says(v.rounding, "still differ"));
  // Nothing decided otherwise.
  v = check_against(small_net(), wrong);
  CHECK_FALSE(v.ok());
  CHECK(says(v.rounding, "0 of 3476 rectifiers and 0 of 192 pooling windows"));
  // Nothing recorded to decide by.
  v = check_against(net, {{}, true, 0, 1});
  CHECK_FALSE(v.ok());
  CHECK(says(v.rounding, "holds no activations"));
  // Where activations differ, gradients are no question of rounding.
  v = verify(net, Reference(f / "b.h5"), {}, CpuStream(1), {});
  CHECK_FALSE(v.ok());
}

TEST_CASE("pinned to its own values a model has its own gradient; pinned to others, theirs") {
  Graph g(Shape{1, 3, 8, 8});
  const NodeId conv =
      g.add("conv", std::make_shared<Conv>(4, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}));
  const NodeId relu = g.add("relu", std::make_shared<Relu>(), {conv});
  const NodeId leaky = g.add("leaky", std::make_shared<LeakyRelu>(0.1), {conv});
  const NodeId clip = g.add("clip", std::make_shared<Clip>(0.0, 1.0), {conv});
  const NodeId sum = g.add("sum", std::make_shared<Add>(), {relu, leaky});
  g.add("both", std::make_shared<Concat>(), {sum, clip});
  g.add("pool", std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 2, 2, 1, 1}, false));
  g.add("most", std::make_shared<GlobalMaxPool>());
  g.add("fc", std::make_shared<Dense>(5));
  Model model(std::move(g));
  model.parameters = Parameters::initialized(model.graph, 3);
  const auto run = [&](unsigned seed, bool pinned_at, const PinnedValues& values) {
    RunRequest request;
    request.input = {2, 3, 8, 8};
    const Tensor input = tests::random_tensor(request.input, seed);
    const PinnedModel pinned(model, values, kCpuDevice);
    const Model& m = pinned_at ? pinned.model() : model;
    const auto at = [&](NodeId id) { return pinned_at ? pinned.seen(id) : id; };
    request.from = at(model.graph.last());
    for (NodeId id = 1; id < model.graph.size(); ++id) request.taps.push_back(at(id));
    request.to = {0};
    return run_model(m, request, input, {1, 4}, CpuStream(1));
  };
  const RunResult one = run(1, false, {});
  const RunResult two = run(2, false, {});
  const auto pins = [&](const RunResult& from) {
    PinnedValues values;
    for (NodeId id = 1; id + 1 < model.graph.size(); ++id) {
      if (id != conv) values.emplace(id, from.values.at(id).clone());
    }
    return values;
  };
  const auto far = [](const RunResult& a, const RunResult& b) {
    return distance(a.gradients.at(0).f32(), b.gradients.at(0).f32()).relative;
  };
  CHECK(far(run(1, true, pins(one)), one) < 1e-6);
  CHECK(far(run(1, true, pins(two)), two) < 1e-6);
  CHECK(far(one, two) > 0.1);
  const std::vector<NodeId> deciding = deciding_nodes(model.graph, model.graph.last());
  CHECK(deciding == std::vector<NodeId>{relu, leaky, clip, 6, 7});
  const Decisions same = compare_decisions(model.graph, one.values, one.values);
  CHECK(same.rectifiers == 3 * 2 * 4 * 64);
  CHECK(same.windows == 2 * 8 * 16 + 2 * 8);
  CHECK(same.rectifiers_differ + same.windows_differ == 0);
  const Decisions other = compare_decisions(model.graph, one.values, two.values);
  CHECK(other.rectifiers_differ > 100);
  CHECK(other.windows_differ > 100);
}

TEST_CASE("preprocessing is part of what is verified") {
  const Folder f;
  weights::Package net = small_net();
  net.preprocess.order = weights::ColorOrder::kBgr;
  net.preprocess.mean = {10, 20, 30};
  std::vector<float> picture(12 * 12 * 3), input(3 * 144);
  for (std::size_t i = 0; i < 144; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      picture[3 * i + c] = static_cast<float>((i * 3 + c * 70) % 256);
      input[(2 - c) * 144 + i] = picture[3 * i + c] - static_cast<float>(10 * (3 - c));
    }
  }
  weights::Hdf5File file = weights::Hdf5File::create(f / "p.h5");
  file.write_attribute("/", "cutaway_reference", std::int64_t{1});
  file.write_f32("/input", std::vector<std::int64_t>{1, 3, 12, 12}, input);
  file.write_f32("/pictures", std::vector<std::int64_t>{1, 12, 12, 3}, picture);
  file.close();
  CHECK(check_net(net, f / "p.h5").ok());
  net.preprocess.order = weights::ColorOrder::kRgb;
  const Verification v = check_net(net, f / "p.h5");
  REQUIRE_FALSE(v.ok());
  CHECK(v.rows[v.first].kind == ReferenceKind::kInput);
}

TEST_CASE("the verb: exit codes 0, 4 and 3") {
  const Folder f;
  weights::Package net = small_net();
  weights::save(net, f / "net.h5");
  record(net, f / "b.h5");
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "verify");
    arguments.insert(arguments.end(), {"--quiet", "--threads", "1"});
    return run_program(arguments);
  };
  CHECK(run({f / "net.h5", f / "b.h5"}) == 0);
  CHECK(run({f / "net.h5", f / "b.h5", "--json"}) == 0);
  for (float& w : weight(net, "fc2")) w *= 1.5f;
  weights::save(net, f / "net.h5");
  CHECK(run({f / "net.h5", f / "b.h5"}) == 4);
  CHECK(run({f / "net.h5", f / "b.h5", "--json"}) == 4);
  CHECK(run({f / "net.h5", f / "b.h5", "--tolerance", "10", "--gradient-tolerance", "10"}) == 0);
  CHECK(run({f / "net.h5", f / "net.h5"}) == 3);
  CHECK(run({f / "net.h5", f / "absent.h5"}) == 3);
  record(small_net(), f / "c.h5", {{"conv1"}, false, 0});
  {
    weights::Hdf5File file = weights::Hdf5File::create(f / "unknown.h5");
    file.write_attribute("/", "cutaway_reference", std::int64_t{1});
    file.write_f32("/input", std::vector<std::int64_t>{1, 3, 12, 12},
                   std::vector<float>(432, 0.0f));
    file.write_f32("/activations/conv9", std::vector<std::int64_t>{1, 1},
                   std::vector<float>(1, 0.0f));
    file.close();
  }
  CHECK(run({f / "net.h5", f / "unknown.h5"}) == 3);
}

TEST_CASE("maps that rounding changes are told from wrong ones, by what the bundle tells") {
  const Folder f;
  Tolerances loose;
  loose.activation = 1e-2;
  const auto check_against = [&](const weights::Package& net, const Recorded& what, float factor) {
    const weights::Package sound = small_net();
    record(sound, f / "b.h5", what);
    {  // the same bundle with the sound net's gradient as a map
      weights::Hdf5File file = weights::Hdf5File::create(f / "m.h5");
      const Reference bundle(f / "b.h5");
      file.write_attribute("/", "cutaway_reference", std::int64_t{1});
      file.write_f32("/input", extents(bundle.input().shape()), bundle.input().f32());
      file.write_f32("/targets", std::vector<std::int64_t>{2}, std::vector<float>{3, 8});
      for (const ReferenceItem& item : bundle.items()) {
        if (item.kind != ReferenceKind::kActivation) continue;
        const Tensor value = bundle.read(item);
        file.write_f32("/activations/" + item.name, extents(value.shape()), value.f32());
      }
      std::vector<MethodPtr> methods;
      methods.push_back(make_method("saliency"));
      Session session(sound.model, std::move(methods), bundle.input().shape(), CpuStream(1));
      session.forward(bundle.input().clone());
      Tensor map = std::move(session.explain({3, 8}).at(0).map);
      for (float& v : map.f32()) v *= factor;
      file.write_f32("/maps/saliency", extents(map.shape()), map.f32());
      file.close();
    }
    return verify(net, Reference(f / "m.h5"), loose, CpuStream(1), {});
  };
  const Recorded all{{"conv1", "conv2", "conv3", "pool", "fc1", "fc2", "fc3", "prob"}, false, 0, 1};
  std::size_t k = 0;  // one whose map is changed enough to count
  while (k < 20 && check_against(nudged(k), all, 1).rounding.empty()) ++k;
  REQUIRE(k < 20);
  Verification v = check_against(nudged(k), all, 1);
  CHECK(v.ok());
  CHECK(v.rows.back().kind == ReferenceKind::kMap);
  CHECK(v.rows.back().by_rounding);
  CHECK(says(v.rounding, "maps differ because rounding decides"));
  CHECK(says(v.rounding, "of 3476 rectifiers"));
  // Only decisions that the bundle tells are counted: those behind conv1 and fc1 here.
  const Recorded some{{"conv1", "fc1"}, false, 0, 1};
  CHECK(says(check_against(nudged(k), some, 1).rounding, "of 1748 rectifiers and 0 of 0 pooling"));
  // A map one percent too large is wrong, whatever is decided.
  v = check_against(nudged(k), all, 1.01f);
  CHECK_FALSE(v.ok());
  CHECK(says(v.rounding, "maps still differ"));
}
