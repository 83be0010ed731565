#include "kernels/transpose.h"

namespace cutaway::kernels {

void transpose_squares(const float* from,
                       std::int64_t from_line,
                       std::int64_t lines,
                       std::int64_t rows,
                       float* to,
                       std::int64_t to_row) {
  at_level(default_cpu_level(),
           [&](auto level) { transpose_squares(level, from, from_line, lines, rows, to, to_row); });
}

}  // namespace cutaway::kernels
