#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/pictures/source.h"
#include "explain/render/colormap.h"
#include "explain/runs/run_context.h"
#include "explain/study/invariance.h"
#include "explain/study/occlusion_study.h"
#include "weights/package.h"

namespace cutaway::explain {

/// What all of the paper's experiments are told (Zeiler & Fergus 2013, figures 5, 7 and 8).
struct StudyJob {
  std::string model_path, out;
  std::vector<std::string> inputs;
  SourceOptions source;
  /// What hides a part, or lies beside a moved image: "mean" (0 after preprocessing) or "grey"
  /// (127.5 of 255 before).
  std::string fill{"mean"};
  /// TargetRule; empty: the label where there is one, else the net's first class.
  std::string target;
  bool resume{false}, overwrite{false};
};

struct StudySummary {
  std::int64_t images{0}, failed{0};
  std::vector<std::string> lines;  ///< what was found, for people
  std::string report, manifest;
  bool complete_before{false};  ///< a finished run was resumed: report and manifest alone are known
};

struct OcclusionJob : StudyJob {
  /// Pixels of the net's input; 0: 50 and 6 of 224, in proportion.
  std::int64_t size{0}, stride{0};
  bool centered{false};
  StrongestBy strongest{StrongestBy::kMaximum};
  std::string layer;     ///< of k*; empty: the last maps
  bool pooled{false};    ///< the pooled maps of that layer
  bool bilinear{false};  ///< maps are drawn interpolated, not as a grid
  Colormap colormap{Colormap::kTurbo};
  /// Where to look for the map's top images elsewhere; may be empty.
  std::vector<std::string> data;
  std::int64_t elsewhere{3};
};

struct CorrespondenceJob : StudyJob {
  std::string boxes, category;      ///< as ObjectQuery
  std::vector<std::string> parts;   ///< empty: all that every image has
  std::vector<std::string> layers;  ///< empty: the last maps and the last features
  std::int64_t count{5}, draws{10};
  bool cut{false};  ///< objects cut out of their pictures and brought to the net's size
};

struct InvarianceJob : StudyJob {
  std::vector<std::string> layers;  ///< empty: the first features and the last features
  double shift{0};  ///< to both sides, pixels of the net's input; 0: 60 of 224, in proportion
  double scale{1.8};
  std::int64_t shift_steps{25}, scale_steps{17}, rotation_steps{36};
};

/// Each writes into job.out: pictures and numbers of every image or part, study.json, report.html
/// (self-contained) and manifest.json last; docs/studies.md lists them. With job.resume each goes on
/// where the same study was stopped: what was computed is not computed again. Pictures that cannot be
/// read are counted and listed. Throws kUsage when the folder holds a finished run or an option
/// does not suit the net.
[[nodiscard]] StudySummary run_occlusion_study(const OcclusionJob& job,
                                               const weights::Package& package,
                                               const RunContext& context);
/// job.inputs: one folder with parts.json or truth.json in it, or pictures and job.boxes.
[[nodiscard]] StudySummary run_correspondence_study(const CorrespondenceJob& job,
                                                    const weights::Package& package,
                                                    const RunContext& context);
[[nodiscard]] StudySummary run_invariance_study(const InvarianceJob& job,
                                                const weights::Package& package,
                                                const RunContext& context);

}  // namespace cutaway::explain
