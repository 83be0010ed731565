#include "weights/import/matconvnet/mat_file.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "runtime/error.h"

namespace cutaway::weights {
namespace {

constexpr int kMostDepth = 16;
constexpr std::size_t kMostValues = 1'000'000;
constexpr std::size_t kMostText = 1 << 16;
constexpr std::uint64_t kLeastLimit = std::uint64_t{64} << 20;
constexpr std::uint64_t kMostInflation = 16;
constexpr std::size_t kPiece = std::size_t{1} << 20;

// Types of data elements.
constexpr std::uint32_t kInt8 = 1, kUint8 = 2, kInt16 = 3, kUint16 = 4, kInt32 = 5, kUint32 = 6,
                        kSingle = 7, kDouble = 9, kInt64 = 12, kUint64 = 13, kMatrix = 14,
                        kCompressed = 15, kUtf8 = 16, kUtf16 = 17;
// Classes of arrays.
constexpr std::uint32_t kCellClass = 1, kStructClass = 2, kCharClass = 4, kLeastNumeric = 6,
                        kMostNumeric = 15;

std::size_t width_of(std::uint32_t type) {
  switch (type) {
    case kInt8:
    case kUint8:
    case kUtf8:
      return 1;
    case kInt16:
    case kUint16:
    case kUtf16:
      return 2;
    case kInt32:
    case kUint32:
    case kSingle:
      return 4;
    case kDouble:
    case kInt64:
    case kUint64:
      return 8;
    default:
      return 0;
  }
}

struct Element {
  std::uint32_t type{0};
  std::uint64_t offset{0}, bytes{0}, next{0};
};

/// Reads one stretch of elements: the file, or an inflated variable.
class MatReader {
 public:
  MatReader(std::shared_ptr<const BinaryFile> data, std::size_t& values)
      : data_(std::move(data)), values_(values) {}

  Element element(std::uint64_t at, std::uint64_t end) const {
    if (end - at < 8 || at > end) fail(at, "an element does not end");
    std::uint32_t words[2];
    data_->read_at(at, std::as_writable_bytes(std::span(words)));
    Element e;
    if (words[0] >> 16U != 0) {  // small: up to 4 bytes beside the tag
      e = {words[0] & 0xFFFFU, at + 4, words[0] >> 16U, at + 8};
      if (e.bytes > 4) fail(at, "a small element of more than 4 bytes");
      return e;
    }
    e = {words[0], at + 8, words[1], 0};
    if (e.bytes > end - e.offset) fail(at, "an element reaches beyond its place");
    // Padded to 8 bytes, except compressed ones, and except at the end in files of some writers.
    const std::uint64_t padded = e.type == kCompressed ? e.bytes : (e.bytes + 7) / 8 * 8;
    e.next = std::min(end, e.offset + padded);
    return e;
  }

  [[noreturn]] void fail(std::uint64_t at, const std::string& what) const {
    throw Error(ErrorKind::kInput, what).at(data_->path() + ":" + std::to_string(at));
  }

  MatValue matrix(const Element& m, int depth) {
    if (depth > kMostDepth) fail(m.offset, "values are nested too deeply");
    if (++values_ > kMostValues) fail(m.offset, "too many values");
    MatValue value;
    if (m.bytes == 0) return value;  // an empty array
    const std::uint64_t end = m.offset + m.bytes;
    const Element flags = element(m.offset, end);
    if (flags.type != kUint32 || flags.bytes != 8) fail(m.offset, "an array without flags");
    std::uint32_t words[2];
    data_->read_at(flags.offset, std::as_writable_bytes(std::span(words)));
    const std::uint32_t array_class = words[0] & 0xFFU;
    const bool complex = (words[0] & 0x800U) != 0;
    const Element extents = element(flags.next, end);
    if (extents.type != kInt32 || extents.bytes < 8 || extents.bytes > 32 ||
        extents.bytes % 4 != 0) {
      fail(extents.offset, "extents of an array");
    }
    std::vector<std::int32_t> dims(static_cast<std::size_t>(extents.bytes / 4));
    data_->read_at(extents.offset, std::as_writable_bytes(std::span(dims)));
    value.extents.assign(dims.begin(), dims.end());
    const std::int64_t count = count_of(value.extents);
    const Element name = element(extents.next, end);
    if (name.bytes > 63) fail(name.offset, "a name that is too long");
    value.name = data_->text_at(name.offset, name.bytes);
    if (array_class == kCellClass) {
      cells(value, count, name.next, end, depth);
    } else if (array_class == kStructClass) {
      structs(value, count, name.next, end, depth);
    } else if (array_class == kCharClass) {
      text(value, name.next, end);
    } else if (array_class >= kLeastNumeric && array_class <= kMostNumeric && !complex) {
      numbers(value, count, name.next, end);
    }
    return value;
  }

