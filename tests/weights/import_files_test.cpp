// Any format in one call: architectures that are found, classes that are counted, packages of this
// program's own.

#include <algorithm>
#include <cmath>

#include "tests/weights/scratch.h"
#include "tests/weights/torch_support.h"
#include "weights/import/import_files.h"
#include "weights/preprocess_json.h"
#include "weights/preprocess_presets.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

/// LeNet with that many classes, as one HDF5 group a layer; `more` is written too.
void write_lenet(const std::string& path,
                 std::int64_t classes,
                 const std::string& prefix = "/",
                 const std::string& more = {}) {
  const Graph graph = build_zoo("lenet", {classes}).graph;
  Hdf5File file = Hdf5File::create(path);
  for (NodeId id = 0; id < graph.size(); ++id) {
    for (const ParameterSpec& spec : graph.parameters(id)) {
      const Shape& s = spec.shape;
      const std::vector<std::int64_t> extents = spec.name == "bias" ? std::vector{s.c}
                                                : s.h * s.w == 1    ? std::vector{s.n, s.c}
                                                                 : std::vector{s.n, s.c, s.h, s.w};
      file.write_f32(prefix + graph.node(id).name + "/" + spec.name, extents,
                     std::vector<float>(static_cast<std::size_t>(s.count()), 0.5F));
    }
  }
  if (!more.empty())
    file.write_f32(more, std::vector<std::int64_t>{3}, std::vector<float>{1, 2, 3});
  file.close();
}

std::int64_t classes_of(const Package& package) {
  return package.model.graph.node(package.model.graph.last()).shape.c;
}

}  // namespace

TEST_CASE("an architecture is found with the file's own number of classes, and named as a guess") {
  const Scratch scratch;
  const std::string path = scratch.path("seven.h5");
  write_lenet(path, 7);
  ImportReport report;
  const Package found = import_files({path}, {}, &report);
  CHECK(classes_of(found) == 7);
  CHECK(found.provenance.source_format == "hdf5");
  REQUIRE(report.notes.size() == 1);
  CHECK(has(report.notes[0], "the architecture is a guess: lenet"));
  CHECK(has(report.notes[0], "cutaway verify"));
  CHECK(has(to_text(report), "note: the architecture is a guess"));
  CHECK(has(to_json(report), "the architecture is a guess"));
  // The number given counts while looking; another one is an error.
  ImportFilesOptions options;
  options.classes = 7;
  CHECK(classes_of(import_files({path}, options)) == 7);
  options.classes = 8;
  CHECK(has(message_of([&] { (void)import_files({path}, options); }), "expected 8x500, got 7x500"));
  options = {};
  options.architecture = "lenet";
  options.classes = 7;
  CHECK(import_files({path}, options, &report).labels.empty());
  CHECK(report.notes.empty());  // nothing was guessed
}

TEST_CASE("tensors that may stay unused do so while architectures are tried") {
  const Scratch scratch;
  const std::string path = scratch.path("more.h5");
  write_lenet(path, 10, "/model/", "/criterion/weight");
  ImportFilesOptions options;
  CHECK_FALSE(message_of([&] { (void)import_files({path}, options); }).empty());
  options.weights.allow_unused = {"criterion.weight"};
  ImportReport report;
  CHECK(classes_of(import_files({path}, options, &report)) == 10);
  REQUIRE(report.unused.size() == 1);
  CHECK(report.unused[0].source == "criterion.weight");
}

TEST_CASE("a file that nothing fits is sent to ONNX, not to the nearest of 200 problems") {
  const Scratch scratch;
  Hdf5File file = Hdf5File::create(scratch.path("odd.h5"));
  for (int i = 0; i < 40; ++i) {
    file.write_f32("/block" + std::to_string(i) + "/weight", std::vector<std::int64_t>{3},
                   std::vector<float>{1, 2, 3});
  }
  file.close();
  const std::string message = message_of([&] { (void)import_files({scratch.path("odd.h5")}, {}); });
  CHECK(has(message, "none that is known fits it"));
  CHECK(has(message, "ONNX"));
  CHECK_FALSE(has(message, "nearest"));
}

