#include "tools/creatures/finish.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace cutaway::tools::creatures {
namespace {

std::string seen_name(const std::string& name, bool mirrored) {
  if (!mirrored) return name;
  if (name.rfind("left_", 0) == 0) return "right_" + name.substr(5);
  if (name.rfind("right_", 0) == 0) return "left_" + name.substr(6);
  return name;
}

std::uint8_t to_byte(float v) { return static_cast<std::uint8_t>(clamp01(v) * 255.0f + 0.5f); }

/// Roughly normal with standard deviation 1: the sum of the four bytes of a hash.
float soft_noise(std::uint32_t h) {
  const float sum =
      static_cast<float>((h & 255u) + ((h >> 8) & 255u) + ((h >> 16) & 255u) + (h >> 24));
  return (sum - 510.0f) * (1.0f / 147.8f);
}

}  // namespace

std::vector<std::uint8_t> pixel_mask(const Canvas& canvas, int supersample) {
  const int size = canvas.side / supersample;
  std::vector<std::uint8_t> mask;
  mask.reserve(static_cast<std::size_t>(size) * static_cast<std::size_t>(size));
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      int owned = 0;
      for (int v = 0; v < supersample; ++v) {
        const std::size_t row =
            static_cast<std::size_t>(y * supersample + v) * static_cast<std::size_t>(canvas.side);
        for (int u = 0; u < supersample; ++u) {
          owned += canvas.owners[row + static_cast<std::size_t>(x * supersample + u)] != 0 ? 1 : 0;
        }
      }
      mask.push_back(2 * owned >= supersample * supersample ? 255 : 0);
    }
  }
  return mask;
}

bool set_box(Creature& creature, const std::vector<std::uint8_t>& mask) {
  int x1 = creature.size;
  int y1 = creature.size;
  int x2 = -1;
  int y2 = -1;
  std::size_t i = 0;
  for (int y = 0; y < creature.size; ++y) {
    for (int x = 0; x < creature.size; ++x, ++i) {
      if (mask[i] == 0) continue;
      x1 = std::min(x1, x);
      y1 = std::min(y1, y);
      x2 = std::max(x2, x);
      y2 = std::max(y2, y);
    }
  }
  if (x2 < 0) return false;
  creature.x1 = x1;
  creature.y1 = y1;
  creature.x2 = x2;
  creature.y2 = y2;
  return true;
}

std::vector<PartTruth> part_truth(const Canvas& canvas,
                                  const Plan& plan,
                                  const std::vector<PartExtent>& extents,
                                  int supersample,
                                  bool mirrored) {
  std::vector<std::int64_t> seen(plan.parts.size(), 0);
  for (std::uint64_t owners : canvas.owners) {
    for (std::size_t k = 0; owners != 0; ++k, owners >>= 1) seen[k] += (owners & 1u) != 0 ? 1 : 0;
  }
  std::vector<PartTruth> truth;
  for (std::size_t k = 0; k < plan.parts.size(); ++k) {
    const PartExtent& e = extents[k];
    if (e.samples == 0) continue;
    PartTruth t;
    t.name = seen_name(plan.parts[k].name, mirrored);
    t.x1 = e.x0 / supersample;
    t.y1 = e.y0 / supersample;
    t.x2 = e.x1 / supersample;
    t.y2 = e.y1 / supersample;
    const double n = static_cast<double>(e.samples);
    t.cx = static_cast<float>((e.sum_x / n + 0.5) / supersample - 0.5);
    t.cy = static_cast<float>((e.sum_y / n + 0.5) / supersample - 0.5);
    t.visible = static_cast<float>(std::min(1.0, static_cast<double>(seen[k]) / n));
    truth.push_back(std::move(t));
  }
  return truth;
}

std::vector<std::uint8_t> develop(const Canvas& canvas,
                                  int supersample,
                                  float noise,
                                  Random& random) {
  const int size = canvas.side / supersample;
  const float exposure = 1 + noise * random.around(0.22f);
  const float contrast = 1 + noise * random.around(0.25f);
  std::array<float, 3> cast{};
  for (float& c : cast) c = noise * random.around(0.07f);
  const float vignette = noise * random.uniform(0.0f, 0.5f);
  const float speckle = random.uniform();
  const float grain = noise * 0.06f * speckle * speckle;  // most pictures are clean
  const std::uint32_t seed = random.bits();
  const float share = 1.0f / static_cast<float>(supersample * supersample);
  const float unit = 2.0f / static_cast<float>(size);
  std::vector<std::uint8_t> rgb;
  rgb.reserve(static_cast<std::size_t>(size) * static_cast<std::size_t>(size) * 3);
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      Color c;
      for (int v = 0; v < supersample; ++v) {
        const std::size_t row =
            static_cast<std::size_t>(y * supersample + v) * static_cast<std::size_t>(canvas.side);
        for (int u = 0; u < supersample; ++u) {
          c = c + canvas.pixels[row + static_cast<std::size_t>(x * supersample + u)];
        }
      }
      const float px = (static_cast<float>(x) + 0.5f) * unit - 1;
      const float py = (static_cast<float>(y) + 0.5f) * unit - 1;
      const float gain = exposure * (1 - vignette * 0.5f * (px * px + py * py));
      const std::array<float, 3> channels{c.r * share, c.g * share, c.b * share};
      for (int k = 0; k < 3; ++k) {
        const std::size_t at = static_cast<std::size_t>(k);
        const float n = grain > 0 ? grain * soft_noise(lattice_hash(x * 3 + k, y, seed)) : 0;
        rgb.push_back(to_byte(((channels[at] * gain - 0.5f) * contrast + 0.5f) + cast[at] + n));
      }
    }
  }
  return rgb;
}

}  // namespace cutaway::tools::creatures
