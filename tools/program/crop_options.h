#pragma once

#include "explain/runs/crops.h"

namespace cutaway::tools {

class Command;

/// Adds --crops, --crop-merge, --crop-order, --crop-frame, --crop-resize and --crop-resample.
void add_crop_options(Command& verb, explain::CropOptions& options);

}  // namespace cutaway::tools
