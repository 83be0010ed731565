#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "explain/pictures/image.h"

namespace cutaway::explain {

/// A rectangle in pixels of its picture, corners included.
struct PixelBox {
  double x1{0}, y1{0}, x2{0}, y2{0};

  [[nodiscard]] double width() const { return x2 - x1 + 1; }
  [[nodiscard]] double height() const { return y2 - y1 + 1; }
  friend bool operator==(const PixelBox&, const PixelBox&) = default;
};

/// A part of an object, where it was annotated.
struct PartBox {
  std::string name;
  PixelBox box;
  double center_x{0}, center_y{0};
  bool seen{true};  ///< at least half of it
};

/// An object in a picture: what a graph is learned from.
struct ObjectEntry {
  std::string path;      ///< to open the picture
  std::string name;      ///< as the list has it
  std::string category;  ///< may be empty
  PixelBox box;          ///< all zeros: the whole picture
  std::vector<PartBox> parts;
  /// What was wrong with its boxes and how it was put right, a sentence each.
  std::vector<std::string> mended;
};

struct ObjectQuery {
  std::string data;       ///< a folder, with parts.json or truth.json or plain pictures in it
  std::string boxes;      ///< the JSON file, where it is not in the folder
  std::string category;   ///< only these; all when empty
  std::int64_t most{0};   ///< at most so many, 0: all
  double min_area{2500};  ///< smaller boxes are left out, square pixels
  /// Of every box a window of 1 - jitter of its sides, at a random place in it: parts then move in
  /// the cuttings, and a place in a cutting does not tell a part. A box is moved alike for one
  /// seed.
  double jitter{0};
  std::uint64_t seed{0};
};

/// Reads a list of objects: parts.json (a list of {file, name, box, and further boxes by part}),
/// truth.json (as `cutaway dataset make` writes it), or, without either, all pictures of the
/// folder, each an object. A list of boxes may also be an object of picture -> part -> [x1, y1, x2,
/// y2], in which the part "object" is the object's box. Corners the wrong way round are exchanged, and
/// that is noted in `mended`; settle() fits boxes to their picture when it is opened. Throws kInput
/// on damage, and when nothing is left, naming the categories there are.
[[nodiscard]] std::vector<ObjectEntry> read_objects(const ObjectQuery& query);

/// Names of the parts, in alphabetical order.
[[nodiscard]] std::vector<std::string> part_names(const std::vector<ObjectEntry>& objects);

/// A part's name in the mirrored picture: its words left and right exchanged ("left_ear", "ear
/// left").
[[nodiscard]] std::string mirrored_name(const std::string& name);

/// Fits an object to its picture of width x height pixels: its box becomes the whole pixels that are
/// cut out, so that in_cutting() is the way back; boxes of parts are cut at the picture's edge, and
/// parts of which the picture or the cutting does not hold the centre are not seen. What reached
/// over the edge by more than a pixel (some lists name the first pixel beyond) is noted in
/// `mended`. Throws kInput where the object's box lies outside of the picture.
void settle(ObjectEntry& object, int width, int height);

/// The object cut out and brought to width x height, aspect ratio not kept (bicubic, antialiased).
/// `mirrored`: left and right exchanged.
[[nodiscard]] Image cut_out(
    const Image& picture, const PixelBox& box, int width, int height, bool mirrored = false);
/// Where a box of the picture lies in such a cutting of a settled object.
[[nodiscard]] PixelBox in_cutting(const PixelBox& inner,
                                  const PixelBox& object,
                                  double width,
                                  double height);

}  // namespace cutaway::explain
