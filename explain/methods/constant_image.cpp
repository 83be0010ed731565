#include "explain/methods/constant_image.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "runtime/error.h"

namespace cutaway::explain {

std::vector<float> channel_values(const std::string& what,
                                  const std::string& text,
                                  std::size_t channels) {
  if (text == "zero") return std::vector<float>(channels, 0.0f);
  std::vector<float> values;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    float value = 0.0f;
    const auto parsed = std::from_chars(word.data(), word.data() + word.size(), value);
    const bool bad = parsed.ec != std::errc{} || parsed.ptr != word.data() + word.size();
    if (bad || !std::isfinite(value)) {
      values.clear();
      break;
    }
    values.push_back(value);
  }
  if (values.size() == 1) values.assign(channels, values[0]);
  if (values.size() != channels) {
    throw Error(ErrorKind::kUsage, what)
        .expected("zero, a number, or " + std::to_string(channels) +
                  " numbers separated by commas, in the units of the network's input")
        .got(text);
  }
  return values;
}

}  // namespace cutaway::explain
