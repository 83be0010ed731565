#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weights/import/binary_file.h"

namespace cutaway::weights {

/// Protocol Buffers' wire types (developers.google.com/protocol-buffers/docs/encoding).
enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// A range of bytes of a file: a message, a string, packed numbers, or raw data.
struct WireRange {
  std::uint64_t begin{0}, end{0};
  [[nodiscard]] std::uint64_t size() const noexcept { return end - begin; }
};

/// One field of a message. Of numbers the value is here, of the rest only where they lie.
struct WireField {
  std::uint32_t number{0};
  WireType type{WireType::kVarint};
  std::uint64_t value{0};  ///< kVarint, kFixed64, kFixed32: the bits
  WireRange range;         ///< kBytes: the contents

  [[nodiscard]] std::int64_t integer() const noexcept { return static_cast<std::int64_t>(value); }
  /// kFixed32 as float. Throws kInput for another type.
  [[nodiscard]] float number32() const;
};

/// Reads one message field by field, front to back, through a window of 64 KiB: strings and data
/// are skipped until somebody asks for them, so a file of any size costs constant memory. Strict: a
/// truncated or overlong number, a length beyond the message, a group, a field number of 0 and an
/// unknown wire type throw kInput at "file:offset". Unknown fields are the caller's business.
///
///   WireReader reader(file, {0, file.size()});
///   while (reader.next()) switch (reader.field().number) { ... }
class WireReader {
 public:
  /// `depth` is how many messages surround this one; throws kInput beyond kMostDepth.
  WireReader(const BinaryFile& file, WireRange message, int depth = 0);

  static constexpr int kMostDepth = 32;

  /// Moves to the next field; false at the end of the message.
  [[nodiscard]] bool next();
  [[nodiscard]] const WireField& field() const noexcept { return field_; }

  /// The current field's contents, which must be of wire type kBytes; each throws kInput otherwise.
  [[nodiscard]] WireRange bytes() const;
  [[nodiscard]] WireReader message() const;
  /// Throws kInput when it is longer than `most`.
  [[nodiscard]] std::string text(std::uint64_t most = 1 << 20) const;

  /// A repeated integer: appends the packed ones, or the single one. Throws kInput when `to` would
  /// pass `most` elements.
  void append_integers(std::vector<std::int64_t>& to, std::size_t most = 1 << 20) const;
  /// A repeated float, packed or single.
  void append_floats(std::vector<float>& to, std::size_t most = 1 << 24) const;

  [[nodiscard]] const BinaryFile& file() const noexcept { return *file_; }
  /// Error kInput at the current field.
  [[noreturn]] void fail(const std::string& what) const;

 private:
  std::uint8_t byte();
  std::uint64_t varint();
  std::uint64_t fixed(int bytes);

  const BinaryFile* file_;
  WireRange message_;
  int depth_;
  std::uint64_t at_;
  WireField field_;
  std::vector<std::byte> window_;
  std::uint64_t window_begin_{0};
};

}  // namespace cutaway::weights
