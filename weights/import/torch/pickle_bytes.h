#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/error.h"
#include "weights/import/binary_file.h"

/// The bytes of a pickle and the names of its opcodes; private to weights/import/torch/pickle.cpp.
namespace cutaway::weights::pickle {

// Opcodes of pickletools, those that torch.save writes with protocols 2 to 5.
enum Op : std::uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kDup = '2',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersid = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kEmptyList = ']',
  kEmptyTuple = ')',
  kProto = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kNewObject = 0x81,
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kEmptySet = 0x8f,
  kAddItems = 0x90,
  kFrozenSet = 0x91,
  kNewObjectEx = 0x92,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
  kByteArray8 = 0x96
};

/// A big-endian number of 8 bytes.
inline double double_of(std::string_view bytes) {
  std::uint64_t bits = 0;
  for (const char c : bytes) bits = bits << 8 | static_cast<unsigned char>(c);
  return std::bit_cast<double>(bits);
}

/// How many bytes hold the length of a text or of bytes; 0 for other opcodes.
inline int length_bytes_of(std::uint8_t op) {
  switch (op) {
    case kShortBinString:
    case kShortBinUnicode:
    case kShortBinBytes:
      return 1;
    case kBinString:
    case kBinUnicode:
    case kBinBytes:
      return 4;
    case kBinUnicode8:
    case kBinBytes8:
    case kByteArray8:
      return 8;
    default:
      return 0;
  }
}

/// True for the opcodes whose bytes are text; others' are bytes.
inline bool is_text(std::uint8_t op) {
  return op == kShortBinString || op == kShortBinUnicode || op == kBinString || op == kBinUnicode ||
         op == kBinUnicode8;
}

/// Reads a pickle's bytes in turn. Every failure is an Error at "file:offset".
class Bytes {
 public:
  /// [begin, end) lies inside the file.
  Bytes(const BinaryFile& file, std::uint64_t begin, std::uint64_t end)
      : file_(file), begin_(begin), bytes_(std::min(end - begin, kMostBytes)) {}

  [[nodiscard]] std::uint64_t position() const { return begin_ + at_; }
  [[nodiscard]] std::string place() const {
    return file_.path() + ":" + std::to_string(position());
  }
  [[noreturn]] void fail(const std::string& what, ErrorKind kind = ErrorKind::kInput) const {
    throw Error(kind, "pickle: " + what).at(place());
  }

  std::string_view take(std::uint64_t count) {
    while (count > text_.size() - at_) {
      if (!load_more()) fail("it is cut short");
    }
    const std::string_view part =
        std::string_view(text_).substr(at_, static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return part;
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(take(1)[0]); }
  std::uint64_t little(int bytes) {
    std::uint64_t value = 0;
    const std::string_view part = take(static_cast<std::uint64_t>(bytes));
    for (int i = bytes - 1; i >= 0; --i) {
      value = value << 8 | static_cast<unsigned char>(part[static_cast<std::size_t>(i)]);
    }
    return value;
  }
  /// Up to the next LF, which is skipped.
  std::string line() {
    std::size_t end = text_.find('\n', at_);
    while (end == std::string::npos && load_more()) end = text_.find('\n', at_);
    if (end == std::string::npos || end - at_ > 4096) fail("a line does not end");
    std::string result(take(end - at_));
    ++at_;
    return result;
  }

 private:
  static constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 20, kFirstBytes = 64 << 10;

  // A pickle's end is only known when it is reached, and gigabytes of numbers may follow it.
  bool load_more() {
    if (text_.size() == bytes_) return false;
    const std::uint64_t wanted =
        std::min(bytes_, std::max<std::uint64_t>(kFirstBytes, 2 * text_.size()));
    text_ += file_.text_at(begin_ + text_.size(), wanted - text_.size());
    return true;
  }

  const BinaryFile& file_;
  std::uint64_t begin_, bytes_;
  std::string text_;
  std::size_t at_{0};
};

}  // namespace cutaway::weights::pickle
