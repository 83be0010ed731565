#include "weights/import/onnx/onnx_model.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "runtime/error.h"
#include "weights/import/tensor_file.h"

namespace cutaway::weights::onnx {
namespace {

constexpr std::size_t kMostNodes = 100'000, kMostTensors = 1'000'000, kMostInputs = 4096;
constexpr std::size_t kMostIntegers = 1 << 16, kMostRank = 16, kMostVarints = 1 << 22;
constexpr std::uint64_t kMostName = 4096;

// TensorProto.DataType.
std::uint64_t total_bytes(const Tensor& t) {
  std::uint64_t bytes = 0;
  for (const WireRange& chunk : t.chunks) bytes += chunk.size();
  return bytes;
}

/// Where external data lies: StringStringEntryProto pairs of a TensorProto.
struct External {
  std::string location;
  std::uint64_t offset{0};
  std::uint64_t length{0};
  bool has_length{false};
};

void add_entry(const WireReader& field, External& external) {
  std::string key, value;
  WireReader entry = field.message();
  while (entry.next()) {
    if (entry.field().number == 1) key = entry.text(kMostName);
    if (entry.field().number == 2) value = entry.text(kMostName);
  }
  const auto number = [&] {
    std::uint64_t n = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
    if (error != std::errc() || end != value.data() + value.size())
      field.fail("external data: " + key + " is no number");
    return n;
  };
  if (key == "location") external.location = value;
  if (key == "offset") external.offset = number();
  if (key == "length") {
    external.length = number();
    external.has_length = true;
  }
}

/// Opens files of external data, each once. A path that is absolute, climbs, or leads out of the
/// folder through a link is refused: a model must not read what its user keeps elsewhere.
class ExternalFiles {
 public:
  explicit ExternalFiles(const std::string& model) : model_(model) {}

  std::shared_ptr<const BinaryFile> open(const std::string& location) {
    auto& slot = files_[location];
    if (slot) return slot;
    if (files_.size() > 1000) throw refused(location, "too many files");
    namespace fs = std::filesystem;
    const fs::path relative(location);
    bool climbs =
        relative.empty() || relative.is_absolute() || location.find('\0') != std::string::npos;
    for (const fs::path& part : relative) climbs = climbs || part == "..";
    if (climbs) throw refused(location, "it must lie in the model's folder");
    std::error_code failed;
    const fs::path parent = fs::path(model_).parent_path();
    const fs::path folder = fs::canonical(parent.empty() ? "." : parent, failed);
    const fs::path target = failed ? fs::path() : fs::canonical(folder / relative, failed);
    if (failed) throw refused(location, failed.message());
    const fs::path inside = target.lexically_relative(folder);
    if (inside.empty() || *inside.begin() == "..")
      throw refused(location, "it leads out of the model's folder");
    slot = std::make_shared<const BinaryFile>(BinaryFile::open(target.string()));
    return slot;
  }

 private:
  Error refused(const std::string& location, const std::string& why) const {
    return Error(ErrorKind::kInput, "external data '" + location.substr(0, 256) + "'")
        .at(model_)
        .hint(why);
  }
  std::string model_;
  std::map<std::string, std::shared_ptr<const BinaryFile>> files_;
};

class ModelReader {
 public:
  explicit ModelReader(std::shared_ptr<const BinaryFile> file)
      : file_(std::move(file)), external_(file_->path()) {}

  Model read() {
    WireReader reader(*file_, {0, file_->size()});
    std::string name, version;
    bool has_graph = false;
    while (reader.next()) {
      switch (reader.field().number) {
        case 2:
          name = reader.text(kMostName);
          break;
        case 3:
          version = reader.text(kMostName);
          break;
        case 7:
          if (has_graph) reader.fail("two graphs");
          has_graph = true;
          read_graph(reader.message());
          break;
        case 8:
          read_opset(reader.message());
          break;
        case 14:
          read_metadata(reader.message());
          break;
        case 20:
          unsupported("training information");
          break;
        case 25:
          unsupported("functions");
          break;
        default:
          break;  // versions, documentation, metadata
      }
    }
    if (!has_graph) throw Error(ErrorKind::kInput, "no graph").at(file_->path());
    model_.producer = name + (name.empty() || version.empty() ? "" : " ") + version;
    return std::move(model_);
  }

 private:
  [[noreturn]] void unsupported(const std::string& what) const {
    throw Error(ErrorKind::kUnsupported, "ONNX: " + what).at(file_->path());
  }

  void read_opset(WireReader reader) {
    std::string domain;
    std::int64_t version = 0;
    while (reader.next()) {
      if (reader.field().number == 1) domain = reader.text(kMostName);
      if (reader.field().number == 2) version = reader.field().integer();
    }
    if (domain.empty() || domain == "ai.onnx") model_.opset = version;
  }

  void read_metadata(WireReader reader) {
    std::string key, value;
    while (reader.next()) {
      if (reader.field().number == 1) key = reader.text(kMostName);
      if (reader.field().number == 2 && key.starts_with("cutaway.")) value = reader.text(32 << 20);
    }
    if (key.starts_with("cutaway.")) model_.metadata[key] = std::move(value);
  }

