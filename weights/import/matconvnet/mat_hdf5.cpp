#include "weights/import/matconvnet/mat_hdf5.h"

#include <algorithm>
#include <map>

#include "runtime/error.h"
#include "weights/hdf5_file.h"

namespace cutaway::weights {
namespace {

constexpr int kMostDepth = 16;
constexpr std::size_t kMostValues = 1'000'000;
constexpr std::size_t kMostText = 1 << 16;
constexpr const char* kReferences = "/#refs#";
constexpr const char* kClass = "MATLAB_class";
constexpr std::uint8_t kSingle = 7, kDouble = 9;  // MAT-file format, table 1-1

class Tree {
 public:
  explicit Tree(const std::string& path)
      : file_(std::make_shared<const Hdf5File>(Hdf5File::open(path))) {
    if (!file_->contains(kReferences)) return;
    for (const Hdf5Child& child : file_->children(kReferences)) {
      if (child.kind != Hdf5Kind::kGroup && child.kind != Hdf5Kind::kDataset) continue;
      const std::string name = std::string(kReferences) + "/" + child.name;
      places_[file_->address(name)] = {name, child.kind};
    }
  }

  std::vector<MatValue> variables() {
    std::vector<MatValue> all;
    for (const Hdf5Child& child : file_->children("/")) {
      if (child.name.starts_with('#')) continue;
      all.push_back(value({"/" + child.name, child.kind}, 0));
      all.back().name = child.name;
    }
    return all;
  }

 private:
  struct Place {
    std::string name;
    Hdf5Kind kind{Hdf5Kind::kOther};
  };

  [[noreturn]] void fail(const std::string& object, const std::string& what) const {
    throw Error(ErrorKind::kInput, what).at(file_->path() + ":" + object.substr(0, 256));
  }

  std::string class_of(const std::string& object) const {
    return file_->has_attribute(object, kClass) ? file_->read_attribute_text(object, kClass, 64)
                                                : std::string();
  }

  MatValue value(const Place& place, int depth) {
    if (depth > kMostDepth) fail(place.name, "values are nested too deeply");
    if (++values_ > kMostValues) fail(place.name, "too many values");
    if (place.kind == Hdf5Kind::kGroup) return structure(place.name, depth);
    if (place.kind != Hdf5Kind::kDataset) fail(place.name, "neither a group nor a dataset");
    const std::string kind = class_of(place.name);
    const bool empty = file_->has_attribute(place.name, "MATLAB_empty");
    MatValue v;
    if (kind == "cell") {
      v.kind = MatValue::Kind::kCell;
      if (!empty) v.cells = referenced(place.name, depth);
      v.extents = {1, static_cast<std::int64_t>(v.cells.size())};
    } else if (kind == "char") {
      v.kind = MatValue::Kind::kText;
      if (!empty) v.text = text(place.name);
    } else if (kind == "struct" && empty) {
      v.kind = MatValue::Kind::kStruct;
    } else if (empty) {
      v.extents = {0, 0};  // no numbers: of the kind that nothing takes
    } else {
      numbers(place.name, v);
    }
    return v;
  }

  std::vector<MatValue> referenced(const std::string& dataset, int depth) {
    std::vector<MatValue> all;
    for (const std::uint64_t address : file_->read_references(dataset, kMostValues)) {
      const auto at = places_.find(address);
      if (at == places_.end()) fail(dataset, "a reference to nothing in /#refs#");
      all.push_back(value(at->second, depth + 1));
    }
    return all;
  }

  /// A group: one struct, or an array of structs, whose fields are lists of references.
  MatValue structure(const std::string& group, int depth) {
    MatValue v;
    const std::string kind = class_of(group);
    if (!kind.empty() && kind != "struct") return v;  // an object: nobody looks into it
    v.kind = MatValue::Kind::kStruct;
    const std::vector<Hdf5Child> fields = file_->children(group, kMostValues);
    const auto in_group = [&](const Hdf5Child& c) { return group + "/" + c.name; };
    const bool array =
        !fields.empty() && std::all_of(fields.begin(), fields.end(), [&](const Hdf5Child& c) {
          return c.kind == Hdf5Kind::kDataset && class_of(in_group(c)).empty() &&
                 file_->describe(in_group(c)).dtype == "reference";
        });
    if (!array) {
      v.structs.emplace_back();
      for (const Hdf5Child& c : fields)
        v.structs[0][c.name] = value({in_group(c), c.kind}, depth + 1);
      return v;
    }
    for (const Hdf5Child& c : fields) {
      std::vector<MatValue> column = referenced(in_group(c), depth);
      if (&c == fields.data()) v.structs.resize(column.size());
      if (column.size() != v.structs.size())
        fail(group, "an array of structs with fields of different lengths");
      for (std::size_t i = 0; i < column.size(); ++i) v.structs[i][c.name] = std::move(column[i]);
    }
    return v;
  }

  /// Characters are numbers of 16 bits. Names of layers are ASCII; others become '?'.
  std::string text(const std::string& dataset) const {
    std::string all;
    for (const float c : file_->read_f32(dataset, kMostText))
      all += c >= 1.0f && c < 128.0f ? static_cast<char>(c) : '?';
    return all;
  }

  void numbers(const std::string& dataset, MatValue& v) const {
    const Hdf5Dataset info = file_->describe(dataset);
    const bool numeric = info.dtype.starts_with("float") || info.dtype.starts_with("int") ||
                         info.dtype.starts_with("uint");
    if (!numeric) return;
    v.kind = MatValue::Kind::kNumbers;
    // HDF5's last index runs fastest, MATLAB's first.
    v.extents.assign(info.dims.rbegin(), info.dims.rend());
    v.type = info.dtype == "float64" ? kDouble : kSingle;
    v.reader = [file = file_, dataset](std::span<float> to) { file->read_f32_into(dataset, to); };
  }

  std::shared_ptr<const Hdf5File> file_;
  std::map<std::uint64_t, Place> places_;
  std::size_t values_{0};
};

}  // namespace

bool is_mat_hdf5(const std::string& head) { return head.starts_with("MATLAB 7.3 MAT-file"); }

std::vector<MatValue> read_mat_hdf5(const std::string& path) { return Tree(path).variables(); }

}  // namespace cutaway::weights
