// Labelled pictures in every form that a training takes them in.

#include <doctest/doctest.h>

#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "explain/training/data/division.h"
#include "explain/training/data/loader.h"
#include "explain/training/data/open_data.h"
#include "explain/training/data/pack.h"
#include "explain/training/data/survey.h"
#include "tests/tools/tar_fixture.h"
#include "tests/tools/training_support.h"

using namespace cutaway;
using namespace cutaway::training;
using namespace cutaway::explain::test;

namespace {

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string big_endian(std::uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
          static_cast<char>(v)};
}

void put_gz(const std::string& path, const std::string& text) {
  gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(gzwrite(file, text.data(), static_cast<unsigned>(text.size())) ==
          static_cast<int>(text.size()));
  gzclose(file);
}

std::vector<std::int32_t> labels_of(const LabelledSet& set) {
  std::vector<std::int32_t> labels;
  for (const LabelledPicture& p : set.pictures) labels.push_back(p.label);
  return labels;
}

}  // namespace

TEST_CASE("training data: a folder a class, and folders of splits above them") {
  const Folder folder;
  make_bars(folder / "train", 3);
  make_bars(folder / "val", 1, 50);
  make_bars(folder / "test", 2, 70);
  const LabelledSet set = open_data(folder.str());
  CHECK(set.classes == bar_names());
  REQUIRE(set.pictures.size() == 18);
  std::int64_t of_split[3]{};
  for (std::size_t i = 0; i < set.pictures.size(); ++i) {
    const LabelledPicture& p = set.pictures[i];
    ++of_split[static_cast<std::size_t>(p.split)];
    CHECK(p.name.find(set.classes[static_cast<std::size_t>(p.label)]) != std::string::npos);
    CHECK(set.read(static_cast<std::int64_t>(i)).width == 16);
  }
  CHECK(of_split[0] == 9);
  CHECK(of_split[1] == 3);
  CHECK(of_split[2] == 6);
  write_image(folder / "stray.png", bars(0, 1));
  CHECK(error_of([&] { (void)open_data(folder.str()); }).kind() == ErrorKind::kInput);
  CHECK(error_of([&] { (void)open_data(folder / "nowhere"); }).kind() == ErrorKind::kInput);
}

TEST_CASE("training data: lists with numbers, with names, in JSON, and what is wrong in them") {
  const Folder folder;
  make_bars(folder / "p", 2);
  const std::string a = "p/both/1000.png", b = "p/lying/1000.png", c = "p/lying/1001.png";
  put(folder / "numbers.csv", "file,label,name,split\n" + a + ",1,two bars,train\n" + b +
                                  ",0,one bar,test\n" + c + ",0,one bar,val\n");
  const LabelledSet numbers = open_data(folder / "numbers.csv");
  CHECK(numbers.classes == std::vector<std::string>{"one bar", "two bars"});
  CHECK(labels_of(numbers) == std::vector<std::int32_t>{1, 0, 0});
  CHECK(numbers.pictures[1].split == Split::kTest);
  CHECK(numbers.pictures[2].split == Split::kValidation);
  CHECK(numbers.read(0) == bars(2, 0));

  put(folder / "names.csv", "file,label\n" + a + ",zebra\n" + b + ",ant\n");
  const LabelledSet names = open_data(folder / "names.csv");
  CHECK(names.classes == std::vector<std::string>{"ant", "zebra"});
  CHECK(labels_of(names) == std::vector<std::int32_t>{1, 0});

  put(folder / "list.json", R"({"classes": ["x", "y"], "images": [{"file": ")" + a +
                                R"(", "label": 1}, {"file": ")" + b + R"(", "label": 0}]})");
  const LabelledSet json = open_data(folder / "list.json");
  CHECK(json.classes == std::vector<std::string>{"x", "y"});
  CHECK(labels_of(json) == std::vector<std::int32_t>{1, 0});

  for (const std::string& bad :
       {"file,label\n" + a + ",-1\n", "file,label,name\n" + a + ",0,one\n" + b + ",0,two\n",
        "file,label,split\n" + a + ",0,elsewhere\n", "file\n" + a + "\n", "file,label\n" + a + "\n",
        std::string("file,label\n")}) {
    CAPTURE(bad);
    put(folder / "bad.csv", bad);
    const Error error = error_of([&] { (void)open_data(folder / "bad.csv"); });
    CHECK(error.kind() == ErrorKind::kInput);
    CHECK(std::string(error.what()).find("bad.csv") != std::string::npos);
  }
  put(folder / "bad.json",
      R"({"classes": ["x"], "images": [{"file": ")" + a + R"(", "label": 1}]})");
  CHECK(error_of([&] { (void)open_data(folder / "bad.json"); }).kind() == ErrorKind::kInput);
}

