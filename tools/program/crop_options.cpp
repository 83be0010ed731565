#include "tools/program/crop_options.h"
#include "tools/program/command.h"

namespace cutaway::tools {

void add_crop_options(Command& verb, explain::CropOptions& o) {
  verb.add_option("--crops", o.crops,
                  "one: the net's own crop; ten: corners, middle and mirrors of a frame")
      .capture_default_str();
  verb.add_option("--crop-merge", o.merge,
                  "maps of ten crops: coverage_mean, authors (CAM's), plain")
      .capture_default_str();
  verb.add_option("--crop-order", o.order, "matlab, pycaffe, torchvision").capture_default_str();
  verb.add_option(
          "--crop-frame", o.frame,
          "side of the frame (default: 256 for nets of 192 to 255 pixels, or 8/7 of the net's)")
      .check(range(1, 16384));
  verb.add_option("--crop-resize", o.resize,
                  "to the frame: package (as its rule) or warp (whatever the aspect ratio)")
      .capture_default_str();
  verb.add_option("--crop-resample", o.resample,
                  "a crop's map to its size: bilinear, cubic-matlab (CAM's) ...")
      .capture_default_str();
}

}  // namespace cutaway::tools
