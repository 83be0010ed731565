#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "runtime/error.h"
#include "weights/import/readers.h"
#include "weights/import/tensor_file.h"
#include "weights/import/torch/pickle.h"
#include "weights/import/torch/torch_names.h"
#include "weights/import/zip_directory.h"

/// What torch.save writes: a zip archive with a pickle and a member for every storage, or (before
/// version 1.6) several pickles with the storages behind them.
namespace cutaway::weights {
namespace {

using pickle::Heap;
using pickle::Value;
using pickle::ValueId;

constexpr int kMostDepth = 16;
constexpr std::size_t kMostEntries = 1'000'000;
// torch.serialization: MAGIC_NUMBER = 0x1950a86a20f9469cfc6c as LONG1 of 10 bytes, and
// PROTOCOL_VERSION.
constexpr std::string_view kLegacyMagic("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12);
constexpr std::int64_t kLegacyProtocol = 1001;

struct StoragePlace {
  std::uint64_t offset{0}, bytes{0};
};
using StoragePlaces = std::map<std::string, StoragePlace>;

/// Lists the tensors below a dictionary by their paths, joined with dots.
class Walker {
 public:
  Walker(const std::string& path, const Heap& heap) : path_(path), heap_(heap) {}

  void walk(ValueId id, const std::string& prefix, int depth) {
    if (depth > kMostDepth) fail("its dictionaries are nested too deeply, or contain themselves");
    const Value& v = heap_.at(id);
    if (++visited_ > kMostEntries) fail("it has too many entries");
    if (v.kind == Value::Kind::kTensor) {
      found.emplace_back(prefix, v.index);
    } else if (v.kind == Value::Kind::kDict) {
      for (std::size_t i = 0; i + 1 < v.items.size(); i += 2) {
        walk(v.items[i + 1], join(prefix, key_of(v.items[i])), depth + 1);
      }
    } else if (v.kind == Value::Kind::kOpaque && !v.text.empty()) {
      objects.emplace_back(prefix, v.text);
    } else if (v.kind == Value::Kind::kList || v.kind == Value::Kind::kTuple) {
      for (std::size_t i = 0; i < v.items.size(); ++i) {
        walk(v.items[i], join(prefix, std::to_string(i)), depth + 1);
      }
    }
  }

  std::string key_of(ValueId id) const {
    const Value& key = heap_.at(id);
    if (key.kind == Value::Kind::kText) return key.text;
    if (key.kind == Value::Kind::kInteger) return std::to_string(key.integer);
    return "(key " + std::to_string(id) + ")";
  }

  std::vector<std::pair<std::string, std::uint32_t>> found;
  std::vector<std::pair<std::string, std::string>>
      objects;  // of Python, by path; and what they are

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kInput, "pickle: " + what).at(path_);
  }
  std::string join(const std::string& prefix, const std::string& name) const {
    if (prefix.size() + name.size() > 2048) fail("a name is too long");
    return prefix.empty() ? name : prefix + "." + name;
  }

