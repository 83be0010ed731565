#include "weights/hdf5_window.h"

#include <H5FDpublic.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <new>
#include <tuple>

namespace cutaway::weights::hdf5 {
namespace {

struct Place {
  std::uint64_t offset{0}, bytes{0};
};

struct Window : H5FD_t {
  int descriptor{-1};
  Place place{};
  haddr_t end{0};  // of what HDF5 has given out
  dev_t device{0};
  ino_t inode{0};
  ~Window() {
    if (descriptor >= 0) ::close(descriptor);
  }
};

Window& of(H5FD_t* file) { return *static_cast<Window*>(file); }
const Window& of(const H5FD_t* file) { return *static_cast<const Window*>(file); }

H5FD_t* open_window(const char* name, unsigned flags, hid_t access, haddr_t) {
  const auto* place = static_cast<const Place*>(H5Pget_driver_info(access));
  if (place == nullptr || (flags & H5F_ACC_RDWR) != 0) return nullptr;
  std::unique_ptr<Window> window(new (std::nothrow) Window{});
  if (!window) return nullptr;
  window->place = *place;
  window->descriptor = ::open(name, O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (window->descriptor < 0 || ::fstat(window->descriptor, &info) != 0) return nullptr;
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (place->offset > size || place->bytes > size - place->offset) return nullptr;
  window->device = info.st_dev;
  window->inode = info.st_ino;
  return window.release();
}

herr_t close_window(H5FD_t* file) {
  delete &of(file);
  return 0;
}

// Which of two files comes first; HDF5 asks whether they are one.
int compare(const H5FD_t* a, const H5FD_t* b) {
  const auto key = [](const Window& w) { return std::tuple(w.device, w.inode, w.place.offset); };
  const auto left = key(of(a)), right = key(of(b));
  return left < right ? -1 : left > right ? 1 : 0;
}

herr_t query(const H5FD_t*, unsigned long* flags) {
  if (flags != nullptr) *flags = H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE;
  return 0;
}

haddr_t get_end(const H5FD_t* file, H5FD_mem_t) { return of(file).end; }

herr_t set_end(H5FD_t* file, H5FD_mem_t, haddr_t end) {
  of(file).end = end;
  return 0;
}

haddr_t get_size(const H5FD_t* file, H5FD_mem_t) { return of(file).place.bytes; }

herr_t read_window(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t at, std::size_t bytes, void* to) {
  const Window& window = of(file);
  if (at > window.place.bytes || bytes > window.place.bytes - at) return -1;
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t got = ::pread(window.descriptor, static_cast<char*>(to) + done, bytes - done,
                                static_cast<off_t>(window.place.offset + at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return -1;
    done += static_cast<std::size_t>(got);
  }
  return 0;
}

herr_t write_window(H5FD_t*, H5FD_mem_t, hid_t, haddr_t, std::size_t, const void*) { return -1; }

hid_t driver() {
  static const hid_t id = [] {
    static H5FD_class_t window{};
#if H5_VERSION_GE(1, 14, 0)
    window.version = H5FD_CLASS_VERSION;
    window.value = static_cast<H5FD_class_value_t>(1903);  // any that no registered driver has
#endif
    window.name = "window";
    window.maxaddr = (haddr_t{1} << 62) - 1;
    window.fc_degree = H5F_CLOSE_WEAK;
    window.fapl_size = sizeof(Place);
    window.open = open_window;
    window.close = close_window;
    window.cmp = compare;
    window.query = query;
    window.get_eoa = get_end;
    window.set_eoa = set_end;
    window.get_eof = get_size;
    window.read = read_window;
    window.write = write_window;
    return H5FDregister(&window);
  }();
  return id;
}

}  // namespace

bool set_window(hid_t access, std::uint64_t offset, std::uint64_t bytes) {
  const Place place{offset, bytes};
  return driver() >= 0 && H5Pset_driver(access, driver(), &place) >= 0;
}

}  // namespace cutaway::weights::hdf5
