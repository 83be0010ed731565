#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/batch_norm.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/global_pool.h"
#include "tests/support/source_dir.h"
#include "tests/weights/scratch.h"
#include "weights/hdf5_file.h"
#include "weights/import/formats.h"
#include "weights/import/importer.h"

/// What the tests of weights/import share.
namespace cutaway::weights::testing {

inline std::string golden(const std::string& name) {
  return source_dir() + "/tests/golden/import/" + name;
}

/// The net of make_import_bundles.py's state dicts.
inline Graph tiny_graph() {
  Graph g(Shape{1, 3, 6, 6});
  g.add("conv1", std::make_shared<Conv>(4, kernels::ConvGeometry{3, 3, 1, 1, 0, 0, 1, 1, 1}));
  g.add("bn1", std::make_shared<BatchNorm>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(5));
  return g;
}

inline Imported import_tiny(const std::string& path, const ImportOptions& options = {}) {
  const Source source = open_source({path});
  Graph graph = tiny_graph();
  const Bindings bindings = source.bind(graph, "");
  return import_weights(source, std::move(graph), bindings, options);
}

/// Largest relative difference between the model's parameters and the numbers PyTorch saved.
inline double difference_from_expected(const Model& model) {
  const Hdf5File expected = Hdf5File::open(golden("expected.h5"));
  const char* kPyTorch[] = {"conv1.weight",     "conv1.bias",      "bn1.weight", "bn1.bias",
                            "bn1.running_mean", "bn1.running_var", "fc.weight",  "fc.bias"};
  std::size_t next = 0;
  double worst = 0;
  for (NodeId id = 0; id < model.graph.size(); ++id) {
    for (const Tensor& t : model.parameters.of(id)) {
      const std::vector<float> want =
          expected.read_f32(std::string("/tiny/") + kPyTorch[next++], 1 << 20);
      REQUIRE(want.size() == t.f32().size());
      for (std::size_t i = 0; i < want.size(); ++i) {
        const double d = std::abs(double{t.f32()[i]} - double{want[i]}) / std::abs(double{want[i]});
        if (!(d <= worst)) worst = d;
      }
    }
  }
  CHECK(next == 8);
  return worst;
}

/// Bytes of a zip archive of stored members, without checksums.
inline std::string zip_of(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string all, directory;
  const auto put = [](std::string& to, std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) to += static_cast<char>(value >> (8 * i) & 0xffU);
  };
  for (const auto& [name, contents] : members) {
    const std::size_t at = all.size();
    put(all, 0x04034b50, 4);
    for (int i = 0; i < 14; ++i) all += '\0';
    put(all, contents.size(), 4);
    put(all, contents.size(), 4);
    put(all, name.size(), 2);
    put(all, 0, 2);
    all += name + contents;
    put(directory, 0x02014b50, 4);
    for (int i = 0; i < 16; ++i) directory += '\0';
    put(directory, contents.size(), 4);
    put(directory, contents.size(), 4);
    put(directory, name.size(), 2);
    for (int i = 0; i < 12; ++i) directory += '\0';
    put(directory, at, 4);
    directory += name;
  }
  const std::size_t begin = all.size();
  all += directory;
  put(all, 0x06054b50, 4);
  put(all, 0, 4);
  put(all, members.size(), 2);
  put(all, members.size(), 2);
  put(all, directory.size(), 4);
  put(all, begin, 4);
  put(all, 0, 2);
  return all;
}

}  // namespace cutaway::weights::testing
