#include <algorithm>

#include "tests/support/source_dir.h"
#include "tests/weights/imported_difference.h"
#include "tests/weights/torch_support.h"
#include "weights/import/keras/keras_config.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

const std::string kFixtures = source_dir() + "/tests/golden/keras/";

Imported import_output(const std::string& file, const std::string& output) {
  const Source source = open_source({file}, {}, output);
  return import_weights(source, *source.graph, source.bind(*source.graph, ""));
}

/// A functional model; `layers` and `outputs` as Keras 2 writes them.
std::string functional(const std::string& layers, const std::string& outputs) {
  return R"({"class_name": "Functional", "config": {"layers": [
      {"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_input_shape": [null, 4, 4, 3]}, "inbound_nodes": []},
      )" +
         layers + R"(], "input_layers": [["x", 0, 0]], "output_layers": )" + outputs + "}}";
}

std::string relu(const std::string& name, const std::string& nodes) {
  return R"({"class_name": "ReLU", "name": ")" + name + R"(", "config": {"name": ")" + name +
         R"("}, "inbound_nodes": )" + nodes + "}";
}

std::string refused(const std::string& json, const std::string& output = {}) {
  return message_of([&] { (void)keras_graph(json, "model", output); });
}

}  // namespace

TEST_CASE(
    "a Keras model of three outputs with layers and models used twice: each as Keras computes it") {
  const Hdf5File expected = Hdf5File::open(kFixtures + "heads.expected.h5");
  for (const char* form : {".h5", ".keras"}) {
    const std::string file = kFixtures + "heads" + form;
    CHECK(has(message_of([&] { (void)open_source({file}); }), "several outputs: "));
    CHECK(has(message_of([&] { (void)open_source({file}); }), "--output NAME"));
    const std::string wrong = message_of([&] { (void)open_source({file}, {}, "twice"); });
    CHECK(has(wrong, "no output 'twice'"));
    for (const auto& [option, name] : std::vector<std::pair<std::string, std::string>>{
             {"side", "side"}, {"fine", "fine"}, {"coarse", "coarse"}}) {
      CAPTURE(file);
      CAPTURE(option);
      const Imported imported = import_output(file, option);
      // Rounding of float32 sums of 36 terms, over a few layers.
      CHECK(difference(imported, expected, "/input", "/" + name) < 1e-5);
      const Graph& g = imported.model.graph;
      for (const auto& [first, second] : std::vector<std::pair<std::string, std::string>>{
               {"twice", "twice:2"}, {"block/mix", "block:2/mix"}}) {
        const auto a = imported.model.parameters.of(g.find(first));
        const auto b = imported.model.parameters.of(g.find(second));
        CHECK(same_bits(a[0].f32(), b[0].f32()));
      }
      // Tensors of the other heads are named, with the reason.
      const auto& unused = imported.report.unused;
      const bool told = std::any_of(unused.begin(), unused.end(), [&](const UnusedRow& row) {
        return row.reason.find("only other outputs need") != std::string::npos;
      });
      CHECK(told);
      CHECK(unused.size() >= 2);
    }
  }
}

TEST_CASE("--output asks for a format that has outputs, and for an architecture") {
  CHECK(has(message_of([] { (void)open_source({golden("tiny.pth")}, {}, "fc"); }), "--output"));
  CHECK(has(
      message_of([] { (void)open_source({kFixtures + "sequential.weights.h5"}, {}, "scores"); }),
      "no architecture"));
  const Source one = open_source({kFixtures + "net.keras"}, {}, "classes");
  CHECK(one.graph->node(one.graph->last()).name == "classes_softmax");
  CHECK(has(message_of([] { (void)open_source({kFixtures + "net.keras"}, {}, "stem"); }),
            "expected classes"));
}

TEST_CASE("uses of layers that cannot be are refused") {
  const std::string twice = relu("r", R"([[["x", 0, 0, {}]], [["r", 0, 0, {}]]])");
  const KerasGraph net = keras_graph(functional(twice, R"([["r", 1, 0]])"), "model");
  CHECK(net.graph.size() == 3);
  CHECK(net.graph.node(2).name == "r:2");
  CHECK(keras_graph(functional(twice, R"([["r", 0, 0]])"), "model").graph.size() == 2);
  CHECK(has(refused(functional(twice, R"([["r", 2, 0]])")), "use 2 of layer 'r'"));
  CHECK(has(refused(functional(twice, R"([["r", -1, 0]])")), "use -1 of layer 'r'"));
  CHECK(has(refused(functional(twice, R"([["r", 1, 1]])")), "no layer 'r:2[1]'"));
  CHECK(has(refused(functional(twice, R"([["r", 1, -1]])")), "an output of layer 'r'"));
  CHECK(has(
      refused(functional(twice + ", " + relu("r:2", R"([[["x", 0, 0, {}]]])"), R"([["r", 1, 0]])")),
      "two layers 'r:2'"));
  // Its own later use: a circle.
  CHECK(has(refused(functional(relu("r", R"([[["r", 1, 0, {}]], [["r", 0, 0, {}]]])"),
                               R"([["r", 1, 0]])")),
            "circle"));
  // Uses of uses of uses must not multiply without end.
  std::string inner = relu("a", R"([[["x", 0, 0, {}]]])");
  std::string model = functional(inner, R"([["a", 0, 0]])");
  for (int level = 0; level < 14; ++level) {
    model.insert(1, R"("name": "m", "inbound_nodes": [[["x", 0, 0, {}]], [["m", 0, 0, {}]]], )");
    model = functional(model, R"([["m", 1, 0]])");
  }
  CHECK_FALSE(refused(model).empty());
}
