#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/engine.h"
#include "layers/attributes.h"
#include "runtime/philox.h"
#include "runtime/tensor.h"

namespace cutaway {

enum class LayerKind : std::uint8_t {
  kInput,
  kConv,
  kDense,
  kRelu,
  kMaxPool,
  kAveragePool,
  kGlobalAveragePool,
  kGlobalMaxPool,
  kLrn,
  kBatchNorm,
  kConcat,
  kAdd,
  kDropout,
  kFlatten,
  kSoftmax,
  kPad,
  kLeakyRelu,
  kClip,
  kWindow,
  kActivation,
  kPRelu,
  kElementwise,
  kGroupNorm,
  kLayerNorm,
  kSlice,
  kRearrange,
  kResize,
  kConvTranspose,
  kReduce,
  kTemplateMask
};

/// What a backward step reads of the forward pass; the planner keeps nothing else.
enum Keep : std::uint8_t { kKeepNothing = 0, kKeepInput = 1, kKeepOutput = 2, kKeepAux = 4 };

/// How a parameter starts before training. kHe: normal, std = sqrt(2 / fan_in) (He et al. 2015).
enum class Initializer : std::uint8_t { kHe, kZero, kOne };

struct ParameterSpec {
  std::string name;  ///< "weight", "bias", ...
  Shape shape;       ///< weights of a convolution: O x I/groups x kh x kw; vectors: 1 x C x 1 x 1
  Initializer initializer{Initializer::kZero};
  bool trainable{true};
  bool decays{false};  ///< weight decay applies
};

/// The window of a layer along both axes; a pointwise layer has kernel 1, stride 1. `global` layers
/// see the whole plane.
struct Window {
  std::int64_t kernel_h{1}, kernel_w{1}, stride_h{1}, stride_w{1}, pad_h{0}, pad_w{0};
  std::int64_t dilation_h{1}, dilation_w{1};
  bool global{false};
};

/// Geometry of a planned value: its shape and layout, and, when it is a slice of the channels of a
/// larger one, how many channels that one has (0: it is whole).
struct ValueSpec {
  Shape shape;
  Layout layout;
  std::int64_t stored_channels{0};
};

/// The view a value of that geometry will have, without data: for sizes.
[[nodiscard]] inline View<const float> geometry_of(const ValueSpec& spec) {
  return dense_view<const float>(nullptr, spec.shape, spec.layout);
}

class Graph;
class LinearMap;
struct LinearGeometry;

/// Prepared weights, shared by all plans over the same parameters (keyed by parameter and format).
class WeightCache;

/// What a layer (or rule) sets up once for a step of a plan: primitives, sizes, transformed
/// weights.
class Prepared {
 public:
  virtual ~Prepared() = default;
  [[nodiscard]] virtual std::size_t scratch_bytes() const { return 0; }
  /// Called when an executor is made, before the first run; transforms frozen weights.
  /// `key` names the node and the version of its parameters.
  virtual void load(Stream&,
                    std::span<const TensorRef> /*params*/,
                    WeightCache&,
                    const std::string& /*key*/) {}
  /// For the plan's report: which engine runs, and why others do not.
  [[nodiscard]] virtual std::string note() const { return {}; }
};

/// The circumstances of a step, known when the plan is built.
struct PrepareContext {
  Device device;
  int threads{1};
  CpuLevel level{};               ///< whose CPU kernels run
  std::span<const ValueSpec> in;  ///< specs of the layer's inputs
  ValueSpec out;                  ///< and of its output
  bool relu{false};               ///< the ReLU behind this layer is fused into it
  bool frozen{true};              ///< weights will not change while the plan lives
  /// Backward: specs of the input cotangents (count 0 shapes: not wanted).
  std::span<const ValueSpec> dx;
  ValueSpec dy;               ///< backward: spec of the output cotangent
  bool wants_dparams{false};  ///< backward: parameter gradients are wanted
  const kernels::EngineOptions* engines{};
  const Graph* graph{};   ///< backward: whose layer this is, for rules that look at its neighbours
  std::int32_t node{-1};  ///< and its node
};

/// One forward step. Tensors are laid out as the plan decided; `aux` is what Layer::aux asked for.
struct Call {
  Stream& stream;
  std::span<const TensorRef> in;
  TensorRef out;
  std::span<const TensorRef> params;
  TensorRef aux;
  std::byte* scratch{};
  const Prepared* prepared{};
  bool relu{false};
  bool training{false};
  Philox random{};  ///< stream = node number; counters are the layer's business
};

/// One backward step. `in`, `out` and `aux` have data only if the rule's keeps() named them. An
/// element of `dx` (or `dparams`) without data is not wanted. Results overwrite.
struct BackCall {
  Stream& stream;
  std::span<const TensorRef> in;
  TensorRef out;
  std::span<const TensorRef> params;
  TensorRef aux;
  TensorRef dy;
  std::span<const TensorRef> dx;
  std::span<const TensorRef> dparams;
  std::byte* scratch{};
  const Prepared* prepared{};
  bool training{false};
  Philox random{};
};

/// An immutable description of a layer: hyper-parameters, shapes, forward, gradient, receptive
/// field. It holds no tensors, no device and no mutable state, so any number of graphs and plans
/// may share one.
class Layer {
 public:
  virtual ~Layer() = default;

