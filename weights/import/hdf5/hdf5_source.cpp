#include "weights/import/hdf5/hdf5_source.h"

#include "weights/import/import_plan.h"
#include "weights/import/tensor_file.h"

namespace cutaway::weights {
namespace {

ElementType type_of(const std::string& dtype) {
  for (const ElementType t :
       {ElementType::kF16, ElementType::kF32, ElementType::kF64, ElementType::kU8, ElementType::kI8,
        ElementType::kI16, ElementType::kI32, ElementType::kI64}) {
    if (dtype == to_string(t)) return t;
  }
  return ElementType::kOther;
}

}  // namespace

Source hdf5_source(std::shared_ptr<const Hdf5File> file, const std::string& format) {
  Source source;
  source.format = format;
  source.files = {file->path()};
  Problems problems;
  std::vector<std::optional<TensorPlace>> places;
  for (const std::string& name : file->datasets("/")) {
    const Hdf5Dataset info = file->describe(name);
    const ElementType type = type_of(info.dtype);
    // Before anything is allocated: an extent costs a file nothing.
    const std::int64_t factor = info.filtered ? Hdf5File::kMostCompression : 1;
    if (is_floating(type) &&
        count_of(info.dims) > info.storage_bytes / info.element_bytes * factor) {
      problems.add(name + " claims more than the file holds");
    }
    source.tensors.push_back({name, info.dims, type});
    places.emplace_back();
    if (info.offset && is_floating(type)) places.back() = TensorPlace{*info.offset, type};
  }
  problems.stop(file->path());
  // What lies in one piece needs no HDF5, and can be read in parts.
  const auto raw = std::make_shared<const BinaryFile>(BinaryFile::open(file->path()));
  std::vector<std::string> names;
  for (const SourceTensor& t : source.tensors) names.push_back(t.name);
  source.read = [file = std::move(file), names = std::move(names)](
                    std::size_t i, std::span<float> to) { file->read_f32_into(names[i], to); };
  source.read_part = [raw, places = std::move(places)](std::size_t i, std::int64_t first,
                                                       std::span<float> to) {
    if (!places[i]) return false;
    read_tensor(*raw, later(*places[i], first), to);
    return true;
  };
  return source;
}

}  // namespace cutaway::weights
