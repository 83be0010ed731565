// Lists: a row a picture, in CSV, JSON or plain text.

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "explain/pictures/list.h"
#include "explain/training/data/readers.h"
#include "explain/training/data/stores.h"
#include "runtime/error.h"
#include "runtime/files/csv.h"
#include "runtime/files/read_file.h"

namespace cutaway::training {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::int64_t kMostClasses = 100'000;

/// A row as it is written.
struct Row {
  std::string file, label, name, split, where;
};

std::optional<std::int64_t> integer(const std::string& text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

std::string text_of(const std::string& path) {
  const std::vector<std::uint8_t> bytes = files::read_file(path);
  return {bytes.begin(), bytes.end()};
}

std::vector<Row> rows_of_csv(const std::string& path) {
  const std::string text = text_of(path);
  files::CsvReader csv(text, path);
  std::vector<std::string> header, fields;
  if (!csv.next(header)) throw Error(ErrorKind::kInput, "the list is empty").at(path);
  const auto column = [&](std::initializer_list<const char*> names) -> std::optional<std::size_t> {
    for (const char* name : names) {
      const auto at = std::find(header.begin(), header.end(), name);
      if (at != header.end()) return static_cast<std::size_t>(at - header.begin());
    }
    return std::nullopt;
  };
  const auto file = column({"file"}), label = column({"label"}), name = column({"class", "name"}),
             split = column({"split"});
  if (!file || (!label && !name)) {
    throw csv.error("columns of the list")
        .expected("file, and label or class; perhaps split")
        .got(header.empty() ? "" : header[0]);
  }
  std::vector<Row> rows;
  while (csv.next(fields)) {
    if (fields.size() != header.size()) {
      throw csv.error("fields of the row")
          .expected(std::to_string(header.size()))
          .got(std::to_string(fields.size()));
    }
    Row row;
    row.file = fields[*file];
    if (label) row.label = fields[*label];
    if (name) row.name = fields[*name];
    if (split) row.split = fields[*split];
    row.where = path + ", line " + std::to_string(csv.line());
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string json_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::vector<Row> rows_of_json(const std::string& path, std::vector<std::string>& classes) {
  const Json json = Json::parse(text_of(path), nullptr, false);
  if (json.is_discarded()) throw Error(ErrorKind::kInput, "no JSON").at(path);
  const Json* images = &json;
  if (json.is_object() && json.contains("images")) images = &json["images"];
  if (!images->is_array()) {
    throw Error(ErrorKind::kInput, "no list of pictures")
        .at(path)
        .expected(R"([{"file": ..., "label": ...}, ...] or {"images": [...], "classes": [...]})");
  }
  if (json.is_object() && json.contains("classes") && json["classes"].is_array())
    for (const Json& name : json["classes"]) classes.push_back(json_text(name));
  std::vector<Row> rows;
  for (const Json& image : *images) {
    Row row;
    row.where = path + ", picture " + std::to_string(rows.size());
    if (!image.is_object() || !image.contains("file"))
      throw Error(ErrorKind::kInput, "a picture without a file").at(row.where);
    const auto get = [&](const char* key) {
      return image.contains(key) ? json_text(image[key]) : std::string();
    };
    row.file = get("file");
    row.label = get("label");
    row.name = get("class");
    row.split = get("split");
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<Row> rows_of_text(const std::string& path) {
  std::vector<Row> rows;
  for (const explain::ImageEntry& entry : explain::read_image_list(path)) {
    Row row;
    row.file = entry.path;
    if (entry.label) row.label = std::to_string(*entry.label);
    row.where = path + ": " + entry.name;
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Numbers are the labels; another column may name the classes.
void number_classes(const std::vector<Row>& rows, LabelledSet& set) {
  const bool named_before = !set.classes.empty();
  std::vector<std::string> names = set.classes;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    const std::int64_t label = integer(row.label).value_or(-1);
    const std::int64_t most =
        named_before ? static_cast<std::int64_t>(set.classes.size()) : kMostClasses;
    if (label < 0 || label >= most) {
      throw Error(ErrorKind::kInput, "label")
          .at(row.where)
          .expected("0 to " + std::to_string(most - 1))
          .got("'" + row.label.substr(0, 64) + "'");
    }
    const auto at = static_cast<std::size_t>(label);
    if (names.size() <= at) names.resize(at + 1);
    if (!named_before && !row.name.empty()) {
      if (!names[at].empty() && names[at] != row.name) {
        throw Error(ErrorKind::kInput, "two names for class " + row.label)
            .at(row.where)
            .expected("'" + names[at] + "'")
            .got("'" + row.name + "'");
      }
      names[at] = row.name;
    }
    set.pictures[i].label = static_cast<std::int32_t>(label);
  }
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i].empty()) names[i] = std::to_string(i);
  set.classes = std::move(names);
}

}  // namespace

LabelledSet open_list(const std::string& path) {
  LabelledSet set;
  const std::string extension = explain::lower_extension(path);
  const std::vector<Row> rows = extension == ".csv"    ? rows_of_csv(path)
                                : extension == ".json" ? rows_of_json(path, set.classes)
                                                       : rows_of_text(path);
  auto store = std::make_shared<FileStore>();
  const fs::path folder = fs::path(path).parent_path();
  bool numbers = true;
  for (const Row& row : rows) {
    if (row.file.empty()) throw Error(ErrorKind::kInput, "a row without a file").at(row.where);
    if (row.label.empty() && row.name.empty())
      throw Error(ErrorKind::kInput, "a picture without a label").at(row.where);
    numbers = numbers && !row.label.empty() && integer(row.label).has_value();
    LabelledPicture p;
    p.name = row.file;
    try {
      if (!row.split.empty()) p.split = parse_split(row.split);
    } catch (const Error& error) {
      throw error.located(row.where);
    }
    p.place = store->add((folder / row.file).string());
    set.pictures.push_back(std::move(p));
  }
  set.store = std::move(store);
  if (numbers) {
    number_classes(rows, set);
    return set;
  }
  ClassNames classes;
  for (std::size_t i = 0; i < rows.size(); ++i)
    set.pictures[i].label = classes.number(rows[i].label.empty() ? rows[i].name : rows[i].label);
  classes.finish(set);
  return set;
}

}  // namespace cutaway::training
