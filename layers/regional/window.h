#pragma once

#include <memory>

#include "kernels/window.h"
#include "layers/layer.h"

namespace cutaway {

/// What the windows of a run are cut from; whoever owns the run sets it between passes.
struct WindowState {
  Buffer origins;  ///< a kernels::WindowOrigin an image, on the device of the run
  TensorRef base;  ///< the whole plane of one image, or empty
};

/// Cuts, out of a plane of which its input holds one window an image, another window: what the
/// input does not cover comes from the whole plane of an unchanged image (or is `outside`), and
/// what lies outside of the plane is `outside`. The adjoint in the input. Made by RegionalModel
/// only; never part of a package.
class WindowLayer final : public Layer {
 public:
  WindowLayer(std::int64_t height,
              std::int64_t width,
              const Shape& plane,
              float outside,
              std::shared_ptr<const WindowState> state);
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kWindow; }
  [[nodiscard]] std::string_view type() const noexcept override { return "window"; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  void forward(const Call& call) const override;
  void vjp(const BackCall& call) const override;

 private:
  std::int64_t height_, width_;
  Shape plane_;
  float outside_;
  std::shared_ptr<const WindowState> state_;
};

}  // namespace cutaway
