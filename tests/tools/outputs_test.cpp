// Names of outputs, and what no output may do: take another's name, replace what is read, or be
// written through a link.

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "explain/runs/output_names.h"
#include "explain/runs/run_folder.h"
#include "runtime/error.h"
#include "runtime/files/npy.h"
#include "runtime/files/output_check.h"
#include "tests/tools/run_support.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::explain::test;

namespace {

/// The tiny net with other names of its classes.
void make_model_with(const std::string& path, const std::vector<std::string>& labels) {
  make_tiny_model(path);
  weights::Package package = weights::load(path);
  package.labels = labels;
  weights::save(package, path);
}

/// Every map that the journal names: its file, what it is.
std::map<std::string, std::string> listed(const std::string& out) {
  std::map<std::string, std::string> files;
  for (const auto& line : json_lines(out + "/index.jsonl")) {
    if (!line.contains("maps")) continue;
    for (const auto& map : line["maps"]) {
      const std::string what = line["image"].dump() + " " + map["method"].get<std::string>() + " " +
                               map["layer"].get<std::string>() + " " + map["class"].dump();
      const auto [at, fresh] = files.emplace(map["file"].get<std::string>(), what);
      CHECK_MESSAGE((fresh || at->second == what), "one file for two maps: " << at->first);
    }
  }
  return files;
}

std::size_t files_below(const std::string& folder, const std::string& extension) {
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    count += entry.path().extension() == extension ? 1U : 0U;
  return count;
}

}  // namespace

TEST_CASE("file words: letters outside ASCII stay, nothing that could mislead") {
  CHECK(file_word("tench, Tinca tinca") == "tench__Tinca_tinca");
  CHECK(file_word("\xC3\xA9tang") == "\xC3\xA9tang");  // e with acute
  CHECK(file_word("\xE7\x8A\xAC") == "\xE7\x8A\xAC");  // a Chinese dog
  CHECK(file_word("a\xE2\x80\xAEgpj") == "a_gpj");     // right-to-left override
  CHECK(file_word("a\xC2\x9B"
                  "b\x1B[0m") == "a_b__0m");  // escape sequences
  CHECK(file_word("\xFF\xC3") == "__");       // no UTF-8
  CHECK(file_word("") == "_");
  const std::string long_word(79, 'x');
  CHECK(file_word(long_word + "\xC3\xA9") == long_word);  // whole characters only
  CHECK(method_word("gradcam++") == "gradcampp");
}

TEST_CASE("file words of a list differ, whatever the texts") {
  const std::vector<std::string> texts{"crane",
                                       "crane",
                                       "Crane",
                                       "a b",
                                       "a_b",
                                       "crane-1",
                                       std::string(90, 'y') + "1",
                                       std::string(90, 'y') + "2",
                                       "!"};
  const std::vector<std::string> words = file_words(texts, {"reserved"});
  std::set<std::string> folded;
  for (std::string word : words) {
    std::transform(word.begin(), word.end(), word.begin(), [](char c) { return std::tolower(c); });
    CHECK(folded.insert(word).second);
  }
  CHECK(words[0] == "crane-0");
  CHECK(words[1] == "crane-1");
  CHECK(words[8] == "_");
  CHECK(file_words({"one", "two"}) == std::vector<std::string>{"one", "two"});
  CHECK(file_words({"reserved"}, {"reserved"})[0] != "reserved");
}

TEST_CASE("stems of pictures: x.png, x.jpg and x-2.png are three, in any order") {
  std::vector<std::string> names{"x-2.png", "x.jpg", "x.png"};
  std::sort(names.begin(), names.end());
  do {
    OutputNames stems;
    std::set<std::string> seen;
    for (std::size_t n = 0; n < names.size(); ++n)
      CHECK(seen.insert(stems.stem(static_cast<std::int64_t>(n), names[n])).second);
  } while (std::next_permutation(names.begin(), names.end()));
  OutputNames stems({"grid"});
  CHECK(stems.stem(0, "grid.png") == "grid-0");
  CHECK(stems.stem(1, "a__gradcam__b.png") == "a_gradcam_b");
}

