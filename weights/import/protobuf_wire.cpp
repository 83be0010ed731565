#include "weights/import/protobuf_wire.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/error.h"

namespace cutaway::weights {
namespace {
// Small messages need little: a reader of a message of 40 bytes must not cost 64 KiB.
constexpr std::uint64_t kWindow = 64 << 10;
}  // namespace

float WireField::number32() const {
  if (type != WireType::kFixed32) throw Error(ErrorKind::kInput, "a number of another wire type");
  return std::bit_cast<float>(static_cast<std::uint32_t>(value));
}

WireReader::WireReader(const BinaryFile& file, WireRange message, int depth)
    : file_(&file), message_(message), depth_(depth), at_(message.begin) {
  if (message.begin > message.end || message.end > file.size())
    fail("a message beyond the file's end");
  if (depth > kMostDepth) fail("messages are nested too deeply");
}

void WireReader::fail(const std::string& what) const {
  throw Error(ErrorKind::kInput, what).at(file_->path() + ":" + std::to_string(at_));
}

std::uint8_t WireReader::byte() {
  if (at_ >= message_.end) fail("a message is cut short");
  if (at_ < window_begin_ || at_ >= window_begin_ + window_.size()) {
    // The first look is short, for messages are; whoever reads on gets more.
    const std::uint64_t wanted = window_.empty() ? 256 : kWindow;
    window_.resize(static_cast<std::size_t>(std::min(wanted, message_.end - at_)));
    file_->read_at(at_, window_);
    window_begin_ = at_;
  }
  return static_cast<std::uint8_t>(window_[static_cast<std::size_t>(at_++ - window_begin_)]);
}

std::uint64_t WireReader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const std::uint64_t b = byte();
    if (shift == 63 && b > 1) break;
    value |= (b & 0x7fU) << shift;
    if ((b & 0x80U) == 0) return value;
  }
  fail("a number is too long");
}

std::uint64_t WireReader::fixed(int bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value |= std::uint64_t{byte()} << (8 * i);
  return value;
}

bool WireReader::next() {
  if (at_ == message_.end) return false;
  const std::uint64_t tag = varint();
  field_ = {};
  if (tag >> 3 == 0 || tag >> 32 != 0) fail("an impossible field number");
  field_.number = static_cast<std::uint32_t>(tag >> 3);
  switch (tag & 7U) {
    case 0:
      field_.type = WireType::kVarint;
      field_.value = varint();
      break;
    case 1:
      field_.type = WireType::kFixed64;
      field_.value = fixed(8);
      break;
    case 5:
      field_.type = WireType::kFixed32;
      field_.value = fixed(4);
      break;
    case 2: {
      field_.type = WireType::kBytes;
      const std::uint64_t length = varint();
      if (length > message_.end - at_) fail("a field is longer than its message");
      field_.range = {at_, at_ + length};
      at_ += length;
      break;
    }
    default:
      fail("an unknown wire type");
  }
  return true;
}

WireRange WireReader::bytes() const {
  if (field_.type != WireType::kBytes) fail("a field of another wire type");
  return field_.range;
}

WireReader WireReader::message() const { return {*file_, bytes(), depth_ + 1}; }

std::string WireReader::text(std::uint64_t most) const {
  if (bytes().size() > most) fail("a text is too long");
  return file_->text_at(field_.range.begin, field_.range.size());
}

void WireReader::append_integers(std::vector<std::int64_t>& to, std::size_t most) const {
  if (field_.type != WireType::kBytes) {
    if (to.size() >= most) fail("too many numbers");
    to.push_back(field_.integer());
    return;
  }
  WireReader packed(*file_, field_.range, depth_ + 1);
  while (packed.at_ < packed.message_.end) {
    if (to.size() >= most) fail("too many numbers");
    to.push_back(static_cast<std::int64_t>(packed.varint()));
  }
}

void WireReader::append_floats(std::vector<float>& to, std::size_t most) const {
  if (field_.type != WireType::kBytes) {
    if (to.size() >= most) fail("too many numbers");
    to.push_back(field_.number32());
    return;
  }
  const std::uint64_t count = field_.range.size() / sizeof(float);
  if (field_.range.size() % sizeof(float) != 0) fail("packed numbers of a broken length");
  if (count > most - std::min(most, to.size())) fail("too many numbers");
  const std::size_t first = to.size();
  to.resize(first + static_cast<std::size_t>(count));
  file_->read_at(field_.range.begin, std::as_writable_bytes(std::span(to).subspan(first)));
}

}  // namespace cutaway::weights
