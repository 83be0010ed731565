// What Keras' importer must not be wrong about in silence: the order of flattened features,
// settings nobody reads, axes, layers called as in training.

#include <algorithm>

#include "tests/weights/scratch.h"
#include "weights/import/keras/keras_config.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

std::string layer(const std::string& type, const std::string& name, const std::string& more = "") {
  return R"({"class_name": ")" + type + R"(", "config": {"name": ")" + name + "\"" +
         (more.empty() ? "" : ", " + more) + "}}";
}

/// A Sequential model on maps of 4 x 5 x 3 (rows, columns, channels).
std::string sequential(const std::vector<std::string>& layers, const char* input = "4, 5, 3") {
  std::string all;
  for (const std::string& text : layers) all += ", " + text;
  return std::string(R"({"class_name": "Sequential", "config": {"layers": [
      {"class_name": "InputLayer", "config": {"name": "in", "batch_input_shape": [null, )") +
         input + "]}}" + all + "]}}";
}

/// What is wrong with a model; empty when nothing is.
std::string complaint(const std::string& json) {
  try {
    (void)keras_graph(json, "model");
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

std::string refused(const std::vector<std::string>& layers, const char* input = "4, 5, 3") {
  return complaint(sequential(layers, input));
}

std::array<std::int64_t, 3> order_of(const KerasGraph& net, const char* node) {
  for (const KerasWeight& w : net.weights) {
    if (w.node == net.graph.find(node) && w.parameter == 0) return w.transform.hwc;
  }
  return {-1, -1, -1};
}

const std::string kDense = layer("Dense", "d", R"("units": 2)");
const std::string kFlatten = layer("Flatten", "f");

}  // namespace

TEST_CASE(
    "Keras: every layer between Flatten and Dense keeps the order of features, or is refused") {
  const std::array<std::int64_t, 3> maps{4, 5, 3};
  const std::vector<std::string> keep{layer("Flatten", "x"),
                                      layer("Activation", "x", R"("activation": "linear")"),
                                      layer("Activation", "x", R"("activation": "relu")"),
                                      layer("Activation", "x", R"("activation": "softmax")"),
                                      layer("Activation", "x", R"("activation": "sigmoid")"),
                                      layer("Activation", "x", R"("activation": "gelu")"),
                                      layer("ELU", "x"),
                                      layer("PReLU", "x"),
                                      layer("LayerNormalization", "x"),
                                      layer("Softmax", "x"),
                                      layer("ReLU", "x", R"("max_value": 6.0)"),
                                      layer("LeakyReLU", "x"),
                                      layer("BatchNormalization", "x"),
                                      layer("Dropout", "x", R"("rate": 0.5)"),
                                      layer("GaussianNoise", "x", R"("stddev": 0.5)"),
                                      layer("ActivityRegularization", "x", R"("l1": 0.5)"),
                                      layer("Rescaling", "x", R"("scale": 0.5)")};
  for (const std::string& between : keep) {
    CAPTURE(between);
    const KerasGraph net = keras_graph(sequential({kFlatten, between, kDense}), "model");
    CHECK(order_of(net, "d") == maps);
  }
  // What has numbers a feature has them in Keras' order, too.
  for (const char* type : {"BatchNormalization", "LayerNormalization", "PReLU"}) {
    CAPTURE(type);
    const KerasGraph net = keras_graph(sequential({kFlatten, layer(type, "x"), kDense}), "model");
    CHECK(order_of(net, "x") == maps);
  }
  // Reshaped to the maps they were, they are in order; to others they are refused.
  const std::string conv = layer("Conv2D", "c", R"("filters": 2, "kernel_size": 1)");
  const auto reshaped = [&](const char* to) {
    return std::vector{kFlatten, layer("Reshape", "r", std::string(R"("target_shape": )") + to),
                       conv};
  };
  CHECK(refused(reshaped("[4, 5, 3]")).empty());
  CHECK(has(refused(reshaped("[5, 4, 3]")), "flattened maps reshaped"));
  CHECK(has(refused({layer("PReLU", "p")}), "slopes that differ between places"));
  CHECK(refused({layer("PReLU", "p", R"("shared_axes": [1, 2])")}).empty());
  // Groups are groups of Keras' neighbours.
  CHECK(has(refused({kFlatten, layer("GroupNormalization", "x", R"("groups": 3)"), kDense}),
            "it is not known in which order"));
  // Twice, and behind a layer that mixes there is no order any more.
  const KerasGraph two =
      keras_graph(sequential({kFlatten, layer("Softmax", "s"), layer("Flatten", "g"), kDense,
                              layer("Dense", "e", R"("units": 2)")}),
                  "model");
  CHECK(order_of(two, "d") == maps);
  CHECK(order_of(two, "e") == std::array<std::int64_t, 3>{});
  // One channel has one order.
  CHECK(order_of(keras_graph(sequential({kFlatten, kDense}, "4, 5, 1"), "m"), "d") ==
        std::array<std::int64_t, 3>{});
}

TEST_CASE("Keras: joined flattened maps, and lists along them, are refused") {
  const std::string json = R"({"class_name": "Model", "config": {"name": "m", "layers": [
    {"class_name": "InputLayer", "name": "in", "config": {"name": "in", "batch_input_shape": [null, 4, 5, 3]}, "inbound_nodes": []},
    {"class_name": "Flatten", "name": "f", "config": {"name": "f"}, "inbound_nodes": [[["in", 0, 0, {}]]]},
    {"class_name": "JOIN", "name": "j", "config": {"name": "j"}, "inbound_nodes": [[["f", 0, 0, {}], ["f", 0, 0, {}]]]},
    {"class_name": "Dense", "name": "d", "config": {"name": "d", "units": 2}, "inbound_nodes": [[["j", 0, 0, {}]]]}],
    "input_layers": [["in", 0, 0]], "output_layers": [["d", 0, 0]]}})";
  const auto with = [&](const char* type) {
    std::string text = json;
    return text.replace(text.find("JOIN"), 4, type);
  };
  for (const char* type : {"Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"}) {
    CAPTURE(type);
    CHECK(order_of(keras_graph(with(type), "model"), "d") == std::array<std::int64_t, 3>{4, 5, 3});
  }
  CHECK(has(message_of([&] { (void)keras_graph(with("Concatenate"), "model"); }),
            "j (Concatenate): it is not known in which order"));
  CHECK(has(refused({layer("Flatten", "f"),
                     layer(
                         "Rescaling", "r",
                         R"("scale": [)" +
                             [] {
                               std::string list = "1";
                               for (int i = 1; i < 60; ++i) list += ", 2";
                               return list;
                             }() +
                             "]"),
                     kDense}),
            "channels that do not come last"));
}

