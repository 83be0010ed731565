#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace cutaway::weights {

/// Order of the channels that the net takes. kGray is one channel of luminance (ITU-R 601-2).
enum class ColorOrder : std::uint8_t { kRgb, kBgr, kGray };

/// How a picture of any size becomes one of the net's.
enum class ResizeRule : std::uint8_t {
  kNone,      ///< left as it is
  kWarp,      ///< to width x height, whatever the aspect ratio (Caffe's tools)
  kShortSide  ///< the shorter side to short_side, the longer to floor(long * short_side / short)
};

/// Interpolation of that resize.
enum class Interpolation : std::uint8_t {
  kBilinear,        ///< no antialias (OpenCV, Caffe)
  kBilinearPil,     ///< antialiased, outside taps dropped (Pillow, torchvision's Resize)
  kBilinearMatlab,  ///< antialiased, mirrored taps (MATLAB)
  kCubic075,        ///< a = -0.75, no antialias (OpenCV)
  kCubicPil,        ///< a = -0.5, antialiased (Pillow)
  kCubicMatlab      ///< a = -0.5, antialiased, mirrored taps (MATLAB)
};

/// What is cut out after the resize.
enum class CropRule : std::uint8_t { kNone, kCenter };

/// Offset of a centre crop when side - size is odd: kFloor = floor((side - size) / 2) (Caffe),
/// kHalfEven = (side - size) / 2 rounded half to even (torchvision).
enum class CropOffset : std::uint8_t { kFloor, kHalfEven };

/// What a net expects of its pictures; part of every model package. Pure data.
/// The input is x[c] = (scale * pixel[c] - mean[c]) / std[c], pixel in 0..255, c counted in the
/// net's own order: for a BGR net mean[0] is the blue one. The default is the identity: RGB,
/// 0..255. Steps in order: resize, 8-bit rounding, crop, channel order, arithmetic.
struct Preprocess {
  /// False: nobody has said what pictures this net expects. Packages may be made so, but no picture
  /// may be given to them (require_declared).
  bool declared{true};
  ColorOrder order{ColorOrder::kRgb};
  float scale{1.0F};                            ///< 1 or 1/255 as a rule
  std::array<float, 3> mean{0.0F, 0.0F, 0.0F};  ///< after scaling; only [0] for kGray
  std::array<float, 3> std{1.0F, 1.0F, 1.0F};   ///< after scaling; never 0; only [0] for kGray
  ResizeRule resize{ResizeRule::kNone};
  std::int32_t width{0}, height{0};  ///< kWarp: the extents
  std::int32_t short_side{0};        ///< kShortSide: the side
  Interpolation interpolation{Interpolation::kBilinear};
  CropRule crop{CropRule::kNone};
  std::int32_t crop_width{0}, crop_height{0};  ///< kCenter: the extents
  CropOffset crop_offset{CropOffset::kFloor};

  /// Channels of the net's input: 1 for kGray, otherwise 3.
  [[nodiscard]] constexpr int channels() const { return order == ColorOrder::kGray ? 1 : 3; }
  friend bool operator==(const Preprocess&, const Preprocess&) = default;
};

/// Throws kInput, naming the way out, unless `p` is declared.
void require_declared(const Preprocess& p, const std::string& model);

}  // namespace cutaway::weights
