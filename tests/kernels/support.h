#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "runtime/layout.h"
#include "runtime/stream.h"

/// What the kernel tests share: tensors in any layout with guarded surroundings, and comparisons
/// that NaN and emptiness cannot pass.
namespace cutaway::test {

/// A tensor as the references see it: dense NCHW, in double.
using Values = std::vector<double>;

inline const double kNaN = std::numeric_limits<double>::quiet_NaN();
inline const double kInf = std::numeric_limits<double>::infinity();

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  /// Uniform integer in [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
  }
  bool chance(double p) { return uniform() < p; }
  double uniform() { return std::uniform_real_distribution<double>(0.0, 1.0)(engine_); }
  /// Normal values that float32 holds exactly, so that reference and kernel start from the same
  /// numbers.
  double normal() {
    return static_cast<double>(static_cast<float>(std::normal_distribution<double>()(engine_)));
  }
  Values values(const Shape& s) {
    Values v(static_cast<std::size_t>(s.count()));
    for (double& x : v) x = normal();
    return v;
  }
  /// Few distinct values (so windows tie), and now and then NaN or an infinity.
  Values ties(const Shape& s) {
    static const double kOdd[] = {kNaN, kInf, -kInf};
    Values v(static_cast<std::size_t>(s.count()));
    for (double& x : v) {
      x = chance(0.06) ? kOdd[between(0, 2)] : static_cast<double>(between(-1, 2));
    }
    return v;
  }

 private:
  std::mt19937_64 engine_;
};

inline std::size_t index_of(
    const Shape& s, std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
  return static_cast<std::size_t>(((n * s.c + c) * s.h + h) * s.w + w);
}

/// The three members of the layout family that are in use.
enum class Family { kPlain, kBlocked, kChannelsLast };
inline Family family(Random& r) { return static_cast<Family>(r.between(0, 2)); }

/// One tensor in memory, either dense or a slice of channels and a crop of a larger one. Everything
/// outside the view holds a canary, so that a kernel that strays is caught.
template <class T>
class Blob {
 public:
  Blob(Random& random, const Shape& shape, Family kind, bool slice) {
    // Slices start at a block (channels-last: at a multiple of 8), and end at one or with the
    // tensor.
    const std::int64_t unit = kind == Family::kBlocked ? 16 : kind == Family::kPlain ? 1 : 8;
    const std::int64_t before = slice ? unit * random.between(0, 2) : 0;
    std::int64_t after = slice && shape.c % unit == 0 ? unit * random.between(0, 2) : 0;
    // A channels-last tensor of up to 16 channels cannot be told from a blocked one: not to be
    // sliced.
    const std::int64_t all = round_up(before + shape.c + after, 8);
    const bool whole = kind == Family::kChannelsLast && all <= 16;
    const std::int64_t first = whole ? 0 : before;
    if (whole) after = 0;
    const std::int64_t top = slice ? random.between(0, 2) : 0;
    const std::int64_t left = slice ? random.between(0, 2) : 0;
    Shape parent = shape;
    parent.c = first + shape.c + after;
    parent.h += slice ? top + random.between(0, 1) : 0;
    parent.w += slice ? left + random.between(0, 1) : 0;
    const Layout layout = kind == Family::kPlain     ? kPlain
                          : kind == Family::kBlocked ? kBlocked16
                                                     : channels_last(parent.c);
    memory_.assign(static_cast<std::size_t>(stored_count(parent, layout)), canary());
    view_ = channel_slice(dense_view(memory_.data(), parent, layout), first, shape.c);
    view_.data += top * view_.stride_h + left * view_.stride_w;
    view_.shape.h = shape.h;
    view_.shape.w = shape.w;
    owned_.assign(memory_.size(), 0);
    each_lane([&](T& x, bool real, std::size_t) {
      owned_[static_cast<std::size_t>(&x - memory_.data())] = 1;
      x = real ? poison() : T{};
    });
    poison_padding();
  }
  Blob(Random& random, const Shape& shape, Family kind)
      : Blob(random, shape, kind, random.chance(0.5)) {}
  Blob(const Blob& other) : memory_(other.memory_), owned_(other.owned_), view_(other.view_) {
    view_.data = memory_.data() + (other.view_.data - other.memory_.data());
  }
  Blob& operator=(const Blob&) = delete;

