#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "layers/attributes.h"

#pragma GCC visibility push(hidden)

namespace cutaway::capi {

/// The options of a call: a JSON object of which every member must be asked for.
class Options {
 public:
  /// NULL and "" are an object without members. Throws kUsage, saying where, for what is no object.
  Options(const char* text, const char* call);

  [[nodiscard]] std::string text(const char* name, const std::string& otherwise);
  [[nodiscard]] bool flag(const char* name, bool otherwise);
  [[nodiscard]] std::int64_t integer(const char* name,
                                     std::int64_t otherwise,
                                     std::int64_t least,
                                     std::int64_t most);
  [[nodiscard]] double number(const char* name, double otherwise);
  [[nodiscard]] std::vector<std::string> texts(const char* name);
  /// A class: a number is as good as its text.
  [[nodiscard]] std::string target(const char* name, const std::string& otherwise);
  /// An object of scalars.
  [[nodiscard]] Attributes attributes(const char* name);
  /// Throws kUsage, naming it and those that were asked for, when a member was never asked for.
  void expect_all_read() const;

 private:
  [[nodiscard]] const nlohmann::json* find(const char* name);
  [[noreturn]] void wrong(const char* name, const char* expected) const;

  std::string call_;
  nlohmann::json json_ = nlohmann::json::object();
  std::set<std::string> read_;
};

}  // namespace cutaway::capi

#pragma GCC visibility pop
