#include "explain/pictures/source.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <vector>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

namespace fs = std::filesystem;

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool is_tar(const std::string& path) {
  const std::string extension = lower_extension(path);
  if (extension == ".tar" || extension == ".tgz") return true;
  return extension == ".gz" && ends_with(fs::path(path).stem().string(), ".tar");
}

/// Entries that are all known.
class KnownEntries final : public ImageSource {
 public:
  explicit KnownEntries(std::vector<ImageEntry> entries) : entries_(std::move(entries)) {}
  bool next(ImageEntry& entry, bool) override {
    if (at_ == entries_.size()) return false;
    entry = entries_[at_++];
    return true;
  }
  std::optional<std::int64_t> count() const override {
    return static_cast<std::int64_t>(entries_.size());
  }

 private:
  std::vector<ImageEntry> entries_;
  std::size_t at_{0};
};

class ListSource final : public ImageSource {
 public:
  ListSource(const std::string& path, std::int64_t classes)
      : list_(open_image_list(path, count_, classes)) {}
  bool next(ImageEntry& entry, bool) override { return list_->next(entry); }
  std::optional<std::int64_t> count() const override { return count_; }

 private:
  std::int64_t count_{0};
  std::unique_ptr<ImageList> list_;
};

/// One source after the other.
class Sequence final : public ImageSource {
 public:
  explicit Sequence(std::vector<ImageSourcePtr> parts) : parts_(std::move(parts)) {
    std::int64_t sum = 0;
    bool known = true;
    for (const ImageSourcePtr& part : parts_) {
      known = known && part->count().has_value();
      sum += part->count().value_or(0);
    }
    if (known) count_ = sum;
  }
  bool next(ImageEntry& entry, bool content) override {
    for (; at_ < parts_.size(); ++at_) {
      if (parts_[at_]->next(entry, content)) return true;
      parts_[at_].reset();  // closes its file
    }
    return false;
  }
  std::optional<std::int64_t> count() const override { return count_; }

 private:
  std::vector<ImageSourcePtr> parts_;
  std::size_t at_{0};
  std::optional<std::int64_t> count_;
};

ImageSourcePtr open_folder(const std::string& folder, const SourceOptions& options) {
  const std::string list = (fs::path(folder) / "labels.csv").string();
  std::error_code code;
  if (fs::is_regular_file(list, code)) {
    const auto is_picture = [](const fs::directory_entry& e) {
      return is_picture_name(e.path().string());
    };
    const fs::directory_iterator entries(folder, code);
    if (!code && std::none_of(begin(entries), end(entries), is_picture)) {
      return std::make_unique<ListSource>(list, options.classes);
    }
  }
  return std::make_unique<KnownEntries>(list_folder(folder, options.recursive, options.without));
}

ImageSourcePtr open_one(const std::string& input, const SourceOptions& options) {
  if (input == "-")
    return open_path_stream(options.standard_input, options.null_separated, *options.observer);
  std::error_code code;
  const fs::file_status status = fs::status(input, code);
  if (!fs::exists(status)) throw Error(ErrorKind::kInput, "no such file or folder").at(input);
  if (fs::is_directory(status)) return open_folder(input, options);
  const std::string extension = lower_extension(input);
  if (extension == ".csv" || extension == ".txt")
    return std::make_unique<ListSource>(input, options.classes);
  if (is_tar(input)) return open_tar(input);
  if (extension == ".h5" || extension == ".hdf5") return open_hdf5_images(input, options.classes);
  return std::make_unique<KnownEntries>(std::vector<ImageEntry>{{input, input}});
}

}  // namespace

ImageSourcePtr open_images(std::span<const std::string> inputs, const SourceOptions& options) {
  if (inputs.empty()) throw Error(ErrorKind::kUsage, "no pictures given");
  if (std::count(inputs.begin(), inputs.end(), "-") > 1) {
    throw Error(ErrorKind::kUsage, "standard input can be read only once");
  }
  std::vector<ImageSourcePtr> parts;
  for (const std::string& input : inputs) parts.push_back(open_one(input, options));
  if (parts.size() == 1) return std::move(parts[0]);
  return std::make_unique<Sequence>(std::move(parts));
}

}  // namespace cutaway::explain
