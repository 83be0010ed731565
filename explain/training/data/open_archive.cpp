// Archives and packs: whatever is compressed is unpacked into a temporary file once, so that
// pictures can be read at random.

#include "explain/pictures/list.h"
#include "explain/pictures/source.h"
#include "explain/pictures/tar.h"
#include "explain/training/data/readers.h"
#include "explain/training/data/stores.h"
#include "runtime/error.h"
#include "weights/hdf5_file.h"
#include "weights/hdf5_vet.h"

namespace cutaway::training {
namespace {

constexpr std::uint64_t kMostPicture = std::uint64_t{1} << 28U;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// Class names and splits of a pack, where it has them.
struct PackColumns {
  std::vector<std::string> classes;
  std::vector<float> splits;
};

PackColumns columns_of(const std::string& path) {
  weights::vet_hdf5(path);
  weights::Hdf5File file = weights::Hdf5File::open(path);
  PackColumns columns;
  if (file.contains("/classes"))
    columns.classes = lines_of(file.read_text("/classes", std::size_t{1} << 24U));
  if (file.contains("/splits")) columns.splits = file.read_f32("/splits", std::size_t{1} << 28U);
  file.close();
  return columns;
}

Split split_of(const PackColumns& columns, std::size_t i, const std::string& name) {
  if (columns.splits.empty()) return Split::kTrain;
  const float code = i < columns.splits.size() ? columns.splits[i] : -1.0f;
  if (code == 0.0f) return Split::kTrain;
  if (code == 1.0f) return Split::kValidation;
  if (code == 2.0f) return Split::kTest;
  throw Error(ErrorKind::kInput, "split").at(name).expected("0, 1 or 2, one a picture");
}

}  // namespace

LabelledSet open_archive(const std::string& path, Observer& observer) {
  LabelledSet set;
  auto store = std::make_shared<RecordStore>();
  const auto file = ByteFile::temporary(path);
  const std::uint32_t number = store->add_file(file);
  ClassNames classes;
  explain::TarReader reader(path);
  explain::TarMember member;
  while (reader.next(member)) {
    throw_if_cancelled(observer);
    if (!member.regular || !explain::is_picture_name(member.name)) continue;
    LabelledPicture p;
    std::string name;
    std::string below = member.name;
    if (below.starts_with("./")) below.erase(0, 2);
    if (!class_of_path(below, name, p.split)) {
      throw Error(ErrorKind::kInput, "a picture outside the folders of the classes")
          .at(path + ": " + member.name)
          .expected("a folder a class");
    }
    const std::vector<std::uint8_t> bytes = reader.content(kMostPicture);
    p.name = member.name;
    p.label = classes.number(name);
    p.place = store->add(
        {file->append(bytes), bytes.size(), 0, 0, RecordStore::Coding::kEncoded, number});
    set.pictures.push_back(std::move(p));
  }
  set.store = std::move(store);
  classes.finish(set);
  return set;
}

LabelledSet open_pack(const std::string& path, Observer& observer) {
  const PackColumns columns = columns_of(path);
  LabelledSet set;
  set.classes = columns.classes;
  auto store = std::make_shared<RecordStore>();
  const auto file = ByteFile::temporary(path);
  const std::uint32_t number = store->add_file(file);
  const explain::ImageSourcePtr source = explain::open_hdf5_images(path);
  explain::ImageEntry entry;
  std::int64_t most = -1;
  while (source->next(entry)) {
    throw_if_cancelled(observer);
    const std::int64_t label = entry.label.value_or(-1);
    const auto classes = static_cast<std::int64_t>(columns.classes.size());
    if (label < 0 || (classes > 0 && label >= classes)) {
      throw Error(ErrorKind::kInput, "label")
          .at(entry.name)
          .expected(classes > 0 ? "0 to " + std::to_string(classes - 1) : "0 or more")
          .got(entry.label ? std::to_string(label) : "none");
    }
    most = std::max(most, label);
    const explain::Image image = explain::read_entry(entry);
    LabelledPicture p;
    p.name = entry.name;
    p.label = static_cast<std::int32_t>(label);
    p.split = split_of(columns, set.pictures.size(), entry.name);
    p.place = store->add({file->append(image.rgb), image.rgb.size(), image.width, image.height,
                          RecordStore::Coding::kRgb, number});
    set.pictures.push_back(std::move(p));
  }
  if (set.classes.empty()) set.classes = numbered_classes(most + 1);
  set.store = std::move(store);
  return set;
}

}  // namespace cutaway::training
