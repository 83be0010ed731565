#include "explain/visualize/robust.h"

#include "explain/visualize/image_ops.h"
#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::explain {

RobustTransform::RobustTransform(
    const RobustOptions& o, std::int64_t h, std::int64_t w, std::uint64_t seed, std::uint64_t step)
    : o_(o), h_(h), w_(w) {
  const Philox random{seed, 3};
  std::uint64_t drawn = 8 * step;
  const auto below = [&](std::int64_t count) {
    return static_cast<std::int64_t>(random.uniform(drawn++) * static_cast<float>(count));
  };
  const auto one_of = [&](const std::vector<double>& values, double otherwise) {
    return values.empty()
               ? otherwise
               : values[static_cast<std::size_t>(below(static_cast<std::int64_t>(values.size())))];
  };
  crop_h_ = h + 2 * o.pad - o.jitter;
  crop_w_ = w + 2 * o.pad - o.jitter;
  top_ = below(o.jitter + 1);
  left_ = below(o.jitter + 1);
  const double scale = one_of(o.scales, 1.0);
  scaled_h_ = static_cast<std::int64_t>(scale * static_cast<double>(crop_h_));
  scaled_w_ = static_cast<std::int64_t>(scale * static_cast<double>(crop_w_));
  angle_ = one_of(o.angles, 0.0);
  last_h_ = scaled_h_ - o.last_jitter;
  last_w_ = scaled_w_ - o.last_jitter;
  if (crop_h_ < 1 || crop_w_ < 1 || last_h_ < 1 || last_w_ < 1) {
    throw Error(ErrorKind::kUsage, "the picture is smaller than what the transformations cut off");
  }
  last_top_ = below(o.last_jitter + 1);
  last_left_ = below(o.last_jitter + 1);
}

Tensor RobustTransform::forward(const Tensor& x) const {
  if (!o_.enabled) return x.clone();
  // Padding and the first crop in one.
  Tensor y = crop(x, top_ - o_.pad, left_ - o_.pad, crop_h_, crop_w_, o_.pad_value);
  if (scaled_h_ != crop_h_ || scaled_w_ != crop_w_) y = resize(y, scaled_h_, scaled_w_);
  if (angle_ != 0.0) y = rotate(y, angle_);
  return crop(y, last_top_, last_left_, last_h_, last_w_);
}

Tensor RobustTransform::adjoint(const Tensor& dy) const {
  if (!o_.enabled) return dy.clone();
  Tensor d = crop_adjoint(dy, last_top_, last_left_, scaled_h_, scaled_w_);
  if (angle_ != 0.0) d = rotate_adjoint(d, angle_);
  if (scaled_h_ != crop_h_ || scaled_w_ != crop_w_) d = resize_adjoint(d, crop_h_, crop_w_);
  return crop_adjoint(d, top_ - o_.pad, left_ - o_.pad, h_, w_);
}

}  // namespace cutaway::explain