TEST_CASE("Keras: axes that are not the channels' are refused") {
  for (const char* axis : {"-1", "3", "[-1]"}) {
    CAPTURE(axis);
    CHECK(refused({layer("Softmax", "s", std::string(R"("axis": )") + axis)}).empty());
  }
  for (const char* axis : {"1", "2", "0", "-2", "[1, 2]", "7", "\"x\"", "-9223372036854775808"}) {
    CAPTURE(axis);
    CHECK_FALSE(refused({layer("Softmax", "s", std::string(R"("axis": )") + axis)}).empty());
    CHECK_FALSE(
        refused({layer("BatchNormalization", "s", std::string(R"("axis": )") + axis)}).empty());
  }
  // Of maps of one pixel, axis 1 is still the rows.
  const std::string pool = layer("GlobalAveragePooling2D", "p", R"("keepdims": true)");
  CHECK_FALSE(refused({pool, layer("Softmax", "s", R"("axis": 1)")}).empty());
  CHECK(refused({layer("GlobalAveragePooling2D", "p"), layer("Softmax", "s", R"("axis": 1)")})
            .empty());
  // Keras' softmax runs along the last axis, whatever the data's format.
  const std::string first =
      layer("Conv2D", "c", R"("filters": 4, "kernel_size": 1, "data_format": "channels_first")");
  const std::string soft = layer("Activation", "a", R"("activation": "softmax")");
  CHECK(has(refused({first, soft}, "3, 4, 5"), "softmax along another axis"));
  CHECK(has(refused({layer("Conv2D", "c",
                           R"("filters": 4, "kernel_size": 1, "data_format": "channels_first", )"
                           R"("activation": "softmax")")},
                    "3, 4, 5"),
            "softmax along another axis"));
  // Every layer with a format has it looked at.
  for (const char* type : {"GlobalMaxPooling2D", "ZeroPadding2D", "MaxPooling2D"}) {
    CAPTURE(type);
    CHECK(has(refused({layer("Conv2D", "c",
                             R"("filters": 4, "kernel_size": 1, "data_format": "channels_last")"),
                       layer(type, "x", R"("data_format": "channels_first")")}),
              "another data_format"));
  }
}

