#include "weights/hdf5_sink.h"

#include <H5FDpublic.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <new>
#include <tuple>

#include "runtime/files/atomic_file.h"

namespace cutaway::weights::hdf5 {
namespace {

/// What a property list carries; HDF5 copies it byte by byte.
struct Setting {
  const WriteFailure* failure;
};

struct Sink : H5FD_t {
  int descriptor{-1};
  haddr_t end{0};   // of what HDF5 has given out
  haddr_t size{0};  // of the file, as HDF5 believes
  dev_t device{0};
  ino_t inode{0};
  WriteFailure failure;

  void note(int code) const {
    if (*failure == 0) *failure = code != 0 ? code : EIO;
  }
};

Sink& of(H5FD_t* file) { return *static_cast<Sink*>(file); }
const Sink& of(const H5FD_t* file) { return *static_cast<const Sink*>(file); }

H5FD_t* open_sink(const char* name, unsigned flags, hid_t access, haddr_t) {
  const auto* setting = static_cast<const Setting*>(H5Pget_driver_info(access));
  if (setting == nullptr) return nullptr;
  int how = O_CLOEXEC | ((flags & H5F_ACC_RDWR) != 0 ? O_RDWR : O_RDONLY);
  if ((flags & H5F_ACC_CREAT) != 0) how |= O_CREAT;
  if ((flags & H5F_ACC_TRUNC) != 0) how |= O_TRUNC;
  if ((flags & H5F_ACC_EXCL) != 0) how |= O_EXCL;
  const int descriptor = ::open(name, how, 0666);
  struct stat info {};
  if (descriptor < 0) return nullptr;
  auto* sink = ::fstat(descriptor, &info) == 0 ? new (std::nothrow) Sink{} : nullptr;
  if (sink == nullptr) {
    ::close(descriptor);
    return nullptr;
  }
  sink->descriptor = descriptor;
  sink->size = static_cast<haddr_t>(info.st_size);
  sink->device = info.st_dev;
  sink->inode = info.st_ino;
  sink->failure = *setting->failure;
  return sink;
}

herr_t close_sink(H5FD_t* file) {
  Sink* sink = &of(file);
  if (::close(sink->descriptor) != 0) sink->note(errno);
  delete sink;
  return 0;
}

int compare(const H5FD_t* a, const H5FD_t* b) {
  const auto key = [](const Sink& s) { return std::tuple(s.device, s.inode); };
  const auto left = key(of(a)), right = key(of(b));
  return left < right ? -1 : left > right ? 1 : 0;
}

// As HDF5's own driver for such files, so that the bytes are the same.
herr_t query(const H5FD_t*, unsigned long* flags) {
  if (flags != nullptr) {
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
             H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  }
  return 0;
}

haddr_t get_end(const H5FD_t* file, H5FD_mem_t) { return of(file).end; }

herr_t set_end(H5FD_t* file, H5FD_mem_t, haddr_t end) {
  of(file).end = end;
  return 0;
}

haddr_t get_size(const H5FD_t* file, H5FD_mem_t) { return of(file).size; }

// Zeros stand where the file has nothing.
herr_t read_sink(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t at, std::size_t bytes, void* to) {
  const Sink& sink = of(file);
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t got = ::pread(sink.descriptor, static_cast<char*>(to) + done, bytes - done,
                                static_cast<off_t>(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) {
      std::memset(static_cast<char*>(to) + done, 0, bytes - done);
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  return 0;
}

herr_t write_sink(
    H5FD_t* file, H5FD_mem_t, hid_t, haddr_t at, std::size_t bytes, const void* from) {
  Sink& sink = of(file);
  for (std::size_t done = 0; done < bytes && *sink.failure == 0;) {
    const ssize_t put = ::pwrite(sink.descriptor, static_cast<const char*>(from) + done,
                                 bytes - done, static_cast<off_t>(at + done));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) sink.note(put < 0 ? errno : EIO);
    if (put > 0) done += static_cast<std::size_t>(put);
  }
  sink.size = std::max(sink.size, at + bytes);
  return 0;
}

herr_t truncate_sink(H5FD_t* file, hid_t, hbool_t) {
  Sink& sink = of(file);
  if (sink.size == sink.end) return 0;
  if (*sink.failure == 0 && ::ftruncate(sink.descriptor, static_cast<off_t>(sink.end)) != 0)
    sink.note(errno);
  sink.size = sink.end;
  return 0;
}

hid_t driver() {
  static const hid_t id = [] {
    static H5FD_class_t sink{};
    constexpr H5FD_mem_t kMap[] = H5FD_FLMAP_DICHOTOMY;
#if H5_VERSION_GE(1, 14, 0)
    sink.version = H5FD_CLASS_VERSION;
    sink.value = static_cast<H5FD_class_value_t>(1904);  // any that no registered driver has
#endif
    sink.name = "sink";
    sink.maxaddr = (haddr_t{1} << 62) - 1;
    sink.fc_degree = H5F_CLOSE_WEAK;
    sink.fapl_size = sizeof(Setting);
    sink.open = open_sink;
    sink.close = close_sink;
    sink.cmp = compare;
    sink.query = query;
    sink.get_eoa = get_end;
    sink.set_eoa = set_end;
    sink.get_eof = get_size;
    sink.read = read_sink;
    sink.write = write_sink;
    sink.truncate = truncate_sink;
    std::copy(std::begin(kMap), std::end(kMap), std::begin(sink.fl_map));
    return H5FDregister(&sink);
  }();
  return id;
}

}  // namespace

bool set_sink(hid_t access, const WriteFailure& failure) {
  const Setting setting{&failure};
  return driver() >= 0 && H5Pset_driver(access, driver(), &setting) >= 0;
}

void throw_if_failed(const WriteFailure& failure, const std::string& path) {
  if (!failure || *failure == 0) return;
  throw files::write_error(path, *failure);
}

}  // namespace cutaway::weights::hdf5
