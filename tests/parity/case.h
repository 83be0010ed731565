#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "runtime/stream.h"
#include "tests/parity/fixture.h"

namespace parity {

/// Queues the kernels of a case, and nothing else: no allocation, no copies, so that it can be
/// captured in a CUDA graph. May be called again after Fixture::reset().
using Launch = std::function<void(cutaway::Stream&)>;

/// One case: a kernel (or a few that belong together) with a geometry drawn from the fixture.
struct Case {
  std::string family, name;
  int variant{0};
  /// Allocates, and returns what to run. An engine that declines throws kUsage.
  std::function<Launch(Fixture&)> setup;
  /// Largest allowed |a - b| / max|b| of a region. 0: the same bits.
  double tolerance{0.0};
  /// Results may be mostly zeros; otherwise more than 30 % of them make the case MISTRUSTED.
  bool zeros{false};
  /// Padding lanes need not be zero.
  bool free_padding{false};

  [[nodiscard]] std::uint32_t seed() const;
  [[nodiscard]] std::string text() const {
    return family + "/" + name + "#" + std::to_string(variant);
  }
};

using Cases = std::vector<Case>;

// Arithmetic without exp, log or pow, contraction switched off on both sides: the same bits.
inline constexpr double kExact = 0.0;
// expf, logf and powf of the two libraries differ by an ulp or two (6e-8 each), and are summed.
inline constexpr double kTranscendental = 2e-6;
// Float sums of up to a few thousand terms in another order.
inline constexpr double kSummed = 1e-5;

inline constexpr int kVariants = 9;

/// Adds kVariants variants of a kernel and returns them for adjustment.
template <class F>
std::vector<Case*> add(Cases& cases,
                       const char* family,
                       const char* name,
                       double tolerance,
                       F setup,
                       int variants = kVariants) {
  const std::size_t first = cases.size();
  for (int v = 0; v < variants; ++v) {
    Case c;
    c.family = family;
    c.name = name;
    c.variant = v;
    c.setup = setup;
    c.tolerance = tolerance;
    cases.push_back(std::move(c));
  }
  std::vector<Case*> added;
  for (std::size_t i = first; i < cases.size(); ++i) added.push_back(&cases[i]);
  return added;
}

// One function a family of kernels; graphs of layers get theirs in graph_cases.cpp when they are
// added.
void add_elementwise(Cases& cases);
void add_activation(Cases& cases);
void add_broadcast(Cases& cases);
void add_group_norm(Cases& cases);
void add_move(Cases& cases);
void add_pool(Cases& cases);
void add_norm(Cases& cases);
void add_softmax(Cases& cases);
void add_image(Cases& cases);
void add_update(Cases& cases);
void add_gemm(Cases& cases);
void add_conv(Cases& cases);
void add_pattern(Cases& cases);

/// Every case there is, in a fixed order.
[[nodiscard]] Cases all_cases();

}  // namespace parity
