#include "tests/parity/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace parity {
namespace {

float float_at(const Region& r, std::size_t i) {
  float v = 0.0f;
  std::memcpy(&v, r.bytes.data() + i * sizeof(float), sizeof v);
  return v;
}

std::uint32_t bits_at(const Region& r, std::size_t i) {
  std::uint32_t v = 0;
  std::memcpy(&v, r.bytes.data() + i * sizeof v, sizeof v);
  return v;
}

/// Whether stored element i is a channel, not a padding lane.
bool real(const Region& r, std::size_t i) {
  const auto at = static_cast<std::int64_t>(i);
  const std::int64_t block = r.layout.block;
  const std::int64_t blocks = cutaway::ceil_div(r.shape.c, block);
  const std::int64_t channel = at / (block * r.shape.plane()) % blocks * block + at % block;
  return channel < r.shape.c;
}

struct FloatDifference {
  double error{0.0}, scale{0.0};
  std::size_t nan{0}, infinite{0}, unwritten{0}, padding{0}, zeros{0}, count{0};
};

FloatDifference difference(const Region& got, const Region& expected) {
  FloatDifference d;
  for (std::size_t i = 0; i < got.bytes.size() / sizeof(float); ++i) {
    if (got.output && (bits_at(got, i) == kPoison || bits_at(expected, i) == kPoison)) {
      ++d.unwritten;
      continue;
    }
    const double a = static_cast<double>(float_at(got, i));
    const double b = static_cast<double>(float_at(expected, i));
    if (!real(got, i)) {
      d.padding += a == 0.0 && b == 0.0 ? 0u : 1u;
      continue;
    }
    ++d.count;
    d.zeros += b == 0.0 ? 1u : 0u;
    if (std::isnan(a) || std::isnan(b)) {
      d.nan += std::isnan(a) && std::isnan(b) ? 0u : 1u;
    } else if (std::isinf(a) || std::isinf(b)) {
      d.infinite += a == b ? 0u : 1u;
    } else {
      d.error = std::max(d.error, std::abs(a - b));
      d.scale = std::max(d.scale, std::abs(b));
    }
  }
  return d;
}

std::string fault_of(const Case& c, const Region& r, const FloatDifference& d, double relative) {
  const auto say = [&](const std::string& what, std::size_t n) {
    return r.name + ": " + std::to_string(n) + " of " + std::to_string(d.count) + " elements " +
           what;
  };
  if (d.unwritten > 0) return say("were never written", d.unwritten);
  if (d.padding > 0 && !c.free_padding) return say("of padding are not zero", d.padding);
  if (d.nan > 0) return say("are NaN on one side only", d.nan);
  if (d.infinite > 0) return say("are infinite on one side only", d.infinite);
  if (!(relative <= c.tolerance)) {
    return r.name + ": error " + std::to_string(relative / std::max(c.tolerance, 1e-30)) +
           " times the tolerance";
  }
  // A handful of elements can all be zero by chance.
  if (!c.zeros && r.output && d.count > 64 &&
      !(static_cast<double>(d.zeros) <= 0.3 * static_cast<double>(d.count))) {
    return "MISTRUSTED: " + say("are zero", d.zeros);
  }
  return {};
}

}  // namespace

Verdict compare(const Case& c,
                const std::vector<Region>& got,
                const std::vector<Region>& expected) {
  Verdict v;
  if (got.empty() || got.size() != expected.size()) return {0.0, "not the same regions"};
  std::size_t compared = 0;
  for (std::size_t i = 0; i < got.size() && v.fault.empty(); ++i) {
    const Region& a = got[i];
    const Region& b = expected[i];
    if (!a.canaries || !b.canaries) {
      v.fault = a.name + ": a write outside the outputs" + (a.canaries ? " (reference)" : "");
    } else if (a.bytes.empty() && b.bytes.empty()) {
      continue;  // an input
    } else if (a.type != b.type || !(a.shape == b.shape) || a.bytes.size() != b.bytes.size()) {
      v.fault = "not the same regions";
    } else if (a.type != Type::kFloat) {
      if (a.bytes != b.bytes) v.fault = a.name + ": not the same bytes";
      ++compared;
    } else {
      const FloatDifference d = difference(a, b);
      const double relative = d.error == 0.0 ? 0.0 : d.error / d.scale;
      v.error = std::max(v.error, relative);
      v.fault = fault_of(c, a, d, relative);
      ++compared;
    }
  }
  if (v.fault.empty() && compared == 0) v.fault = "nothing was compared";
  return v;
}

bool same_bytes(const std::vector<Region>& a, const std::vector<Region>& b) {
  if (a.empty() || a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!a[i].canaries || !b[i].canaries || a[i].bytes != b[i].bytes) return false;
  }
  return true;
}

}  // namespace parity
