// The explain verb: targets, layers, inputs, packs, reports, memory.

#include <doctest/doctest.h>
#include <hdf5.h>

#include <cmath>
#include <set>

#include "explain/method.h"
#include "explain/runs/gauge.h"
#include "explain/runs/output_names.h"
#include "runtime/files/npy.h"
#include "tests/tools/run_support.h"
#include "tests/tools/tar_fixture.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tools;
using namespace cutaway::explain::test;

namespace {

std::set<std::string> columns(const std::string& out) {
  std::set<std::string> all;
  for (const auto& line : json_lines(out + "/index.jsonl")) {
    if (!line.contains("maps")) continue;
    for (const auto& map : line["maps"]) {
      all.insert(map["method"].get<std::string>() + " " + map["layer"].get<std::string>() + " " +
                 map["target"].get<std::string>());
    }
  }
  return all;
}

std::vector<float> npy_values(const std::string& path, std::size_t count) {
  return files::read_npy(path, count);
}

}  // namespace

TEST_CASE("targets: columns of the list, and predicted against expected on one scale") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  const std::string list = make_pictures(f, 8);
  REQUIRE(run({"explain", f / "net.h5", list, "--method", "cam", "--out", f / "out", "--target",
               "expected,column:why,pair,top2,2", "--shared-scale"}) == 0);
  const auto lines = json_lines(f / "out/index.jsonl");
  std::int64_t compared = 0;
  for (const auto& line : lines) {
    if (!line.contains("maps")) continue;
    const auto n = line["image"].get<std::int64_t>();
    std::map<std::string, nlohmann::json> maps;
    for (const auto& map : line["maps"]) maps[map["target"].get<std::string>()] = map;
    // The column, where it is filled in, otherwise the label. "expected" stands there twice, with
    // one class.
    CHECK(maps["expected"]["class"] == (n % 3 == 0 ? 2 : n % 4));
    if (n % 2 == 0) {
      CHECK(maps["column:why"]["class"] == 3);
    } else {
      CHECK(contains(maps["column:why"]["missing"].get<std::string>(), "yak"));
    }
    CHECK(maps["2"]["class"] == 2);
    CHECK(maps["predicted"]["class_name"] == line["predictions"][0][0]);
    const std::size_t size = 16 * 16;
    const auto p = npy_values(f / ("out/" + maps["predicted"]["file"].get<std::string>()), size);
    const auto e = npy_values(f / ("out/" + maps["expected"]["file"].get<std::string>()), size);
    const auto d = npy_values(f / ("out/" + maps["difference"]["file"].get<std::string>()), size);
    for (std::size_t i = 0; i < size; ++i) CHECK(d[i] == p[i] - e[i]);
    ++compared;
  }
  CHECK(compared == 8);
  CHECK(columns(f / "out").size() == 6);  // "expected" of the rule and of the pair are one word
  CHECK(contains(bytes_of(f / "out/report.html"), "Shared scale"));
  CHECK(run({"explain", f / "net.h5", list, "--method", "cam", "--out", f / "bad", "--target",
             "top5"}) == 2);
  CHECK_FALSE(fs::exists(f / "bad"));
}

TEST_CASE("a label beyond the net's classes is refused, with what may be meant") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 2);
  put(f / "list.csv", "file,label\np/0.png,99\np/1.png,1\n");
  CHECK(run({"explain", f / "net.h5", f / "list.csv", "--method", "cam", "--out", f / "out",
             "--target", "label"}) == 3);
  CHECK_FALSE(fs::exists(f / "out/manifest.json"));
}

