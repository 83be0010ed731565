#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "tests/weights/scratch.h"
#include "weights/import/importer.h"
#include "weights/sha256.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

constexpr std::size_t kWeights = 8;  // of LeNet

/// LeNet's parameters as Keras has them, in memory, "behind" a file that is only digested. Kernels
/// and matrices are transposed by rows, the second matrix in an order of axes that is not.
struct Memory {
  Source source;
  Bindings bindings;
  std::vector<std::vector<float>> values;
};

Memory keras_lenet(const Graph& graph, const std::string& file) {
  Memory memory;
  memory.source.format = "memory";
  memory.source.files = {file};
  float next = -3.0F;
  for (NodeId node = 0; node < graph.size(); ++node) {
    std::size_t parameter = 0;
    for (const ParameterSpec& spec : graph.parameters(node)) {
      Binding binding{node, parameter++, {"t" + std::to_string(memory.values.size())}};
      const bool kernel = spec.name == "weight" && spec.shape.h > 1;
      const bool matrix = spec.name == "weight" && !kernel;
      if (kernel) binding.transform = transform_between("HWIO->OIHW");
      if (matrix) binding.transform = transform_between("IO->OI");
      if (kernel && spec.shape.c == 1) binding.transform.flip = true;
      const Extents extents = source_extents(
          binding.transform, parameter_extents(graph.node(node).layer->kind(), spec).front());
      memory.source.tensors.push_back({binding.sources[0], extents});
      std::vector<float>& values = memory.values.emplace_back();
      values.resize(static_cast<std::size_t>(count_of(extents)));
      for (float& v : values) v = next += 0.25F;
      memory.bindings.list.push_back(binding);
    }
  }
  REQUIRE(memory.values.size() == kWeights);
  return memory;
}

// `whole`: tensors that can only be read as a whole.
void readable(Memory& memory, std::size_t whole = kWeights) {
  memory.source.read = [&memory](std::size_t i, std::span<float> to) {
    std::copy(memory.values[i].begin(), memory.values[i].end(), to.begin());
  };
  memory.source.read_part = [&memory, whole](std::size_t i, std::int64_t first,
                                             std::span<float> to) {
    if (i == whole) return false;
    std::copy_n(memory.values[i].begin() + first, to.size(), to.begin());
    return true;
  };
}

Package header() {
  ZooNet lenet = build_zoo("lenet");
  return {Model(std::move(lenet.graph)), lenet.preprocess, {}, {}};
}

void check_alike(const Memory& memory, const ImportOptions& options, const Scratch& scratch) {
  const ImportReport report = import_into_package(memory.source, header(), memory.bindings, options,
                                                  scratch.path("package.h5"));
  const Imported expected =
      import_weights(memory.source, header().model.graph, memory.bindings, options);
  const Package package = load(scratch.path("package.h5"));
  CHECK(same_parameters(package.model, expected.model));
  CHECK(to_text(report) ==
        to_text(expected.report));  // sums of other pieces differ in the 14th digit
  CHECK(package.provenance.source_sha256 == sha256_of_file(memory.source.files[0]));
}

}  // namespace

TEST_CASE("into a package comes what comes into a model, transposed, whole, constant or missing") {
  const Scratch scratch;
  write_file(scratch.path("source"), std::string(1'000'000, 'x'));
  Memory memory = keras_lenet(header().model.graph, scratch.path("source"));
  readable(memory);
  check_alike(memory, {}, scratch);
  for (std::size_t i = 0; i < kWeights; ++i) {
    CAPTURE(i);
    readable(memory, i);
    check_alike(memory, {}, scratch);
  }
  readable(memory);
  memory.bindings.list[5].values = {0.5F};
  memory.bindings.list[6].sources = {"nothing"};
  check_alike(memory, {{"ip2 weight"}, {"t5", "t6"}}, scratch);
}

TEST_CASE("into a package: every tensor that is not finite is named, and no file is left") {
  const Scratch scratch;
  write_file(scratch.path("source"), "x");
  Memory memory = keras_lenet(header().model.graph, scratch.path("source"));
  readable(memory);
  memory.values[2][100] = std::numeric_limits<float>::quiet_NaN();
  memory.values[7][3] = -std::numeric_limits<float>::infinity();
  const std::string message = message_of([&] {
    (void)import_into_package(memory.source, header(), memory.bindings, {}, scratch.path("p.h5"));
  });
  CHECK(has(message, "2 problem(s)"));
  CHECK(has(message, "t2 for conv2 weight is not finite"));
  CHECK(has(message, "t7 for ip2 bias is not finite"));
  CHECK(scratch.files() == 1);
}

TEST_CASE("into a package: a source that fails half way ends everything, wherever it is read") {
  const Scratch scratch;
  write_file(scratch.path("source"), std::string(300'000, 'x'));
  Memory memory = keras_lenet(header().model.graph, scratch.path("source"));
  for (std::size_t failing = 0; failing < kWeights; ++failing) {
    CAPTURE(failing);
    readable(memory);
    memory.source.read_part = [&](std::size_t i, std::int64_t first, std::span<float> to) {
      if (i == failing && !to.empty()) throw Error(ErrorKind::kInput, "the file is cut short");
      std::copy_n(memory.values[i].begin() + first, to.size(), to.begin());
      return true;
    };
    CHECK(has(message_of([&] {
                (void)import_into_package(memory.source, header(), memory.bindings, {},
                                          scratch.path("p.h5"));
              }),
              "the file is cut short"));
  }
  readable(memory);
  int polls = 0;
  const auto poll = [&] {
    if (++polls == 6) throw Error(ErrorKind::kInput, "interrupted");
  };
  CHECK(has(message_of([&] {
              (void)import_into_package(memory.source, header(), memory.bindings, {},
                                        scratch.path("p.h5"), poll);
            }),
            "interrupted"));
  CHECK(polls == 6);
  memory.source.files = {scratch.path("absent")};
  CHECK(has(message_of([&] {
              (void)import_into_package(memory.source, header(), memory.bindings, {},
                                        scratch.path("p.h5"));
            }),
            "absent"));
  CHECK(scratch.files() == 1);
}
