#include "layers/training/schedule.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "runtime/error.h"

namespace cutaway {
namespace {

constexpr double kPi = 3.14159265358979323846;

void require(bool good, const char* what, const char* expected, double got) {
  if (!good)
    throw Error(ErrorKind::kUsage, what).at("schedule").expected(expected).got(std::to_string(got));
}

void validate(const ScheduleOptions& o) {
  const auto positive = [](double v) { return v > 0.0 && std::isfinite(v); };
  require(o.rate >= 0.0f && std::isfinite(o.rate), "learning rate", "0 or above", double{o.rate});
  require(o.warmup >= 0.0 && o.warmup <= 1e6, "epochs of warm-up", "0 or above", o.warmup);
  require(o.factor > 0.0f && o.factor <= 1.0f, "factor", "above 0, at most 1", double{o.factor});
  require(positive(o.every), "epochs of a step", "above 0", o.every);
  require(std::ranges::is_sorted(o.milestones), "milestones", "rising epochs", 0.0);
  require(o.final_rate >= 0.0f && o.final_rate <= o.rate, "final rate", "0 to the greatest rate",
          double{o.final_rate});
  require(o.rise > 0.0 && o.rise < 1.0, "rising part of the cycle", "between 0 and 1", o.rise);
  require(positive(double{o.start_divisor}) && positive(double{o.final_divisor}),
          "divisors of the cycle", "above 0", double{o.start_divisor});
  require(o.patience >= 0, "patience", "0 or more epochs", static_cast<double>(o.patience));
  require(o.threshold >= 0.0 && o.threshold < 1.0, "threshold", "0 to below 1", o.threshold);
}

double half_cosine(double from, double to, double done) {
  return to + (from - to) * 0.5 * (1.0 + std::cos(kPi * std::clamp(done, 0.0, 1.0)));
}

}  // namespace

Schedule::Schedule(const ScheduleOptions& options,
                   std::int64_t steps_per_epoch,
                   std::int64_t epochs)
    : options_(options), per_epoch_(steps_per_epoch), total_(steps_per_epoch * epochs), warmup_(0) {
  validate(options);
  require(steps_per_epoch >= 1 && epochs >= 0, "steps of an epoch", "at least 1",
          static_cast<double>(steps_per_epoch));
  warmup_ = std::llround(options.warmup * static_cast<double>(steps_per_epoch));
}

/// Up from rate / start_divisor, then down to a final_divisor-th of that; the last update has the
/// last value.
double Schedule::one_cycle(std::int64_t step) const {
  const double start = double{options_.rate} / double{options_.start_divisor};
  const double end = start / double{options_.final_divisor};
  const double last = static_cast<double>(std::max<std::int64_t>(1, total_ - warmup_));
  const double top = options_.rise * last - 1.0;  // the update with the greatest rate
  const auto now = static_cast<double>(step - warmup_);
  if (now <= top) return half_cosine(start, double{options_.rate}, top > 0.0 ? now / top : 1.0);
  return half_cosine(double{options_.rate}, end, (now - top) / std::max(1.0, last - 1.0 - top));
}

double Schedule::after_warmup(std::int64_t step) const {
  const double top = double{options_.rate};
  switch (options_.kind) {
    case ScheduleOptions::Kind::kConstant:
      return top;
    case ScheduleOptions::Kind::kStep: {
      const double exact = static_cast<double>(step) / static_cast<double>(per_epoch_);
      const auto& at = options_.milestones;
      const double falls =
          at.empty() ? std::floor(exact / options_.every)
                     : static_cast<double>(std::ranges::upper_bound(at, exact) - at.begin());
      return top * std::pow(double{options_.factor}, falls);
    }
    case ScheduleOptions::Kind::kCosine: {
      const auto span = static_cast<double>(std::max<std::int64_t>(1, total_ - warmup_));
      return half_cosine(top, double{options_.final_rate},
                         static_cast<double>(step - warmup_) / span);
    }
    case ScheduleOptions::Kind::kOneCycle:
      return one_cycle(step);
    case ScheduleOptions::Kind::kPlateau:
      return std::max(top * double{state_.factor}, double{options_.final_rate});
  }
  return top;
}

float Schedule::rate(std::int64_t step) const {
  if (step >= warmup_) return static_cast<float>(after_warmup(step));
  return static_cast<float>(after_warmup(warmup_) * static_cast<double>(step + 1) /
                            static_cast<double>(warmup_));
}

void Schedule::observe(double value) {
  if (options_.kind != ScheduleOptions::Kind::kPlateau) return;
  if (value < state_.best * (1.0 - options_.threshold)) {
    state_.best = value;
    state_.bad_epochs = 0;
    return;
  }
  if (++state_.bad_epochs <= options_.patience) return;
  state_.factor *= options_.factor;
  state_.bad_epochs = 0;
}

}  // namespace cutaway
