#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "explain/pictures/idx.h"
#include "explain/pictures/list.h"
#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "runtime/error.h"
#include "tests/tools/image_test_support.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::explain::test;
using explain::Rgb;
using weights::Preprocess;

TEST_CASE("preprocessing reorders, scales and shifts") {
  Image image = explain::make_image(2, 1);
  image.rgb = {10, 20, 30, 255, 0, 128};
  Preprocess rule;
  const Tensor same = preprocess(image, rule);
  CHECK(same.shape() == Shape{1, 3, 1, 2});
  CHECK(std::vector<float>(same.f32().begin(), same.f32().end()) ==
        std::vector<float>{10, 255, 20, 0, 30, 128});
  rule.order = weights::ColorOrder::kBgr;
  rule.mean = {104, 117, 123};
  const Tensor bgr = preprocess(image, rule);
  CHECK(std::vector<float>(bgr.f32().begin(), bgr.f32().end()) ==
        std::vector<float>{30 - 104, 128 - 104, 20 - 117, 0 - 117, 10 - 123, 255 - 123});
  CHECK(deprocess(bgr.ref().in(), 0, rule) == image);
  rule = {};
  rule.scale = 1.0F / 255.0F;
  rule.mean = {.485F, .456F, .406F};
  rule.std = {.229F, .224F, .225F};
  const Tensor torch = preprocess(image, rule);
  CHECK(torch.f32()[1] == doctest::Approx((1.0 - .485) / .229).epsilon(1e-6));
  CHECK(deprocess(torch.ref().in(), 0, rule) == image);
  rule = {};
  rule.order = weights::ColorOrder::kGray;
  rule.scale = 0.00390625F;
  const Tensor gray = preprocess(explain::make_image(2, 2, {64, 64, 64}), rule);
  CHECK(gray.shape() == Shape{1, 1, 2, 2});
  CHECK(gray.f32()[3] == 0.25F);
}

TEST_CASE("preprocessing fills one image of a batch in any layout") {
  const Image image = noise(5, 4);
  Tensor batch = zeros({3, 3, 4, 5}, kBlocked16);
  fill_input(image, {}, batch.ref().out(), 1);
  const View<const float> v = batch.ref().in();
  CHECK(v.at(1, 2, 3, 4) == static_cast<float>(image.at(4, 3).b));
  CHECK(v.at(1, 0, 0, 1) == static_cast<float>(image.at(1, 0).r));
  CHECK(v.at(0, 0, 0, 1) == 0.0F);
  CHECK(v.at(2, 0, 0, 1) == 0.0F);
  CHECK(error_of([&] { fill_input(image, {}, batch.ref().out(), 3); }).kind() == ErrorKind::kShape);
  CHECK(error_of([&] { fill_input(noise(4, 4), {}, batch.ref().out(), 0); }).kind() ==
        ErrorKind::kShape);
}

TEST_CASE("centre crops stand where Caffe and torchvision put them") {
  Preprocess rule;
  rule.crop = weights::CropRule::kCenter;
  rule.crop_width = rule.crop_height = 224;
  const auto offset = [&rule](int side, weights::CropOffset how) {
    rule.crop_offset = how;
    return seen_part(side, side, rule).x;
  };
  // 227 -> 224: 1.5 is 1 for Caffe and, half to even, 2 for torchvision.
  CHECK(offset(227, weights::CropOffset::kFloor) == 1);
  CHECK(offset(227, weights::CropOffset::kHalfEven) == 2);
  CHECK(offset(225, weights::CropOffset::kHalfEven) == 0);
  CHECK(offset(229, weights::CropOffset::kHalfEven) == 2);
  CHECK(offset(231, weights::CropOffset::kFloor) == 3);
  CHECK(offset(231, weights::CropOffset::kHalfEven) == 4);
  CHECK(offset(256, weights::CropOffset::kFloor) == 16);
  const Image image = noise(227, 227);
  rule.crop_offset = weights::CropOffset::kFloor;
  CHECK(resize_and_crop(image, rule) == explain::crop(image, {1, 1, 224, 224}));
  const Error error = error_of([&] { (void)resize_and_crop(noise(100, 300), rule); });
  CHECK(error.kind() == ErrorKind::kShape);
}

TEST_CASE("resize rules give the sizes of their tools") {
  Preprocess rule;
  rule.resize = weights::ResizeRule::kShortSide;
  rule.short_side = 256;
  rule.interpolation = weights::Interpolation::kBilinearPil;
  rule.crop = weights::CropRule::kCenter;
  rule.crop_width = rule.crop_height = 224;
  const Image seen = resize_and_crop(noise(500, 375), rule);  // 341 x 256 before the crop
  CHECK((seen.width == 224 && seen.height == 224));
  // floor(117 / 2) = 58 of 341 columns, back on 500.
  CHECK(seen_part(500, 375, rule) == explain::Rect{85, 23, 328, 329});
  rule = {};
  rule.resize = weights::ResizeRule::kWarp;
  rule.width = 20;
  rule.height = 10;
  const Image warped = resize_and_crop(noise(33, 77), rule);
  CHECK((warped.width == 20 && warped.height == 10));
  CHECK(seen_part(33, 77, rule) == explain::Rect{0, 0, 33, 77});
  rule.height = 0;
  CHECK(error_of([&] { explain::validate(rule); }).kind() == ErrorKind::kUsage);
  rule = {};
  rule.std[1] = 0.0F;
  CHECK(error_of([&] { explain::validate(rule); }).kind() == ErrorKind::kUsage);
  CHECK(Preprocess{} == Preprocess{});
  CHECK_FALSE(rule == Preprocess{});
}

