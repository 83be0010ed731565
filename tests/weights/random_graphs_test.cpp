#include <algorithm>
#include <cstdlib>

#include "tests/support/source_dir.h"
#include "tests/weights/imported_difference.h"
#include "tests/weights/torch_support.h"
#include "weights/json.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

constexpr std::size_t kMost = 64 << 20;

std::string bytes_of(const Hdf5File& file, const std::string& dataset) {
  std::string bytes;
  for (const float v : file.read_f32(dataset, kMost))
    bytes += static_cast<char>(static_cast<int>(v));
  return bytes;
}

/// The largest difference of the last node's values from `want`, over the largest of those.
double difference_from(const Model& model,
                       const Shape& extents,
                       const float* x,
                       std::span<const float> want) {
  PlanRequest request;
  request.input = extents;
  request.taps = {model.graph.last()};
  Executor executor(model, request, CpuStream(1));
  executor.set_input(tensor_of(extents, std::span(x, static_cast<std::size_t>(extents.count()))));
  executor.forward();
  const Tensor got = executor.read(executor.value(model.graph.last()));
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

TEST_CASE(
    "random graphs of ONNX, Keras, Caffe and PyTorch give the frameworks' numbers, or are "
    "refused") {
  // Another set, of thousands, for a search (tests/golden/random_graphs.py).
  const char* other = std::getenv("CUTAWAY_RANDOM_GRAPHS");
  const Hdf5File bundle = Hdf5File::open(
      other != nullptr ? std::string(other) : source_dir() + "/tests/golden/random_graphs.h5");
  const std::string files = bytes_of(bundle, "/files");
  const std::vector<float> inputs = bundle.read_f32("/inputs", kMost);
  const std::vector<float> outputs = bundle.read_f32("/outputs", kMost);
  std::size_t file = 0, input = 0, output = 0, right = 0, refused = 0;
  const Scratch scratch;
  for (const Json& listed : parse_json(bytes_of(bundle, "/cases"))) {
    const auto name = listed["name"].get<std::string>();
    CAPTURE(name);
    std::vector<std::string> paths;
    for (const Json& part : listed["files"]) {
      const auto bytes = part[1].get<std::size_t>();
      paths.push_back(scratch.path(part[0].get<std::string>()));
      write_file(paths.back(), files.substr(file, bytes));
      file += bytes;
    }
    const Json& e = listed["input"];
    const Shape extents{e[0].get<std::int64_t>(), e[1].get<std::int64_t>(),
                        e[2].get<std::int64_t>(), e[3].get<std::int64_t>()};
    const auto count = listed["output"].get<std::size_t>();
    try {
      const Source source = open_source(paths);
      const Imported imported =
          import_weights(source, *source.graph, source.bind(*source.graph, ""));
      // Sums of at most some hundred terms in float32, over at most a dozen layers.
      CHECK(difference_from(imported.model, extents, inputs.data() + input,
                            std::span(outputs).subspan(output, count)) <= 1e-4);
      ++right;
    } catch (const Error& error) {
      INFO(error.what());
      CHECK(error.kind() == ErrorKind::kUnsupported);
      ++refused;
    }
    input += static_cast<std::size_t>(extents.count());
    output += count;
  }
  CHECK(output == outputs.size());
  MESSAGE(right << " right, " << refused << " refused");
  if (other != nullptr) return;
  CHECK(right >= 220);
  CHECK(refused <= right);
}
