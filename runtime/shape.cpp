#include "runtime/shape.h"

#include "runtime/error.h"

namespace cutaway {

std::string to_string(const Shape& s) {
  return std::to_string(s.n) + "x" + std::to_string(s.c) + "x" + std::to_string(s.h) + "x" +
         std::to_string(s.w);
}

void validate(const Shape& s, const char* what) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 40;
  const std::int64_t extents[] = {s.n, s.c, s.h, s.w};
  std::int64_t count = 1;
  bool good = true;
  for (const std::int64_t e : extents) {
    if (e < 1 || e > kLimit || count > kLimit / e) {
      good = false;
      break;
    }
    count *= e;
  }
  if (!good) {
    throw Error(ErrorKind::kShape, what)
        .expected("extents of at least 1 and at most 2^40 elements")
        .got(to_string(s));
  }
}

}  // namespace cutaway
