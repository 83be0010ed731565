#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/error.h"

namespace cutaway::files {

/// Text as one cell of a CSV file: quoted where it must be, and with an apostrophe in front where a
/// spreadsheet would take it for a formula, which a name of a file could then be (=, +, -, @, tab,
/// CR at its beginning). Not for numbers.
[[nodiscard]] std::string csv_cell(std::string_view text);

/// Walks over the records of a CSV text (RFC 4180: quotes, CRLF; a UTF-8 mark is skipped). Keeps a
/// reference to the text and to its name.
class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name);
  /// From now on blanks around a field are no part of it ("file, label"); quotes keep them.
  void trim() noexcept { trim_ = true; }

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
  bool trim_{false};
  std::size_t line_{0};
  std::size_t following_line_{1};
};

}  // namespace cutaway::files
