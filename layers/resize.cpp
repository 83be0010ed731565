#include "layers/resize.h"

#include <array>
#include <cmath>

#include "runtime/error.h"

namespace cutaway {
namespace {

constexpr std::int64_t kMost = 1 << 16;
constexpr double kMostScale = 1024.0;
// By kernels::Interpolation and ResizeLayer::Coordinates.
constexpr std::array kInterpolations{"linear", "nearest", "nearest_ceil", "floor", "ceil"};
constexpr std::array kCoordinates{"half_pixel", "pytorch_half_pixel", "half_pixel_symmetric",
                                  "asymmetric", "align_corners"};

template <class Enum, std::size_t N>
Enum named(const std::array<const char*, N>& names, const char* what, const std::string& name) {
  std::string all;
  for (std::size_t i = 0; i < N; ++i) {
    if (name == names[i]) return static_cast<Enum>(i);
    all += (i == 0 ? "" : ", ") + std::string(names[i]);
  }
  throw Error(ErrorKind::kInput, what).expected(all).got(name.substr(0, 64));
}

std::int64_t resized(std::int64_t extent, double scale, std::int64_t size) {
  if (size > 0) return size;
  return static_cast<std::int64_t>(std::floor(static_cast<double>(extent) * scale));
}

}  // namespace

ResizeLayer::ResizeLayer(const Target& target,
                         kernels::Interpolation interpolation,
                         Coordinates coordinates)
    : target_(target), interpolation_(interpolation), coordinates_(coordinates) {
  const auto good = [](double scale, std::int64_t size) {
    return scale >= 0.0 && scale <= kMostScale && size >= 0 && size <= kMost &&
           (scale > 0.0 || size > 0);
  };
  if (!good(target.scale_h, target.height) || !good(target.scale_w, target.width)) {
    throw Error(ErrorKind::kInput, "target of a resize")
        .expected("a scale above 0, at most 1024, or a size from 1 to 65536, for rows and columns")
        .got(std::to_string(target.scale_h) + " or " + std::to_string(target.height) + ", " +
             std::to_string(target.scale_w) + " or " + std::to_string(target.width));
  }
}

ResizeLayer::ResizeLayer(const Attributes& a)
    : ResizeLayer(
          {a.number("scale_h", 0.0), a.number("scale_w", 0.0), a.integer("height", 0, 0, kMost),
           a.integer("width", 0, 0, kMost)},
          named<kernels::Interpolation>(
              kInterpolations, "interpolation of a resize", a.text("interpolation", "linear")),
          named<Coordinates>(
              kCoordinates, "coordinates of a resize", a.text("coordinates", "half_pixel"))) {}

Attributes ResizeLayer::attributes() const {
  return {{"scale_h", target_.scale_h},
          {"scale_w", target_.scale_w},
          {"height", target_.height},
          {"width", target_.width},
          {"interpolation", std::string(kInterpolations[static_cast<std::size_t>(interpolation_)])},
          {"coordinates", std::string(kCoordinates[static_cast<std::size_t>(coordinates_)])}};
}

Shape ResizeLayer::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  const Shape y{in[0].n, in[0].c, resized(in[0].h, target_.scale_h, target_.height),
                resized(in[0].w, target_.scale_w, target_.width)};
  if (y.h < 1 || y.w < 1) {
    throw Error(ErrorKind::kShape, "nothing is left of a resized plane").got(to_string(in[0]));
  }
  return y;
}

Window ResizeLayer::window() const {
  Window w;
  w.global = true;
  return w;
}

kernels::ResizeAxis ResizeLayer::axis(std::int64_t in, std::int64_t out, double scale) const {
  const auto from = static_cast<double>(in), to = static_cast<double>(out);
  // PyTorch and ONNX Runtime divide in float32.
  const float ratio = scale > 0.0 ? static_cast<float>(1.0 / scale)
                                  : static_cast<float>(in) / static_cast<float>(out);
  switch (coordinates_) {
    case Coordinates::kHalfPixel:
      return {ratio, 0.5F, -0.5F};
    case Coordinates::kPytorchHalfPixel:
      return out > 1 ? kernels::ResizeAxis{ratio, 0.5F, -0.5F} : kernels::ResizeAxis{0.0F, 0, 0};
    case Coordinates::kHalfPixelSymmetric:
      // What rounding took of the extent is missing on both sides alike.
      return {
          ratio, 0.5F,
          static_cast<float>(from / 2.0 - to / (2.0 * (scale > 0.0 ? scale : to / from)) - 0.5)};
    case Coordinates::kAsymmetric:
      return {ratio, 0.0F, 0.0F};
    case Coordinates::kAlignCorners:
      return {out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1) : 0.0F, 0.0F,
              0.0F};
  }
  return {};
}

void ResizeLayer::forward(const Call& c) const {
  const Shape &x = c.in[0].shape(), &y = c.out.shape();
  kernels::run(c.stream, kernels::Resize{c.in[0].in(), c.out.out(), axis(x.h, y.h, target_.scale_h),
                                         axis(x.w, y.w, target_.scale_w), interpolation_});
}

void ResizeLayer::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  const Shape &x = c.dx[0].shape(), &y = c.dy.shape();
  kernels::run(c.stream,
               kernels::ResizeBackward{c.dy.in(), c.dx[0].out(), axis(x.h, y.h, target_.scale_h),
                                       axis(x.w, y.w, target_.scale_w), interpolation_});
}

}  // namespace cutaway
