#include "weights/import/caffe/caffe_hdf5.h"

#include <map>

#include "runtime/error.h"
#include "weights/import/hdf5/hdf5_source.h"
#include "weights/import/readers.h"

namespace cutaway::weights {
namespace {

Bindings bind(const Graph& graph, const std::string&) {
  std::map<NodeId, std::vector<std::string>> names;
  for (NodeId id = 0; id < graph.size(); ++id) names[id] = {graph.node(id).name};
  for (const auto& [alias, id] : graph.aliases()) names[id].push_back(alias);
  Bindings bindings;
  bindings.unused = {{"/diff", "gradients, not weights"}};
  for (NodeId id = 0; id < graph.size(); ++id) {
    std::size_t parameter = 0;
    for (const ParameterSpec& spec : graph.parameters(id)) {
      Binding binding{id, parameter++, {}};
      for (const std::string& name : names[id]) {
        if (spec.name == "weight") binding.sources.push_back("/data/" + name + "/0");
        if (spec.name == "bias") binding.sources.push_back("/data/" + name + "/1");
      }
      bindings.list.push_back(std::move(binding));
    }
  }
  return bindings;
}

}  // namespace

bool detect_caffe_hdf5(std::span<const Candidate> files) {
  return files.size() == 1 && files[0].hdf5 && Hdf5File::open(files[0].path).contains("/data") &&
         !Hdf5File::open(files[0].path).has_attribute("/", "layer_names");
}

Source read_caffe_hdf5(std::span<const Candidate> files) {
  auto file = std::make_shared<const Hdf5File>(Hdf5File::open(files[0].path));
  if (!file->contains("/data")) {
    throw Error(ErrorKind::kInput, "not in Caffe's HDF5 layout")
        .at(files[0].path)
        .expected("a group /data");
  }
  Source source = hdf5_source(std::move(file), "caffe-hdf5");
  source.bind = bind;
  return source;
}

Imported import_caffe_hdf5(const std::string& path,
                           Graph architecture,
                           const ImportOptions& options) {
  const Candidate candidate = look_at(path);
  vet({&candidate, 1}, [&] { (void)read_caffe_hdf5({&candidate, 1}); });
  const Source source = read_caffe_hdf5({&candidate, 1});
  const Bindings bindings = source.bind(architecture, "");
  return import_weights(source, std::move(architecture), bindings, options);
}

}  // namespace cutaway::weights