  const std::string& path_;
  const Heap& heap_;
  std::size_t visited_{0};
};

// Checkpoints hold the weights next to the optimizer's state: {"state_dict": {...}, "epoch": 90,
// ...}.
std::string wrapper_of(const Walker& walker, const Heap& heap, ValueId root) {
  const Value& v = heap.at(root);
  if (v.kind != Value::Kind::kDict) return {};
  std::set<std::string> dicts;
  for (std::size_t i = 0; i + 1 < v.items.size(); i += 2) {
    const Value::Kind kind = heap.at(v.items[i + 1]).kind;
    if (kind == Value::Kind::kTensor) return {};
    if (kind == Value::Kind::kDict) dicts.insert(walker.key_of(v.items[i]));
  }
  for (const char* name : {"state_dict", "model_state_dict", "model", "net", "params", "weights"}) {
    if (dicts.contains(name)) return std::string(name) + ".";
  }
  return {};
}

std::vector<Exemption> outside(const Walker& walker, const std::string& wrapper) {
  std::vector<Exemption> exemptions;
  std::set<std::string> tops;
  for (const auto& [name, index] : walker.found) {
    if (!wrapper.empty() && !name.starts_with(wrapper)) tops.insert(name.substr(0, name.find('.')));
  }
  for (const std::string& top : tops) {
    exemptions.push_back({top, "outside of '" + wrapper.substr(0, wrapper.size() - 1) + "'"});
  }
  return exemptions;
}

/// Objects of Python may stand beside the weights of a checkpoint. Among them they may be anything,
/// a whole module too.
void refuse_objects(const Walker& walker, const std::string& wrapper, const std::string& path) {
  for (const auto& [name, what] : walker.objects) {
    if (!wrapper.empty() && !name.starts_with(wrapper)) continue;
    throw Error(ErrorKind::kUnsupported, "pickle: it names '" + what + "', which is not run")
        .at(path + (name.empty() ? "" : ":" + name.substr(0, 256)))
        .hint("save only tensors: torch.save(model.state_dict(), ...), or safetensors");
  }
}

bool contiguous(const pickle::Tensor& t) {
  std::int64_t stride = 1;
  for (std::size_t i = t.extents.size(); i-- > 0;) {
    if (t.extents[i] != 1 && t.strides[i] != stride) return false;
    stride *= t.extents[i];
  }
  return true;
}

// Any strides (channels_last, transposed): the part of the storage is read whole and gathered from.
void gather(const BinaryFile& file,
            const TensorPlace& place,
            const pickle::Tensor& t,
            std::span<float> to) {
  std::int64_t last = 0;
  for (std::size_t i = 0; i < t.extents.size(); ++i) last += (t.extents[i] - 1) * t.strides[i];
  std::vector<float> values(static_cast<std::size_t>(last + 1));
  read_tensor(file, place, values);
  Extents index(t.extents.size(), 0);
  std::int64_t at = 0;
  for (float& v : to) {
    v = values[static_cast<std::size_t>(at)];
    for (std::size_t i = t.extents.size(); i-- > 0;) {
      at += t.strides[i];
      if (++index[i] < t.extents[i]) break;
      at -= index[i] * t.strides[i];
      index[i] = 0;
    }
  }
}

/// Everything but where the storages are.
Source source_of(const std::shared_ptr<const BinaryFile>& file,
                 const char* format,
                 const Heap& heap,
                 ValueId root,
                 const StoragePlaces& storages,
                 std::function<void(const std::string& key)> verify) {
  Walker walker(file->path(), heap);
  walker.walk(root, "", 0);
  const std::string wrapper = wrapper_of(walker, heap, root);
  refuse_objects(walker, wrapper, file->path());
  if (walker.found.empty()) {
    throw Error(ErrorKind::kInput, "the file holds no tensors by name")
        .at(file->path())
        .hint("save a dictionary: torch.save(model.state_dict(), ...)");
  }
  Source source;
  source.format = format;
  source.files = {file->path()};
  std::vector<std::pair<pickle::Tensor, TensorPlace>> places;
  for (const auto& [name, index] : walker.found) {
    const pickle::Tensor& t = heap.tensors[index];
    const auto storage = storages.find(t.storage.key);
    const std::uint64_t size = std::max<std::size_t>(1, size_of(t.storage.type));
    const auto first = static_cast<std::uint64_t>(t.storage.first);
    if (storage == storages.end() || first > storage->second.bytes / size ||
        static_cast<std::uint64_t>(t.storage.elements) > storage->second.bytes / size - first) {
      throw Error(ErrorKind::kInput, "the storage of a tensor is missing or too small")
          .at(file->path() + ":" + name.substr(0, 256))
          .expected(std::to_string(t.storage.elements) + " elements in storage " +
                    t.storage.key.substr(0, 64));
    }
    source.tensors.push_back({name, t.extents, t.storage.type});
    places.emplace_back(t, TensorPlace{storage->second.offset +
                                           (first + static_cast<std::uint64_t>(t.offset)) * size,
                                       t.storage.type});
  }
  using Places = std::vector<std::pair<pickle::Tensor, TensorPlace>>;
  const auto shared = std::make_shared<const Places>(std::move(places));
  source.read = [file, shared, verify = std::move(verify)](std::size_t i, std::span<float> to) {
    const auto& [tensor, place] = shared->at(i);
    verify(tensor.storage.key);
    if (contiguous(tensor) || to.empty()) {
      read_tensor(*file, place, to);
    } else {
      gather(*file, place, tensor, to);
    }
  };
  source.read_part = [file, shared](std::size_t i, std::int64_t first, std::span<float> to) {
    const auto& [tensor, place] = shared->at(i);
    if (!contiguous(tensor)) return false;
    read_tensor(*file, later(place, first), to);
    return true;
  };
  bind_torch_names(source, wrapper, outside(walker, wrapper));
  return source;
}

std::string top_folder(const std::map<std::string, ZipMember>& members) {
  for (const auto& [name, member] : members) {
    if (name.ends_with("/data.pkl") && std::count(name.begin(), name.end(), '/') == 1) {
      return name.substr(0, name.find('/') + 1);
    }
  }
  return {};
}

}  // namespace

bool detect_torch_zip(std::span<const Candidate> files) {
  if (files.size() != 1 || !files[0].head.starts_with("PK\x03\x04")) return false;
  // The first member of PyTorch's archives is its pickle.
  return files[0].head.substr(0, 512).find("/data.pkl") != std::string::npos;
}

Source read_torch_zip(std::span<const Candidate> files) {
  return torch_zip_source(std::make_shared<const BinaryFile>(BinaryFile::open(files[0].path)));
}

