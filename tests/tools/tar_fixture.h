#pragma once

#include <cstdio>
#include <string>

// Tar archives made by hand, also such as no archiver would make.
namespace cutaway::explain::test {

struct TarEntry {
  std::string name, content;
  char type{'0'};
  std::string link{};
  std::string size_field{};  ///< instead of the octal size
  bool bad_checksum{false};
  std::string magic{
      std::string("ustar\0"
                  "00",
                  8)};
  std::string prefix{};
};

inline void put_field(std::string& block, std::size_t at, const std::string& text) {
  block.replace(at, text.size(), text);
}

inline std::string octal(std::size_t value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*zo", digits, value);
  return text;
}

inline std::string tar_header(const TarEntry& e) {
  std::string block(512, '\0');
  put_field(block, 0, e.name.substr(0, 100));
  put_field(block, 100, "0000644");
  put_field(block, 124, e.size_field.empty() ? octal(e.content.size(), 11) : e.size_field);
  put_field(block, 136, octal(0, 11));
  put_field(block, 148, "        ");
  block[156] = e.type;
  put_field(block, 157, e.link);
  put_field(block, 257, e.magic);
  put_field(block, 345, e.prefix);
  std::size_t sum = e.bad_checksum ? 1 : 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put_field(block, 148, octal(sum, 6) + std::string("\0 ", 2));
  return block;
}

inline std::string tar_member(const TarEntry& e) {
  return tar_header(e) + e.content + std::string((512 - e.content.size() % 512) % 512, '\0');
}

inline std::string tar_end() { return std::string(1024, '\0'); }

/// "LENGTH KEY=VALUE\n" with the right length.
inline std::string pax_record(const std::string& key, const std::string& value) {
  const std::string body = " " + key + "=" + value + "\n";
  std::size_t length = body.size() + 1;
  while (std::to_string(length).size() + body.size() != length) ++length;
  return std::to_string(length) + body;
}

}  // namespace cutaway::explain::test
