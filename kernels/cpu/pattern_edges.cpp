#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/cpu/lanes8.h"
#include "kernels/pattern_graph.h"
#include "kernels/pattern_math.h"

namespace cutaway::kernels {
namespace {

/// One node: eight images at a time.
void predict(const PatternPredict& k, std::int64_t n) {
  const std::int32_t* edges = k.edges + n * k.parents;
  const float* weight = k.weight + n * k.parents;
  for (std::int64_t i = 0; i < k.stride; i += 8) {
    F8 h{};
    F8 w{};
    for (std::int64_t j = 0; j < k.parents; ++j) {
      const std::int64_t at = edges[j] * k.stride + i;
      const F8 share = all8(weight[j]);
      h = fma8(share, load8(k.parent_h + at), h);
      w = fma8(share, load8(k.parent_w + at), w);
    }
    h *= k.variance[n];
    w *= k.variance[n];
    F8 disagreement{};
    for (std::int64_t j = 0; j < k.parents; ++j) {
      const std::int64_t at = edges[j] * k.stride + i;
      const F8 dh = h - load8(k.parent_h + at);
      const F8 dw = w - load8(k.parent_w + at);
      disagreement = fma8(all8(weight[j]), fma8(dh, dh, dw * dw), disagreement);
    }
    store8(k.shift_h + n * k.stride + i, h);
    store8(k.shift_w + n * k.stride + i, w);
    store8(k.strength + n * k.stride + i, exp8(k.log_scale[n] - k.penalty * disagreement));
  }
}

/// Rows of [first, last) against all candidates; `x` is scratch.
void affinity_rows(const PatternAffinity& k,
                   std::int64_t first,
                   std::int64_t last,
                   std::vector<float>& x) {
  const auto ld = static_cast<std::size_t>(k.stride);
  x.resize(static_cast<std::size_t>(last - first) * 2 * ld);
  for (std::int64_t n = first; n < last; ++n) {
    float* h = x.data() + static_cast<std::size_t>(n - first) * 2 * ld;
    for (std::int64_t i = 0; i < k.stride; ++i) {
      h[i] = k.scale * k.position_h[n * k.stride + i] - k.offset_h[n];
      h[k.stride + i] = k.scale * k.position_w[n * k.stride + i] - k.offset_w[n];
    }
  }
  // Candidates in blocks that stay in the first-level cache.
  const std::int64_t block = std::max<std::int64_t>(4, 24 * 1024 / (8 * k.stride));
  for (std::int64_t c0 = 0; c0 < k.candidates; c0 += block) {
    const std::int64_t c1 = std::min(k.candidates, c0 + block);
    for (std::int64_t n = first; n < last; ++n) {
      const float* h = x.data() + static_cast<std::size_t>(n - first) * 2 * ld;
      const float* w = h + ld;
      const float* b = k.product ? nullptr : k.peak + n * k.stride;
      const float sharp = k.product ? 0.0f : -0.5f / k.bandwidth[n];
      double* out = k.out + (n - k.first) * k.candidates;
      for (std::int64_t m = c0; m < c1; ++m) {
        const float* yh = k.y_h + m * k.stride;
        const float* yw = k.y_w + m * k.stride;
        F8 sum{};
        for (std::int64_t i = 0; k.product && i < k.stride; i += 8)
          sum = fma8(load8(h + i), load8(yh + i), fma8(load8(w + i), load8(yw + i), sum));
        for (std::int64_t i = 0; !k.product && i < k.stride; i += 8) {
          const F8 dh = load8(h + i) - load8(yh + i);
          const F8 dw = load8(w + i) - load8(yw + i);
          sum = fma8(load8(b + i), exp8(fma8(dh, dh, dw * dw) * sharp), sum);
        }
        out[m] = (k.accumulate ? out[m] : 0.0) + sum8_double(sum);
      }
    }
  }
}

void concordances(const PatternBest& k, std::int64_t n, double* row) {
  for (std::int64_t m = 0; m < k.candidates; ++m)
    row[m] = pattern_concordance(row[m], k.own[n], k.other[m], k.least);
}

}  // namespace

void run(LevelStream& stream, const PatternPredict& k) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(stream.threads())
  for (std::int64_t d = 0; d < k.filters; ++d) {
    double* noise = k.noise + d * k.stride;
    std::fill(noise, noise + k.stride, 0.0);
    for (std::int64_t n = d * k.nodes; n < (d + 1) * k.nodes; ++n) {
      predict(k, n);
      const float* strength = k.strength + n * k.stride;
      for (std::int64_t i = 0; i < k.images; ++i)
        noise[i] += k.mass[n] * static_cast<double>(strength[i]);
    }
  }
}

void run(LevelStream& stream, const PatternAffinity& k) {
  constexpr std::int64_t kRows = 32;
  const std::int64_t blocks = (k.last - k.first + kRows - 1) / kRows;
#pragma omp parallel num_threads(stream.threads())
  {
    std::vector<float> x;
#pragma omp for schedule(dynamic, 1)
    for (std::int64_t r = 0; r < blocks; ++r) {
      const std::int64_t first = k.first + r * kRows;
      affinity_rows(k, first, std::min(k.last, first + kRows), x);
    }
  }
}

void run(LevelStream& stream, const PatternBest& k) {
#pragma omp parallel num_threads(stream.threads())
  {
    std::vector<std::int32_t> order(static_cast<std::size_t>(k.candidates));
#pragma omp for schedule(static)
    for (std::int64_t n = 0; n < k.nodes; ++n) {
      double* row = k.affinity + n * k.candidates;
      if (k.own != nullptr) concordances(k, n, row);
      const double grain = k.grain * *std::max_element(row, row + k.candidates);
      for (std::int64_t m = 0; grain > 0 && m < k.candidates; ++m)
        row[m] = std::round(row[m] / grain);
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(order.begin(), order.begin() + k.parents, order.end(),
                        [&](std::int32_t a, std::int32_t b) {
                          return row[a] != row[b] ? row[a] > row[b] : a < b;
                        });
      for (std::int64_t j = 0; j < k.parents; ++j) {
        const std::int32_t m = order[static_cast<std::size_t>(j)];
        k.edges[n * k.parents + j] = k.own != nullptr && row[m] == 0 ? -1 : k.nodes_above[m];
      }
    }
  }
}

}  // namespace cutaway::kernels
