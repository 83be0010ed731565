#include "layers/registry.h"

#include <doctest/doctest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "layers/graph.h"
#include "runtime/error.h"

using namespace cutaway;

namespace {

/// The error of making this layer; fails when there is none.
Error error_of(const char* type, const Attributes& attributes) {
  try {
    (void)make_layer(type, attributes);
  } catch (const Error& error) {
    return error;
  }
  FAIL("accepted: " << type);
  return {ErrorKind::kInternal, ""};
}

Attributes with(Attributes a, const std::string& name, Attributes::Value value) {
  a.set(name, std::move(value));
  return a;
}

std::int64_t i(std::int64_t v) { return v; }

}  // namespace

TEST_CASE("registry: unknown types name the nearest") {
  const Error error = error_of("con", {});
  CHECK(error.kind() == ErrorKind::kInput);
  CHECK(std::string(error.what()).find("'conv'") != std::string::npos);
  CHECK(error_of("", {}).kind() == ErrorKind::kInput);
  CHECK(error_of("Conv", {}).kind() == ErrorKind::kInput);
}

TEST_CASE("registry: weights decay, biases do not") {
  const std::vector<std::pair<const char*, Attributes>> layers{
      {"conv", {{"channels", i(4)}}},
      {"dense", {{"features", i(4)}}},
      {"conv_transpose", {{"channels", i(4)}}}};
  for (const auto& [type, attributes] : layers) {
    CAPTURE(type);
    Graph g({1, 3, 1, 1});
    g.add("layer", make_layer(type, attributes));
    const auto specs = g.parameters(1);
    REQUIRE(specs.size() == 2);
    CHECK(specs[0].name == "weight");
    CHECK((specs[0].decays && specs[0].trainable));
    CHECK(specs[1].name == "bias");
    CHECK((!specs[1].decays && specs[1].trainable));
    CHECK(specs[1].shape == Shape{1, 4, 1, 1});
  }
}

TEST_CASE("registry: values out of range, of another type, missing or unknown are kInput") {
  const Attributes conv{{"channels", i(4)}};
  CHECK_NOTHROW((void)make_layer("conv", conv));
  const std::vector<std::pair<const char*, Attributes>> bad{
      {"conv", {}},
      {"conv", with(conv, "channels", i(0))},
      {"conv", with(conv, "channels", i(1) << 40)},
      {"conv", with(conv, "channels", 4.0)},
      {"conv", with(conv, "kernel_h", i(0))},
      {"conv", with(conv, "kernel_w", i(1025))},
      {"conv", with(conv, "stride_h", i(0))},
      {"conv", with(conv, "pad_h", i(-1))},
      {"conv", with(conv, "dilation_w", i(0))},
      {"conv", with(conv, "groups", i(3))},
      {"conv", with(conv, "bias", i(1))},
      {"conv", with(conv, "surprise", true)},
      {"dense", {}},
      {"dense", {{"features", i(0)}}},
      {"dense", {{"features", std::string("many")}}},
      {"max_pool", {{"kernel_h", i(17)}, {"kernel_w", i(16)}}},  // 272 places: a switch is one byte
      {"max_pool", {{"kernel_h", i(2)}, {"pad_h", i(2)}}},
      {"average_pool", {{"kernel_h", i(2)}, {"pad_h", i(2)}}},
      {"average_pool", {{"stride_w", i(0)}}},
      {"average_pool", {{"count_padding", 1.0}}},
      {"lrn", {{"size", i(4)}}},
      {"lrn", {{"size", i(257)}}},
      {"lrn", {{"alpha", HUGE_VAL}}},
      {"lrn", {{"beta", std::string("x")}}},
      {"batch_norm", {{"eps", 0.0}}},
      {"batch_norm", {{"eps", 2.0}}},
      {"batch_norm", {{"momentum", -0.1}}},
      {"batch_norm", {{"momentum", std::nan("")}}},
      {"dropout", {{"rate", 1.0}}},
      {"dropout", {{"rate", -0.5}}},
      {"dropout", {{"rate", std::nan("")}}},
      {"pad", {}},
      {"pad", {{"top", i(1)}, {"bottom", i(1)}, {"left", i(1)}, {"right", i(-1)}}},
      {"pad",
       {{"top", i(1)},
        {"bottom", i(1)},
        {"left", i(1)},
        {"right", i(1)},
        {"mode", std::string("wrap")}}},
      {"input", {{"channels", i(3)}, {"height", i(0)}, {"width", i(4)}}},
      {"relu", {{"slope", 0.1}}},
      {"leaky_relu", {{"slope", 0.0}}},
      {"leaky_relu", {{"slope", 1.5}}},
      {"leaky_relu", {{"slope", std::nan("")}}},
      {"template_mask", {{"beta", 0.0}}},
      {"template_mask", {{"beta", HUGE_VAL}}},
      {"clip", {{"low", 0.5}}},
      {"clip", {{"high", -0.5}}},
      {"clip", {{"low", 0.0}, {"high", 0.0}}},
      {"clip", {{"high", HUGE_VAL}}},
      {"elementwise", {{"operation", std::string("multiply")}, {"channels", i(3)}}},
      {"elementwise",
       {{"operation", std::string("multiply")}, {"constant", true}, {"channels", i(0)}}},
      {"prelu", {{"slope", 0.25}}},
      {"softmax", {{"axis", i(1)}}},
      {"concat", {{"axis", i(1)}}},
      {"add", {{"x", i(1)}}},
      {"flatten", {{"x", i(1)}}},
      {"global_average_pool", {{"x", i(1)}}},
      {"global_max_pool", {{"x", i(1)}}},
  };
  for (std::size_t k = 0; k < bad.size(); ++k) {
    CAPTURE(k);
    const std::string type = bad[k].first;
    CAPTURE(type);
    CHECK(error_of(bad[k].first, bad[k].second).kind() == ErrorKind::kInput);
  }
}

TEST_CASE("attributes: reading") {
  const Attributes a{{"i", i(3)}, {"d", 0.5}, {"b", true}, {"s", std::string("text")}};
  CHECK(a.integer("i", 0, 5) == 3);
  CHECK(a.integer("absent", 7, 0, 9) == 7);
  CHECK(a.number("d", 0) == 0.5);
  CHECK(a.number("i", 0) == 3.0);
  CHECK(a.flag("b", false));
  CHECK(a.text("s", "") == "text");
  CHECK_NOTHROW(a.expect_all_read());
  CHECK_THROWS_AS((void)a.integer("i", 4, 5), Error);
  CHECK_THROWS_AS((void)a.integer("d", 0, 5), Error);
  CHECK_THROWS_AS((void)a.integer("absent", 0, 5), Error);
  CHECK_THROWS_AS((void)a.number("s", 0), Error);
  const Attributes unread{{"x", i(1)}};
  CHECK_THROWS_AS(unread.expect_all_read(), Error);
}
