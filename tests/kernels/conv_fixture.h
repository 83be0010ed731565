#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "kernels/conv.h"
#include "runtime/buffer.h"
#include "runtime/layout.h"

/// Small convolutions on CPU memory whose every unused byte is watched.
namespace conv_test {

using cutaway::Layout;
using cutaway::Shape;
using cutaway::View;
using cutaway::kernels::conv_extent;
using cutaway::kernels::ConvArguments;
using cutaway::kernels::ConvGeometry;
using cutaway::kernels::ConvPass;
using cutaway::kernels::ConvPrimitive;
using cutaway::kernels::ConvProblem;

inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// A tensor, or a slice of channels in the middle of a larger one.
struct Store {
  Shape shape;
  Layout layout;
  std::int64_t whole_channels, first;
  cutaway::Buffer buffer;
  std::int64_t count;

  Store(const Shape& s, Layout l, std::int64_t whole, std::int64_t first_channel)
      : shape(s), layout(l), whole_channels(whole), first(first_channel) {
    count = stored_count({s.n, whole, s.h, s.w}, l);
    buffer = cutaway::Buffer(cutaway::kCpuDevice, static_cast<std::size_t>(count) * sizeof(float));
    for (std::int64_t i = 0; i < count; ++i) data()[i] = kNan;
  }
  [[nodiscard]] float* data() { return reinterpret_cast<float*>(buffer.data()); }
  [[nodiscard]] View<float> view() {
    return channel_slice(dense_view(data(), {shape.n, whole_channels, shape.h, shape.w}, layout),
                         first, shape.c);
  }
  /// Fills the slice from NCHW values, its padding lanes with zero.
  void set(const std::vector<float>& values) {
    const View<float> v = view();
    std::size_t i = 0;
    for (std::int64_t n = 0; n < shape.n; ++n) {
      for (std::int64_t c = 0; c < v.blocks() * v.block; ++c) {
        for (std::int64_t h = 0; h < shape.h; ++h) {
          for (std::int64_t w = 0; w < shape.w; ++w)
            v.at(n, c, h, w) = c < shape.c ? values[i++] : 0.0f;
        }
      }
    }
  }
  /// NCHW values of the slice; padding lanes that are not zero are counted in `dirty`.
  [[nodiscard]] std::vector<float> get(int& dirty) {
    const View<float> v = view();
    std::vector<float> values;
    for (std::int64_t n = 0; n < shape.n; ++n) {
      for (std::int64_t c = 0; c < v.blocks() * v.block; ++c) {
        for (std::int64_t h = 0; h < shape.h; ++h) {
          for (std::int64_t w = 0; w < shape.w; ++w) {
            const float value = v.at(n, c, h, w);
            if (c < shape.c) {
              values.push_back(value);
            } else {
              dirty += value == 0.0f ? 0 : 1;
            }
          }
        }
      }
    }
    return values;
  }
  /// Elements that are not NaN any more: equals the slice's stored elements when nothing else was
  /// written.
  [[nodiscard]] std::int64_t written() {
    std::int64_t n = 0;
    for (std::int64_t i = 0; i < count; ++i) n += std::isnan(data()[i]) ? 0 : 1;
    return n;
  }
};

struct Case {
  Shape x;
  std::int64_t k{1};
  ConvGeometry g;
  Layout x_layout{cutaway::kBlocked16}, y_layout{cutaway::kBlocked16};
  bool bias{false}, relu{false}, frozen{true};
  /// Blocks of other channels before and after the slices.
  std::int64_t x_around{0}, y_around{0};

