#include <pthread.h>

#include <cstdio>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch_file.h"
#include "weights/import/formats.h"

extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

// The process that reads such a file first (weights/hdf5_vet.h) may die of it: that is what it is
// for, and nothing for libFuzzer to report.
void forget_fuzzer() {
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback([] {});
  (void)!std::freopen("/dev/null", "w", stderr);
}

}  // namespace

/// HDF5 files of every layout that is read (Keras, Caffe, MATLAB 7.3, plain), with HDF5's own
/// structures damaged as well.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cutaway::weights;
  static const int once = ::pthread_atfork(nullptr, nullptr, forget_fuzzer);
  (void)once;
  static const fuzz::ScratchFile file;
  file.write(data, size);
  return fuzz::run_source([&] { return open_source({file.path()}); });
}