TEST_CASE("several layers: methods that take one run at each, the others once; groups") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 3);
  REQUIRE(run({"explain", f / "net.h5", f / "p", "--method", "saliency,gradcam", "--layer",
               "relu1,relu2", "--out", f / "out"}) == 0);
  CHECK(columns(f / "out") ==
        std::set<std::string>{"saliency input top1", "gradcam relu1 top1", "gradcam relu2 top1"});
  const auto manifest = json_file(f / "out/manifest.json");
  CHECK(manifest["methods"].size() == 3);
  const std::string started = manifest["started_at"];  // 2026-12-01T09:30:00Z
  CHECK(started.size() == 20);
  CHECK(started.substr(0, 2) == "20");
  CHECK(started.back() == 'Z');
  CHECK(manifest["model"]["details"]["weights_hash"] ==
        manifest["model"]["details"]["weights_hash_after"]);
  CHECK(manifest["extra"]["logits_unchanged"] == true);
  REQUIRE(run({"explain", f / "net.h5", f / "p", "--method", "all", "--out", f / "all"}) == 0);
  CHECK(columns(f / "all").contains("cam relu2 top1"));
  CHECK(columns(f / "all").contains("deconvnet relu2 top1"));
  // All 23 methods leave the weights and the scores as they were; those that promise a sum say what
  // is missing of it.
  const auto all = json_file(f / "all/manifest.json");
  CHECK(all["methods"].size() == explain::method_names().size());
  CHECK(all["model"]["details"]["weights_hash"] == all["model"]["details"]["weights_hash_after"]);
  CHECK(all["extra"]["logits_unchanged"] == true);
  for (const auto& method : all["methods"]) {
    const std::string name = method["name"];
    const auto& p = method["parameters"];
    if (name == "integrated_gradients") CHECK(p.contains("completeness_residual_most"));
    if (name == "lrp" || name == "gradient_x_input" || name == "cam")
      CHECK(p.contains("conservation_residual_most"));
  }
  // Excitation has a default layer of its own, and takes the one that is named.
  CHECK(columns(f / "all").contains("excitation relu2 top1"));
  REQUIRE(run({"explain", f / "net.h5", f / "p", "--method", "excitation,saliency", "--layer",
               "relu1,pool1", "--out", f / "walks"}) == 0);
  CHECK(columns(f / "walks") == std::set<std::string>{"excitation relu1 top1",
                                                      "excitation pool1 top1",
                                                      "saliency input top1"});
  REQUIRE(run({"explain", f / "net.h5", f / "p", "--method", "cam-family", "--out", f / "cam"}) ==
          0);
  CHECK_FALSE(columns(f / "cam").contains("saliency input top1"));
  CHECK(columns(f / "cam").contains("gradcam relu2 top1"));
  CHECK(run({"explain", f / "net.h5", f / "p", "--method", "cam", "--option", "deconvnet.channel=1",
             "--out", f / "x"}) == 2);
  CHECK(run({"explain", f / "net.h5", f / "p", "--method", "gradcam", "--layer", "relu1,rel2",
             "--out", f / "x"}) == 2);
  CHECK_FALSE(fs::exists(f / "x"));
}

TEST_CASE("the options that methods chose are in the manifest") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 1);
  REQUIRE(run({"explain", f / "net.h5", f / "p", "--method", "deconvnet", "--option",
               "deconvnet.channel=2", "--out", f / "out"}) == 0);
  const auto parameters = json_file(f / "out/manifest.json")["methods"][0]["parameters"];
  CHECK(parameters["channel"] == 2);
  CHECK(parameters["lrn"] == "identity");
  CHECK(parameters["rules"] == "deconvnet");
}

TEST_CASE("an archive, a list in it of all kinds of members, gives the same maps as the files") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 3);
  std::string archive = tar_member({"notes.txt", "hello"});
  for (int i = 0; i < 3; ++i)
    archive += tar_member(
        {"p/" + std::to_string(i) + ".png", bytes_of(f / ("p/" + std::to_string(i) + ".png"))});
  put(f / "a.tar", archive + tar_end());
  put(f / "cut.tar", archive.substr(0, archive.size() - 700));
  REQUIRE(run({"explain", f / "net.h5", f / "a.tar", "--method", "gradcam", "--out", f / "tar"}) ==
          0);
  REQUIRE(run({"explain", f / "net.h5", f / "list.csv", "--method", "gradcam", "--out",
               f / "list"}) == 0);
  int same = 0;
  for (const auto& [name, bytes] : contents(f / "tar")) {
    if (!name.ends_with(".npy")) continue;
    CHECK(bytes == bytes_of(f / ("list/" + name)));
    ++same;
  }
  CHECK(same == 3);
  CHECK(run({"explain", f / "net.h5", f / "cut.tar", "--method", "gradcam", "--out", f / "cut"}) ==
        5);
  const auto manifest = json_file(f / "cut/manifest.json");
  CHECK(manifest["counts"]["succeeded"] == 2);
  CHECK(contains(manifest["failures"][0]["error"].get<std::string>(), "ends early"));
  put(f / "bad.tar", "no archive");
  CHECK(run({"explain", f / "net.h5", f / "bad.tar", "--method", "gradcam", "--out", f / "bad"}) ==
        3);
  CHECK_FALSE(fs::exists(f / "bad"));
}

