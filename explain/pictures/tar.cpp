#include "explain/pictures/tar.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <string_view>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kMostSize = std::uint64_t{1} << 60U;

/// Fields of a header: where they begin and how long they are.
struct Place {
  std::size_t at, size;
};
constexpr Place kName{0, 100};
constexpr Place kSize{124, 12};
constexpr Place kChecksum{148, 8};
constexpr std::size_t kType = 156;
constexpr Place kMagic{257, 6};
constexpr Place kPrefix{345, 155};

std::string_view text_of(const std::uint8_t* block, Place place) {
  const std::string_view all(reinterpret_cast<const char*>(block) + place.at, place.size);
  return all.substr(0, std::min(all.find('\0'), all.size()));
}

/// Octal digits between blanks or NULs, or GNU's base 256; false when it is neither.
bool parse_number(const std::uint8_t* block, Place place, std::uint64_t& value) {
  const std::uint8_t* p = block + place.at;
  value = 0;
  if ((p[0] & 0x80U) != 0) {
    if (p[0] != 0x80U) return false;  // negative, or beyond what fits
    for (std::size_t i = 1; i < place.size; ++i) {
      if (value > (kMostSize >> 8U)) return false;
      value = value << 8U | p[i];
    }
    return true;
  }
  std::size_t i = 0;
  while (i < place.size && p[i] == ' ') ++i;
  std::size_t digits = 0;
  for (; i < place.size && p[i] >= '0' && p[i] <= '7'; ++i, ++digits) {
    value = value << 3U | static_cast<std::uint64_t>(p[i] - '0');
  }
  while (i < place.size && (p[i] == ' ' || p[i] == 0)) ++i;
  return i == place.size && digits > 0;
}

bool checksum_fits(const std::uint8_t* block) {
  std::uint64_t stated = 0;
  if (!parse_number(block, kChecksum, stated)) return false;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const bool own = i >= kChecksum.at && i < kChecksum.at + kChecksum.size;
    sum += own ? std::uint8_t{' '} : block[i];
  }
  return sum == stated;
}

std::string name_of(const std::uint8_t* block) {
  std::string name(text_of(block, kName));
  // GNU's own format uses the prefix for other things.
  const std::string_view magic(reinterpret_cast<const char*>(block) + kMagic.at, kMagic.size);
  const std::string_view prefix = text_of(block, kPrefix);
  const bool posix = magic == std::string_view("ustar\0", kMagic.size);
  return posix && !prefix.empty() ? std::string(prefix) + "/" + name : name;
}

}  // namespace

struct TarReader::File {
  gzFile handle{};
  File() = default;
  ~File() {
    if (handle != nullptr) gzclose(handle);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
};

TarReader::TarReader(const std::string& path) : path_(path), file_(std::make_unique<File>()) {
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code)) {
    throw Error(ErrorKind::kInput, "no such file").at(path);
  }
  file_->handle = gzopen(path.c_str(), "rb");
  if (file_->handle == nullptr) throw Error(ErrorKind::kInput, "cannot open the file").at(path);
  gzbuffer(file_->handle, 1U << 17U);
}

TarReader::~TarReader() = default;

void TarReader::fail(const std::string& what) const {
  throw Error(ErrorKind::kInput, what).at(path_).got("at byte " + std::to_string(offset_));
}

std::size_t TarReader::read(std::uint8_t* to, std::size_t size) {
  std::size_t have = 0;
  while (have < size) {
    const auto step = static_cast<unsigned>(std::min<std::size_t>(size - have, 1U << 20U));
    const int n = gzread(file_->handle, to + have, step);
    if (n < 0) fail("the archive's compression is damaged");
    if (n == 0) {
      int code = Z_OK;
      (void)gzerror(file_->handle, &code);
      if (code != Z_OK && code != Z_STREAM_END) fail("the archive's compression ends early");
      break;
    }
    have += static_cast<std::size_t>(n);
  }
  offset_ += have;
  return have;
}

bool TarReader::read_block(std::uint8_t* block) {
  const std::size_t n = read(block, kBlock);
  if (n != 0 && n != kBlock) fail("the archive ends early");
  return n == kBlock;
}

void TarReader::skip_rest() {
  std::array<std::uint8_t, 1U << 14U> sink{};
  std::uint64_t left = left_ + padding_;
  left_ = padding_ = 0;
  while (left > 0) {
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(left, sink.size()));
    if (read(sink.data(), step) != step) fail("the archive ends early");
    left -= step;
  }
}

std::vector<std::uint8_t> TarReader::content_up_to(std::uint64_t most) {
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(std::min(left_, most)));
  if (read(bytes.data(), bytes.size()) != bytes.size()) {
    left_ = padding_ = 0;
    fail("the archive ends early");
  }
  left_ -= bytes.size();
  return bytes;
}

