#include "layers/elementwise.h"

#include <algorithm>
#include <array>

#include "runtime/error.h"

namespace cutaway {
namespace {

using kernels::BinaryOp;

constexpr std::int64_t kMost = 1 << 20;
constexpr std::array kNames{"add", "subtract", "multiply", "divide", "maximum", "minimum"};

BinaryOp operation_named(const std::string& name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<BinaryOp>(i);
  }
  throw Error(ErrorKind::kInput, "elementwise operation")
      .expected("add, subtract, multiply, divide, maximum or minimum")
      .got(name.substr(0, 64));
}

std::int64_t common_extent(std::int64_t a, std::int64_t b) {
  if (a == b || b == 1) return a;
  return a == 1 ? b : 0;
}

Shape broadcast(const Shape& a, const Shape& b) {
  const Shape y{a.n, common_extent(a.c, b.c), common_extent(a.h, b.h), common_extent(a.w, b.w)};
  if (y.c == 0 || y.h == 0 || y.w == 0) {
    throw Error(ErrorKind::kShape, "operands of an elementwise operation differ")
        .expected("extents that are equal, or 1 in one of them; the first is " + to_string(a))
        .got(to_string(b));
  }
  return y;
}

}  // namespace

Elementwise::Elementwise(BinaryOp operation) : operation_(operation) {}

Elementwise::Elementwise(BinaryOp operation, const Shape& constant, bool reversed)
    : operation_(operation), has_constant_(true), reversed_(reversed), constant_(constant) {
  const auto within = [](std::int64_t v) { return v >= 1 && v <= kMost; };
  if (constant.n != 1 || !within(constant.c) || !within(constant.h) || !within(constant.w)) {
    throw Error(ErrorKind::kInput, "shape of a constant operand")
        .expected("1 x c x h x w, each from 1 to " + std::to_string(kMost))
        .got(to_string(constant));
  }
}

Elementwise::Elementwise(const Attributes& a)
    : Elementwise(operation_named(a.text("operation", ""))) {
  if (!a.flag("constant", false)) return;
  const auto extent = [&](const char* name) { return a.integer(name, 1, 1, kMost); };
  const Shape constant{1, extent("channels"), extent("height"), extent("width")};
  *this = Elementwise(operation_, constant, a.flag("reversed", false));
}

Attributes Elementwise::attributes() const {
  Attributes a{{"operation", std::string(kNames[static_cast<std::size_t>(operation_)])}};
  if (!has_constant_) return a;
  a.set("constant", true);
  a.set("channels", constant_.c);
  a.set("height", constant_.h);
  a.set("width", constant_.w);
  a.set("reversed", reversed_);
  return a;
}

Shape Elementwise::infer(std::span<const Shape> in) const {
  expect_inputs(in, has_constant_ ? 1 : 2);
  if (has_constant_) return broadcast(in[0], constant_);
  if (in[0].n != in[1].n) {
    throw Error(ErrorKind::kShape, "operands of an elementwise operation differ in images")
        .expected(std::to_string(in[0].n))
        .got(std::to_string(in[1].n));
  }
  return broadcast(in[0], in[1]);
}

std::vector<ParameterSpec> Elementwise::parameters(std::span<const Shape>) const {
  if (!has_constant_) return {};
  const bool neutral_is_one = operation_ == BinaryOp::kMultiply || operation_ == BinaryOp::kDivide;
  return {{"constant", constant_, neutral_is_one ? Initializer::kOne : Initializer::kZero, false,
           false}};
}

void Elementwise::forward(const Call& c) const {
  View<const float> x0 = c.in[0].in();
  View<const float> x1 = has_constant_ ? c.params[0].in() : c.in[1].in();
  if (reversed_) std::swap(x0, x1);
  kernels::run(c.stream, kernels::Binary{x0, x1, c.out.out(), operation_});
}

void Elementwise::vjp(const BackCall& c) const {
  View<const float> x0 = c.in[0].in();
  View<const float> x1 = has_constant_ ? c.params[0].in() : c.in[1].in();
  if (reversed_) std::swap(x0, x1);
  for (std::size_t j = 0; j < c.dx.size(); ++j) {
    if (!c.dx[j]) continue;
    const std::int32_t operand = j == 1 || reversed_ ? 1 : 0;
    kernels::run(c.stream,
                 kernels::BinaryBackward{x0, x1, c.dy.in(), c.dx[j].out(), operation_, operand});
  }
}

std::vector<std::string> elementwise_names() { return {kNames.begin(), kNames.end()}; }

}  // namespace cutaway
