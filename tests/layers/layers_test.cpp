// Every registered layer through tests/support/layer_check.h.

#include <doctest/doctest.h>

#include <set>

#include "layers/average_pool.h"
#include "layers/batch_norm.h"
#include "layers/clip.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/input.h"
#include "layers/leaky_relu.h"
#include "layers/lrn.h"
#include "layers/max_pool.h"
#include "layers/pad.h"
#include "layers/softmax.h"
#include "layers/template_mask.h"
#include "tests/layers/layer_cases.h"

using namespace cutaway;
using namespace cutaway::tests;

namespace {

LayerCase conv_case(std::int64_t in,
                    std::int64_t out,
                    const kernels::ConvGeometry& g,
                    std::int64_t h,
                    std::int64_t w,
                    bool bias = true) {
  return {std::make_shared<Conv>(out, g, bias), {{1, in, h, w}}, true};
}

}  // namespace

TEST_CASE("layers: every registered type has a reference and a check") {
  // The cases below, by type: a new layer must be added here and get a test case.
  const std::set<std::string> checked{"activation",
                                      "add",
                                      "average_pool",
                                      "batch_norm",
                                      "clip",
                                      "concat",
                                      "conv",
                                      "conv_transpose",
                                      "dense",
                                      "dropout",
                                      "elementwise",
                                      "flatten",
                                      "global_average_pool",
                                      "global_max_pool",
                                      "group_norm",
                                      "input",
                                      "layer_norm",
                                      "leaky_relu",
                                      "lrn",
                                      "max_pool",
                                      "pad",
                                      "prelu",
                                      "rearrange",
                                      "relu",
                                      "resize",
                                      "slice",
                                      "softmax",
                                      "template_mask"};
  const auto types = layer_types();
  CHECK(std::set<std::string>(types.begin(), types.end()) == checked);
  CHECK(std::ranges::is_sorted(types));
  for (const std::string& type : types) {
    CAPTURE(type);
    CHECK(references().contains(type));
  }
}

TEST_CASE("layers: conv") {
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
  for (const std::int64_t channels : kChannels) {
    expect_good(conv_case(channels, 7, three, 5, 6));
    expect_good(conv_case(5, channels, {1, 1, 1, 1, 0, 0, 1, 1, 1}, 4, 3));
  }
  expect_good(conv_case(3, 16, {7, 7, 2, 2, 3, 3, 1, 1, 1}, 9, 8));
  expect_good(conv_case(16, 32, three, 7, 7));
  expect_good(conv_case(32, 48, three, 6, 6, false));
  expect_good(conv_case(3, 5, {11, 11, 4, 4, 0, 0, 1, 1, 1}, 15, 13));
  expect_good(conv_case(4, 6, {3, 5, 2, 1, 1, 2, 1, 1, 1}, 7, 6));
  expect_good(conv_case(4, 6, {3, 3, 1, 1, 2, 2, 2, 2, 1}, 6, 7));
  expect_good(conv_case(6, 9, {3, 3, 1, 1, 1, 1, 1, 1, 3}, 5, 5));
  expect_good(conv_case(32, 32, {5, 5, 1, 1, 2, 2, 1, 1, 2}, 5, 4));
  expect_good(conv_case(5, 5, {3, 3, 1, 1, 1, 1, 1, 1, 5}, 5, 5));
  expect_good(conv_case(2, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}, 4, 4));  // SqueezeNet's padded 1x1
  expect_good(conv_case(2, 3, {3, 3, 3, 3, 0, 0, 1, 1, 1}, 8, 7));  // rows nobody reads
}

TEST_CASE("layers: dense") {
  for (const std::int64_t channels : kChannels) {
    expect_good({std::make_shared<Dense>(7), {{1, channels, 1, 1}}, true});
    expect_good({std::make_shared<Dense>(channels, false), {{1, 20, 1, 1}}, true});
  }
}

TEST_CASE("layers: template masks") {
  for (const double beta : {4.0, 1.3}) {
    expect_good_at_all_channels(
        [&](auto) {
          return LayerCase{std::make_shared<TemplateMask>(beta), {}};
        },
        4, 5);
  }
}