std::vector<std::uint8_t> TarReader::content(std::uint64_t most) {
  if (left_ > most) {
    throw Error(ErrorKind::kMemory, "the member is too large")
        .at(path_)
        .expected("at most " + std::to_string(most) + " bytes")
        .got(std::to_string(left_));
  }
  // In steps, so that a header that promises too much does not take memory first.
  constexpr std::uint64_t kStep = std::uint64_t{1} << 22U;
  std::vector<std::uint8_t> bytes;
  while (left_ > 0) {
    const auto step = static_cast<std::size_t>(std::min(left_, kStep));
    const std::size_t have = bytes.size();
    bytes.resize(have + step);
    if (read(bytes.data() + have, step) != step) {
      left_ = padding_ = 0;
      fail("the archive ends early");
    }
    left_ -= step;
  }
  return bytes;
}

std::string TarReader::read_text(std::uint64_t size) {
  if (size > kMostHeader) fail("an extended header of more than 64 KiB");
  left_ = size;
  padding_ = (kBlock - size % kBlock) % kBlock;
  const std::vector<std::uint8_t> bytes = content(kMostHeader);
  skip_rest();
  return {bytes.begin(), bytes.end()};
}

// Records "LENGTH KEY=VALUE\n", LENGTH counting the whole record.
void TarReader::apply_pax(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    std::size_t length = 0;
    const auto [stop, code] = std::from_chars(rest.data(), rest.data() + rest.size(), length);
    const auto digits = static_cast<std::size_t>(stop - rest.data());
    if (code != std::errc() || digits == 0 || length > rest.size() || length < digits + 3 ||
        rest[digits] != ' ' || rest[length - 1] != '\n') {
      fail("a damaged pax header");
    }
    const std::string_view record = rest.substr(digits + 1, length - digits - 2);
    rest.remove_prefix(length);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos) fail("a damaged pax header");
    const std::string_view key = record.substr(0, equals);
    const std::string_view value = record.substr(equals + 1);
    if (key == "path") long_name_ = std::string(value);
    if (key.substr(0, 10) == "GNU.sparse") sparse_ = true;
    if (key != "size") continue;
    const char* end = value.data() + value.size();
    const auto parsed = std::from_chars(value.data(), end, long_size_);
    if (parsed.ec != std::errc() || parsed.ptr != end) fail("a damaged pax header");
    has_size_ = true;
  }
}

bool TarReader::next(TarMember& member) {
  std::array<std::uint8_t, kBlock> block{};
  long_name_.clear();
  has_size_ = sparse_ = false;
  while (!ended_) {
    skip_rest();
    if (!read_block(block.data())) {
      ended_ = true;
      if (offset_ == 0) fail("the archive is empty");
      break;  // without the closing blocks of zeros, as some writers leave it
    }
    if (std::all_of(block.begin(), block.end(), [](std::uint8_t b) { return b == 0; })) {
      ended_ = true;
      // To the end of what compression vouches for; archivers fill up to ten or twenty blocks.
      std::array<std::uint8_t, 1U << 14U> filling{};
      (void)read(filling.data(), filling.size());
      break;
    }
    std::uint64_t size = 0;
    if (!checksum_fits(block.data())) fail("not a tar archive, or a damaged header");
    if (!parse_number(block.data(), kSize, size) || size > kMostSize) fail("a size that is none");
    const char type = static_cast<char>(block[kType]);
    if (type == 'x') {
      apply_pax(read_text(size));
      continue;
    }
    if (type == 'g' || type == 'K') {  // nothing in them matters here
      (void)read_text(size);
      continue;
    }
    if (type == 'L') {
      long_name_ = read_text(size);
      long_name_.resize(std::min(long_name_.find('\0'), long_name_.size()));
      continue;
    }
    member.regular = (type == '0' || type == '\0' || type == '7') && !sparse_;
    member.name = long_name_.empty() ? name_of(block.data()) : long_name_;
    if (member.name.size() > kMostName || member.name.find('\0') != std::string::npos) {
      fail("an impossible member name");
    }
    if (has_size_) size = long_size_;
    if (size > kMostSize) fail("a size that is none");
    // Links and the like carry no content, whatever their size says (POSIX); a sparse file's map
    // does.
    const bool has_content =
        type != '1' && type != '2' && type != '3' && type != '4' && type != '5' && type != '6';
    member.size = has_content ? size : 0;
    left_ = member.size;
    padding_ = (kBlock - left_ % kBlock) % kBlock;
    return true;
  }
  if (!long_name_.empty() || has_size_) fail("the archive ends early");
  return false;
}

}  // namespace cutaway::explain
