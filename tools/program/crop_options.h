#pragma once

#include "explain/runs/crops.h"
#include "tools/program/command.h"

namespace cutaway::tools {

/// Adds --crops, --crop-merge, --crop-order, --crop-frame, --crop-resize and --crop-resample.
void add_crop_options(Command& verb, explain::CropOptions& options);

}  // namespace cutaway::tools
