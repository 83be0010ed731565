#pragma once

#include "explain/runs/crops.h"

namespace CLI {
class App;
}

namespace cutaway::tools {

/// Adds --crops, --crop-merge, --crop-order, --crop-frame, --crop-resize and --crop-resample.
void add_crop_options(CLI::App& verb, explain::CropOptions& options);

}  // namespace cutaway::tools
