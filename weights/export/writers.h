#pragma once

#include <string>

#include "weights/package.h"

/// The writers behind exporters(), one format a file; private to weights/export.
namespace cutaway::weights {

void write_onnx(const Package& package, const std::string& path);

}  // namespace cutaway::weights
