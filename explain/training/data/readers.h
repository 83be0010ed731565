#pragma once

#include <map>
#include <string>
#include <vector>

#include "explain/training/data/labelled.h"
#include "runtime/observer.h"

// The forms of data that open_data knows, a file each.
namespace cutaway::training {

[[nodiscard]] LabelledSet open_folder_of_classes(const std::string& folder);
[[nodiscard]] LabelledSet open_list(const std::string& path);
[[nodiscard]] bool holds_idx(const std::string& folder);
/// `path`: a folder, or the pictures' file.
[[nodiscard]] LabelledSet open_idx(const std::string& path);
[[nodiscard]] bool holds_cifar(const std::string& folder);
/// `path`: a folder, or one batch.
[[nodiscard]] LabelledSet open_cifar(const std::string& path);
[[nodiscard]] LabelledSet open_archive(const std::string& path, Observer& observer);
[[nodiscard]] LabelledSet open_pack(const std::string& path, Observer& observer);

/// Numbers classes that have names, once all of them are known.
class ClassNames {
 public:
  /// A provisional number, for renumber().
  [[nodiscard]] std::int32_t number(const std::string& name);
  /// Puts the classes in the order of their names, and the labels of the set with them.
  void finish(LabelledSet& set) const;

 private:
  std::map<std::string, std::int32_t> numbers_;
};

/// The class and the split that a path below the data's root tells by its folders: "train/cat/1.png"
/// is of class cat, "animals/cat/1.png" too. False when it has no folder.
[[nodiscard]] bool class_of_path(const std::string& path, std::string& name, Split& split);

/// The numbers as names, for data without any.
[[nodiscard]] std::vector<std::string> numbered_classes(std::int64_t count);

}  // namespace cutaway::training
