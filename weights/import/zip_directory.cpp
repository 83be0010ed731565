#include "weights/import/zip_directory.h"

#include <libdeflate.h>

#include <algorithm>
#include <vector>

#include "runtime/error.h"

namespace cutaway::weights {
namespace {

constexpr std::uint64_t kMostEntries = 100'000;
constexpr std::uint32_t kEndSignature = 0x06054b50, kEnd64Signature = 0x06064b50,
                        kLocator64Signature = 0x07064b50, kEntrySignature = 0x02014b50,
                        kLocalSignature = 0x04034b50;
constexpr std::uint64_t kEndBytes = 22, kEnd64Bytes = 56, kLocatorBytes = 20, kEntryBytes = 46,
                        kLocalBytes = 30;

/// Little-endian fields of a record in memory.
class Record {
 public:
  Record(const BinaryFile& file, std::uint64_t at, std::uint64_t bytes)
      : text_(file.text_at(at, bytes)) {}
  [[nodiscard]] std::uint64_t number(std::size_t at, int bytes) const {
    check(at + static_cast<std::size_t>(bytes) <= text_.size(), "a field outside its record");
    std::uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; --i) {
      value = value << 8 | static_cast<unsigned char>(text_[at + static_cast<std::size_t>(i)]);
    }
    return value;
  }
  [[nodiscard]] std::string text(std::size_t at, std::size_t bytes) const {
    return text_.substr(at, bytes);
  }

 private:
  std::string text_;
};

Error broken(const BinaryFile& file, const std::string& what) {
  return Error(ErrorKind::kInput, "zip archive: " + what).at(file.path());
}

struct Directory {
  std::uint64_t begin{0}, bytes{0}, entries{0};
};

Directory read_end64(const BinaryFile& file, std::uint64_t end) {
  if (end < kLocatorBytes) throw broken(file, "the end record is damaged");
  const Record locator(file, end - kLocatorBytes, kLocatorBytes);
  const std::uint64_t at = locator.number(8, 8);
  if (locator.number(0, 4) != kLocator64Signature || !file.holds(at, kEnd64Bytes)) {
    throw broken(file, "the ZIP64 end record is missing");
  }
  const Record record(file, at, kEnd64Bytes);
  if (record.number(0, 4) != kEnd64Signature || record.number(16, 4) != 0 ||
      record.number(20, 4) != 0 || record.number(24, 8) != record.number(32, 8)) {
    throw broken(file, "the ZIP64 end record is damaged");
  }
  return {record.number(48, 8), record.number(40, 8), record.number(32, 8)};
}

// The end record stands at the end; a comment of up to 65535 bytes may follow it.
Directory find_directory(const BinaryFile& file) {
  const std::uint64_t tail = std::min<std::uint64_t>(file.size(), kEndBytes + 65535);
  const std::string text = file.text_at(file.size() - tail, tail);
  const std::size_t at = text.rfind("PK\x05\x06");
  if (at == std::string::npos || text.size() - at < kEndBytes) {
    throw broken(file, "it has no end record; it may be cut short");
  }
  const std::uint64_t end = file.size() - tail + at;
  const Record record(file, end, kEndBytes);
  check(record.number(0, 4) == kEndSignature, "a signature that was just found");
  if (record.number(20, 2) != file.size() - end - kEndBytes)
    throw broken(file, "bytes behind its end");
  Directory d{record.number(16, 4), record.number(12, 4), record.number(10, 2)};
  const bool large = d.begin == 0xffffffff || d.bytes == 0xffffffff || d.entries == 0xffff;
  const bool split = record.number(4, 2) != 0 && record.number(4, 2) != 0xffff;
  if (split || record.number(8, 2) != record.number(10, 2))
    throw broken(file, "it is one of several parts");
  if (large) d = read_end64(file, end);
  if (!file.holds(d.begin, d.bytes) || d.begin + d.bytes > end || d.entries > kMostEntries ||
      d.entries * kEntryBytes > d.bytes) {
    throw broken(file, "the directory lies outside the file");
  }
  return d;
}

bool is_safe(const std::string& name) {
  if (name.empty() || name.size() > 1024 || name.front() == '/') return false;
  if (name.find('\\') != std::string::npos || name.find('\0') != std::string::npos) return false;
  return ("/" + name + "/").find("/../") == std::string::npos;
}

/// One entry of the directory, before the local header was looked at.
struct Entry {
  std::string name;
  std::uint64_t packed{0}, plain{0}, local{0};
  std::uint32_t crc{0};
};

// Numbers that do not fit 32 bits stand in the extra field of id 1, in this order.
void read_extra64(
    const BinaryFile& file, const Record& directory, std::size_t at, std::size_t bytes, Entry& e) {
  std::vector<std::uint64_t*> wanted;
  for (std::uint64_t* v : {&e.plain, &e.packed, &e.local}) {
    if (*v == 0xffffffff) wanted.push_back(v);
  }
  const std::size_t end = at + bytes;
  while (!wanted.empty() && at + 4 <= end) {
    const auto size = static_cast<std::size_t>(directory.number(at + 2, 2));
    if (at + 4 + size > end) break;
    if (directory.number(at, 2) == 1) {
      if (size < wanted.size() * 8) break;
      for (std::size_t i = 0; i < wanted.size(); ++i)
        *wanted[i] = directory.number(at + 4 + 8 * i, 8);
      return;
    }
    at += 4 + size;
  }
  if (!wanted.empty()) throw broken(file, "an entry lacks its ZIP64 numbers");
}

ZipMember locate(const BinaryFile& file, const Directory& d, const Entry& e) {
  if (e.local > d.begin || d.begin - e.local < kLocalBytes)
    throw broken(file, "a member outside the file");
  const Record local(file, e.local, kLocalBytes);
  const std::uint64_t name_bytes = local.number(26, 2), extra_bytes = local.number(28, 2);
  const std::uint64_t begin = e.local + kLocalBytes + name_bytes + extra_bytes;
  if (local.number(0, 4) != kLocalSignature || begin > d.begin || d.begin - begin < e.packed ||
      name_bytes != e.name.size() || file.text_at(e.local + kLocalBytes, name_bytes) != e.name ||
      local.number(8, 2) != 0) {
    throw broken(file, "member " + e.name + " disagrees with the directory");
  }
  return {begin, e.packed, e.crc};
}

}  // namespace

