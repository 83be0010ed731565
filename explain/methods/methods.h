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
[[nodiscard]] MethodPtr make_sensitivity(const Attributes& options);
[[nodiscard]] MethodPtr make_smoothgrad(const Attributes& options);
[[nodiscard]] MethodPtr make_vargrad(const Attributes& options);
[[nodiscard]] MethodPtr make_integrated_gradients(const Attributes& options);
[[nodiscard]] MethodPtr make_gradcam_plus_plus(const Attributes& options);
[[nodiscard]] MethodPtr make_hirescam(const Attributes& options);
[[nodiscard]] MethodPtr make_xgradcam(const Attributes& options);
[[nodiscard]] MethodPtr make_layercam(const Attributes& options);
[[nodiscard]] MethodPtr make_scorecam(const Attributes& options);
[[nodiscard]] MethodPtr make_ablationcam(const Attributes& options);
[[nodiscard]] MethodPtr make_eigencam(const Attributes& options);
[[nodiscard]] MethodPtr make_occlusion(const Attributes& options);
[[nodiscard]] MethodPtr make_rise(const Attributes& options);
[[nodiscard]] MethodPtr make_lime(const Attributes& options);

/// LayerCAM of one layer, without fusion.
[[nodiscard]] MethodPtr make_single_layercam(const Attributes& options);
[[nodiscard]] MethodPtr make_lrp(const Attributes& options);
[[nodiscard]] MethodPtr make_excitation(const Attributes& options);

}  // namespace cutaway::explain
