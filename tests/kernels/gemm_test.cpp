#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/gemm.h"
#include "runtime/config.h"
#include "runtime/error.h"

using namespace cutaway::kernels;
using cutaway::Error;
using cutaway::Stream;

namespace {

struct Product {
  bool transpose_a, transpose_b;
  std::int64_t m, n, k;
  float beta;
  bool bias, relu;
  std::int64_t gap;  ///< extra floats at the end of every row
};

std::vector<float> random_values(std::int64_t count, std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = static_cast<float>(generator() >> 8) * 0x1p-23f - 1.0f;
  return values;
}

struct Matrices {
  std::vector<float> a, b, bias, c;
  std::int64_t lda, ldb, ldc;

  explicit Matrices(const Product& p)
      : lda((p.transpose_a ? p.m : p.k) + p.gap),
        ldb((p.transpose_b ? p.k : p.n) + p.gap),
        ldc(p.n + p.gap) {
    a = random_values(lda * (p.transpose_a ? p.k : p.m), 1);
    b = random_values(ldb * (p.transpose_b ? p.n : p.k), 2);
    bias = random_values(p.n, 3);
    c = random_values(ldc * p.m, 4);
    if (p.beta == 0.0f) c.assign(c.size(), std::numeric_limits<float>::quiet_NaN());
  }
  [[nodiscard]] Gemm gemm(const Product& p, GemmEngine engine, std::vector<float>& out) const {
    Gemm g;
    g.transpose_a = p.transpose_a;
    g.transpose_b = p.transpose_b;
    g.m = p.m;
    g.n = p.n;
    g.k = p.k;
    g.a = a.data();
    g.lda = lda;
    g.b = b.data();
    g.ldb = ldb;
    g.beta = p.beta;
    g.c = out.data();
    g.ldc = ldc;
    g.bias = p.bias ? bias.data() : nullptr;
    g.relu = p.relu;
    g.engine = engine;
    return g;
  }
};

std::vector<float> product(const Product& p,
                           const Matrices& matrices,
                           GemmEngine engine,
                           int threads) {
  Stream stream = cutaway::CpuStream(threads);
  std::vector<float> out = matrices.c;
  run(stream, matrices.gemm(p, engine, out));
  return out;
}

/// Root mean square error relative to that of the result, computed here in double; also checks that
/// the gaps between rows keep their bytes.
double error_of(const Product& p, const Matrices& x, const std::vector<float>& got) {
  double difference = 0.0, norm = 0.0;
  for (std::int64_t i = 0; i < p.m; ++i) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      double sum = p.bias ? static_cast<double>(x.bias[static_cast<std::size_t>(j)]) : 0.0;
      const std::size_t at = static_cast<std::size_t>(i * x.ldc + j);
      if (p.beta != 0.0f) sum += static_cast<double>(p.beta) * static_cast<double>(x.c[at]);
      for (std::int64_t k = 0; k < p.k; ++k) {
        const std::int64_t ia = p.transpose_a ? k * x.lda + i : i * x.lda + k;
        const std::int64_t ib = p.transpose_b ? j * x.ldb + k : k * x.ldb + j;
        sum += static_cast<double>(x.a[static_cast<std::size_t>(ia)]) *
               static_cast<double>(x.b[static_cast<std::size_t>(ib)]);
      }
      if (p.relu && sum < 0.0) sum = 0.0;
      difference += (static_cast<double>(got[at]) - sum) * (static_cast<double>(got[at]) - sum);
      norm += sum * sum;
    }
    const std::size_t end = static_cast<std::size_t>(i * x.ldc + p.n);
    CHECK(std::memcmp(got.data() + end, x.c.data() + end,
                      static_cast<std::size_t>(p.gap) * sizeof(float)) == 0);
  }
  return norm == 0.0 ? std::sqrt(difference) : std::sqrt(difference / norm);
}

