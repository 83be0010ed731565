#pragma once

#include <string>

#include "weights/package.h"

namespace cutaway::weights {

/// Writes an ONNX model of opset 13: nodes and values under the nodes' names, tensors as
/// <node>.<parameter>, the input N x C x H x W with free N; preprocessing and labels as metadata
/// that the importer reads back ("cutaway.preprocess", "cutaway.labels"). Atomic; equal packages
/// give equal bytes. Throws kUnsupported for layers without an operator, all of them at once, and
/// for more than 2 GiB.
void export_onnx(const Package& package, const std::string& path);

}  // namespace cutaway::weights
