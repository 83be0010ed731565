#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "explain/crops/merge_crops.h"
#include "explain/runs/run_context.h"
#include "explain/session.h"

namespace cutaway::explain {

/// A method's name and the options given to it.
struct MethodChoice {
  std::string name;
  Attributes options;
};

/// The methods of a list of names and groups, in order and without repetition. Groups are "all",
/// "cam-family" and "gradient-family"; of a group, methods that this net does not support are left
/// out and named in `left_out` with the reason, whereas a method named on its own is never left
/// out. Throws kUsage for unknown names and options.
[[nodiscard]] std::vector<MethodChoice> choose_methods(
    const std::vector<std::string>& names,
    const std::vector<std::pair<std::string, Attributes>>& options,
    const Graph& graph,
    const std::string& layer,
    std::vector<std::string>& left_out);
/// Names of the groups with what is in them, for --help.
[[nodiscard]] std::string group_help();

/// All methods at all chosen layers in one session. Methods that take no layer run once.
class Explainers {
 public:
  /// `layers` empty: the default one. With `crops`, forward() takes ten rows a picture and
  /// everything that comes out is about pictures. Throws kUsage and kUnsupported as the methods do.
  Explainers(const Model& model,
             const std::vector<MethodChoice>& methods,
             const std::vector<std::string>& layers,
             const Shape& input,
             const RunContext& context,
             const std::optional<CropPlan>& crops = {});

  /// One forward pass; the logits. A later forward() replaces them.
  const Tensor& forward(const Tensor& input);
  [[nodiscard]] std::vector<Explanation> explain(const std::vector<std::int64_t>& targets);

  struct Layer {
    std::string name, why;
  };
  /// The layers that methods which take one run at; "none" where the net has no maps.
  [[nodiscard]] const std::vector<Layer>& layers() const noexcept { return layers_; }
  /// The plans, for -v.
  [[nodiscard]] std::string report(const Graph& graph);

 private:
  std::unique_ptr<Session> session_;
  std::vector<Layer> layers_;
  std::optional<CropPlan> crops_;
  Tensor merged_;  // scores of pictures
};

}  // namespace cutaway::explain
