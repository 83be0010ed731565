#include "tests/weights/imported_difference.h"
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
      CHECK(difference(import(), cases, name + "/input", name + "/output") <= 1e-5);
      ++computed;
    } catch (const Error& error) {
      FAIL_CHECK(error.what());
    }
  }
  CHECK(computed >= 80);
  CHECK(refused >= 25);
}
