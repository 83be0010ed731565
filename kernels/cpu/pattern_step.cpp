#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/cpu/lanes8.h"
#include "kernels/pattern_graph.h"

namespace cutaway::kernels {
namespace {

constexpr int kK = kPatternGrid;
constexpr double kRootTwoPi = 2.5066282746310002;
constexpr float kLeast = 1e-7f;

F8 grid_offsets(std::int32_t radius) {
  const auto r = static_cast<float>(radius);
  F8 o{};
  for (int a = 0; a < kK; ++a) o[a] = r * static_cast<float>(2 * a + 1 - kK) / kK;
  return o;
}

/// A node while its filter is being worked on.
struct Component {
  F8 offset, density;                  // o_a, g_a; lanes beyond K are 0
  F8 at_h, at_w;                       // candidate rows and columns in this image
  float low_h, low_w, high_h, high_w;  // the first and the last of them
  float per_step;                      // 1 / distance between candidates
  float strength, center_h, center_w;
  float per_variance;
  std::int32_t window;
};

/// The map of one filter with a border of zeros, so that no window needs clipping.
class PaddedMap {
 public:
  PaddedMap(std::int64_t size, std::int32_t border)
      : size_(size),
        border_(border),
        row_(size + 2 * border),
        cells_(static_cast<std::size_t>(row_ * row_)) {}

  /// False when the map is zero everywhere.
  bool fill(const PatternMaps& maps, std::int64_t image, std::int64_t filter) {
    const bool mirrored = maps.mirror != nullptr && maps.mirror[image] != 0;
    const std::int64_t at = (image * maps.filters + filter) * size_ * size_;
    const float* f32 = mirrored ? maps.mirrored_f32 : maps.f32;
    const std::uint16_t* f16 = mirrored ? maps.mirrored_f16 : maps.f16;
    float most = 0;
    for (std::int64_t h = 0; h < size_; ++h) {
      float* to = cells_.data() + (h + border_) * row_ + border_;
      if (f32 != nullptr) {
        std::memcpy(to, f32 + at + h * size_, static_cast<std::size_t>(size_) * sizeof(float));
      } else {
        halves_to_floats(ThisLevel{}, f16 + at + h * size_, to, size_);
      }
      for (std::int64_t w = 0; w < size_; ++w) most = most > to[w] ? most : to[w];
    }
    return most > 0;
  }
  [[nodiscard]] const float* cell(std::int64_t h, std::int64_t w) const {
    return cells_.data() + (h + border_) * row_ + w + border_;
  }
  [[nodiscard]] std::int64_t row() const { return row_; }

 private:
  std::int64_t size_;
  std::int32_t border_;
  std::int64_t row_;
  std::vector<float> cells_;
};

class FilterStep {
 public:
  FilterStep(const PatternStep& k, std::int32_t border)
      : k_(k),
        map_(k.maps.size, border),
        border_(border),
        nodes_(static_cast<std::size_t>(k.nodes)),
        rows_(2 * static_cast<std::size_t>(k.nodes)) {
    const double m = static_cast<double>(k.kernel_width);
    per_kernel_ = static_cast<float>(-0.5 / (m * m));
    factor_ = static_cast<float>(1.0 / (kRootTwoPi * m));
    floor_ = std::exp(-4.5f);
  }

  void run(std::int64_t filter) {
    first_ = filter * k_.nodes;
    for (std::int64_t p = 0; p < k_.nodes; ++p) prepare(p);
    sums_.assign(static_cast<std::size_t>(k_.nodes * kPatternSums), 0.0);
    all_sums_.assign(sums_.size(), 0.0);
    log_mix_ = all_evidence_ = 0;
    for (std::int64_t i = 0; i < k_.maps.images; ++i) {
      if (i % kPatternSlice == 0) close_slice();
      const bool active = map_.fill(k_.maps, i, filter);
      for (std::int64_t p = 0; p < k_.nodes; ++p) place(p, i);
      for (std::int64_t p = 0; p < k_.nodes; ++p) step(p, i, active);
    }
    close_slice();
    if (k_.sums != nullptr) {
      for (std::size_t s = 0; s < all_sums_.size(); ++s) {
        k_.sums[static_cast<std::size_t>(first_ * kPatternSums) + s] += all_sums_[s];
      }
    }
    if (k_.likelihood != nullptr) {
      k_.likelihood[2 * filter] = log_mix_;
      k_.likelihood[2 * filter + 1] = all_evidence_;
    }
  }

 private:
  void close_slice() {
    for (std::size_t s = 0; s < sums_.size(); ++s) {
      all_sums_[s] += sums_[s];
      sums_[s] = 0;
    }
  }

  /// What does not depend on the image.
  void prepare(std::int64_t p) {
    const std::int64_t n = first_ + p;
    Component& c = nodes_[static_cast<std::size_t>(p)];
    const double sigma = static_cast<double>(k_.sigma[n]);
    c.offset = grid_offsets(k_.radius[n]);
    c.density = F8{};
    for (int a = 0; a < kK; ++a) {
      const double z = static_cast<double>(c.offset[a]) / sigma;
      c.density[a] = static_cast<float>(std::exp(-0.5 * z * z) / (kRootTwoPi * sigma));
    }
    c.per_step = static_cast<float>(kK) / static_cast<float>(2 * k_.radius[n]);
    c.per_variance = static_cast<float>(1.0 / (sigma * sigma));
    c.window = k_.window[n];
  }

