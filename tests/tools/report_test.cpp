#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "explain/render/render.h"
#include "explain/report/manifest.h"
#include "explain/report/report.h"
#include "runtime/error.h"
#include "runtime/files/read_file.h"

using namespace cutaway;
using namespace cutaway::explain;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

explain::Image flat(explain::Rgb colour) { return explain::make_image(16, 12, colour); }

ReportCell sample_cell() {
  ReportCell cell;
  cell.method = "Grad-CAM";
  cell.layer = "inception_5b/output";
  cell.target = "tabby";
  cell.picture = flat({255, 0, 0});
  cell.limits = {-0.5F, 120.6033F};
  return cell;
}

ReportRow sample_row() {
  ReportRow row;
  row.name = "cat.jpg";
  row.photo = flat({10, 20, 30});
  row.true_label = "tabby";
  row.correct = true;
  row.predictions = {{"tabby", 0.875}, {"lynx", 0.1}};
  row.cells = {sample_cell()};
  return row;
}

std::string html_of(const ReportRow& row, ReportHead head = {}) {
  ReportBuilder builder(std::move(head));
  builder.add(row);
  return builder.html();
}

}  // namespace

TEST_CASE("base64 has the vectors of RFC 4648") {
  const auto encode = [](const std::string& s) {
    return base64(std::vector<std::uint8_t>(s.begin(), s.end()));
  };
  CHECK(encode("") == "");
  CHECK(encode("f") == "Zg==");
  CHECK(encode("fo") == "Zm8=");
  CHECK(encode("foo") == "Zm9v");
  CHECK(encode("foobar") == "Zm9vYmFy");
  CHECK(base64({0xFB, 0xFF, 0xFE}) == "+//+");
}

