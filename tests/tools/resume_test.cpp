// Runs that are stopped and continued, in child processes that are really killed.

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "explain/runs/journal.h"
#include "runtime/error.h"
#include "tests/tools/run_support.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tools;
using namespace cutaway::explain::test;

namespace {

using Words = std::vector<std::string>;

Words explain_words(const Folder& f, const std::string& out, const Words& more = {}) {
  Words words{"explain", f / "net.h5", f / "list.csv", "--method", "cam,saliency",
              "--out",   f / out,      "--batch",      "2"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::size_t lines_in(const std::string& path) {
  const std::string text = bytes_of(path);
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// Starts the run in a child and sends it `signal` once `enough()`; its wait status.
template <class Enough>
int stop_run(Words words, int signal, const Enough& enough) {
  words.insert(words.end(), {"--quiet", "--threads", "1"});
  const pid_t child = fork();
  if (child == 0) _exit(run_program(words));
  int status = 0;
  for (int i = 0; i < 20000 && !enough(); ++i) {
    if (waitpid(child, &status, WNOHANG) == child) return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  kill(child, signal);
  waitpid(child, &status, 0);
  return status;
}

/// What a run leaves but for the report, which tells its own command line.
std::map<std::string, std::string> results(const std::string& folder) {
  auto all = contents(folder);
  std::erase_if(all, [](const auto& file) { return file.first.starts_with("report"); });
  return all;
}

}  // namespace

TEST_CASE(
    "a run that is killed, interrupted and damaged goes on to what an undisturbed run gives") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 60);
  put(f / "p/7.png", "no picture");
  REQUIRE(run(explain_words(f, "whole")) == 5);
  const auto expected = results(f / "whole");
  const std::string index = f / "part/index.jsonl";

  int status = stop_run(explain_words(f, "part"), SIGKILL, [&] { return lines_in(index) > 14; });
  REQUIRE(WIFSIGNALED(status));
  const std::size_t first = lines_in(index);
  CHECK_FALSE(fs::exists(f / "part/manifest.json"));
  put(f / "part/half.npy.tmp-4711-3", "what a killed writer leaves");
  CHECK(run(explain_words(f, "part")) == 2);  // neither --resume nor --overwrite

  status = stop_run(explain_words(f, "part", {"--resume"}), SIGINT,
                    [&] { return lines_in(index) > first + 6; });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
  CHECK_FALSE(fs::exists(f / "part/manifest.json"));
  const std::size_t second = lines_in(index);
  CHECK(second < 60);

  // A line that was cut off, and a map that the disk lost.
  std::string text = bytes_of(index);
  put(index, text.substr(0, text.size() - 20));
  const auto lines = json_lines(f / "whole/index.jsonl");
  for (const auto& line : lines) {
    if (line.contains("image") && line["image"] == 9) {
      put(f / ("part/" + line["maps"][0]["file"].get<std::string>()), "short");
    }
  }
  CHECK(run(explain_words(f, "part", {"--resume"})) == 5);
  CHECK(results(f / "part") == expected);
  const auto manifest = json_file(f / "part/manifest.json");
  CHECK(manifest["counts"]["succeeded"] == 59);
  CHECK(manifest["counts"]["failed"] == 1);
  CHECK(manifest["extra"]["resumed_images"] == 9);
  CHECK(manifest["failures"][0]["input"] == "p/7.png");
  // All is done: nothing happens, and it says so.
  CHECK(run(explain_words(f, "part", {"--resume"})) == 5);
  CHECK(results(f / "part") == expected);
}

TEST_CASE("a pack is resumed too") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 300);
  REQUIRE(run(explain_words(f, "whole", {"--pack", "--no-report"})) == 0);
  const auto parts = [&] { return fs::exists(f / "part/.parts/0.h5"); };
  const int status = stop_run(explain_words(f, "part", {"--pack", "--no-report"}), SIGKILL, parts);
  REQUIRE(WIFSIGNALED(status));
  CHECK(run(explain_words(f, "part", {"--pack", "--no-report", "--resume"})) == 0);
  CHECK(contents(f / "part") == contents(f / "whole"));
  CHECK(fs::exists(f / "part/maps.h5"));
  CHECK_FALSE(fs::exists(f / "part/.parts"));
}

TEST_CASE("another run does not resume, and loses nothing") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 6);
  REQUIRE(run(explain_words(f, "out")) == 0);
  const auto before = contents(f / "out");
  CHECK(run(explain_words(f, "out", {"--resume", "--target", "label"})) == 2);
  CHECK(run(explain_words(f, "out", {"--resume", "--layer", "relu1"})) == 2);
  CHECK(run(explain_words(f, "out", {"--resume", "--seed", "9"})) == 2);
  CHECK(run(explain_words(f, "out", {"--resume", "--pack"})) == 2);
  Words other_batch = explain_words(f, "out", {"--resume"});
  REQUIRE(other_batch[7] == "--batch");
  other_batch[8] = "3";
  CHECK(run(other_batch) == 0);  // does not matter
  make_tiny_model(f / "net.h5", 4);
  CHECK(run(explain_words(f, "out", {"--resume"})) == 2);
  make_tiny_model(f / "net.h5");
  const std::string list = bytes_of(f / "list.csv");
  put(f / "list.csv", "file,label,expected,why\np/1.png,1,,\np/0.png,0,,\n");
  CHECK(run(explain_words(f, "out", {"--resume"})) == 2);
  put(f / "list.csv", list);
  CHECK(contents(f / "out") == before);
  CHECK(fs::exists(f / "out/manifest.json"));
  // More pictures at the end of the list are a continuation.
  write_image(f / "p/6.png", speckled(6));
  put(f / "list.csv", list + "p/6.png,2,,\n");
  CHECK(run(explain_words(f, "out", {"--resume"})) == 0);
  CHECK(json_file(f / "out/manifest.json")["counts"]["succeeded"] == 7);
}

TEST_CASE("journal: lines carry their checksum") {
  const Record record{{"image", 3}, {"name", "a \"b\"\n\xC3\xA9"}, {"maps", {1.5, nullptr}}};
  const std::string line = journal_line(record);
  REQUIRE(line.back() == '\n');
  const std::string body = line.substr(0, line.size() - 1);
  CHECK(parse_journal_line(body).has_value());
  CHECK((*parse_journal_line(body))["name"] == "a \"b\"\n\xC3\xA9");
  for (std::size_t at = 0; at < body.size(); ++at) {
    std::string damaged = body;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    const auto parsed = parse_journal_line(damaged);
    CHECK((!parsed || (*parsed)["image"] == 3));  // a changed key of the checksum itself is no harm
    if (at >= 8) CHECK_FALSE(parsed.has_value());
    CHECK_FALSE(parse_journal_line(body.substr(0, at)).has_value());
  }
  CHECK(differences({{"a", 1}, {"b", 2}}, {{"a", 1}, {"b", 2}}).empty());
  CHECK(differences({{"a", 1}, {"b", 2}}, {{"a", 1}, {"b", 3}, {"c", 4}}) ==
        "b: 2 there, 3 here; c: nothing there, 4 here");
}
