#include "kernels/rearrange.h"
#include "kernels/resize.h"
#include "tests/parity/case.h"

namespace parity {
namespace {

using namespace cutaway::kernels;
using cutaway::Stream;

/// A range of an axis and how many places it has.
struct Drawn {
  SliceAxis axis;
  std::int64_t count;
};
Drawn draw_range(Fixture& f, std::int64_t extent, std::int32_t unit) {
  const std::int32_t step = f.draw(1, 3);
  auto start = static_cast<std::int32_t>(f.draw(0, static_cast<std::int32_t>(extent) - 1));
  if (f.draw(0, 1) == 0) start = start / unit * unit;
  const std::int64_t most = cutaway::ceil_div(extent - start, step);
  return {{start, step}, f.draw(0, 1) == 0 ? most : f.draw(1, static_cast<std::int32_t>(most))};
}

Launch slice(Fixture& f) {
  const Shape s = f.shape();
  Drawn c = draw_range(f, s.c, 16);
  if (f.draw(0, 1) == 0) c = {{c.axis.start, 1}, s.c - c.axis.start};
  const Drawn h = draw_range(f, s.h, 1), w = draw_range(f, s.w, 1);
  const Shape part{s.n, c.count, h.count, w.count};
  const Slice up{f.input(s, f.layout(s.c)), f.output(part, f.layout(part.c)), c.axis, h.axis,
                 w.axis};
  const SliceBackward down{f.input(part, f.layout(part.c)), f.output(s, f.layout(s.c)), c.axis,
                           h.axis, w.axis};
  return [up, down](Stream& stream) {
    run(stream, up);
    run(stream, down);
  };
}

Launch permute(Fixture& f, const Shape& from, const Shape& to, Permute k) {
  k.x = f.input(from, f.layout(from.c));
  k.y = f.output(to, f.layout(to.c));
  return [k](Stream& stream) { run(stream, k); };
}

Permute permutation(Permutation p, std::int32_t size, bool column_first = false) {
  return {.x = {},
          .y = {},
          .permutation = p,
          .size = size,
          .column_first = column_first,
          .order = {0, 1, 2}};
}

Launch shuffle(Fixture& f) {
  Shape s = f.shape();
  const std::int32_t groups = f.draw(1, 4);
  s.c *= groups;
  return permute(f, s, s, permutation(Permutation::kShuffle, groups));
}

Launch depth_to_space(Fixture& f, bool back) {
  const Shape s = f.shape();
  const std::int32_t size = f.draw(1, 3);
  const Shape deep{s.n, s.c * size * size, s.h, s.w}, wide{s.n, s.c, s.h * size, s.w * size};
  const bool column_first = f.draw(0, 1) == 0;
  if (back)
    return permute(f, wide, deep, permutation(Permutation::kSpaceToDepth, size, column_first));
  return permute(f, deep, wide, permutation(Permutation::kDepthToSpace, size, column_first));
}

Launch transpose(Fixture& f) {
  const Shape s = f.shape();
  constexpr std::int32_t kOrders[][3] = {{1, 2, 0}, {2, 0, 1}, {0, 2, 1}, {2, 1, 0}, {1, 0, 2}};
  Permute k = permutation(Permutation::kTranspose, 1);
  const auto& order = kOrders[f.draw(0, 4)];
  const std::int64_t from[] = {s.c, s.h, s.w};
  for (int i = 0; i < 3; ++i) k.order[i] = order[i];
  return permute(f, s, {s.n, from[order[0]], from[order[1]], from[order[2]]}, k);
}

Launch reshape(Fixture& f) {
  const Shape s = f.shape();
  const Shape to = f.draw(0, 1) == 0 ? Shape{s.n, s.h, s.w, s.c} : Shape{s.n, s.w * s.h, 1, s.c};
  return permute(f, s, to, permutation(Permutation::kReshape, 1));
}

Launch resize(Fixture& f) {
  const Shape s = f.shape();
  Shape to = s;
  to.h = f.draw(1, 23);
  to.w = f.draw(1, 23);
  const auto axis = [&](std::int64_t in, std::int64_t out) -> ResizeAxis {
    const float ratio = static_cast<float>(in) / static_cast<float>(out);
    return f.draw(0, 1) == 0 ? ResizeAxis{ratio, 0.5F, -0.5F} : ResizeAxis{ratio, 0.0F, 0.0F};
  };
  const ResizeAxis rows = axis(s.h, to.h), columns = axis(s.w, to.w);
  const auto how = static_cast<Interpolation>(f.draw(0, 4));
  const Resize up{f.input(s, f.layout(s.c)), f.output(to, f.layout(s.c)), rows, columns, how};
  const ResizeBackward down{f.input(to, f.layout(s.c)), f.output(s, f.layout(s.c)), rows, columns,
                            how};
  return [up, down](Stream& stream) {
    run(stream, up);
    run(stream, down);
  };
}

}  // namespace

void add_move(Cases& cases) {
  for (Case* c : add(cases, "move", "slice", kExact, slice)) c->zeros = true;
  add(cases, "move", "channel shuffle", kExact, shuffle);
  add(cases, "move", "depth to space", kExact, [](Fixture& f) { return depth_to_space(f, false); });
  add(cases, "move", "space to depth", kExact, [](Fixture& f) { return depth_to_space(f, true); });
  add(cases, "move", "transpose", kExact, transpose);
  add(cases, "move", "reshape", kExact, reshape);
  for (Case* c : add(cases, "move", "resize", kExact, resize)) c->zeros = true;
}

}  // namespace parity
