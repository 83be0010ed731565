#pragma once

#include "explain/method.h"

/// The factories behind make_method(), one file a family. Options are documented there.
namespace cutaway::explain {

[[nodiscard]] MethodPtr make_saliency(const Attributes& options);
[[nodiscard]] MethodPtr make_guided(const Attributes& options);
[[nodiscard]] MethodPtr make_deconvnet(const Attributes& options);
[[nodiscard]] MethodPtr make_gradient_x_input(const Attributes& options);
[[nodiscard]] MethodPtr make_cam(const Attributes& options);
[[nodiscard]] MethodPtr make_gradcam(const Attributes& options);
[[nodiscard]] MethodPtr make_guided_gradcam(const Attributes& options);
[[nodiscard]] MethodPtr make_lrp(const Attributes& options);
[[nodiscard]] MethodPtr make_excitation(const Attributes& options);

}  // namespace cutaway::explain
