#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <variant>

namespace cutaway {

/// The hyper-parameters of a layer as named values: what a package stores and a registry rebuilds
/// from.
class Attributes {
 public:
  using Value = std::variant<bool, std::int64_t, double, std::string>;

  Attributes() = default;
  Attributes(std::initializer_list<std::pair<const std::string, Value>> values) : values_(values) {}

  void set(const std::string& name, Value value) { values_[name] = std::move(value); }
  [[nodiscard]] const std::map<std::string, Value>& values() const noexcept { return values_; }

  /// Reads; each throws kInput when the value has another type or lies outside [least, most], and,
  /// for the forms without a default, when it is missing.
  [[nodiscard]] std::int64_t integer(const std::string& name,
                                     std::int64_t least,
                                     std::int64_t most) const;
  [[nodiscard]] std::int64_t integer(const std::string& name,
                                     std::int64_t otherwise,
                                     std::int64_t least,
                                     std::int64_t most) const;
  [[nodiscard]] double number(const std::string& name, double otherwise) const;
  [[nodiscard]] bool flag(const std::string& name, bool otherwise) const;
  [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise) const;

  /// Throws kInput when some value was never read: an attribute this version does not know.
  void expect_all_read() const;

 private:
  [[nodiscard]] const Value* find(const std::string& name) const;

  std::map<std::string, Value> values_;
  mutable std::set<std::string> read_;
};

}  // namespace cutaway
