#pragma once

#include <string>

#include "layers/attributes.h"
#include "weights/preprocess.h"

namespace cutaway::explain {

/// Tells `lrp` the range of the net's pixels, options `low` and `high`, unless the user did: black
/// and white after preprocessing, a number a channel; and `saliency` what a grey level is, if its
/// option `per` is "grey_level". Other methods' options stay as they are.
void add_pixel_box(const std::string& method, const weights::Preprocess& rule, Attributes& options);

}  // namespace cutaway::explain
