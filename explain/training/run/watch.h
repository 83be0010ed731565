#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "explain/pictures/image.h"
#include "explain/runs/run_context.h"
#include "explain/training/run/train_job.h"

namespace cutaway::training {

/// Explanations of fixed pictures while a net learns, and how its features came into being.
///
///   watch/epoch-0005.png  a picture of every class that was held back (up to six), and how each
///                         method explains its true class
///   watch/epoch-0005.h5   the net as it was
///   watch/features/       the strongest activation of maps at every checkpoint, projected
///                         (explain/units/run/evolution.h)
class Watch {
 public:
  /// `pictures`: those that were held back, or trained on where there are none. Throws kUsage for
  /// unknown methods, and kUnsupported where the net does not suit one. Both outlive it.
  Watch(const TrainJob& job,
        const std::vector<std::int64_t>& pictures,
        const explain::RunContext& context);

  [[nodiscard]] bool due(std::int64_t epoch) const noexcept {
    return every_ > 0 && (epoch % every_ == 0 || epoch == epochs_);
  }
  /// Writes the two files of an epoch.
  void look(std::int64_t epoch, const Model& model) const;
  /// Writes the sheets of features over all epochs there are.
  void finish() const;
  /// Epoch and file of the pictures that are there, in order.
  [[nodiscard]] std::vector<std::pair<std::int64_t, std::string>> sheets() const;

 private:
  [[nodiscard]] std::string file(std::int64_t epoch, const char* extension) const;
  [[nodiscard]] explain::Image sheet(const weights::Package& package) const;

  const TrainJob& job_;
  const std::vector<std::int64_t>& all_;
  const explain::RunContext& context_;
  std::string folder_;
  std::int64_t every_, epochs_;
  std::vector<std::int64_t> probes_;
};

}  // namespace cutaway::training
