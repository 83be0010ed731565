#include "layers/concat.h"

#include "kernels/elementwise.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

/// Channels [first, first + count) of a blocked tensor when `first` is inside a block: seen as
/// one-lane blocks, a channel at a time would do, so copy channel by channel.
template <class From, class To>
void copy_channels(Stream& stream,
                   View<From> from,
                   std::int64_t from_first,
                   View<To> to,
                   std::int64_t to_first,
                   std::int64_t count) {
  const bool aligned = from.block == to.block && from_first % from.block == 0 &&
                       to_first % to.block == 0 && count % to.block == 0;
  if (aligned) {
    kernels::run(stream, kernels::Reorder{channel_slice(View<const float>(from), from_first, count),
                                          channel_slice(to, to_first, count)});
    return;
  }
  for (std::int64_t c = 0; c < count; ++c) {
    const auto plane = [](auto v, std::int64_t channel) {
      v.data += v.offset(0, channel, 0, 0);
      v.shape.c = 1;
      v.block = 1;
      return v;
    };
    kernels::run(stream, kernels::Reorder{plane(View<const float>(from), from_first + c),
                                          plane(to, to_first + c)});
  }
}

/// Zeroes the block (of a channels-last tensor: the group of 8) that the last channel does not
/// fill.
void clear_padding(Stream& stream, const View<float>& v) {
  const std::int64_t unit = v.block <= 16 ? v.block : 8;
  const std::int64_t first = v.shape.c / unit * unit;
  if (first == v.shape.c) return;
  kernels::run(stream, kernels::Fill{channel_slice(v, first, v.shape.c - first), 0.0f});
}

}  // namespace

Shape Concat::infer(std::span<const Shape> in) const {
  if (in.empty()) throw Error(ErrorKind::kShape, "a concatenation of nothing");
  Shape out = in[0];
  out.c = 0;
  for (const Shape& s : in) {
    if (s.n != out.n || s.h != out.h || s.w != out.w) {
      throw Error(ErrorKind::kShape, "inputs of a concatenation differ in more than channels")
          .expected(to_string(in[0]))
          .got(to_string(s));
    }
    out.c += s.c;
  }
  return out;
}

void Concat::forward(const Call& c) const {
  const View<float> y = c.out.out();
  // A slice brings its own zeros behind the last channel; a copy does not.
  if (c.in.back()) clear_padding(c.stream, y);
  std::int64_t first = 0;
  for (const TensorRef& in : c.in) {
    // An input without data is a slice of the output and already in place.
    if (in) copy_channels(c.stream, in.in(), 0, y, first, in.shape().c);
    first += in.shape().c;
  }
}

void Concat::vjp(const BackCall& c) const {
  std::int64_t first = 0;
  for (std::size_t i = 0; i < c.dx.size(); ++i) {
    const std::int64_t count = c.in[i].shape().c;
    if (c.dx[i]) {
      const View<float> dx = c.dx[i].out();
      clear_padding(c.stream, dx);
      copy_channels(c.stream, c.dy.in(), first, dx, 0, count);
    }
    first += count;
  }
}

}  // namespace cutaway
