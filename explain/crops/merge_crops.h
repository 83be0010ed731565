#pragma once

#include <string>
#include <string_view>

#include "explain/crops/ten_crops.h"
#include "explain/explanation.h"
#include "explain/pictures/resample.h"

namespace cutaway::explain {

/// How the maps of ten crops become one.
enum class CropMerge : std::uint8_t {
  /// Each pixel of the frame is the mean of the crops that show it (what Simonyan et al. 2013,
  /// section 3, leave open).
  kCoverageMean,
  /// Absolute values, summed over crops and three equal channels; crops overlap more in the middle,
  /// and nothing corrects for it (Zhou et al. 2016, released code).
  kAuthors,
  /// The mean of the ten maps as they are, neither moved nor mirrored back, in the middle window; 0
  /// around it.
  kPlain
};

/// "coverage_mean", "authors", "plain".
[[nodiscard]] std::string to_string(CropMerge merge);
/// The inverse; throws kUsage, listing the names, on any other text.
[[nodiscard]] CropMerge parse_crop_merge(std::string_view name);

/// Ten crops of a picture: the net sees size x size windows of a frame x frame picture.
struct CropPlan {
  int frame{256}, size{224};
  CropOrder order{CropOrder::kMatlab};
  CropMerge merge{CropMerge::kCoverageMean};
  /// From a map's size to the crop's; the authors: kCubicMatlab.
  Resample resample{Resample::kBilinear};
};

/// Maps 10 n x c x h x w, ten consecutive ones a picture, to n x c x frame x frame. Throws kShape
/// when their number is no multiple of ten.
[[nodiscard]] Tensor merge_crops(const Tensor& maps, const CropPlan& plan);

/// An explanation of crops as one of pictures: its map is merged, the options say how, of each
/// measure the value farthest from 0 is kept. Throws kUnsupported when the crops explain different
/// units (deconvnet's strongest), and when colours would be merged by absolute values.
[[nodiscard]] Explanation merge_crops(Explanation of_crops, const CropPlan& plan);

/// Scores 10 n x C x 1 x 1 to n x C x 1 x 1: ln of the mean of the ten probability vectors, so that
/// softmax gives that mean and classes are ranked by it.
[[nodiscard]] Tensor merge_scores(const Tensor& scores);

}  // namespace cutaway::explain
