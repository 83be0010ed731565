#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/error.h"

namespace cutaway::files {

/// Walks over the records of a CSV text (RFC 4180: quotes, CRLF; a UTF-8 mark is skipped). Keeps a
/// reference to the text and to its name.
class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name);

  /// The next record that is not blank; false at the end. Throws kInput, naming the line, when a
  /// quoted field does not end.
  bool next(std::vector<std::string>& fields);
  /// An error at the last record's first line.
  [[nodiscard]] Error error(const std::string& what) const;
  [[nodiscard]] std::size_t line() const noexcept { return line_; }

 private:
  void read_record(std::vector<std::string>& fields);

  std::string_view rest_;
  const std::string& name_;
  std::size_t line_{0};
  std::size_t following_line_{1};
};

}  // namespace cutaway::files
