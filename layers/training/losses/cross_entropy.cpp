#include "layers/training/losses/cross_entropy.h"

#include "kernels/elementwise.h"
#include "kernels/softmax.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

template <class T>
void upload(Stream& stream, Tensor& to, DType type, std::span<const T> values) {
  const Device device = device_of(stream);
  const auto count = static_cast<std::int64_t>(values.size());
  if (to.empty() || to.shape().c != count) to = Tensor(device, type, {1, count, 1, 1});
  copy_bytes(to.ref().data(), device, values.data(), kCpuDevice, to.bytes());
}

}  // namespace

CrossEntropyLoss::CrossEntropyLoss(const Graph& graph, NodeId logits, const Attributes& settings)
    : logits_(logits), smoothing_(static_cast<float>(settings.number("smoothing", 0.0))) {
  if (!(smoothing_ >= 0.0f && smoothing_ < 1.0f)) {
    throw Error(ErrorKind::kInput, "label smoothing")
        .expected("0 to below 1")
        .got(std::to_string(smoothing_));
  }
  const Shape& scores = graph.node(logits).shape;
  if (scores.h != 1 || scores.w != 1) {
    throw Error(ErrorKind::kShape, "class scores")
        .expected("n x classes x 1 x 1")
        .got(to_string(scores));
  }
}

void CrossEntropyLoss::make_room(const LossCall& call) {
  const TensorRef& scores = call.values[0];
  if (!gradient_.empty() && gradient_.shape() == scores.shape()) return;
  const Device device = device_of(call.stream);
  gradient_ = Tensor(device, DType::kF32, scores.shape(), call.gradients[0].layout());
  losses_ = Tensor(device, DType::kF32, {1, scores.shape().n, 1, 1});
}

double CrossEntropyLoss::evaluate(const LossCall& call) {
  make_room(call);
  const bool mixed = !call.labels.other.empty();
  upload(call.stream, own_, DType::kI32, call.labels.own);
  if (mixed) {
    upload(call.stream, other_, DType::kI32, call.labels.other);
    upload(call.stream, share_, DType::kF32, call.labels.share);
  }
  kernels::CrossEntropy k{call.values[0].in(), own_.ref().view<const std::int32_t>().data,
                          losses_.ref().out().data, gradient_.ref().out(), smoothing_};
  if (mixed) {
    k.others = other_.ref().view<const std::int32_t>().data;
    k.share = share_.ref().in().data;
  }
  kernels::run(call.stream, k);
  const View<float> to = call.gradients[0].out();
  kernels::run(call.stream,
               kernels::Add{call.gradients[0].in(), gradient_.ref().in(), to, 1.0f, call.weight});
  synchronize(call.stream);
  const Tensor losses = to_device(losses_, kCpuDevice);
  double sum = 0.0;
  for (const float loss : losses.f32()) sum += static_cast<double>(loss);
  return sum / static_cast<double>(losses.f32().size());
}

}  // namespace cutaway
