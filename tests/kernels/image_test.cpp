#include "kernels/image.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/kernels/support.h"

using namespace cutaway;
using namespace cutaway::kernels;
using namespace cutaway::test;

namespace {

/// Bilinear with half-pixel centres and clamped edges, in double.
Values resize(const Values& x, const Shape& from, const Shape& to) {
  Values y(static_cast<std::size_t>(to.count()));
  const auto source = [](std::int64_t i, std::int64_t in, std::int64_t out) {
    const double at =
        (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
    return std::min(std::max(at, 0.0), static_cast<double>(in - 1));
  };
  for (std::int64_t plane = 0; plane < to.n * to.c; ++plane) {
    for (std::int64_t h = 0; h < to.h; ++h) {
      for (std::int64_t w = 0; w < to.w; ++w) {
        const double row = source(h, from.h, to.h);
        const double column = source(w, from.w, to.w);
        const auto r0 = static_cast<std::int64_t>(row);
        const auto c0 = static_cast<std::int64_t>(column);
        const auto at = [&](std::int64_t i, std::int64_t j) {
          return x[index_of(from, 0, plane, std::min(i, from.h - 1), std::min(j, from.w - 1))];
        };
        const double fr = row - static_cast<double>(r0);
        const double fc = column - static_cast<double>(c0);
        y[index_of(to, 0, plane, h, w)] =
            (1 - fr) * ((1 - fc) * at(r0, c0) + fc * at(r0, c0 + 1)) +
            fr * ((1 - fc) * at(r0 + 1, c0) + fc * at(r0 + 1, c0 + 1));
      }
    }
  }
  return y;
}

}  // namespace

TEST_CASE("bilinear resize: the check vector and an untouched image of the same size") {
  Random r(51);
  CpuStream stream(1);
  Floats x = filled(r, {1, 1, 1, 2}, Family::kPlain, {0, 1});
  Floats y(r, {1, 1, 1, 4}, Family::kPlain);
  run(stream, ResizeBilinear{x.view(), y.view()});
  CHECK(y.get() == Values{0, .25, .75, 1});
  const Shape s{1, 3, 5, 6};
  const Values same_size = r.values(s);
  Floats a = filled(r, s, Family::kBlocked, same_size);
  Floats b(r, s, Family::kBlocked);
  run(stream, ResizeBilinear{a.view(), b.view()});
  CHECK(mismatches(b.get(), same_size, 0.0) == 0);
}

TEST_CASE("bilinear resize and its adjoint between random sizes") {
  Random r(52);
  CpuStream stream(2);
  for (int i = 0; i < 400; ++i) {
    const Shape from{r.between(1, 2), r.between(1, 24), r.between(1, 12), r.between(1, 12)};
    Shape to = from;
    to.h = r.between(1, 30);
    to.w = r.between(1, 30);
    const Family kind = family(r);
    const Values values = r.values(from);
    const Values seeds = r.values(to);
    Floats x = filled(r, from, kind, values);
    Floats dy = filled(r, to, kind, seeds);
    Floats y(r, to, kind), dx(r, from, kind);
    run(stream, ResizeBilinear{x.view(), y.view()});
    run(stream, ResizeBilinearBackward{dy.view(), dx.view()});
    // Weights are rounded to float: some 1e-7 each.
    CHECK(mismatches(y.get(), resize(values, from, to), 1e-6) == 0);
    CHECK(adjoint_error(y.get(), seeds, values, dx.get()) <= 1e-6);
    CHECK((y.damage() + dx.damage()) == "");
  }
}

TEST_CASE("the adjoint of resizing, column by column of the matrix") {
  Random r(53);
  CpuStream stream(1);
  for (const auto& [in, out] :
       {std::pair<std::int64_t, std::int64_t>{7, 19}, {19, 7}, {1, 6}, {6, 1}, {5, 5}}) {
    const Shape from{1, 1, 1, in}, to{1, 1, 1, out};
    for (std::int64_t i = 0; i < in; ++i) {
      Values unit(static_cast<std::size_t>(in), 0.0);
      unit[static_cast<std::size_t>(i)] = 1.0;
      const Values column = resize(unit, from, to);
      for (std::int64_t j = 0; j < out; ++j) {
        Values seed(static_cast<std::size_t>(out), 0.0);
        seed[static_cast<std::size_t>(j)] = 1.0;
        Floats dy = filled(r, to, Family::kPlain, seed);
        Floats dx(r, from, Family::kPlain);
        run(stream, ResizeBilinearBackward{dy.view(), dx.view()});
        const double got = dx.get()[static_cast<std::size_t>(i)];
        CHECK(std::fabs(got - column[static_cast<std::size_t>(j)]) <= 1e-6);
      }
    }
  }
}

TEST_CASE("padding, zero, mirrored or with the edge repeated, and its adjoint") {
  Random r(54);
  CpuStream stream(2);
  for (int i = 0; i < 400; ++i) {
    const Shape s{r.between(1, 2), r.between(1, 24), r.between(1, 7), r.between(1, 7)};
    const auto mode = static_cast<PadMode>(i % 3);
    const std::int64_t most_h = mode != PadMode::kReflect ? 9 : s.h - 1;
    const std::int64_t most_w = mode != PadMode::kReflect ? 9 : s.w - 1;
    const auto top = static_cast<std::int32_t>(r.between(0, most_h));
    const auto left = static_cast<std::int32_t>(r.between(0, most_w));
    Shape padded = s;
    padded.h += top + r.between(0, most_h);
    padded.w += left + r.between(0, most_w);
    const Values values = r.values(s);
    const Values seeds = r.values(padded);
    Values want(seeds.size(), 0.0), want_back(values.size(), 0.0);
    const auto mirrored = [](std::int64_t at, std::int64_t extent) {
      return at < 0 ? -at : at >= extent ? 2 * (extent - 1) - at : at;
    };
    for (std::int64_t plane = 0; plane < s.n * s.c; ++plane) {
      for (std::int64_t h = 0; h < padded.h; ++h) {
        for (std::int64_t w = 0; w < padded.w; ++w) {
          std::int64_t row = h - top, column = w - left;
          const bool outside = row < 0 || row >= s.h || column < 0 || column >= s.w;
          if (mode == PadMode::kZero && outside) continue;
          if (mode == PadMode::kEdge) {
            row = std::clamp<std::int64_t>(row, 0, s.h - 1);
            column = std::clamp<std::int64_t>(column, 0, s.w - 1);
          }
          row = mirrored(row, s.h);
          column = mirrored(column, s.w);
          want[index_of(padded, 0, plane, h, w)] = values[index_of(s, 0, plane, row, column)];
          want_back[index_of(s, 0, plane, row, column)] += seeds[index_of(padded, 0, plane, h, w)];
        }
      }
    }
    const Family kind = family(r);
    Floats x = filled(r, s, kind, values);
    Floats dy = filled(r, padded, kind, seeds);
    Floats y(r, padded, kind), dx(r, s, kind);
    run(stream, Pad{x.view(), y.view(), top, left, mode});
    run(stream, PadBackward{dy.view(), dx.view(), top, left, mode});
    CHECK(mismatches(y.get(), want, 0.0) == 0);
    // At most 9 terms, or 361 at a corner that is repeated.
    CHECK(mismatches(dx.get(), want_back, mode == PadMode::kEdge ? 1e-5 : 1e-6) == 0);
    CHECK(adjoint_error(y.get(), seeds, values, dx.get()) <= 1e-6);
    CHECK((y.damage() + dx.damage()) == "");
  }
}

TEST_CASE("reductions over channels") {
  Random r(55);
  CpuStream stream(2);
  for (int i = 0; i < 300; ++i) {
    const Shape s{r.between(1, 3), r.between(1, 50), r.between(1, 5), r.between(1, 6)};
    const Shape one{s.n, 1, s.h, s.w};
    const Family kind = family(r);
    const Values values = r.values(s);
    const bool relu = r.chance(0.5);
    const bool shared = r.chance(0.5);  // one weight vector for all images
    const std::vector<float> weight = [&] {
      const Values w = r.values({s.n, s.c, 1, 1});
      return std::vector<float>(w.begin(), w.end());
    }();
    Values most(static_cast<std::size_t>(one.count())), sum(most), absolute(most), weighted(most),
        positive(most);
    for (std::size_t j = 0; j < values.size(); ++j) {
      const auto area = static_cast<std::size_t>(s.plane());
      const std::size_t image = j / (area * static_cast<std::size_t>(s.c));
      const std::size_t o = image * area + j % area;
      const std::size_t c = j / area % static_cast<std::size_t>(s.c);
      most[o] = std::max(most[o], std::fabs(values[j]));
      sum[o] += values[j];
      absolute[o] += std::fabs(values[j]);
      weighted[o] +=
          values[j] *
          static_cast<double>(weight[(shared ? 0 : image * static_cast<std::size_t>(s.c)) + c]);
    }
    for (std::size_t o = 0; o < sum.size(); ++o) {
      positive[o] = std::max(sum[o], 0.0);
      if (relu) weighted[o] = std::max(weighted[o], 0.0);
    }
    Floats x = filled(r, s, kind, values);
    // The map may be plain whatever the layout of x.
    Floats y(r, one, r.chance(0.5) ? kind : Family::kPlain);
    const auto check = [&](const Values& want) {
      CHECK(mismatches(y.get(), want, 1e-7) == 0);  // sums in double
      CHECK(y.damage() == "");
    };
    run(stream, ReduceChannels{x.view(), y.view(), ChannelReduction::kMaxAbs});
    check(most);
    run(stream, ReduceChannels{x.view(), y.view(), ChannelReduction::kSum});
    check(sum);
    run(stream, ReduceChannels{x.view(), y.view(), ChannelReduction::kSumAbs});
    check(absolute);
    run(stream, ReduceChannels{x.view(), y.view(), ChannelReduction::kPositiveSum});
    check(positive);
    run(stream, WeightedChannelSum{x.view(), weight.data(), shared ? 0 : s.c, y.view(), relu});
    check(weighted);
  }
}

TEST_CASE("image kernels give the same bytes for any number of threads") {
  Random r(56);
  const Shape s{2, 21, 17, 19}, big{2, 21, 40, 37}, one{2, 1, 40, 37};
  for (const Family kind : {Family::kPlain, Family::kBlocked, Family::kChannelsLast}) {
    Floats x = filled(r, s, kind, r.values(s));
    Floats y(r, big, kind, false), dx(r, s, kind, false), map(r, one, Family::kPlain, false);
    std::vector<float> first;
    for (const int threads : {1, 2, 5}) {
      CpuStream stream(threads);
      run(stream, ResizeBilinear{x.view(), y.view()});
      run(stream, ResizeBilinearBackward{y.view(), dx.view()});
      run(stream, ReduceChannels{y.view(), map.view(), ChannelReduction::kSum});
      std::vector<float> all = y.memory();
      all.insert(all.end(), dx.memory().begin(), dx.memory().end());
      all.insert(all.end(), map.memory().begin(), map.memory().end());
      if (first.empty()) first = all;
      CHECK(std::memcmp(first.data(), all.data(), all.size() * sizeof(float)) == 0);
    }
  }
}
