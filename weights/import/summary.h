#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace cutaway::weights {

/// Mean, standard deviation and checksum (CRC-32, 8 hexadecimal digits, of the bytes of the float32
/// values, as zlib.crc32 of Python has it) of values, as a row of the report shows them.
struct ValueSummary {
  double mean{0}, deviation{0};
  std::string checksum;
  bool finite{true};
};
[[nodiscard]] ValueSummary summarize(std::span<const float> values);

/// The same of values that come in pieces.
class Summary {
 public:
  void add(std::span<const float> values);
  [[nodiscard]] ValueSummary finish() const;

 private:
  double count_{0}, origin_{0}, sum_{0}, squares_{0};  // of differences from the first value
  void add_together(std::span<const float> values);
  std::uint32_t crc_{0};
};

}  // namespace cutaway::weights
