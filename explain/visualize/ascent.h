#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "explain/doubt.h"
#include "explain/visualize/layer_score.h"
#include "explain/visualize/pixel_space.h"

/// Gradient ascent on pictures (Simonyan et al. 2013, section 2; Yosinski et al. 2015). Pictures
/// are inputs of the net, n x C x h x w; every number a paper leaves open is an option, and its
/// default says where it comes from. Random numbers depend on the seed alone. With the same
/// arguments the result has the same bytes. Where an image's gradient is 0 everywhere, its step is
/// that of explain/visualize/rescue.h, which helps ReLUs through which nothing passes. The observer
/// of the score hears the steps as "ascent".
namespace cutaway::explain {

/// Called before every step (and once at the end) with the number of steps done, the objective's
/// value and the picture; false ends the ascent.
using Watch = std::function<bool(std::int64_t step, double value, const Tensor& picture)>;

struct Ascended {
  Tensor picture;                  ///< n x C x h x w, as the net takes it
  std::vector<double> values;      ///< the objective before every step, and at the end
  std::vector<std::string> notes;  ///< what had to be done: "added noise: ..."
  std::vector<Doubt> doubts;       ///< an image: kStuck, kNotFinite, or nothing
};

/// Class model visualisation (Simonyan et al. 2013, section 2): x <- x + eta (grad S - 2 lambda x),
/// from x = 0, the mean picture; no clipping, no blur, no jitter. The paper gives no numbers; the
/// defaults are this project's.
struct SimonyanOptions {
  std::int64_t steps{300};
  /// Eta = rate * unit / mean|grad S| and x loses the share `decay` a step; otherwise eta = rate.
  bool normalize{true};
  double rate{1.5};  ///< in grey levels when normalized
  double decay{1e-3};
  double lambda{0.0};  ///< read when not normalized
  std::uint64_t seed{0};
};
[[nodiscard]] Ascended ascend_simonyan(LayerScore& score,
                                       const Objective& objective,
                                       const PixelSpace& pixels,
                                       const SimonyanOptions& options,
                                       const Watch& watch = {});

/// Regularised ascent (Yosinski et al. 2015): clip, gradient, step, decay, blur every few steps,
/// clip small pixels and small contributions (percentiles over the picture); the last step is not
/// regularised. The best picture of the ascent is returned when `keep_best`.
struct YosinskiOptions {
  std::int64_t steps{1000};
  double rate{100.0};     ///< at Caffe's scale; x moves by rate * unit^2 * gradient
  bool normalize{false};  ///< x moves by rate * unit / mean|g| * g instead
  /// Above 0: a step that promises the objective this much, x moves by gain / |g|^2 * g, at most by
  /// what `rate` would move it.
  double gain{0.0};
  double decay{1e-4}, blur_sigma{1.0};
  std::int64_t blur_every{4};
  double pixel_percentile{0.0}, contribution_percentile{0.0};
  double start_deviation{10.0};  ///< of the first picture about the mean, in grey levels
  bool keep_best{false};
  std::uint64_t seed{0};
};
[[nodiscard]] Ascended ascend_yosinski(LayerScore& score,
                                       const Objective& objective,
                                       const PixelSpace& pixels,
                                       const YosinskiOptions& options,
                                       const Watch& watch = {});

/// Ascent with penalties, momentum and jitter (Mahendran & Vedaldi 2015, 2016): objective -
/// power_weight * mean
/// (|x| / B)^power - variation_weight * mean (TV_beta / (B / 6.5)^beta), B = 80 grey levels.
/// Inverts a layer when the objective is match_objective(). The step is normalised to `rate` grey
/// levels (mean magnitude) and falls to nothing towards the end (half a cosine).
struct PenaltyOptions {
  std::int64_t steps{400};
  double rate{4.0}, momentum{0.9};
  double power{6.0}, power_weight{1.0};
  double variation_beta{2.0}, variation_weight{0.5};
  double objective_weight{1.0};
  std::int64_t jitter{0};  ///< the picture is rolled by up to so many pixels before every step
  double start_deviation{10.0};  ///< grey levels
  std::uint64_t seed{0};
};
[[nodiscard]] Ascended ascend_penalized(LayerScore& score,
                                        const Objective& objective,
                                        const PixelSpace& pixels,
                                        const PenaltyOptions& options,
                                        const Watch& watch = {});

/// mean |x|.
[[nodiscard]] double mean_magnitude(const Tensor& x);
/// The p-th percentile (0 to 100) of values, linear interpolation at (N - 1) p / 100 (type 7).
[[nodiscard]] double percentile(std::vector<float> values, double p);

}  // namespace cutaway::explain
