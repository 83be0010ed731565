#include "kernels/broadcast.h"
#include "tests/parity/case.h"

namespace parity {
namespace {

using namespace cutaway::kernels;
using cutaway::Stream;

struct Named {
  const char *name, *down;
  BinaryOp op;
};
constexpr Named kOperations[] = {
    {"add", "add gradient", BinaryOp::kAdd},
    {"subtract", "subtract gradient", BinaryOp::kSubtract},
    {"multiply", "multiply gradient", BinaryOp::kMultiply},
    {"divide", "divide gradient", BinaryOp::kDivide},
    {"maximum", "maximum gradient", BinaryOp::kMaximum},
    {"minimum", "minimum gradient", BinaryOp::kMinimum},
};

/// Extents of an operand: each as they are, or 1.
Shape operand(Fixture& f, const Shape& y) {
  const auto extent = [&](std::int64_t e) { return f.draw(0, 2) == 0 ? 1 : e; };
  return {y.n, extent(y.c), extent(y.h), extent(y.w)};
}

}  // namespace

void add_broadcast(Cases& cases) {
  for (const Named& named : kOperations) {
    const BinaryOp op = named.op;
    for (Case* c : add(cases, "broadcast", named.name, kExact, [op](Fixture& f) -> Launch {
           const Shape y = f.shape();
           Shape a = y, b = operand(f, y);
           if (f.draw(0, 1) == 0) std::swap(a, b);
           const Binary k{f.input(a, f.layout(a.c), Values::kSpecial),
                          f.input(b, f.layout(b.c), Values::kPositive), f.output(y, f.layout(y.c)),
                          op};
           return [k](Stream& stream) { run(stream, k); };
         })) {
      c->zeros = true;
    }
    for (Case* c : add(cases, "broadcast", named.down, kExact, [op](Fixture& f) -> Launch {
           const Shape y = f.shape();
           const Shape a = operand(f, y);
           const std::int32_t which = f.draw(0, 1);
           // One of them has all of y's extents.
           const View<const float> x0 =
               f.input(which == 0 ? a : y, f.layout(which == 0 ? a.c : y.c));
           const View<const float> x1 =
               f.input(which == 1 ? a : y, f.layout(which == 1 ? a.c : y.c), Values::kPositive);
           const View<const float> dy = f.input(y, f.layout(y.c));
           const BinaryBackward own{x0, x1, dy, f.output(a, f.layout(a.c)), op, which};
           const BinaryBackward other{x0, x1, dy, f.output(y, f.layout(y.c)), op, 1 - which};
           return [own, other](Stream& stream) {
             run(stream, own);
             run(stream, other);
           };
         })) {
      c->zeros = true;
    }
  }
  add(cases, "broadcast", "plain constant", kExact, [](Fixture& f) -> Launch {
    const Shape y = f.shape();
    const Shape vector{1, y.c, 1, 1};
    const View<float> out = f.changing(y, f.layout(y.c));
    const Binary k{out, f.input(vector, cutaway::kPlain), out, BinaryOp::kMultiply};
    return [k](Stream& stream) { run(stream, k); };
  });
}

}  // namespace parity
