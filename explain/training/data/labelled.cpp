#include "explain/training/data/labelled.h"

#include <algorithm>

#include "layers/graph.h"
#include "runtime/error.h"

namespace cutaway::training {

const char* to_string(Split split) {
  constexpr const char* kNames[]{"train", "validation", "test"};
  return kNames[static_cast<std::size_t>(split)];
}

Split parse_split(const std::string& name) {
  if (name == "train" || name == "training") return Split::kTrain;
  if (name == "validation" || name == "val" || name == "valid") return Split::kValidation;
  if (name == "test") return Split::kTest;
  throw Error(ErrorKind::kInput, "split")
      .expected("train, validation or test")
      .got("'" + name.substr(0, 64) + "'");
}

void keep_classes(LabelledSet& set, const std::vector<std::string>& names) {
  std::vector<std::int32_t> number(set.classes.size(), -1);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = std::find(set.classes.begin(), set.classes.end(), names[i]);
    if (found == set.classes.end()) {
      std::string hint = "did you mean";
      for (const std::string& near : nearest_names(names[i], set.classes))
        hint += " '" + near + "'";
      throw Error(ErrorKind::kUsage, "no class '" + names[i].substr(0, 64) + "' in the data")
          .hint(hint);
    }
    std::int32_t& to = number[static_cast<std::size_t>(found - set.classes.begin())];
    if (to >= 0) throw Error(ErrorKind::kUsage, "class '" + names[i] + "' is named twice");
    to = static_cast<std::int32_t>(i);
  }
  std::vector<LabelledPicture> kept;
  for (LabelledPicture& p : set.pictures) {
    p.label = number[static_cast<std::size_t>(p.label)];
    if (p.label >= 0) kept.push_back(std::move(p));
  }
  set.pictures = std::move(kept);
  set.classes = names;
}

}  // namespace cutaway::training
