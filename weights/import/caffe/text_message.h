#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cutaway::weights {

/// A message in Protocol Buffers' text format (Caffe's prototxt), read without a schema.
class TextMessage {
 public:
  struct Field {
    std::string name;
    int line{0};
    bool quoted{false};                 ///< the value stood in quotes
    std::string value;                  ///< of a scalar, quotes removed and escapes resolved
    std::vector<TextMessage> messages;  ///< exactly one for a nested message, empty for a scalar
  };

  static constexpr std::size_t kMostBytes = std::size_t{16} << 20;
  static constexpr int kMostDepth = 32;
  static constexpr std::size_t kMostFields = 1'000'000;

  /// Parses `name: value`, `name { ... }`, `name: { ... }`, `name < ... >`, lists [a, b], strings
  /// in either quotes with escapes, adjacent strings, comments, and ',' or ';' behind a field.
  /// Throws kInput at "file:line" for anything else and beyond the limits above. `file` stands in
  /// errors.
  static TextMessage parse(std::string_view text, const std::string& file);

  [[nodiscard]] const std::vector<Field>& fields() const noexcept { return fields_; }
  [[nodiscard]] int line() const noexcept { return line_; }
  [[nodiscard]] bool has(std::string_view name) const;

  /// Reads; each throws kInput at "file:line" when a field that may stand once stands more often,
  /// or its value is of another kind or out of range, and remembers that the field was read (see
  /// unread()).
  [[nodiscard]] std::string text(const char* name, const std::string& otherwise) const;
  [[nodiscard]] std::int64_t integer(const char* name,
                                     std::int64_t otherwise,
                                     std::int64_t least,
                                     std::int64_t most) const;
  [[nodiscard]] double number(const char* name, double otherwise) const;
  [[nodiscard]] bool flag(const char* name, bool otherwise) const;
  /// All values of a repeated field, in order; empty when there are none.
  [[nodiscard]] std::vector<std::string> texts(const char* name) const;
  [[nodiscard]] std::vector<std::int64_t> integers(const char* name,
                                                   std::int64_t least,
                                                   std::int64_t most) const;
  [[nodiscard]] std::vector<double> numbers(const char* name) const;
  [[nodiscard]] std::vector<const TextMessage*> messages(const char* name) const;
  /// The only nested message of that name, or an empty one.
  [[nodiscard]] const TextMessage& message(const char* name) const;
  /// Fields that have no influence on the result.
  void ignore(std::initializer_list<const char*> names) const;

  /// "name (line 12)" for every field that nobody read: what this reader does not know.
  [[nodiscard]] std::vector<std::string> unread() const;

 private:
  friend class TextParser;

  [[nodiscard]] const Field* single(const char* name) const;
  [[nodiscard]] std::string where(int line) const;

  std::vector<Field> fields_;
  std::string file_;
  int line_{1};
  mutable std::vector<TextMessage> nothing_;  // what message() shows where there is none
  mutable std::set<std::string, std::less<>> read_;
};

}  // namespace cutaway::weights
