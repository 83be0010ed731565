#include "weights/hdf5_vet.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <system_error>

#include "runtime/error.h"
#include "weights/hdf5_file.h"
#include "weights/hdf5_handle.h"

namespace cutaway::weights {
namespace {

constexpr char kSurvived = 's', kDamaged = 'd';
constexpr std::size_t kMostObjects = Hdf5File::kMostChildren;
constexpr std::size_t kMostText = 1000;
/// What HDF5 may allocate beside twice the file, which is far more than it needs.
constexpr std::uint64_t kMostMemory = std::uint64_t{256} << 20;
/// Of processor time, beside one for every 20 MB: a small file takes some milliseconds.
constexpr std::uint64_t kMostSeconds = 5;

/// Opens and reads all that hard links lead to; what HDF5 opens but nobody here reads is passed
/// over.
class Walk {
 public:
  Walk(const std::string& path, const FilePart& part) : file_(Hdf5File::open(path, part)) {}

  /// The first object that HDF5 cannot open; empty if there is none.
  std::string damaged() {
    group("", 0);
    return damaged_;
  }

 private:
  void group(const std::string& name, int depth) {
    if (depth > Hdf5File::kMostDepth) return;
    attributes(name.empty() ? "/" : name);
    for (const Hdf5Child& child : file_.children(name.empty() ? "/" : name)) {
      const std::string path = name + "/" + child.name;
      if (!damaged_.empty() || ++seen_ > kMostObjects) return;
      if (child.kind == Hdf5Kind::kDamaged) damaged_ = path;
      if (child.kind == Hdf5Kind::kGroup) group(path, depth + 1);
      if (child.kind != Hdf5Kind::kDataset) continue;
      attributes(path);
      dataset(path);
    }
  }

  void attributes(const std::string& object) const {
    try {
      file_.check_attributes(object);
    } catch (const std::exception&) {
      return;  // as below
    }
  }

  void dataset(const std::string& path) const {
    try {
      // What lies in one piece is read by plain offsets: only chunks have structures to follow.
      if (file_.describe(path).chunked) file_.check_elements(path);
    } catch (const std::exception&) {
      return;  // the reader finds the same, if it wants the dataset
    }
  }

  Hdf5File file_;
  std::size_t seen_{0};
  std::string damaged_;
};

/// What is to be told of the file; empty if it can be read. Other faults are for the reader to
/// find.
std::string read_everything(const std::string& path, const FilePart& part) {
  try {
    const std::string damaged = Walk(path, part).damaged();
    return damaged.empty() ? damaged : "a damaged object: " + damaged;
  } catch (const std::exception& error) {
    const std::string text = error.what();
    return text.starts_with(path + ": ") ? text.substr(path.size() + 2) : text;
  }
}

void limit_memory(std::uint64_t file_bytes) {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t most =
      pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) + 2 * file_bytes + kMostMemory;
  const rlimit memory{most, most};
  if (pages > 0) (void)::setrlimit(RLIMIT_AS, &memory);
}

void attempt(const std::function<void()>& reader) {
  try {
    if (reader) reader();
  } catch (const std::exception&) {
    return;  // found again by the host, and told there
  }
}

[[noreturn]] void run_child(const std::string& path,
                            const FilePart& part,
                            const std::function<void()>& reader,
                            int report,
                            std::uint64_t file_bytes) {
  // A crash here is an answer, not an accident: no handlers of the host program, no core file.
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU}) {
    (void)::signal(signal, SIG_DFL);
  }
  const rlimit none{0, 0};
  (void)::setrlimit(RLIMIT_CORE, &none);
  const rlim_t seconds = kMostSeconds + file_bytes / 20'000'000;
  const rlimit time{seconds, seconds};
  (void)::setrlimit(RLIMIT_CPU, &time);
  limit_memory(file_bytes);
  // First in the very memory in which the host will do it: what is read behind the end of a buffer
  // depends on that. Then with all of it filled, so that what is read so is no memory of anybody.
  attempt(reader);
#if defined(__GLIBC__)
  (void)::mallopt(M_PERTURB, 0xA5);
#endif
  const std::string wrong = read_everything(path, part);
  if (wrong.empty()) attempt(reader);
  // Less than a pipe holds, so it does not wait for the parent.
  const std::string answer = (wrong.empty() ? kSurvived : kDamaged) + wrong.substr(0, kMostText);
  (void)!::write(report, answer.data(), answer.size());
  ::_exit(0);
}

/// What the child writes before it ends.
std::string all_of(int descriptor) {
  std::string all(1 + kMostText, '\0');
  std::size_t count = 0;
  for (ssize_t got = 1; got != 0 && count < all.size();) {
    got = ::read(descriptor, all.data() + count, all.size() - count);
    if (got < 0 && errno != EINTR) break;
    if (got > 0) count += static_cast<std::size_t>(got);
  }
  all.resize(count);
  return all;
}

}  // namespace

void vet_hdf5(const std::string& path, const FilePart& part, const std::function<void()>& reader) {
  std::error_code failed;
  const std::uint64_t bytes =
      std::filesystem::file_size(path, failed);  // fails on pipes and directories
  if (failed) throw Error(ErrorKind::kInput, "not a readable file").at(path).hint(failed.message());
  std::array<int, 2> report{};
  if (::pipe2(report.data(), O_CLOEXEC) != 0) {
    throw Error(ErrorKind::kInternal, "no pipe to a checking process")
        .at(path)
        .got(std::generic_category().message(errno));
  }
  // The child starts with a copy of HDF5's state, so no other thread may be changing it meanwhile.
  std::unique_lock lock(hdf5::library_mutex());
  const pid_t child = ::fork();
  const int no_child = errno;
  lock.unlock();  // in both processes
  if (child == 0) run_child(path, part, reader, report[1], bytes);
  ::close(report[1]);
  const std::string answer = child > 0 ? all_of(report[0]) : std::string();
  ::close(report[0]);
  if (child < 0) {
    throw Error(ErrorKind::kInternal, "no process to check the file with")
        .at(path)
        .got(std::generic_category().message(no_child))
        .hint("the system's limit of processes (ulimit -u)");
  }
  // The host may reap its children itself; the pipe has already told what happened.
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (answer.starts_with(kDamaged)) {
    throw Error(ErrorKind::kInput, "HDF5 cannot read the file: " + answer.substr(1)).at(path);
  }
  if (!answer.starts_with(kSurvived)) {
    throw Error(ErrorKind::kInput,
                "the file is damaged so that it crashes or stalls the HDF5 library")
        .at(path)
        .hint("h5repack may save what can be read");
  }
}

}  // namespace cutaway::weights