 private:
  MatValue child(std::uint64_t& at, std::uint64_t end, int depth) {
    const Element e = element(at, end);
    if (e.type != kMatrix) fail(at, "an array expected");
    at = e.next;
    return matrix(e, depth + 1);
  }

  void cells(MatValue& value, std::int64_t count, std::uint64_t at, std::uint64_t end, int depth) {
    value.kind = MatValue::Kind::kCell;
    for (std::int64_t i = 0; i < count; ++i) value.cells.push_back(child(at, end, depth));
  }

  void structs(
      MatValue& value, std::int64_t count, std::uint64_t at, std::uint64_t end, int depth) {
    value.kind = MatValue::Kind::kStruct;
    const Element length = element(at, end);
    std::int32_t width = 0;
    if (length.type != kInt32 || length.bytes != 4) fail(at, "length of field names");
    data_->read_at(length.offset, std::as_writable_bytes(std::span(&width, 1)));
    const Element names = element(length.next, end);
    if (width < 1 || width > 64 || names.bytes % static_cast<std::uint64_t>(width) != 0 ||
        names.bytes > kMostText) {
      fail(names.offset, "field names");
    }
    const std::string all = data_->text_at(names.offset, names.bytes);
    std::vector<std::string> fields;
    for (std::size_t i = 0; i < all.size(); i += static_cast<std::size_t>(width)) {
      const std::string padded = all.substr(i, static_cast<std::size_t>(width));
      fields.emplace_back(padded.c_str());
    }
    at = names.next;
    for (std::int64_t i = 0; i < count; ++i) {
      if (++values_ > kMostValues) fail(at, "too many values");
      std::map<std::string, MatValue> one;
      for (const std::string& field : fields) one[field] = child(at, end, depth);
      value.structs.push_back(std::move(one));
    }
  }

  void text(MatValue& value, std::uint64_t at, std::uint64_t end) {
    value.kind = MatValue::Kind::kText;
    const Element e = element(at, end);
    if (e.bytes > kMostText) fail(at, "a text that is too long");
    const std::string raw = data_->text_at(e.offset, e.bytes);
    const std::size_t width = width_of(e.type);
    if (width != 1 && width != 2) fail(at, "characters of an unknown type");
    // Names of layers are ASCII; other characters become '?'.
    for (std::size_t i = 0; i + width <= raw.size(); i += width) {
      const bool plain =
          static_cast<unsigned char>(raw[i]) < 0x80 && (width == 1 || raw[i + 1] == '\0');
      value.text += plain && raw[i] != '\0' ? raw[i] : '?';
    }
  }

  void numbers(MatValue& value, std::int64_t count, std::uint64_t at, std::uint64_t end) {
    const Element e = element(at, end);
    const std::size_t width = width_of(e.type);
    if (width == 0 || e.type == kUtf8 || e.type == kUtf16) fail(at, "numbers of an unknown type");
    if (e.bytes != static_cast<std::uint64_t>(count) * width)
      fail(at, "an array without all of its numbers");
    value.kind = MatValue::Kind::kNumbers;
    value.type = static_cast<std::uint8_t>(e.type);
    value.offset = e.offset;
    value.bytes = e.bytes;
    value.data = data_;
  }

  std::shared_ptr<const BinaryFile> data_;
  std::size_t& values_;
};

/// Inflates `bytes` of `file` from `offset`, at most `limit` bytes.
std::vector<std::byte> inflated(const BinaryFile& file,
                                std::uint64_t offset,
                                std::uint64_t bytes,
                                std::uint64_t limit) {
  struct Stream {
    z_stream z{};
    bool open{false};
    ~Stream() {
      if (open) inflateEnd(&z);
    }
  } s;
  const auto fail = [&](const char* what) {
    return Error(ErrorKind::kInput, what).at(file.path());
  };
  if (inflateInit(&s.z) != Z_OK) throw Error(ErrorKind::kMemory, "zlib cannot start");
  s.open = true;
  std::vector<std::byte> from(kPiece), to, piece(kPiece);
  int status = Z_OK;
  for (std::uint64_t done = 0; status != Z_STREAM_END;) {
    if (s.z.avail_in == 0) {
      const auto count =
          static_cast<std::size_t>(std::min<std::uint64_t>(from.size(), bytes - done));
      if (count == 0) throw fail("a compressed variable does not end");
      file.read_at(offset + done, std::span(from).first(count));
      done += count;
      s.z.next_in = reinterpret_cast<Bytef*>(from.data());
      s.z.avail_in = static_cast<uInt>(count);
    }
    s.z.next_out = reinterpret_cast<Bytef*>(piece.data());
    s.z.avail_out = static_cast<uInt>(piece.size());
    status = inflate(&s.z, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END) throw fail("a compressed variable is damaged");
    const std::size_t made = piece.size() - s.z.avail_out;
    if (to.size() + made > limit)
      throw fail("a compressed variable inflates to far more than the file");
    to.insert(to.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(made));
  }
  return to;
}

template <class T>
void convert(std::span<const std::byte> from, std::span<float> to) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    T v;
    std::memcpy(&v, from.data() + i * sizeof(T), sizeof(T));
    to[i] = static_cast<float>(v);
  }
}

