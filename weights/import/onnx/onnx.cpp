#include <algorithm>

#include "runtime/error.h"
#include "weights/import/onnx/onnx_graph.h"
#include "weights/import/onnx/onnx_idioms.h"
#include "weights/import/readers.h"
#include "weights/import/tensor_file.h"
#include "weights/labels.h"
#include "weights/preprocess_json.h"

namespace cutaway::weights {

bool detect_onnx(std::span<const Candidate> files) {
  return files.size() == 1 && !files[0].hdf5 &&
         (files[0].named(".onnx") || onnx::is_model(BinaryFile::open(files[0].path)));
}

Source read_onnx(std::span<const Candidate> files) { return read_onnx_output(files, ""); }

Source read_onnx_output(std::span<const Candidate> files, const std::string& output) {
  return onnx_source(std::make_shared<const BinaryFile>(BinaryFile::open(files[0].path)), output);
}

Source onnx_source(std::shared_ptr<const BinaryFile> file, const std::string& output) {
  onnx::Model model = onnx::read_model(file);
  onnx::choose_output(model, output, file->path());
  onnx::fuse_layer_norms(model);
  onnx::Converted converted = onnx::convert_graph(model, file->path());
  Source source;
  source.format = "onnx";
  source.producer = model.producer;
  source.files = {file->path()};
  for (const onnx::Tensor& t : converted.tensors) {
    source.tensors.push_back({t.name, t.extents, t.type});
    if (std::find(source.files.begin(), source.files.end(), t.file->path()) == source.files.end()) {
      source.files.push_back(t.file->path());
    }
  }
  source.graph = std::move(converted.graph);
  if (const auto found = model.metadata.find("cutaway.preprocess"); found != model.metadata.end()) {
    source.preprocess = preprocess_from_json(found->second);
  }
  if (const auto found = model.metadata.find("cutaway.labels"); found != model.metadata.end()) {
    source.labels = split_labels(found->second);
  }
  const auto tensors =
      std::make_shared<const std::vector<onnx::Tensor>>(std::move(converted.tensors));
  source.read = [tensors](std::size_t i, std::span<float> to) {
    onnx::read_floats(tensors->at(i), to);
  };
  source.read_part = [tensors](std::size_t i, std::int64_t first, std::span<float> to) {
    const onnx::Tensor& t = tensors->at(i);
    if (t.chunks.size() != 1 ||
        t.chunks[0].size() != static_cast<std::uint64_t>(count_of(t.extents)) * size_of(t.type))
      return false;
    read_tensor(*t.file, later({t.chunks[0].begin, t.type}, first), to);
    return true;
  };
  source.bind = [bindings = std::move(converted.bindings), path = file->path()](
                    const Graph&, const std::string& architecture) {
    if (!architecture.empty()) {
      throw Error(ErrorKind::kUsage, "an ONNX file has its own architecture")
          .at(path)
          .hint("leave out --architecture");
    }
    return bindings;
  };
  return source;
}

}  // namespace cutaway::weights
