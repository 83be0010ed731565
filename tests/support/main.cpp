// doctest's main, compiled once: its implementation costs 4 s a translation unit.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>

#include "runtime/cpu_features.h"
#include "runtime/error.h"

// CUTAWAY_TEST_CPU=LEVEL runs a suite on the kernels of a lower level of the CPU's instruction set.
// Exit code 77: this processor has no such level, or runs it without being told to.
int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  if (const char* level = std::getenv("CUTAWAY_TEST_CPU"); level != nullptr && *level != '\0') {
    try {
      cutaway::limit_cpu_level(cutaway::cpu_level_of(level));
    } catch (const cutaway::Error& error) {
      std::printf("SKIPPED: %s\n", error.what());
      return kSkipped;
    }
    if (cutaway::default_cpu_level() == cutaway::best_cpu_level()) {
      std::printf("SKIPPED: %s is the level of this processor\n", level);
      return kSkipped;
    }
  }
  return doctest::Context(argc, argv).run();
}
