#include <algorithm>
#include <map>

#include "weights/import/hdf5/hdf5_source.h"
#include "weights/import/readers.h"
#include "weights/import/torch/torch_names.h"

namespace cutaway::weights {

bool detect_plain_hdf5(std::span<const Candidate> files) {
  return files.size() == 1 && files[0].hdf5;
}

Source read_plain_hdf5(std::span<const Candidate> files) {
  auto file = std::make_shared<const Hdf5File>(Hdf5File::open(files[0].path));
  Source source = hdf5_source(std::move(file), "hdf5");
  // A dump of a state dict has PyTorch's names, flat or as groups: "/features.0.weight",
  // "/features/0/weight", "/features.0/weight". All are spelled with dots from here on.
  for (SourceTensor& tensor : source.tensors) {
    tensor.name.erase(0, 1);
    std::replace(tensor.name.begin(), tensor.name.end(), '/', '.');
  }
  bind_torch_names(source);
  return source;
}

}  // namespace cutaway::weights
