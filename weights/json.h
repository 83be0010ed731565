#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#pragma GCC visibility push(hidden)

/// Private to weights/*.cpp: JSON read strictly.
namespace cutaway::weights {

using Json = nlohmann::json;

/// Parses `text`; throws kInput on anything but one JSON value nested at most 8 deep.
[[nodiscard]] Json parse_json(std::string_view text);

/// `value` as text; throws kInput when a string in it is not UTF-8.
[[nodiscard]] std::string json_text(const Json& value);

/// An object whose members are taken one by one. Every failure is Error kInput at `where`.
class JsonObject {
 public:
  /// Throws unless `value` is an object. Keeps a reference.
  JsonObject(const Json& value, std::string where);

  /// The member of that name; throws when it is missing.
  [[nodiscard]] const Json& member(const char* name);
  [[nodiscard]] bool has(const char* name) const { return value_.contains(name); }
  [[nodiscard]] std::string text(const char* name);
  [[nodiscard]] std::int64_t integer(const char* name, std::int64_t least, std::int64_t most);
  /// A finite number that float32 can hold.
  [[nodiscard]] float number(const char* name);
  [[nodiscard]] const Json& array(const char* name);
  [[nodiscard]] const Json& object(const char* name);
  /// Throws when there are members nobody took.
  void finish() const;

 private:
  const Json& value_;
  std::string where_;
  std::set<std::string> taken_;
};

}  // namespace cutaway::weights

#pragma GCC visibility pop
