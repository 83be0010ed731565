#pragma once

#include <string>
#include <vector>

#include "layers/rule.h"

/// Layer-wise relevance propagation (Bach et al. 2015; Montavon et al. 2019): the rules of one
/// layer, and the composites that say which layer gets which. Every rule is the same four steps
/// (Montavon et al. 2019, section 10.3) with other inputs f and weights g:
///   z = A(g) f + b,  s = R / (z stabilised),  c = A(g)' s,  R_in = f c.
namespace cutaway::explain {

enum class LrpKind : std::uint8_t {
  kEpsilon,    ///< a w / (z + sign(z) epsilon); LRP-0 with epsilon = kStabiliser
  kGamma,      ///< w + gamma w+; for inputs and outputs of both signs the generalised form
  kAlphaBeta,  ///< alpha (a w)+ / z+ - beta (a w)- / z-
  kZPlus,      ///< alpha = 1, beta = 0
  kZBox,       ///< first layer, pixels in [low, high]: (x w - low w+ - high w-)
  kWSquare,    ///< w^2 / sum of w^2, whatever the input
  kFlat        ///< evenly over the receptive field
};

/// Added to denominators, with their sign, by rules that have no epsilon of their own.
inline constexpr double kStabiliser = 1e-6;

struct LrpRule {
  LrpKind kind{LrpKind::kEpsilon};
  double epsilon{kStabiliser};
  /// kEpsilon: added to epsilon, times the root mean square of z over the image's layer.
  double rms_share{0.0};
  double gamma{0.25};
  double alpha{2.0}, beta{1.0};
  std::vector<float> low, high;  ///< kZBox: one a channel
  bool bias{true};               ///< the bias takes its share of relevance (and loses it)
  bool negated{false};  ///< kZPlus with -w for w: the second pass of contrastive excitation
};

/// The rule for convolutions, dense layers and batch normalisations. A batch normalisation right
/// behind a convolution or dense layer that nobody else reads is one linear map with it: relevance
/// passes the normalisation unchanged and the layer works with the merged weights.
[[nodiscard]] RulePtr lrp_linear(const LrpRule& rule);
/// Average and global average pooling, residual sums: in proportion to the inputs (LRP-epsilon).
/// The share of the root mean square as in LrpRule.
[[nodiscard]] RulePtr lrp_proportional(double epsilon, double rms_share = 0.0);
/// Max pooling treated as average pooling over the same windows (the tutorial's choice).
[[nodiscard]] RulePtr lrp_max_as_average(double epsilon, double rms_share = 0.0);
/// R passes unchanged: activations, LRN, a batch normalisation merged into the layer before it.
[[nodiscard]] RulePtr lrp_pass();
/// The same through a product with a constant, where the input may be smaller than the output.
[[nodiscard]] RulePtr lrp_constant_factor();

/// What `lrp` can be told.
struct LrpOptions {
  std::string composite{"epsilon_plus"};  ///< one of lrp_composites()
  double epsilon{kStabiliser}, gamma{0.25}, alpha{2.0}, beta{1.0};
  std::vector<float> low, high;  ///< the pixels' box, one value a channel or one for all
  bool bias{true};
  bool average_max{false};
};
/// epsilon_gamma_box, epsilon_plus, epsilon_plus_flat, epsilon_alpha2_beta1,
/// epsilon_alpha2_beta1_flat (the field's presets: first layer / convolutions / dense),
/// vgg_tutorial (pixels z^B; gamma 0.25 below the third max pooling, epsilon 0.25 RMS above it,
/// LRP-0 in the dense layers), or one rule for every layer: zero, epsilon, gamma, alphabeta, zplus,
/// wsquare, flat.
[[nodiscard]] std::vector<std::string> lrp_composites();
/// Throws kUsage when the composite is unknown, when alpha - beta is not 1, or when a number is out
/// of range.
[[nodiscard]] RuleSet lrp_rules(const LrpOptions& options);

/// Excitation backpropagation (Zhang et al. 2016): the probability p_j = sum over k of a_j w+_jk /
/// (sum over j of a_j w+_jk) p_k, no bias; poolings as in lrp_rules. Where inputs are negative
/// (pixels), what pulls towards the unit is a- w-. `negated`: the node whose weights count with the
/// opposite sign (-1: none).
[[nodiscard]] RuleSet excitation_rules(NodeId negated = -1);

/// The batch normalisation that merges into convolution or dense node `id`, or -1.
[[nodiscard]] NodeId merged_norm(const Graph& graph, NodeId id);
/// The output of `id` is at least 0 whatever the input: everything on the way up from it ends in a
/// ReLU or another function that is never negative.
[[nodiscard]] bool never_negative(const Graph& graph, NodeId id);
/// Nothing with weights stands between node `id` and the pixels.
[[nodiscard]] bool reads_pixels(const Graph& graph, NodeId id);

}  // namespace cutaway::explain
