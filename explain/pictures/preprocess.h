#pragma once

#include "explain/pictures/image.h"
#include "runtime/layout.h"
#include "runtime/tensor.h"
#include "weights/preprocess.h"

namespace cutaway::explain {

/// Throws kUsage, naming the field, when `rule` cannot be carried out: a scale or mean that is not
/// finite, a std that is 0 or not finite, extents below 1 where the resize or crop rule reads them.
void validate(const weights::Preprocess& rule);

/// The picture as the net sees it, before any arithmetic: resized and cropped, still RGB. Maps of
/// the net's input lie on this picture pixel by pixel. Throws kShape when the crop is larger than
/// the resized picture.
[[nodiscard]] Image resize_and_crop(const Image& image, const weights::Preprocess& rule);

/// Where that picture lies in the original one (rounded to whole pixels): the part to paint a map
/// on. Throws like resize_and_crop.
[[nodiscard]] Rect seen_part(int width, int height, const weights::Preprocess& rule);

/// The net's input: 1 x 3 x H x W (1 x 1 x H x W for kGray), plain layout, on the CPU.
/// x[c] = (scale * pixel[c] - mean[c]) / std[c] in float32.
[[nodiscard]] Tensor preprocess(const Image& image, const weights::Preprocess& rule);

/// The same into image `n` of a batch of any layout; `seen` is what resize_and_crop returned.
/// Padded channels are left alone. Throws kShape when channels or extents do not fit.
void fill_input(const Image& seen,
                const weights::Preprocess& rule,
                View<float> batch,
                std::int64_t n);

/// The way back: values of the net's input (1 image, 1 or 3 channels, plain or not) to RGB bytes,
/// round(255-range), clipped; for showing synthesised inputs.
[[nodiscard]] Image deprocess(View<const float> x, std::int64_t n, const weights::Preprocess& rule);

}  // namespace cutaway::explain
