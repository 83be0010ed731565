#include <cuda_runtime_api.h>

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cuda/conv_kernels.h"
#include "kernels/cuda/cudnn_check.h"
#include "kernels/cuda/cudnn_graph.h"
#include "runtime/cuda/check.h"
#include "runtime/error.h"

namespace cutaway::kernels {
namespace {

// More than any float32 engine of the classical nets asks for at batch 64; arenas are not free.
constexpr std::size_t kWorkspaceLimit = std::size_t{512} << 20;

constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

/// Channels as cuDNN sees them: with one group the padding takes part, as zeros, and so stays zero.
std::int64_t seen_channels(std::int64_t c, std::int32_t groups) {
  return groups == 1 ? round_up(c, 8) : c;
}

/// Why cuDNN cannot be asked for this at all, or empty.
std::string refuse(const ConvProblem& p) {
  if (p.x_layout.block < p.x.c || p.y_layout.block < p.y.c) return "needs channels-last tensors";
  if (p.g.groups > 1 && (p.x.c % 8 != 0 || p.y.c % 8 != 0)) return "groups with padding channels";
  const bool slice = (p.x.c % 8 != 0 && p.x_layout.block != round_up(p.x.c, 8)) ||
                     (p.y.c % 8 != 0 && p.y_layout.block != round_up(p.y.c, 8));
  if (slice) return "a slice of channels without padding of its own";
  const CudaStatus status = cuda_status();
  if (status.count == 0) return "no CUDA device: " + status.reason;
  return {};
}

ConvGraphSpec spec_of(const ConvProblem& p) {
  Shape x = p.x, y = p.y;
  x.c = seen_channels(x.c, p.g.groups);
  y.c = seen_channels(y.c, p.g.groups);
  ConvGraphSpec s = ConvGraphSpec::dense(p.pass, x, y, p.g);
  s.x_stride_w = p.x_layout.block;
  s.x_stride_h = x.w * s.x_stride_w;
  s.x_stride_n = x.h * s.x_stride_h;
  s.y_stride_w = p.y_layout.block;
  s.y_stride_h = y.w * s.y_stride_w;
  s.y_stride_n = y.h * s.y_stride_h;
  return s;
}

template <class T>
void check_view(const View<T>& v,
                std::int64_t stride_n,
                std::int64_t stride_h,
                std::int64_t stride_w) {
  check((v.shape.n == 1 || v.stride_n == stride_n) && v.stride_h == stride_h &&
            v.stride_w == stride_w,
        "cuDNN convolution: the tensor does not have the strides that were planned");
  check(reinterpret_cast<std::uintptr_t>(v.data) % 16 == 0,
        "cuDNN convolution: the tensor is not aligned to 16 bytes");
}

/// Plans are made before there is a stream, yet cuDNN wants a handle for them, and creating one
/// takes milliseconds: all living plans of a device share one. It carries no settings and no
/// stream.
class PlanningHandle {
 public:
  /// The handle of the current device. `lock` keeps other threads off it while a plan is made.
  [[nodiscard]] static std::shared_ptr<CudnnHandle> acquire(std::unique_lock<std::mutex>& lock) {
    static std::mutex mutex;
    static std::map<int, std::weak_ptr<CudnnHandle>> handles;
    lock = std::unique_lock(mutex);
    int device = 0;
    CUTAWAY_CUDA(cudaGetDevice(&device));
    std::shared_ptr<CudnnHandle> handle = handles[device].lock();
    if (handle == nullptr) {
      handle = std::make_shared<CudnnHandle>();
      handles[device] = handle;
    }
    return handle;
  }
};

class CudnnConv final : public ConvPrimitive {
 public:
  CudnnConv(const ConvProblem& problem,
            ConvGraphSpec spec,
            std::shared_ptr<CudnnHandle> handle,
            std::unique_ptr<ConvPlan> plan)
      : p_(problem), spec_(std::move(spec)), handle_(std::move(handle)), plan_(std::move(plan)) {}

  [[nodiscard]] std::string_view engine() const noexcept override { return "cudnn"; }
  [[nodiscard]] std::size_t scratch_bytes() const override {
    return bias_offset() + (pads_bias() ? aligned(bias_bytes()) : 0);
  }
  [[nodiscard]] std::size_t prepared_bytes() const override {
    return p_.frozen && p_.pass != ConvPass::kBackwardWeights ? krsc_bytes() : 0;
  }
  [[nodiscard]] std::string prepared_format() const override {
    if (prepared_bytes() == 0) return {};
    return "cudnn krsc " + std::to_string(spec_.y.c) + "x" + std::to_string(group_channels());
  }

  void prepare(Stream& stream, const float* w, std::byte* prepared) const override {
    if (prepared_bytes() > 0) arrange(std::get<CudaStream>(stream), w, prepared);
  }

