#include "explain/methods/methods.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// In the order of --help.
const std::vector<MethodEntry>& methods() {
  static const std::vector<MethodEntry> all{saliency_method(),
                                            guided_method(),
                                            deconvnet_method(),
                                            gradient_x_input_method(),
                                            sensitivity_method(),
                                            smoothgrad_method(),
                                            vargrad_method(),
                                            integrated_gradients_method(),
                                            cam_method(),
                                            gradcam_method(),
                                            gradcam_plus_plus_method(),
                                            hirescam_method(),
                                            xgradcam_method(),
                                            layercam_method(),
                                            scorecam_method(),
                                            ablationcam_method(),
                                            eigencam_method(),
                                            guided_gradcam_method(),
                                            occlusion_method(),
                                            rise_method(),
                                            lime_method(),
                                            lrp_method(),
                                            excitation_method()};
  return all;
}

const MethodEntry& entry_of(std::string_view name) {
  for (const MethodEntry& entry : methods()) {
    if (name == entry.facts.name) return entry;
  }
  std::string hint = "did you mean";
  for (const std::string& near : nearest_names(name, method_names())) hint += " '" + near + "'";
  throw Error(ErrorKind::kUsage, "unknown method '" + std::string(name) + "'").hint(hint);
}

}  // namespace

MethodPtr make_method(std::string_view name, const Attributes& options) {
  const MethodEntry& entry = entry_of(name);
  const std::string owner = "method " + entry.facts.name;
  const Options checked(entry.facts.options, options, owner);
  try {
    return entry.make(checked);
  } catch (const Error& error) {  // options are the caller's words, whatever was wrong with them
    throw Error(ErrorKind::kUsage, error.what()).at(owner);
  }
}

std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const MethodEntry& entry : methods()) names.push_back(entry.facts.name);
  return names;
}

const MethodFacts& method_facts(std::string_view name) { return entry_of(name).facts; }

std::string method_summary(std::string_view name) { return method_facts(name).summary; }

}  // namespace cutaway::explain