TEST_CASE("explain: classes of one name, alike letters and layers are files of their own") {
  const Folder f;
  make_model_with(f / "net.h5", {"crane", "crane", "\xD0\xBF\xD1\x91\xD1\x81", "a/b"});
  make_pictures(f, 2);
  fs::create_directories(f / "same");
  write_image(f / "same/x.png", speckled(1));
  write_image(f / "same/x.jpg", speckled(2));
  write_image(f / "same/x-2.png", speckled(3));
  REQUIRE(run({"explain", f / "net.h5", f / "same", "--method", "gradcam,gradcam++,saliency",
               "--layer", "relu1,relu2", "--target", "0,1,2,3", "--out", f / "out"}) == 0);
  const auto files = listed(f / "out");
  // Three pictures, four classes; saliency once, the others at two layers.
  CHECK(files.size() == 3 * 4 * 5);
  CHECK(files_below(f / "out", ".npy") == files.size());
  std::size_t exact = 0;
  for (const auto& [file, what] : files) {
    CHECK(fs::exists(f / ("out/" + file)));
    CHECK(fs::exists(f / ("out/" + file.substr(0, file.size() - 4) + ".png")));
    exact += file.find("__gradcam__") != std::string::npos ? 1U : 0U;
    if (what.ends_with(" 2")) CHECK(contains(file, "__\xD0\xBF\xD1\x91\xD1\x81.npy"));
  }
  CHECK(exact == 3 * 4 * 2);  // *__gradcam__* is Grad-CAM and nothing else
  // Each file holds the map of the class that the journal says: one run a class.
  for (int c = 0; c < 4; ++c) {
    const std::string one = f / ("one" + std::to_string(c));
    REQUIRE(run({"explain", f / "net.h5", f / "same", "--method", "gradcam", "--layer", "relu2",
                 "--target", std::to_string(c), "--out", one}) == 0);
    for (const auto& [file, what] : listed(one)) {
      const auto at = std::find_if(files.begin(), files.end(),
                                   [&](const auto& other) { return other.second == what; });
      REQUIRE(at != files.end());
      CHECK(bytes_of(one + "/" + file) == bytes_of(f / ("out/" + at->first)));
    }
  }
}

TEST_CASE("visualize and units: subjects and layers of one name are files of their own") {
  const Folder f;
  make_model_with(f / "net.h5", {"crane", "crane", "grid", "dog"});
  make_pictures(f, 3);
  REQUIRE(run({"visualize", f / "net.h5", "--class", "0,1,2", "--steps", "1", "--out",
               f / "seen"}) == 0);
  std::set<std::string> files;
  const auto manifest = json_file(f / "seen/manifest.json");
  for (const auto& method : manifest.at("methods")) {
    const std::string file = method["parameters"]["file"];
    CHECK(files.insert(file).second);
    CHECK(fs::exists(f / ("seen/" + file)));
  }
  CHECK(files.size() == 3);
  CHECK(fs::exists(f / "seen/grid__lucid.png"));
  REQUIRE(run({"units", f / "net.h5", "--data", f / "p", "--layers", "relu1,relu2", "--top", "1",
               "--out", f / "units"}) == 0);
  CHECK(files_below(f / "units/relu1", ".png") == 8);
  CHECK(files_below(f / "units/relu2", ".png") == 6);
}

TEST_CASE("localize, evaluate and study: pictures of one name lose nothing") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  fs::create_directories(f / "p");
  write_image(f / "p/x.png", speckled(1));
  write_image(f / "p/x.jpg", speckled(2));
  write_image(f / "p/x-2.png", speckled(3));
  REQUIRE(run({"localize", f / "net.h5", f / "p", "--method", "cam", "--out", f / "boxes"}) == 0);
  CHECK(files_below(f / "boxes", ".png") == 3);
  REQUIRE(run({"evaluate", f / "net.h5", f / "p", "--method", "cam", "--metric", "average_drop",
               "--out", f / "measured"}) == 0);
  CHECK(json_lines(f / "measured/index.jsonl").size() == 4);
  REQUIRE(run({"study", "invariance", f / "net.h5", f / "p", "--shift-steps", "2", "--scale-steps",
               "2", "--rotation-steps", "2", "--out", f / "study"}) == 0);
  CHECK(files_below(f / "study", ".png") == 3);
}

