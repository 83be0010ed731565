#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "explain/verify/reference.h"
#include "kernels/engine.h"
#include "weights/package.h"

namespace cutaway::explain {

/// The largest difference that counts as agreement, as a share of the largest value of the
/// reference.
struct Tolerances {
  double input{0.02};  ///< of preprocessing: decoders and resizers differ by a level or two
  double activation{1e-4}, gradient{1e-3}, map{1e-3};
};

/// How far two tensors are apart.
struct Distance {
  double largest{0};   ///< max |a - b|
  double relative{0};  ///< that, divided by max |b|
  double rms{0};       ///< ||a - b|| / ||b||
  double cosine{1};    ///< a . b / (||a|| ||b||); 1 when both are zero
  double scale{0};     ///< max |b|
};
/// `b` is the reference. Every figure is NaN when any element of either is not finite.
[[nodiscard]] Distance distance(std::span<const float> a, std::span<const float> b);
/// largest <= tolerance * scale; false for NaN.
[[nodiscard]] bool agrees(const Distance& d, double tolerance);

struct Comparison {
  ReferenceKind kind{ReferenceKind::kActivation};
  std::string name;  ///< of the layer in this model, or of the map
  std::string type;  ///< of the layer, or the method
  Shape shape;       ///< of the reference
  Distance distance;
  double tolerance{0};
  bool ok{false};
  std::string problem;  ///< why nothing could be compared; then there are no figures
  /// Gradients and maps, where some differ: the distance with the reference's activations taken for
  /// granted.
  std::optional<Distance> decided;
  /// It differs by more than the tolerance, but not with the reference's decisions; then it is ok.
  bool by_rounding{false};
};

struct Verification {
  /// Preprocessing, then activations in graph order, then gradients in the order of computation
  /// (from the score down), then maps.
  std::vector<Comparison> rows;
  /// Index of the first row that is not ok; rows.size() when all agree.
  std::size_t first{0};
  /// What would explain the first difference (explain/verify/diagnosis.h); may be empty.
  std::string diagnosis;
  /// Where gradients or maps differ though activations agree: what rectifiers and pooling windows
  /// that are decided by rounding have to do with it, as a sentence. Only those are counted whose
  /// decision the bundle tells.
  std::string rounding;

  [[nodiscard]] bool ok() const noexcept { return first == rows.size(); }
};

/// Runs the model on the bundle's inputs and compares everything the bundle holds. A gradient or a
/// map that differs counts as agreeing when all recorded activations agree, some rectifiers or
/// pooling windows are decided otherwise, and it agrees when the recorded activations decide.
/// Throws kInput when the bundle names layers or methods that the model does not have, or has an
/// input of another shape.
[[nodiscard]] Verification verify(const weights::Package& package,
                                  const Reference& reference,
                                  const Tolerances& tolerances,
                                  const Stream& stream,
                                  const kernels::EngineOptions& engines);

}  // namespace cutaway::explain
