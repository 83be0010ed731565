#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "explain/rules/rules.h"
#include "layers/clip.h"
#include "layers/executor.h"
#include "layers/leaky_relu.h"
#include "runtime/tensor.h"

using namespace cutaway;

namespace {

/// What `rules` send down through one layer that sees `x`, for the signal `dy` at its output.
std::vector<float> down(LayerPtr layer,
                        const RuleSet& rules,
                        std::vector<float> x,
                        std::vector<float> dy) {
  const Shape shape{1, static_cast<std::int64_t>(x.size()), 1, 1};
  Graph g(shape);
  g.add("layer", std::move(layer));
  Parameters none = Parameters::zeroed(g);
  const Model m(std::move(g), std::move(none));
  PlanRequest r;
  BackwardRequest b;
  b.rules = rules;
  r.backward.push_back(b);
  Executor e(m, r, CpuStream(1));
  e.set_input(tensor_of(shape, x));
  e.forward();
  const View<float> seed = e.seed(0).out();
  for (std::int64_t c = 0; c < shape.c; ++c) seed.at(0, c, 0, 0) = dy[static_cast<std::size_t>(c)];
  e.backward(0);
  const Tensor dx = e.read(e.gradient(0, 0));
  return {dx.f32().begin(), dx.f32().end()};
}

const std::vector<float> kX{-1, 2, 9, -1, 2, 9}, kDy{3, 3, 3, -3, -3, -3};

}  // namespace

TEST_CASE("ReLU6 is a rectifier for deconvnet and guided backpropagation") {
  const auto relu6 = std::make_shared<Clip>(0.0, 6.0);
  CHECK(down(relu6, gradient_rules(), kX, kDy) == std::vector<float>{0, 3, 0, 0, -3, 0});
  CHECK(down(relu6, explain::deconvnet_rules(false), kX, kDy) ==
        std::vector<float>{3, 3, 3, 0, 0, 0});
  CHECK(down(relu6, explain::guided_rules(), kX, kDy) == std::vector<float>{0, 3, 0, 0, 0, 0});
}

TEST_CASE("a clip around zero is none, and passes its gradient") {
  const auto hardtanh = std::make_shared<Clip>(-4.0, 4.0);
  const std::vector<float> gradient{3, 3, 0, -3, -3, 0};
  CHECK(down(hardtanh, gradient_rules(), kX, kDy) == gradient);
  CHECK(down(hardtanh, explain::deconvnet_rules(false), kX, kDy) == gradient);
  CHECK(down(hardtanh, explain::guided_rules(), kX, kDy) == gradient);
}

TEST_CASE("a leaky ReLU leaks in every rule") {
  const auto leaky = std::make_shared<LeakyRelu>(0.5);
  CHECK(down(leaky, gradient_rules(), kX, kDy) == std::vector<float>{1.5f, 3, 3, -1.5f, -3, -3});
  CHECK(down(leaky, explain::deconvnet_rules(false), kX, kDy) ==
        std::vector<float>{3, 3, 3, -1.5f, -1.5f, -1.5f});
  CHECK(down(leaky, explain::guided_rules(), kX, kDy) == std::vector<float>{1.5f, 3, 3, 0, 0, 0});
}
