#include "weights/export/exporters.h"

#include <array>

#include "runtime/error.h"
#include "weights/export/keras_hdf5.h"
#include "weights/export/onnx.h"
#include "weights/export/safetensors.h"

namespace cutaway::weights {
namespace {

// One line a format.
constexpr std::array kExporters{
    Exporter{"keras-hdf5", ".keras.h5", "Keras' weights-only HDF5, for load_weights",
             export_keras_hdf5},
    Exporter{"onnx", ".onnx", "ONNX, opset 13, with preprocessing and labels as metadata",
             export_onnx},
    Exporter{"safetensors", ".safetensors", "safetensors under PyTorch's names",
             export_safetensors},
};

}  // namespace

std::span<const Exporter> exporters() { return kExporters; }

const Exporter& find_exporter(const std::string& path, const std::string& format) {
  std::string known;
  for (const Exporter& e : kExporters) {
    if (format.empty() ? path.ends_with(e.extension) : format == e.name) return e;
    known += (known.empty() ? "" : ", ") + std::string(format.empty() ? e.extension : e.name);
  }
  throw Error(ErrorKind::kUsage,
              format.empty() ? "the name does not tell the format" : "unknown format")
      .at(format.empty() ? path : format)
      .expected(known);
}

}  // namespace cutaway::weights
