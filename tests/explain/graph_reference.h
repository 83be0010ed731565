#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "explain/graph/layer_spec.h"

namespace cutaway::tests {

inline constexpr int kK = 6;

/// The equations as they stand, in double: 36 candidates by all others of the filter.
struct Reference {
  explain::graph::LayerSpec spec;
  std::vector<double> mu_h, mu_w, shift_h, shift_w, strength, sigma;
  std::vector<int> radius;
  double noise{0};

  struct Node {
    double e[kK][kK]{}, p[kK][kK]{}, q[kK][kK]{};
    double center_h{0}, center_w{0};
  };

  [[nodiscard]] double offset(std::size_t n, int a) const {
    return radius[n] * (2.0 * a + 1 - kK) / kK;
  }
  [[nodiscard]] double gauss(std::size_t n, int a) const {
    return std::exp(-offset(n, a) * offset(n, a) / (2 * sigma[n] * sigma[n])) /
           (std::sqrt(2 * M_PI) * sigma[n]);
  }
  [[nodiscard]] Node prepare(std::size_t n, const std::vector<float>& map) const {
    Node node;
    node.center_h = mu_h[n] + shift_h[n];
    node.center_w = mu_w[n] + shift_w[n];
    const double m = 0.025 * static_cast<double>(spec.size);
    const auto size = static_cast<long>(spec.size);
    for (int a = 0; a < kK; ++a) {
      for (int b = 0; b < kK; ++b) {
        for (long j = std::lround(node.center_h) - radius[n];
             j <= std::lround(node.center_h) + radius[n]; ++j) {
          for (long k = std::lround(node.center_w) - radius[n];
               k <= std::lround(node.center_w) + radius[n]; ++k) {
            if (j < 0 || k < 0 || j >= size || k >= size) continue;
            const double dh = node.center_h + offset(n, a) - static_cast<double>(j);
            const double dw = node.center_w + offset(n, b) - static_cast<double>(k);
            node.e[a][b] += (std::exp(-(dh * dh + dw * dw) / (2 * m * m)) + std::exp(-4.5)) *
                            static_cast<double>(map[static_cast<std::size_t>(j * size + k)]) /
                            (std::sqrt(2 * M_PI) * m);
          }
        }
        node.p[a][b] = strength[n] * gauss(n, a) * gauss(n, b);
      }
    }
    return node;
  }
  /// Density of u at x: of the nearest candidate, first on ties, 0 outside their box.
  [[nodiscard]] double density(const Node& u, std::size_t n, double h, double w) const {
    const auto nearest = [&](double x, double c) {
      int best = 0;
      for (int a = 1; a < kK; ++a) {
        if (std::abs(x - c - offset(n, a)) < std::abs(x - c - offset(n, best)) - 1e-9) best = a;
      }
      return best;
    };
    const double edge = offset(n, kK - 1) + 1e-6;
    if (std::abs(h - u.center_h) > edge || std::abs(w - u.center_w) > edge) return 0;
    return u.p[nearest(h, u.center_h)][nearest(w, u.center_w)];
  }
  void responsibilities(std::vector<Node>& nodes) const {
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      for (int a = 0; a < kK; ++a) {
        for (int b = 0; b < kK; ++b) {
          double mix = noise;
          for (std::size_t u = 0; u < nodes.size(); ++u) {
            mix += density(nodes[u], u, nodes[n].center_h + offset(n, a),
                           nodes[n].center_w + offset(n, b));
          }
          nodes[n].q[a][b] = nodes[n].p[a][b] / std::max(mix, 1e-7);
        }
      }
    }
  }
};

}  // namespace cutaway::tests