Source torch_zip_source(std::shared_ptr<const BinaryFile> file) {
  const std::map<std::string, ZipMember> members = zip_directory(*file);
  const std::string top = top_folder(members);
  if (top.empty())
    throw Error(ErrorKind::kInput, "the archive holds no <name>/data.pkl").at(file->path());
  if (members.contains(top + "constants.pkl")) {
    throw Error(ErrorKind::kUnsupported,
                "a TorchScript program, whose code this program does not run")
        .at(file->path())
        .hint(
            "save its tensors: torch.save(torch.jit.load(...).state_dict(), ...), or export ONNX");
  }
  if (const auto order = members.find(top + "byteorder"); order != members.end()) {
    const std::string text =
        file->text_at(order->second.offset, std::min<std::uint64_t>(order->second.bytes, 16));
    if (text != "little")
      throw Error(ErrorKind::kUnsupported, "byte order " + text).at(file->path());
  }
  const ZipMember& data = members.at(top + "data.pkl");
  check_member(*file, top + "data.pkl", data);
  Heap heap;
  const pickle::Result read = pickle::read(*file, data.offset, data.offset + data.bytes, heap);
  StoragePlaces storages;
  const auto unchecked = std::make_shared<std::map<std::string, ZipMember>>();
  for (const auto& [name, member] : members) {
    if (!name.starts_with(top + "data/")) continue;
    storages[name.substr(top.size() + 5)] = {member.offset, member.bytes};
    unchecked->emplace(name.substr(top.size() + 5), member);
  }
  Source source = source_of(file, "pytorch", heap, read.root, storages,
                            [file, unchecked](const std::string& key) {
                              const auto found = unchecked->find(key);
                              if (found == unchecked->end()) return;
                              check_member(*file, key, found->second);
                              unchecked->erase(found);
                            });
  for (const auto& [key, member] : *unchecked)
    source.sums.push_back({key, member.offset, member.bytes, member.crc});
  return source;
}

bool detect_torch_legacy(std::span<const Candidate> files) {
  return files.size() == 1 && files[0].head.size() > 16 && files[0].head[0] == '\x80' &&
         files[0].head.substr(0, 32).find(kLegacyMagic) != std::string::npos;
}

Source read_torch_legacy(std::span<const Candidate> files) {
  return torch_legacy_source(std::make_shared<const BinaryFile>(BinaryFile::open(files[0].path)));
}

Source torch_legacy_source(std::shared_ptr<const BinaryFile> file) {
  Heap heap;
  std::uint64_t at = 0;
  const auto next = [&] {
    const pickle::Result result = pickle::read(*file, at, file->size(), heap);
    at = result.end;
    return result.root;
  };
  // Magic number, protocol, description of the system, the object, and the keys of the storages.
  if (heap.at(next()).text != kLegacyMagic.substr(2)) {
    throw Error(ErrorKind::kInput, "not a file of torch.save").at(file->path());
  }
  if (const ValueId protocol = next(); heap.at(protocol).integer != kLegacyProtocol) {
    throw Error(ErrorKind::kUnsupported, "protocol of torch.save")
        .at(file->path())
        .expected("1001");
  }
  const ValueId system = next();
  const std::vector<ValueId>& facts = heap.at(system).items;
  for (std::size_t i = 0; i + 1 < facts.size(); i += 2) {
    if (heap.at(facts[i]).text == "little_endian" && heap.at(facts[i + 1]).integer == 0) {
      throw Error(ErrorKind::kUnsupported, "big-endian numbers").at(file->path());
    }
  }
  const ValueId root = next();
  const ValueId keys = next();
  std::map<std::string, std::uint64_t> sizes;  // bytes of an element, by storage
  for (const pickle::Storage& s : heap.storages) sizes[s.key] = size_of(s.type);
  StoragePlaces storages;
  for (const ValueId id : heap.at(keys).items) {
    const std::string& key = heap.at(id).text;
    std::uint64_t count = 0;
    std::array<std::byte, 8> bytes{};
    file->read_at(at, bytes);
    for (std::size_t i = 8; i-- > 0;) count = count << 8 | static_cast<std::uint64_t>(bytes[i]);
    at += 8;
    const std::uint64_t size = sizes.contains(key) ? sizes[key] : 0;
    if (size == 0 || count > (file->size() - at) / size) {
      throw Error(ErrorKind::kInput, "a storage is cut short")
          .at(file->path() + ":" + std::to_string(at));
    }
    storages[key] = {at, count * size};
    at += count * size;
  }
  if (at != file->size())
    throw Error(ErrorKind::kInput, "bytes behind the last storage").at(file->path());
  return source_of(file, "pytorch-legacy", heap, root, storages, [](const std::string&) {});
}

}  // namespace cutaway::weights