  void read_graph(WireReader reader) {
    while (reader.next()) {
      switch (reader.field().number) {
        case 1:
          if (model_.nodes.size() >= kMostNodes) reader.fail("too many nodes");
          model_.nodes.push_back(read_node(reader.message()));
          break;
        case 5:
          if (model_.initializers.size() >= kMostTensors) reader.fail("too many tensors");
          model_.initializers.push_back(read_tensor_message(reader.message()));
          break;
        case 11:
          model_.inputs.push_back(read_value(reader.message()));
          break;
        case 12:
          model_.outputs.push_back(read_value(reader.message()));
          break;
        case 15:
          unsupported("sparse tensors");
          break;
        default:
          break;  // names, documentation, shapes of inner values
      }
      if (model_.inputs.size() + model_.outputs.size() > kMostTensors)
        reader.fail("too many inputs");
    }
  }

  Node read_node(WireReader reader) {
    Node node;
    const auto add = [&](std::vector<std::string>& names) {
      if (names.size() >= kMostInputs) reader.fail("too many inputs of a node");
      names.push_back(reader.text(kMostName));
    };
    while (reader.next()) {
      switch (reader.field().number) {
        case 1:
          add(node.inputs);
          break;
        case 2:
          add(node.outputs);
          break;
        case 3:
          node.name = reader.text(kMostName);
          break;
        case 4:
          node.type = reader.text(kMostName);
          break;
        case 5:
          read_attribute(reader.message(), node);
          break;
        case 7:
          node.domain = reader.text(kMostName);
          break;
        default:
          break;
      }
    }
    return node;
  }

  void read_attribute(WireReader reader, Node& node) {
    Attribute a;
    std::string name;
    while (reader.next()) {
      switch (reader.field().number) {
        case 1:
          name = reader.text(kMostName);
          break;
        case 2:
          a.number = reader.field().number32();
          break;
        case 3:
          a.integer = reader.field().integer();
          break;
        case 4:
          a.text = reader.text(1 << 20);
          break;
        case 5:
          a.tensor = std::make_shared<const Tensor>(read_tensor_message(reader.message()));
          break;
        case 6:
        case 11:
          a.graph = true;
          break;
        case 7:
          reader.append_floats(a.numbers, kMostIntegers);
          break;
        case 8:
          reader.append_integers(a.integers, kMostIntegers);
          break;
        default:
          break;
      }
    }
    if (node.attributes.size() >= 256) reader.fail("too many attributes");
    if (!node.attributes.emplace(name, std::move(a)).second)
      reader.fail("attribute '" + name + "' comes twice");
  }

  Tensor read_tensor_message(WireReader reader) {
    Tensor t;
    t.file = file_;
    External external;
    std::int64_t location = 0;
    while (reader.next()) {
      switch (reader.field().number) {
        case 1:
          reader.append_integers(t.extents, kMostRank);
          break;
        case 2:
          t.type = element_type(reader.field().integer());
          break;
        case 3:
          unsupported("tensors in segments");
          break;
        case 4:  // float_data and double_data are packed little-endian numbers, like raw_data
        case 9:
        case 10:
          t.chunks.push_back(reader.bytes());
          break;
        case 5:
        case 7:
          reader.append_integers(t.integers, kMostVarints);
          break;
        case 8:
          t.name = reader.text(kMostName);
          break;
        case 13:
          add_entry(reader, external);
          break;
        case 14:
          location = reader.field().integer();
          break;
        default:
          break;
      }
      if (t.chunks.size() > kMostIntegers) reader.fail("numbers in too many pieces");
    }
    if (location == 1) attach(external, t);
    check_contents(t);
    return t;
  }

  void attach(const External& external, Tensor& t) {
    t.file = external_.open(external.location);
    const std::uint64_t bytes = static_cast<std::uint64_t>(count_of(t.extents)) * size_of(t.type);
    if (!t.chunks.empty() || (external.has_length && external.length != bytes) ||
        !t.file->holds(external.offset, bytes)) {
      throw Error(ErrorKind::kInput, "external data of another length")
          .at(t.file->path())
          .expected(std::to_string(bytes) + " bytes at " + std::to_string(external.offset));
    }
    t.chunks = {{external.offset, external.offset + bytes}};
  }

  ValueInfo read_value(WireReader reader) {
    ValueInfo value;
    while (reader.next()) {
      if (reader.field().number == 1) value.name = reader.text(kMostName);
      if (reader.field().number == 2) read_type(reader.message(), value);
    }
    return value;
  }

