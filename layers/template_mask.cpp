#include "layers/template_mask.h"

#include "kernels/pool.h"
#include "kernels/template_mask.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

Shape one_a_map(const Shape& in) { return {in.n, in.c, 1, 1}; }

/// Room for the maxima themselves, which nobody reads.
struct Maxima final : Prepared {
  std::size_t bytes;
  Maxima(const Shape& in, Layout layout)
      : bytes(static_cast<std::size_t>(stored_count(one_a_map(in), layout)) * sizeof(float)) {}
  std::size_t scratch_bytes() const override { return bytes; }
};

}  // namespace

TemplateMask::TemplateMask(double beta) : beta_(beta) {
  if (!(beta > 0.0 && beta <= 1000.0)) {
    throw Error(ErrorKind::kInput, "beta of a template mask")
        .expected("above 0, at most 1000")
        .got(std::to_string(beta));
  }
}

Shape TemplateMask::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return in[0];
}

std::optional<Layer::AuxSpec> TemplateMask::aux(std::span<const Shape> in, bool) const {
  return AuxSpec{DType::kI32, one_a_map(in[0]), true};
}

Window TemplateMask::window() const {
  Window w;
  w.global = true;
  return w;
}

std::unique_ptr<Prepared> TemplateMask::prepare(const PrepareContext& c) const {
  return std::make_unique<Maxima>(c.out.shape, c.out.layout);
}

void TemplateMask::forward(const Call& c) const {
  const View<std::int32_t> pick = c.aux.view<std::int32_t>();
  const auto maxima = dense_view(reinterpret_cast<float*>(c.scratch), pick.shape, {pick.block});
  kernels::run(c.stream, kernels::GlobalMaxPool{c.in[0].in(), maxima, pick});
  kernels::run(c.stream, kernels::TemplateMask{c.in[0].in(), c.aux.view<const std::int32_t>(),
                                               c.out.out(), static_cast<float>(beta_)});
}

void TemplateMask::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::run(c.stream, kernels::TemplateMaskBackward{c.out.in(), c.dy.in(),
                                                       c.aux.view<const std::int32_t>(),
                                                       c.dx[0].out(), static_cast<float>(beta_)});
}

}  // namespace cutaway
