#include "explain/visualize/objective.h"

#include <algorithm>
#include <cmath>

#include "kernels/gemm.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

void check_channel(const Tensor& a, std::int64_t channel) {
  if (channel >= 0 && channel < a.shape().c) return;
  throw Error(ErrorKind::kUsage, "channel of the layer")
      .expected("0 to " + std::to_string(a.shape().c - 1))
      .got(std::to_string(channel));
}

class Unit final : public Objective {
 public:
  Unit(std::int64_t channel, std::int64_t row, std::int64_t column, bool mean)
      : channel_(channel), row_(row), column_(column), mean_(mean) {}
  double add(const Tensor& a, float weight, Tensor& seed) const override {
    check_channel(a, channel_);
    const Shape& s = a.shape();
    const View<const float> in = a.ref().in();
    const View<float> out = seed.ref().out();
    if (row_ >= s.h || column_ >= s.w) {
      throw Error(ErrorKind::kUsage, "unit of the layer")
          .expected("a row and column within " + to_string(s));
    }
    const std::int64_t row = row_ < 0 ? s.h / 2 : row_, column = column_ < 0 ? s.w / 2 : column_;
    double value = 0.0;
    for (std::int64_t n = 0; n < s.n; ++n) {
      if (!mean_) {
        value += double{in.at(n, channel_, row, column)};
        out.at(n, channel_, row, column) += weight;
        continue;
      }
      const double share = 1.0 / static_cast<double>(s.plane());
      for (std::int64_t i = 0; i < s.h; ++i) {
        for (std::int64_t j = 0; j < s.w; ++j) {
          value += share * double{in.at(n, channel_, i, j)};
          out.at(n, channel_, i, j) += weight * static_cast<float>(share);
        }
      }
    }
    return value;
  }

 private:
  std::int64_t channel_, row_, column_;
  bool mean_;
};

class Direction final : public Objective {
 public:
  Direction(std::vector<float> v, double power) : v_(std::move(v)), power_(power) {}
  double add(const Tensor& a, float weight, Tensor& seed) const override {
    const Shape& s = a.shape();
    if (static_cast<std::int64_t>(v_.size()) != s.c) {
      throw Error(ErrorKind::kUsage, "direction")
          .expected(std::to_string(s.c) + " numbers, one a channel of the layer")
          .got(std::to_string(v_.size()));
    }
    double length = 0.0;
    for (const float v : v_) length += double{v} * double{v};
    length = std::sqrt(length);
    double value = 0.0;
    for (std::int64_t n = 0; n < s.n; ++n) {
      for (std::int64_t i = 0; i < s.h; ++i) {
        for (std::int64_t j = 0; j < s.w; ++j) value += at(a, n, i, j, length, weight, seed);
      }
    }
    return value;
  }

 private:
  /// dot * m^p with m = max(0.1, cos): d/da = m^p v + dot p m^(p-1) dcos/da, the second part where
  /// cos > 0.1.
  double at(const Tensor& a,
            std::int64_t n,
            std::int64_t i,
            std::int64_t j,
            double length,
            float weight,
            Tensor& seed) const {
    const View<const float> in = a.ref().in();
    const View<float> out = seed.ref().out();
    const Shape& s = a.shape();
    const double share = 1.0 / static_cast<double>(s.plane());
    double dot = 0.0, norm = 0.0;
    for (std::int64_t c = 0; c < s.c; ++c) {
      const double x = double{in.at(n, c, i, j)};
      dot += x * double{v_[static_cast<std::size_t>(c)]};
      norm += x * x;
    }
    norm = std::sqrt(norm);
    const double cosine = norm * length > 0.0 ? dot / (norm * length) : 0.0;
    const double m = std::max(0.1, cosine);
    const double factor = power_ == 0.0 ? 1.0 : std::pow(m, power_);
    const double slope =
        power_ == 0.0 || cosine <= 0.1 ? 0.0 : dot * power_ * std::pow(m, power_ - 1.0);
    for (std::int64_t c = 0; c < s.c; ++c) {
      const double v = double{v_[static_cast<std::size_t>(c)]};
      double g = factor * v;
      if (slope != 0.0)
        g += slope * (v / (norm * length) - cosine * double{in.at(n, c, i, j)} / (norm * norm));
      out.at(n, c, i, j) += weight * static_cast<float>(share * g);
    }
    return share * dot * factor;
  }

  std::vector<float> v_;
  double power_;
};

class Dream final : public Objective {
 public:
  double add(const Tensor& a, float weight, Tensor& seed) const override {
    double value = 0.0;
    for (std::size_t i = 0; i < a.f32().size(); ++i) {
      value += 0.5 * double{a.f32()[i]} * double{a.f32()[i]};
      seed.f32()[i] += weight * a.f32()[i];
    }
    return value;
  }
};

class GuidedDream final : public Objective {
 public:
  explicit GuidedDream(Tensor guide) : guide_(std::move(guide)) {}
  double add(const Tensor& a, float weight, Tensor& seed) const override {
    const Shape &s = a.shape(), &g = guide_.shape();
    if (s.c != g.c) throw Error(ErrorKind::kUsage, "the guide's features are of another layer");
    // All dot products of an image: positions x guide positions.
    std::vector<float> dots(static_cast<std::size_t>(s.plane() * g.plane()));
    double value = 0.0;
    for (std::int64_t n = 0; n < s.n; ++n) {
      kernels::Gemm gemm;
      gemm.transpose_a = true;
      gemm.m = s.plane();
      gemm.n = g.plane();
      gemm.k = s.c;
      gemm.a = a.f32().data() + n * s.c * s.plane();
      gemm.lda = s.plane();
      gemm.b = guide_.f32().data();
      gemm.ldb = g.plane();
      gemm.c = dots.data();
      gemm.ldc = g.plane();
      CpuStream stream;
      kernels::run(stream, gemm);
      for (std::int64_t i = 0; i < s.plane(); ++i) {
        const auto row = dots.begin() + i * g.plane();
        const auto best = std::max_element(row, row + g.plane());
        value += double{*best};
        for (std::int64_t c = 0; c < s.c; ++c) {
          seed.f32()[static_cast<std::size_t>((n * s.c + c) * s.plane() + i)] +=
              weight * guide_.f32()[static_cast<std::size_t>(c * g.plane() + (best - row))];
        }
      }
    }
    return value;
  }

