// Descriptors, pipes, terminals, limits: what a shell, a script or a full disk does to the program.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "tests/hostile/fixtures.h"
#include "tests/hostile/process.h"
#include "tests/support/source_dir.h"

using namespace cutaway;
using namespace cutaway::hostile;

namespace {

std::vector<std::string> explain_words(const Folder& f, const std::string& out) {
  return {"explain",          f / "net.h5", f / "0.png", f / "1.png", f / "2.png", "--method",
          "gradcam,saliency", "--out",      f / out,     "--threads", "1"};
}

/// Everything a run left, but for times.
std::vector<std::string> names_below(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    names.push_back(entry.path().lexically_relative(folder).string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("closed descriptors do not become files") {
  const Folder f;
  write_small_net(f.path().string());
  REQUIRE(run_program_file(f, explain_words(f, "out")).code == 0);
  fs::rename(f / "out", f / "usual");
  const std::vector<std::vector<int>> ways{{2}, {0}, {0, 2}};
  for (const std::vector<int>& closed : ways) {
    fs::remove_all(f / "out");
    const Outcome o = run_program_file(f, explain_words(f, "out"), [&] {
      for (const int fd : closed) ::close(fd);
    });
    CHECK(o.code == 0);
    CHECK(names_below(f / "out") == names_below(f / "usual"));
    // The journal of a run is what standard error used to become.
    for (const auto& entry : fs::recursive_directory_iterator(f / "out")) {
      if (!entry.is_regular_file() || entry.path().filename() == "manifest.json") continue;
      const std::string name = entry.path().lexically_relative(f / "out").string();
      CHECK_MESSAGE(text_of(entry.path().string()) == text_of((f / "usual") + "/" + name), name);
    }
  }
}

TEST_CASE("results that cannot be printed make a run a failure") {
  const Folder f;
  write_small_net(f.path().string());
  const auto full = [] {
    const int fd = ::open("/dev/full", O_WRONLY);
    ::dup2(fd, 1);
  };
  const std::vector<std::vector<std::string>> verbs{{"info", f / "net.h5"},
                                                    {"info", f / "net.h5", "--json"},
                                                    {"classify", f / "net.h5", f / "0.png"},
                                                    {"--help"},
                                                    {"--version"}};
  for (const std::vector<std::string>& words : verbs) {
    const Outcome o = run_program_file(f, words, full);
    CHECK(o.code == 1);
    CHECK(o.err.find("No space left on device") != std::string::npos);
  }
  const Outcome shut = run_program_file(f, {"info", f / "net.h5"}, [] { ::close(1); });
  CHECK(shut.code == 1);
}

TEST_CASE("a reader that goes away ends the run, in silence") {
  const Folder f;
  write_small_net(f.path().string());
  const auto deaf = [] {
    int ends[2];
    if (::pipe(ends) != 0) ::_exit(125);
    ::dup2(ends[1], 1);
    ::close(ends[0]);
    ::close(ends[1]);
    (void)std::signal(SIGPIPE, SIG_DFL);
  };
  const Outcome o = run_program_file(f, {"info", f / "net.h5"}, deaf);
  CHECK(o.signal == 0);
  CHECK(o.code == 1);
  CHECK(o.err.empty());
}

TEST_CASE("names of files do not command the terminal") {
  const Folder f;
  write_small_net(f.path().string());
  const std::string evil = std::string(
      "x\033]0;title\007\033[31m\xC2\x9B"
      "2J.png");
  fs::copy_file(f / "0.png", f / evil);
  std::ofstream(f / ("bad" + evil)) << "no picture";
  const Outcome o = run_program_file(
      f, {"classify", f / "net.h5", f / evil, f / ("bad" + evil), "--threads", "1"});
  CHECK(o.code == 5);
  for (const std::string& text : {o.out, o.err}) {
    CHECK(text.find('\033') == std::string::npos);
    CHECK(text.find('\007') == std::string::npos);
    CHECK(text.find("\xC2\x9B") == std::string::npos);
    CHECK(text.find("]0;title") != std::string::npos);
  }
  const Outcome missing = run_program_file(f, {"info", f / ("no" + evil)});
  CHECK(missing.code == 3);
  CHECK(missing.err.find('\033') == std::string::npos);
}

TEST_CASE("Ctrl-C ends rendering and timing") {
  const Folder f;
  const std::vector<std::vector<std::string>> verbs{
      {"dataset", "make", "creatures", f / "d", "--count", "100000", "--threads", "1"},
      {"bench", "resnet18", "--rounds", "10000", "--threads", "1"}};
  for (const std::vector<std::string>& words : verbs) {
    const auto start = std::chrono::steady_clock::now();
    const Outcome o = run_program_file(f, words, {}, [&](pid_t child) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1500));
      ::kill(child, SIGINT);
    });
    CHECK(o.code == 130);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
  }
  CHECK(leftovers(f.path()) == 0);
}

