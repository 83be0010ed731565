#pragma once

#include "explain/method.h"

/// Every method, one file a family: its facts and how it is made. methods/registry.cpp lists them.
namespace cutaway::explain {

struct MethodEntry {
  MethodFacts facts;
  MethodPtr (*make)(const Options& options);
};

[[nodiscard]] MethodEntry saliency_method();
[[nodiscard]] MethodEntry guided_method();
[[nodiscard]] MethodEntry deconvnet_method();
[[nodiscard]] MethodEntry gradient_x_input_method();
[[nodiscard]] MethodEntry sensitivity_method();
[[nodiscard]] MethodEntry smoothgrad_method();
[[nodiscard]] MethodEntry vargrad_method();
[[nodiscard]] MethodEntry integrated_gradients_method();
[[nodiscard]] MethodEntry cam_method();
[[nodiscard]] MethodEntry gradcam_method();
[[nodiscard]] MethodEntry gradcam_plus_plus_method();
[[nodiscard]] MethodEntry hirescam_method();
[[nodiscard]] MethodEntry xgradcam_method();
[[nodiscard]] MethodEntry layercam_method();
[[nodiscard]] MethodEntry scorecam_method();
[[nodiscard]] MethodEntry ablationcam_method();
[[nodiscard]] MethodEntry eigencam_method();
[[nodiscard]] MethodEntry guided_gradcam_method();
[[nodiscard]] MethodEntry occlusion_method();
[[nodiscard]] MethodEntry rise_method();
[[nodiscard]] MethodEntry lime_method();
[[nodiscard]] MethodEntry lrp_method();
[[nodiscard]] MethodEntry excitation_method();

/// LayerCAM of one layer, without fusion; records `options`.
[[nodiscard]] MethodPtr make_single_layercam(Attributes options);

}  // namespace cutaway::explain
