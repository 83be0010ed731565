#include "layers/group_norm.h"

#include "kernels/group_norm.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

struct Sums final : Prepared {
  std::size_t bytes;
  explicit Sums(std::size_t b) : bytes(b) {}
  std::size_t scratch_bytes() const override { return bytes; }
};

const float* data_or_null(std::span<const TensorRef> tensors, std::size_t i) {
  return i < tensors.size() ? tensors[i].in().data : nullptr;
}

float* gradient_or_null(std::span<const TensorRef> tensors, std::size_t i) {
  return i < tensors.size() && tensors[i] ? tensors[i].out().data : nullptr;
}

}  // namespace

GroupNorm::GroupNorm(std::int64_t groups, double eps, bool affine)
    : groups_(groups), eps_(eps), affine_(affine) {
  if (!(groups >= 0 && groups <= (1 << 20) && eps > 0.0 && eps < 1.0)) {
    throw Error(ErrorKind::kInput, "group normalisation")
        .expected("groups from 0 (one a channel), and 0 < eps < 1")
        .got(std::to_string(groups) + " groups, eps " + std::to_string(eps));
  }
}

GroupNorm::GroupNorm(const Attributes& a)
    : GroupNorm(a.integer("groups", 0, 1 << 20), a.number("eps", 1e-5), a.flag("affine", true)) {}

Attributes GroupNorm::attributes() const {
  return {{"groups", groups_}, {"eps", eps_}, {"affine", affine_}};
}

Shape GroupNorm::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  if (in[0].c % groups_of(in[0].c) != 0) {
    throw Error(ErrorKind::kShape, "channels of a group normalisation")
        .expected("a multiple of " + std::to_string(groups_) + " groups")
        .got(std::to_string(in[0].c));
  }
  return in[0];
}

std::vector<ParameterSpec> GroupNorm::parameters(std::span<const Shape> in) const {
  if (!affine_) return {};
  const Shape vector{1, in[0].c, 1, 1};
  return {{"gamma", vector, Initializer::kOne, true, false},
          {"beta", vector, Initializer::kZero, true, false}};
}

std::optional<Layer::AuxSpec> GroupNorm::aux(std::span<const Shape> in, bool) const {
  return AuxSpec{DType::kF32, {1, 2 * in[0].n * groups_of(in[0].c), 1, 1}, false};
}

Window GroupNorm::window() const {
  Window w;
  w.global = true;
  return w;
}

std::unique_ptr<Prepared> GroupNorm::prepare(const PrepareContext& c) const {
  return std::make_unique<Sums>(kernels::channel_pairs_bytes(geometry_of(c.in[0])));
}

void GroupNorm::forward(const Call& c) const {
  const View<const float> x = c.in[0].in();
  const std::int64_t groups = groups_of(x.shape.c);
  float* mean = c.aux.view<float>().data;
  float* scale = mean + x.shape.n * groups;
  kernels::run(c.stream, kernels::GroupMoments{.x = x,
                                               .groups = groups,
                                               .eps = static_cast<float>(eps_),
                                               .mean = mean,
                                               .scale = scale,
                                               .scratch = reinterpret_cast<double*>(c.scratch)});
  kernels::run(c.stream, kernels::GroupNorm{.x = x,
                                            .y = c.out.out(),
                                            .groups = groups,
                                            .mean = mean,
                                            .scale = scale,
                                            .gamma = data_or_null(c.params, 0),
                                            .beta = data_or_null(c.params, 1)});
}

std::unique_ptr<Prepared> GroupNorm::prepare_vjp(const PrepareContext& c) const {
  return std::make_unique<Sums>(
      kernels::group_norm_backward_bytes(geometry_of(c.dy), groups_of(c.dy.shape.c)));
}

void GroupNorm::vjp(const BackCall& c) const {
  const View<const float> x = c.in[0].in();
  const std::int64_t groups = groups_of(x.shape.c);
  const float* mean = c.aux.view<const float>().data;
  kernels::run(c.stream,
               kernels::GroupNormBackward{.x = x,
                                          .dy = c.dy.in(),
                                          .dx = c.dx[0] ? c.dx[0].out() : View<float>{},
                                          .groups = groups,
                                          .mean = mean,
                                          .scale = mean + x.shape.n * groups,
                                          .gamma = data_or_null(c.params, 0),
                                          .dgamma = gradient_or_null(c.dparams, 0),
                                          .dbeta = gradient_or_null(c.dparams, 1),
                                          .scratch = reinterpret_cast<double*>(c.scratch)});
}

}  // namespace cutaway
