#include "weights/json.h"

#include <cmath>

#include "runtime/error.h"

namespace cutaway::weights {
namespace {

constexpr int kMostDepth = 8;

Error wrong(const std::string& where, const char* name, const char* expected) {
  return Error(ErrorKind::kInput, "member '" + std::string(name) + "'")
      .at(where)
      .expected(expected);
}

}  // namespace

Json parse_json(std::string_view text) {
  const auto shallow = [](int depth, Json::parse_event_t event, Json&) {
    const bool opens =
        event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (opens && depth >= kMostDepth) throw Error(ErrorKind::kInput, "JSON is nested too deeply");
    return true;
  };
  try {
    return Json::parse(text, shallow);
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::kInput, "not valid JSON").hint(error.what());
  }
}

std::string json_text(const Json& value) {
  try {
    return value.dump(1);
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::kInput, "a name that is not UTF-8").hint(error.what());
  }
}

JsonObject::JsonObject(const Json& value, std::string where)
    : value_(value), where_(std::move(where)) {
  if (!value.is_object()) throw Error(ErrorKind::kInput, "not a JSON object").at(where_);
}

const Json& JsonObject::member(const char* name) {
  const auto found = value_.find(name);
  if (found == value_.end()) throw wrong(where_, name, "to be there");
  taken_.insert(name);
  return *found;
}

std::string JsonObject::text(const char* name) {
  const Json& m = member(name);
  if (!m.is_string()) throw wrong(where_, name, "a text");
  return m.get<std::string>();
}

std::int64_t JsonObject::integer(const char* name, std::int64_t least, std::int64_t most) {
  const Json& m = member(name);
  const std::string range =
      "an integer from " + std::to_string(least) + " to " + std::to_string(most);
  if (!m.is_number_integer()) throw wrong(where_, name, range.c_str());
  // Unsigned values beyond int64 wrap to negative ones; ask first.
  if (m.is_number_unsigned() && m.get<std::uint64_t>() > static_cast<std::uint64_t>(most)) {
    throw wrong(where_, name, range.c_str());
  }
  const auto value = m.get<std::int64_t>();
  if (value < least || value > most) throw wrong(where_, name, range.c_str());
  return value;
}

float JsonObject::number(const char* name) {
  const Json& m = member(name);
  const auto value = m.is_number() ? static_cast<float>(m.get<double>()) : NAN;
  if (!std::isfinite(value)) throw wrong(where_, name, "a finite number");
  return value;
}

const Json& JsonObject::array(const char* name) {
  const Json& m = member(name);
  if (!m.is_array()) throw wrong(where_, name, "an array");
  return m;
}

const Json& JsonObject::object(const char* name) {
  const Json& m = member(name);
  if (!m.is_object()) throw wrong(where_, name, "an object");
  return m;
}

void JsonObject::finish() const {
  for (const auto& [name, value] : value_.items()) {
    if (!taken_.contains(name)) {
      throw Error(ErrorKind::kInput, "unknown member '" + name.substr(0, 64) + "'")
          .at(where_)
          .hint("the file may come from a newer version");
    }
  }
}

}  // namespace cutaway::weights
