#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace cutaway {

/// How the learning rate moves while a net is trained. Lengths are in epochs, and may be fractions.
struct ScheduleOptions {
  enum class Kind : std::uint8_t {
    kConstant,
    kStep,      ///< times `factor` after every `every` epochs, or after each of `milestones`
    kCosine,    ///< half a cosine down to `final_rate` (Loshchilov & Hutter 2017)
    kOneCycle,  ///< half a cosine up, half a cosine down (Smith & Topin 2019)
    kPlateau    ///< times `factor` when the watched value has not fallen for `patience` epochs
  };
  Kind kind{Kind::kCosine};
  float rate{0.1f};    ///< the greatest
  double warmup{0.0};  ///< epochs in which the rate rises linearly to where the schedule begins
  float factor{0.1f};  ///< kStep, kPlateau
  double every{30.0};  ///< kStep, without milestones
  std::vector<double> milestones{};  ///< kStep: rising
  float final_rate{0.0f};            ///< kCosine: at the end; kPlateau: never below
  double rise{0.3};                  ///< kOneCycle: part of the training in which the rate rises
  float start_divisor{25.0f};        ///< kOneCycle: begins at rate / start_divisor
  float final_divisor{10000.0f};     ///< kOneCycle: ends at rate / start_divisor / final_divisor
  std::int64_t patience{10};         ///< kPlateau: epochs without improvement that are borne
  double threshold{1e-4};            ///< kPlateau: an improvement is below best * (1 - threshold)
};

/// What a schedule remembers; only kPlateau has anything.
struct ScheduleState {
  double best{std::numeric_limits<double>::infinity()};
  std::int64_t bad_epochs{0};
  float factor{1.0f};  ///< by which the rate has been lowered

  friend bool operator==(const ScheduleState&, const ScheduleState&) = default;
};

/// Learning rates of a training of known length.
class Schedule {
 public:
  /// Throws kUsage for options outside their ranges.
  Schedule(const ScheduleOptions& options, std::int64_t steps_per_epoch, std::int64_t epochs);

  /// The rate of update `step`, from 0.
  [[nodiscard]] float rate(std::int64_t step) const;
  /// Told the watched value (a loss: less is better) after every epoch. A value that is not a
  /// number is no improvement.
  void observe(double value);

  [[nodiscard]] const ScheduleState& state() const noexcept { return state_; }
  void restore(const ScheduleState& state) noexcept { state_ = state; }

 private:
  [[nodiscard]] double after_warmup(std::int64_t step) const;
  [[nodiscard]] double one_cycle(std::int64_t step) const;

  ScheduleOptions options_;
  std::int64_t per_epoch_, total_, warmup_;
  ScheduleState state_;
};

}  // namespace cutaway
