// Included by cpu/softmax.cpp and cuda/softmax.cu, after their for_each.
#include <cmath>
#include <limits>

#include "kernels/channels.inl"
#include "kernels/softmax.h"

namespace cutaway::kernels {
namespace {

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

CUTAWAY_HD inline float largest(const Channels<const float>& x) {
  float most = x(0, 0);
  each_channel(x.count, [&](std::int64_t c0, int l) { most = larger(most, x(c0, l)); });
  return most;
}

/// One pixel of one image: all its channels.
struct SoftmaxAt {
  Softmax k;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const Pixel p = pixel_of(i, k.x.shape);
    const Channels<const float> x(k.x, p);
    const Channels<float> y(k.y, p);
    const float most = largest(x);
    if (k.log) {
      const double all = channel_sum(x.count, [&](std::int64_t c0, int l) {
        return std::exp(static_cast<double>(x(c0, l) - most));
      });
      const double log_of_all = std::log(all);
      each_channel(y.count, [&](std::int64_t c0, int l) {
        y(c0, l) = static_cast<float>(static_cast<double>(x(c0, l) - most) - log_of_all);
      });
      y.clear_padding(k.y);
      return;
    }
    const double sum = channel_sum(
        x.count, [&](std::int64_t c0, int l) { return y(c0, l) = std::exp(x(c0, l) - most); });
    const auto scale = static_cast<float>(1.0 / sum);
    each_channel(y.count, [&](std::int64_t c0, int l) { y(c0, l) *= scale; });
    y.clear_padding(k.y);
  }
};

struct SoftmaxBackwardAt {
  SoftmaxBackward k;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const Pixel p = pixel_of(i, k.y.shape);
    const Channels<const float> y(k.y, p);
    const Channels<const float> dy(k.dy, p);
    const Channels<float> dx(k.dx, p);
    if (k.log) {
      const double sum = channel_sum(
          y.count, [&](std::int64_t c0, int l) { return static_cast<double>(dy(c0, l)); });
      each_channel(y.count, [&](std::int64_t c0, int l) {
        dx(c0, l) = static_cast<float>(static_cast<double>(dy(c0, l)) -
                                       std::exp(static_cast<double>(y(c0, l))) * sum);
      });
      dx.clear_padding(k.dx);
      return;
    }
    const auto dot = static_cast<float>(channel_sum(y.count, [&](std::int64_t c0, int l) {
      return static_cast<double>(dy(c0, l)) * static_cast<double>(y(c0, l));
    }));
    each_channel(y.count,
                 [&](std::int64_t c0, int l) { dx(c0, l) = y(c0, l) * (dy(c0, l) - dot); });
    dx.clear_padding(k.dx);
  }
};

struct CrossEntropyAt {
  CrossEntropy k;

  CUTAWAY_HD void operator()(std::int64_t n) const {
    const Channels<const float> x(k.x, Pixel{n, 0, 0});
    const std::int64_t label = k.labels[n];
    const std::int64_t other = k.others != nullptr ? k.others[n] : label;
    const double share = k.others != nullptr ? static_cast<double>(k.share[n]) : 0.0;
    const bool known = label >= 0 && label < x.count && other >= 0 && other < x.count;
    const float most = largest(x);
    const auto logit = [&](std::int64_t c0, int l) { return static_cast<double>(x(c0, l) - most); };
    const double sum =
        channel_sum(x.count, [&](std::int64_t c0, int l) { return std::exp(logit(c0, l)); });
    const double everywhere = static_cast<double>(k.smoothing) / static_cast<double>(x.count);
    const double at_label = (1.0 - static_cast<double>(k.smoothing)) * (1.0 - share);
    const double at_other = (1.0 - static_cast<double>(k.smoothing)) * share;

    double loss = kNotANumber;
    if (known) {
      // sum of target * (log(sum) - logit); a target of zero must not meet an infinite logit.
      loss = std::log(sum);
      if (at_label != 0.0) loss -= at_label * logit(label / 8 * 8, static_cast<int>(label % 8));
      if (at_other != 0.0) loss -= at_other * logit(other / 8 * 8, static_cast<int>(other % 8));
      if (everywhere != 0.0) loss -= everywhere * channel_sum(x.count, logit);
    }
    k.loss[n] = static_cast<float>(loss);
    if (k.dx.data == nullptr) return;

    const Channels<float> dx(k.dx, Pixel{n, 0, 0});
    const auto images = static_cast<double>(k.x.shape.n);
    each_channel(x.count, [&](std::int64_t c0, int l) {
      const double target =
          everywhere + (c0 + l == label ? at_label : 0.0) + (c0 + l == other ? at_other : 0.0);
      const double gradient = (std::exp(logit(c0, l)) / sum - target) / images;
      dx(c0, l) = static_cast<float>(known ? gradient : kNotANumber);
    });
    dx.clear_padding(k.dx);
  }
};

}  // namespace

void run(CUTAWAY_STREAM& s, const Softmax& k) {
  for_each_index(s, k.x.shape.n * k.x.shape.plane(), SoftmaxAt{k}, k.x.shape.c * 16);
}

void run(CUTAWAY_STREAM& s, const SoftmaxBackward& k) {
  for_each_index(s, k.y.shape.n * k.y.shape.plane(), SoftmaxBackwardAt{k}, k.y.shape.c * 4);
}

void run(CUTAWAY_STREAM& s, const CrossEntropy& k) {
  for_each_index(s, k.x.shape.n, CrossEntropyAt{k}, k.x.shape.c * 64);
}

}  // namespace cutaway::kernels
