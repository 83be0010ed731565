// Lists, truths and targets as people write them: understood, or refused with what was seen.
#include "explain/localization/run/truth.h"
#include "explain/pictures/list.h"
#include "explain/pictures/source.h"
#include "explain/report/report.h"
#include "explain/runs/targets.h"
#include "tests/tools/image_test_support.h"
#include "tests/tools/run_support.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::explain::test;

namespace {

std::vector<ImageEntry> listed(const std::string& text, std::int64_t classes = 0) {
  const Folder f;
  put(f / "list.csv", text);
  return read_image_list(f / "list.csv", classes);
}

Truth truth_of(const std::string& name, const std::string& text, std::int64_t classes = 0) {
  const Folder f;
  put(f / name, text);
  return Truth(f / name, classes);
}

}  // namespace

TEST_CASE("headers of lists: blanks, capitals, other words for the file") {
  for (const char* header : {"file,label", "file, label", "File,Label", "filename, LABEL",
                             "\xEF\xBB\xBF"
                             "file,label",
                             "image ,label"}) {
    const auto entries = listed(std::string(header) + "\na.png, 1\nb.png,2\n");
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].name == "a.png");
    CHECK(entries[0].label == 1);
    CHECK(entries[1].label == 2);
  }
  const Error error = error_of([] { (void)listed("picture;label\na.png;1\n"); });
  CHECK(contains(error.what(), "picture;label"));
  const Folder f;
  put(f / "list.csv", "file,class\na.png,cat\n");
  std::int64_t count = 0;
  const auto unlabelled = open_image_list(f / "list.csv", count);
  CHECK_FALSE(unlabelled->has_labels());
  CHECK(unlabelled->columns() == "file, class");
}

TEST_CASE("plain lists begin with a mark of UTF-8, too") {
  const Folder f;
  put(f / "list.txt",
      "\xEF\xBB\xBF"
      "a.png 3\n");
  const auto entries = read_image_list(f / "list.txt");
  CHECK(entries[0].name == "a.png");
  CHECK(entries[0].label == 3);
}

TEST_CASE("labels beyond the classes are refused, and said to count from 1 where they seem to") {
  CHECK_NOTHROW((void)listed("file,label\na.png,3\n", 4));
  const Error one = error_of([] { (void)listed("file,label\na.png,0\nb.png,4\n", 4); });
  CHECK(one.kind() == ErrorKind::kInput);
  CHECK(contains(one.what(), "label 4 is none of the net's 4 classes"));
  CHECK(contains(one.what(), "count from 1"));
  CHECK(contains(one.what(), "list.csv:3"));
  CHECK_FALSE(
      contains(error_of([] { (void)listed("file,label\na.png,77\n", 4); }).what(), "count from 1"));
  const Folder f;
  put(f / "list.csv", "file,label\na.png,9\n");
  SourceOptions options;
  options.classes = 4;
  const std::vector<std::string> inputs{f / "list.csv"};
  CHECK(error_of([&] { (void)open_images(inputs, options); }).kind() == ErrorKind::kInput);
  CHECK(contains(
      error_of([] { (void)truth_of("t.json", R"([{"file": "a.png", "label": 77}])", 4); }).what(),
      "label 77"));
}

TEST_CASE("boxes of a truth: other names of corners, COCO, and what is refused") {
  const std::string rows = "\na.png,1,2,3,4,5\n";
  for (const char* header : {"file,label,x1,y1,x2,y2", "file,label,xmin,ymin,xmax,ymax",
                             "File, Label, XMin, YMin, XMax, YMax"}) {
    const Truth truth = truth_of("t.csv", header + rows);
    REQUIRE(truth.find("a.png") != nullptr);
    const PictureTruth& p = *truth.find("a.png");
    CHECK(p.label == 1);
    REQUIRE(p.boxes.size() == 1);
    CHECK(p.boxes[0].x1 == 2);
    CHECK(p.boxes[0].y2 == 5);
  }
  const Truth sizes = truth_of("t.csv", "file,label,x,y,width,height\na.png,1,2,3,4,5\n");
  CHECK(sizes.find("a.png")->boxes[0].x2 == 5);
  CHECK(sizes.find("a.png")->boxes[0].y2 == 7);
  const Truth coco =
      truth_of("t.json",
               R"({"images": [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "b.png"}],
          "annotations": [{"image_id": 7, "category_id": 3, "bbox": [2, 3, 4, 5]}],
          "categories": [{"id": 3, "name": "cat"}]})");
  CHECK(coco.find("a.png")->boxes[0].x2 == 5);
  CHECK_FALSE(coco.find("a.png")->label.has_value());
  CHECK(coco.find("b.png")->boxes.empty());
  CHECK(contains(coco.note(), "COCO"));

  const Error bbox = error_of([] {
    (void)truth_of("t.json", R"([{"file": "a.png", "label": 1, "bbox": [2, 2, 12, 12]}])");
  });
  CHECK(contains(bbox.what(), "'bbox'"));
  CHECK(contains(bbox.what(), "label"));
  const Error half = error_of([] { (void)truth_of("t.csv", "file,xmin,ymin,w,h\na,1,2,3,4\n"); });
  CHECK(contains(half.what(), "file, xmin, ymin, w, h"));
  CHECK(contains(truth_of("t.csv", "file,label\na.png,1\n").note(), "no boxes"));
  CHECK(error_of([] { (void)truth_of("t.xml", "<annotation/>"); }).kind() ==
        ErrorKind::kUnsupported);
}

TEST_CASE("a name of two classes is not taken for one of them") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  weights::Package package = weights::load(f / "net.h5");
  package.labels = {"n02012849 crane", "n03126707 crane", "n1 cat", "dog"};
  const Error error = error_of([&] { (void)TargetRule("crane", package); });
  CHECK(error.kind() == ErrorKind::kUsage);
  CHECK(contains(error.what(), "(0)"));
  CHECK(contains(error.what(), "(1)"));
  CHECK_NOTHROW((void)TargetRule("n03126707 crane", package));
  CHECK_NOTHROW((void)TargetRule("dog", package));
  const TargetRule column("column:what", package);
  ImageEntry entry;
  entry.columns = {{"what", "crane"}};
  CHECK(contains(column.resolve({0, 1, 2, 3}, entry, 0).missing, "0 or 1"));
}

TEST_CASE("marks that turn text do not reach a page") {
  CHECK(html_escape("a\xE2\x80\xAE"
                    "gpj.exe") ==
        "a\xEF\xBF\xBD"
        "gpj.exe");
  CHECK(html_escape("\xE2\x81\xA6x\xE2\x81\xA9") == "\xEF\xBF\xBDx\xEF\xBF\xBD");
  CHECK(html_escape("\xE2\x80\x94 \xD7\xA9") == "\xE2\x80\x94 \xD7\xA9");
}
