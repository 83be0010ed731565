#include "kernels/cuda/cudnn_graph.h"

#include <utility>

#include "kernels/cuda/cudnn_check.h"
#include "kernels/cuda/late_library.h"

namespace cutaway::kernels {

// --- descriptors
// ----------------------------------------------------------------------------------

CudnnDescriptor::CudnnDescriptor(int type) {
  cudnnBackendDescriptor_t descriptor{};
  require_cudnn(
      cudnnBackendCreateDescriptor(static_cast<cudnnBackendDescriptorType_t>(type), &descriptor),
      "cudnnBackendCreateDescriptor");
  raw_ = descriptor;
}

CudnnDescriptor::~CudnnDescriptor() {
  if (raw_ != nullptr) (void)cudnnBackendDestroyDescriptor(raw_);
}

CudnnDescriptor::CudnnDescriptor(CudnnDescriptor&& other) noexcept
    : raw_(std::exchange(other.raw_, nullptr)) {}

CudnnDescriptor& CudnnDescriptor::operator=(CudnnDescriptor&& other) noexcept {
  std::swap(raw_, other.raw_);
  return *this;
}

void CudnnDescriptor::set(int attribute, int type, std::int64_t count, const void* values) {
  require_cudnn(
      cudnnBackendSetAttribute(raw_, static_cast<cudnnBackendAttributeName_t>(attribute),
                               static_cast<cudnnBackendAttributeType_t>(type), count, values),
      "cudnnBackendSetAttribute(" + std::to_string(attribute) + ")");
}

void CudnnDescriptor::set_int64(int attribute, std::initializer_list<std::int64_t> values) {
  set(attribute, CUDNN_TYPE_INT64, static_cast<std::int64_t>(values.size()), values.begin());
}

void CudnnDescriptor::set_descriptor(int attribute, const CudnnDescriptor& value) {
  const cudnnBackendDescriptor_t raw = value.raw();
  set(attribute, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
}

void CudnnDescriptor::finalize() {
  require_cudnn(cudnnBackendFinalize(raw_), "cudnnBackendFinalize");
}

bool CudnnDescriptor::try_finalize(std::string& reason) {
  const cudnnStatus_t status = cudnnBackendFinalize(raw_);
  if (status == CUDNN_STATUS_SUCCESS) return true;
  reason = cudnn_message(status);
  return false;
}

std::int64_t CudnnDescriptor::get(int attribute, int type, std::int64_t room, void* values) const {
  std::int64_t count = 0;
  require_cudnn(cudnnBackendGetAttribute(raw_, static_cast<cudnnBackendAttributeName_t>(attribute),
                                         static_cast<cudnnBackendAttributeType_t>(type), room,
                                         &count, values),
                "cudnnBackendGetAttribute(" + std::to_string(attribute) + ")");
  return count;
}

// --- graphs
// ---------------------------------------------------------------------------------------

ConvGraphSpec ConvGraphSpec::dense(ConvPass pass,
                                   const Shape& x,
                                   const Shape& y,
                                   const ConvGeometry& g) {
  ConvGraphSpec s;
  s.pass = pass;
  s.x = x;
  s.y = y;
  s.g = g;
  s.x_stride_w = x.c;
  s.x_stride_h = x.w * s.x_stride_w;
  s.x_stride_n = x.h * s.x_stride_h;
  s.y_stride_w = y.c;
  s.y_stride_h = y.w * s.y_stride_w;
  s.y_stride_n = y.h * s.y_stride_h;
  return s;
}

/// Makes the descriptors of one graph, in the order they depend on each other.
class ConvGraphBuilder {
 public:
  explicit ConvGraphBuilder(const ConvGraphSpec& spec) : s_(spec) {}

  struct Built {
    std::vector<CudnnDescriptor> parts;
    std::vector<cudnnBackendDescriptor_t> operations;
  };

  Built build() {
    switch (s_.pass) {
      case ConvPass::kForward:
        forward();
        break;
      case ConvPass::kBackwardData:
        backward_data();
        break;
      case ConvPass::kBackwardWeights:
        backward_weights();
        break;
    }
    return {std::move(parts_), std::move(operations_)};
  }

 private:
  using Raw = cudnnBackendDescriptor_t;

  Raw keep(CudnnDescriptor descriptor) {
    descriptor.finalize();
    parts_.push_back(std::move(descriptor));
    return parts_.back().raw();
  }

  /// A float32 tensor. A uid of 0 makes it virtual: it exists inside the fused kernel only.
  Raw tensor(ConvTensor uid,
             bool is_virtual,
             std::initializer_list<std::int64_t> dims,
             std::initializer_list<std::int64_t> strides) {
    CudnnDescriptor t(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    const cudnnDataType_t type = CUDNN_DATA_FLOAT;
    t.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    t.set_int64(CUDNN_ATTR_TENSOR_DIMENSIONS, dims);
    t.set_int64(CUDNN_ATTR_TENSOR_STRIDES, strides);
    const std::int64_t id = is_virtual ? next_virtual_++ : static_cast<std::int64_t>(uid);
    t.set_int64(CUDNN_ATTR_TENSOR_UNIQUE_ID, {id});
    t.set_int64(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, {16});
    if (is_virtual) {
      const bool yes = true;
      t.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &yes);
    }
    return keep(std::move(t));
  }
  Raw x_tensor(ConvTensor uid, bool is_virtual = false) {
    return tensor(uid, is_virtual, {s_.x.n, s_.x.c, s_.x.h, s_.x.w},
                  {s_.x_stride_n, 1, s_.x_stride_h, s_.x_stride_w});
  }
  Raw y_tensor(ConvTensor uid, bool is_virtual = false) {
    return tensor(uid, is_virtual, {s_.y.n, s_.y.c, s_.y.h, s_.y.w},
                  {s_.y_stride_n, 1, s_.y_stride_h, s_.y_stride_w});
  }
  Raw weights() {
    const std::int64_t c = s_.x.c / s_.g.groups, r = s_.g.kernel_h, s = s_.g.kernel_w;
    return tensor(ConvTensor::kW, false, {s_.y.c, c, r, s}, {r * s * c, 1, s * c, c});
  }

  Raw convolution() {
    CudnnDescriptor c(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    const cudnnDataType_t type = CUDNN_DATA_FLOAT;
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    c.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    c.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    c.set_int64(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, {2});
    c.set_int64(CUDNN_ATTR_CONVOLUTION_DILATIONS, {s_.g.dilation_h, s_.g.dilation_w});
    c.set_int64(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, {s_.g.stride_h, s_.g.stride_w});
    c.set_int64(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, {s_.g.pad_h, s_.g.pad_w});
    c.set_int64(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, {s_.g.pad_h, s_.g.pad_w});
    return keep(std::move(c));
  }

  Raw pointwise(cudnnPointwiseMode_t mode) {
    CudnnDescriptor p(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    const cudnnDataType_t type = CUDNN_DATA_FLOAT;
    p.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
    p.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &type);
    return keep(std::move(p));
  }

  /// An operation: pairs of attribute and descriptor.
  void operation(CudnnDescriptor o, std::initializer_list<std::pair<int, Raw>> attributes) {
    for (const auto& [attribute, raw] : attributes) {
      o.set(attribute, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
    }
    operations_.push_back(keep(std::move(o)));
  }
  static void scale(CudnnDescriptor& o, int alpha, int beta) {
    const float one = 1.0f, zero = 0.0f;
    o.set(alpha, CUDNN_TYPE_FLOAT, 1, &one);
    o.set(beta, CUDNN_TYPE_FLOAT, 1, &zero);
  }

  void forward() {
    CudnnDescriptor o(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    scale(o, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA);
    Raw y = y_tensor(ConvTensor::kY, s_.bias || s_.relu);
    operation(std::move(o), {{CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution()},
                             {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x_tensor(ConvTensor::kX)},
                             {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, weights()},
                             {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y}});
    if (s_.bias) {
      const Raw bias =
          tensor(ConvTensor::kBias, false, {1, s_.y.c, 1, 1}, {s_.y.c, 1, s_.y.c, s_.y.c});
      const Raw sum = y_tensor(ConvTensor::kY, s_.relu);
      operation(CudnnDescriptor(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR),
                {{CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, pointwise(CUDNN_POINTWISE_ADD)},
                 {CUDNN_ATTR_OPERATION_POINTWISE_XDESC, y},
                 {CUDNN_ATTR_OPERATION_POINTWISE_BDESC, bias},
                 {CUDNN_ATTR_OPERATION_POINTWISE_YDESC, sum}});
      y = sum;
    }
    if (s_.relu) {
      operation(
          CudnnDescriptor(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR),
          {{CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, pointwise(CUDNN_POINTWISE_RELU_FWD)},
           {CUDNN_ATTR_OPERATION_POINTWISE_XDESC, y},
           {CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y_tensor(ConvTensor::kY)}});
    }
  }

  void backward_data() {
    CudnnDescriptor o(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR);
    scale(o, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA);
    const Raw dx = x_tensor(ConvTensor::kX, s_.relu_mask);
    operation(std::move(o),
              {{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, convolution()},
               {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, y_tensor(ConvTensor::kY)},
               {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, weights()},
               {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, dx}});
    if (!s_.relu_mask) return;
    // RELU_BWD asks for the ReLU's input; its output has the same sign.
    operation(CudnnDescriptor(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR),
              {{CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, pointwise(CUDNN_POINTWISE_RELU_BWD)},
               {CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x_tensor(ConvTensor::kMask)},
               {CUDNN_ATTR_OPERATION_POINTWISE_DYDESC, dx},
               {CUDNN_ATTR_OPERATION_POINTWISE_DXDESC, x_tensor(ConvTensor::kX)}});
  }

  void backward_weights() {
    CudnnDescriptor o(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR);
    scale(o, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA);
    operation(std::move(o),
              {{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, convolution()},
               {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, x_tensor(ConvTensor::kX)},
               {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, y_tensor(ConvTensor::kY)},
               {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, weights()}});
  }

  const ConvGraphSpec& s_;
  std::vector<CudnnDescriptor> parts_;
  std::vector<Raw> operations_;
  std::int64_t next_virtual_{100};
};

ConvGraph::ConvGraph(const ConvGraphSpec& spec, void* handle)
    : graph_(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR) {
  ConvGraphBuilder::Built built = ConvGraphBuilder(spec).build();
  parts_ = std::move(built.parts);
  graph_.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
             static_cast<std::int64_t>(built.operations.size()), built.operations.data());
  if (handle != nullptr) {
    const auto raw = static_cast<cudnnHandle_t>(handle);
    graph_.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &raw);
  }
  graph_.finalize();
}

std::int64_t ConvGraph::engine_count() const {
  std::int64_t count = 0;
  graph_.get(CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT, CUDNN_TYPE_INT64, 1, &count);
  return count;
}

}  // namespace cutaway::kernels