  void read_type(WireReader reader, ValueInfo& value) {
    while (reader.next()) {
      if (reader.field().number != 1) continue;  // sequences, maps, optionals
      WireReader tensor = reader.message();
      while (tensor.next()) {
        if (tensor.field().number == 1) value.type = element_type(tensor.field().integer());
        if (tensor.field().number != 2) continue;
        value.has_shape = true;
        WireReader shape = tensor.message();
        while (shape.next()) {
          if (shape.field().number != 1) continue;
          if (value.extents.size() >= kMostRank) shape.fail("too many extents");
          WireReader extent = shape.message();
          value.extents.push_back(-1);
          while (extent.next()) {
            if (extent.field().number == 1) value.extents.back() = extent.field().integer();
          }
        }
      }
    }
  }

  std::shared_ptr<const BinaryFile> file_;
  ExternalFiles external_;
  Model model_;
};

}  // namespace

ElementType element_type(std::int64_t type) {
  switch (type) {
    case 1:
      return ElementType::kF32;
    case 2:
      return ElementType::kU8;
    case 3:
      return ElementType::kI8;
    case 5:
      return ElementType::kI16;
    case 6:
      return ElementType::kI32;
    case 7:
      return ElementType::kI64;
    case 9:
      return ElementType::kU8;  // bool
    case 10:
      return ElementType::kF16;
    case 11:
      return ElementType::kF64;
    case 16:
      return ElementType::kBf16;
    default:
      return ElementType::kOther;
  }
}

void check_contents(const Tensor& t) {
  const auto count = static_cast<std::uint64_t>(count_of(t.extents));
  const std::uint64_t size = size_of(t.type);
  if (size == 0) return;  // nothing will ever be read of it
  const bool good = t.chunks.empty() ? t.integers.size() == count
                                     : t.integers.empty() && total_bytes(t) == count * size;
  if (good) return;
  throw Error(ErrorKind::kInput, "numbers of a tensor")
      .at(t.file->path() + ":" + t.name)
      .expected(std::to_string(count) + " of " + std::to_string(size) + " bytes")
      .got(t.chunks.empty() ? std::to_string(t.integers.size())
                            : std::to_string(total_bytes(t)) + " bytes");
}

void read_floats(const Tensor& t, std::span<float> to) {
  const std::size_t size = size_of(t.type);
  if (size == 0) {
    throw Error(ErrorKind::kUnsupported, "a tensor of an unknown element type")
        .at(t.file->path() + ":" + t.name);
  }
  if (!t.numbers.empty()) {
    check(t.numbers.size() == to.size(), "numbers of another count");
    std::copy(t.numbers.begin(), t.numbers.end(), to.begin());
    return;
  }
  if (t.chunks.empty()) {
    // Halves travel as the integers of their bits; integers as themselves.
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (t.type == ElementType::kF16 || t.type == ElementType::kBf16) {
        const auto bits = static_cast<std::uint16_t>(t.integers[i]);
        to_f32(t.type, std::as_bytes(std::span(&bits, 1)), to.subspan(i, 1));
      } else {
        to[i] = static_cast<float>(t.integers[i]);
      }
    }
    return;
  }
  std::size_t at = 0;
  for (const WireRange& chunk : t.chunks) {
    const auto count = static_cast<std::size_t>(chunk.size() / size);
    if (chunk.size() % size != 0 || count > to.size() - at) {
      throw Error(ErrorKind::kInput, "numbers of a tensor in broken pieces")
          .at(t.file->path() + ":" + t.name);
    }
    read_tensor(*t.file, {chunk.begin, t.type}, to.subspan(at, count));
    at += count;
  }
}

std::vector<std::int64_t> read_integers(const Tensor& t) {
  const std::int64_t count = count_of(t.extents);
  if ((t.type != ElementType::kI64 && t.type != ElementType::kI32) ||
      count > static_cast<std::int64_t>(kMostIntegers)) {
    throw Error(ErrorKind::kInput, "a short list of integers is missing")
        .at(t.file->path() + ":" + t.name);
  }
  if (t.chunks.empty()) return t.integers;
  std::vector<std::int64_t> values;
  const std::size_t size = size_of(t.type);
  for (const WireRange& chunk : t.chunks) {
    const std::string bytes = t.file->text_at(chunk.begin, chunk.size());
    for (std::size_t at = 0; at + size <= bytes.size(); at += size) {
      std::uint64_t value = 0;
      for (std::size_t i = size; i-- > 0;)
        value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
      values.push_back(size == 4 ? static_cast<std::int32_t>(static_cast<std::uint32_t>(value))
                                 : static_cast<std::int64_t>(value));
    }
  }
  return values;
}

bool is_model(const BinaryFile& file) {
  try {
    bool graph = false, opset = false;
    WireReader reader(file, {0, file.size()});
    while (reader.next()) {
      const WireField& f = reader.field();
      if (f.number == 1 && f.type != WireType::kVarint) return false;
      graph = graph || (f.number == 7 && f.type == WireType::kBytes);
      opset = opset || (f.number == 8 && f.type == WireType::kBytes);
    }
    return graph && opset;
  } catch (const Error&) {
    return false;
  }
}

Model read_model(const std::shared_ptr<const BinaryFile>& file) {
  Model model = ModelReader(file).read();
  model.file = file;
  return model;
}

}  // namespace cutaway::weights::onnx