TEST_CASE("a package of our own is known, and its labels and preprocessing can be changed") {
  const Scratch scratch;
  write_lenet(scratch.path("w.h5"), 3);
  ImportFilesOptions options;
  options.command = "first";
  const ImportedFiles made =
      import_files_into_package({scratch.path("w.h5")}, options, scratch.path("p.h5"));
  CHECK(made.architecture == "lenet");
  CHECK(has(message_of([&] { (void)import_files({scratch.path("p.h5")}, {}); }),
            "a package of this program already"));
  write_file(scratch.path("labels.txt"), "cat\ndog\ncow\n");
  options.labels = scratch.path("labels.txt");
  options.preprocess = "unit";
  options.command = "second";
  (void)import_files_into_package({scratch.path("p.h5")}, options, scratch.path("q.h5"));
  const Package before = load(scratch.path("p.h5")), after = load(scratch.path("q.h5"));
  CHECK(weights_hash(before.model) == weights_hash(after.model));
  CHECK(after.labels == std::vector<std::string>{"cat", "dog", "cow"});
  CHECK(after.preprocess == preprocess_preset("unit", after.model.graph.node(0).shape));
  CHECK(after.provenance.source_file == "w.h5");
  CHECK(after.provenance.command == "second");
  // Too few labels, and options that make no sense here.
  write_file(scratch.path("labels.txt"), "cat\ndog\n");
  CHECK(has(message_of([&] { (void)import_files({scratch.path("p.h5")}, options); }),
            "number of labels"));
  options.labels.clear();
  options.classes = 3;
  CHECK(has(message_of([&] { (void)import_files({scratch.path("p.h5")}, options); }),
            "and nothing else"));
}

TEST_CASE("preprocessing is read from every form that people have it in") {
  const Preprocess rule = preprocess_preset("caffe", Shape{1, 3, 224, 224});
  const std::string nested = to_json(rule);
  CHECK(preprocess_from_file_text(nested) == rule);
  CHECK(preprocess_from_file_text("\xEF\xBB\xBF" + nested) == rule);
  CHECK(preprocess_from_file_text("{\"parameters\": 3, \"preprocess\": " + nested + "}") == rule);
  const std::string flat =
      R"({"order": "BGR", "scale": 1, "mean": [104, 117, 123], "std": [1, 1, 1], "resize": "warp",
          "width": 256, "height": 256, "interpolation": "bilinear", "crop": "center",
          "crop_width": 224, "crop_height": 224, "crop_offset": "floor"})";
  CHECK(preprocess_from_file_text(flat) == rule);
  const std::string lines =
      "conv1  conv  64x112x112\n\npreprocess order: BGR\npreprocess scale: 1\n"
      "preprocess mean: 104, 117, 123\npreprocess std: 1, 1, 1\npreprocess resize: warp\n"
      "preprocess width: 256\npreprocess height: 256\npreprocess interpolation: bilinear\n"
      "preprocess crop: center\npreprocess crop_width: 224\npreprocess crop_height: 224\n"
      "preprocess crop_offset: floor\nlabels: 1000\n";
  CHECK(preprocess_from_file_text(lines) == rule);
  const Preprocess torch = preprocess_preset("torchvision", Shape{1, 3, 224, 224});
  CHECK(preprocess_from_file_text(to_json(torch)) == torch);
  CHECK_FALSE(message_of([] { (void)preprocess_from_file_text("nothing of it\n"); }).empty());
  CHECK_FALSE(message_of([] { (void)preprocess_from_file_text("[1, 2]"); }).empty());
  CHECK_FALSE(
      message_of([] { (void)preprocess_from_file_text("{\"resize\": \"warp\"}"); }).empty());
  // By name of the file, which stands in errors.
  const Scratch scratch;
  write_lenet(scratch.path("w.h5"), 3);
  write_file(scratch.path("p.json"), "{\"order\": \"rgb\"}");
  ImportFilesOptions options;
  options.preprocess = scratch.path("p.json");
  CHECK(has(message_of([&] { (void)import_files({scratch.path("w.h5")}, options); }), "p.json"));
}