 private:
  Tensor guide_;
};

class Match final : public Objective {
 public:
  explicit Match(Tensor target) : target_(std::move(target)) {
    for (const float v : target_.f32()) norm_ += double{v} * double{v};
    if (!(norm_ > 0.0)) throw Error(ErrorKind::kUsage, "the features to match are all zero");
  }
  double add(const Tensor& a, float weight, Tensor& seed) const override {
    const std::size_t size = target_.f32().size();
    check(a.f32().size() % size == 0, "features of another layer");
    double value = 0.0;
    for (std::size_t i = 0; i < a.f32().size(); ++i) {
      const double d = double{a.f32()[i]} - double{target_.f32()[i % size]};
      value -= d * d / norm_;
      seed.f32()[i] -= weight * static_cast<float>(2.0 * d / norm_);
    }
    return value;
  }

 private:
  Tensor target_;
  double norm_{0.0};
};

void multiply(bool transpose_b,
              std::int64_t m,
              std::int64_t n,
              std::int64_t k,
              const float* a,
              const float* b,
              float* c) {
  kernels::Gemm gemm;
  gemm.transpose_b = transpose_b;
  gemm.m = m;
  gemm.n = n;
  gemm.k = k;
  gemm.a = a;
  gemm.lda = k;
  gemm.b = b;
  gemm.ldb = transpose_b ? k : n;
  gemm.c = c;
  gemm.ldc = n;
  CpuStream stream;
  kernels::run(stream, gemm);
}

class Diversity final : public Objective {
 public:
  double add(const Tensor& a, float weight, Tensor& seed) const override {
    const Shape& s = a.shape();
    if (s.n < 2) return 0.0;
    const auto size = static_cast<std::size_t>(s.c * s.c),
               image = static_cast<std::size_t>(s.c * s.plane());
    const auto count = static_cast<std::size_t>(s.n);
    std::vector<std::vector<float>> gram(count, std::vector<float>(size));
    std::vector<double> norm(count, 0.0);
    for (std::size_t n = 0; n < count; ++n) {
      const float* x = a.f32().data() + n * image;
      multiply(true, s.c, s.c, s.plane(), x, x, gram[n].data());
      for (const float g : gram[n]) norm[n] += double{g} * double{g};
      norm[n] = std::sqrt(norm[n]) + 1e-12;
    }
    const double pairs = static_cast<double>(s.n * (s.n - 1)) / 2.0;
    double value = 0.0;
    std::vector<float> slope(size), back(image);
    for (std::size_t n = 0; n < count; ++n) {
      std::ranges::fill(slope, 0.0f);
      for (std::size_t other = 0; other < count; ++other) {
        if (other == n) continue;
        double cosine = 0.0;
        for (std::size_t i = 0; i < size; ++i)
          cosine += double{gram[n][i]} * double{gram[other][i]};
        cosine /= norm[n] * norm[other];
        value -= cosine / pairs / 2.0;
        for (std::size_t i = 0; i < size; ++i) {
          slope[i] -= static_cast<float>(
              (double{gram[other][i]} / norm[other] - cosine * double{gram[n][i]} / norm[n]) /
              norm[n] / pairs);
        }
      }
      multiply(false, s.c, s.plane(), s.c, slope.data(), a.f32().data() + n * image, back.data());
      for (std::size_t i = 0; i < image; ++i) seed.f32()[n * image + i] += 2.0f * weight * back[i];
    }
    return value;
  }
};

class Sum final : public Objective {
 public:
  explicit Sum(std::vector<WeightedObjective> parts) : parts_(std::move(parts)) {}
  double add(const Tensor& a, float weight, Tensor& seed) const override {
    double value = 0.0;
    for (const WeightedObjective& p : parts_)
      value += double{p.weight} * p.objective->add(a, weight * p.weight, seed);
    return value;
  }

 private:
  std::vector<WeightedObjective> parts_;
};

}  // namespace

ObjectivePtr channel_objective(std::int64_t channel) {
  return std::make_shared<Unit>(channel, -1, -1, true);
}
ObjectivePtr neuron_objective(std::int64_t channel, std::int64_t row, std::int64_t column) {
  return std::make_shared<Unit>(channel, row, column, false);
}
ObjectivePtr direction_objective(std::vector<float> v, double cosine_power) {
  return std::make_shared<Direction>(std::move(v), cosine_power);
}
ObjectivePtr dream_objective() { return std::make_shared<Dream>(); }
ObjectivePtr guided_dream_objective(Tensor guide) {
  return std::make_shared<GuidedDream>(std::move(guide));
}
ObjectivePtr match_objective(Tensor target) { return std::make_shared<Match>(std::move(target)); }
ObjectivePtr diversity_objective() { return std::make_shared<Diversity>(); }
ObjectivePtr sum_objective(std::vector<WeightedObjective> parts) {
  return std::make_shared<Sum>(std::move(parts));
}

}  // namespace cutaway::explain
