#include "weights/import/transform.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "runtime/error.h"

namespace cutaway::weights {
namespace {

constexpr std::int64_t kMostElements = std::int64_t{1} << 40;

bool permutes(const std::vector<std::size_t>& axes) {
  std::vector<std::size_t> sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != i) return false;
  }
  return true;
}

Extents permuted(const std::vector<std::size_t>& axes, const Extents& extents) {
  if (axes.empty()) return extents;
  check(axes.size() == extents.size() && permutes(axes), "axes that do not fit a tensor");
  Extents result(extents.size());
  for (std::size_t i = 0; i < axes.size(); ++i) result[i] = extents[axes[i]];
  return result;
}

// The position in the source of every element of the result is a sum over axes; walked row by row
// of the result.
void permute(const std::vector<std::size_t>& axes,
             const Extents& extents,
             std::span<const float> from,
             std::span<float> to) {
  const std::size_t rank = extents.size();
  Extents strides(rank, 1);
  for (std::size_t i = rank - 1; i > 0; --i) strides[i - 1] = strides[i] * extents[i];
  const Extents result = permuted(axes, extents);
  Extents index(rank, 0);
  const std::int64_t step = strides[axes.back()];
  for (auto at = to.begin(); at != to.end();) {
    std::int64_t source = 0;
    for (std::size_t i = 0; i + 1 < rank; ++i) source += index[i] * strides[axes[i]];
    for (std::int64_t j = 0; j < result.back(); ++j)
      *at++ = from[static_cast<std::size_t>(source + j * step)];
    for (std::size_t i = rank - 1; i > 0; --i) {
      if (++index[i - 1] < result[i - 1]) break;
      index[i - 1] = 0;
    }
  }
}

void reorder_features(const std::array<std::int64_t, 3>& hwc, std::span<float> values) {
  const auto [h, w, c] = hwc;
  const auto row = static_cast<std::size_t>(h * w * c);
  std::vector<float> copy(row);
  for (std::size_t at = 0; at < values.size(); at += row) {
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(at), row, copy.begin());
    for (std::int64_t k = 0; k < c; ++k) {
      for (std::int64_t p = 0; p < h * w; ++p) {
        values[at + static_cast<std::size_t>(k * h * w + p)] =
            copy[static_cast<std::size_t>(p * c + k)];
      }
    }
  }
}

void swap_channels(const Extents& extents, std::span<float> values) {
  const std::int64_t channels = extents[1];
  std::int64_t plane = 1;
  for (std::size_t i = 2; i < extents.size(); ++i) plane *= extents[i];
  for (std::int64_t o = 0; o < extents[0]; ++o) {
    float* first = values.data() + o * channels * plane;
    for (std::int64_t c = 0; c < channels / 2; ++c) {
      std::swap_ranges(first + c * plane, first + (c + 1) * plane,
                       first + (channels - 1 - c) * plane);
    }
  }
}

}  // namespace

std::string text_of(const Extents& extents) {
  std::string text;
  for (const std::int64_t e : extents) text += (text.empty() ? "" : "x") + std::to_string(e);
  return text.empty() ? "scalar" : text;
}

std::int64_t count_of(const Extents& extents) {
  std::int64_t count = 1;
  bool zero = false;
  for (const std::int64_t e : extents) {
    if (e < 0 || e > kMostElements || (e > 0 && count > kMostElements / e)) {
      throw Error(ErrorKind::kInput, "impossible extents of a tensor")
          .got(text_of(extents).substr(0, 128));
    }
    if (e == 0) zero = true;
    count *= std::max<std::int64_t>(e, 1);
  }
  return zero ? 0 : count;
}

Transform transform_between(const std::string& text) {
  const std::size_t arrow = text.find("->");
  const std::string from = text.substr(0, arrow);
  const std::string to = arrow == std::string::npos ? "" : text.substr(arrow + 2);
  Transform t;
  for (const char letter : to) t.axes.push_back(from.find(letter));
  if (from.empty() || from.size() != to.size() || from.size() > 8 || !permutes(t.axes)) {
    throw Error(ErrorKind::kUsage, "transform '" + text.substr(0, 64) + "'")
        .expected("axes before and after, such as HWIO->OIHW or IO->OI");
  }
  if (from == to) t.axes.clear();
  return t;
}

std::string describe(const Transform& t) {
  if (t.identity()) return "as is";
  std::vector<std::string> parts;
  if (!t.axes.empty()) {
    std::string axes;
    for (const std::size_t a : t.axes) axes += (axes.empty() ? "axes " : ",") + std::to_string(a);
    parts.push_back(axes);
  }
  if (t.flip) parts.emplace_back("kernels turned by 180 degrees");
  if (t.hwc[0] != 0) {
    parts.push_back("features HWC -> CHW (" + text_of({t.hwc[0], t.hwc[1], t.hwc[2]}) + ")");
  }
  if (t.swap_channels) parts.emplace_back("input channels reversed");
  if (t.factor != 1.0F) parts.push_back("times " + std::to_string(t.factor));
  return std::accumulate(
      std::next(parts.begin()), parts.end(), parts.front(),
      [](const std::string& all, const std::string& part) { return all + "; " + part; });
}

Extents source_extents(const Transform& t, const Extents& result) {
  if (t.axes.size() != result.size()) return result;
  Extents source(result.size());
  for (std::size_t i = 0; i < result.size(); ++i) source[t.axes[i]] = result[i];
  return source;
}

void apply(const Transform& t,
           const Extents& extents,
           std::span<const float> from,
           std::span<float> to) {
  check(from.size() == to.size() && count_of(extents) == static_cast<std::int64_t>(from.size()),
        "a transform of another size");
  const Extents result = permuted(t.axes, extents);
  if (t.axes.empty() || from.empty()) {
    std::copy(from.begin(), from.end(), to.begin());
  } else {
    permute(t.axes, extents, from, to);
  }
  if (t.hwc[0] != 0) {
    check(!result.empty() && result.back() == t.hwc[0] * t.hwc[1] * t.hwc[2],
          "a feature order of another size");
    reorder_features(t.hwc, to);
  }
  apply_within_rows(t, result, to);
}

void apply_within_rows(const Transform& t, const Extents& result, std::span<float> to) {
  if (t.flip && result.size() >= 2) {
    const std::int64_t plane = result[result.size() - 1] * result[result.size() - 2];
    for (auto at = to.begin(); plane > 0 && at != to.end(); at += plane) {
      std::reverse(at, at + plane);
    }
  }
  if (t.swap_channels && result.size() >= 2) swap_channels(result, to);
  if (t.factor != 1.0F) {
    for (float& v : to) v *= t.factor;
  }
}

std::vector<Extents> parameter_extents(LayerKind kind, const ParameterSpec& spec) {
  const Shape& s = spec.shape;
  if (spec.name != "weight") return {{s.c}, {1, s.c}, {1, 1, 1, s.c}, {1, s.c, 1, 1}};
  if (kind == LayerKind::kDense) return {{s.n, s.c}, {1, 1, s.n, s.c}, {s.n, s.c, 1, 1}};
  if (s.n == 1 && s.h == 1 && s.w == 1) return {{s.c}, {1, 1, 1, s.c}, {1, s.c, 1, 1}, {s.c, 1, 1}};
  return {{s.n, s.c, s.h, s.w}};
}

}  // namespace cutaway::weights