TEST_CASE("Keras: what nobody reads is refused unless it matters in training only") {
  CHECK(has(refused({layer("ReLU", "r", R"("max_value": 0)")}), "largest value of 0"));
  CHECK(has(refused({layer("ReLU", "r", R"("max_value": 6, "negative_slope": 0.1)")}), "a slope"));
  CHECK(has(refused({layer("Conv2D", "c", R"("filters": 2, "kernel_size": 1, "spectral": true)")}),
            "c (Conv2D): the setting spectral = true is not understood"));
  CHECK(has(refused({kFlatten, layer("Dense", "d", R"("units": 2, "lora_rank": 4)")}),
            "lora_rank = 4"));
  CHECK(refused({layer("Conv2D", "c",
                       R"("filters": 2, "kernel_size": 1, "kernel_initializer": {"a": 1},
                          "bias_regularizer": {"l2": 0.1}, "trainable": false, "dtype": "float32",
                          "lora_rank": null, "groups": 1, "W_learning_rate": 2)")})
            .empty());
  CHECK(has(refused({layer("BatchNormalization", "b", R"("renorm": true)")}), "renorm = true"));
  CHECK(refused({layer("BatchNormalization", "b", R"("renorm": false, "momentum": 0.9)")}).empty());
  // An activation with settings of its own is not the one of that name without.
  CHECK_FALSE(
      refused({layer("Activation", "a",
                     R"("activation": {"class_name": "ReLU", "config": {"max_value": 1}})")})
          .empty());
}

TEST_CASE("Keras: layers that are called as in training are refused") {
  const auto called = [](const std::string& type, const std::string& how) {
    return R"({"class_name": "Model", "config": {"name": "m", "layers": [
      {"class_name": "InputLayer", "name": "in", "config": {"name": "in", "batch_input_shape": [null, 4, 5, 3]}, "inbound_nodes": []},
      {"class_name": ")" +
           type + R"(", "name": "x", "config": {"name": "x"}, "inbound_nodes": )" + how + R"(}],
      "input_layers": [["in", 0, 0]], "output_layers": [["x", 0, 0]]}})";
  };
  const auto refusal = [&](const std::string& type, const std::string& how) {
    return complaint(called(type, how));
  };
  const std::string old = R"([[["in", 0, 0, {"training": TRUE}]]])";
  const std::string tensor =
      R"({"class_name": "__keras_tensor__", "config": {"keras_history": ["in", 0, 0]}})";
  const std::string now =
      R"([{"args": [)" + tensor + R"(], "kwargs": {"training": TRUE, "mask": null}}])";
  for (std::string how : {old, now}) {
    std::string off = how;
    how.replace(how.find("TRUE"), 4, "true");
    off.replace(off.find("TRUE"), 4, "false");
    CAPTURE(how);
    for (const char* type : {"Dropout", "BatchNormalization", "RandomFlip"}) {
      CAPTURE(type);
      CHECK(has(refusal(type, how), "as in training"));
      CHECK(refusal(type, off).empty());
    }
    CHECK(refusal("ReLU", how).empty());  // there is no difference
  }
  CHECK(has(refusal("ReLU", R"([[["in", 0, 0, {"mask": 3}]]])"), "called with 'mask'"));
  // keras.ops.add(x, 1.0) is of class Add, too.
  CHECK(has(refusal("Add", R"([{"args": [)" + tensor + R"(, 1.0], "kwargs": {}}])"),
            "called with 'a constant'"));
  CHECK(has(refusal("Multiply", R"([{"args": [[)" + tensor + R"(]], "kwargs": {}}])"),
            "an operation of one value"));
}
