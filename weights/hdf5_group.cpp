// Groups and attributes of Hdf5File.
#include <algorithm>
#include <cstring>

#include "weights/hdf5_file.h"
#include "weights/hdf5_handle.h"

namespace cutaway::weights {

using hdf5::failure;
using hdf5::Handle;
using hdf5::open_object;
using hdf5::Session;

namespace {

// Longer names serve nobody and cost memory.
constexpr std::size_t kMostName = 1024;

struct Listing {
  std::vector<Hdf5Child> children;
  std::size_t most;
  bool long_name{false};
};

herr_t collect(hid_t, const char* name, const H5L_info_t* link, void* data) {
  auto& listing = *static_cast<Listing*>(data);
  // A negative return stops the walk: a damaged index may lead in circles. Exceptions must not
  // cross C.
  if (listing.children.size() >= listing.most) return -1;
  const std::string_view text(name);
  if (text.size() > kMostName) {
    listing.long_name = true;
    return -1;
  }
  listing.children.push_back(
      {std::string(text), link->type == H5L_TYPE_HARD ? Hdf5Kind::kOther : Hdf5Kind::kLink});
  return 0;
}

Hdf5Kind kind_of(hid_t group, const std::string& name) {
  const Handle object(H5Oopen(group, name.c_str(), H5P_DEFAULT), H5Oclose);
  if (!object) return Hdf5Kind::kDamaged;
  switch (H5Iget_type(object.get())) {
    case H5I_GROUP:
      return Hdf5Kind::kGroup;
    case H5I_DATASET:
      return Hdf5Kind::kDataset;
    default:
      return Hdf5Kind::kOther;
  }
}

struct OpenAttribute {
  Handle attribute, type;
};

OpenAttribute open_attribute(const std::string& file,
                             hid_t root,
                             const std::string& object,
                             const std::string& name) {
  const Handle owner = open_object(file, root, object);
  OpenAttribute a;
  a.attribute = Handle(H5Aopen(owner.get(), name.c_str(), H5P_DEFAULT), H5Aclose);
  const std::string where = object + "@" + name;
  if (!a.attribute) throw failure(file, where, "no such attribute");
  const Handle space(H5Aget_space(a.attribute.get()), H5Sclose);
  a.type = Handle(H5Aget_type(a.attribute.get()), H5Tclose);
  if (!space || !a.type || H5Sget_simple_extent_npoints(space.get()) != 1) {
    throw failure(file, where, "not a single value");
  }
  return a;
}

std::string bounded(const std::string& file,
                    const std::string& where,
                    std::string text,
                    std::size_t most) {
  text.resize(std::min(text.find('\0'), text.size()));
  if (text.size() > most) {
    throw failure(file, where, "length of the text")
        .expected("at most " + std::to_string(most))
        .got(std::to_string(text.size()));
  }
  return text;
}

void write_value(const std::string& file,
                 hid_t root,
                 const std::string& object,
                 const std::string& name,
                 hid_t stored,
                 hid_t memory,
                 const void* value) {
  const Handle owner = open_object(file, root, object);
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(
      H5Acreate2(owner.get(), name.c_str(), stored, space.get(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  if (!attribute || H5Awrite(attribute.get(), memory, value) < 0) {
    throw failure(file, object + "@" + name, "the attribute cannot be written");
  }
}

}  // namespace

bool Hdf5File::contains(const std::string& object) const {
  const Session session;
  return hdf5::reachable(id_, object);
}

std::vector<Hdf5Child> Hdf5File::children(const std::string& group, std::size_t most) const {
  const Session session;
  const Handle handle = open_object(path_, id_, group);
  if (H5Iget_type(handle.get()) != H5I_GROUP) throw failure(path_, group, "not a group");
  Listing listing{{}, most};
  const herr_t status =
      H5Literate(handle.get(), H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, collect, &listing);
  if (status < 0) {
    if (listing.long_name) throw failure(path_, group, "a name of more than 1024 bytes");
    if (listing.children.size() >= most) {
      throw failure(path_, group, "too many entries").expected("at most " + std::to_string(most));
    }
    throw failure(path_, group, "the group is damaged");
  }
  for (Hdf5Child& child : listing.children) {
    if (child.kind == Hdf5Kind::kOther) child.kind = kind_of(handle.get(), child.name);
  }
  std::ranges::sort(listing.children, {}, &Hdf5Child::name);
  return listing.children;
}

std::vector<std::string> Hdf5File::datasets(const std::string& group, std::size_t most) const {
  std::vector<std::string> found;
  std::size_t seen = 0;
  list(group, 0, most, found, seen);
  return found;
}

void Hdf5File::list(const std::string& group,
                    int depth,
                    std::size_t most,
                    std::vector<std::string>& found,
                    std::size_t& seen) const {
  if (depth > kMostDepth) {
    throw Error(ErrorKind::kInput, "groups are nested too deeply, or in a circle")
        .at(path_ + ":" + group.substr(0, 200));
  }
  for (const Hdf5Child& child : children(group, most - seen)) {
    ++seen;
    const std::string name = (group == "/" ? "" : group) + "/" + child.name;
    switch (child.kind) {
      case Hdf5Kind::kGroup:
        list(name, depth + 1, most, found, seen);
        break;
      case Hdf5Kind::kDataset:
        found.push_back(name);
        break;
      case Hdf5Kind::kLink:
        throw Error(ErrorKind::kInput, "a soft or external link")
            .at(path_ + ":" + name)
            .hint("links are not followed; copy the file with h5repack or h5py");
      case Hdf5Kind::kOther:
        throw Error(ErrorKind::kInput, "neither a group nor a dataset").at(path_ + ":" + name);
      case Hdf5Kind::kDamaged:
        throw Error(ErrorKind::kInput, "a damaged object").at(path_ + ":" + name);
    }
  }
}

void Hdf5File::make_groups(const std::string& group) {
  const Session session;
  if (hdf5::reachable(id_, group)) return;
  const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  if (links) H5Pset_create_intermediate_group(links.get(), 1);
  const Handle made(H5Gcreate2(id_, group.c_str(), links.get(), H5P_DEFAULT, H5P_DEFAULT),
                    H5Gclose);
  if (!made) throw failure(path_, group, "the group cannot be created");
}

bool Hdf5File::has_attribute(const std::string& object, const std::string& name) const {
  const Session session;
  const Handle owner = open_object(path_, id_, object);
  return H5Aexists(owner.get(), name.c_str()) > 0;
}

std::string Hdf5File::read_attribute_text(const std::string& object,
                                          const std::string& name,
                                          std::size_t most) const {
  const Session session;
  const OpenAttribute a = open_attribute(path_, id_, object, name);
  const std::string where = object + "@" + name;
  if (H5Tget_class(a.type.get()) != H5T_STRING) throw failure(path_, where, "not a text");
  if (H5Tis_variable_str(a.type.get()) > 0) {
    char* text = nullptr;
    if (H5Aread(a.attribute.get(), a.type.get(), &text) < 0 || text == nullptr) {
      throw failure(path_, where, "the attribute cannot be read");
    }
    const std::string_view view(text, strnlen(text, most + 1));
    std::string copy(view);
    H5free_memory(text);
    return bounded(path_, where, std::move(copy), most);
  }
  const std::size_t bytes = H5Tget_size(a.type.get());
  // An attribute is held in memory by HDF5 itself; what it claims to be must not exceed what it
  // stores.
  if (bytes < 1 || bytes > most || bytes > H5Aget_storage_size(a.attribute.get())) {
    throw failure(path_, where, "length of the text")
        .expected("at most " + std::to_string(most))
        .got(std::to_string(bytes));
  }
  std::string text(bytes, '\0');
  if (H5Aread(a.attribute.get(), a.type.get(), text.data()) < 0) {
    throw failure(path_, where, "the attribute cannot be read");
  }
  return bounded(path_, where, std::move(text), most);
}

void Hdf5File::check_attributes(const std::string& object) const {
  const Session session;
  const Handle owner = open_object(path_, id_, object);
  H5O_info_t info{};
  if (H5Oget_info(owner.get(), &info) < 0) throw failure(path_, object, "the object is damaged");
  for (hsize_t i = 0; i < info.num_attrs; ++i) {
    const Handle attribute(H5Aopen_by_idx(owner.get(), ".", H5_INDEX_NAME, H5_ITER_NATIVE, i,
                                          H5P_DEFAULT, H5P_DEFAULT),
                           H5Aclose);
    const Handle type(attribute ? H5Aget_type(attribute.get()) : -1, H5Tclose);
    const Handle space(attribute ? H5Aget_space(attribute.get()) : -1, H5Sclose);
    const hssize_t count = space ? H5Sget_simple_extent_npoints(space.get()) : -1;
    const hsize_t stored = attribute ? H5Aget_storage_size(attribute.get()) : 0;
    const std::size_t size = type ? H5Tget_size(type.get()) : 0;
    if (count < 1 || size < 1 || static_cast<hsize_t>(count) > stored / size) continue;
    // A variable text has a pointer here, smaller than what stands for it in the file.
    std::vector<char> values(static_cast<std::size_t>(count) * size);
    if (H5Aread(attribute.get(), type.get(), values.data()) < 0) continue;
    (void)H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, values.data());
  }
}

std::int64_t Hdf5File::read_attribute_integer(const std::string& object,
                                              const std::string& name) const {
  const Session session;
  const OpenAttribute a = open_attribute(path_, id_, object, name);
  std::int64_t value = 0;
  if (H5Tget_class(a.type.get()) != H5T_INTEGER || H5Tget_size(a.type.get()) > 8 ||
      H5Aread(a.attribute.get(), H5T_NATIVE_INT64, &value) < 0) {
    throw failure(path_, object + "@" + name, "not an integer");
  }
  return value;
}

double Hdf5File::read_attribute_number(const std::string& object, const std::string& name) const {
  const Session session;
  const OpenAttribute a = open_attribute(path_, id_, object, name);
  double value = 0;
  if (H5Tget_class(a.type.get()) != H5T_FLOAT || H5Tget_size(a.type.get()) > 8 ||
      H5Aread(a.attribute.get(), H5T_NATIVE_DOUBLE, &value) < 0) {
    throw failure(path_, object + "@" + name, "not a number");
  }
  return value;
}

void Hdf5File::write_attribute(const std::string& object,
                               const std::string& name,
                               const std::string& text) {
  const Session session;
  check(text.size() <= 60 * 1024, "a text too long for an attribute");
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  if (type) {
    H5Tset_size(type.get(), std::max<std::size_t>(text.size(), 1));
    H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
  }
  write_value(path_, id_, object, name, type.get(), type.get(), text.c_str());
}

void Hdf5File::write_attribute(const std::string& object,
                               const std::string& name,
                               std::int64_t value) {
  const Session session;
  write_value(path_, id_, object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

void Hdf5File::write_attribute(const std::string& object,
                               const std::string& name,
                               const std::vector<std::string>& texts) {
  const Session session;
  std::size_t longest = 1;
  for (const std::string& text : texts) longest = std::max(longest, text.size());
  if (longest * texts.size() > 60 * 1024) {
    throw Error(ErrorKind::kUnsupported, "a list of texts too long for an attribute")
        .at(path_ + ":" + object + "@" + name);
  }
  std::string flat(longest * texts.size(), '\0');
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::copy(texts[i].begin(), texts[i].end(),
              flat.begin() + static_cast<std::ptrdiff_t>(i * longest));
  }
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  const hsize_t count = texts.size();
  const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  if (type) {
    H5Tset_size(type.get(), longest);
    H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  }
  const Handle owner = hdf5::open_object(path_, id_, object);
  const Handle attribute(
      H5Acreate2(owner.get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  if (!attribute || H5Awrite(attribute.get(), type.get(), flat.data()) < 0) {
    throw hdf5::failure(path_, object + "@" + name, "cannot be written");
  }
}

}  // namespace cutaway::weights
