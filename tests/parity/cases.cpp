#include "tests/parity/case.h"

namespace parity {

std::uint32_t Case::seed() const {
  std::uint32_t hash = 2166136261u;  // FNV-1a
  for (const char ch : text()) hash = (hash ^ static_cast<unsigned char>(ch)) * 16777619u;
  return hash;
}

Cases all_cases() {
  Cases cases;
  add_elementwise(cases);
  add_activation(cases);
  add_broadcast(cases);
  add_group_norm(cases);
  add_move(cases);
  add_pool(cases);
  add_norm(cases);
  add_softmax(cases);
  add_image(cases);
  add_update(cases);
  add_gemm(cases);
  add_conv(cases);
  add_pattern(cases);
  // Graph-level cases (whole forward and backward passes of small nets) belong here.
  return cases;
}

}  // namespace parity
