#include "tests/shim/fiber.h"

#include <cstdint>

#if defined(__x86_64__) && !defined(CUTAWAY_SHIM_UCONTEXT)
#define CUTAWAY_SHIM_ASM 1
#else
#define CUTAWAY_SHIM_ASM 0
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if CUTAWAY_SHIM_ASM
// Saves the callee-saved registers on the current stack, stores the stack pointer in *save, and
// goes on where `to` was saved. A new stack starts with the address of its entry in the place of
// the saved rip.
extern "C" void cutaway_shim_switch(void** save, void* to);
asm(R"(
.text
.globl cutaway_shim_switch
.type cutaway_shim_switch, @function
cutaway_shim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size cutaway_shim_switch, .-cutaway_shim_switch
)");
#endif

namespace shim {

struct Context::State {
  std::unique_ptr<char[]> stack;
  std::size_t bytes{0};
  // What AddressSanitizer needs to come back here: the extent of the stack and its fake frames.
  const void* bottom{};
  std::size_t extent{0};
  void* fake_stack{};
#if CUTAWAY_SHIM_ASM
  void* pointer{};
#else
  ucontext_t context{};
#endif
};

Context::Context() : state_(std::make_unique<State>()) {}

Context::Context(std::size_t stack_bytes) : Context() {
  state_->stack.reset(new char[stack_bytes]);
  state_->bytes = stack_bytes;
  state_->bottom = state_->stack.get();
  state_->extent = stack_bytes;
}

Context::~Context() = default;
Context::Context(Context&&) noexcept = default;
Context& Context::operator=(Context&&) noexcept = default;

void Context::start(Entry entry) {
  State& s = *state_;
#if defined(__SANITIZE_ADDRESS__)
  // Frames that were abandoned half-way left poisoned bytes behind.
  __asan_unpoison_memory_region(s.stack.get(), s.bytes);
  s.fake_stack = nullptr;
#endif
#if CUTAWAY_SHIM_ASM
  const auto end = reinterpret_cast<std::uintptr_t>(s.stack.get() + s.bytes) & ~std::uintptr_t{15};
  void** top = reinterpret_cast<void**>(end);
  // The entry sees what it would after a call: a stack pointer 8 below a multiple of 16.
  top[-2] = reinterpret_cast<void*>(entry);
  s.pointer = top - 8;  // six registers and the entry are popped
#else
  getcontext(&s.context);
  s.context.uc_stack.ss_sp = s.stack.get();
  s.context.uc_stack.ss_size = s.bytes;
  s.context.uc_link = nullptr;
  makecontext(&s.context, entry, 0);
#endif
}

void Context::switch_to(Context& from, Context& to, bool last) {
  State& old = *from.state_;
  State& next = *to.state_;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(last ? nullptr : &old.fake_stack, next.bottom, next.extent);
#else
  (void)last;
#endif
#if CUTAWAY_SHIM_ASM
  cutaway_shim_switch(&old.pointer, next.pointer);
#else
  swapcontext(&old.context, &next.context);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(old.fake_stack, nullptr, nullptr);
#endif
}

void Context::arrived(Context& from) {
#if defined(__SANITIZE_ADDRESS__)
  State& s = *from.state_;
  __sanitizer_finish_switch_fiber(nullptr, &s.bottom, &s.extent);
#else
  (void)from;
#endif
}

}  // namespace shim