std::map<std::string, ZipMember> zip_directory(const BinaryFile& file) {
  const Directory d = find_directory(file);
  const Record directory(file, d.begin, d.bytes);
  std::map<std::string, ZipMember> members;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < d.entries; ++i) {
    if (at + kEntryBytes > d.bytes || directory.number(at, 4) != kEntrySignature) {
      throw broken(file, "the directory is damaged");
    }
    const auto name_bytes = static_cast<std::size_t>(directory.number(at + 28, 2));
    const auto extra_bytes = static_cast<std::size_t>(directory.number(at + 30, 2));
    const auto comment_bytes = static_cast<std::size_t>(directory.number(at + 32, 2));
    if (at + kEntryBytes + name_bytes + extra_bytes + comment_bytes > d.bytes) {
      throw broken(file, "the directory is damaged");
    }
    Entry e{directory.text(at + kEntryBytes, name_bytes), directory.number(at + 20, 4),
            directory.number(at + 24, 4), directory.number(at + 42, 4),
            static_cast<std::uint32_t>(directory.number(at + 16, 4))};
    if (!is_safe(e.name)) throw broken(file, "a member's name is not a relative path");
    if ((directory.number(at + 8, 2) & 1U) != 0)
      throw broken(file, "member " + e.name + " is encrypted");
    read_extra64(file, directory, at + kEntryBytes + name_bytes, extra_bytes, e);
    at += kEntryBytes + name_bytes + extra_bytes + comment_bytes;
    if (e.name.back() == '/') continue;
    if (directory.number(at - comment_bytes - extra_bytes - name_bytes - kEntryBytes + 10, 2) !=
        0) {
      throw Error(ErrorKind::kUnsupported, "zip archive: member " + e.name + " is compressed")
          .at(file.path())
          .hint("zip -0 stores without compression");
    }
    if (e.packed != e.plain) throw broken(file, "member " + e.name + " has two sizes");
    const ZipMember member = locate(file, d, e);
    if (member.bytes > 0) ranges.emplace_back(member.offset, member.offset + member.bytes);
    if (!members.emplace(e.name, member).second)
      throw broken(file, "two members are called " + e.name);
  }
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first < ranges[i - 1].second) throw broken(file, "members overlap");
  }
  return members;
}

void check_member(const BinaryFile& file, const std::string& name, const ZipMember& member) {
  if (member.crc == 0) return;
  std::vector<std::byte> bytes(
      static_cast<std::size_t>(std::min<std::uint64_t>(member.bytes, 1 << 18)));
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < member.bytes; at += bytes.size()) {
    const auto part = std::span(bytes).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), member.bytes - at)));
    file.read_at(member.offset + at, part);
    crc = libdeflate_crc32(crc, part.data(), part.size());
  }
  if (crc != member.crc)
    throw broken(file, "member " + name + " is damaged: its checksum does not match");
}

}  // namespace cutaway::weights
