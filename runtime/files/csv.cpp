#include "runtime/files/csv.h"

namespace cutaway::files {

std::string csv_cell(std::string_view text) {
  constexpr std::string_view kFormula = "=+-@\t\r";
  std::string cell;
  if (!text.empty() && kFormula.find(text.front()) != std::string_view::npos) cell = "'";
  cell += text;
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

CsvReader::CsvReader(std::string_view text, const std::string& name) : rest_(text), name_(name) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (rest_.substr(0, kMark.size()) == kMark) rest_.remove_prefix(kMark.size());
}

bool CsvReader::next(std::vector<std::string>& fields) {
  while (!rest_.empty()) {
    line_ = following_line_;
    read_record(fields);
    if (fields.size() > 1 || !fields[0].empty()) return true;
  }
  return false;
}

Error CsvReader::error(const std::string& what) const {
  return Error(ErrorKind::kInput, what).at(name_ + ":" + std::to_string(line_));
}

void CsvReader::read_record(std::vector<std::string>& fields) {
  fields.assign(1, {});
  ++following_line_;
  bool quoted = false, was_quoted = false;
  const auto end_field = [&] {
    std::string& field = fields.back();
    while (trim_ && !was_quoted && !field.empty() && (field.back() == ' ' || field.back() == '\t'))
      field.pop_back();
    was_quoted = false;
  };
  while (!rest_.empty()) {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (quoted) {
      if (c == '\n') ++following_line_;
      const bool doubled = c == '"' && !rest_.empty() && rest_.front() == '"';
      if (doubled) rest_.remove_prefix(1);
      if (c == '"' && !doubled) {
        quoted = false;
      } else {
        fields.back() += c;
      }
    } else if (c == '"' && fields.back().empty() && !was_quoted) {
      quoted = was_quoted = true;
    } else if (c == ',') {
      end_field();
      fields.emplace_back();
    } else if (c == '\n') {
      end_field();
      return;
    } else if (trim_ && (c == ' ' || c == '\t') && (fields.back().empty() || was_quoted)) {
      continue;
    } else if (!(c == '\r' && (rest_.empty() || rest_.front() == '\n'))) {
      fields.back() += c;
    }
  }
  if (quoted) throw error("a quoted field that does not end");
  end_field();
}

}  // namespace cutaway::files
