#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "explain/session.h"

namespace cutaway::explain {

/// One number a pixel of the network's input from a method's raw maps: what metrics rank and weigh,
/// n x 1 x height x width. Reconstructions are summed in absolute value over their channels; heat
/// maps lose what is below 0; other maps are taken as they are. Then bilinear with half-pixel
/// centres.
[[nodiscard]] Tensor importance(const Explanation& explanation,
                                std::int64_t height,
                                std::int64_t width);
/// The same for maps alone.
[[nodiscard]] Tensor importance(const Tensor& maps,
                                MapKind kind,
                                std::int64_t height,
                                std::int64_t width);

/// Explains a batch of pictures (n x c x h x w of the network's input), one class each; returns
/// maps n x 1 x h x w at the input's size, or n x c x h x w where a metric asks for a value an
/// input number.
using Explainer =
    std::function<Tensor(const Tensor& pictures, std::span<const std::int64_t> targets)>;

/// A method as an Explainer: importance() of its maps. The random numbers of the method are those
/// of `number` for every picture, so that a metric compares maps and not draws. The model and the
/// returned object must outlive each other's use; one thread at a time.
[[nodiscard]] Explainer make_explainer(const Model& model,
                                       const std::string& method,
                                       const Attributes& options,
                                       const Stream& stream,
                                       const Session::Options& session,
                                       std::uint64_t number = 0);

}  // namespace cutaway::explain
