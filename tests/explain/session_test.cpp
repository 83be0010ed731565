#include "explain/session.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "layers/lrn.h"
#include "runtime/error.h"
#include "tests/layers/gold1.h"
#include "tests/support/random_tensor.h"
#include "weights/package.h"

using namespace cutaway;
using namespace cutaway::explain;
using cutaway::tests::random_tensor;

namespace {

Model net() {
  Graph g({1, 3, 12, 10});
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
  g.add("conv1", std::make_shared<Conv>(17, three));
  g.add("relu1", std::make_shared<Relu>());
  g.add("norm1", std::make_shared<Lrn>(kernels::LrnParameters{5, 1.0f, 0.75f, 1.0f}));
  g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 2, 2, 0, 0}, true));
  g.add("conv2", std::make_shared<Conv>(9, three));
  g.add("relu2", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(4));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 3);
  return m;
}

/// With few samples, where a method takes many.
MethodPtr quick_method(const std::string& name) {
  if (name == "smoothgrad" || name == "vargrad" || name == "integrated_gradients") {
    return make_method(name,
                       {{name == "integrated_gradients" ? "steps" : "samples", std::int64_t{6}}});
  }
  if (name == "rise") return make_method(name, {{"masks", std::int64_t{20}}});
  if (name == "lime") {
    return make_method(name, {{"samples", std::int64_t{30}}, {"segments", std::int64_t{6}}});
  }
  return make_method(name);
}

std::vector<MethodPtr> all_methods() {
  std::vector<MethodPtr> methods;
  for (const std::string& name : method_names()) methods.push_back(quick_method(name));
  return methods;
}

template <class F>
Error error_of(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  return {ErrorKind::kInternal, ""};
}

bool contains(const Error& e, const char* text) {
  return std::string(e.what()).find(text) != std::string::npos;
}

}  // namespace

TEST_CASE(
    "session: methods together give what each gives alone, a batch what each image gives alone") {
  const Model m = net();
  const Tensor x = random_tensor({3, 3, 12, 10}, 5);
  const std::vector<std::int64_t> targets{2, 0, 3};
  Session::Options options;
  options.guard = true;
  options.engines.force = "conv:reference,gemm:reference";
  Session together(m, all_methods(), x.shape(), CpuStream(1), options);
  (void)together.forward(x.clone());
  const std::vector<Explanation> all = together.explain(targets);
  const auto names = method_names();
  REQUIRE(all.size() == names.size());
  for (std::size_t k = 0; k < names.size(); ++k) {
    CAPTURE(names[k]);
    CHECK(all[k].method == names[k]);
    CHECK(all[k].map.shape().n == 3);
    const auto image = static_cast<std::size_t>(all[k].map.shape().count() / 3);
    for (std::size_t n = 0; n < 3; ++n) {
      std::vector<MethodPtr> one;
      one.push_back(quick_method(names[k]));
      Session alone(m, std::move(one), {1, 3, 12, 10}, CpuStream(1), options);
      (void)alone.forward(tensor_of({1, 3, 12, 10}, x.f32().subspan(n * 360, 360)));
      const Explanation e = std::move(alone.explain({targets[n]}).at(0));
      CHECK(std::ranges::equal(e.map.f32(), all[k].map.f32().subspan(n * image, image)));
      CHECK(e.targets[0] == all[k].targets[n]);
    }
    CHECK_FALSE(method_summary(names[k]).empty());
  }
  // Asking again, also for other classes in between, changes nothing.
  (void)together.explain({0, 0, 0});
  const std::vector<Explanation> again = together.explain(targets);
  for (std::size_t k = 0; k < names.size(); ++k)
    CHECK(std::ranges::equal(again[k].map.f32(), all[k].map.f32()));
}

namespace {

/// Fails in the middle of its work, after backward and sampled passes have run.
class Failing final : public Method {
 public:
  std::string_view name() const noexcept override { return "failing"; }
  void plan(const Graph&, const Setting& setting, Needs& needs) override {
    pass_ = needs.backward(gradient_rules(), setting.logits, 0);
  }
  Explanation explain(Passes& passes) const override {
    (void)passes.gradient(pass_, 0);
    EvaluatorRequest request;
    request.output = passes.setting().logits;
    request.gradient = true;
    std::int64_t filled = 0;
    passes.evaluator(request).run(
        100,
        [&](std::int64_t, std::span<float> values) {
          std::ranges::fill(values, 1e30f);
          if (++filled == 40) throw Error(ErrorKind::kInternal, "injected failure");
        },
        [](const Evaluator::Batch&) {}, 0);
    return {};
  }

 private:
  std::size_t pass_{0};
};

}  // namespace

