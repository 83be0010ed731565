#include <dnnl.hpp>
#include <utility>

#include "kernels/cpu/library_isa.h"
#include "runtime/cpu_features.h"

namespace cutaway::kernels {
namespace {

bool hold_to_level() {
  const CpuLevel level = default_cpu_level();
  if (level == best_cpu_level()) return true;
  // A library built without the option keeps what it has; library_isa_text() tells.
  dnnl::set_max_cpu_isa(level == CpuLevel::kBaseline ? dnnl::cpu_isa::sse41 : dnnl::cpu_isa::avx2);
  return true;
}

}  // namespace

void match_library_isa() { [[maybe_unused]] static const bool done = hold_to_level(); }

std::string library_isa_text() {
  match_library_isa();
  constexpr std::pair<dnnl::cpu_isa, const char*> kNames[] = {
      {dnnl::cpu_isa::sse41, "sse41"},
      {dnnl::cpu_isa::avx, "avx"},
      {dnnl::cpu_isa::avx2, "avx2"},
      {dnnl::cpu_isa::avx2_vnni, "avx2_vnni"},
      {dnnl::cpu_isa::avx512_core, "avx512_core"},
      {dnnl::cpu_isa::avx512_core_vnni, "avx512_core_vnni"},
      {dnnl::cpu_isa::avx512_core_bf16, "avx512_core_bf16"},
      {dnnl::cpu_isa::avx512_core_amx, "avx512_core_amx"}};
  const dnnl_version_t* version = dnnl_version();
  std::string text = "oneDNN " + std::to_string(version->major) + '.' +
                     std::to_string(version->minor) + '.' + std::to_string(version->patch);
  const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
  for (const auto& [known, name] : kNames) {
    if (known == isa) return text + ", " + name;
  }
  return text + ", instruction set " + std::to_string(static_cast<int>(isa));
}

}  // namespace cutaway::kernels
