#include "explain/evaluate/similarity.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "explain/compare/correlation.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr int kRadius = 5;  // of SSIM's window
constexpr int kCell = 16;
constexpr int kBlock = 3;  // cells a side
constexpr int kOrientations = 9;

void check_maps(const Map& a, const Map& b) {
  validate(a, "first map");
  validate(b, "second map");
  if (a.width == b.width && a.height == b.height) return;
  throw Error(ErrorKind::kShape, "maps to compare")
      .expected(std::to_string(a.height) + " x " + std::to_string(a.width))
      .got(std::to_string(b.height) + " x " + std::to_string(b.width));
}

void check_extent(const Map& map, int least, const char* what) {
  if (std::min(map.width, map.height) >= least) return;
  throw Error(ErrorKind::kShape, what)
      .expected("a map of at least " + std::to_string(least) + " x " + std::to_string(least))
      .got(std::to_string(map.height) + " x " + std::to_string(map.width));
}

/// A plane of doubles, and its Gaussian means where the window lies inside.
struct Plane {
  int height, width;
  std::vector<double> values;
  [[nodiscard]] double at(int y, int x) const {
    return values[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                  static_cast<std::size_t>(x)];
  }
};

std::vector<double> window() {
  std::vector<double> w;
  double sum = 0.0;
  for (int k = -kRadius; k <= kRadius; ++k) {
    w.push_back(std::exp(-0.5 * static_cast<double>(k * k) / (1.5 * 1.5)));
    sum += w.back();
  }
  for (double& v : w) v /= sum;
  return w;
}

Plane windowed(const Plane& in) {
  const std::vector<double> w = window();
  Plane across{in.height, in.width - 2 * kRadius, {}};
  for (int y = 0; y < across.height; ++y) {
    for (int x = 0; x < across.width; ++x) {
      double sum = 0.0;
      for (int k = 0; k <= 2 * kRadius; ++k)
        sum += w[static_cast<std::size_t>(k)] * in.at(y, x + k);
      across.values.push_back(sum);
    }
  }
  Plane out{in.height - 2 * kRadius, across.width, {}};
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      double sum = 0.0;
      for (int k = 0; k <= 2 * kRadius; ++k) {
        sum += w[static_cast<std::size_t>(k)] * across.at(y + k, x);
      }
      out.values.push_back(sum);
    }
  }
  return out;
}

Plane product(const Map& a, const Map& b) {
  Plane p{a.height, a.width, {}};
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    p.values.push_back(static_cast<double>(a.values[i]) * static_cast<double>(b.values[i]));
  }
  return p;
}

Plane plane_of(const Map& map) {
  return {map.height, map.width, {map.values.begin(), map.values.end()}};
}

std::vector<float> scaled_absolute(const Map& map) {
  std::vector<float> v(map.values.size());
  std::ranges::transform(map.values, v.begin(), [](float x) { return std::fabs(x); });
  const auto [low, high] = std::ranges::minmax(v);
  for (float& x : v) x = high > low ? (x - low) / (high - low) : 0.0f;
  return v;
}

/// Gradient by central differences, 0 at the border; added to the cell's bin of its orientation.
std::vector<double> cell_histograms(const Map& map, int rows, int columns) {
  std::vector<double> cells(static_cast<std::size_t>(rows * columns * kOrientations), 0.0);
  for (int y = 0; y < rows * kCell; ++y) {
    for (int x = 0; x < columns * kCell; ++x) {
      const double dy = y > 0 && y + 1 < map.height ? static_cast<double>(map.at(y + 1, x)) -
                                                          static_cast<double>(map.at(y - 1, x))
                                                    : 0.0;
      const double dx = x > 0 && x + 1 < map.width ? static_cast<double>(map.at(y, x + 1)) -
                                                         static_cast<double>(map.at(y, x - 1))
                                                   : 0.0;
      double angle = std::fmod(std::atan2(dy, dx) * 180.0 / std::numbers::pi, 180.0);
      if (angle < 0.0) angle += 180.0;
      const int bin = std::min(static_cast<int>(angle * kOrientations / 180.0), kOrientations - 1);
      const int cell = y / kCell * columns + x / kCell;
      cells[static_cast<std::size_t>(cell * kOrientations + bin)] +=
          std::hypot(dy, dx) / (kCell * kCell);
    }
  }
  return cells;
}

/// L2-Hys: normalised, clipped at 0.2, normalised again.
void normalize_block(std::vector<double>& block) {
  for (const bool clip : {true, false}) {
    double square = 1e-10;
    for (const double v : block) square += v * v;
    for (double& v : block) {
      v /= std::sqrt(square);
      if (clip) v = std::min(v, 0.2);
    }
  }
}

}  // namespace

double ssim(const Map& a, const Map& b, double range) {
  check_maps(a, b);
  check_extent(a, 2 * kRadius + 1, "structural similarity");
  const Plane ma = windowed(plane_of(a)), mb = windowed(plane_of(b));
  const Plane aa = windowed(product(a, a)), bb = windowed(product(b, b));
  const Plane ab = windowed(product(a, b));
  const double c1 = 0.01 * range * 0.01 * range, c2 = 0.03 * range * 0.03 * range;
  double sum = 0.0;
  for (std::size_t i = 0; i < ma.values.size(); ++i) {
    const double x = ma.values[i], y = mb.values[i];
    const double vx = aa.values[i] - x * x, vy = bb.values[i] - y * y;
    const double cross = ab.values[i] - x * y;
    sum += (2.0 * x * y + c1) * (2.0 * cross + c2) / ((x * x + y * y + c1) * (vx + vy + c2));
  }
  return sum / static_cast<double>(ma.values.size());
}

std::vector<double> hog_features(const Map& map) {
  validate(map, "map");
  check_extent(map, kBlock * kCell, "histograms of oriented gradients");
  const int rows = map.height / kCell, columns = map.width / kCell;
  const std::vector<double> cells = cell_histograms(map, rows, columns);
  std::vector<double> features, block;
  for (int y = 0; y + kBlock <= rows; ++y) {
    for (int x = 0; x + kBlock <= columns; ++x) {
      block.clear();
      for (int i = y; i < y + kBlock; ++i) {
        const auto first = cells.begin() + (i * columns + x) * kOrientations;
        block.insert(block.end(), first, first + kBlock * kOrientations);
      }
      normalize_block(block);
      features.insert(features.end(), block.begin(), block.end());
    }
  }
  return features;
}

MapSimilarity compare_maps(const Map& a, const Map& b) {
  check_maps(a, b);
  const std::vector<double> x(a.values.begin(), a.values.end());
  const std::vector<double> y(b.values.begin(), b.values.end());
  std::vector<double> ax(x.size()), ay(y.size());
  std::ranges::transform(x, ax.begin(), [](double v) { return std::fabs(v); });
  std::ranges::transform(y, ay.begin(), [](double v) { return std::fabs(v); });
  const std::vector<float> sa = scaled_absolute(a), sb = scaled_absolute(b);
  const Map ma{sa, a.height, a.width}, mb{sb, b.height, b.width};
  return {spearman(ax, ay), spearman(x, y), ssim(ma, mb, 1.0),
          pearson(hog_features(ma), hog_features(mb))};
}

}  // namespace cutaway::explain
