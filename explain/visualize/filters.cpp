#include "explain/visualize/filters.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

#include "explain/rules/lrp.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

double median(std::vector<double> v) {
  const auto middle = v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2);
  std::nth_element(v.begin(), middle, v.end());
  if (v.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(v.begin(), middle)) / 2.0;
}

/// Adds |DFT|^2 of one plane, on a grid of at least 32 frequencies an axis (zeros around the
/// filter), to the bands.
void add_spectrum(const float* w,
                  std::int64_t h,
                  std::int64_t width,
                  std::array<double, 3>& bands) {
  const int rows = static_cast<int>(std::max<std::int64_t>(32, h));
  const int columns = static_cast<int>(std::max<std::int64_t>(32, width));
  cv::Mat plane(rows, columns, CV_64FC2, cv::Scalar::all(0)), spectrum;
  for (std::int64_t i = 0; i < h; ++i) {
    auto* row = plane.ptr<cv::Vec2d>(static_cast<int>(i));
    for (std::int64_t j = 0; j < width; ++j) row[j] = {double{w[i * width + j]}, 0.0};
  }
  cv::dft(plane, spectrum);
  for (int u = 0; u < rows; ++u) {
    const auto* row = spectrum.ptr<cv::Vec2d>(u);
    for (int v = 0; v < columns; ++v) {
      const double f = std::hypot(static_cast<double>(std::min(u, rows - u)) / rows,
                                  static_cast<double>(std::min(v, columns - v)) / columns);
      bands[f < 0.125 ? 0 : f < 0.25 ? 1 : 2] += row[v][0] * row[v][0] + row[v][1] * row[v][1];
    }
  }
}

}  // namespace

std::vector<FilterReport> report_filters(const Tensor& weight) {
  const Shape& s = weight.shape();
  const auto size = static_cast<std::size_t>(s.c * s.plane());
  std::vector<FilterReport> reports;
  std::vector<double> all;
  for (std::int64_t o = 0; o < s.n; ++o) {
    const auto w = weight.f32().subspan(static_cast<std::size_t>(o) * size, size);
    FilterReport r;
    double sum = 0.0;
    for (const float v : w) sum += double{v} * double{v};
    r.rms = std::sqrt(sum / static_cast<double>(size));
    for (std::int64_t c = 0; c < s.c; ++c)
      add_spectrum(w.data() + c * s.plane(), s.h, s.w, r.spectrum);
    const double energy = r.spectrum[0] + r.spectrum[1] + r.spectrum[2];
    for (double& share : r.spectrum) share = energy > 0.0 ? share / energy : 0.0;
    all.push_back(r.rms);
    reports.push_back(r);
  }
  const double limit = 0.05 * median(all);
  for (FilterReport& r : reports) r.dead = !(r.rms >= limit) || r.rms == 0.0;
  return reports;
}

Image draw_filters(const Tensor& weight, FilterScale scale, int magnification, bool bgr) {
  const Shape& s = weight.shape();
  if (s.c != 1 && s.c != 3) {
    throw Error(ErrorKind::kUnsupported, "filters as pictures")
        .expected("1 or 3 input channels")
        .got(std::to_string(s.c))
        .hint("filters of higher layers have no colours; see visualize");
  }
  const auto largest = [&](std::int64_t first, std::int64_t count) {
    float most = 0.0f;
    const auto size = static_cast<std::size_t>(s.c * s.plane());
    for (const float v : weight.f32().subspan(static_cast<std::size_t>(first) * size,
                                              static_cast<std::size_t>(count) * size)) {
      most = std::max(most, std::abs(v));
    }
    return double{most};
  };
  const double global = largest(0, s.n);
  const auto columns = static_cast<int>(std::ceil(std::sqrt(static_cast<double>(s.n))));
  const int rows = (static_cast<int>(s.n) + columns - 1) / columns;
  const int w = static_cast<int>(s.w) * magnification, h = static_cast<int>(s.h) * magnification;
  Image all = make_image(columns * (w + 1) + 1, rows * (h + 1) + 1, {255, 255, 255});
  const View<const float> in = weight.ref().in();
  for (std::int64_t o = 0; o < s.n; ++o) {
    const double most = (scale == FilterScale::kEach ? largest(o, 1) : global) * 2.0 + 1e-10;
    Image tile = make_image(static_cast<int>(s.w), static_cast<int>(s.h));
    for (std::int64_t i = 0; i < s.h; ++i) {
      for (std::int64_t j = 0; j < s.w; ++j) {
        const auto byte = [&](std::int64_t c) {
          const double v = 0.5 + double{in.at(o, s.c == 1 ? 0 : c, i, j)} / most;
          return static_cast<std::uint8_t>(std::lround(255.0 * std::clamp(v, 0.0, 1.0)));
        };
        tile.set(static_cast<int>(j), static_cast<int>(i),
                 {byte(bgr ? 2 : 0), byte(1), byte(bgr ? 0 : 2)});
      }
    }
    const int at = static_cast<int>(o);
    paste(all, magnify(tile, magnification), 1 + at % columns * (w + 1),
          1 + at / columns * (h + 1));
  }
  return all;
}

NodeId first_convolution(const Graph& graph) {
  for (NodeId id = 1; id < graph.size(); ++id) {
    if (graph.node(id).layer->kind() == LayerKind::kConv && reads_pixels(graph, id)) return id;
  }
  throw Error(ErrorKind::kUnsupported, "no convolution reads the pixels");
}

}  // namespace cutaway::explain
