#include <doctest/doctest.h>

#include <omp.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <vector>

#include "runtime/denormals.h"
#include "runtime/stream.h"

using namespace cutaway;

namespace {

double seconds_of_sum(const std::vector<float>& values, float& sum) {
  const auto start = std::chrono::steady_clock::now();
  for (int round = 0; round < 400; ++round) {
    for (const float v : values) sum += v * 0.5F;
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("denormals count as 0 on every thread of the stream, and only meanwhile") {
  const Stream stream = CpuStream(2);
  const int threads = std::get<CpuStream>(stream).threads();
  CHECK_FALSE(flushes_denormals());
  int flushing = 0;
  {
    const FlushDenormals flush(stream);
#pragma omp parallel num_threads(threads) reduction(+ : flushing)
    flushing += flushes_denormals() ? 1 : 0;
    volatile float tiny = 1e-39F;
    CHECK(tiny * 1.0F == 0.0F);
  }
  CHECK(flushing == threads);
  int left = 0;
#pragma omp parallel num_threads(threads) reduction(+ : left)
  left += flushes_denormals() ? 1 : 0;
  CHECK(left == 0);
  volatile float tiny = 1e-39F;
  CHECK(tiny * 1.0F != 0.0F);
}

TEST_CASE("what denormals cost, with and without") {
  const std::vector<float> values(4096, 1e-39F);
  float sum = 0;
  const double slow = seconds_of_sum(values, sum);
  double quick = 0;
  {
    const FlushDenormals flush{Stream(CpuStream(1))};
    quick = seconds_of_sum(values, sum);
  }
  MESSAGE("sums of products that are denormal take ", slow / quick,
          " times as long as when they are flushed");
  CHECK(sum >= 0.0F);
  CHECK(slow > 0.0);
}

TEST_CASE("a stream takes as many threads as the system gives, and no result is lost") {
  if (getuid() == 0) {
    MESSAGE("root has no limit of processes; the limit is set in a child that is nobody");
  }
  const pid_t child = fork();
  if (child == 0) {
    if (getuid() == 0 && setuid(65534) != 0) _exit(1);
    const rlimit none{1, 1};
    if (setrlimit(RLIMIT_NPROC, &none) != 0) _exit(1);
    const CpuStream stream(4);
    if (stream.threads() != 1) _exit(2);
    int sum = 0;
#pragma omp parallel num_threads(stream.threads()) reduction(+ : sum)
    sum += 1;
    _exit(sum == 1 ? 0 : 3);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
