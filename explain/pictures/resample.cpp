#include "explain/pictures/resample.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>

#include "kernels/vector_sums.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

// The samples that make up each output: output o reads taps [first[o], first[o + 1]).
struct Taps {
  std::vector<std::size_t> first{0};
  std::vector<int> source;
  std::vector<double> weight;

  void add(int index, double w) {
    source.push_back(index);
    weight.push_back(w);
  }
  void close() { first.push_back(source.size()); }
};

double triangle(double t) { return std::max(0.0, 1.0 - std::fabs(t)); }

double cubic(double t, double a) {
  t = std::fabs(t);
  if (t <= 1.0) return ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0;
  if (t < 2.0) return ((a * t - 5.0 * a) * t + 8.0 * a) * t - 4.0 * a;
  return 0.0;
}

bool is_pil(Resample how) { return how == Resample::kBilinearPil || how == Resample::kCubicPil; }
bool is_cubic(Resample how) {
  return how == Resample::kCubic075 || how == Resample::kCubicMatlab || how == Resample::kCubicPil;
}
bool is_antialiased(Resample how) {
  return is_pil(how) || how == Resample::kBilinearMatlab || how == Resample::kCubicMatlab;
}

// ...1 0 | 0 1 2 ... n-1 | n-1 n-2...
int mirrored(int i, int n) {
  const int period = 2 * n;
  i %= period;
  if (i < 0) i += period;
  return i < n ? i : period - 1 - i;
}

double kernel(Resample how, double t) {
  if (!is_cubic(how)) return triangle(t);
  return cubic(t, how == Resample::kCubic075 ? -0.75 : -0.5);
}

// Two or four taps around `src`, clamped to the edge samples.
void add_clamped(Taps& taps, Resample how, double src, int n_in) {
  const int radius = is_cubic(how) ? 2 : 1;
  const int base = static_cast<int>(std::floor(src));
  for (int i = base - radius + 1; i <= base + radius; ++i) {
    const double w = kernel(how, src - i);
    if (w != 0.0) taps.add(std::clamp(i, 0, n_in - 1), w);
  }
}

// The stretched kernel with its weights renormalised; taps outside are dropped (Pillow) or
// mirrored. `centre` is src + 0.5, computed without the detour through src as Pillow does.
void add_antialiased(Taps& taps, Resample how, double centre, double scale, int n_in) {
  const double stretch = std::max(scale, 1.0);
  const double support = (is_cubic(how) ? 2.0 : 1.0) * stretch;
  int low = static_cast<int>(std::floor(centre - support + 0.5));
  int high = static_cast<int>(std::floor(centre + support + 0.5));
  if (is_pil(how)) {
    // Pillow truncates towards zero, which differs only where it then clips.
    low = std::max(low, 0);
    high = std::min(high, n_in);
  }
  const std::size_t begin = taps.weight.size();
  double sum = 0.0;
  for (int i = low; i < high; ++i) {
    const double w = kernel(how, (i - centre + 0.5) * (1.0 / stretch));
    taps.add(is_pil(how) ? i : mirrored(i, n_in), w);
    sum += w;
  }
  for (std::size_t k = begin; k < taps.weight.size(); ++k) taps.weight[k] /= sum;
}

Taps make_taps(Resample how, int n_in, int n_out) {
  Taps taps;
  const double scale = static_cast<double>(n_in) / n_out;
  for (int o = 0; o < n_out; ++o) {
    const double src = (o + 0.5) * scale - 0.5;
    if (how == Resample::kNearest) {
      taps.add(std::clamp(static_cast<int>(std::floor((o + 0.5) * scale)), 0, n_in - 1), 1.0);
    } else if (how == Resample::kBilinearCorner) {
      const double step = n_out > 1 ? static_cast<double>(n_in - 1) / (n_out - 1) : 0.0;
      add_clamped(taps, how, o * step, n_in);
    } else if (is_antialiased(how)) {
      add_antialiased(taps, how, (o + 0.5) * scale, scale, n_in);
    } else {
      add_clamped(taps, how, src, n_in);
    }
    taps.close();
  }
  return taps;
}

// y[r, o] = sum over the taps of o of w * x[r, source]; x rows x n_in, y rows x n_out, c
// interleaved.
void along_rows(const float* x, int rows, int n_in, int c, const Taps& taps, float* y) {
  const int n_out = static_cast<int>(taps.first.size()) - 1;
  for (int r = 0; r < rows; ++r) {
    const float* row = x + static_cast<std::ptrdiff_t>(r) * n_in * c;
    for (int o = 0; o < n_out; ++o) {
      for (int k = 0; k < c; ++k) {
        float sum = 0.0F;
        for (std::size_t t = taps.first[static_cast<std::size_t>(o)];
             t < taps.first[static_cast<std::size_t>(o) + 1]; ++t) {
          sum += static_cast<float>(taps.weight[t]) * row[taps.source[t] * c + k];
        }
        *y++ = sum;
      }
    }
  }
}