  [[nodiscard]] View<T> view() { return view_; }
  [[nodiscard]] const std::vector<T>& memory() const { return memory_; }

  /// Writes values into the channels and zero into their padding.
  void set(const Values& values) {
    each_lane([&](T& x, bool real, std::size_t i) { x = real ? static_cast<T>(values[i]) : T{}; });
  }
  [[nodiscard]] Values get() {
    Values out(static_cast<std::size_t>(view_.shape.count()));
    each_lane([&](T& x, bool real, std::size_t i) {
      if (real) out[i] = static_cast<double>(x);
    });
    return out;
  }
  /// "" when padding lanes hold zero and nothing outside the view has changed.
  [[nodiscard]] std::string damage() {
    std::string found;
    each_lane([&](T& x, bool real, std::size_t) {
      if (!real && !(x == T{})) found = "a padding lane is not zero";
    });
    const T mark = canary();
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      if (owned_[i] == 0 && std::memcmp(&memory_[i], &mark, sizeof(T)) != 0) {
        found = "an element outside the view was written";
      }
    }
    return found;
  }
  /// Padding lanes of an output hold rubbish before the kernel runs.
  void poison_padding() {
    each_lane([&](T& x, bool real, std::size_t) {
      if (!real) x = poison();
    });
  }

 private:
  static T canary() { return static_cast<T>(211); }
  static T poison() {
    return std::numeric_limits<T>::has_quiet_NaN ? std::numeric_limits<T>::quiet_NaN()
                                                 : static_cast<T>(199);
  }
  template <class F>
  void each_lane(F f) {
    const Shape& s = view_.shape;
    for (std::int64_t n = 0; n < s.n; ++n) {
      for (std::int64_t c = 0; c < view_.blocks() * view_.lanes(); ++c) {
        for (std::int64_t h = 0; h < s.h; ++h) {
          for (std::int64_t w = 0; w < s.w; ++w) {
            f(view_.at(n, c, h, w), c < s.c, c < s.c ? index_of(s, n, c, h, w) : 0);
          }
        }
      }
    }
  }

  std::vector<T> memory_;
  std::vector<char> owned_;
  View<T> view_;
};

using Floats = Blob<float>;

inline Floats filled(Random& random, const Shape& shape, Family kind, const Values& values) {
  Floats blob(random, shape, kind);
  blob.set(values);
  return blob;
}

/// How many elements differ by more than tolerance * max(1, |want|); everything when sizes differ
/// or there is nothing to compare. NaN matches NaN only, an infinity itself only.
inline std::size_t mismatches(const Values& got, const Values& want, double tolerance) {
  if (got.size() != want.size() || want.empty()) return got.size() + want.size() + 1;
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i]) && std::isnan(got[i])) continue;
    if (got[i] == want[i]) continue;
    const double limit = tolerance * std::max(1.0, std::fabs(want[i]));
    if (!(std::fabs(got[i] - want[i]) <= limit) || std::isinf(want[i])) ++wrong;
  }
  return wrong;
}

inline double dot(const Values& a, const Values& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return a.size() == b.size() && !a.empty() ? sum : kNaN;
}

/// |<a, b> - <c, d>| relative to the size of the terms: what an adjoint identity may be off by.
inline double adjoint_error(const Values& a, const Values& b, const Values& c, const Values& d) {
  double scale = 1.0;
  for (std::size_t i = 0; i < a.size(); ++i) scale += std::fabs(a[i] * b[i]);
  return std::fabs(dot(a, b) - dot(c, d)) / scale;
}

}  // namespace cutaway::test
