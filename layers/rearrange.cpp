#include "layers/rearrange.h"

#include <algorithm>
#include <array>
#include <limits>

#include "runtime/error.h"

namespace cutaway {
namespace {

using kernels::Permutation;

constexpr std::int64_t kMost = 1 << 24;
// By kernels::Permutation.
constexpr std::array kKinds{"channel_shuffle", "depth_to_space", "space_to_depth", "transpose",
                            "reshape"};
constexpr std::string_view kAxes = "chw";

Permutation kind_named(const std::string& name) {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (name == kKinds[i]) return static_cast<Permutation>(i);
  }
  throw Error(ErrorKind::kInput, "kind of a rearrangement")
      .expected("channel_shuffle, depth_to_space, space_to_depth, transpose or reshape")
      .got(name.substr(0, 64));
}

Attributes described(Permutation kind) {
  return {{"kind", std::string(kKinds[static_cast<std::size_t>(kind)])}};
}

/// The extents of a reshape, with what is left filled in.
Shape reshaped(const Shape& x, const Shape& wanted) {
  const std::int64_t count = x.c * x.plane();
  std::int64_t known = 1;
  for (const std::int64_t e : {wanted.c, wanted.h, wanted.w}) known *= std::max<std::int64_t>(e, 1);
  const auto extent = [&](std::int64_t e) { return e == 0 ? count / known : e; };
  const Shape y{x.n, extent(wanted.c), extent(wanted.h), extent(wanted.w)};
  if (y.c * y.plane() != count) {
    throw Error(ErrorKind::kShape, "a reshape into another number of values")
        .expected(std::to_string(count) + " an image, as in " + to_string(x))
        .got(to_string(y));
  }
  return y;
}

Shape transposed(const Shape& x, const std::int32_t (&order)[3]) {
  const std::int64_t from[] = {x.c, x.h, x.w};
  return {x.n, from[order[0]], from[order[1]], from[order[2]]};
}

void expect_multiple(std::int64_t extent, std::int64_t of, const char* what) {
  if (extent % of == 0) return;
  throw Error(ErrorKind::kShape, std::string(what) + " of a rearrangement")
      .expected("a multiple of " + std::to_string(of))
      .got(std::to_string(extent));
}

}  // namespace

Rearrange Rearrange::channel_shuffle(std::int64_t groups) {
  Attributes a = described(Permutation::kShuffle);
  a.set("groups", groups);
  return Rearrange(a);
}

Rearrange Rearrange::depth_to_space(std::int64_t block, bool column_first) {
  Attributes a = described(Permutation::kDepthToSpace);
  a.set("block", block);
  a.set("column_first", column_first);
  return Rearrange(a);
}

Rearrange Rearrange::space_to_depth(std::int64_t block, bool column_first) {
  Attributes a = described(Permutation::kSpaceToDepth);
  a.set("block", block);
  a.set("column_first", column_first);
  return Rearrange(a);
}

Rearrange Rearrange::transpose(const std::string& order) {
  Attributes a = described(Permutation::kTranspose);
  a.set("order", order);
  return Rearrange(a);
}

Rearrange Rearrange::reshape(std::int64_t channels, std::int64_t height, std::int64_t width) {
  Attributes a = described(Permutation::kReshape);
  a.set("channels", channels);
  a.set("height", height);
  a.set("width", width);
  return Rearrange(a);
}

Rearrange::Rearrange(const Attributes& a)
    : attributes_(described(kind_named(a.text("kind", "")))),
      permutation_(kind_named(a.text("kind", ""))) {
  switch (permutation_) {
    case Permutation::kShuffle:
      size_ = static_cast<std::int32_t>(a.integer("groups", 1, kMost));
      attributes_.set("groups", std::int64_t{size_});
      break;
    case Permutation::kDepthToSpace:
    case Permutation::kSpaceToDepth:
      size_ = static_cast<std::int32_t>(a.integer("block", 1, 1024));
      column_first_ = a.flag("column_first", false);
      attributes_.set("block", std::int64_t{size_});
      attributes_.set("column_first", column_first_);
      break;
    case Permutation::kTranspose: {
      const std::string order = a.text("order", "");
      if (!std::ranges::is_permutation(order, kAxes)) {
        throw Error(ErrorKind::kInput, "order of a transposition")
            .expected("the letters c, h and w, each once")
            .got(order.substr(0, 16));
      }
      for (std::size_t k = 0; k < 3; ++k)
        order_[k] = static_cast<std::int32_t>(kAxes.find(order[k]));
      attributes_.set("order", order);
      break;
    }
    case Permutation::kReshape: {
      extents_ = {1, a.integer("channels", 0, kMost), a.integer("height", 0, kMost),
                  a.integer("width", 0, kMost)};
      const int open =
          (extents_.c == 0 ? 1 : 0) + (extents_.h == 0 ? 1 : 0) + (extents_.w == 0 ? 1 : 0);
      if (open > 1) {
        throw Error(ErrorKind::kInput, "extents of a reshape")
            .expected("at most one 0")
            .got(std::to_string(open));
      }
      attributes_.set("channels", extents_.c);
      attributes_.set("height", extents_.h);
      attributes_.set("width", extents_.w);
      break;
    }
  }
}

Shape Rearrange::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  const Shape& x = in[0];
  if (x.c * x.plane() > std::numeric_limits<std::int32_t>::max()) {
    throw Error(ErrorKind::kShape, "an image too large to be rearranged").got(to_string(x));
  }
  const std::int64_t area = std::int64_t{size_} * size_;
  switch (permutation_) {
    case Permutation::kShuffle:
      expect_multiple(x.c, size_, "channels");
      return x;
    case Permutation::kDepthToSpace:
      expect_multiple(x.c, area, "channels");
      return {x.n, x.c / area, x.h * size_, x.w * size_};
    case Permutation::kSpaceToDepth:
      expect_multiple(x.h, size_, "rows");
      expect_multiple(x.w, size_, "columns");
      return {x.n, x.c * area, x.h / size_, x.w / size_};
    case Permutation::kTranspose:
      return transposed(x, order_);
    case Permutation::kReshape:
      return reshaped(x, extents_);
  }
  return x;
}

Window Rearrange::window() const {
  Window w;
  w.global = permutation_ != Permutation::kShuffle;
  return w;
}

void Rearrange::forward(const Call& c) const {
  kernels::run(c.stream, kernels::Permute{.x = c.in[0].in(),
                                          .y = c.out.out(),
                                          .permutation = permutation_,
                                          .size = size_,
                                          .column_first = column_first_,
                                          .order = {order_[0], order_[1], order_[2]}});
}

kernels::Permute Rearrange::inverse(const Shape& x) const {
  kernels::Permute k{.x = {},
                     .y = {},
                     .permutation = permutation_,
                     .size = size_,
                     .column_first = column_first_,
                     .order = {0, 1, 2}};
  switch (permutation_) {
    case Permutation::kShuffle:
      k.size = static_cast<std::int32_t>(x.c) / size_;
      break;
    case Permutation::kDepthToSpace:
      k.permutation = Permutation::kSpaceToDepth;
      break;
    case Permutation::kSpaceToDepth:
      k.permutation = Permutation::kDepthToSpace;
      break;
    case Permutation::kTranspose:
      for (std::int32_t i = 0; i < 3; ++i) k.order[order_[i]] = i;
      break;
    case Permutation::kReshape:
      break;
  }
  return k;
}

void Rearrange::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::Permute k = inverse(c.dx[0].shape());
  k.x = c.dy.in();
  k.y = c.dx[0].out();
  kernels::run(c.stream, k);
}

}  // namespace cutaway
