#include <bit>
#include <memory>
#include <set>

#include "runtime/error.h"
#include "weights/import/binary_file.h"
#include "weights/import/import_plan.h"
#include "weights/import/readers.h"
#include "weights/import/tensor_file.h"
#include "weights/import/torch/torch_names.h"
#include "weights/json.h"

/// safetensors: an unsigned 64-bit length, that many bytes of JSON, then the tensors' bytes without
/// gaps.
namespace cutaway::weights {
namespace {

// The reference implementation allows 100 MB; a header of 100000 tensors takes 12.
constexpr std::uint64_t kMostHeader = 32 << 20;
constexpr std::size_t kMostTensors = 1'000'000;
constexpr std::int64_t kMostOffset = std::int64_t{1} << 50;

std::uint64_t header_length(const std::string& head) {
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | static_cast<unsigned char>(head[static_cast<std::size_t>(i)]);
  return length;
}

ElementType type_of(const std::string& name) {
  struct Name {
    const char* name;
    ElementType type;
  };
  for (const Name& n :
       {Name{"F16", ElementType::kF16}, Name{"BF16", ElementType::kBf16},
        Name{"F32", ElementType::kF32}, Name{"F64", ElementType::kF64},
        Name{"U8", ElementType::kU8}, Name{"I8", ElementType::kI8}, Name{"I16", ElementType::kI16},
        Name{"I32", ElementType::kI32}, Name{"I64", ElementType::kI64}}) {
    if (name == n.name) return n.type;
  }
  return ElementType::kOther;
}

/// One tensor's entry: {"dtype": "F32", "shape": [64, 3], "data_offsets": [0, 768]}.
struct Entry {
  SourceTensor tensor;
  std::uint64_t begin{0}, end{0};
};

Entry entry_of(const std::string& path, const std::string& name, const Json& value) {
  JsonObject object(value, path + ":" + name);
  Entry e;
  e.tensor.name = name;
  e.tensor.type = type_of(object.text("dtype"));
  for (const Json& extent : object.array("shape")) {
    if (!extent.is_number_unsigned() ||
        extent.get<std::uint64_t>() > static_cast<std::uint64_t>(kMostOffset) ||
        e.tensor.extents.size() >= 16) {
      throw Error(ErrorKind::kInput, "impossible extents of a tensor").at(path + ":" + name);
    }
    e.tensor.extents.push_back(extent.get<std::int64_t>());
  }
  const Json& offsets = object.array("data_offsets");
  if (offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) {
    throw Error(ErrorKind::kInput, "member 'data_offsets'")
        .at(path + ":" + name)
        .expected("two numbers");
  }
  e.begin = offsets[0].get<std::uint64_t>();
  e.end = offsets[1].get<std::uint64_t>();
  object.finish();
  return e;
}

// Every byte behind the header belongs to exactly one tensor, and each tensor has the bytes it
// needs.
void check_layout(const std::string& path, const std::vector<Entry>& entries, std::uint64_t bytes) {
  std::set<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const Entry& e : entries) {
    const std::size_t size = size_of(e.tensor.type);
    const auto count = static_cast<std::uint64_t>(count_of(e.tensor.extents));
    if (e.begin > e.end || e.end > bytes || (size != 0 && e.end - e.begin != count * size)) {
      throw Error(ErrorKind::kInput, "bytes of a tensor")
          .at(path + ":" + e.tensor.name)
          .expected(std::to_string(count * size) + " inside " + std::to_string(bytes))
          .got(std::to_string(e.begin) + " to " + std::to_string(e.end));
    }
    if (e.begin != e.end && !ranges.emplace(e.begin, e.end).second) {
      throw Error(ErrorKind::kInput, "two tensors in the same bytes")
          .at(path + ":" + e.tensor.name);
    }
  }
  std::uint64_t at = 0;
  for (const auto& [begin, end] : ranges) {
    if (begin != at) throw Error(ErrorKind::kInput, "tensors overlap or leave a gap").at(path);
    at = end;
  }
  if (at != bytes) throw Error(ErrorKind::kInput, "bytes behind the last tensor").at(path);
}

}  // namespace

bool detect_safetensors(std::span<const Candidate> files) {
  if (files.size() != 1 || files[0].bytes < 10 || files[0].head.size() < 10) return false;
  const std::uint64_t length = header_length(files[0].head);
  return length >= 2 && length <= files[0].bytes - 8 && files[0].head[8] == '{' &&
         (files[0].head[9] == '"' || files[0].head[9] == '}' || files[0].head[9] == ' ');
}

Source read_safetensors(std::span<const Candidate> files) {
  auto file = std::make_shared<const BinaryFile>(BinaryFile::open(files[0].path));
  return safetensors_source(std::move(file));
}

Source safetensors_source(std::shared_ptr<const BinaryFile> file) {
  const std::string& path = file->path();
  const std::uint64_t length = header_length(file->text_at(0, 8));
  if (length > kMostHeader || !file->holds(8, length)) {
    throw Error(ErrorKind::kInput, "length of the header")
        .at(path)
        .expected("at most " + std::to_string(file->size() < 8 ? 0 : file->size() - 8))
        .got(std::to_string(length));
  }
  const Json json = parse_json(file->text_at(8, length));
  if (!json.is_object()) throw Error(ErrorKind::kInput, "the header is no JSON object").at(path);
  if (json.size() > kMostTensors) throw Error(ErrorKind::kInput, "too many tensors").at(path);
  Source source;
  source.format = "safetensors";
  source.files = {path};
  std::vector<Entry> entries;
  for (const auto& [name, value] : json.items()) {
    if (name == "__metadata__") continue;
    entries.push_back(entry_of(path, name, value));
  }
  check_layout(path, entries, file->size() - 8 - length);
  std::vector<TensorPlace> places;
  for (Entry& e : entries) {
    places.push_back({8 + length + e.begin, e.tensor.type});
    source.tensors.push_back(std::move(e.tensor));
  }
  read_from(source, std::move(file), std::move(places));
  bind_torch_names(source);
  return source;
}

}  // namespace cutaway::weights