TEST_CASE(
    "explaining with every method, and failing in the middle, leaves weights, scores and maps bit "
    "for bit") {
  const Model m = net();
  const std::string weights = weights::weights_hash(m);
  const Tensor x = random_tensor({2, 3, 12, 10}, 5);
  const std::vector<std::int64_t> targets{2, 0};
  std::vector<MethodPtr> none;
  Session bare(m, std::move(none), x.shape(), CpuStream(1));
  const Tensor clean = bare.forward(x.clone()).clone();
  std::vector<MethodPtr> methods = all_methods();
  REQUIRE(methods.size() == 23);
  Session session(m, std::move(methods), x.shape(), CpuStream(1));
  CHECK(std::ranges::equal(session.forward(x.clone()).f32(), clean.f32()));
  const std::vector<Explanation> first = session.explain(targets);
  CHECK(weights::weights_hash(m) == weights);
  CHECK(std::ranges::equal(session.forward(x.clone()).f32(), clean.f32()));
  // A session of its own, and one in which the failing method stands before all others.
  methods = all_methods();
  methods.insert(methods.begin(), std::make_unique<Failing>());
  Session broken(m, std::move(methods), x.shape(), CpuStream(1));
  for (int round = 0; round < 2; ++round) {
    CHECK(std::ranges::equal(broken.forward(x.clone()).f32(), clean.f32()));
    CHECK(contains(error_of([&] { (void)broken.explain(targets); }), "injected failure"));
    CHECK(weights::weights_hash(m) == weights);
  }
  CHECK(std::ranges::equal(session.forward(x.clone()).f32(), clean.f32()));
  const std::vector<Explanation> again = session.explain(targets);
  REQUIRE(again.size() == 23);
  for (std::size_t k = 0; k < again.size(); ++k) {
    CAPTURE(again[k].method);
    CHECK(std::ranges::equal(again[k].map.f32(), first[k].map.f32()));
  }
}

TEST_CASE("session: methods share passes") {
  const Model m = net();
  std::vector<MethodPtr> methods;
  for (const char* name : {"saliency", "gradient_x_input", "gradcam", "guided", "guided_gradcam"})
    methods.push_back(make_method(name));
  Session session(m, std::move(methods), {1, 3, 12, 10}, CpuStream(1));
  CHECK(session.executor().plan().backward_count() == 2);  // the gradient, and guided
  CHECK(session.setting().layer == m.graph.find("relu2"));
  CHECK(session.setting().logits == m.graph.find("fc"));
}

TEST_CASE("session: options of deconvnet") {
  const Model m = net();
  const Tensor x = random_tensor({1, 3, 12, 10}, 5);
  const auto map_of = [&](const Attributes& options) {
    std::vector<MethodPtr> one;
    one.push_back(make_method("deconvnet", options));
    Session s(m, std::move(one), x.shape(), CpuStream(1));
    (void)s.forward(x.clone());
    return std::move(s.explain({0}).at(0).map);
  };
  const Tensor identity = map_of({{"lrn", std::string("identity")}}),
               gradient = map_of({{"lrn", std::string("gradient")}});
  CHECK(std::ranges::equal(identity.f32(), map_of({}).f32()));
  CHECK_FALSE(std::ranges::equal(identity.f32(), gradient.f32()));
}

TEST_CASE("session: errors") {
  const Model m = net();
  const Shape shape{2, 3, 12, 10};
  const auto open = [&](const std::string& layer, std::vector<MethodPtr> methods) {
    Session::Options o;
    o.layer = layer;
    Session s(m, std::move(methods), shape, CpuStream(1), o);
  };
  Error e = error_of([&] { open("rel2", {}); });
  CHECK(e.kind() == ErrorKind::kUsage);
  CHECK(contains(e, "'relu2'"));
  e = error_of([] { (void)make_method("grad-cam"); });
  CHECK(e.kind() == ErrorKind::kUsage);
  CHECK(contains(e, "'gradcam'"));
  e = error_of([] { (void)make_method("saliency", {{"channel", std::int64_t{1}}}); });
  CHECK(contains(e, "saliency"));
  CHECK(contains(e, "channel"));
  CHECK(error_of([] {
          (void)make_method("deconvnet", {{"lrn", std::string("maybe")}});
        }).kind() == ErrorKind::kUsage);
  CHECK(error_of([] {
          (void)make_method("deconvnet", {{"row", std::int64_t{1}}});
        }).kind() == ErrorKind::kUsage);

  Session s(m, all_methods(), shape, CpuStream(1));
  CHECK(error_of([&] {
          (void)s.explain({0, 0});
        }).kind() == ErrorKind::kInternal);  // before forward
  CHECK(error_of([&] { (void)s.forward(zeros({1, 3, 12, 10})); }).kind() == ErrorKind::kShape);
  (void)s.forward(random_tensor(shape, 1));
  CHECK(error_of([&] { (void)s.explain({0}); }).kind() == ErrorKind::kUsage);
  CHECK(error_of([&] { (void)s.explain({0, 4}); }).kind() == ErrorKind::kUsage);
  CHECK(error_of([&] { (void)s.explain({-1, 0}); }).kind() == ErrorKind::kUsage);
  CHECK_NOTHROW((void)s.explain({0, 3}));

  std::vector<MethodPtr> far;
  far.push_back(make_method("deconvnet", {{"channel", std::int64_t{9}}}));
  Session beyond(m, std::move(far), shape, CpuStream(1));
  (void)beyond.forward(random_tensor(shape, 1));
  e = error_of([&] { (void)beyond.explain({0, 0}); });
  CHECK(e.kind() == ErrorKind::kUsage);
  CHECK(contains(e, "relu2"));

  Graph g({1, 3, 4, 4});
  g.add("conv", std::make_shared<Conv>(2, kernels::ConvGeometry{}));
  g.add("relu", std::make_shared<Relu>());
  g.add("pool", std::make_shared<MaxPool>(kernels::PoolGeometry{4, 4, 1, 1, 0, 0}, false));
  const Model headless(std::move(g), Parameters());
  e = error_of([&] {
    std::vector<MethodPtr> cam;
    cam.push_back(make_method("cam"));
    Session no(headless, std::move(cam), {1, 3, 4, 4}, CpuStream(1));
  });
  CHECK(e.kind() == ErrorKind::kUnsupported);
  CHECK(contains(e, "gradcam"));
}
