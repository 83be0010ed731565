#pragma once

#include "weights/import/onnx/onnx_model.h"

/// Operators that exporters write out as several; private to weights/import/onnx.
namespace cutaway::weights::onnx {

/// Puts a LayerNormalization (operator set 17) in place of the means, the square and the root that
/// older exporters write: (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * gamma + beta, means
/// over the last axis. What does not look exactly like that, or whose parts are read elsewhere,
/// stays as it is.
void fuse_layer_norms(Model& model);

}  // namespace cutaway::weights::onnx
