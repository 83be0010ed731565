#include <algorithm>

#include "layers/executor.h"
#include "tests/weights/torch_support.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

std::string bytes_of(const Hdf5File& file, const std::string& dataset) {
  std::string bytes;
  for (const float v : file.read_f32(dataset, 1 << 20))
    bytes += static_cast<char>(static_cast<int>(v));
  return bytes;
}

// The largest difference from ONNX Runtime, over the largest value.
double difference(const Imported& imported, const Hdf5File& cases, const std::string& name) {
  const Graph& graph = imported.model.graph;
  const auto e = cases.describe(name + "/input").dims;
  PlanRequest request;
  request.input = {e[0], e[1], e[2], e[3]};
  request.taps = {graph.last()};
  Executor executor(imported.model, request, CpuStream(1));
  executor.set_input(tensor_of(request.input, cases.read_f32(name + "/input", 1 << 20)));
  executor.forward();
  const Tensor got = executor.read(executor.value(graph.last()));
  const std::vector<float> want = cases.read_f32(name + "/output", 1 << 20);
  REQUIRE(got.f32().size() == want.size());
  double most = 0, worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    most = std::max(most, std::abs(double{want[i]}));
    const double d = std::abs(double{want[i]} - double{got.f32()[i]});
    if (!(d <= worst)) worst = d;
  }
  CHECK(most > 0);
  return worst / most;
}

}  // namespace

TEST_CASE("ONNX: operators in all their uses give ONNX Runtime's numbers, or are refused by name") {
  const Scratch scratch;
  const Hdf5File cases = Hdf5File::open(golden("onnx_cases.h5"));
  std::size_t computed = 0, refused = 0;
  for (const Hdf5Child& child : cases.children("/")) {
    const std::string name = "/" + child.name;
    CAPTURE(child.name);
    write_file(scratch.path("m.onnx"), bytes_of(cases, name + "/model"));
    const auto import = [&] {
      const Source source = open_source({scratch.path("m.onnx")});
      return import_weights(source, *source.graph, source.bind(*source.graph, ""));
    };
    if (!cases.contains(name + "/output")) {
      const std::string message = message_of([&] { (void)import(); });
      CAPTURE(message);
      // The input itself is at fault in one case.
      const bool named = message.find(child.name) != std::string::npos;
      CHECK((named || message.find("the input 'input'") != std::string::npos));
      ++refused;
      continue;
    }
    try {
      // A few roundings of float32 sums of 168 terms.
      CHECK(difference(import(), cases, name) <= 1e-5);
      ++computed;
    } catch (const Error& error) {
      FAIL_CHECK(error.what());
    }
  }
  CHECK(computed >= 80);
  CHECK(refused >= 25);
}
