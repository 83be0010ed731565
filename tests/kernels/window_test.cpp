#include "kernels/window.h"

#include <doctest/doctest.h>

#include "tests/kernels/support.h"

using namespace cutaway;
using namespace cutaway::kernels;
using namespace cutaway::test;

TEST_CASE("windows: cut from what is held, the base and what lies outside; the adjoint puts back") {
  Random r(71);
  CpuStream stream(2);
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    const Shape plane{1, r.between(1, 20), r.between(1, 9), r.between(1, 9)};
    const std::int64_t n = r.between(1, 3);
    const Shape held{n, plane.c, r.between(1, plane.h), r.between(1, plane.w)};
    const Shape cut{n, plane.c, r.between(1, 11), r.between(1, 11)};
    const bool with_base = r.chance(0.5);
    const double outside = r.chance(0.3) ? -kInf : 0.0;
    const Family kind = family(r);
    const Values x = r.values(held), base = r.values(plane), dy = r.values(cut);
    std::vector<WindowOrigin> origin;
    for (std::int64_t i = 0; i < n; ++i) {
      const auto any = [&](std::int64_t low, std::int64_t high) {
        return static_cast<std::int32_t>(r.between(low, high));
      };
      origin.push_back(
          {any(-3, plane.h), any(-3, plane.w), any(0, plane.h - held.h), any(0, plane.w - held.w)});
    }
    Values want, back(x.size(), 0.0);
    for (std::int64_t i = 0; i < n; ++i) {
      const WindowOrigin& o = origin[static_cast<std::size_t>(i)];
      for (std::int64_t c = 0; c < plane.c; ++c) {
        for (std::int64_t h = o.y_row; h < o.y_row + cut.h; ++h) {
          for (std::int64_t w = o.y_column; w < o.y_column + cut.w; ++w) {
            const std::int64_t a = h - o.x_row, b = w - o.x_column;
            const std::size_t here = want.size();
            if (h < 0 || w < 0 || h >= plane.h || w >= plane.w) {
              want.push_back(outside);
            } else if (a >= 0 && b >= 0 && a < held.h && b < held.w) {
              want.push_back(x[index_of(held, i, c, a, b)]);
              back[index_of(held, i, c, a, b)] = dy[here];
            } else {
              want.push_back(with_base ? base[index_of(plane, 0, c, h, w)] : outside);
            }
          }
        }
      }
    }
    Floats xs = filled(r, held, kind, x), bases = filled(r, plane, kind, base),
           dys = filled(r, cut, kind, dy);
    Floats y(r, cut, kind), dx(r, held, kind);
    CutWindow k{xs.view(),
                {},
                y.view(),
                origin.data(),
                static_cast<std::int32_t>(plane.h),
                static_cast<std::int32_t>(plane.w),
                static_cast<float>(outside)};
    if (with_base) k.base = bases.view();
    run(stream, k);
    run(stream, CutWindowBackward{dys.view(), dx.view(), origin.data()});
    CHECK(mismatches(y.get(), want, 0.0) == 0);
    CHECK(mismatches(dx.get(), back, 0.0) == 0);
    CHECK(y.damage() == "");
    CHECK(dx.damage() == "");
  }
}