TEST_CASE("texts are escaped, also when they are no UTF-8") {
  CHECK(html_escape("<a href=\"x\">&'") == "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  CHECK(html_escape("caf\xC3\xA9") == "caf\xC3\xA9");
  CHECK(html_escape("\xFF"
                    "a\x01") ==
        "\xEF\xBF\xBD"
        "a\xEF\xBF\xBD");
  CHECK(valid_utf8("\xC0\xAF") == "\xEF\xBF\xBD\xEF\xBF\xBD");                  // overlong
  CHECK(valid_utf8("\xED\xA0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // surrogate
  CHECK(valid_utf8("\xF0\x9F\x98\x80") == "\xF0\x9F\x98\x80");
  CHECK(valid_utf8("\xE2\x82") == "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("a report contains what was given, and nothing it has to fetch") {
  ReportHead head;
  head.title = "A title";
  head.subtitle = "model x";
  head.argv = {"cutaway", "explain", "my file.h5", "it's"};
  head.details = {{"Run", {{"seed", std::int64_t{7}}, {"sigma", 0.15}, {"deterministic", true}}}};
  const std::string html = html_of(sample_row(), head);
  for (const char* part : {"<!DOCTYPE html>", "A title", "model x", "cat.jpg", "Grad-CAM",
                           "inception_5b/output", "tabby", "87.5\xE2\x80\x89%", "120.6",
                           "\xE2\x88\x92"
                           "0.5",
                           "True class", "data:image/jpeg;base64,",
                           "cutaway explain &#39;my file.h5&#39; &#39;it&#39;\\&#39;&#39;s&#39;",
                           "seed", "0.15", "aria-label=\"Picture cat.jpg\"",
                           "alt=\"Grad-CAM of cat.jpg for tabby, layer "
                           "inception_5b/output, values -0.5 to 120.6\"",
                           "cm-turbo{", "default-src &#39;none&#39;"}) {
    CAPTURE(std::string(part));
    const bool policy = std::string(part).find("default-src") == 0;
    CHECK(contains(html, policy ? "default-src 'none'" : part));
  }
  for (const char* scheme : {"http://", "https://", "src=\"//", "@import", "<link"}) {
    CAPTURE(std::string(scheme));
    CHECK_FALSE(contains(html, scheme));
  }
  CHECK(html == html_of(sample_row(), head));
}

TEST_CASE("hostile names stay text") {
  const std::string evil = "\"><script>alert(1)</script><img src=x onerror='y'>";
  ReportRow row = sample_row();
  row.name = row.true_label = evil;
  row.predictions[0].label = evil;
  ReportCell& cell = row.cells[0];
  cell.method = cell.layer = cell.target = cell.parameters = cell.warning = evil;
  cell.raw_file = "javascript:alert(1)";
  ReportHead head;
  head.title = head.subtitle = evil;
  head.argv = {evil};
  head.details = {{evil, {{evil, evil}}}};
  const std::string html = html_of(row, head);
  CHECK_FALSE(contains(html, "<script>alert"));
  CHECK_FALSE(contains(html, "<img src=x"));
  CHECK_FALSE(contains(html, "javascript:"));
  CHECK(contains(html, "href=\"javascript%3Aalert%281%29\""));
  CHECK(count(html, "<script>") == 1);
  row.cells[0].raw_file = "//host/x";
  CHECK_FALSE(contains(html_of(row, head), "//host"));
}

TEST_CASE("the page offers only what its rows need") {
  ReportRow row = sample_row();
  CHECK_FALSE(contains(html_of(row), "id=\"scale\""));
  CHECK(contains(html_of(row), "id=\"verdict\""));
  row.correct.reset();
  CHECK_FALSE(contains(html_of(row), "id=\"verdict\""));
  row.cells[0].shared_picture = flat({0, 0, 255});
  row.cells[0].shared_limits = {0.0F, 777.0F};
  const std::string shared = html_of(row);
  CHECK(contains(shared, "id=\"scale\""));
  CHECK(contains(shared, "777"));
  CHECK(contains(shared, "id=\"heat\""));
  CHECK(contains(shared, "id=\"view\""));
  CHECK(count(shared, "<img ") == 2);
  row.cells[0].over_photo = false;
  CHECK_FALSE(contains(html_of(row), "class=\"stage over\""));
  CHECK_FALSE(contains(html_of(row), "id=\"heat\""));
  CHECK_FALSE(contains(html_of(row), "id=\"view\""));
  CHECK(contains(html_of(row), "class=\"ramp"));
  row.cells[0].scaled = false;
  CHECK_FALSE(contains(html_of(row), "class=\"ramp"));
  CHECK_FALSE(contains(html_of(row), ", values "));
  CHECK(contains(shared, "class=\"stage over\""));
}

TEST_CASE("failed rows and unknown probabilities are shown as such") {
  ReportBuilder builder({});
  ReportRow row = sample_row();
  row.predictions[0].probability = std::numeric_limits<double>::quiet_NaN();
  builder.add(row);
  ReportRow failed;
  failed.name = "broken.jpg";
  failed.error = "broken.jpg: the file is empty";
  builder.add(failed);
  const std::string html = builder.html();
  CHECK(builder.rows() == 2);
  CHECK(contains(html, "No result."));
  CHECK(contains(html, "the file is empty"));
  CHECK(contains(html, "data-verdict=\"failed\""));
  CHECK(contains(html, "<b>1</b> failure<"));
  CHECK(contains(html, "<b>1</b> of 1 right"));
  CHECK_FALSE(contains(html, "nan"));
  row.photo.rgb.pop_back();
  CHECK_THROWS_AS(builder.add(row), Error);
  CHECK(builder.rows() == 2);
}

TEST_CASE("large pictures are shrunk") {
  ReportRow row = sample_row();
  row.photo = explain::make_image(1600, 1200, {1, 2, 3});
  for (std::size_t i = 0; i < row.photo.rgb.size(); ++i) {
    row.photo.rgb[i] = static_cast<std::uint8_t>(i * 2654435761U >> 24U);  // does not compress
  }
  CHECK(html_of(row).size() < 300000);
}

TEST_CASE("a manifest is JSON with the schema version first and no NaN") {
  Manifest manifest;
  manifest.tool_version = "0.1.0";
  manifest.argv = {"cutaway", "explain", "bad\xFF name"};
  manifest.model = {"net.h5", "googlenet", "abc", {{"parameters", std::int64_t{6998552}}}};
  weights::Preprocess rule;
  rule.order = weights::ColorOrder::kBgr;
  rule.mean = {103.939F, 116.779F, 123.68F};
  rule.crop = weights::CropRule::kCenter;
  rule.crop_width = rule.crop_height = 224;
  manifest.preprocessing = fields_of(rule);
  manifest.methods = {{"gradcam",
                       "conv5",
                       "given",
                       "top1",
                       {{"nan", std::nan("")}, {"list", std::vector<double>{1.5, INFINITY}}}}};
  manifest.seed = 18446744073709551615ULL;
  manifest.counts = {10, 9, 1, 18};
  manifest.timings = {{"decode", 1.25, 10}};
  manifest.failures = {{"x.jpg", "x.jpg: the file is empty"}};
  const std::string text = manifest_json(manifest);
  CHECK(text.find("\"schema_version\"") < text.find("\"tool\""));
  const auto json = nlohmann::json::parse(text);
  CHECK(json["schema_version"] == 1);
  CHECK(json["argv"][2] == "bad\xEF\xBF\xBD name");
  CHECK(json["model"]["details"]["parameters"] == 6998552);
  CHECK(json["preprocessing"]["order"] == "BGR");
  CHECK(json["preprocessing"]["mean"][0] == 103.939);
  CHECK(json["preprocessing"]["crop_width"] == 224);
  CHECK_FALSE(json["preprocessing"].contains("short_side"));
  CHECK(json["methods"][0]["parameters"]["nan"].is_null());
  CHECK(json["methods"][0]["parameters"]["list"][0] == 1.5);
  CHECK(json["methods"][0]["parameters"]["list"][1].is_null());
  CHECK(json["seed"] == 18446744073709551615ULL);
  CHECK(json["counts"]["failed"] == 1);
  CHECK(json["failures"][0]["input"] == "x.jpg");
  CHECK(text == manifest_json(manifest));
}

TEST_CASE("reports and manifests are written whole") {
  std::string name = (std::filesystem::temp_directory_path() / "cutaway-report-XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  ReportBuilder builder({});
  builder.add(sample_row());
  builder.write(name + "/report.html");
  write_manifest(name + "/manifest.json", {});
  const std::vector<std::uint8_t> bytes = files::read_file(name + "/report.html");
  CHECK(std::string(bytes.begin(), bytes.end()) == builder.html());
  CHECK_THROWS_AS(builder.write(name + "/absent/report.html"), Error);
  CHECK(std::distance(std::filesystem::directory_iterator(name),
                      std::filesystem::directory_iterator()) == 2);
  std::filesystem::remove_all(name);
}