TEST_CASE("layers: relu, softmax, flatten") {
  expect_good_at_all_channels([](auto) { return LayerCase{std::make_shared<Relu>(), {}}; }, 3, 4);
  expect_good_at_all_channels(
      [](auto) {
        return LayerCase{std::make_shared<Softmax>(), {}};
      },
      2, 3);
  expect_good_at_all_channels(
      [](auto) {
        return LayerCase{std::make_shared<Softmax>(), {}};
      },
      1, 1);
  expect_good_at_all_channels(
      [](auto) {
        return LayerCase{std::make_shared<Softmax>(true), {}};
      },
      2, 3);
  expect_good_at_all_channels(
      [](auto) {
        return LayerCase{std::make_shared<Flatten>(), {}, true};
      },
      3, 5);
  expect_good_at_all_channels(
      [](auto) {
        return LayerCase{std::make_shared<Flatten>(), {}, true};
      },
      1, 1);
}

TEST_CASE("layers: clip, leaky_relu") {
  // Inputs are multiples of 0.1 plus 0.05: never on a bound.
  expect_good_at_all_channels(
      [](auto) {
        return LayerCase{std::make_shared<Clip>(0.0, 0.6), {}};
      },
      3, 4);
  expect_good_at_all_channels(
      [](auto) {
        return LayerCase{std::make_shared<Clip>(-0.3, 0.2), {}};
      },
      3, 4);
  expect_good_at_all_channels(
      [](auto) {
        return LayerCase{std::make_shared<LeakyRelu>(0.1), {}};
      },
      3, 4);
}

TEST_CASE("layers: max_pool") {
  const auto pool = [](const kernels::PoolGeometry& g, bool ceil) {
    return [=](auto) { return LayerCase{std::make_shared<MaxPool>(g, ceil), {}}; };
  };
  expect_good_at_all_channels(pool({2, 2, 2, 2, 0, 0}, false), 6, 5);
  expect_good_at_all_channels(pool({3, 3, 2, 2, 0, 0}, true), 8, 6);
  expect_good_at_all_channels(pool({3, 3, 1, 1, 1, 1}, true), 4, 5);
  expect_good_at_all_channels(pool({3, 2, 2, 3, 1, 0}, true), 7, 8);
}

TEST_CASE("layers: average_pool") {
  const auto pool = [](const kernels::PoolGeometry& g, bool ceil, bool count) {
    return [=](auto) { return LayerCase{std::make_shared<AveragePool>(g, ceil, count), {}, true}; };
  };
  expect_good_at_all_channels(pool({2, 2, 2, 2, 0, 0}, false, true), 6, 5);
  expect_good_at_all_channels(pool({3, 3, 2, 2, 1, 1}, true, true), 8, 6);
  expect_good_at_all_channels(pool({3, 3, 2, 2, 1, 1}, true, false), 8, 6);
  expect_good_at_all_channels(pool({5, 3, 3, 2, 0, 1}, true, true), 14, 7);
  expect_good_at_all_channels(pool({7, 7, 1, 1, 0, 0}, false, true), 7, 7);
}

TEST_CASE("layers: global pools") {
  expect_good_at_all_channels(
      [](auto) {
        return LayerCase{std::make_shared<GlobalAveragePool>(), {}, true};
      },
      5, 4);
  expect_good_at_all_channels(
      [](auto) {
        return LayerCase{std::make_shared<GlobalMaxPool>(), {}};
      },
      5, 4);
}

TEST_CASE("layers: lrn") {
  const auto lrn = [](const kernels::LrnParameters& p) {
    return [=](auto) { return LayerCase{std::make_shared<Lrn>(p), {}}; };
  };
  expect_good_at_all_channels(lrn({5, 1e-4f, 0.75f, 1.0f}), 3, 4);
  expect_good_at_all_channels(lrn({5, 2.0f, 0.75f, 1.0f}), 4, 3);
  expect_good_at_all_channels(lrn({3, 0.5f, 0.5f, 2.0f}), 3, 3);
}

TEST_CASE("layers: batch_norm, evaluation and training") {
  expect_good_at_all_channels(
      [](auto) {
        return LayerCase{std::make_shared<BatchNorm>(), {}, true};
      },
      4, 3);
  // Three places or more in a batch, or the batch's variance may be next to nothing.
  expect_good_at_all_channels(
      [](auto) {
        LayerCase c{std::make_shared<BatchNorm>(1e-3, 0.2), {}};
        c.training = true;
        return c;
      },
      5, 4);
}

TEST_CASE("layers: pad") {
  const auto pad = [](auto mode) {
    return [=](auto) { return LayerCase{std::make_shared<Pad>(2, 1, 0, 3, mode), {}, true}; };
  };
  expect_good_at_all_channels(pad(kernels::PadMode::kZero), 3, 4);
  expect_good_at_all_channels(pad(kernels::PadMode::kReflect), 3, 4);
  expect_good_at_all_channels(pad(kernels::PadMode::kEdge), 3, 4);
}

