#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "explain/localization/max_box_acc.h"

namespace cutaway::explain {

/// What is known of one picture: boxes of its class, inclusive pixels of the file.
struct PictureTruth {
  std::optional<std::int64_t> label;
  std::vector<RealBox> boxes;
};

/// Classes and boxes of pictures, by file name. Read from
///   JSON   a list [{"file", "label", "boxes": [[x1, y1, x2, y2], ...]}, ...], or, as
///          `cutaway dataset make` writes it,
///          {"images": [{"file", "label", "box": [x1, y1, x2, y2]}, ...]}
///   COCO   its JSON of instances: boxes are x, y, width and height there; its ids of categories are
///          no classes of a network, and give no labels
///   CSV    the columns file, label and perhaps x1, y1, x2, y2 (or xmin, ymin, xmax, ymax; or x, y,
///          width, height); a file may have several lines
/// In any of them, a box under a name or in a form that is not understood is an error, not a box
/// less.
class Truth {
 public:
  Truth() = default;
  /// Throws kInput, naming file and entry, on anything that is not as above.
  /// `classes`: labels must be below; 0: not known.
  explicit Truth(const std::string& path, std::int64_t classes = 0);
  /// What a user should know of how it was read; empty: nothing.
  [[nodiscard]] const std::string& note() const noexcept { return note_; }

  /// By the name as given, or else by its last part if that is unambiguous. Null: nothing is known.
  [[nodiscard]] const PictureTruth* find(const std::string& name) const;
  [[nodiscard]] std::size_t size() const noexcept { return pictures_.size(); }

 private:
  void read_json(const std::string& text);
  void read_coco(std::string_view text);
  void read_csv(const std::string& text, const std::string& path);
  PictureTruth& picture(const std::string& name);

  std::int64_t classes_{0};
  std::string note_;
  std::vector<PictureTruth> pictures_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::unordered_map<std::string, std::optional<std::size_t>> by_last_part_;  // empty: ambiguous
};

}  // namespace cutaway::explain
