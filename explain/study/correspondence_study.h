#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "explain/correspondence.h"
#include "explain/study/features.h"
#include "layers/receptive_field.h"

namespace cutaway::explain {

/// An image and where its object and the object's parts are, in pixels of the network's input.
struct CorrespondenceImage {
  Tensor input;  ///< 1 x c x h x w
  Region object;
  std::vector<Region> parts;  ///< the same parts, in the same order, for every image
};

/// `image` with a rectangle painted over; what lies outside is not looked at.
[[nodiscard]] Tensor painted(const Tensor& image, const Region& where, std::span<const float> fill);

/// A rectangle of the extents of `like` at a random place in `object` (where it does not fit: with
/// its corner on the object's), within the image. The same for the same seed, image and draw.
[[nodiscard]] Region random_place(const Region& like,
                                  const Region& object,
                                  const Shape& image,
                                  std::uint64_t seed,
                                  std::uint64_t number,
                                  std::uint64_t draw);

/// Results of equally many pairs, as one: the mean; the deviation over all pairs; the mean sum.
[[nodiscard]] Correspondence pooled(std::span<const Correspondence> draws);

/// Correspondence of every part and of random rectangles (Zeiler & Fergus 2013, table 1).
struct CorrespondenceTable {
  std::vector<std::vector<Correspondence>> parts;  ///< [part][layer]
  std::vector<Correspondence> random;              ///< [layer], over all draws
  std::vector<std::vector<Region>> places;         ///< [draw][image]: the random rectangles
};
/// One row of the table, for all layers: made by calling the function, unless it is known under this
/// name.
using CorrespondenceRow = std::vector<Correspondence>;
using MakeRow = std::function<CorrespondenceRow()>;
using KnownRow = std::function<CorrespondenceRow(const std::string& name, const MakeRow& make)>;
/// Draw d takes the extents of part d mod parts, in each image its own. At least two images;
/// `draws` may be 0. `watch`: called before every forward pass. `known`: gives rows of parts and draws
/// that need not be made again; empty: all are made. Throws kUsage when images do not
/// have the same parts.
[[nodiscard]] CorrespondenceTable study_correspondence(Features& features,
                                                       std::span<const CorrespondenceImage> images,
                                                       std::span<const float> fill,
                                                       std::int64_t draws,
                                                       std::uint64_t seed,
                                                       const std::function<void()>& watch = {},
                                                       const KnownRow& known = {});

}  // namespace cutaway::explain