TEST_CASE("classify says which columns a list without labels has") {
  const Folder f;
  write_small_net(f.path().string());
  std::ofstream(f / "named.csv") << "file,class\n0.png,ant\n";
  const Outcome o = run_program_file(f, {"classify", f / "net.h5", "--list", f / "named.csv"});
  CHECK(o.code == 0);
  CHECK(o.err.find("the columns are file, class") != std::string::npos);
  const Outcome labelled =
      run_program_file(f, {"classify", f / "net.h5", "--list", f / "list.csv"});
  CHECK(labelled.code == 0);
  CHECK(labelled.err.find("columns") == std::string::npos);
}

TEST_CASE("a limit of processes costs threads, not the run") {
  const Folder f;
  write_small_net(f.path().string());
  if (::getuid() == 0) fs::permissions(f.path(), fs::perms::all);
  const auto limited = [] {
    if (::getuid() == 0 && ::setuid(65534) != 0) ::_exit(125);
    const rlimit none{1, 1};
    ::setrlimit(RLIMIT_NPROC, &none);
    // LeakSanitizer looks from a process of its own.
    ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
  };
  const Outcome o =
      run_program_file(f, {"classify", f / "net.h5", f / "0.png", "--threads", "4"}, limited);
  CHECK(o.code == 0);
  CHECK(o.err.find("threads") != std::string::npos);
  const std::string mat = source_dir() + "/tests/golden/import/simple73.mat";
  const Outcome vetted = run_program_file(f, {"convert", mat, f / "m.h5"}, limited);
  CHECK(vetted.code == 1);
  CHECK(vetted.err.find("no process to check the file with") != std::string::npos);
}

TEST_CASE(
    "a file system that takes no more is exit 1 in every verb that writes, with nothing half") {
  const Folder f;
  write_small_net(f.path().string());
  const std::string onnx = source_dir() + "/tests/golden/import/old.onnx";
  const auto small_files = [] {
    (void)std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{200, 200};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    // What is said must not meet the limit too.
    const int null = ::open("/dev/null", O_WRONLY);
    ::dup2(null, 1);
  };
  const std::vector<std::vector<std::string>> verbs{
      explain_words(f, "o1"),
      {"units", f / "net.h5", "--data", f / "list.csv", "--layers", "conv2", "--out", f / "o2",
       "--threads", "1"},
      {"classify", f / "net.h5", f / "0.png", "--outputs", f / "o3.h5"},
      {"export", f / "net.h5", f / "o4.onnx"},
      {"export", f / "net.h5", f / "o4.keras.h5"},
      {"convert", onnx, f / "o5.h5", "--preprocess", "none"},
      {"info", f / "net.h5", "--svg", f / "o6.svg"},
      {"visualize", f / "net.h5", "--class", "ant", "--steps", "2", "--out", f / "o7"},
      {"filters", f / "net.h5", "--out", f / "o8"},
      {"dataset", "make", "creatures", f / "o9", "--count", "2"}};
  for (const auto& words : verbs) {
    const Outcome o = run_program_file(f, words, small_files);
    INFO(words[0], ": ", o.err);
    CHECK(o.signal == 0);
    // Nothing at all may be wrong with the words: then the limit was never met.
    CHECK(o.code == 1);
    CHECK(leftovers(f.path()) == 0);
    CHECK(o.err.find("infinite loop") == std::string::npos);
  }
}
