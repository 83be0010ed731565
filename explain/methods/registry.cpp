#include <array>

#include "explain/methods/methods.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

struct Entry {
  const char* name;
  MethodPtr (*make)(const Attributes&);
  const char* summary;
};

// One line a method, in the order of --help.
constexpr std::array kMethods{
    Entry{"saliency", make_saliency, "largest absolute gradient of the class score at each pixel"},
    Entry{"guided", make_guided, "guided backpropagation from the class score, in colour"},
    Entry{"deconvnet", make_deconvnet, "deconvnet projection of a layer's strongest (or any) unit"},
    Entry{"gradient_x_input", make_gradient_x_input,
          "gradient times input: evidence for and against"},
    Entry{"sensitivity", make_sensitivity, "squared gradient: what the score reacts to"},
    Entry{"smoothgrad", make_smoothgrad, "gradient averaged over noisy copies of the image"},
    Entry{"vargrad", make_vargrad, "variance of the gradient over noisy copies of the image"},
    Entry{"integrated_gradients", make_integrated_gradients,
          "gradient integrated on the path from a baseline; sums to the score"},
    Entry{"cam", make_cam, "class activation map of a net that ends in global pooling"},
    Entry{"gradcam", make_gradcam, "gradient-weighted class activation map of any layer"},
    Entry{"gradcam++", make_gradcam_plus_plus,
          "Grad-CAM with weights for several instances of a class"},
    Entry{"hirescam", make_hirescam,
          "gradient times activation at each place, summed over channels"},
    Entry{"xgradcam", make_xgradcam, "Grad-CAM with weights that conserve the score"},
    Entry{"layercam", make_layercam,
          "positive gradients times activation; works at early layers too"},
    Entry{"scorecam", make_scorecam,
          "maps weighted by the class probability of the image they mask"},
    Entry{"ablationcam", make_ablationcam, "maps weighted by the score lost without them"},
    Entry{"eigencam", make_eigencam,
          "first principal component of the maps; no class, no gradient"},
    Entry{"guided_gradcam", make_guided_gradcam, "guided backpropagation within the Grad-CAM map"},
    Entry{"occlusion", make_occlusion, "score lost when a sliding window is painted over"},
    Entry{"rise", make_rise, "random masks weighted by the class probability they leave"},
    Entry{"lime", make_lime, "linear model of the class probability in superpixels"},
    Entry{"lrp", make_lrp,
          "layer-wise relevance propagation of the class score: rules and composites"},
    Entry{"excitation", make_excitation,
          "excitation backpropagation, contrastive if asked, to a middle layer"},
};

const Entry& entry_of(std::string_view name) {
  for (const Entry& entry : kMethods) {
    if (name == entry.name) return entry;
  }
  std::string hint = "did you mean";
  for (const std::string& near : nearest_names(name, method_names())) hint += " '" + near + "'";
  throw Error(ErrorKind::kUsage, "unknown method '" + std::string(name) + "'").hint(hint);
}

}  // namespace

MethodPtr make_method(std::string_view name, const Attributes& options) {
  const Entry& entry = entry_of(name);
  try {
    MethodPtr method = entry.make(options);
    options.expect_all_read();
    return method;
  } catch (const Error& error) {  // options are the caller's words, whatever was wrong with them
    throw Error(ErrorKind::kUsage, error.what()).at("method " + std::string(name));
  }
}

std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kMethods) names.emplace_back(entry.name);
  return names;
}

std::string method_summary(std::string_view name) { return entry_of(name).summary; }

}  // namespace cutaway::explain