TEST_CASE("a pack holds what the files hold") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 5);
  put(f / "p/2.png", "no picture");
  REQUIRE(run({"explain", f / "net.h5", f / "list.csv", "--method", "cam,guided", "--out",
               f / "files"}) == 5);
  REQUIRE(run({"explain", f / "net.h5", f / "list.csv", "--method", "cam,guided", "--out",
               f / "pack", "--pack"}) == 5);
  CHECK(run({"explain", f / "net.h5", f / "list.csv", "--method", "cam", "--out", f / "x", "--pack",
             "--no-raw"}) == 2);
  const hid_t file = H5Fopen((f / "pack/maps.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  REQUIRE(file >= 0);
  const auto read = [&](const char* name, hid_t type, void* to) {
    const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    REQUIRE(set >= 0);
    CHECK(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) >= 0);
    H5Dclose(set);
  };
  std::vector<std::int64_t> numbers(4), classes(4);
  read("/images/number", H5T_NATIVE_INT64, numbers.data());
  CHECK(numbers == std::vector<std::int64_t>{0, 1, 3, 4});
  read("/maps/cam__relu2__top1/class", H5T_NATIVE_INT64, classes.data());
  std::vector<float> cam(4 * 256), guided(4 * 3 * 1024);
  read("/maps/cam__relu2__top1/values", H5T_NATIVE_FLOAT, cam.data());
  read("/maps/guided__input__top1/values", H5T_NATIVE_FLOAT, guided.data());
  H5Fclose(file);
  std::size_t row = 0;
  for (const auto& line : json_lines(f / "files/index.jsonl")) {
    if (!line.contains("maps")) continue;
    CHECK(line["maps"][0]["class"] == classes[row]);
    const auto a =
        files::read_npy(f / ("files/" + line["maps"][0]["file"].get<std::string>()), 256);
    const auto b =
        files::read_npy(f / ("files/" + line["maps"][1]["file"].get<std::string>()), 3072);
    CHECK(std::equal(a.begin(), a.end(), cam.begin() + static_cast<std::ptrdiff_t>(row * 256)));
    CHECK(std::equal(b.begin(), b.end(), guided.begin() + static_cast<std::ptrdiff_t>(row * 3072)));
    ++row;
  }
  CHECK(row == 4);
}

TEST_CASE("large runs: folders of a thousand, pages of a hundred, flat memory") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  const std::string list = make_pictures(f, 50);
  // The same fifty pictures over and over; names repeat, files must not.
  std::string many = "file\n";
  for (int i = 0; i < 1050; ++i) many += "p/" + std::to_string(i % 50) + ".png\n";
  put(f / "many.csv", many);
  REQUIRE(run({"explain", f / "net.h5", f / "many.csv", "--method", "cam,gradcam", "--out",
               f / "out", "--report-rows", "150"}) == 0);
  int root = 0, next = 0;
  for (const auto& entry : fs::directory_iterator(f / "out"))
    root += entry.path().extension() == ".npy" ? 1 : 0;
  for (const auto& entry : fs::directory_iterator(f / "out/001"))
    next += entry.path().extension() == ".npy" ? 1 : 0;
  CHECK(root == 2000);
  CHECK(next == 100);
  CHECK_FALSE(fs::exists(f / "out/.rows"));
  const std::string first = bytes_of(f / "out/report.html");
  CHECK(contains(first, "<b>1050</b> images"));
  CHECK(contains(first, "first 150 of 1050"));
  CHECK(contains(first, "report-2.html"));
  CHECK_FALSE(fs::exists(f / "out/report-3.html"));
  CHECK(contains(bytes_of(f / "out/report-2.html"), "href=\"report.html\""));
  const auto extra = json_file(f / "out/manifest.json")["extra"];
  REQUIRE(extra["memory_mib"].size() == 2);
  CHECK(extra["ms_an_image"][1].get<double>() > 0);
#if !defined(__SANITIZE_ADDRESS__)  // whose quarantine keeps what was freed
  CHECK(extra["memory_growth"].get<double>() <= 0.05);
#endif
}

TEST_CASE("names of files: stems, collisions, folders") {
  OutputNames names;
  CHECK(names.stem(0, "a/b.png") == "a_b");
  CHECK(names.stem(1, "a_b.jpg") == "a_b-1");
  CHECK(names.stem(2, "../../etc/passwd") == "_.._etc_passwd");
  CHECK(names.stem(3, ".png") == "png");
  CHECK(names.stem(4, "") == "image");
  CHECK(names.stem(5, std::string(300, 'x') + ".png").size() == 80);
  CHECK(names.stem(1000, "a/b.png") == "001/a_b");
  CHECK(OutputNames::folder(999).empty());
  CHECK(OutputNames::folder(1234567) == "1234");
}

TEST_CASE("the gauge holds a bounded number of blocks") {
  Gauge gauge(1);
  CHECK(gauge.fields().empty());
  for (int i = 0; i < 1000; ++i) gauge.add(1);
  CHECK(gauge.blocks().size() < 128);
  CHECK(gauge.fields().size() == 5);
  CHECK(resident_mebibytes() > 1);
}
