#include "explain/compare/representation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "layers/graph.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr std::array kNames{"flat", "gap", "gmp", "gram", "cam_soft", "cam_hard"};
// A class map's object is what exceeds a fifth of its range (Zhou et al. 2016, section 3.2).
constexpr float kHardThreshold = 0.2f;

void expect_size(const char* what, std::int64_t expected, std::size_t got) {
  if (static_cast<std::int64_t>(got) == expected) return;
  throw Error(ErrorKind::kShape, what)
      .expected(std::to_string(expected) + " values")
      .got(std::to_string(got));
}

/// The maps of one image.
struct Maps {
  std::span<const float> values;
  std::size_t channels, plane;
  [[nodiscard]] std::span<const float> of(std::size_t c) const {
    return values.subspan(c * plane, plane);
  }
};

double inner(std::span<const float> a, std::span<const float> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  return sum;
}

void gram(const Maps& maps, std::span<float> out) {
  std::size_t at = 0;
  const auto positions = static_cast<double>(maps.plane);
  for (std::size_t i = 0; i < maps.channels; ++i) {
    for (std::size_t j = i; j < maps.channels; ++j) {
      const double value = inner(maps.of(i), maps.of(j)) / positions;
      out[at++] = static_cast<float>(i == j ? value : value * std::numbers::sqrt2);
    }
  }
}

void masked_means(const Maps& maps, std::span<const float> mask, std::span<float> out) {
  double total = 1e-8;  // an empty mask gives zeros
  for (const float m : mask) total += static_cast<double>(m);
  for (std::size_t c = 0; c < maps.channels; ++c) {
    out[c] = static_cast<float>(inner(maps.of(c), mask) / total);
  }
}

}  // namespace

const char* to_string(Representation representation) {
  return kNames.at(static_cast<std::size_t>(representation));
}

std::vector<std::string> representation_names() { return {kNames.begin(), kNames.end()}; }

Representation find_representation(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  if (found != kNames.end()) return static_cast<Representation>(found - kNames.begin());
  std::string hint = "did you mean";
  for (const std::string& near : nearest_names(name, representation_names())) {
    hint += " '" + near + "'";
  }
  throw Error(ErrorKind::kUsage, "unknown representation '" + std::string(name) + "'").hint(hint);
}

bool needs_mask(Representation representation) {
  return representation == Representation::kCamSoft || representation == Representation::kCamHard;
}

std::int64_t representation_size(Representation representation, const Shape& maps) {
  if (representation == Representation::kFlat) return maps.c * maps.plane();
  if (representation == Representation::kGram) return maps.c * (maps.c + 1) / 2;
  return maps.c;
}

void represent(const Tensor& maps,
               std::int64_t n,
               Representation representation,
               std::span<const float> mask,
               std::span<float> out) {
  const Shape& s = maps.shape();
  expect_size("vector of a picture", representation_size(representation, s), out.size());
  const auto size = static_cast<std::size_t>(s.c * s.plane());
  const Maps of{maps.f32().subspan(static_cast<std::size_t>(n) * size, size),
                static_cast<std::size_t>(s.c), static_cast<std::size_t>(s.plane())};
  switch (representation) {
    case Representation::kFlat:
      std::ranges::copy(of.values, out.begin());
      return;
    case Representation::kGap:
      for (std::size_t c = 0; c < of.channels; ++c) {
        double sum = 0.0;
        for (const float v : of.of(c)) sum += static_cast<double>(v);
        out[c] = static_cast<float>(sum / static_cast<double>(of.plane));
      }
      return;
    case Representation::kGmp:
      for (std::size_t c = 0; c < of.channels; ++c) out[c] = *std::ranges::max_element(of.of(c));
      return;
    case Representation::kGram:
      gram(of, out);
      return;
    case Representation::kCamSoft:
    case Representation::kCamHard:
      expect_size("mask of a picture", s.plane(), mask.size());
      masked_means(of, mask, out);
      return;
  }
}

std::vector<float> class_mask(std::span<const float> class_map, bool hard) {
  std::vector<float> mask(class_map.size(), 0.0f);
  if (class_map.empty()) return mask;
  const auto [low, high] = std::ranges::minmax(class_map);
  if (!(high > low)) return mask;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const float scaled = (class_map[i] - low) / (high - low);
    mask[i] = hard ? (scaled > kHardThreshold ? 1.0f : 0.0f) : scaled;
  }
  return mask;
}

}  // namespace cutaway::explain
