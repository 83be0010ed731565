// Layers as linear maps with weights of the caller's choosing, as relevance propagation uses them.

#include "layers/linear_map.h"

#include <doctest/doctest.h>

#include <cstring>

#include "layers/batch_norm.h"
#include "layers/conv_transpose.h"
#include "layers/dense.h"
#include "tests/layers/layer_cases.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::tests;

namespace {

constexpr std::size_t kCanary = 256;

/// Scratch of exactly the bytes a map asks for, and a canary behind it.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes) : bytes_(bytes), buffer_(kCpuDevice, bytes + kCanary) {
    std::memset(buffer_.data() + bytes, 0x5a, kCanary);
  }
  std::byte* data() { return buffer_.data(); }
  [[nodiscard]] bool intact() const {
    for (std::size_t i = 0; i < kCanary; ++i) {
      if (buffer_.data()[bytes_ + i] != std::byte{0x5a}) return false;
    }
    return true;
  }

 private:
  std::size_t bytes_;
  Buffer buffer_;
};

Tensor blocked(const Tensor& plain) {
  Tensor t(kCpuDevice, DType::kF32, plain.shape(), kBlocked16);
  Stream stream = CpuStream(1);
  kernels::run(stream, kernels::Reorder{plain.ref().in(), t.ref().out()});
  return t;
}

Tensor plain_of(const Tensor& blocked) {
  Tensor t = zeros(blocked.shape());
  Stream stream = CpuStream(1);
  kernels::run(stream, kernels::Reorder{blocked.ref().in(), t.ref().out()});
  return t;
}

/// The linear part of `layer` on two images, with weights that are not its own: y = A x + b against
/// the double reference, and the adjoint.
void check_map(const Layer& layer, const Shape& in, const RefTensor& weights) {
  CAPTURE(layer.type());
  const Shape out = layer.infer(std::vector<Shape>{in});
  const kernels::EngineOptions engines;
  const auto map = layer.linear_map({.device = kCpuDevice,
                                     .threads = 1,
                                     .x = {in, kBlocked16, 0},
                                     .y = {out, kBlocked16, 0},
                                     .engines = &engines});
  REQUIRE(map != nullptr);
  Stream stream = CpuStream(1);
  const Tensor x = random_tensor(in, 1), r = random_tensor(out, 2);
  const Tensor bias = random_tensor({1, out.c, 1, 1}, 3);
  const std::vector<float> w(weights.v.begin(), weights.v.end());
  WeightCache cache;
  const LinearMap::Weights loaded = map->load(stream, w.data(), nullptr, cache, "test");
  Scratch scratch(map->scratch_bytes());
  const Tensor xb = blocked(x), rb = blocked(r);
  Tensor y(kCpuDevice, DType::kF32, out, kBlocked16), dx(kCpuDevice, DType::kF32, in, kBlocked16);
  map->apply(stream, loaded, bias.f32().data(), xb.ref().in(), y.ref().out(), scratch.data());
  CHECK(scratch.intact());
  map->adjoint(stream, loaded, rb.ref().in(), dx.ref().out(), scratch.data());
  CHECK(scratch.intact());
  const RefTensor b{bias.shape(), Values(bias.f32().begin(), bias.f32().end())};
  const RefTensor want = reference(layer, {check_detail::ref_of(x)}, {weights, b});
  CHECK(check_detail::compare(plain_of(y).f32(), want.v, 3e-5) == "");
  // <A x, r> = <x, A' r>, the bias apart.
  const Tensor dx_plain = plain_of(dx);
  double left = 0.0, right = 0.0, scale = 1.0;
  for_each(out, [&](auto n, auto c, auto h, auto q) {
    const double term = (want.at(n, c, h, q) - b.v[static_cast<std::size_t>(c)]) *
                        static_cast<double>(r.ref().in().at(n, c, h, q));
    left += term;
    scale += std::fabs(term);
  });
  for (std::size_t i = 0; i < x.f32().size(); ++i)
    right += static_cast<double>(x.f32()[i]) * static_cast<double>(dx_plain.f32()[i]);
  CHECK(std::fabs(left - right) <= 1e-5 * scale);
}

RefTensor random_weights(const Shape& s) { return check_detail::ref_of(random_tensor(s, 4)); }

}  // namespace

TEST_CASE("linear maps: dense, with rows that are padded to whole blocks") {
  for (const std::int64_t in : {5, 16, 17, 40})
    check_map(Dense(7), {2, in, 1, 1}, random_weights({7, in, 1, 1}));
}

TEST_CASE("linear maps: convolutions stay within the scratch they ask for") {
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
  check_map(Conv(20, three), {2, 16, 7, 8}, random_weights({20, 16, 3, 3}));
  check_map(Conv(8, {5, 5, 2, 2, 2, 2, 1, 1, 1}), {2, 3, 9, 9}, random_weights({8, 3, 5, 5}));
  check_map(Conv(64, three), {2, 48, 14, 14}, random_weights({64, 48, 3, 3}));
  check_map(Conv(6, {1, 1, 1, 1, 0, 0, 1, 1, 2}), {2, 4, 3, 3}, random_weights({6, 2, 1, 1}));
}

TEST_CASE("linear maps: transposed convolutions") {
  check_map(ConvTranspose(20, {2, 2, 2, 2, 0, 0, 1, 1, 1}, 0, 0), {2, 17, 4, 5},
            random_weights({17, 20, 2, 2}));
  check_map(ConvTranspose(5, {3, 3, 2, 2, 1, 1, 1, 1, 1}, 1, 1), {2, 16, 5, 4},
            random_weights({16, 5, 3, 3}));
}

TEST_CASE("linear maps: layers that are none say so") {
  const kernels::EngineOptions engines;
  CHECK(Relu().linear_map({.device = kCpuDevice,
                           .threads = 1,
                           .x = {{1, 3, 2, 2}, kBlocked16, 0},
                           .y = {{1, 3, 2, 2}, kBlocked16, 0},
                           .engines = &engines}) == nullptr);
}
