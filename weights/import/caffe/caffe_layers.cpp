#include "weights/import/caffe/caffe_layers.h"

#include "layers/activation.h"
#include "layers/average_pool.h"
#include "layers/clip.h"
#include "layers/conv.h"
#include "layers/conv_transpose.h"
#include "layers/global_pool.h"
#include "layers/leaky_relu.h"
#include "layers/lrn.h"
#include "layers/max_pool.h"
#include "layers/relu.h"

namespace cutaway::weights {
namespace {

constexpr std::int64_t kMostWindow = 1024;

/// `name` once or twice, or name_h and name_w. V1 files write kernelsize.
std::pair<std::int32_t, std::int32_t> pair_of(const TextMessage& p,
                                              const std::string& name,
                                              const std::string& stem,
                                              std::int64_t otherwise,
                                              std::int64_t least) {
  const std::string h = stem + "_h";
  const std::string w = stem + "_w";
  const auto narrow = [](std::int64_t v) { return static_cast<std::int32_t>(v); };
  if (p.has(h) || p.has(w)) {
    return {narrow(p.integer(h.c_str(), otherwise, least, kMostWindow)),
            narrow(p.integer(w.c_str(), otherwise, least, kMostWindow))};
  }
  const std::vector<std::int64_t> values = p.integers(name.c_str(), least, kMostWindow);
  if (values.empty()) return {narrow(otherwise), narrow(otherwise)};
  return {narrow(values.front()), narrow(values.back())};
}

}  // namespace

CaffeWindow caffe_window(const TextMessage& p, const char* kernel) {
  CaffeWindow window;
  std::tie(window.kernel_h, window.kernel_w) = pair_of(p, kernel, "kernel", 1, 1);
  std::tie(window.stride_h, window.stride_w) = pair_of(p, "stride", "stride", 1, 1);
  std::tie(window.pad_h, window.pad_w) = pair_of(p, "pad", "pad", 0, 0);
  return window;
}

void complain_unread(const TextMessage& p, const char* name, CaffeComplaints& c) {
  for (const std::string& field : p.unread()) c.add(std::string(name) + "." + field);
}

namespace {

/// What convolution_param says, of either direction.
struct CaffeConvolution {
  std::int64_t channels{0};
  kernels::ConvGeometry geometry{};
  bool bias{true}, complete{true};
};

CaffeConvolution convolution_of(const TextMessage& p,
                                bool depthwise,
                                const Shape& in,
                                CaffeComplaints& c) {
  p.ignore({"weight_filler", "bias_filler", "engine", "force_nd_im2col"});
  const std::int64_t channels = p.integer("num_output", 0, 1, 1 << 24);
  const CaffeWindow w = caffe_window(p, "kernel_size");
  const std::vector<std::int64_t> dilation = p.integers("dilation", 1, kMostWindow);
  const std::int64_t dilation_h = dilation.empty() ? 1 : dilation.front();
  const std::int64_t dilation_w = dilation.empty() ? 1 : dilation.back();
  const std::int64_t groups = p.integer("group", depthwise ? in.c : 1, 1, 1 << 20);
  if (p.integer("axis", 1, -8, 8) != 1) c.add("convolution over another axis than 1");
  const bool bias = p.flag("bias_term", true);
  complain_unread(p, "convolution_param", c);
  if (!p.has("num_output") || !(p.has("kernel_size") || p.has("kernel_h"))) {
    c.add("convolution without num_output or kernel_size");
    return {.complete = false};
  }
  return {channels,
          kernels::ConvGeometry{w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.pad_h, w.pad_w,
                                static_cast<std::int32_t>(dilation_h),
                                static_cast<std::int32_t>(dilation_w),
                                static_cast<std::int32_t>(groups)},
          bias};
}

}  // namespace

LayerPtr caffe_convolution(const TextMessage& p,
                           bool depthwise,
                           const Shape& in,
                           CaffeComplaints& c) {
  const CaffeConvolution conv = convolution_of(p, depthwise, in, c);
  if (!conv.complete) return nullptr;
  return std::make_shared<Conv>(conv.channels, conv.geometry, conv.bias);
}

LayerPtr caffe_deconvolution(const TextMessage& p, const Shape& in, CaffeComplaints& c) {
  const CaffeConvolution conv = convolution_of(p, false, in, c);
  if (!conv.complete) return nullptr;
  return std::make_shared<ConvTranspose>(conv.channels, conv.geometry, 0, 0, conv.bias);
}

LayerPtr caffe_pooling(const TextMessage& p, const Shape& in, CaffeComplaints& c) {
  p.ignore({"engine"});
  const std::string kind = p.text("pool", "MAX");
  const bool maximum = kind == "MAX" || kind == "0";
  if (!maximum && kind != "AVE" && kind != "1") c.add("pooling of kind " + kind);
  const bool global = p.flag("global_pooling", false);
  const CaffeWindow w = caffe_window(p, "kernel_size");
  const std::string rounding = p.text("round_mode", "CEIL");
  const bool up = rounding == "CEIL" || rounding == "0";
  if (!up && rounding != "FLOOR" && rounding != "1") c.add("pooling with round_mode " + rounding);
  const bool ceil_mode = p.flag("ceil_mode", up);
  complain_unread(p, "pooling_param", c);
  if (global) {
    if (maximum) return std::make_shared<GlobalMaxPool>();
    return std::make_shared<GlobalAveragePool>();
  }
  if (!p.has("kernel_size") && !p.has("kernel_h")) c.add("pooling without kernel_size");
  // Without padding Caffe lets the last window start behind the image when strides pass kernels.
  const auto starts_outside = [&](std::int64_t extent, std::int64_t k, std::int64_t s,
                                  std::int64_t pad) {
    return ceil_mode && pad == 0 && extent >= k && ceil_div(extent - k, s) * s >= extent;
  };
  if (starts_outside(in.h, w.kernel_h, w.stride_h, w.pad_h) ||
      starts_outside(in.w, w.kernel_w, w.stride_w, w.pad_w)) {
    c.add("pooling whose last window lies outside the image");
  }
  const kernels::PoolGeometry g{w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.pad_h, w.pad_w};
  if (maximum) return std::make_shared<MaxPool>(g, ceil_mode);
  return std::make_shared<AveragePool>(g, ceil_mode, true);
}

LayerPtr caffe_lrn(const TextMessage& p, CaffeComplaints& c) {
  p.ignore({"engine"});
  const std::string region = p.text("norm_region", "ACROSS_CHANNELS");
  if (region != "ACROSS_CHANNELS" && region != "0") c.add("LRN within channels");
  const std::int64_t size = p.integer("local_size", 5, 1, 255);
  const kernels::LrnParameters lrn{
      static_cast<std::int32_t>(size), static_cast<float>(p.number("alpha", 1.0)),
      static_cast<float>(p.number("beta", 0.75)), static_cast<float>(p.number("k", 1.0))};
  complain_unread(p, "lrn_param", c);
  return std::make_shared<Lrn>(lrn);
}

LayerPtr caffe_relu(const TextMessage& p, CaffeComplaints& c) {
  p.ignore({"engine"});
  const double slope = p.number("negative_slope", 0);
  complain_unread(p, "relu_param", c);
  if (slope > 0 && slope <= 1) return std::make_shared<LeakyRelu>(slope);
  if (slope != 0) c.add("ReLU with a negative_slope outside 0 to 1");
  return std::make_shared<Relu>();
}

LayerPtr caffe_activation(const std::string& type, const TextMessage& layer, CaffeComplaints& c) {
  using kernels::Activation;
  const auto smooth = [](Activation f) { return std::make_shared<ActivationLayer>(f); };
  if (type == "ReLU") return caffe_relu(layer.message("relu_param"), c);
  if (type == "ReLU6") return std::make_shared<Clip>(0.0, 6.0);
  if (type == "Sigmoid" || type == "TanH") {
    layer.ignore({"sigmoid_param", "tanh_param"});  // which engine
    return smooth(type == "Sigmoid" ? Activation::kSigmoid : Activation::kTanh);
  }
  if (type == "ELU" || type == "Swish") {
    const bool elu = type == "ELU";
    const TextMessage& p = layer.message(elu ? "elu_param" : "swish_param");
    p.ignore({"engine"});
    const double number = p.number(elu ? "alpha" : "beta", 1.0);
    complain_unread(p, elu ? "elu_param" : "swish_param", c);
    if (number > 0)
      return std::make_shared<ActivationLayer>(elu ? Activation::kElu : Activation::kSilu, number,
                                               1.0);
    c.add(type + " with a number that is not positive");
    return std::make_shared<Relu>();
  }
  return nullptr;
}

}  // namespace cutaway::weights
