#include <doctest/doctest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "runtime/files/atomic_file.h"
#include "runtime/files/csv.h"
#include "runtime/files/folder.h"

using namespace cutaway;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "cutaway-files-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  [[nodiscard]] std::string operator/(const std::string& name) const {
    return (path / name).string();
  }
};

void touch(const std::string& path) { std::ofstream(path) << "x"; }

/// The number of a process that has ended.
pid_t dead_process() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  return child;
}

std::vector<std::string> cells(const std::string& text, bool trim) {
  const std::string name = "x";
  files::CsvReader csv(text, name);
  if (trim) csv.trim();
  std::vector<std::string> fields;
  REQUIRE(csv.next(fields));
  return fields;
}

}  // namespace

TEST_CASE("the first file written into a folder removes what killed writers left there") {
  const Folder f;
  const std::string dead = std::to_string(dead_process());
  touch(f / ("net.h5.tmp-" + dead + "-0"));
  touch(f / ("other.json.tmp-" + dead + "-12"));
  touch(f / "mine.tmp-x-1");
  touch(f / "net.h5.tmp-1-0");  // of a process that lives
  touch(f / ("tmp-" + dead + "-1"));
  files::write_file_atomically(f / "new.txt", "hello");
  CHECK_FALSE(fs::exists(f / ("net.h5.tmp-" + dead + "-0")));
  CHECK_FALSE(fs::exists(f / ("other.json.tmp-" + dead + "-12")));
  CHECK(fs::exists(f / "mine.tmp-x-1"));
  CHECK(fs::exists(f / "net.h5.tmp-1-0"));
  CHECK(fs::exists(f / ("tmp-" + dead + "-1")));
  CHECK(fs::exists(f / "new.txt"));
}

TEST_CASE("what somebody still writes is not removed, whatever its number") {
  const Folder f;
  const std::string name = f / ("a.tmp-" + std::to_string(dead_process()) + "-0");
  const int fd = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(flock(fd, LOCK_EX | LOCK_NB) == 0);
  files::remove_abandoned_files(f.path.string());
  CHECK(fs::exists(name));
  files::AtomicFile own(f / "own");
  files::remove_abandoned_files(f.path.string());
  CHECK(fs::exists(own.temporary()));
  close(fd);
  files::remove_abandoned_files(f.path.string());
  CHECK_FALSE(fs::exists(name));
  own.commit();
  CHECK(fs::exists(f / "own"));
}

TEST_CASE("full disks are failures of the machine, permissions and folders are the caller's") {
  for (const int code : {ENOSPC, EDQUOT, EIO, EFBIG, ENOMEM, EMFILE})
    CHECK(files::write_error("x", code).kind() == ErrorKind::kInternal);
  for (const int code : {EACCES, EPERM, EROFS, ENOENT, ENOTDIR, EISDIR, ENAMETOOLONG})
    CHECK(files::write_error("x", code).kind() == ErrorKind::kUsage);
  const Folder f;
  touch(f / "file");
  try {
    files::make_folder(f / "file/below");
    FAIL("made");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
  }
}

TEST_CASE("a file that cannot be written to its end leaves nothing, and says why") {
  const Folder f;
  const pid_t child = fork();
  if (child == 0) {
    (void)std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      files::write_file_atomically(f / "a", std::string(5000, 'x'));
    } catch (const Error& error) {
      _exit(error.kind() == ErrorKind::kInternal ? 7 : 8);
    }
    _exit(9);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WEXITSTATUS(status) == 7);
  CHECK(fs::is_empty(f.path));
}

TEST_CASE("cells of CSV are no formulas") {
  CHECK(files::csv_cell("cat.png") == "cat.png");
  CHECK(files::csv_cell("=1+1") == "'=1+1");
  CHECK(files::csv_cell("+x") == "'+x");
  CHECK(files::csv_cell("-x.png") == "'-x.png");
  CHECK(files::csv_cell("@SUM(A1)") == "'@SUM(A1)");
  CHECK(files::csv_cell("=HYPERLINK(\"u\",\"v\")") == "\"'=HYPERLINK(\"\"u\"\",\"\"v\"\")\"");
  CHECK(files::csv_cell("a=b") == "a=b");
}

TEST_CASE("blanks around fields go where they are asked to") {
  using Row = std::vector<std::string>;
  CHECK(cells("file, label , x\n", true) == Row{"file", "label", "x"});
  CHECK(cells("file, label , x\n", false) == Row{"file", " label ", " x"});
  CHECK(cells("a, \" b, c \" ,d\n", true) == Row{"a", " b, c ", "d"});
  CHECK(cells(std::string("\xEF\xBB\xBF") + "a,\n", true) == Row{"a", ""});
}
