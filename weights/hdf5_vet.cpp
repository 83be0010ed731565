#include "weights/hdf5_vet.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <mutex>

#include "runtime/error.h"
#include "weights/hdf5_file.h"
#include "weights/hdf5_handle.h"

namespace cutaway::weights {
namespace {

// Datasets beyond 4 GiB are left to the reader's own limits.
constexpr std::size_t kMostElements = std::size_t{1} << 30;
constexpr char kSurvived = 's';

// In the child: what is wrong with the file is for the parent to find; here only survival counts.
void read_everything(const std::string& path, const FilePart& part) {
  try {
    const Hdf5File file = Hdf5File::open(path, part);
    for (const std::string& dataset : file.datasets("/")) {
      try {
        // What lies in one piece is read by plain offsets: only chunks have structures to follow.
        if (file.describe(dataset).offset) continue;
        (void)file.read_f32(dataset, kMostElements);
      } catch (const std::exception&) {
        continue;
      }
    }
  } catch (const std::exception&) {
    return;
  }
}

[[noreturn]] void run_child(const std::string& path,
                            const FilePart& part,
                            int report,
                            std::uint64_t file_bytes) {
  // A crash here is an answer, not an accident: no handlers of the host program, no core file.
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU}) {
    (void)::signal(signal, SIG_DFL);
  }
  const rlimit none{0, 0};
  (void)::setrlimit(RLIMIT_CORE, &none);
  const rlim_t seconds = 20 + file_bytes / 20'000'000;
  const rlimit time{seconds, seconds};
  (void)::setrlimit(RLIMIT_CPU, &time);
  read_everything(path, part);
  (void)!::write(report, &kSurvived, 1);
  ::_exit(0);
}

}  // namespace

void vet_hdf5(const std::string& path, const FilePart& part) {
  std::error_code failed;
  const std::uint64_t bytes =
      std::filesystem::file_size(path, failed);  // fails on pipes and directories
  if (failed) throw Error(ErrorKind::kInput, "not a readable file").at(path).hint(failed.message());
  std::array<int, 2> report{};
  if (::pipe2(report.data(), O_CLOEXEC) != 0) {
    throw Error(ErrorKind::kInput, "no pipe to a checking process").at(path);
  }
  // The child starts with a copy of HDF5's state, so no other thread may be changing it meanwhile.
  std::unique_lock lock(hdf5::library_mutex());
  const pid_t child = ::fork();
  lock.unlock();  // in both processes
  if (child == 0) run_child(path, part, report[1], bytes);
  ::close(report[1]);
  char answer = 0;
  ssize_t got = 0;
  do {
    got = child > 0 ? ::read(report[0], &answer, 1) : 0;
  } while (got < 0 && errno == EINTR);
  ::close(report[0]);
  if (child < 0) throw Error(ErrorKind::kInput, "no process to check the file with").at(path);
  // The host may reap its children itself; the pipe has already told what happened.
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (answer != kSurvived) {
    throw Error(ErrorKind::kInput,
                "the file is damaged so that it crashes or stalls the HDF5 library")
        .at(path)
        .hint("h5repack may save what can be read");
  }
}

}  // namespace cutaway::weights
