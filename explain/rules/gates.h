#pragma once

#include <cstdint>
#include <string>

#include "layers/rule.h"

/// Products in which one factor is a gate: the excitation of a squeeze-and-excitation block, SiLU,
/// hard swish and GELU written out as a product, attention maps. Internal to explain/rules.
namespace cutaway::explain {

/// Which input of the product `id` is the gate: 0 or 1, or -1 when neither stands out. A factor
/// that ends in a sigmoid, hard sigmoid, softmax or a clip from 0 is a gate before one that ends in
/// tanh, softsign or erf, and that before any other; between equals the one that is broadcast is.
/// Steps by constants, layout changes and resizing on the way up from the product do not matter.
[[nodiscard]] std::int32_t gate_of(const Graph& graph, NodeId id);

/// The node is a product of two inputs (a quotient counts: its divisor is the gate).
[[nodiscard]] bool is_product(const Graph& graph, NodeId id);

/// The signal takes all of the relevance of a product and the gate none (Arras et al. 2017,
/// "Explaining recurrent neural network predictions in sentiment analysis", section 3.2:
/// signal-take-all). Declines products without a gate.
[[nodiscard]] RulePtr signal_takes_all();

/// Refuses every layer, and says why and what to do instead.
[[nodiscard]] RulePtr refuse(std::string reason);

}  // namespace cutaway::explain
