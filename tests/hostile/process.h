#pragma once

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

// Runs the program as a shell does, with descriptors, limits and signals that are not as usual.
namespace cutaway::hostile {

namespace fs = std::filesystem;

/// A fresh folder, removed at the end.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "cutaway-hostile-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
    fs::permissions(path_, fs::perms::all);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const {
    return (path_ / name).string();
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

struct Outcome {
  int code{-1};       ///< of exit; -1: ended by a signal
  int signal{0};      ///< that ended it
  long kibibytes{0};  ///< resident at most
  std::string out, err;
};

inline std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Runs the program with `words`; `prepare` runs in the child before, with standard output and error
/// already led into files; `meanwhile` runs here while the program does, with its process.
inline Outcome run_program_file(const Folder& scratch,
                                const std::vector<std::string>& words,
                                const std::function<void()>& prepare = {},
                                const std::function<void(pid_t)>& meanwhile = {}) {
  std::vector<std::string> all{CUTAWAY_PROGRAM_FILE};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> arguments;
  for (std::string& word : all) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::string out = scratch / ".out", err = scratch / ".err";
  fs::remove(out);
  fs::remove(err);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    for (const auto& [path, target] : {std::pair(out, 1), std::pair(err, 2)}) {
      const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
      ::dup2(fd, target);
      ::close(fd);
    }
    if (prepare) prepare();
    ::execv(arguments[0], arguments.data());
    ::_exit(126);
  }
  if (meanwhile) meanwhile(child);
  int status = 0;
  rusage used{};
  while (::wait4(child, &status, 0, &used) < 0 && errno == EINTR) {
  }
  Outcome outcome;
  if (WIFEXITED(status)) outcome.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  outcome.kibibytes = used.ru_maxrss;
  outcome.out = text_of(out);
  outcome.err = text_of(err);
  return outcome;
}

/// Files below a folder that a writer has not finished.
inline std::size_t leftovers(const fs::path& folder) {
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    count +=
        entry.path().filename().string().find(".tmp-") != std::string::npos ? std::size_t{1} : 0;
  return count;
}

}  // namespace cutaway::hostile
