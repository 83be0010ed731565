#pragma once

#include <string>
#include <vector>

#include "tests/parity/case.h"

namespace parity {

/// How the results of one run compare with those of another.
struct Verdict {
  double error{0.0};  ///< largest |a - b| / max|b| of any float region
  std::string fault;  ///< empty when the case passes
};

/// Holds `got` to `expected`, the same regions in the same order: same shapes, canaries and inputs
/// untouched, everything written, padding lanes zero, NaN at the same places, infinities equal,
/// floats within the tolerance, integers and bytes equal, not too many zeros.
[[nodiscard]] Verdict compare(const Case& c,
                              const std::vector<Region>& got,
                              const std::vector<Region>& expected);

/// Whether two runs left the same bytes in every region.
[[nodiscard]] bool same_bytes(const std::vector<Region>& a, const std::vector<Region>& b);

}  // namespace parity