  [[nodiscard]] Shape y() const {
    return {x.n, k, conv_extent(x.h, g.kernel_h, g.stride_h, g.pad_h, g.dilation_h),
            conv_extent(x.w, g.kernel_w, g.stride_w, g.pad_w, g.dilation_w)};
  }
  [[nodiscard]] static std::int64_t whole(std::int64_t c, std::int64_t around, Layout l) {
    return around == 0 ? c : cutaway::round_up(c, l.block) + 2 * around * l.block;
  }
  [[nodiscard]] ConvProblem problem(ConvPass pass, int threads) const {
    ConvProblem p;
    p.pass = pass;
    p.x = x;
    p.y = y();
    p.g = g;
    p.x_layout = x_layout;
    p.y_layout = y_layout;
    if (x_around > 0) p.x_stored_channels = whole(x.c, x_around, x_layout);
    if (y_around > 0) p.y_stored_channels = whole(k, y_around, y_layout);
    p.bias = pass == ConvPass::kForward && bias;
    p.relu = pass == ConvPass::kForward && relu;
    p.frozen = frozen;
    p.threads = threads;
    return p;
  }
  [[nodiscard]] std::int64_t weights() const {
    return k * (x.c / g.groups) * g.kernel_h * g.kernel_w;
  }
  [[nodiscard]] Store x_store() const {
    return {x, x_layout, whole(x.c, x_around, x_layout), x_around * x_layout.block};
  }
  [[nodiscard]] Store y_store() const {
    return {y(), y_layout, whole(k, y_around, y_layout), y_around * y_layout.block};
  }
  [[nodiscard]] std::string text() const {
    return to_string(x) + " -> " + to_string(y()) + ", kernel " + std::to_string(g.kernel_h) + "x" +
           std::to_string(g.kernel_w) + " stride " + std::to_string(g.stride_h) + "," +
           std::to_string(g.stride_w) + " pad " + std::to_string(g.pad_h) + "," +
           std::to_string(g.pad_w) + " dilation " + std::to_string(g.dilation_h) + "," +
           std::to_string(g.dilation_w) + " groups " + std::to_string(g.groups) + " blocks " +
           std::to_string(x_layout.block) + "," + std::to_string(y_layout.block) + " around " +
           std::to_string(x_around) + "," + std::to_string(y_around) + (bias ? " bias" : "") +
           (relu ? " relu" : "") + (frozen ? " frozen" : "");
  }
};

inline std::vector<float> random_values(std::int64_t count, std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = static_cast<float>(generator() >> 8) * 0x1p-23f - 1.0f;
  return values;
}

/// Plain NCHW data of one case.
struct Data {
  std::vector<float> x, dy, w, bias;
  explicit Data(const Case& c, std::uint32_t seed = 1)
      : x(random_values(c.x.count(), seed)),
        dy(random_values(c.y().count(), seed + 1)),
        w(random_values(c.weights(), seed + 2)),
        bias(random_values(c.k, seed + 3)) {}
};

/// Result of one run and what it did to the bytes around.
struct Outcome {
  std::vector<float> values;
  int dirty_padding{0};
  bool stayed_inside{true};
};

/// Runs `primitive` on the data; outputs, scratch and prepared memory start as NaN.
inline Outcome run_case(
    const ConvPrimitive& primitive, const Case& c, ConvPass pass, const Data& d, int threads) {
  cutaway::Stream stream = cutaway::CpuStream(threads);
  cutaway::Buffer prepared(cutaway::kCpuDevice, primitive.prepared_bytes());
  cutaway::Buffer scratch(cutaway::kCpuDevice, primitive.scratch_bytes());
  if (prepared.bytes() > 0) std::memset(prepared.data(), 0xff, prepared.bytes());
  if (scratch.bytes() > 0) std::memset(scratch.data(), 0xff, scratch.bytes());
  primitive.prepare(stream, d.w.data(), prepared.data());
  Store x = c.x_store(), y = c.y_store();
  std::vector<float> dw(d.w.size(), kNan);
  ConvArguments a;
  a.w = d.w.data();
  a.bias = c.bias ? d.bias.data() : nullptr;
  a.prepared = prepared.data();
  a.scratch = scratch.data();
  Outcome outcome;
  if (pass != ConvPass::kBackwardData) x.set(d.x);
  if (pass != ConvPass::kForward) y.set(d.dy);
  if (pass == ConvPass::kBackwardWeights) {
    a.in = x.view();
    a.in2 = y.view();
    a.dw = dw.data();
    primitive.run(stream, a);
    outcome.values = dw;
    return outcome;
  }
  Store& in = pass == ConvPass::kForward ? x : y;
  Store& out = pass == ConvPass::kForward ? y : x;
  a.in = in.view();
  a.out = out.view();
  primitive.run(stream, a);
  outcome.values = out.get(outcome.dirty_padding);
  outcome.stayed_inside = out.written() == out.view().stored();
  return outcome;
}

inline double relative_l2(const std::vector<float>& got, const std::vector<double>& expected) {
  double difference = 0.0, norm = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double e = static_cast<double>(got[i]) - expected[i];
    difference += e * e;
    norm += expected[i] * expected[i];
  }
  return norm == 0.0 ? std::sqrt(difference) : std::sqrt(difference / norm);
}

inline std::vector<double> widen(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

}  // namespace conv_test
