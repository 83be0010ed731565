#include "layers/pad.h"

#include <algorithm>
#include <array>

#include "runtime/error.h"

namespace cutaway {
namespace {
constexpr std::int64_t kMost = 1 << 15;
constexpr std::array<const char*, 3> kModes{"zero", "reflect", "edge"};  // by kernels::PadMode

kernels::PadMode mode_named(const std::string& name) {
  for (std::size_t i = 0; i < kModes.size(); ++i) {
    if (name == kModes[i]) return static_cast<kernels::PadMode>(i);
  }
  throw Error(ErrorKind::kInput, "padding mode").expected("zero, reflect or edge").got(name);
}
}  // namespace

Pad::Pad(std::int64_t top,
         std::int64_t bottom,
         std::int64_t left,
         std::int64_t right,
         kernels::PadMode mode)
    : top_(top), bottom_(bottom), left_(left), right_(right), mode_(mode) {
  for (const std::int64_t p : {top, bottom, left, right}) {
    if (p < 0 || p > kMost) {
      throw Error(ErrorKind::kInput, "padding")
          .expected("0 to " + std::to_string(kMost))
          .got(std::to_string(p));
    }
  }
}

Pad::Pad(const Attributes& a)
    : Pad(a.integer("top", 0, kMost),
          a.integer("bottom", 0, kMost),
          a.integer("left", 0, kMost),
          a.integer("right", 0, kMost),
          mode_named(a.text("mode", "zero"))) {}

Attributes Pad::attributes() const {
  return {{"top", top_},
          {"bottom", bottom_},
          {"left", left_},
          {"right", right_},
          {"mode", std::string(kModes[static_cast<std::size_t>(mode_)])}};
}

Shape Pad::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  const Shape& x = in[0];
  if (mode_ == kernels::PadMode::kReflect &&
      (std::max(top_, bottom_) >= x.h || std::max(left_, right_) >= x.w)) {
    throw Error(ErrorKind::kShape, "reflection padding must be smaller than the map")
        .got(to_string(x));
  }
  return {x.n, x.c, x.h + top_ + bottom_, x.w + left_ + right_};
}

Window Pad::window() const {
  Window w;
  w.pad_h = top_;
  w.pad_w = left_;
  return w;
}

void Pad::forward(const Call& c) const {
  kernels::run(c.stream, kernels::Pad{c.in[0].in(), c.out.out(), static_cast<std::int32_t>(top_),
                                      static_cast<std::int32_t>(left_), mode_});
}

void Pad::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::run(c.stream,
               kernels::PadBackward{c.dy.in(), c.dx[0].out(), static_cast<std::int32_t>(top_),
                                    static_cast<std::int32_t>(left_), mode_});
}

}  // namespace cutaway
