#include "explain/runs/spool.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "explain/pictures/read_image.h"
#include "explain/pictures/write_image.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/npy.h"
#include "runtime/files/read_file.h"

namespace cutaway::explain {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::vector<std::uint8_t> bytes_of(const std::vector<float>& values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(float));
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

Json json_of(const MapCell& c) {
  Json j{{"method", c.method},
         {"layer", c.layer},
         {"target", c.target},
         {"class", c.class_name},
         {"index", c.class_index},
         {"note", c.note},
         {"kind", static_cast<int>(c.kind)},
         {"shape", {c.channels, c.height, c.width}},
         {"warning", c.warning},
         {"file", c.file}};
  if (c.limits) j["limits"] = {c.limits->low, c.limits->high};
  if (c.file.empty() || !c.file.ends_with(".npy")) j["values"] = Json::binary(bytes_of(c.values));
  return j;
}

MapCell cell_of(const Json& j) {
  MapCell c;
  c.method = j.at("method");
  c.layer = j.at("layer");
  c.target = j.at("target");
  c.class_name = j.at("class");
  c.class_index = j.at("index");
  c.note = j.at("note");
  c.kind = static_cast<MapKind>(std::clamp(j.at("kind").get<int>(), 0, 3));
  c.channels = j.at("shape").at(0);
  c.height = j.at("shape").at(1);
  c.width = j.at("shape").at(2);
  c.warning = j.at("warning");
  c.file = j.at("file");
  if (j.contains("limits")) c.limits = Limits{j["limits"].at(0), j["limits"].at(1)};
  return c;
}

void load_values(MapCell& c, const Json& j, const std::string& out) {
  const auto count = static_cast<std::size_t>(c.channels * c.height * c.width);
  if (!j.contains("values")) {
    c.values = files::read_npy(out + "/" + c.file, count);
    return;
  }
  const auto& bytes = j["values"].get_binary();
  if (bytes.empty()) return;
  if (bytes.size() != count * sizeof(float)) throw Error(ErrorKind::kInput, "a damaged row");
  c.values.resize(count);
  std::memcpy(c.values.data(), bytes.data(), bytes.size());
}

}  // namespace

std::string Spool::path(std::int64_t n) const {
  return folder_ + "/" + std::to_string(n) + ".cbor";
}

void Spool::put(std::int64_t n, const SpooledRow& spooled) const {
  const ReportRow& row = spooled.row;
  Json j{{"name", valid_utf8(row.name)},
         {"truth", valid_utf8(row.true_label)},
         {"error", valid_utf8(row.error)}};
  if (row.correct) j["correct"] = *row.correct;
  if (!row.photo.empty()) j["photo"] = Json::binary(encode_png(row.photo, {1}));
  j["predictions"] = Json::array();
  for (const ReportPrediction& p : row.predictions) {
    j["predictions"].push_back({{"label", valid_utf8(p.label)}, {"p", p.probability}});
  }
  j["cells"] = Json::array();
  for (const MapCell& cell : spooled.cells) j["cells"].push_back(json_of(cell));
  std::error_code ignored;
  fs::create_directories(folder_, ignored);
  files::write_file_atomically(path(n), Json::to_cbor(j), files::Durability::kRename);
}

bool Spool::has(std::int64_t n) const {
  std::error_code ignored;
  return fs::is_regular_file(path(n), ignored);
}

SpooledRow Spool::get(std::int64_t n, bool values) const {
  try {
    const Json j = Json::from_cbor(files::read_file(path(n)));
    SpooledRow spooled;
    ReportRow& row = spooled.row;
    row.name = j.at("name");
    row.true_label = j.at("truth");
    row.error = j.at("error");
    if (j.contains("correct")) row.correct = j["correct"].get<bool>();
    if (j.contains("photo")) row.photo = decode_image(j["photo"].get_binary(), row.name);
    for (const Json& p : j.at("predictions")) row.predictions.push_back({p.at("label"), p.at("p")});
    for (const Json& c : j.at("cells")) {
      spooled.cells.push_back(cell_of(c));
      if (values) load_values(spooled.cells.back(), c, out_);
    }
    return spooled;
  } catch (const Json::exception&) {
    throw Error(ErrorKind::kInput, "a damaged row of the report")
        .at(path(n))
        .hint("run again without --resume");
  }
}

std::vector<std::int64_t> Spool::numbers() const {
  std::vector<std::int64_t> found;
  std::error_code code;
  for (fs::directory_iterator it(folder_, code), last; !code && it != last; it.increment(code)) {
    const std::string stem = it->path().stem().string();
    std::int64_t n = 0;
    const auto r = std::from_chars(stem.data(), stem.data() + stem.size(), n);
    const bool whole = r.ec == std::errc{} && r.ptr == stem.data() + stem.size();
    if (whole && it->path().extension() == ".cbor") found.push_back(n);
  }
  std::sort(found.begin(), found.end());
  return found;
}

void Spool::remove() const {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

}  // namespace cutaway::explain