  [[nodiscard]] virtual LayerKind kind() const noexcept = 0;
  [[nodiscard]] virtual std::string_view type() const noexcept = 0;  ///< name in packages: "conv"
  [[nodiscard]] virtual Attributes attributes() const { return {}; }

  /// Output shape; throws kShape when the inputs do not fit.
  [[nodiscard]] virtual Shape infer(std::span<const Shape> in) const = 0;
  [[nodiscard]] virtual std::vector<ParameterSpec> parameters(std::span<const Shape>) const {
    return {};
  }
  /// What forward must remember for the gradient beside its input and output: switches, moments.
  struct AuxSpec {
    DType dtype;
    Shape shape;
    bool like_output{true};  ///< laid out like the output; otherwise plain
    bool optional{false};    ///< forward() leaves it out where no backward pass reads it
  };
  [[nodiscard]] virtual std::optional<AuxSpec> aux(std::span<const Shape>,
                                                   bool /*training*/) const {
    return {};
  }
  [[nodiscard]] virtual Window window() const { return {}; }
  /// Multiply-adds of the forward pass.
  [[nodiscard]] virtual std::int64_t macs(std::span<const Shape>) const { return 0; }

  /// Output equals input: the planner lets them share memory and runs nothing.
  [[nodiscard]] virtual bool identity(bool /*training*/) const { return false; }
  /// forward() may write its output over its first input.
  [[nodiscard]] virtual bool in_place() const { return false; }
  /// A ReLU that follows can be applied by this layer's own step.
  [[nodiscard]] virtual bool fuses_relu() const { return false; }
  /// Accepts a plain (block 1) input whatever the other values' layout.
  [[nodiscard]] virtual bool accepts_plain_input() const { return false; }

  [[nodiscard]] virtual std::unique_ptr<Prepared> prepare(const PrepareContext&) const {
    return nullptr;
  }
  virtual void forward(const Call& call) const = 0;

  /// The ordinary gradient (vector-Jacobian product): dx = J^T dy, dparams likewise.
  [[nodiscard]] virtual std::uint8_t vjp_keeps() const noexcept { return kKeepNothing; }
  /// What vjp() reads in addition when parameter gradients are wanted.
  [[nodiscard]] virtual std::uint8_t parameter_gradient_keeps() const noexcept {
    return kKeepNothing;
  }
  [[nodiscard]] virtual bool vjp_in_place() const { return false; }
  [[nodiscard]] virtual std::unique_ptr<Prepared> prepare_vjp(const PrepareContext&) const {
    return nullptr;
  }
  virtual void vjp(const BackCall& call) const = 0;

  /// The layer as a linear map with weights to choose (layers/linear_map.h); null: it is none.
  [[nodiscard]] virtual std::unique_ptr<LinearMap> linear_map(const LinearGeometry&) const;
};

using LayerPtr = std::shared_ptr<const Layer>;

/// Throws kShape unless there are exactly `count` inputs.
void expect_inputs(std::span<const Shape> in, std::size_t count);

}  // namespace cutaway
