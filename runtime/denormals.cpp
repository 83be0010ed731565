#include "runtime/denormals.h"

#include <variant>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace cutaway {
namespace {

#if defined(__SSE2__)
constexpr unsigned long kFlush = 0x8040;  // MXCSR: flush to zero, denormals are zero
unsigned long control() noexcept { return _mm_getcsr(); }
void set_control(unsigned long value) noexcept { _mm_setcsr(static_cast<unsigned>(value)); }
#elif defined(__aarch64__)
constexpr unsigned long kFlush = 1UL << 24U;  // FPCR.FZ
unsigned long control() noexcept {
  unsigned long value = 0;
  asm volatile("mrs %0, fpcr" : "=r"(value));
  return value;
}
void set_control(unsigned long value) noexcept { asm volatile("msr fpcr, %0" : : "r"(value)); }
#else
constexpr unsigned long kFlush = 0;
unsigned long control() noexcept { return 0; }
void set_control(unsigned long) noexcept {}
#endif

void set_all(int threads, unsigned long value) {
  if (threads <= 1) {
    set_control(value);
    return;
  }
#pragma omp parallel num_threads(threads)
  set_control(value);
}

}  // namespace

FlushDenormals::FlushDenormals(const Stream& stream) {
  const auto* cpu = std::get_if<CpuStream>(&stream);
  if (kFlush == 0 || cpu == nullptr) return;
  threads_ = cpu->threads();
  before_ = control();
  set_all(threads_, before_ | kFlush);
}

FlushDenormals::~FlushDenormals() {
  if (threads_ > 0) set_all(threads_, before_);
}

bool flushes_denormals() noexcept { return kFlush != 0 && (control() & kFlush) == kFlush; }

}  // namespace cutaway
