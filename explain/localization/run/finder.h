#pragma once

#include <optional>
#include <vector>

#include "explain/localization/run/job.h"
#include "explain/localization/run/scene.h"
#include "explain/localization/run/truth.h"
#include "explain/pictures/list.h"
#include "weights/package.h"

namespace cutaway::explain {

/// One picture while its boxes are looked for, and what was found.
struct Located {
  ImageEntry entry;
  std::string error;  ///< why there is nothing; empty: fine
  std::optional<LocalScene> scene;
  std::optional<std::int64_t> label;
  std::vector<RealBox> truth;

  struct Class {
    std::int64_t label{0};
    double probability{0};
  };
  /// The net's first classes, then the true one if it is not among them; `ranked` of them are the
  /// net's.
  std::vector<Class> classes;
  std::size_t ranked{0};

  struct Found {
    std::vector<RealBox> boxes;  ///< largest first, in the file's pixels
    bool fallback{false};
    Image drawn;  ///< heat and boxes on the picture; empty unless wanted
  };
  /// A row (method after method, in each rule after rule) and class.
  std::vector<std::vector<Found>> found;
  std::vector<BoxHits> hits;  ///< a method, for the true class; empty without box

  /// Where the true class stands in `classes`; its end where it is not known.
  [[nodiscard]] std::size_t true_class() const;
};

/// Explains batches of pictures and turns the maps into boxes.
class BoxFinder {
 public:
  BoxFinder(const LocalizeJob& job,
            const weights::Package& package,
            const Truth& truth,
            const RunContext& context);

  /// Fills in everything behind `entry`; of the first `draw` pictures also what was drawn.
  void locate(std::vector<Located>& pictures, std::size_t draw);

  [[nodiscard]] const Explainers::Layer& layer() const { return explainers_.layers().front(); }
  /// Options of each method, as its first map recorded them.
  [[nodiscard]] const std::vector<Explanation>& first_maps() const { return first_; }
  [[nodiscard]] double explain_seconds() const noexcept { return explain_seconds_; }
  [[nodiscard]] double box_seconds() const noexcept { return box_seconds_; }

 private:
  void load(std::vector<Located>& pictures, Tensor& input);
  void rank(std::vector<Located>& pictures, const Tensor& scores) const;
  void find(std::vector<Located>& pictures,
            const std::vector<std::optional<std::size_t>>& classes,
            const std::vector<Explanation>& maps,
            std::size_t draw);
  void find_in(Located& p,
               std::size_t n,
               std::size_t of_class,
               const Explanation& e,
               std::size_t method,
               bool draw) const;

  const LocalizeJob& job_;
  const weights::Package& package_;
  const Truth& truth_;
  const RunContext& context_;
  Shape shape_;
  Explainers explainers_;
  std::vector<Explanation> first_;
  double explain_seconds_{0}, box_seconds_{0};
};

}  // namespace cutaway::explain
