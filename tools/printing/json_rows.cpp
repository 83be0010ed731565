#include "tools/printing/json_rows.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace cutaway::tools {
namespace {

std::string text_of(const Json& json, int indent) {
  std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace);
  const std::string lines = "\n" + std::string(static_cast<std::size_t>(indent), ' ');
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += lines.size())
    text.replace(at, 1, lines);
  return text;
}

}  // namespace

void JsonRows::row(const Json& json) {
  const std::string before = rows_++ == 0 ? opening() + "\n" : ",\n";
  std::printf("%s    %s", before.c_str(), text_of(json, 4).c_str());
}

void JsonRows::finish(const Json& end) const {
  const std::string text = text_of(end, 0);  // "{" and the line feed behind it go
  const std::string before = rows_ == 0 ? opening() : "\n  ";
  std::printf("%s],\n%s\n", before.c_str(), text.c_str() + 2);
}

}  // namespace cutaway::tools