void convert(std::uint32_t type, std::span<const std::byte> from, std::span<float> to) {
  switch (type) {
    case kInt8:
      return convert<std::int8_t>(from, to);
    case kUint8:
      return convert<std::uint8_t>(from, to);
    case kInt16:
      return convert<std::int16_t>(from, to);
    case kUint16:
      return convert<std::uint16_t>(from, to);
    case kInt32:
      return convert<std::int32_t>(from, to);
    case kUint32:
      return convert<std::uint32_t>(from, to);
    case kSingle:
      return convert<float>(from, to);
    case kDouble:
      return convert<double>(from, to);
    case kInt64:
      return convert<std::int64_t>(from, to);
    default:
      return convert<std::uint64_t>(from, to);
  }
}

}  // namespace

std::int64_t MatValue::count() const { return count_of(extents); }

void MatValue::read(std::span<float> to) const {
  if (kind != Kind::kNumbers || (data == nullptr && !reader) ||
      static_cast<std::int64_t>(to.size()) != count()) {
    throw Error(ErrorKind::kInput, "numbers expected").at(name);
  }
  if (reader) return reader(to);
  const std::size_t width = width_of(type);
  std::vector<std::byte> piece(std::min(kPiece, to.size() * width));
  for (std::size_t done = 0; done < to.size();) {
    const std::size_t n = std::min(piece.size() / width, to.size() - done);
    const auto raw = std::span(piece).first(n * width);
    data->read_at(offset + done * width, raw);
    convert(type, raw, to.subspan(done, n));
    done += n;
  }
}

std::vector<float> MatValue::numbers(std::size_t most) const {
  if (kind != Kind::kNumbers || count() > static_cast<std::int64_t>(most)) {
    throw Error(ErrorKind::kInput, "a few numbers expected").at(name);
  }
  std::vector<float> values(static_cast<std::size_t>(count()));
  read(values);
  return values;
}

const MatValue* MatValue::field(const std::string& wanted) const {
  if (kind != Kind::kStruct || structs.empty()) return nullptr;
  const auto at = structs.front().find(wanted);
  return at == structs.front().end() ? nullptr : &at->second;
}

bool is_mat_file(const std::string& head) {
  return head.size() >= 128 && head.starts_with("MATLAB 5.0 MAT-file") &&
         (head.substr(126, 2) == "IM" || head.substr(126, 2) == "MI");
}

std::vector<MatValue> read_mat_file(std::shared_ptr<const BinaryFile> file) {
  const std::string head = file->text_at(0, std::min<std::uint64_t>(128, file->size()));
  if (!is_mat_file(head))
    throw Error(ErrorKind::kInput, "not a MAT-file of level 5").at(file->path());
  if (head.substr(126, 2) != "IM")
    throw Error(ErrorKind::kUnsupported, "a big-endian MAT-file").at(file->path());
  std::size_t values = 0;
  std::vector<MatValue> variables;
  MatReader outer(file, values);
  std::uint64_t left = std::max(kLeastLimit, kMostInflation * file->size());
  for (std::uint64_t at = 128; at < file->size();) {
    const Element e = outer.element(at, file->size());
    at = e.next;
    if (e.type == kMatrix) {
      variables.push_back(outer.matrix(e, 0));
    } else if (e.type == kCompressed) {
      std::vector<std::byte> bytes = inflated(*file, e.offset, e.bytes, left);
      left -= bytes.size();
      auto data =
          std::make_shared<const BinaryFile>(BinaryFile::over(file->path(), std::move(bytes)));
      MatReader inner(data, values);
      const Element m = inner.element(0, data->size());
      if (m.type != kMatrix) inner.fail(0, "an array expected");
      variables.push_back(inner.matrix(m, 0));
    } else {
      outer.fail(e.offset, "an element of an unknown type");
    }
  }
  return variables;
}

}  // namespace cutaway::weights