  void place(std::int64_t p, std::int64_t image) {
    const std::int64_t n = first_ + p;
    const std::int64_t at = n * k_.stride + image;
    Component& c = nodes_[static_cast<std::size_t>(p)];
    c.center_h = k_.mu_h[n] + (k_.shift_h != nullptr ? k_.shift_h[at] : 0.0f);
    c.center_w = k_.mu_w[n] + (k_.shift_w != nullptr ? k_.shift_w[at] : 0.0f);
    c.strength = k_.strength != nullptr ? k_.strength[at] : 1.0f;
    c.at_h = c.center_h + c.offset;
    c.at_w = c.center_w + c.offset;
    c.low_h = c.at_h[0];
    c.low_w = c.at_w[0];
    c.high_h = c.at_h[kK - 1];
    c.high_w = c.at_w[kK - 1];
  }

  /// E_ab, a row a vector. False when the window holds nothing.
  bool evidence(const Component& c, F8 (&e)[kK]) const {
    const float round_h = std::round(c.center_h);
    const float round_w = std::round(c.center_w);
    const auto size = static_cast<float>(k_.maps.size);
    const auto w = static_cast<float>(c.window);
    if (!(round_h >= -w && round_h < size + w && round_w >= -w && round_w < size + w)) return false;
    const auto h0 = static_cast<std::int64_t>(round_h) - c.window;
    const auto w0 = static_cast<std::int64_t>(round_w) - c.window;
    const float* cells = map_.cell(h0, w0);
    const int width = 2 * c.window + 1;
    if (k_.rounded_kernel) return released_evidence(c, cells, width, e);

    F8 kernel_w[2 * kPatternRadius + 1];
    alignas(32) float kernel_h[2 * kPatternRadius + 1][8];
    const F8 to_h = c.at_h - static_cast<float>(h0);
    const F8 to_w = c.at_w - static_cast<float>(w0);
    for (int j = 0; j < width; ++j) {
      const F8 dh = to_h - static_cast<float>(j);
      const F8 dw = to_w - static_cast<float>(j);
      store8(kernel_h[j], exp8(dh * dh * per_kernel_));
      kernel_w[j] = exp8(dw * dw * per_kernel_);
    }
    F8 total{};
    for (F8& row : e) row = F8{};
    for (int j = 0; j < width; ++j) {
      const float* row = cells + j * map_.row();
      F8 smooth{};
      F8 mass{};
      for (int x = 0; x < width; ++x) {
        const F8 cell = all8(row[x]);
        smooth = fma8(cell, kernel_w[x], smooth);
        mass += cell;
      }
      total += mass;
      for (int a = 0; a < kK; ++a) e[a] = fma8(all8(kernel_h[j][a]), smooth, e[a]);
    }
    for (F8& row : e) row = fma8(total, all8(floor_), row) * factor_;
    return total[0] > 0;
  }

  bool released_evidence(const Component& c, const float* cells, int width, F8 (&e)[kK]) const {
    const float far = 9 * k_.kernel_width * k_.kernel_width;
    float total = 0;
    for (F8& row : e) row = F8{};
    for (int j = 0; j < width; ++j) {
      for (int x = 0; x < width; ++x) {
        const float cell = cells[j * map_.row() + x];
        if (cell == 0) continue;
        total += cell;
        const F8 dw = c.offset - static_cast<float>(x - c.window);
        for (int a = 0; a < kK; ++a) {
          const float dh = c.offset[a] - static_cast<float>(j - c.window);
          const F8 square = dw * dw + dh * dh;
          const F8 weight = square <= far ? exp8(square * per_kernel_) : all8(floor_);
          e[a] += cell * weight;
        }
      }
    }
    for (F8& row : e) row *= factor_;
    return total > 0;
  }

  /// The index of U's candidate nearest to each x, and its density, 0 outside U's box.
  static F8 density_at(const Component& u, F8 x, float low, float high) {
    F8 bin = (x - low) * u.per_step - 0.5f;
    bin = bin > 0.0f ? bin : F8{};
    bin = bin < static_cast<float>(kK - 1) ? bin : all8(kK - 1);
    I8 index = __builtin_convertvector(bin, I8);  // towards zero
    const F8 back = __builtin_convertvector(index, F8);
    index -= bin > back;  // a true lane is -1: ceil
    const I8 inside = (x >= low) & (x <= high);
    return inside ? pick8(u.density, index) : F8{};
  }

