#pragma once

#include <cstddef>
#include <memory>

/// Stackful coroutines for the CUDA shim: a plain x86-64 register switch (10 to 20 ns), ucontext
/// elsewhere. AddressSanitizer is told of every switch, so that it knows which stack it is looking
/// at.
namespace shim {

/// One flow of control: a fiber, or the thread that schedules fibers. Stays on one OS thread.
class Context {
 public:
  using Entry = void (*)();

  /// The calling thread itself.
  Context();
  /// A stack of `stack_bytes`, on which nothing runs before start().
  explicit Context(std::size_t stack_bytes);
  ~Context();
  Context(Context&&) noexcept;
  Context& operator=(Context&&) noexcept;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// The next switch to this context calls `entry`, which must never return; whatever ran on the
  /// stack before is forgotten without being unwound.
  void start(Entry entry);

  /// Leaves `from` (the context that is running) and continues `to`. `last` says that `from` is
  /// done and will not be switched to again before its next start().
  static void switch_to(Context& from, Context& to, bool last = false);
  /// To be called first by every entry: completes the switch that came from `from`.
  static void arrived(Context& from);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shim
