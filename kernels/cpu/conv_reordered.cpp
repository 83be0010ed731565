// Convolutions of plain (NCHW) tensors through copies in blocks of 16 channels: two passes over the
// activations cost less than a convolution that reads channels far apart.
#include <utility>

#include "kernels/conv.h"
#include "kernels/cpu/level.h"
#include "kernels/elementwise.h"

namespace cutaway::kernels {
namespace {

constexpr std::size_t kAlignment = 64;

class ReorderedConv final : public ConvPrimitive {
 public:
  ReorderedConv(const ConvProblem& p,
                const ConvProblem& inner,
                std::unique_ptr<ConvPrimitive> primitive)
      : p_(p), primitive_(std::move(primitive)) {
    x_bytes_ = p.x_layout == inner.x_layout ? 0 : bytes(p.x);
    y_bytes_ = p.y_layout == inner.y_layout ? 0 : bytes(p.y);
  }

  [[nodiscard]] std::string_view engine() const noexcept override { return "reordered"; }
  [[nodiscard]] std::size_t scratch_bytes() const override {
    return x_bytes_ + y_bytes_ + primitive_->scratch_bytes();
  }
  [[nodiscard]] std::size_t prepared_bytes() const override { return primitive_->prepared_bytes(); }
  [[nodiscard]] std::string prepared_format() const override {
    return primitive_->prepared_format();
  }
  void prepare(Stream& stream, const float* w, std::byte* prepared) const override {
    primitive_->prepare(stream, w, prepared);
  }

  void run(Stream& stream, const ConvArguments& a) const override {
    ConvArguments inner = a;
    inner.scratch = a.scratch + x_bytes_ + y_bytes_;
    switch (p_.pass) {
      case ConvPass::kForward:
        inner.in = input(stream, a.in, x_bytes_, a.scratch);
        inner.out = output(a.out, y_bytes_, a.scratch + x_bytes_);
        break;
      case ConvPass::kBackwardData:
        inner.in = input(stream, a.in, y_bytes_, a.scratch + x_bytes_);
        inner.out = output(a.out, x_bytes_, a.scratch);
        break;
      case ConvPass::kBackwardWeights:
        inner.in = input(stream, a.in, x_bytes_, a.scratch);
        inner.in2 = input(stream, a.in2, y_bytes_, a.scratch + x_bytes_);
        break;
    }
    primitive_->run(stream, inner);
    if (inner.out.data != a.out.data) kernels::run(stream, Reorder{inner.out, a.out});
  }

 private:
  static std::size_t bytes(const Shape& shape) {
    const std::size_t exact =
        static_cast<std::size_t>(stored_count(shape, kBlocked16)) * sizeof(float);
    return (exact + kAlignment - 1) / kAlignment * kAlignment;
  }
  static View<float> copy(const Shape& shape, std::byte* memory) {
    return dense_view(reinterpret_cast<float*>(memory), shape, kBlocked16);
  }
  static View<const float> input(Stream& stream,
                                 View<const float> from,
                                 std::size_t bytes,
                                 std::byte* memory) {
    if (bytes == 0) return from;
    const View<float> to = copy(from.shape, memory);
    kernels::run(stream, Reorder{from, to});
    return to;
  }
  static View<float> output(View<float> to, std::size_t bytes, std::byte* memory) {
    return bytes == 0 ? to : copy(to.shape, memory);
  }

  ConvProblem p_;
  std::unique_ptr<ConvPrimitive> primitive_;
  std::size_t x_bytes_{0}, y_bytes_{0};
};

}  // namespace

std::unique_ptr<ConvPrimitive> make_conv_reordered(ThisLevel,
                                                   const ConvProblem& p,
                                                   std::string& declined) {
  if (!(p.x_layout == kPlain) && !(p.y_layout == kPlain)) {
    declined = "neither tensor is plain";
    return nullptr;
  }
  ConvProblem inner = p;
  for (auto [layout, stored] : {std::pair(&inner.x_layout, &inner.x_stored_channels),
                                std::pair(&inner.y_layout, &inner.y_stored_channels)}) {
    if (!(*layout == kPlain)) continue;
    *layout = kBlocked16;
    *stored = 0;
  }
  using Maker = MadeConv (*)(ThisLevel, const ConvProblem&, std::string&);
  for (const Maker make : {Maker{make_conv_winograd}, Maker{make_conv_direct}}) {
    if (auto primitive = make({}, inner, declined))
      return std::make_unique<ReorderedConv>(p, inner, std::move(primitive));
  }
  return nullptr;
}

}  // namespace cutaway::kernels
