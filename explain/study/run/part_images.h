#pragma once

#include <string>
#include <vector>

#include "explain/pictures/objects.h"
#include "explain/study/correspondence_study.h"
#include "explain/study/run/frame.h"
#include "explain/study/run/study.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

struct PartImage {
  std::string name;
  Image seen;
};

/// Objects whose parts are known, as the net sees them: pictures[n] and images[n] belong together.
struct PartImages {
  std::vector<std::string> parts;  ///< the names, in the order of every image's rectangles
  std::vector<PartImage> pictures;
  std::vector<CorrespondenceImage> images;
};

/// The first job.count objects all of whose chosen parts are seen and lie in what the net sees.
/// Rectangles are rounded outwards to pixels of the net's input. Without job.parts: all parts that
/// the first usable object has and that enough others share. Pictures that cannot be read are
/// failures of the frame. Throws kInput, saying how many objects have each part, when fewer than
/// two are left.
[[nodiscard]] PartImages read_part_images(const CorrespondenceJob& job,
                                          StudyFrame& frame,
                                          const RunContext& context);

/// Where `box` of a picture lies in what the net sees of it: `seen` (in pixels of the picture)
/// became width x height. Rounded outwards and clipped; empty when it lies outside.
[[nodiscard]] Region region_seen(const PixelBox& box, const Rect& seen, int width, int height);

}  // namespace cutaway::explain

#pragma GCC visibility pop