TEST_CASE("outputs are checked against all that is read, links resolved") {
  const Folder f;
  put(f / "net.h5", "net");
  fs::create_directories(f / "photos/deep");
  put(f / "photos/a.png", "a");
  fs::create_symlink(f / "net.h5", f / "link.h5");
  fs::create_hard_link(f / "net.h5", f / "twin.h5");
  const auto kind = [&](const files::PathUse& use) {
    return error_of([&] { files::check_outputs(use); }).kind();
  };
  const std::vector<std::string> reads{f / "net.h5", f / "photos"};
  for (const char* name : {"net.h5", "photos/../net.h5", "link.h5", "twin.h5", "photos"}) {
    CAPTURE(name);
    CHECK(kind({reads, {f / name}, {}, true}) == ErrorKind::kUsage);
  }
  CHECK(kind({{f / "link.h5"}, {f / "net.h5"}, {}, true}) == ErrorKind::kUsage);
  CHECK(kind({reads, {f / "new.h5", f / "photos/../new.h5"}, {}, true}) == ErrorKind::kUsage);
  CHECK(kind({reads, {}, {f / "photos"}, true}) == ErrorKind::kUsage);
  CHECK(kind({{f / "photos/a.png"}, {}, {f / "photos"}, true}) == ErrorKind::kUsage);
  CHECK(kind({reads, {}, {f / "net.h5"}, true}) == ErrorKind::kUsage);
  put(f / "old.h5", "old");
  CHECK(kind({reads, {f / "old.h5"}, {}, false}) == ErrorKind::kUsage);
  files::check_outputs({reads, {f / "old.h5", "-", ""}, {}, true});
  files::check_outputs({reads, {f / "new.h5"}, {f / "photos/out"}, false});
}

TEST_CASE("no verb replaces what it reads, or a file that is there without --overwrite") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 2);
  const std::string net = bytes_of(f / "net.h5");
  put(f / "taken", "mine");
  const std::vector<std::vector<std::string>> verbs{
      {"info", f / "net.h5", "--svg"},
      {"info", f / "net.h5", "--dot"},
      {"classify", f / "net.h5", f / "p", "--outputs"},
      {"filters", f / "net.h5", "--out"},
      {"export", f / "net.h5", "--format", "onnx"},
  };
  for (std::vector<std::string> words : verbs) {
    CAPTURE(words[0]);
    CAPTURE(words.back());
    const auto to = [&](const std::string& path, bool overwrite) {
      std::vector<std::string> all = words;
      all.push_back(path);
      if (overwrite) all.push_back("--overwrite");
      return run(all);
    };
    CHECK(to(f / "net.h5", true) == 2);
    CHECK(to(f / "taken", false) == 2);
    CHECK(bytes_of(f / "taken") == "mine");
    fs::create_symlink(f / "net.h5", f / "link");
    CHECK(to(f / "link", true) == 2);
    fs::remove(f / "link");
    CHECK(to(f / "fresh", false) == 0);
    CHECK(to(f / "fresh", true) == 0);
    fs::remove(f / "fresh");
  }
  for (std::vector<std::string> words : std::vector<std::vector<std::string>>{
           {"explain", f / "net.h5", f / "p", "--method", "cam"},
           {"localize", f / "net.h5", f / "p"},
           {"evaluate", f / "net.h5", f / "p", "--method", "cam", "--metric", "average_drop"},
           {"compare", f / "net.h5", f / "p", "--no-tsne"},
           {"units", f / "net.h5", "--data", f / "p", "--layers", "relu2"},
           {"visualize", f / "net.h5", "--class", "1", "--steps", "1"},
           {"study", "invariance", f / "net.h5", f / "p", "--shift-steps", "2", "--scale-steps",
            "2", "--rotation-steps", "2"}}) {
    CAPTURE(words[0]);
    const auto into = [&](const std::string& folder) {
      std::vector<std::string> all = words;
      all.insert(all.end(), {"--out", folder, "--overwrite"});
      return run(all);
    };
    if (words[0] != "visualize") CHECK(into(f / "p") == 2);
    CHECK(into(f.str()) == 2);  // holds the net
    CHECK(into(f / "net.h5") == 2);
    fs::create_symlink(f / "nowhere", f / "dangling");
    CHECK(into(f / "dangling") == 2);
    fs::remove(f / "dangling");
  }
  CHECK(bytes_of(f / "net.h5") == net);
  CHECK(files_below(f / "p", ".png") == 2);
}

