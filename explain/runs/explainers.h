#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "explain/crops/merge_crops.h"
#include "explain/runs/choose_methods.h"
#include "explain/runs/run_context.h"
#include "explain/session.h"

namespace cutaway::explain {

/// All methods at all chosen layers in one session. Methods that take no layer run once.
class Explainers {
 public:
  /// `layers` empty: the default one. With `crops`, forward() takes ten rows a picture and
  /// everything that comes out is about pictures. Throws kUsage and kUnsupported as the methods do
  /// at the first layer; at the others a method that does not suit is left out (refused()).
  Explainers(const Model& model,
             const std::vector<MethodChoice>& methods,
             const std::vector<std::string>& layers,
             const Shape& input,
             const RunContext& context,
             const std::optional<CropPlan>& crops = {},
             bool keep_going = false);

  /// One forward pass; the logits. A later forward() replaces them.
  const Tensor& forward(const Tensor& input);
  /// One a method and layer. With `keep_going` one that a method could not give has no map, and
  /// why_not() says why; without it that is thrown.
  [[nodiscard]] std::vector<Explanation> explain(const std::vector<std::int64_t>& targets);
  /// Of explanation k of the last explain(); empty: it has its map.
  [[nodiscard]] const std::string& why_not(std::size_t k) const { return why_not_.at(k); }
  /// What explain() and forward() compute for one picture, in forward passes.
  [[nodiscard]] double work() const;
  /// "cam at conv1: ...": methods that do not suit one of several layers, with the reason.
  [[nodiscard]] const std::vector<std::string>& refused() const noexcept { return refused_; }

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
  std::vector<std::string> refused_, why_not_;
  std::optional<CropPlan> crops_;
  bool keep_going_;
  Tensor merged_;  // scores of pictures
};

}  // namespace cutaway::explain
