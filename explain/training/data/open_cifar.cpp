// CIFAR-10 and CIFAR-100 in their binary form: one or two bytes of label, then 32 x 32 reds, greens
// and blues.

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "explain/training/data/readers.h"
#include "explain/training/data/stores.h"
#include "runtime/error.h"

namespace cutaway::training {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPixels = 32 * 32 * 3;

bool is_batch(const fs::path& path) {
  const std::string name = path.filename().string();
  return name == "train.bin" || name == "test.bin" || name == "test_batch.bin" ||
         (name.starts_with("data_batch_") && name.ends_with(".bin"));
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

/// CIFAR-100 says so by its names; without them, by the size of its records.
bool has_two_labels(const fs::path& batch, std::uint64_t bytes) {
  std::error_code code;
  if (fs::exists(batch.parent_path() / "fine_label_names.txt", code)) return true;
  if (fs::exists(batch.parent_path() / "batches.meta.txt", code)) return false;
  return bytes % (kPixels + 1) != 0;
}

void add_batch(const fs::path& path, LabelledSet& set, RecordStore& store, std::size_t classes) {
  const auto file = ByteFile::open(path.string());
  const std::uint64_t bytes = file->size();
  const std::uint64_t labels = has_two_labels(path, bytes) ? 2 : 1;
  const std::uint64_t record = labels + kPixels;
  if (bytes == 0 || bytes % record != 0) {
    throw Error(ErrorKind::kInput, "no CIFAR batch")
        .at(path.string())
        .expected("records of " + std::to_string(record) + " bytes")
        .got(std::to_string(bytes) + " bytes");
  }
  const std::size_t most = classes > 0 ? classes : labels == 2 ? 100 : 10;
  const std::uint32_t number = store.add_file(file);
  const std::string name = path.stem().string();
  for (std::uint64_t i = 0; i < bytes / record; ++i) {
    LabelledPicture p;
    p.name = name + "/" + std::to_string(i);
    std::uint8_t label = 0;
    file->read(i * record + labels - 1, {&label, 1});
    if (label >= most) {
      throw Error(ErrorKind::kInput, "label")
          .at(path.string() + ", picture " + std::to_string(i))
          .expected("0 to " + std::to_string(most - 1))
          .got(std::to_string(label));
    }
    p.label = label;
    p.split = name.starts_with("test") ? Split::kTest : Split::kTrain;
    p.place =
        store.add({i * record + labels, kPixels, 32, 32, RecordStore::Coding::kPlanes, number});
    set.pictures.push_back(std::move(p));
  }
}

}  // namespace

bool holds_cifar(const std::string& folder) {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (is_batch(entry.path())) return true;
  return false;
}

LabelledSet open_cifar(const std::string& path) {
  std::vector<fs::path> batches;
  std::error_code code;
  const bool whole = fs::is_directory(path, code);
  if (whole) {
    for (const auto& entry : fs::directory_iterator(path))
      if (is_batch(entry.path())) batches.push_back(entry.path());
    std::sort(batches.begin(), batches.end());
  } else {
    batches.emplace_back(path);
  }
  const fs::path folder = whole ? fs::path(path) : fs::path(path).parent_path();
  LabelledSet set;
  set.classes = lines_of(folder / "fine_label_names.txt");
  if (set.classes.empty()) set.classes = lines_of(folder / "batches.meta.txt");
  auto store = std::make_shared<RecordStore>();
  for (const fs::path& batch : batches) add_batch(batch, set, *store, set.classes.size());
  if (set.classes.empty()) {
    std::int32_t most = -1;
    for (const LabelledPicture& p : set.pictures) most = std::max(most, p.label);
    set.classes = numbered_classes(most < 10 ? 10 : 100);
  }
  set.store = std::move(store);
  return set;
}

}  // namespace cutaway::training
