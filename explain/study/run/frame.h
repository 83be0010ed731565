#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "explain/evaluator.h"
#include "explain/network.h"
#include "explain/pictures/image.h"
#include "explain/report/manifest.h"
#include "explain/runs/run_folder.h"
#include "explain/runs/steps.h"
#include "explain/runs/targets.h"
#include "explain/study/run/page.h"
#include "explain/study/run/study.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// One picture of a study, as the net takes it.
struct StudyImage {
  ImageEntry entry;
  std::string stem;  ///< of its files
  Image seen;        ///< resized and cropped
  Tensor input;      ///< 1 x c x h x w
};

/// What the studies share: the folder, the pictures, the true class, the manifest.
class StudyFrame {
 public:
  /// Makes the folder. `reads`: what the study reads beside the job's inputs. Throws kUsage when
  /// the folder holds a finished run or what is read, or the fill is none.
  StudyFrame(const StudyJob& job,
             const weights::Package& package,
             const RunContext& context,
             const std::vector<std::string>& reads = {});

  /// The study itself, `work`, unless it was complete before; `own`: what decides its results beside
  /// what all studies are told. Opens steps().
  StudySummary run(Record own, const std::function<StudySummary()>& work);
  /// What the study has computed, kept until it is complete.
  [[nodiscard]] Steps& steps() { return steps_.value(); }

  /// Stems of files that belong to no picture.
  static inline const std::vector<std::string> kOwnStems{"curves", "correspondence", "hidden"};

  [[nodiscard]] const weights::Package& package() const noexcept { return package_; }
  [[nodiscard]] const Graph& graph() const noexcept { return package_.model.graph; }
  [[nodiscard]] Evaluator::Resources resources() const;
  /// The layers of these names, or `otherwise` where there are none. Throws kUsage for a name the
  /// net does not have.
  [[nodiscard]] std::vector<LayerChoice> layers(const std::vector<std::string>& names,
                                                std::vector<LayerChoice> otherwise) const;
  /// What hides or surrounds, a value a channel of the net's input; and the colour that a picture
  /// shows for it.
  [[nodiscard]] const std::vector<float>& fill() const noexcept { return fill_; }
  [[nodiscard]] Rgb fill_color() const;
  [[nodiscard]] bool bgr() const { return package_.preprocess.order == weights::ColorOrder::kBgr; }

  /// Prepares a picture. Throws as reading and preprocessing do.
  [[nodiscard]] StudyImage prepare(const ImageEntry& entry) const;
  /// The net's input of a picture that is resized and cropped already; throws kShape, naming it,
  /// unless it fits.
  [[nodiscard]] Tensor input_of(const Image& seen, const std::string& name) const;
  /// `use` is called for every picture of the job that can be used; what it throws of kInput and
  /// kShape, and what cannot be read, is a failure of that picture.
  void each(const std::string& what, const std::function<void(const StudyImage&)>& use);
  void fail(const std::string& name, const std::string& error);
  [[nodiscard]] const std::vector<Manifest::Failure>& failures() const noexcept {
    return failures_;
  }

  /// The class that is watched, and whether it is the true one, the first one or chosen. Throws
  /// kInput when the rule gives none for this picture.
  struct Class {
    std::int64_t index;
    std::string name, why;
  };
  [[nodiscard]] Class target(const ImageEntry& entry, std::span<const float> scores) const;
  /// Index of the greatest score.
  [[nodiscard]] static std::int64_t best(std::span<const float> scores);
  /// "golden retriever" for "n02099601 golden retriever, goldie".
  [[nodiscard]] std::string short_name(std::int64_t label) const;

  /// The path of a file that the study will write (RunFolder::claim).
  [[nodiscard]] std::string path(const std::string& file) { return folder_.claim(file); }
  void write_json(const std::string& file, const nlohmann::ordered_json& value);
  void write_text(const std::string& file, const std::string& text);
  /// report.html, then manifest.json; fills the summary's counts. Throws kInput when no picture
  /// could be used.
  void finish(const StudyPage& page,
              Manifest::Method method,
              std::int64_t images,
              StudySummary& summary);

 private:
  const StudyJob& job_;
  const weights::Package& package_;
  const RunContext& context_;
  RunFolder folder_;
  std::optional<Steps> steps_;
  std::vector<float> fill_;
  std::optional<TargetRule> rule_;
  std::vector<Manifest::Failure> failures_;
};

/// Numbers of a line of CSV, with commas.
[[nodiscard]] std::string csv_number(double v);

}  // namespace cutaway::explain

#pragma GCC visibility pop
