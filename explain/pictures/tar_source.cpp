#include "explain/pictures/source.h"
#include "explain/pictures/tar.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr std::uint64_t kMostPicture = kMostHeldBytes;

class TarSource final : public ImageSource {
 public:
  explicit TarSource(const std::string& path) : path_(path), reader_(path) {
    advance();
    if (ended_) {
      throw Error(ErrorKind::kInput,
                  "no pictures (.jpg, .png, .webp, .bmp, .tif ...) in the archive")
          .at(path);
    }
  }

  bool next(ImageEntry& entry, bool content) override {
    entry = {};
    if (ended_) return false;
    entry.path = path_;
    try {
      if (waiting_) {
        waiting_ = false;
      } else {
        advance();
      }
      if (ended_) return false;
      entry.name = member_.name;
      if (member_.size > kMostPicture) {
        entry.error = member_.name + ": a member of more than 64 MiB";
      } else if (content) {
        take_content(entry);
      }
    } catch (const Error& error) {
      ended_ = true;
      if (entry.name.empty()) entry.name = path_;
      entry.error = error.what();
    }
    return true;
  }
  std::optional<std::int64_t> count() const override { return std::nullopt; }

 private:
  // What does not begin as a picture is not unpacked into memory.
  void take_content(ImageEntry& entry) {
    std::vector<std::uint8_t> bytes = reader_.content_up_to(kFormatBytes);
    if (sniff_format(bytes) == ImageFormat::kUnknown) {
      try {
        refuse_format(bytes);
      } catch (const Error& error) {
        entry.error = error.located(member_.name).what();
        return;
      }
    }
    const std::vector<std::uint8_t> rest = reader_.content(kMostPicture);
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    entry.bytes = std::make_shared<const std::vector<std::uint8_t>>(std::move(bytes));
  }

  // To the next picture.
  void advance() {
    while (reader_.next(member_)) {
      if (member_.regular && is_picture_name(member_.name)) return;
    }
    ended_ = true;
  }

  std::string path_;
  TarReader reader_;
  TarMember member_;
  bool waiting_{true}, ended_{false};
};

}  // namespace

ImageSourcePtr open_tar(const std::string& path) { return std::make_unique<TarSource>(path); }

}  // namespace cutaway::explain