TEST_CASE("training data: IDX, packed or not, and CIFAR") {
  const Folder folder;
  std::string pixels;
  for (int i = 0; i < 3 * 2 * 4; ++i) pixels += static_cast<char>(i * 7);
  const std::string images =
      std::string("\0\0\x08\x03", 4) + big_endian(3) + big_endian(2) + big_endian(4) + pixels;
  const std::string labels =
      std::string("\0\0\x08\x01", 4) + big_endian(3) + std::string("\2\0\1", 3);
  put(folder / "plain/train-images-idx3-ubyte", images);
  put(folder / "plain/train-labels-idx1-ubyte", labels);
  put(folder / "plain/t10k-images-idx3-ubyte", images);
  put(folder / "plain/t10k-labels-idx1-ubyte", labels);
  fs::create_directories(folder / "packed");
  put_gz(folder / "packed/train-images-idx3-ubyte.gz", images);
  put_gz(folder / "packed/train-labels-idx1-ubyte.gz", labels);
  const LabelledSet plain = open_data(folder / "plain");
  const LabelledSet packed = open_data(folder / "packed");
  REQUIRE(plain.pictures.size() == 6);
  REQUIRE(packed.pictures.size() == 3);
  CHECK(plain.classes == std::vector<std::string>{"0", "1", "2"});
  CHECK(labels_of(packed) == std::vector<std::int32_t>{2, 0, 1});
  CHECK(plain.pictures[0].split == Split::kTrain);
  CHECK(plain.pictures[5].split == Split::kTest);
  for (std::int64_t i = 0; i < 3; ++i) {
    const explain::Image image = packed.read(i);
    CHECK(image == plain.read(i));
    CHECK(image.width == 4);
    CHECK(image.height == 2);
    CHECK(image.at(1, 1).g == static_cast<std::uint8_t>((i * 8 + 5) * 7));
  }
  put(folder / "plain/train-images-idx3-ubyte", images + "x");
  CHECK(error_of([&] { (void)open_data(folder / "plain"); }).kind() == ErrorKind::kInput);

  std::string record(1, '\7');
  for (int i = 0; i < 3072; ++i) record += static_cast<char>(i / 1024 * 50 + i % 32);
  put(folder / "cifar/data_batch_1.bin", record + record);
  put(folder / "cifar/test_batch.bin", record);
  const LabelledSet cifar = open_data(folder / "cifar");
  REQUIRE(cifar.pictures.size() == 3);
  CHECK(cifar.classes.size() == 10);
  CHECK(cifar.pictures[2].split == Split::kTest);
  CHECK(cifar.pictures[1].label == 7);
  CHECK(cifar.read(1).at(3, 2) == explain::Rgb{3, 53, 103});
  put(folder / "cifar/data_batch_1.bin", record + "xx");
  CHECK(error_of([&] { (void)open_data(folder / "cifar"); }).kind() == ErrorKind::kInput);
}

TEST_CASE("training data: archives, and packs that come back as they went in") {
  const Folder folder;
  make_bars(folder / "p", 4);
  std::string tar;
  for (const std::string& name : bar_names()) {
    for (int i = 0; i < 4; ++i) {
      const std::string path = name + "/" + std::to_string(1000 + i) + ".png";
      const std::string split = i == 3 ? "bars/test/" : "bars/train/";
      tar += tar_member({split + path, bytes_of(folder / ("p/" + path))});
    }
  }
  put(folder / "bars.tar", tar + tar_end());
  put_gz(folder / "bars.tar.gz", tar + tar_end());
  const LabelledSet from_folder = open_data(folder / "p");
  for (const char* name : {"bars.tar", "bars.tar.gz"}) {
    const LabelledSet set = open_data(folder / name);
    REQUIRE(set.pictures.size() == 12);
    CHECK(set.classes == bar_names());
    for (std::int64_t i = 0; i < 12; ++i) CHECK(set.read(i) == from_folder.read(i));
    CHECK(set.pictures[3].split == Split::kTest);
    CHECK(set.pictures[2].split == Split::kTrain);
  }
  const LabelledSet tarred = open_data(folder / "bars.tar");
  write_pack(tarred, folder / "bars.h5", 16, 2, silent_observer());
  write_pack(tarred, folder / "again.h5", 16, 1, silent_observer());
  CHECK(bytes_of(folder / "bars.h5") == bytes_of(folder / "again.h5"));
  const LabelledSet packed = open_data(folder / "bars.h5");
  CHECK(packed.classes == tarred.classes);
  CHECK(labels_of(packed) == labels_of(tarred));
  for (std::size_t i = 0; i < 12; ++i) {
    CHECK(packed.pictures[i].split == tarred.pictures[i].split);
    CHECK(packed.read(static_cast<std::int64_t>(i)) == tarred.read(static_cast<std::int64_t>(i)));
  }
}

