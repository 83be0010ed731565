#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/evaluate/importance.h"
#include "explain/evaluate/similarity.h"
#include "runtime/observer.h"

namespace cutaway::explain {

/// What a layer's weights become.
enum class Reinitialization : std::uint8_t {
  kTruncatedNormal,  ///< N(0, 0.01^2), redrawn beyond two deviations (Adebayo et al. 2018, code)
  kHe,               ///< N(0, 2 / fan_in), as this library initialises what it trains
  kPermutation       ///< the trained numbers of each tensor in random order
};
/// "truncated_normal", "he", "permutation".
[[nodiscard]] const char* to_string(Reinitialization kind);
/// Throws kUsage for another name.
[[nodiscard]] Reinitialization find_reinitialization(std::string_view name);

/// The layers with trainable parameters, from the logits down to the input.
[[nodiscard]] std::vector<NodeId> layers_to_randomize(const Graph& graph);

/// A copy of a model whose `layers` have new weights. Biases become 0 (kPermutation: permuted);
/// batch normalisation gets gamma 1 and beta 0 and keeps its statistics (kPermutation: gamma and
/// beta permuted). The same for the same seed and layer, whatever else is changed.
[[nodiscard]] Model randomized(const Model& model,
                               std::span<const NodeId> layers,
                               Reinitialization kind,
                               std::uint64_t seed);

/// The sanity check by model parameters (Adebayo et al. 2018, section 3.1).
struct SanityRequest {
  /// Cascading: a step also keeps what the steps before it changed. Independent: one step's layers
  /// at a time.
  bool cascading{true};
  Reinitialization kind{Reinitialization::kTruncatedNormal};
  std::uint64_t seed{0};
  /// What each step changes, in order; empty: layers_to_randomize(), one a step.
  std::vector<std::vector<NodeId>> steps;
};
struct SanityStep {
  std::vector<std::string> layers;        ///< changed in this step
  std::vector<MapSimilarity> similarity;  ///< of every picture's map with that of the intact model
};
/// Maps of one method and the same classes under ever other weights. `pictures`: n x c x h x w of
/// the network's input; `targets`: n classes. A step is a step of the progress "sanity check". Maps
/// that hardly change say that the method does not show what the weights have learned.
[[nodiscard]] std::vector<SanityStep> sanity_check(const Model& model,
                                                   const std::string& method,
                                                   const Attributes& options,
                                                   const Tensor& pictures,
                                                   std::span<const std::int64_t> targets,
                                                   const SanityRequest& request,
                                                   const Stream& stream,
                                                   const Session::Options& session,
                                                   Observer& observer = silent_observer());

}  // namespace cutaway::explain
