#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace cutaway {

/// What sort of failure it is; the program maps each kind to an exit code.
enum class ErrorKind : std::uint8_t {
  kUsage,        ///< wrong option, unknown verb, method, layer or engine name
  kInput,        ///< unreadable or damaged image, list, weights or package
  kShape,        ///< tensors, layers or parameters do not fit together
  kUnsupported,  ///< well-formed, but this library does not do it
  kDevice,       ///< no such device, or the device reported a failure
  kMemory,       ///< a request larger than the memory or the limit set for it
  kMismatch,     ///< verification found different numbers
  kInternal      ///< a broken invariant of this library
};

/// The only exception type this library throws on purpose. what() reads `<where>: <what>: expected
/// <expected>, got <got>; hint: <hint>`, absent parts left out.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string what);

  /// Builders, for `throw Error(kind, "...").at("conv1").expected("64").got("32").hint("...")`.
  Error&& at(std::string where) &&;
  Error&& expected(std::string text) &&;
  Error&& got(std::string text) &&;
  Error&& hint(std::string text) &&;

  /// The same error with `where` put in front, unless it already names a place.
  [[nodiscard]] Error located(std::string where) const;

  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }
  [[nodiscard]] const std::string& where() const noexcept { return where_; }
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  void compose();

  ErrorKind kind_;
  std::string what_, where_, expected_, got_, hint_, text_;
};

/// Throws an internal error unless `condition`; for invariants, not for user input.
inline void check(bool condition, const char* what) {
  if (!condition) throw Error(ErrorKind::kInternal, what);
}

}  // namespace cutaway
