#include "weights/hdf5_handle.h"

#include <algorithm>
#include <array>
#include <vector>

namespace cutaway::weights::hdf5 {
namespace {

struct NamedType {
  const char* name;
  hid_t little, big;
};

// Functions, not constants: HDF5 creates its predefined types at run time.
std::array<NamedType, 10> standard_types() {
  return {{{"float32", H5T_IEEE_F32LE, H5T_IEEE_F32BE},
           {"float64", H5T_IEEE_F64LE, H5T_IEEE_F64BE},
           {"uint8", H5T_STD_U8LE, H5T_STD_U8BE},
           {"int8", H5T_STD_I8LE, H5T_STD_I8BE},
           {"uint16", H5T_STD_U16LE, H5T_STD_U16BE},
           {"int16", H5T_STD_I16LE, H5T_STD_I16BE},
           {"uint32", H5T_STD_U32LE, H5T_STD_U32BE},
           {"int32", H5T_STD_I32LE, H5T_STD_I32BE},
           {"uint64", H5T_STD_U64LE, H5T_STD_U64BE},
           {"int64", H5T_STD_I64LE, H5T_STD_I64BE}}};
}

// HDF5 1.10 has no name for the half float that h5py writes; its fields identify it.
bool is_half(hid_t type) {
  if (H5Tget_class(type) != H5T_FLOAT || H5Tget_size(type) != 2) return false;
  std::size_t sign = 0;
  std::size_t exponent = 0;
  std::size_t exponent_size = 0;
  std::size_t mantissa = 0;
  std::size_t mantissa_size = 0;
  return H5Tget_fields(type, &sign, &exponent, &exponent_size, &mantissa, &mantissa_size) >= 0 &&
         sign == 15 && exponent == 10 && exponent_size == 5 && mantissa == 0 &&
         mantissa_size == 10 && H5Tget_ebias(type) == 15;
}

herr_t keep_first(unsigned, const H5E_error2_t* error, void* data) {
  auto& text = *static_cast<std::string*>(data);
  if (text.empty() && error->desc != nullptr) text = error->desc;
  return 0;
}

// Components of an absolute path.
std::vector<std::string> components(const std::string& object) {
  std::vector<std::string> parts;
  std::size_t start = 1;
  while (start < object.size()) {
    const std::size_t end = std::min(object.find('/', start), object.size());
    parts.push_back(object.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

}  // namespace

std::mutex& library_mutex() {
  static std::mutex mutex;
  return mutex;
}

std::string last_message() {
  std::string text;
  // Upward: the innermost error comes first, and it is the one that says what was wrong.
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &text);
  return text;
}

Error failure(const std::string& file, const std::string& object, const std::string& what) {
  const std::string reason = last_message();
  Error error(ErrorKind::kInput, what);
  Error located = std::move(error).at(object.empty() ? file : file + ":" + object);
  return reason.empty() ? located : std::move(located).hint("HDF5 says: " + reason);
}

bool reachable(hid_t root, const std::string& object) {
  if (object.empty() || object[0] != '/') return false;
  Handle at(H5Gopen2(root, "/", H5P_DEFAULT), H5Gclose);
  const std::vector<std::string> parts = components(object);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    H5L_info_t link{};
    if (!at || parts[i].empty() || parts[i] == "." ||
        H5Lget_info(at.get(), parts[i].c_str(), &link, H5P_DEFAULT) < 0 ||
        link.type != H5L_TYPE_HARD) {
      return false;
    }
    if (i + 1 < parts.size()) {
      at = Handle(H5Gopen2(at.get(), parts[i].c_str(), H5P_DEFAULT), H5Gclose);
    }
  }
  return static_cast<bool>(at);
}

Handle open_object(const std::string& file, hid_t root, const std::string& object) {
  if (!reachable(root, object)) {
    throw failure(file, object, "no such object")
        .hint("links to other places or files are not followed");
  }
  Handle handle(H5Oopen(root, object.c_str(), H5P_DEFAULT), H5Oclose);
  if (!handle) throw failure(file, object, "the object cannot be opened");
  return handle;
}

std::string type_name(hid_t type) {
  for (const NamedType& t : standard_types()) {
    if (H5Tequal(type, t.little) > 0 || H5Tequal(type, t.big) > 0) return t.name;
  }
  if (is_half(type)) return "float16";
  if (H5Tget_class(type) == H5T_STRING) {
    return H5Tis_variable_str(type) > 0 ? "text" : "text" + std::to_string(H5Tget_size(type));
  }
  if (H5Tequal(type, H5T_STD_REF_OBJ) > 0) return "reference";
  return "other";
}

bool is_little_endian(hid_t type) {
  for (const NamedType& t : standard_types()) {
    if (H5Tequal(type, t.little) > 0) return true;
  }
  return is_half(type) && H5Tget_order(type) == H5T_ORDER_LE;
}

bool is_numeric(hid_t type) {
  for (const NamedType& t : standard_types()) {
    if (H5Tequal(type, t.little) > 0 || H5Tequal(type, t.big) > 0) return true;
  }
  return is_half(type);
}

}  // namespace cutaway::weights::hdf5
