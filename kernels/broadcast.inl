// Included by cpu/broadcast.cpp and cuda/broadcast.cu, after their for_each.
#include "kernels/broadcast.h"

namespace cutaway::kernels {
namespace {

/// An operand, read at the places of a larger tensor.
struct Operand {
  View<const float> v;  // strides of broadcast axes are 0
  bool one_channel;
  bool channel_by_channel;  // its block is not the larger tensor's

  Operand(const View<const float>& x, const View<const float>& like)
      : v(x), one_channel(x.shape.c == 1), channel_by_channel(false) {
    if (x.shape.n == 1) v.stride_n = 0;
    if (x.shape.h == 1) v.stride_h = 0;
    if (x.shape.w == 1) v.stride_w = 0;
    // Of channels-last tensors each may be a slice of another whole: one block, whatever its size.
    const bool both_last = x.block > 16 && like.block > 16 && x.blocks() == 1 && like.blocks() == 1;
    channel_by_channel = x.block != like.block && !both_last;
  }

  /// Its V lanes from channel c on; lanes that are no channels hold anything finite or not, but are
  /// readable.
  template <int V>
  CUTAWAY_HD void load(const Site& s, std::int64_t block, Lanes<float, V>& lanes) const {
    const float* at = v.data + s.n * v.stride_n + s.h * v.stride_h + s.w * v.stride_w;
    if (one_channel) {
      const float value = *at;
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) lanes[l] = value;
      return;
    }
    if (!channel_by_channel) {
      at += s.cb * v.stride_b + s.lane;
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) lanes[l] = at[l];
      return;
    }
    const std::int64_t c = s.channel(block);
    for (int l = 0; l < V; ++l) {
      const bool real = c + l < v.shape.c;
      lanes[l] = real ? at[(c + l) / v.block * v.stride_b + (c + l) % v.block] : 0.0f;
    }
  }
};

struct Plus {
  CUTAWAY_HD static float value(float a, float b) { return a + b; }
  CUTAWAY_HD static float slope(int, float, float) { return 1.0f; }
};
struct Minus {
  CUTAWAY_HD static float value(float a, float b) { return a - b; }
  CUTAWAY_HD static float slope(int operand, float, float) { return operand == 0 ? 1.0f : -1.0f; }
};
struct Multiplied {
  CUTAWAY_HD static float value(float a, float b) { return a * b; }
  CUTAWAY_HD static float slope(int operand, float a, float b) { return operand == 0 ? b : a; }
};
struct Divided {
  CUTAWAY_HD static float value(float a, float b) { return a / b; }
  CUTAWAY_HD static float slope(int operand, float a, float b) {
    return operand == 0 ? 1.0f / b : -(a / b) / b;
  }
};
struct Larger {
  CUTAWAY_HD static float value(float a, float b) { return !(b <= a) & (a == a) ? b : a; }
  CUTAWAY_HD static float slope(int operand, float a, float b) {
    return a == b ? 0.5f : (a > b) == (operand == 0) ? 1.0f : 0.0f;
  }
};
struct Smaller {
  CUTAWAY_HD static float value(float a, float b) { return !(b >= a) & (a == a) ? b : a; }
  CUTAWAY_HD static float slope(int operand, float a, float b) {
    return a == b ? 0.5f : (a < b) == (operand == 0) ? 1.0f : 0.0f;
  }
};

template <class Op>
struct BinaryAt {
  Operand x0, x1;
  View<float> y;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    Lanes<float, V> a;
    Lanes<float, V> b;
    x0.load<V>(s, y.block, a);
    x1.load<V>(s, y.block, b);
    float* out = y.data + s.in(y);
    const auto real = static_cast<std::int32_t>(y.shape.c - s.channel(y.block));
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = l < real ? Op::value(a[l], b[l]) : 0.0f;
  }
};

/// One element of dx for every site; of dy it takes all the places that the element stood for.
template <class Op>
struct BinaryBackwardAt {
  Operand x0, x1;
  View<const float> dy;
  View<float> dx;
  std::int32_t operand;
  std::int64_t images, rows, columns;  // places per element, along each axis
  bool sums_channels, reads;

