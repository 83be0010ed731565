#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kernels/engine.h"
#include "runtime/device.h"
#include "runtime/layout.h"
#include "runtime/stream.h"

/// Convolution as a list of engines. An engine looks at a ConvProblem and either declines, with a
/// reason, or returns a ConvPrimitive; the first that accepts is used. On the CPU: winograd (3x3
/// and 5x5, stride 1), direct (all else in blocks of 16 channels, and the weight gradients),
/// reordered (plain tensors, through copies in blocks), onednn (groups of few channels), reference.
/// Every CPU result has the same bytes for any number of threads.
namespace cutaway::kernels {

/// y[n,o,i,j] = b[o] + sum over c,u,v of w[o,c,u,v] x[n, group(o)*C/G + c, i*stride_h - pad_h +
/// u*dilation_h, ...]; zeros outside the image.
struct ConvGeometry {
  std::int32_t kernel_h{1}, kernel_w{1}, stride_h{1}, stride_w{1}, pad_h{0}, pad_w{0};
  std::int32_t dilation_h{1}, dilation_w{1}, groups{1};

  friend constexpr bool operator==(const ConvGeometry&, const ConvGeometry&) = default;
};

/// floor((extent + 2 pad - dilation (kernel - 1) - 1) / stride) + 1, or 0 when the kernel does not
/// fit.
[[nodiscard]] CUTAWAY_HD constexpr std::int64_t conv_extent(std::int64_t extent,
                                                            std::int64_t kernel,
                                                            std::int64_t stride,
                                                            std::int64_t pad,
                                                            std::int64_t dilation) {
  const std::int64_t span = extent + 2 * pad - dilation * (kernel - 1) - 1;
  return span < 0 ? 0 : span / stride + 1;
}

enum class ConvPass : std::uint8_t {
  kForward,         ///< in = x, out = y (+ bias, + ReLU)
  kBackwardData,    ///< in = dy, out = dx: the exact adjoint, no bias
  kBackwardWeights  ///< in = x, in2 = dy, out = dw in OIHW
};

struct ConvProblem {
  ConvPass pass{ConvPass::kForward};
  Shape x, y;  ///< shapes of the forward pass, whatever the pass
  ConvGeometry g;
  Layout x_layout, y_layout;  ///< of x or dx, and of y or dy
  /// Channels of the tensors that x and y are slices of (0: they are whole). Within one image a
  /// slice is contiguous in blocked layouts; images are further apart.
  std::int64_t x_stored_channels{0}, y_stored_channels{0};
  bool bias{false}, relu{false};  ///< forward only
  /// The weights stay as they are for the life of the primitive: worth transforming once. When
  /// false (training) the weights are read at every run.
  bool frozen{true};
  int threads{1};                       ///< CPU threads the primitive will run on
  CpuLevel level{default_cpu_level()};  ///< CPU kernels it will run, whatever its stream's level

  [[nodiscard]] std::int64_t macs() const;  ///< multiply-adds of one pass
};

struct ConvArguments {
  View<const float> in, in2;    ///< see ConvPass
  View<float> out;              ///< y or dx
  const float* w{};             ///< O x I/groups x kh x kw, on the stream's device
  const float* bias{};          ///< O floats, or null
  const std::byte* prepared{};  ///< what prepare() wrote, when prepared_bytes() > 0
  float* dw{};                  ///< kBackwardWeights: OIHW, overwritten
  std::byte* scratch{};         ///< at least scratch_bytes(), 64-byte aligned
};

/// One convolution, ready to run on tensors of one geometry. Immutable once made: any number of
/// threads may run it on different arguments.
class ConvPrimitive {
 public:
  virtual ~ConvPrimitive() = default;
  [[nodiscard]] virtual std::string_view engine() const noexcept = 0;
  /// Memory that is dead after run().
  [[nodiscard]] virtual std::size_t scratch_bytes() const { return 0; }
  /// Transformed weights; 0 when the plain ones are used as they are.
  [[nodiscard]] virtual std::size_t prepared_bytes() const { return 0; }
  /// Equal keys for the same weights mean equal prepared bytes: primitives of other batch sizes
  /// share them.
  [[nodiscard]] virtual std::string prepared_format() const { return {}; }
  virtual void prepare(Stream& stream, const float* w, std::byte* prepared) const;
  virtual void run(Stream& stream, const ConvArguments& a) const = 0;
};

/// Never null: the reference engine accepts everything that is a valid convolution. Throws kShape
/// for an invalid problem and kUsage when the forced engine declines (with its reason).
[[nodiscard]] std::unique_ptr<ConvPrimitive> make_conv(Device device,
                                                       const ConvProblem& problem,
                                                       const EngineOptions& options = {},
                                                       EngineReport* report = nullptr);

/// An engine of the ordered list (kernels/conv.cpp): returns null and writes why it declined, or
/// accepts.
struct ConvEngine {
  std::string_view name;
  Device::Kind device;
  /// Not ours: what it computes for one image may depend on the size of the batch.
  bool third_party;
  /// None where this build has no such engine.
  std::unique_ptr<ConvPrimitive> (*make)(const ConvProblem&, std::string& declined);
};
/// All engines of all devices, those first that are tried first; the one list of their names.
[[nodiscard]] std::span<const ConvEngine> conv_engines();

// The makers, one a file: kernels/cpu/conv_*.cpp and kernels/cuda/conv_*. Own engines for the CPU
// are compiled for every level; the problem's level chooses.
using MadeConv = std::unique_ptr<ConvPrimitive>;
MadeConv make_conv_winograd(const ConvProblem&, std::string& declined);
CUTAWAY_PER_LEVEL(MadeConv, make_conv_winograd, const ConvProblem&, std::string& declined);
MadeConv make_conv_direct(const ConvProblem&, std::string& declined);
CUTAWAY_PER_LEVEL(MadeConv, make_conv_direct, const ConvProblem&, std::string& declined);
MadeConv make_conv_reordered(const ConvProblem&, std::string& declined);
CUTAWAY_PER_LEVEL(MadeConv, make_conv_reordered, const ConvProblem&, std::string& declined);
MadeConv make_conv_reference(const ConvProblem&, std::string& declined);
CUTAWAY_PER_LEVEL(MadeConv, make_conv_reference, const ConvProblem&, std::string& declined);
MadeConv make_conv_onednn(const ConvProblem&, std::string& declined);
std::unique_ptr<ConvPrimitive> make_conv_cudnn(const ConvProblem&, std::string& declined);
std::unique_ptr<ConvPrimitive> make_conv_implicit_gemm(const ConvProblem&, std::string& declined);
std::unique_ptr<ConvPrimitive> make_conv_reference_cuda(const ConvProblem&, std::string& declined);

}  // namespace cutaway::kernels
