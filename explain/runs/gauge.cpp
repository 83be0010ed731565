#include "explain/runs/gauge.h"

#include <unistd.h>

#include <ctime>
#include <fstream>

namespace cutaway::explain {

double resident_mebibytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0, resident = 0;
  if (!(file >> pages >> resident)) return 0;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1024.0 * 1024.0);
}

double Gauge::processor_milliseconds() {
  return 1000.0 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

void Gauge::add(std::int64_t done) {
  in_block_ += done;
  if (in_block_ < block_) return;
  const auto now = Clock::now();
  const double ms = std::chrono::duration<double, std::milli>(now - start_).count();
  const double cpu = processor_milliseconds();
  const auto images = static_cast<double>(in_block_);
  blocks_.push_back({ms / images, (cpu - cpu_start_) / images, resident_mebibytes()});
  start_ = now;
  cpu_start_ = cpu;
  in_block_ = 0;
  constexpr std::size_t kMost = 128;
  if (blocks_.size() < kMost) return;
  for (std::size_t i = 0; i < kMost / 2; ++i) {
    const Block& a = blocks_[2 * i];
    const Block& b = blocks_[2 * i + 1];
    blocks_[i] = {(a.milliseconds + b.milliseconds) / 2, (a.cpu + b.cpu) / 2, b.mebibytes};
  }
  blocks_.resize(kMost / 2);
  block_ *= 2;
}

NamedValues Gauge::fields() const {
  if (blocks_.empty()) return {};
  std::vector<double> ms, cpu, memory;
  for (const Block& b : blocks_) {
    ms.push_back(b.milliseconds);
    cpu.push_back(b.cpu);
    memory.push_back(b.mebibytes);
  }
  const double first = memory.front();
  return {{"images_a_block", block_},
          {"ms_an_image", ms},
          {"cpu_ms_an_image", cpu},
          {"memory_mib", memory},
          {"memory_growth", first > 0 ? memory.back() / first - 1.0 : 0.0}};
}

}  // namespace cutaway::explain