TEST_CASE("layers: reflection padding must be smaller than the plane") {
  using kernels::PadMode;
  const Shape plane{1, 2, 3, 5};
  // Along each axis by itself: the last that fits, and the first that does not.
  CHECK_NOTHROW((void)Pad(2, 2, 4, 4, PadMode::kReflect).infer(std::vector<Shape>{plane}));
  CHECK(refusal_of(Pad(3, 0, 0, 0, PadMode::kReflect), {plane}) == ErrorKind::kShape);
  CHECK(refusal_of(Pad(0, 3, 0, 0, PadMode::kReflect), {plane}) == ErrorKind::kShape);
  CHECK(refusal_of(Pad(0, 0, 5, 0, PadMode::kReflect), {plane}) == ErrorKind::kShape);
  CHECK(refusal_of(Pad(0, 0, 0, 5, PadMode::kReflect), {plane}) == ErrorKind::kShape);
  CHECK_NOTHROW((void)Pad(9, 9, 9, 9, PadMode::kEdge).infer(std::vector<Shape>{plane}));
}

TEST_CASE("layers: add and concat of two and three inputs") {
  for (const std::int64_t c : kChannels) {
    const Shape s{1, c, 3, 4};
    expect_good({std::make_shared<Add>(), {s, s}, true});
    expect_good({std::make_shared<Add>(), {s, s, s}, true});
    expect_good({std::make_shared<Concat>(), {s, {1, 3, 3, 4}}, true});
    expect_good({std::make_shared<Concat>(), {{1, 16, 3, 4}, s, {1, 17, 3, 4}}, true});
    expect_good({std::make_shared<Concat>(), {s}, true});
  }
}

TEST_CASE("layers: dropout is the identity in evaluation") {
  expect_good_at_all_channels(
      [](auto) {
        return LayerCase{std::make_shared<Dropout>(0.5f), {}, true};
      },
      3, 4);
}

TEST_CASE("layers: the input layer describes itself") {
  Failures failures;
  const LayerCase c{std::make_shared<Input>(Shape{1, 3, 5, 7}), {}};
  check_detail::check_description(c, failures);
  CHECK(failures.empty());
}

namespace {

/// A ReLU whose gradient is `factor` times what it should be.
class WrongGradient final : public Layer {
 public:
  explicit WrongGradient(float factor) : factor_(factor) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kRelu; }
  [[nodiscard]] std::string_view type() const noexcept override { return "relu"; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override { return in[0]; }
  void forward(const Call& c) const override { relu_.forward(c); }
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepOutput; }
  void vjp(const BackCall& c) const override {
    relu_.vjp(c);
    if (c.dx[0]) c.dx[0].out().data[1] *= factor_;
  }

 private:
  Relu relu_;
  float factor_;
};

/// A ReLU that writes behind its output, or leaves a value out.
class WrongForward final : public Layer {
 public:
  explicit WrongForward(bool beyond) : beyond_(beyond) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kRelu; }
  [[nodiscard]] std::string_view type() const noexcept override { return "relu"; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override { return in[0]; }
  void forward(const Call& c) const override {
    const View<float> y = c.out.out();
    const float kept = y.data[2];
    relu_.forward(c);
    if (beyond_) {
      y.data[y.stored()] = 1.0f;
    } else {
      y.data[2] = kept;
    }
  }
  void vjp(const BackCall& c) const override { relu_.vjp(c); }
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepOutput; }

 private:
  Relu relu_;
  bool beyond_;
};

}  // namespace

TEST_CASE("layers: the check finds wrong layers") {
  const std::vector<Shape> in{{1, 3, 3, 4}};
  CHECK(check_layer({std::make_shared<WrongGradient>(1.0f), in}).empty());
  CHECK_FALSE(check_layer({std::make_shared<WrongGradient>(1.01f), in}).empty());
  CHECK_FALSE(check_layer({std::make_shared<WrongForward>(true), in}).empty());
  CHECK_FALSE(check_layer({std::make_shared<WrongForward>(false), in}).empty());
  // An average that claims another divisor than it uses.
  const kernels::PoolGeometry g{3, 3, 1, 1, 1, 1};
  CHECK_FALSE(
      check_layer({std::make_shared<Lrn>(kernels::LrnParameters{5, 2.0f, 0.75f, 1.0f}), in, true})
          .empty());
  CHECK(check_layer({std::make_shared<AveragePool>(g, false, true), in, true}).empty());
}