TEST_CASE("--overwrite removes the files of the old run and no others") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 3);
  put(f / "out/mine.txt", "mine");
  const auto explain = [&](const std::string& input, std::vector<std::string> more) {
    std::vector<std::string> words{"explain", f / "net.h5", input,    "--method",
                                   "cam",     "--out",      f / "out"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  REQUIRE(explain(f / "p", {}) == 0);
  CHECK(files_below(f / "out", ".npy") == 3);
  CHECK(explain(f / "p/0.png", {}) == 2);
  REQUIRE(explain(f / "p/0.png", {"--overwrite", "--no-report"}) == 0);
  CHECK(files_below(f / "out", ".npy") == 1);
  CHECK(files_below(f / "out", ".png") == 2);
  CHECK_FALSE(fs::exists(f / "out/report.html"));
  CHECK(bytes_of(f / "out/mine.txt") == "mine");
  // Pictures alone are known, too; and so is what a pack leaves.
  REQUIRE(explain(f / "p", {"--overwrite", "--no-raw"}) == 0);
  REQUIRE(explain(f / "p", {"--overwrite", "--pack"}) == 0);
  CHECK(files_below(f / "out", ".png") == 1);  // the sheet
  REQUIRE(explain(f / "p/0.png", {"--overwrite"}) == 0);
  CHECK_FALSE(fs::exists(f / "out/maps.h5"));
  CHECK(bytes_of(f / "out/mine.txt") == "mine");
  // A manifest that names what lies elsewhere removes nothing there.
  auto manifest = json_file(f / "out/manifest.json");
  put(f / "elsewhere.txt", "here");
  fs::create_symlink(f.str(), f / "out/up");
  manifest["extra"]["files"] = {"../elsewhere.txt", f / "elsewhere.txt", "up/elsewhere.txt"};
  put(f / "out/manifest.json", manifest.dump());
  REQUIRE(explain(f / "p", {"--overwrite"}) == 0);
  CHECK(bytes_of(f / "elsewhere.txt") == "here");
}

TEST_CASE("a run does not explain its own pictures") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 2);
  const std::vector<std::string> words{"explain",     f / "net.h5", f / "p",
                                       "--recursive", "--method",   "cam",
                                       "--out",       f / "p/out",  "--overwrite"};
  REQUIRE(run(words) == 0);
  REQUIRE(run(words) == 0);
  CHECK(json_file(f / "p/out/manifest.json")["counts"]["inputs"] == 2);
}

TEST_CASE("a sub-folder that is a link is not written through") {
  const Folder f;
  fs::create_directories(f / "out");
  fs::create_directories(f / "elsewhere");
  fs::create_symlink(f / "elsewhere", f / "out/001");
  RunFolder folder(f / "out");
  folder.open(Existing::kRefuse, {});
  CHECK(error_of([&] { folder.make_room_for("001/x.npy"); }).kind() == ErrorKind::kUsage);
  CHECK(error_of([&] { (void)folder.claim("001/x.npy"); }).kind() == ErrorKind::kUsage);
  CHECK(error_of([&] { (void)folder.claim("../x"); }).kind() == ErrorKind::kInternal);
}
