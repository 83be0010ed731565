#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cutaway::weights {

/// One Protocol Buffers message under construction: fields are appended in the order of the calls.
class ProtobufMessage {
 public:
  void integer(std::uint32_t field, std::int64_t value) {
    varint(std::uint64_t{field} << 3);
    varint(static_cast<std::uint64_t>(value));
  }
  void number(std::uint32_t field, float value) {
    varint(std::uint64_t{field} << 3 | 5);
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int i = 0; i < 4; ++i) bytes_ += static_cast<char>(bits >> (8 * i) & 0xffU);
  }
  void text(std::uint32_t field, std::string_view value) {
    header(field, value.size());
    bytes_ += value;
  }
  void message(std::uint32_t field, const ProtobufMessage& value) { text(field, value.bytes_); }
  /// The tag and length of a field whose `count` bytes the caller writes behind this message.
  void header(std::uint32_t field, std::uint64_t count) {
    varint(std::uint64_t{field} << 3 | 2);
    varint(count);
  }
  /// Fields that another message collected.
  void append(const ProtobufMessage& fields) { bytes_ += fields.bytes_; }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      bytes_ += static_cast<char>(value | 0x80U);
      value >>= 7;
    }
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

}  // namespace cutaway::weights
