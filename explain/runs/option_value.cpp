#include "explain/runs/option_value.h"

#include <charconv>
#include <cstdint>

#include "runtime/error.h"

namespace cutaway::explain {

Attributes::Value parse_option_value(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  const char* end = text.data() + text.size();
  std::int64_t integer = 0;
  if (const auto r = std::from_chars(text.data(), end, integer);
      r.ec == std::errc{} && r.ptr == end)
    return integer;
  double number = 0;
  if (const auto r = std::from_chars(text.data(), end, number); r.ec == std::errc{} && r.ptr == end)
    return number;
  return text;
}

std::pair<std::string, Attributes::Value> parse_assignment(const std::string& text,
                                                           const char* option) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error(ErrorKind::kUsage, option).expected("NAME=VALUE").got(text);
  }
  return {text.substr(0, equals), parse_option_value(text.substr(equals + 1))};
}

}  // namespace cutaway::explain