TEST_CASE("training data: a survey tells what cannot be read, the same for any number of threads") {
  const Folder folder;
  make_bars(folder / "p", 30);
  put(folder / "p/lying/broken.png", "no picture at all");
  write_image(folder / "p/both/larger.png", bars(2, 5, 20));
  LabelledSet set = open_data(folder / "p");
  const Survey one = survey(set, 1, silent_observer());
  const Survey three = survey(set, 3, silent_observer());
  CHECK(one.digest == three.digest);
  CHECK(one.mean == three.mean);
  CHECK(one.std == three.std);
  REQUIRE(one.unreadable.size() == 1);
  CHECK(one.unreadable[0].why.find("broken.png") != std::string::npos);
  CHECK(!one.grey);
  CHECK(one.sizes.size() == 2);
  // By another route.
  double sum = 0.0;
  std::int64_t pixels = 0;
  for (std::size_t i = 0; i < set.pictures.size(); ++i) {
    if (static_cast<std::int64_t>(i) == one.unreadable[0].picture) continue;
    const explain::Image image = set.read(static_cast<std::int64_t>(i));
    for (std::size_t k = 1; k < image.rgb.size(); k += 3, ++pixels)
      sum += static_cast<double>(image.rgb[k]);
  }
  CHECK(one.mean[1] == doctest::Approx(sum / static_cast<double>(pixels)).epsilon(1e-12));
  leave_out(set, one.unreadable);
  CHECK(set.pictures.size() == 91);
  CHECK(survey(set, 2, silent_observer()).digest == one.digest);
  set.pictures[4].label = (set.pictures[4].label + 1) % 3;
  CHECK(survey(set, 2, silent_observer()).digest != one.digest);
}

TEST_CASE("training data: divisions are stratified, drawn from the seed, and keep every class") {
  LabelledSet set;
  set.classes = {"a", "b", "c"};
  for (int i = 0; i < 100; ++i) set.pictures.push_back({std::to_string(i), i < 60 ? 0 : 1});
  set.pictures.push_back({"only", 2});
  DivisionOptions o;
  o.part = 0.2;
  o.seed = 5;
  const auto of_class = [&](const std::vector<std::int64_t>& of, std::int32_t label) {
    return std::count_if(of.begin(), of.end(), [&](std::int64_t i) {
      return set.pictures[static_cast<std::size_t>(i)].label == label;
    });
  };
  const Division d = divide(set, o);
  CHECK(of_class(d.validation, 0) == 12);
  CHECK(of_class(d.validation, 1) == 8);
  CHECK(of_class(d.validation, 2) == 0);
  CHECK(d.train.size() == 81);
  CHECK(divide(set, o).train == d.train);
  std::vector<std::int64_t> all = d.train;
  all.insert(all.end(), d.validation.begin(), d.validation.end());
  std::sort(all.begin(), all.end());
  CHECK(std::unique(all.begin(), all.end()) == all.end());
  CHECK(all.size() == 101);
  o.per_class = 10;
  const Division few = divide(set, o);
  CHECK(few.validation == d.validation);
  CHECK(of_class(few.train, 0) == 10);
  CHECK(of_class(few.train, 2) == 1);
  o.seed = 6;
  CHECK(divide(set, o).validation != d.validation);
  o.held_back = Split::kTest;
  CHECK(error_of([&] { (void)divide(set, o); }).kind() == ErrorKind::kInput);
  for (int i = 0; i < 5; ++i) set.pictures[static_cast<std::size_t>(i)].split = Split::kTest;
  CHECK(divide(set, o).validation == std::vector<std::int64_t>{0, 1, 2, 3, 4});
  set.classes.push_back("nobody");
  CHECK(std::string(error_of([&] { (void)divide(set, o); }).what()).find("nobody") !=
        std::string::npos);
  keep_classes(set, {"b", "a"});
  CHECK(set.pictures.size() == 100);
  CHECK(set.pictures[99].label == 0);
  CHECK(error_of([&] { keep_classes(set, {"z"}); }).kind() == ErrorKind::kUsage);
}

TEST_CASE(
    "training data: a loader gives batches in order, never more than it may, and fails once") {
  for (const int workers : {1, 3}) {
    std::atomic<std::int64_t> begun{0};
    const auto pictures = [&](std::int64_t batch) {
      ++begun;
      std::vector<std::int64_t> of(batch == 6 ? 1 : 4);
      for (std::size_t i = 0; i < of.size(); ++i) of[i] = 10 * batch + static_cast<std::int64_t>(i);
      return of;
    };
    BatchLoader loader({{4, 1, 1, 1}, workers, 3, 2, 7}, pictures,
                       [](std::int64_t, std::int64_t picture, View<float> to, std::int64_t n) {
                         if (n % 2 == 1) std::this_thread::yield();
                         to.at(n, 0, 0, 0) = static_cast<float>(picture);
                       });
    for (std::int64_t batch = 2; batch < 7; ++batch) {
      const BatchLoader::Batch& b = loader.next();
      CHECK(begun <= batch - 2 + 3);
      REQUIRE(b.pictures.size() == (batch == 6 ? 1 : 4));
      for (std::size_t i = 0; i < b.pictures.size(); ++i) {
        CHECK(b.pictures[i] == 10 * batch + static_cast<std::int64_t>(i));
        CHECK(b.images.f32()[i] == static_cast<float>(b.pictures[i]));
      }
    }
    BatchLoader failing({{4, 1, 1, 1}, workers, 2, 0, 9}, pictures,
                        [](std::int64_t batch, std::int64_t, View<float>, std::int64_t n) {
                          if (batch == 1 && n == 2) throw Error(ErrorKind::kInput, "gone");
                        });
    (void)failing.next();
    CHECK(error_of([&] { (void)failing.next(); }).kind() == ErrorKind::kInput);
  }
}
