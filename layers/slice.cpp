#include "layers/slice.h"

#include "runtime/error.h"

namespace cutaway {
namespace {

constexpr std::int64_t kMost = 1 << 24;

SliceRange range_from(const Attributes& a, const std::string& axis) {
  return {a.integer(axis + "_start", 0, 0, kMost), a.integer(axis + "_count", 0, 0, kMost),
          a.integer(axis + "_step", 1, 1, kMost)};
}

void add_range(Attributes& a, const std::string& axis, const SliceRange& r) {
  a.set(axis + "_start", r.start);
  a.set(axis + "_count", r.count);
  a.set(axis + "_step", r.step);
}

std::int64_t count_of(const SliceRange& r, std::int64_t extent, const char* axis) {
  const std::int64_t most = r.start < extent ? ceil_div(extent - r.start, r.step) : 0;
  if (most < 1 || r.count > most) {
    throw Error(ErrorKind::kShape, std::string("a slice of ") + axis + " that are not there")
        .expected(std::to_string(r.count) + " from " + std::to_string(r.start) + " in steps of " +
                  std::to_string(r.step))
        .got(std::to_string(extent) + " " + axis);
  }
  return r.count == 0 ? most : r.count;
}

kernels::SliceAxis axis_of(const SliceRange& r) {
  return {static_cast<std::int32_t>(r.start), static_cast<std::int32_t>(r.step)};
}

}  // namespace

Slice::Slice(const SliceRange& channels, const SliceRange& rows, const SliceRange& columns)
    : channels_(channels), rows_(rows), columns_(columns) {
  for (const SliceRange& r : {channels, rows, columns}) {
    const bool good = r.start >= 0 && r.start <= kMost && r.count >= 0 && r.count <= kMost &&
                      r.step >= 1 && r.step <= kMost;
    if (!good) {
      throw Error(ErrorKind::kInput, "range of a slice")
          .expected("start and count from 0, step from 1, all to " + std::to_string(kMost))
          .got(std::to_string(r.start) + ", " + std::to_string(r.count) + ", " +
               std::to_string(r.step));
    }
  }
}

Slice::Slice(const Attributes& a)
    : Slice(range_from(a, "channel"), range_from(a, "row"), range_from(a, "column")) {}

Attributes Slice::attributes() const {
  Attributes a;
  add_range(a, "channel", channels_);
  add_range(a, "row", rows_);
  add_range(a, "column", columns_);
  return a;
}

Shape Slice::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return {in[0].n, count_of(channels_, in[0].c, "channels"), count_of(rows_, in[0].h, "rows"),
          count_of(columns_, in[0].w, "columns")};
}

Window Slice::window() const {
  Window w;
  w.stride_h = rows_.step;
  w.stride_w = columns_.step;
  w.pad_h = -rows_.start;
  w.pad_w = -columns_.start;
  return w;
}

void Slice::forward(const Call& c) const {
  kernels::run(c.stream, kernels::Slice{c.in[0].in(), c.out.out(), axis_of(channels_),
                                        axis_of(rows_), axis_of(columns_)});
}

void Slice::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::run(c.stream, kernels::SliceBackward{c.dy.in(), c.dx[0].out(), axis_of(channels_),
                                                axis_of(rows_), axis_of(columns_)});
}

}  // namespace cutaway