  /// tau + sum over the filter's nodes of their density at the candidates of v.
  void mixture(const Component& v, float noise, F8 (&mix)[kK]) {
    std::size_t near = 0;
    for (const Component& u : nodes_) {
      if (u.low_h > v.high_h || u.high_h < v.low_h || u.low_w > v.high_w || u.high_w < v.low_w)
        continue;
      store8(rows_[near].h, density_at(u, v.at_h, u.low_h, u.high_h) * u.strength);
      rows_[near].w = density_at(u, v.at_w, u.low_w, u.high_w);
      ++near;
    }
    for (F8& row : mix) row = all8(noise);
    for (std::size_t u = 0; u < near; ++u) {
      const F8 across = rows_[u].w;
      for (int a = 0; a < kK; ++a) mix[a] = fma8(all8(rows_[u].h[a]), across, mix[a]);
    }
  }

  void step(std::int64_t p, std::int64_t image, bool active) {
    const Component& c = nodes_[static_cast<std::size_t>(p)];
    const std::int64_t at = (first_ + p) * k_.stride + image;
    F8 e[kK];
    if (!active || !evidence(c, e)) {
      k_.position_h[at] = k_.first_candidate ? c.low_h : c.center_h;
      k_.position_w[at] = k_.first_candidate ? c.low_w : c.center_w;
      k_.peak[at] = k_.total[at] = 0;
      return;
    }
    F8 total{};
    F8 second{};
    F8 rows{};
    F8 best = all8(-1);
    I8 best_row{};
    F8 scores[kK];
    const F8 columns = F8{6.25f, 2.25f, 0.25f, 0.25f, 2.25f, 6.25f, 0, 0};
    for (int a = 0; a < kK; ++a) {
      const F8 density = c.density * (c.strength * c.density[a]);
      const F8 score = density * e[a];
      scores[a] = density;
      total += score;
      second = fma8(score, columns + columns[a], second);
      rows = fma8(score, all8(c.offset[a]), rows);
      const I8 better = score > best;
      best = better ? score : best;
      best_row = better ? I8{} + a : best_row;
    }
    record(c, at, best, best_row);
    const float sum = sum8(total);
    k_.total[at] = sum;
    if (k_.mean_position && sum > 0) {
      k_.position_h[at] = c.center_h + sum8(rows) / sum;
      k_.position_w[at] = c.center_w + sum8(total * c.offset) / sum;
    }
    if (k_.sums == nullptr) return;
    double* sums = sums_.data() + p * kPatternSums;
    sums[3] += static_cast<double>(sum8(second));
    sums[4] += static_cast<double>(sum);
    if (k_.noise != nullptr) responsibilities(c, image, scores, e, sums);
  }

  void record(const Component& c, std::int64_t at, F8 best, I8 best_row) const {
    int row = best_row[0];
    int column = 0;
    float peak = best[0];
    for (int b = 1; b < kK; ++b) {
      if (best[b] > peak || (best[b] == peak && best_row[b] < row)) {
        peak = best[b];
        row = best_row[b];
        column = b;
      }
    }
    const bool centered = !(peak > 0) && !k_.first_candidate;
    k_.position_h[at] = centered ? c.center_h : c.at_h[row];
    k_.position_w[at] = centered ? c.center_w : c.at_w[column];
    k_.peak[at] = peak > 0 ? peak : 0;
  }

  void responsibilities(const Component& c,
                        std::int64_t image,
                        const F8 (&density)[kK],
                        const F8 (&e)[kK],
                        double* sums) {
    F8 mix[kK];
    mixture(c, k_.noise[image], mix);
    F8 mass{};
    F8 rows{};
    const F8 least = all8(kLeast);
    for (int a = 0; a < kK; ++a) {
      const F8 below = mix[a] > least ? mix[a] : least;
      const F8 q = density[a] / below * e[a];
      mass += q;
      rows = fma8(q, all8(c.offset[a]), rows);
      if (k_.likelihood != nullptr) {
        for (int b = 0; b < kK; ++b) {
          log_mix_ += static_cast<double>(e[a][b] * std::log(below[b]));
          all_evidence_ += static_cast<double>(e[a][b]);
        }
      }
    }
    sums[0] += static_cast<double>(sum8(rows) * c.per_variance);
    sums[1] += static_cast<double>(sum8(mass * c.offset) * c.per_variance);
    sums[2] += static_cast<double>(sum8(mass));
  }

  struct Row {
    alignas(32) float h[8];
    F8 w;
  };

  const PatternStep& k_;
  PaddedMap map_;
  std::int32_t border_;
  std::vector<Component> nodes_;
  std::vector<Row> rows_;
  std::vector<double> sums_, all_sums_;  // of the slice, of all
  std::int64_t first_{0};
  double log_mix_{0}, all_evidence_{0};
  float per_kernel_{}, factor_{}, floor_{};
};

}  // namespace

void run(LevelStream& stream, const PatternStep& k) {
  std::int32_t border = 0;
  for (std::int64_t n = 0; n < k.maps.filters * k.nodes; ++n) {
    border = k.window[n] > border ? k.window[n] : border;
  }
  // A window that touches the map begins at most 2 W before it.
  border *= 2;
#pragma omp parallel num_threads(stream.threads())
  {
    FilterStep step(k, border);
#pragma omp for schedule(dynamic, 1)
    for (std::int64_t d = 0; d < k.maps.filters; ++d) step.run(d);
  }
}

}  // namespace cutaway::kernels