// The same down the columns: x n_in x width, y n_out x width.
void along_columns(const float* x, std::size_t width, const Taps& taps, float* y) {
  for (std::size_t o = 0; o + 1 < taps.first.size(); ++o) {
    float* out = y + o * width;
    std::fill(out, out + width, 0.0F);
    for (std::size_t t = taps.first[o]; t < taps.first[o + 1]; ++t) {
      const float* row = x + static_cast<std::size_t>(taps.source[t]) * width;
      const auto w = static_cast<float>(taps.weight[t]);
      kernels::add_scaled(std::span<const float>(row, width), w, out);
    }
  }
}

std::vector<float> resize_floats(
    const float* x, int h, int w, int c, int height, int width, Resample how) {
  const auto row = static_cast<std::size_t>(width) * static_cast<std::size_t>(c);
  std::vector<float> between(static_cast<std::size_t>(h) * row);
  along_rows(x, h, w, c, make_taps(how, w, width), between.data());
  std::vector<float> y(static_cast<std::size_t>(height) * row);
  along_columns(between.data(), row, make_taps(how, h, height), y.data());
  return y;
}

// --- Pillow's 8-bit arithmetic (its Resample.c)
// ---------------------------------------------------
constexpr int kPilBits = 22;

std::vector<int> fixed_weights(const Taps& taps) {
  std::vector<int> fixed(taps.weight.size());
  std::transform(taps.weight.begin(), taps.weight.end(), fixed.begin(), [](double w) {
    return static_cast<int>((w < 0 ? -0.5 : 0.5) + w * (1 << kPilBits));
  });
  return fixed;
}

// One pass over RGB bytes. Sample i of line l stands at byte l * line + i * step; the same in and
// out.
struct Strides {
  std::size_t line, step;
};
void pil_pass(const std::vector<std::uint8_t>& x,
              Strides in,
              std::vector<std::uint8_t>& y,
              Strides out,
              std::size_t lines,
              const Taps& taps) {
  const std::vector<int> weight = fixed_weights(taps);
  for (std::size_t l = 0; l < lines; ++l) {
    for (std::size_t o = 0; o + 1 < taps.first.size(); ++o) {
      std::array<int, 3> sum{1 << (kPilBits - 1), 1 << (kPilBits - 1), 1 << (kPilBits - 1)};
      for (std::size_t t = taps.first[o]; t < taps.first[o + 1]; ++t) {
        const std::uint8_t* p =
            &x[l * in.line + static_cast<std::size_t>(taps.source[t]) * in.step];
        for (std::size_t k = 0; k < 3; ++k) sum[k] += p[k] * weight[t];
      }
      std::uint8_t* q = &y[l * out.line + o * out.step];
      for (std::size_t k = 0; k < 3; ++k) {
        q[k] = static_cast<std::uint8_t>(std::clamp(sum[k] >> kPilBits, 0, 255));
      }
    }
  }
}

Image resize_pil(const Image& image, int width, int height, Resample how) {
  const auto row_in = 3 * static_cast<std::size_t>(image.width);
  const auto row_out = 3 * static_cast<std::size_t>(width);
  Image between{width, image.height, {}};
  between.rgb.resize(row_out * static_cast<std::size_t>(image.height));
  pil_pass(image.rgb, {row_in, 3}, between.rgb, {row_out, 3},
           static_cast<std::size_t>(image.height), make_taps(how, image.width, width));
  Image out{width, height, {}};
  out.rgb.resize(row_out * static_cast<std::size_t>(height));
  pil_pass(between.rgb, {3, row_out}, out.rgb, {3, row_out}, static_cast<std::size_t>(width),
           make_taps(how, image.height, height));
  return out;
}

constexpr std::array<std::string_view, 8> kNames{
    "nearest",      "bilinear",  "bilinear-corner", "bilinear-matlab",
    "bilinear-pil", "cubic-075", "cubic-matlab",    "cubic-pil"};

void check_extents(int width, int height) {
  if (width < 1 || height < 1) {
    throw Error(ErrorKind::kShape, "resizing to nothing")
        .got(std::to_string(width) + "x" + std::to_string(height));
  }
}

}  // namespace

std::vector<float> resize(const Map& map, int height, int width, Resample how) {
  validate(map, "resize");
  check_extents(width, height);
  return resize_floats(map.values.data(), map.height, map.width, 1, height, width, how);
}

Image resize(const Image& image, int width, int height, Resample how) {
  validate(image, "resize");
  check_extents(width, height);
  if (image.width == width && image.height == height) return image;
  if (is_pil(how)) return resize_pil(image, width, height, how);
  const std::vector<float> x(image.rgb.begin(), image.rgb.end());
  const std::vector<float> y =
      resize_floats(x.data(), image.height, image.width, 3, height, width, how);
  Image out{width, height, {}};
  out.rgb.resize(y.size());
  std::transform(y.begin(), y.end(), out.rgb.begin(), [](float v) {
    return static_cast<std::uint8_t>(std::clamp(std::floor(v + 0.5F), 0.0F, 255.0F));
  });
  return out;
}

std::string to_string(Resample how) { return std::string(kNames[static_cast<std::size_t>(how)]); }

Resample parse_resample(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Resample>(i);
  }
  std::string all;
  for (const std::string_view known : kNames) all += (all.empty() ? "" : ", ") + std::string(known);
  throw Error(ErrorKind::kUsage, "unknown interpolation")
      .expected("one of " + all)
      .got("'" + std::string(name) + "'");
}

}  // namespace cutaway::explain
