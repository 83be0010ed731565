#pragma once

#include <string>
#include <vector>

#include "layers/layer.h"
#include "weights/import/caffe/text_message.h"

namespace cutaway::weights {

/// Collects what a Caffe layer asks for and this library does not do.
struct CaffeComplaints {
  std::string layer;  ///< "conv1 (Convolution, line 12)", set before each layer
  std::vector<std::string> lines;
  void add(const std::string& what) { lines.push_back(layer + ": " + what); }
};

/// The window of a convolution or pooling: kernel_size, stride, pad (once or twice), or ..._h and
/// ..._w.
struct CaffeWindow {
  std::int32_t kernel_h{1}, kernel_w{1}, stride_h{1}, stride_w{1}, pad_h{0}, pad_w{0};
};
[[nodiscard]] CaffeWindow caffe_window(const TextMessage& p, const char* kernel);

/// The layer that Caffe's `convolution_param`, ... describes; null, with a complaint, when this
/// library has none. `in` is the shape of the layer's input.
[[nodiscard]] LayerPtr caffe_convolution(const TextMessage& p,
                                         bool depthwise,
                                         const Shape& in,
                                         CaffeComplaints& c);
[[nodiscard]] LayerPtr caffe_pooling(const TextMessage& p, const Shape& in, CaffeComplaints& c);
[[nodiscard]] LayerPtr caffe_lrn(const TextMessage& p, CaffeComplaints& c);
/// Its `pad` is cut off, as the adjoint of a padded convolution has it.
[[nodiscard]] LayerPtr caffe_deconvolution(const TextMessage& p,
                                           const Shape& in,
                                           CaffeComplaints& c);
[[nodiscard]] LayerPtr caffe_relu(const TextMessage& p, CaffeComplaints& c);
/// ReLU, ReLU6, Sigmoid, TanH, ELU, Swish; null, without a complaint, for other types.
[[nodiscard]] LayerPtr caffe_activation(const std::string& type,
                                        const TextMessage& layer,
                                        CaffeComplaints& c);

/// Complains about fields nobody read.
void complain_unread(const TextMessage& p, const char* name, CaffeComplaints& c);

}  // namespace cutaway::weights