std::vector<Product> products() {
  std::vector<Product> all;
  std::mt19937 generator(7);
  const auto pick = [&](std::initializer_list<std::int64_t> values) {
    return values.begin()[generator() % values.size()];
  };
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      for (int i = 0; i < 30; ++i) {
        all.push_back({ta, tb, pick({1, 1, 2, 3, 4, 5, 7, 9, 13, 50, 200}),
                       pick({1, 3, 15, 16, 17, 64, 100, 530}),
                       pick({1, 2, 7, 8, 31, 64, 257, 1030}),
                       i % 3 == 0   ? 1.0f
                       : i % 3 == 1 ? 0.0f
                                    : 0.5f,
                       generator() % 2 == 0, generator() % 2 == 0, generator() % 2 == 0 ? 0 : 5});
      }
    }
  }
  return all;
}

std::string text(const Product& p) {
  return std::to_string(p.m) + "x" + std::to_string(p.n) + "x" + std::to_string(p.k) +
         (p.transpose_a ? " a'" : " a") + (p.transpose_b ? " b'" : " b") + " beta " +
         std::to_string(p.beta);
}

// Chains of up to 1030 single-precision products: sqrt(1030) 6e-8 = 2e-6.
constexpr double kTolerance = 5e-6;

}  // namespace

TEST_CASE("matrix products of every engine equal the definition") {
  for (const Product& p : products()) {
    const Matrices matrices(p);
    for (const GemmEngine engine : {
           GemmEngine::kAuto,
#if CUTAWAY_HAVE_ONEDNN
               GemmEngine::kLibrary,
#endif
               GemmEngine::kReference
         }) {
      INFO(text(p), " engine ", static_cast<int>(engine));
      CHECK(error_of(p, matrices, product(p, matrices, engine, 2)) < kTolerance);
    }
  }
}

TEST_CASE("matrix products are the same bytes for any number of threads") {
  for (const Product& p : products()) {
    const Matrices matrices(p);
    const auto one = product(p, matrices, GemmEngine::kAuto, 1);
    for (const int threads : {2, 3}) {
      const auto more = product(p, matrices, GemmEngine::kAuto, threads);
      INFO(text(p), " ", threads, " threads");
      CHECK(std::memcmp(one.data(), more.data(), one.size() * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("a row of a matrix product does not depend on the rows around it") {
  for (const bool tb : {false, true}) {
    for (const std::int64_t m : {2, 5, 60, 250}) {
      const Product many{false, tb, m, 50, 300, 0.0f, true, true, 0};
      const Matrices matrices(many);
      const auto all = product(many, matrices, GemmEngine::kAuto, 2);
      for (const std::int64_t row : {std::int64_t{0}, m / 2, m - 1}) {
        Product single = many;
        single.m = 1;
        Matrices one(single);
        one.a.assign(matrices.a.begin() + row * 300, matrices.a.begin() + (row + 1) * 300);
        one.b = matrices.b;
        const auto alone = product(single, one, GemmEngine::kAuto, 1);
        CHECK(std::memcmp(alone.data(), all.data() + row * 50, 50 * sizeof(float)) == 0);
      }
    }
  }
}

TEST_CASE("a product over nothing is the bias") {
  const Product p{false, true, 2, 5, 0, 0.0f, true, false, 0};
  Matrices matrices(p);
  matrices.ldb = matrices.lda = 1;
  const auto c = product(p, matrices, GemmEngine::kAuto, 1);
  for (std::size_t i = 0; i < 10; ++i) CHECK(c[i] == matrices.bias[i % 5]);
}

TEST_CASE("impossible row strides are refused") {
  const Product p{false, false, 2, 5, 4, 0.0f, false, false, 0};
  const Matrices matrices(p);
  Stream stream = cutaway::CpuStream(1);
  std::vector<float> out = matrices.c;
  Gemm g = matrices.gemm(p, GemmEngine::kAuto, out);
  g.lda = 3;
  CHECK_THROWS_AS(run(stream, g), Error);
}

TEST_CASE("gemm engines are chosen by name") {
  EngineOptions options;
  CHECK(gemm_engine(options) == GemmEngine::kAuto);
  options.force = "conv:reference,gemm:reference";
  CHECK(gemm_engine(options) == GemmEngine::kReference);
  options.force = "gemm:library";
  CHECK(gemm_engine(options) == GemmEngine::kLibrary);
  options.force = "gemm:abacus";
  CHECK_THROWS_AS((void)gemm_engine(options), Error);
}
