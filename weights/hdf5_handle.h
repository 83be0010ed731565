#pragma once

#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

#include "runtime/error.h"

#pragma GCC visibility push(hidden)

/// Private to hdf5_*.cpp: identifiers that close themselves, and silence.
namespace cutaway::weights::hdf5 {

/// Owns one HDF5 identifier of any kind.
class Handle {
 public:
  Handle() = default;
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  [[nodiscard]] hid_t get() const noexcept { return id_; }
  [[nodiscard]] explicit operator bool() const noexcept { return id_ >= 0; }

 private:
  hid_t id_{-1};
  herr_t (*close_)(hid_t){};
};

/// Serialises all use of HDF5 in this process.
[[nodiscard]] std::mutex& library_mutex();

/// Held during every call into HDF5, never twice: the library's state is global and not
/// thread-safe, and it prints its error stack unless told otherwise. Restores the host program's
/// own setting.
class Session {
 public:
  Session() : lock_(library_mutex()) {
    H5Eget_auto2(H5E_DEFAULT, &print_, &print_data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Session() {
    H5Eclear2(H5E_DEFAULT);
    H5Eset_auto2(H5E_DEFAULT, print_, print_data_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  std::lock_guard<std::mutex> lock_;
  H5E_auto2_t print_{};
  void* print_data_{};
};

/// The innermost message of HDF5's error stack, for hints; empty if there is none.
[[nodiscard]] std::string last_message();

/// Error kInput at "file:object", with HDF5's own reason.
[[nodiscard]] Error failure(const std::string& file,
                            const std::string& object,
                            const std::string& what);

/// Opens a group or dataset through hard links only. Throws kInput.
[[nodiscard]] Handle open_object(const std::string& file, hid_t root, const std::string& object);
/// False where open_object would throw for want of a hard link.
[[nodiscard]] bool reachable(hid_t root, const std::string& object);

/// Name of an element type: "float32", "int8", "text12" (fixed strings), "text" (variable),
/// "other".
[[nodiscard]] std::string type_name(hid_t type);
/// True for those of type_name() whose bytes go from the lowest up.
[[nodiscard]] bool is_little_endian(hid_t type);
/// True for the IEEE floats and plain integers that convert to float32.
[[nodiscard]] bool is_numeric(hid_t type);

}  // namespace cutaway::weights::hdf5

#pragma GCC visibility pop
