#include "explain/training/data/open_data.h"

#include <algorithm>
#include <filesystem>

#include "explain/pictures/list.h"
#include "explain/training/data/readers.h"
#include "runtime/error.h"

namespace cutaway::training {
namespace {

namespace fs = std::filesystem;

bool holds_list(const std::string& folder) {
  std::error_code code;
  if (!fs::is_regular_file(fs::path(folder) / "labels.csv", code)) return false;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (explain::is_picture_name(entry.path().string())) return false;
  return true;
}

LabelledSet open_folder(const std::string& folder) {
  if (holds_list(folder)) return open_list((fs::path(folder) / "labels.csv").string());
  if (holds_idx(folder)) return open_idx(folder);
  if (holds_cifar(folder)) return open_cifar(folder);
  return open_folder_of_classes(folder);
}

LabelledSet open_any(const std::string& data, Observer& observer) {
  std::error_code code;
  const fs::file_status status = fs::status(data, code);
  if (!fs::exists(status)) throw Error(ErrorKind::kInput, "no such file or folder").at(data);
  if (fs::is_directory(status)) return open_folder(data);
  const std::string name = fs::path(data).filename().string();
  const std::string extension = explain::lower_extension(data);
  if (name.find("images") != std::string::npos && name.find("idx3") != std::string::npos)
    return open_idx(data);
  if (extension == ".csv" || extension == ".json" || extension == ".txt") return open_list(data);
  if (extension == ".bin") return open_cifar(data);
  if (extension == ".tar" || extension == ".tgz" || name.ends_with(".tar.gz"))
    return open_archive(data, observer);
  if (extension == ".h5" || extension == ".hdf5") return open_pack(data, observer);
  throw Error(ErrorKind::kInput, "no labelled pictures of a known form")
      .at(data)
      .expected("a folder, .csv, .json, .txt, idx3-ubyte, .bin, .tar, .tar.gz or .h5");
}

}  // namespace

LabelledSet open_data(const std::string& data, Observer& observer) {
  LabelledSet set = open_any(data, observer);
  if (set.pictures.empty()) throw Error(ErrorKind::kInput, "no pictures").at(data);
  return set;
}

std::int32_t ClassNames::number(const std::string& name) {
  return numbers_.try_emplace(name, static_cast<std::int32_t>(numbers_.size())).first->second;
}

void ClassNames::finish(LabelledSet& set) const {
  std::vector<std::int32_t> place(numbers_.size());
  set.classes.clear();
  for (const auto& [name, provisional] : numbers_) {
    place[static_cast<std::size_t>(provisional)] = static_cast<std::int32_t>(set.classes.size());
    set.classes.push_back(name);
  }
  for (LabelledPicture& p : set.pictures) p.label = place[static_cast<std::size_t>(p.label)];
}

bool class_of_path(const std::string& path, std::string& name, Split& split) {
  const fs::path folders = fs::path(path).parent_path();
  name = folders.filename().string();
  split = Split::kTrain;
  if (name.empty() || name == "." || name == "..") return false;
  for (const fs::path& part : folders.parent_path()) {
    if (part == "val" || part == "valid" || part == "validation") split = Split::kValidation;
    if (part == "test") split = Split::kTest;
  }
  return true;
}

std::vector<std::string> numbered_classes(std::int64_t count) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

}  // namespace cutaway::training
