#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/conv.h"

/// Convolutions as cuDNN operation graphs (the backend API), without cuDNN's headers. A graph is
/// built and finalised without a device; a plan needs one.
namespace cutaway::kernels {

/// Owns one cudnnBackendDescriptor_t. Failures throw kDevice, naming the call and cuDNN's own last
/// message.
class CudnnDescriptor {
 public:
  /// `type` is a cudnnBackendDescriptorType_t.
  explicit CudnnDescriptor(int type);
  ~CudnnDescriptor();
  CudnnDescriptor(CudnnDescriptor&& other) noexcept;
  CudnnDescriptor& operator=(CudnnDescriptor&& other) noexcept;
  CudnnDescriptor(const CudnnDescriptor&) = delete;
  CudnnDescriptor& operator=(const CudnnDescriptor&) = delete;

  /// `attribute` and `type` are a cudnnBackendAttributeName_t and a cudnnBackendAttributeType_t.
  void set(int attribute, int type, std::int64_t count, const void* values);
  void set_int64(int attribute, std::initializer_list<std::int64_t> values);
  /// Another descriptor, which must outlive this one.
  void set_descriptor(int attribute, const CudnnDescriptor& value);
  void finalize();
  /// Finalises; false, with the reason, when cuDNN does not support what is asked.
  [[nodiscard]] bool try_finalize(std::string& reason);
  /// Number of values there are; writes at most `room` of them.
  std::int64_t get(int attribute, int type, std::int64_t room, void* values) const;

  [[nodiscard]] void* raw() const noexcept { return raw_; }

 private:
  void* raw_{};
};

/// One convolution in float32 on channels-last tensors, and what is fused to it.
struct ConvGraphSpec {
  ConvPass pass{ConvPass::kForward};
  Shape x, y;  ///< channels include their padding
  ConvGeometry g;
  std::int64_t x_stride_n{}, x_stride_h{}, x_stride_w{};
  std::int64_t y_stride_n{}, y_stride_h{}, y_stride_w{};
  bool bias{false}, relu{false};  ///< forward: y = max(conv + bias, 0)
  /// Backward data: dx = dgrad * [mask > 0] in one kernel, mask being the ReLU's output, shaped as
  /// x.
  bool relu_mask{false};

  /// The spec of dense channels-last tensors, x and y with their channel padding.
  [[nodiscard]] static ConvGraphSpec dense(ConvPass pass,
                                           const Shape& x,
                                           const Shape& y,
                                           const ConvGeometry& g);
};

/// Names of the tensors in a variant pack. kX, kW and kY stand for dx, dw and dy in the backward
/// passes.
enum class ConvTensor : std::int64_t { kX = 1, kW = 2, kY = 3, kBias = 4, kMask = 5 };

/// A finalised operation graph with the descriptors it refers to.
class ConvGraph {
 public:
  /// `handle` is a cudnnHandle_t, or null where there is no device: the graph can then be finalised
  /// and counted, not planned.
  explicit ConvGraph(const ConvGraphSpec& spec, void* handle = nullptr);

  /// Engines that cuDNN knows for this pattern, on any device.
  [[nodiscard]] std::int64_t engine_count() const;
  [[nodiscard]] const CudnnDescriptor& graph() const noexcept { return graph_; }

 private:
  friend class ConvGraphBuilder;
  std::vector<CudnnDescriptor> parts_;  // moved, never copied: their handles stay valid
  CudnnDescriptor graph_;
};

/// An engine for one graph on one device: deterministic, in float32 arithmetic throughout (no
/// tensor cores).
class ConvPlan {
 public:
  /// The first engine in cuDNN's order of preference that qualifies and needs at most
  /// `workspace_limit` bytes, or null with the reason.
  [[nodiscard]] static std::unique_ptr<ConvPlan> choose(const ConvGraphSpec& spec,
                                                        void* handle,
                                                        std::size_t workspace_limit,
                                                        std::string& declined);

  struct Binding {
    ConvTensor tensor;
    const void* data;
  };
  /// Queues the plan on the stream that `handle` is bound to.
  void execute(void* handle, std::span<const Binding> tensors, void* workspace) const;
  [[nodiscard]] std::size_t workspace_bytes() const noexcept { return workspace_; }

 private:
  ConvPlan(ConvGraph graph, CudnnDescriptor config, CudnnDescriptor plan, std::size_t workspace)
      : graph_(std::move(graph)),
        config_(std::move(config)),
        plan_(std::move(plan)),
        workspace_(workspace) {}

  ConvGraph graph_;
  CudnnDescriptor config_, plan_;
  std::size_t workspace_;
};

}  // namespace cutaway::kernels
