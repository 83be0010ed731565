// IDX, the format of MNIST: pictures in one file, labels in another.

#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "explain/pictures/idx.h"
#include "explain/training/data/readers.h"
#include "explain/training/data/stores.h"
#include "runtime/error.h"

namespace cutaway::training {
namespace {

namespace fs = std::filesystem;

struct CloseGz {
  void operator()(gzFile_s* file) const { gzclose(file); }
};

struct IdxPictures {
  std::shared_ptr<const ByteFile> file;
  std::uint64_t offset{0};
  std::int64_t count{0};
  std::int32_t height{0}, width{0};
};

Error bad(const std::string& path, const std::string& what) {
  return Error(ErrorKind::kInput, what).at(path);
}

/// The pictures where they are, or unpacked into a temporary file.
IdxPictures open_pictures(const std::string& path) {
  const std::unique_ptr<gzFile_s, CloseGz> gz(gzopen(path.c_str(), "rb"));
  std::uint8_t head[16]{};
  if (!gz) throw bad(path, "cannot open the file");
  const int got = gzread(gz.get(), head, sizeof head);
  if (got != int{sizeof head} || head[0] != 0 || head[1] != 0 || head[2] != 8 || head[3] != 3)
    throw bad(path, "no IDX file of grey pictures").expected("magic number 00 00 08 03");
  const auto extent = [&](std::size_t i) {
    return std::int64_t{head[i]} << 24 | std::int64_t{head[i + 1]} << 16 |
           std::int64_t{head[i + 2]} << 8 | std::int64_t{head[i + 3]};
  };
  constexpr std::int64_t kMostSide = 65536;
  const std::int64_t height = extent(8), width = extent(12);
  if (height < 1 || width < 1 || height > kMostSide || width > kMostSide)
    throw bad(path, "extents of the pictures");
  IdxPictures p;
  p.count = extent(4);
  p.height = static_cast<std::int32_t>(height);
  p.width = static_cast<std::int32_t>(width);
  const std::uint64_t wanted =
      static_cast<std::uint64_t>(p.count) * static_cast<std::uint64_t>(height * width);
  std::uint64_t have = 0;
  if (gzdirect(gz.get()) != 0) {
    auto file = ByteFile::open(path);
    p.offset = sizeof head;
    have = file->size() - sizeof head;
    p.file = std::move(file);
  } else {
    auto file = ByteFile::temporary(path);
    std::vector<std::uint8_t> block(std::size_t{1} << 20);
    int n = 0;
    while ((n = gzread(gz.get(), block.data(), static_cast<unsigned>(block.size()))) > 0) {
      have += static_cast<std::uint64_t>(n);
      if (have > wanted) break;
      file->append(std::span(block).first(static_cast<std::size_t>(n)));
    }
    if (n < 0) throw bad(path, "damaged gzip data");
    p.file = std::move(file);
  }
  if (have != wanted) {
    throw bad(path, "bytes of the pictures")
        .expected(std::to_string(wanted))
        .got(std::to_string(have));
  }
  return p;
}

bool is_idx_pictures(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.find("images") != std::string::npos && name.find("idx3") != std::string::npos &&
         !name.starts_with(".");
}

/// "train-labels-idx1-ubyte" of "train-images-idx3-ubyte"; packed or not, as it is there.
std::string labels_of(const std::string& pictures) {
  const fs::path path = pictures;
  std::string name = path.filename().string();
  name.replace(name.find("images"), 6, "labels");
  name.replace(name.find("idx3"), 4, "idx1");
  const std::string same = (path.parent_path() / name).string();
  const std::string other = same.ends_with(".gz") ? same.substr(0, same.size() - 3) : same + ".gz";
  std::error_code code;
  return fs::exists(other, code) && !fs::exists(same, code) ? other : same;
}

void add_file(const std::string& path, LabelledSet& set, RecordStore& store) {
  const IdxPictures pictures = open_pictures(path);
  const explain::IdxArray labels = explain::read_idx(labels_of(path));
  if (labels.extents != std::vector<std::int64_t>{pictures.count}) {
    throw bad(labels_of(path), "number of labels")
        .expected(std::to_string(pictures.count))
        .got(std::to_string(labels.values.size()));
  }
  const std::string name = fs::path(path).filename().string();
  const bool test = name.starts_with("t10k") || name.starts_with("test");
  const bool validation = name.starts_with("val");
  const std::uint32_t file = store.add_file(pictures.file);
  const auto bytes =
      static_cast<std::uint64_t>(pictures.width) * static_cast<std::uint64_t>(pictures.height);
  for (std::int64_t i = 0; i < pictures.count; ++i) {
    LabelledPicture p;
    p.name = name.substr(0, name.find('-')) + "/" + std::to_string(i);
    p.label = labels.values[static_cast<std::size_t>(i)];
    p.split = test ? Split::kTest : validation ? Split::kValidation : Split::kTrain;
    p.place = store.add({pictures.offset + static_cast<std::uint64_t>(i) * bytes, bytes,
                         pictures.width, pictures.height, RecordStore::Coding::kGrey, file});
    set.pictures.push_back(std::move(p));
  }
}

}  // namespace

bool holds_idx(const std::string& folder) {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (is_idx_pictures(entry.path())) return true;
  return false;
}

LabelledSet open_idx(const std::string& path) {
  std::vector<std::string> files;
  std::error_code code;
  if (fs::is_directory(path, code)) {
    for (const auto& entry : fs::directory_iterator(path))
      if (is_idx_pictures(entry.path())) files.push_back(entry.path().string());
    std::sort(files.rbegin(), files.rend());  // train before t10k
  } else {
    files.push_back(path);
  }
  LabelledSet set;
  auto store = std::make_shared<RecordStore>();
  for (const std::string& file : files) add_file(file, set, *store);
  std::int32_t most = -1;
  for (const LabelledPicture& p : set.pictures) most = std::max(most, p.label);
  set.classes = numbered_classes(most + 1);
  set.store = std::move(store);
  return set;
}

}  // namespace cutaway::training
