#include "tests/weights/scratch.h"
#include "weights/graph_json.h"
#include "weights/labels.h"
#include "weights/preprocess_json.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("preprocessing survives the trip through JSON") {
  for (const ZooEntry& entry : zoo()) {
    const Preprocess p = entry.build({}).preprocess;
    CHECK(preprocess_from_json(to_json(p)) == p);
  }
  Preprocess torch;
  torch.scale = 1.0f / 255.0f;
  torch.mean = {0.485f, 0.456f, 0.406f};
  torch.std = {0.229f, 0.224f, 0.225f};
  torch.resize = ResizeRule::kShortSide;
  torch.short_side = 256;
  torch.interpolation = Interpolation::kBilinearPil;
  torch.crop = CropRule::kCenter;
  torch.crop_width = torch.crop_height = 224;
  torch.crop_offset = CropOffset::kHalfEven;
  CHECK(preprocess_from_json(to_json(torch)) == torch);
  CHECK(preprocess_from_json(to_json(Preprocess{})) == Preprocess{});
}

TEST_CASE("preprocessing that cannot be right is refused") {
  const std::string good = to_json(build_zoo("googlenet-caffe").preprocess);
  const auto message = [&](const std::string& from, const std::string& to) {
    return message_of([&] { (void)preprocess_from_json(replaced(good, from, to)); });
  };
  CHECK(has(message("\"bgr\"", "\"bgrx\""), "one of rgb, bgr, gray"));
  CHECK(has(message("\"order\"", "\"ordre\""), "'order'"));
  CHECK(has(message("{\n", "{\"extra\":1,\n"), "unknown member 'extra'"));
  CHECK(has(message("\"height\": 224", "\"height\": 0"), "1 to 65536"));
  CHECK(has(message("\"height\": 224", "\"height\": 18446744073709551615"), "1 to 65536"));
  CHECK(has(message("\"scale\": 1.0", "\"scale\": 1e99"), "a finite number"));
  CHECK(has(message("\"scale\": 1.0", "\"scale\": 0"), "not 0"));
  CHECK(has(message("104.0", "\"x\""), "3 numbers"));
  CHECK(has(message("104.0,", ""), "3 numbers"));
  CHECK_THROWS_AS((void)preprocess_from_json(""), Error);
  CHECK_THROWS_AS((void)preprocess_from_json("[]"), Error);
  CHECK_THROWS_AS((void)preprocess_from_json(good.substr(0, good.size() / 2)), Error);
  CHECK_THROWS_AS((void)preprocess_from_json(std::string(1'000'000, '[')), Error);
  Preprocess zero;
  zero.std[1] = 0.0f;
  CHECK_THROWS_AS((void)to_json(zero), Error);
}

TEST_CASE("graphs that cannot be right are refused, naming the node") {
  const std::string good = to_json(build_zoo("lenet").graph);
  const auto message = [&](const std::string& from, const std::string& to) {
    return message_of([&] { (void)graph_from_json(replaced(good, from, to)); });
  };
  CHECK(has(message("\"max_pool\"", "\"max_pol\""), "pool1: unknown layer type 'max_pol'"));
  CHECK(has(message("\"max_pool\"", "\"input\""), "pool1: a second input"));
  CHECK(has(message("\"kernel_h\": 5", "\"kernel_h\": 5.0"), "conv1: attribute 'kernel_h'"));
  CHECK(has(message("\"kernel_h\": 5", "\"kernel_h\": [5]"), "conv1: attribute 'kernel_h'"));
  CHECK(has(message("\"kernel_h\": 5", "\"kernel_h\": 5, \"colour\": 1"),
            "unknown attribute 'colour'"));
  CHECK(has(message("\"kernel_h\": 5", "\"kernel_h\": 500"), "smaller than the kernel"));
  CHECK(has(message("\"channels\": 20", "\"channels\": 0"), "conv1"));
  CHECK(has(message("\"name\": \"conv2\"", "\"name\": \"conv1\""), "name is taken"));
  CHECK(has(message("\"pool1\"\n   ]", "\"prob\"\n   ]"), "does not come earlier"));
  CHECK(has(message("\"channels\": 1,", "\"channels\": 0,"), "graph input"));
  CHECK(has(message("\"aliases\": {}", "\"aliases\": {\"x\": \"none\"}"), "does not come earlier"));
  CHECK(has(message("\"aliases\": {}", "\"aliases\": {\"ip1\": \"ip2\"}"), "taken"));
  CHECK(has(message("\"aliases\"", "\"alias\""), "'aliases'"));
  CHECK_THROWS_AS((void)graph_from_json("{}"), Error);
}

TEST_CASE("labels: order, hash, and what is not a label") {
  const Scratch scratch;
  const std::string path = scratch.path("labels.txt");
  write_file(path, "n01440764 tench, Tinca tinca\r\nn01443537 goldfish\n");
  const std::vector<std::string> labels = read_labels(path);
  CHECK(labels == std::vector<std::string>{"n01440764 tench, Tinca tinca", "n01443537 goldfish"});
  CHECK(split_labels(join_labels(labels)) == labels);
  CHECK(labels_hash(labels) != labels_hash(std::vector<std::string>{labels[1], labels[0]}));
  write_file(path, "one\n\ntwo\n");
  CHECK(has(message_of([&] { (void)read_labels(path); }), "a blank line"));
  write_file(path, std::string("one\0two\n", 8));
  CHECK(has(message_of([&] { (void)read_labels(path); }), "control characters"));
  write_file(path, "\n\n");
  CHECK(has(message_of([&] { (void)read_labels(path); }), "no labels"));
  CHECK_THROWS_AS((void)read_labels(scratch.path("absent")), Error);
}

TEST_CASE("the ImageNet labels") {
  if (!have_data("imagenet_labels.txt")) return;
  const auto labels = read_labels((data_directory() / "imagenet_labels.txt").string());
  REQUIRE(labels.size() == 1000);
  CHECK(labels[0] == "n01440764 tench");
}