TEST_CASE("lists are read as CSV") {
  const Folder folder;
  put(folder / "l.csv",
      "\xEF\xBB\xBF"
      "label,file,extra\r\n3,a/b.jpg,x\r\n\r\n,\"c, \"\"d\"\".png\",\n12,/abs/e.png,z");
  const std::vector<ImageEntry> entries = read_image_list(folder / "l.csv");
  REQUIRE(entries.size() == 3);
  CHECK(entries[0] == ImageEntry{folder / "a/b.jpg", "a/b.jpg", 3, {{"extra", "x"}}});
  CHECK(entries[1] == ImageEntry{folder / "c, \"d\".png", "c, \"d\".png", std::nullopt});
  CHECK(entries[2] == ImageEntry{"/abs/e.png", "/abs/e.png", 12, {{"extra", "z"}}});
  const auto refused = [](const std::string& text, const std::string& part) {
    const Error error = error_of([&] { (void)parse_image_list(text, ".", "l.csv"); });
    CAPTURE(std::string(error.what()));
    CHECK(error.kind() == ErrorKind::kInput);
    CHECK(contains(error.what(), part));
  };
  refused("", "l.csv");
  refused("file,label\n", "l.csv");
  refused("number,label\na.png,1\n", "l.csv:1");
  refused("file,label\na.png,1\nb.png,cat\n", "l.csv:3");
  refused("file,label\na.png,-1\n", "l.csv:2");
  refused("file,label\na.png\n", "l.csv:2");
  refused("file,label\n,1\n", "l.csv:2");
  refused("file,label\n\"a.png,1\n", "does not end");
  refused("file,file\na,b\n", "twice");
}

TEST_CASE("folders are listed in order, recursively on request") {
  const Folder folder;
  for (const char* name :
       {"b.JPG", "a.png", "note.txt", ".hidden.png", "sub/c.jpeg", ".git/d.png"}) {
    put(folder / name, "x");
  }
  const auto names = [](const std::vector<ImageEntry>& entries) {
    std::vector<std::string> out;
    for (const ImageEntry& entry : entries) out.push_back(entry.name);
    return out;
  };
  CHECK(names(list_folder(folder.str())) == std::vector<std::string>{"a.png", "b.JPG"});
  CHECK(names(list_folder(folder.str(), true)) ==
        std::vector<std::string>{"a.png", "b.JPG", "sub/c.jpeg"});
  CHECK(error_of([&] {
          (void)list_folder(folder /
                            ".git/.."
                            "/absent");
        }).kind() == ErrorKind::kInput);
  fs::create_directories(folder / "empty");
  CHECK(error_of([&] { (void)list_folder(folder / "empty"); }).kind() == ErrorKind::kInput);
  put(folder / "list.csv", "file\nz.png\n");
  const std::vector<std::string> inputs{folder / "b.JPG", folder / "list.csv", folder / "sub"};
  const std::vector<ImageEntry> all = collect_images(inputs);
  REQUIRE(all.size() == 3);
  CHECK(all[0].path == folder / "b.JPG");
  CHECK(all[1].path == folder / "z.png");
  CHECK(all[2].name == "c.jpeg");
  const std::vector<std::string> absent{folder / "absent.png"};
  CHECK(error_of([&] { (void)collect_images(absent); }).kind() == ErrorKind::kInput);
  CHECK(error_of([] { (void)collect_images({}); }).kind() == ErrorKind::kUsage);
}

TEST_CASE("IDX files are read and checked") {
  const Folder folder;
  const std::string header("\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x03", 16);
  put(folder / "x", header + "abcdefghijkl");
  const IdxArray array = read_idx(folder / "x");
  CHECK(array.extents == std::vector<std::int64_t>{2, 2, 3});
  const Image second = idx_image(array, 1);
  CHECK((second.width == 3 && second.height == 2));
  CHECK(second.at(2, 1) == Rgb{'l', 'l', 'l'});
  CHECK(error_of([&] { (void)idx_image(array, 2); }).kind() == ErrorKind::kShape);
  put(folder / "short", header + "abc");
  put(folder / "long", header + "abcdefghijklm");
  put(folder / "text", "hello");
  put(folder / "huge", std::string("\0\0\x08\x03\x7F\0\0\0\x7F\0\0\0\0\0\0\x03", 16));
  put(folder / "lies", std::string("\0\0\x08\x02\0\x01\0\0\0\0\x40\0", 12));
  put(folder / "float", std::string("\0\0\x0D\x01\0\0\0\x01", 8));
  for (const char* name : {"short", "long", "text", "lies", "absent"}) {
    CHECK(error_of([&] { (void)read_idx(folder / name); }).kind() == ErrorKind::kInput);
  }
  CHECK(error_of([&] { (void)read_idx(folder / "huge"); }).kind() == ErrorKind::kMemory);
  CHECK(error_of([&] { (void)read_idx(folder / "float"); }).kind() == ErrorKind::kUnsupported);
}

TEST_CASE("the shared data is read") {
  const std::string mnist = data_folder() + "/images/mnist/";
  if (!data_missing(mnist)) {
    const IdxArray labels = read_idx(mnist + "t10k-labels-idx1-ubyte.gz");
    CHECK(labels.extents == std::vector<std::int64_t>{10000});
    CHECK(labels.values[0] == 7);  // the first test digit
    const IdxArray digits = read_idx(mnist + "t10k-images-idx3-ubyte.gz");
    CHECK(idx_image(digits, 9999).width == 28);
  }
  const std::string list = data_folder() + "/images/imagenet_val/labels.csv";
  if (data_missing(list)) return;
  const std::vector<ImageEntry> entries = read_image_list(list);
  CHECK(entries.size() == 800);
  CHECK(entries[0].label == 472);
  const Image photo = read_image(entries[0].path);
  CHECK((photo.width == 227 && photo.height == 227));
}
