#include "runtime/files/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "runtime/error.h"

namespace cutaway::files {
namespace {

constexpr int kMostAttempts = 1000;
// Fewer at a time cost more calls than they save waiting, more leave the disk idle at first.
constexpr std::uint64_t kHintBytes = std::uint64_t{8} << 20;

[[noreturn]] void fail(const std::string& path, int code) { throw write_error(path, code); }

// "<name>.tmp-<process>-<number>", which is_temporary() knows again.
std::string temporary_name(const std::string& path) {
  static std::atomic<unsigned> count{0};
  return path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(count.fetch_add(1));
}

/// The process that made a temporary file of that name; 0: it is none.
pid_t maker_of(std::string_view name) {
  const std::size_t mark = name.rfind(".tmp-");
  if (mark == std::string_view::npos || mark == 0) return 0;
  const std::string_view numbers = name.substr(mark + 5);
  const std::size_t dash = numbers.find('-');
  if (dash == std::string_view::npos) return 0;
  pid_t maker = 0;
  unsigned number = 0;
  const auto whole = [](std::string_view text, auto& value) {
    const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    return !text.empty() && text[0] != '-' && code == std::errc() &&
           stop == text.data() + text.size();
  };
  const bool good =
      whole(numbers.substr(0, dash), maker) && whole(numbers.substr(dash + 1), number);
  return good && maker > 0 ? maker : 0;
}

/// Removes it unless somebody writes it: its writer holds a lock on it. The number of the process
/// is asked too, for the moment between unlocking and renaming; a process of our own number was an
/// earlier one (containers count from 1), since our own files are locked.
void remove_if_abandoned(const std::filesystem::path& path) {
  const pid_t maker = maker_of(path.filename().native());
  if (maker == 0) return;
  if (maker != ::getpid() && (::kill(maker, 0) == 0 || errno != ESRCH)) return;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return;
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
  ::close(fd);
}

template <class Iterator>
void remove_abandoned(const std::string& folder) {
  std::error_code ignored;
  std::vector<std::filesystem::path> found;
  Iterator at(folder, ignored);
  for (; !ignored && at != Iterator(); at.increment(ignored)) {
    std::error_code unknown;
    if (maker_of(at->path().filename().native()) != 0 &&
        at->symlink_status(unknown).type() == std::filesystem::file_type::regular)
      found.push_back(at->path());
  }
  for (const auto& path : found) remove_if_abandoned(path);
}

/// Once a folder: a run may write ten thousand files into one.
void clean_folder_of(const std::string& path) {
  static std::mutex mutex;
  static std::set<std::string> clean;
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const std::lock_guard lock(mutex);
  if (clean.size() > 1000) clean.clear();
  if (!clean.insert(folder).second) return;
  remove_abandoned<std::filesystem::directory_iterator>(folder);
}

// Makes a rename durable. Some file systems refuse to sync folders; that is no failure.
void sync_folder_of(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const int folder =
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  ::fsync(folder);
  ::close(folder);
}

}  // namespace

Error write_error(const std::string& path, int code) {
  const bool callers = code == ENOENT || code == ENOTDIR || code == EACCES || code == EPERM ||
                       code == EROFS || code == EISDIR || code == ENAMETOOLONG || code == EEXIST ||
                       code == ELOOP;
  Error error = Error(callers ? ErrorKind::kUsage : ErrorKind::kInternal, "cannot write the file")
                    .at(path)
                    .got(std::generic_category().message(code));
  if (code == ENOENT) return std::move(error).hint("does the folder exist?");
  return error;
}

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  clean_folder_of(path_);
  for (int i = 0; i < kMostAttempts; ++i) {
    std::string name = temporary_name(path_);
    descriptor_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ >= 0) {
      temporary_ = std::move(name);
      (void)::flock(descriptor_, LOCK_EX | LOCK_NB);  // says that somebody writes it
      return;
    }
    // A process of this number may have been killed here.
    if (errno != EEXIST) break;
  }
  fail(path_, errno);
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AtomicFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  for (std::size_t done = 0; done < bytes.size();) {  // a system writes at most 2 GB at a time
    const ssize_t count = ::pwrite(descriptor_, bytes.data() + done, bytes.size() - done,
                                   static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail(path_, count < 0 ? errno : EIO);
    done += static_cast<std::size_t>(count);
  }
  if (offset != written_) begun_ = offset;
  written_ = offset + bytes.size();
#if defined(__linux__)
  // Only a hint: what goes wrong on the way to the disk is told by commit().
  if (written_ - begun_ < kHintBytes) return;
  (void)::sync_file_range(descriptor_, static_cast<off_t>(begun_),
                          static_cast<off_t>(written_ - begun_), SYNC_FILE_RANGE_WRITE);
  begun_ = written_;
#endif
}

void AtomicFile::read_at(std::uint64_t offset, std::span<std::byte> to) const {
  for (std::size_t done = 0; done < to.size();) {
    const ssize_t count =
        ::pread(descriptor_, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail(path_, count < 0 ? errno : EIO);
    done += static_cast<std::size_t>(count);
  }
}

std::uint64_t AtomicFile::size() const {
  struct stat info {};
  if (::fstat(descriptor_, &info) != 0) fail(path_, errno);
  return static_cast<std::uint64_t>(info.st_size);
}

void AtomicFile::commit(Durability durability) {
  const bool sync = durability == Durability::kSync;
  // Some file systems cannot sync and say EINVAL; the rename is as safe as it gets there.
  if (sync && ::fsync(descriptor_) != 0 && errno != EINVAL) fail(path_, errno);
  // Errors of the last write may only show here.
  if (::close(std::exchange(descriptor_, -1)) != 0) fail(path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(path_, errno);
  temporary_.clear();
  if (sync) sync_folder_of(path_);
}

void write_file_atomically(const std::string& path,
                           std::span<const std::uint8_t> bytes,
                           Durability durability) {
  AtomicFile file(path);
  file.write_at(0, std::as_bytes(bytes));
  file.commit(durability);
}

void write_file_atomically(const std::string& path, std::string_view text, Durability durability) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(text.data());
  write_file_atomically(path, std::span<const std::uint8_t>(data, text.size()), durability);
}

void remove_abandoned_files(const std::string& folder) {
  remove_abandoned<std::filesystem::recursive_directory_iterator>(folder);
}

}  // namespace cutaway::files