  void run(Stream& stream, const ConvArguments& a) const override {
    CudaStream& cuda = std::get<CudaStream>(stream);
    void* handle = cudnn_handle(cuda);
    switch (p_.pass) {
      case ConvPass::kForward:
        forward(cuda, handle, a);
        return;
      case ConvPass::kBackwardData: {
        check_x(a.out);
        check_y(a.in);
        const std::array<ConvPlan::Binding, 3> tensors{{{ConvTensor::kX, a.out.data},
                                                        {ConvTensor::kW, weights(cuda, a)},
                                                        {ConvTensor::kY, a.in.data}}};
        plan_->execute(handle, tensors, a.scratch);
        return;
      }
      case ConvPass::kBackwardWeights: {
        check_x(a.in);
        check_y(a.in2);
        auto* krsc = reinterpret_cast<float*>(a.scratch + krsc_offset());
        const std::array<ConvPlan::Binding, 3> tensors{
            {{ConvTensor::kX, a.in.data}, {ConvTensor::kW, krsc}, {ConvTensor::kY, a.in2.data}}};
        plan_->execute(handle, tensors, a.scratch);
        launch(cuda,
               KrscToWeights{krsc, a.dw, p_.y.c, p_.x.c / p_.g.groups, taps(), group_channels()});
        return;
      }
    }
  }

 private:
  void forward(CudaStream& stream, void* handle, const ConvArguments& a) const {
    check_x(a.in);
    check_y(a.out);
    check(!p_.bias || a.bias != nullptr, "convolution: the bias is missing");
    std::vector<ConvPlan::Binding> tensors{{ConvTensor::kX, a.in.data},
                                           {ConvTensor::kW, weights(stream, a)},
                                           {ConvTensor::kY, a.out.data}};
    if (spec_.bias) tensors.push_back({ConvTensor::kBias, bias(stream, a)});
    plan_->execute(handle, tensors, a.scratch);
    // What the plan did not fuse.
    if ((p_.bias && !spec_.bias) || (p_.relu && !spec_.relu)) {
      conv_epilogue(stream, a.out, p_.bias && !spec_.bias ? a.bias : nullptr, p_.relu);
    }
  }

  const float* weights(CudaStream& stream, const ConvArguments& a) const {
    if (p_.frozen) return reinterpret_cast<const float*>(a.prepared);
    std::byte* krsc = a.scratch + krsc_offset();
    arrange(stream, a.w, krsc);
    return reinterpret_cast<const float*>(krsc);
  }
  const float* bias(CudaStream& stream, const ConvArguments& a) const {
    if (!pads_bias()) return a.bias;
    auto* padded = reinterpret_cast<float*>(a.scratch + bias_offset());
    launch(stream, PadVector{a.bias, padded, p_.y.c}, spec_.y.c);
    return padded;
  }
  void arrange(CudaStream& stream, const float* w, std::byte* to) const {
    launch(stream, WeightsToKrsc{w, reinterpret_cast<float*>(to), p_.y.c, p_.x.c / p_.g.groups,
                                 taps(), spec_.y.c, group_channels()});
  }

  template <class T>
  void check_x(const View<T>& v) const {
    check_view(v, spec_.x_stride_n, spec_.x_stride_h, spec_.x_stride_w);
  }
  template <class T>
  void check_y(const View<T>& v) const {
    check_view(v, spec_.y_stride_n, spec_.y_stride_h, spec_.y_stride_w);
  }

  [[nodiscard]] std::int64_t taps() const { return std::int64_t{p_.g.kernel_h} * p_.g.kernel_w; }
  [[nodiscard]] std::int64_t group_channels() const { return spec_.x.c / p_.g.groups; }
  // Scratch: cuDNN's workspace, the weights unless they are prepared, the bias with its padding.
  [[nodiscard]] std::size_t krsc_bytes() const {
    return static_cast<std::size_t>(spec_.y.c * taps() * group_channels()) * sizeof(float);
  }
  [[nodiscard]] std::size_t bias_bytes() const {
    return static_cast<std::size_t>(spec_.y.c) * sizeof(float);
  }
  [[nodiscard]] bool pads_bias() const { return spec_.bias && spec_.y.c != p_.y.c; }
  [[nodiscard]] std::size_t krsc_offset() const { return aligned(plan_->workspace_bytes()); }
  [[nodiscard]] std::size_t bias_offset() const {
    return krsc_offset() + (prepared_bytes() > 0 ? 0 : aligned(krsc_bytes()));
  }

  ConvProblem p_;
  ConvGraphSpec spec_;
  std::shared_ptr<CudnnHandle> handle_;  // what the plan was made with outlives it
  std::unique_ptr<ConvPlan> plan_;
};

}  // namespace

std::unique_ptr<ConvPrimitive> make_conv_cudnn(const ConvProblem& problem, std::string& declined) {
  declined = refuse(problem);
  if (!declined.empty()) return nullptr;
  try {
    std::unique_lock<std::mutex> lock;
    const std::shared_ptr<CudnnHandle> handle = PlanningHandle::acquire(lock);
    ConvGraphSpec spec = spec_of(problem);
    // Everything in one kernel if cuDNN can; otherwise the convolution, and our epilogue after it.
    spec.bias = problem.bias;
    spec.relu = problem.relu;
    std::unique_ptr<ConvPlan> plan =
        ConvPlan::choose(spec, handle->get(), kWorkspaceLimit, declined);
    if (plan == nullptr && (spec.bias || spec.relu)) {
      spec.bias = spec.relu = false;
      plan = ConvPlan::choose(spec, handle->get(), kWorkspaceLimit, declined);
    }
    if (plan == nullptr) return nullptr;
    declined.clear();
    return std::make_unique<CudnnConv>(problem, std::move(spec), handle, std::move(plan));
  } catch (const Error& e) {
    declined = e.what();
    return nullptr;
  }
}

}  // namespace cutaway::kernels
