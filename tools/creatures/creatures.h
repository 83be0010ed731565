/// \file
/// A synthetic data set of animals composed of parts, rendered from a seed.
///
/// Every picture shows one of ten kinds of creature in front of a cluttered background. Colours and
/// textures are drawn independently of the class, so only shape and parts tell it. The truth of
/// each picture is exact: class, box, mask, and box, centre and visibility of every part.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cutaway::tools::creatures {

/// A part as drawn. The box (inclusive pixels) and the centre (mean position; pixel (x, y) has its
/// centre at (x, y)) are those of the whole part, hidden or not. `visible` is the share of the part
/// that nothing hides, in 0..1. "left"/"right" are the viewer's; of two legs or wings _1 is the
/// near one.
struct PartTruth {
  std::string name;
  int x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  float cx = 0, cy = 0;
  float visible = 0;
};

/// One picture with its truth.
struct Creature {
  int size = 0;                        ///< height and width, pixels
  int label = 0;                       ///< index into class_names()
  std::vector<std::uint8_t> rgb;       ///< size * size * 3, row by row, red first
  std::vector<std::uint8_t> mask;      ///< size * size; 255 where the creature is seen, else 0
  int x1 = 0, y1 = 0, x2 = 0, y2 = 0;  ///< box of the whole creature, occluded or not (inclusive)
  bool occluded = false;               ///< something stands in front of it
  std::vector<PartTruth> parts;        ///< parts too thin to own a sample are left out
};

/// By label: cat, rabbit, elephant, giraffe, turtle, bird, fish, butterfly, octopus, snail.
const std::vector<std::string>& class_names();

/// What to render, and how hard to make it.
struct Options {
  int size = 96;           ///< height and width, 32..1024 pixels
  std::uint64_t seed = 0;  ///< of the data set
  int supersample = 2;     ///< samples per pixel and axis, 1..4 (edges are anti-aliased at any)
  float clutter = 0.5f;    ///< 0..1: number of things in the scene, noise in the background
  float distractor_parts = 0.5f;  ///< 0..1: share of pictures with loose parts of other classes
  float occlusion = 0.35f;        ///< 0..1: share of pictures with something in front
  float max_occlusion = 0.25f;    ///< 0..0.9: the largest share of the creature that it may hide
  float pose = 1;                 ///< 0..1: freedom of joints, tilt and direction
  float texture = 0.7f;           ///< 0..1: how often coats are patterned
  float noise = 0.5f;             ///< 0..1: brightness, contrast, colour cast, sensor noise
  float min_area = 0.16f;  ///< smallest area of the creature's box, as a share of the picture
  float max_area = 0.44f;  ///< largest area of the same, below 0.8
};

/// The class of picture `index`: a random permutation of the classes in each block of ten
/// consecutive indices, so that any prefix is balanced to within one per class.
int label_of(std::uint64_t seed, std::uint64_t index);

/// Picture `index` of the data set `options.seed`. A pure function of its arguments: the same bytes
/// on any thread and (compiled without contraction of a * b + c) on any machine with IEEE floats.
/// Throws Error (kUsage) when an option is outside its range.
Creature render(const Options& options, std::uint64_t index);

}  // namespace cutaway::tools::creatures
