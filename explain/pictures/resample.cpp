#include "explain/pictures/resample.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
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

/// Rows that a pass along the rows has made, each when it is first asked for and as long as the
/// outputs around it need it: of a picture of a million rows there are never more than a few
/// hundred.
template <class T>
class RowWindow {
 public:
  /// `down`: the taps that will ask. `make(row, to)` makes a row of `size` numbers.
  template <class Make>
  RowWindow(const Taps& down, std::size_t size, const Make& make) : size_(size), make_(make) {
    std::size_t most = 1;
    for (std::size_t o = 0; o + 1 < down.first.size(); ++o) {
      const auto begin = down.source.begin() + static_cast<std::ptrdiff_t>(down.first[o]);
      const auto end = down.source.begin() + static_cast<std::ptrdiff_t>(down.first[o + 1]);
      if (begin == end) continue;
      const auto [low, high] = std::minmax_element(begin, end);
      most = std::max(most, static_cast<std::size_t>(*high - *low) + 1);
    }
    holds_.assign(most, -1);
    rows_.resize(most * size);
  }

  const T* row(int source) {
    const std::size_t at = static_cast<std::size_t>(source) % holds_.size();
    T* to = rows_.data() + at * size_;
    if (holds_[at] != source) {
      make_(source, to);
      holds_[at] = source;
    }
    return to;
  }

 private:
  std::size_t size_;
  std::function<void(int row, T* to)> make_;
  std::vector<int> holds_;  // which row stands at each place
  std::vector<T> rows_;
};

// y[o] = sum over the taps of o of w * x[source]; c interleaved.
template <class T>
void along_row(const T* row, int c, const Taps& taps, float* y) {
  const int n_out = static_cast<int>(taps.first.size()) - 1;
  for (int o = 0; o < n_out; ++o) {
    for (int k = 0; k < c; ++k) {
      float sum = 0.0F;
      for (std::size_t t = taps.first[static_cast<std::size_t>(o)];
           t < taps.first[static_cast<std::size_t>(o) + 1]; ++t) {
        sum += static_cast<float>(taps.weight[t]) * static_cast<float>(row[taps.source[t] * c + k]);
      }
      *y++ = sum;
    }
  }
}

// x: h x w x c. The rows first, then down the columns. `use(o, row)` takes row o of the result.
template <class T, class Use>
void resize_rows(
    const T* x, int h, int w, int c, int height, int width, Resample how, const Use& use) {
  const auto size = static_cast<std::size_t>(width) * static_cast<std::size_t>(c);
  const Taps across = make_taps(how, w, width), down = make_taps(how, h, height);
  RowWindow<float> window(down, size, [&](int row, float* to) {
    along_row(x + static_cast<std::ptrdiff_t>(row) * w * c, c, across, to);
  });
  std::vector<float> out(size);
  for (std::size_t o = 0; o + 1 < down.first.size(); ++o) {
    std::fill(out.begin(), out.end(), 0.0F);
    for (std::size_t t = down.first[o]; t < down.first[o + 1]; ++t) {
      const float* row = window.row(down.source[t]);
      const auto weight = static_cast<float>(down.weight[t]);
      kernels::add_scaled(std::span<const float>(row, size), weight, out.data());
    }
    use(o, out);
  }
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

// One sum over the samples of a line of RGB bytes, `step` bytes apart.
void pil_sum(const std::uint8_t* line,
             std::size_t step,
             const Taps& taps,
             const std::vector<int>& weight,
             std::size_t o,
             std::uint8_t* to) {
  std::array<int, 3> sum{1 << (kPilBits - 1), 1 << (kPilBits - 1), 1 << (kPilBits - 1)};
  for (std::size_t t = taps.first[o]; t < taps.first[o + 1]; ++t) {
    const std::uint8_t* p = line + static_cast<std::size_t>(taps.source[t]) * step;
    for (std::size_t k = 0; k < 3; ++k) sum[k] += p[k] * weight[t];
  }
  for (std::size_t k = 0; k < 3; ++k) {
    to[k] = static_cast<std::uint8_t>(std::clamp(sum[k] >> kPilBits, 0, 255));
  }
}

Image resize_pil(const Image& image, int width, int height, Resample how) {
  const auto row_in = 3 * static_cast<std::size_t>(image.width);
  const auto row_out = 3 * static_cast<std::size_t>(width);
  const Taps across = make_taps(how, image.width, width);
  const Taps down = make_taps(how, image.height, height);
  const std::vector<int> across_weight = fixed_weights(across), down_weight = fixed_weights(down);
  RowWindow<std::uint8_t> window(down, row_out, [&](int row, std::uint8_t* to) {
    const std::uint8_t* line = image.rgb.data() + static_cast<std::size_t>(row) * row_in;
    for (std::size_t o = 0; o < static_cast<std::size_t>(width); ++o)
      pil_sum(line, 3, across, across_weight, o, to + 3 * o);
  });
  Image out{width, height, {}};
  out.rgb.resize(row_out * static_cast<std::size_t>(height));
  std::vector<int> sum(row_out);
  for (std::size_t o = 0; o < static_cast<std::size_t>(height); ++o) {
    std::fill(sum.begin(), sum.end(), 1 << (kPilBits - 1));
    for (std::size_t t = down.first[o]; t < down.first[o + 1]; ++t) {
      const std::uint8_t* row = window.row(down.source[t]);
      for (std::size_t i = 0; i < row_out; ++i) sum[i] += row[i] * down_weight[t];
    }
    std::transform(
        sum.begin(), sum.end(), out.rgb.begin() + static_cast<std::ptrdiff_t>(o * row_out),
        [](int v) { return static_cast<std::uint8_t>(std::clamp(v >> kPilBits, 0, 255)); });
  }
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
  std::vector<float> y;
  y.reserve(static_cast<std::size_t>(height) * static_cast<std::size_t>(width));
  resize_rows(map.values.data(), map.height, map.width, 1, height, width, how,
              [&](std::size_t, const std::vector<float>& row) {
                y.insert(y.end(), row.begin(), row.end());
              });
  return y;
}

Image resize(const Image& image, int width, int height, Resample how) {
  validate(image, "resize");
  check_extents(width, height);
  if (image.width == width && image.height == height) return image;
  if (is_pil(how)) return resize_pil(image, width, height, how);
  Image out{width, height, {}};
  out.rgb.resize(3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  resize_rows(
      image.rgb.data(), image.height, image.width, 3, height, width, how,
      [&](std::size_t o, const std::vector<float>& row) {
        std::transform(
            row.begin(), row.end(), out.rgb.begin() + static_cast<std::ptrdiff_t>(o * row.size()),
            [](float v) {
              return static_cast<std::uint8_t>(std::clamp(std::floor(v + 0.5F), 0.0F, 255.0F));
            });
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
