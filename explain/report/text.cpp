#include "explain/report/report.h"

namespace cutaway::explain {

std::string html_escape(const std::string& text) {
  std::string out;
  for (const char c : valid_utf8(text)) {
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
          out += "\xEF\xBF\xBD";
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
