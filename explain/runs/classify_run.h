#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "explain/pictures/source.h"
#include "explain/runs/complaints.h"
#include "explain/runs/run_context.h"
#include "weights/package.h"

namespace cutaway::explain {

/// What `cutaway classify` is to do.
struct ClassifyJob {
  std::string model_path;
  std::vector<std::string> inputs;
  SourceOptions source;
  std::int64_t batch{8};
  std::size_t top{5};     ///< classes a picture
  std::string outputs;    ///< HDF5 file for the raw class scores; empty: none
  bool overwrite{false};  ///< that file may be there
};

/// A picture that was classified.
struct ClassifiedPicture {
  std::string name;
  std::optional<std::int64_t> label;  ///< the true class, where known
  struct Class {
    std::int64_t index{0};
    std::string label;
    double probability{0};
  };
  std::vector<Class> top;  ///< descending
};

struct ClassifySummary {
  std::int64_t images{0}, labelled{0}, top1{0}, top5{0};
  Complaints failed;  ///< pictures that could not be read, or whose scores mean nothing
};

/// Classifies all pictures and hands each to `each`, in order. Throws kUsage when the outputs' file
/// is one of those that are read, or exists.
ClassifySummary run_classify(const ClassifyJob& job,
                             const weights::Package& package,
                             const RunContext& context,
                             const std::function<void(const ClassifiedPicture&)>& each);

/// Warns of every list that has no column of labels: one whose labels stand under another name would
/// silently have no accuracy. Throws as open_image_list.
void warn_of_missing_labels(const std::vector<std::string>& lists, Observer& observer);

}  // namespace cutaway::explain
