#include "explain/report/report.h"

namespace cutaway::explain {

namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";

/// U+202A to U+202E and U+2066 to U+2069: they turn round what follows, also outside the text that
/// they stand in, and make "gpj.exe" of "exe.jpg".
bool turns_text(const std::string& text, std::size_t at) {
  if (at + 2 >= text.size() || text[at] != '\xE2') return false;
  const auto second = static_cast<unsigned char>(text[at + 1]);
  const auto third = static_cast<unsigned char>(text[at + 2]);
  return (second == 0x80 && third >= 0xAA && third <= 0xAE) ||
         (second == 0x81 && third >= 0xA6 && third <= 0xA9);
}

}  // namespace

std::string html_escape(const std::string& raw) {
  std::string out;
  const std::string text = valid_utf8(raw);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (turns_text(text, i)) {
      out += kReplacement;
      i += 2;
      continue;
    }
    const char c = text[i];
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        const bool control = (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F;
        if (control) {
          out += kReplacement;
        } else {
          out += c;
        }
      }
    }
  }
  return out;
}

std::string base64(const std::vector<std::uint8_t>& bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = bytes.size() - i;
    const std::uint32_t word = std::uint32_t{bytes[i]} << 16U |
                               (n > 1 ? std::uint32_t{bytes[i + 1]} << 8U : 0U) |
                               (n > 2 ? std::uint32_t{bytes[i + 2]} : 0U);
    out += kDigits[word >> 18U];
    out += kDigits[word >> 12U & 63U];
    out += n > 1 ? kDigits[word >> 6U & 63U] : '=';
    out += n > 2 ? kDigits[word & 63U] : '=';
  }
  return out;
}

}  // namespace cutaway::explain