  template <int V>
  CUTAWAY_HD void one(const Site& s, Lanes<double, V>& sum) const {
    Lanes<float, V> a;
    Lanes<float, V> b;
    clear<V>(a);
    clear<V>(b);
    if (reads) {
      x0.load<V>(s, dy.block, a);
      x1.load<V>(s, dy.block, b);
    }
    const float* in = dy.data + s.in(dy);
    const auto real = static_cast<std::int32_t>(dy.shape.c - s.channel(dy.block));
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) {
      const float term = in[l] * Op::slope(operand, a[l], b[l]);
      sum[l] += static_cast<double>(l < real ? term : 0.0f);
    }
  }

  /// Sum over the images, rows and columns that site `s` of dx stands for, at the channels from
  /// `from` on.
  template <int V>
  CUTAWAY_HD void over_places(const Site& s, Lanes<double, V>& sum) const {
    for (std::int64_t n = s.n; n < s.n + images; ++n) {
      for (std::int64_t h = s.h; h < s.h + rows; ++h) {
        for (std::int64_t w = s.w; w < s.w + columns; ++w) {
          one<V>(Site{n, s.cb, h, w, s.lane}, sum);
        }
      }
    }
  }

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    Lanes<double, V> sum;
    clear<V>(sum);
    float* out = dx.data + s.in(dx);
    if (!sums_channels) {
      over_places<V>(s, sum);
      const auto real = static_cast<std::int32_t>(dx.shape.c - s.channel(dx.block));
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) out[l] = l < real ? static_cast<float>(sum[l]) : 0.0f;
      return;
    }
    // One channel stands for all: they are added one by one, in order.
    double total = 0.0;
    if (s.cb == 0 && s.lane == 0) {
      for (std::int64_t c = 0; c < dy.shape.c; ++c) {
        Lanes<double, 1> of_channel;
        clear<1>(of_channel);
        over_places<1>(Site{s.n, c / dy.block, s.h, s.w, c % dy.block}, of_channel);
        total += of_channel[0];
      }
    }
    for (int l = 0; l < V; ++l) {
      out[l] = s.cb == 0 && s.lane + l == 0 ? static_cast<float>(total) : 0.0f;
    }
  }
};

template <class Use>
void with_operation(BinaryOp op, const Use& use) {
  switch (op) {
    case BinaryOp::kAdd:
      return use(Plus{});
    case BinaryOp::kSubtract:
      return use(Minus{});
    case BinaryOp::kMultiply:
      return use(Multiplied{});
    case BinaryOp::kDivide:
      return use(Divided{});
    case BinaryOp::kMaximum:
      return use(Larger{});
    case BinaryOp::kMinimum:
      return use(Smaller{});
  }
}

}  // namespace

void run(CUTAWAY_STREAM& s, const Binary& k) {
  const View<const float> like = k.y;
  with_operation(k.op, [&](auto op) {
    for_each_site(s, SiteSpace::of(k.y),
                  BinaryAt<decltype(op)>{Operand(k.x0, like), Operand(k.x1, like), k.y});
  });
}

void run(CUTAWAY_STREAM& s, const BinaryBackward& k) {
  const Shape& from = k.dx.shape;
  const Shape& to = k.dy.shape;
  const auto places = [](std::int64_t own, std::int64_t all) { return own == 1 ? all : 1; };
  const bool sums_channels = from.c == 1 && to.c != 1;
  const bool reads = k.op != BinaryOp::kAdd && k.op != BinaryOp::kSubtract;
  const std::int64_t cost = places(from.n, to.n) * places(from.h, to.h) * places(from.w, to.w) *
                            (sums_channels ? to.c : 1);
  with_operation(k.op, [&](auto op) {
    for_each_site(
        s, SiteSpace::of(k.dx),
        BinaryBackwardAt<decltype(op)>{Operand(k.x0, k.dy), Operand(k.x1, k.dy), k.dy, k.dx,
                                       k.operand, places(from.n, to.n), places(from.h, to.h),
                                       places(from.w, to.w), sums_channels, reads},
        cost);
  });
}

}  // namespace cutaway::kernels
