#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "explain/pictures/source.h"
#include "runtime/observer.h"

namespace cutaway::explain {
namespace {

class PathStream final : public ImageSource {
 public:
  PathStream(int descriptor, bool null_separated, const Observer& observer)
      : descriptor_(descriptor), separator_(null_separated ? '\0' : '\n'), observer_(observer) {}

  bool next(ImageEntry& entry, bool) override {
    entry = {};
    while (!ended_) {
      std::size_t end = buffer_.find(separator_);
      if (end == std::string::npos && buffer_.size() > kMostPath)
        return give_up(entry, "a path of more than 4096 bytes");
      if (end == std::string::npos && fill()) continue;
      if (!failure_.empty()) return give_up(entry, failure_);
      end = std::min(end, buffer_.size());
      std::string path = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      ended_ = end_of_file_ && buffer_.empty();
      if (separator_ == '\n' && !path.empty() && path.back() == '\r') path.pop_back();
      if (path.empty()) continue;
      entry.path = entry.name = path;
      if (path.size() > kMostPath) entry.error = "a path of more than 4096 bytes";
      if (path.find('\0') != std::string::npos) entry.error = "a path with a NUL byte";
      return true;
    }
    return false;
  }
  std::optional<std::int64_t> count() const override { return std::nullopt; }

 private:
  static constexpr std::size_t kMostPath = 4096;

  // Reads more; false at the end of the stream.
  bool fill() {
    if (end_of_file_) return false;
    char more[4096];
    ssize_t n = 0;
    while ((n = ::read(descriptor_, more, sizeof more)) < 0 && errno == EINTR)
      throw_if_cancelled(observer_);
    if (n < 0) failure_ = "standard input: " + std::generic_category().message(errno);
    if (n <= 0) {
      end_of_file_ = true;
      return false;
    }
    buffer_.append(more, static_cast<std::size_t>(n));
    return true;
  }

  bool give_up(ImageEntry& entry, const std::string& error) {
    ended_ = true;
    entry.name = "standard input";
    entry.error = error;
    return true;
  }

  int descriptor_;
  char separator_;
  const Observer& observer_;
  std::string buffer_, failure_;
  bool end_of_file_{false}, ended_{false};
};

}  // namespace

ImageSourcePtr open_path_stream(int descriptor, bool null_separated, const Observer& observer) {
  return std::make_unique<PathStream>(descriptor, null_separated, observer);
}

}  // namespace cutaway::explain
