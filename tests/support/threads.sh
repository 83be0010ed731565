#!/usr/bin/env bash
# threads.sh BUILD [SUITE...]: runs suites built under ThreadSanitizer with two OpenMP threads a run.
#
# GCC's OpenMP library is not instrumented: what its threads hand to each other would look like races. LLVM's, which has the
# same entry points, tells ThreadSanitizer of its synchronisation (Archer, Debian: libomp-14-dev). It is put in GCC's place
# here, and a loop with a race shows first that races are still seen. Without it every run has one thread, and this is said.
set -euo pipefail

build=$1
shift
suites=("$@")
[ "${#suites[@]}" -gt 0 ] || suites=(test_runtime test_kernels test_layers test_explain)
llvm=${CUTAWAY_LLVM_LIB:-/usr/lib/llvm-14/lib}
export TSAN_OPTIONS="ignore_noninstrumented_modules=1 history_size=4 ${TSAN_OPTIONS:-}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

if [ -e "$llvm/libarcher.so" ] && [ -e "$llvm/libomp.so.5" ]; then
  run=(env "LD_PRELOAD=$llvm/libomp.so.5" "OMP_TOOL_LIBRARIES=$llvm/libarcher.so" OMP_NUM_THREADS=2)
  cat > "$scratch/race.cpp" << 'END'
int main(int argc, char**) {
  int shared = 0, sums[2] = {0, 0};
#pragma omp parallel for num_threads(2)
  for (int i = 0; i < 2; ++i) sums[i] = i;
#pragma omp parallel for num_threads(2)
  for (int i = 0; i < 100000; ++i) {
    if (argc > 1) ++shared;
  }
  return sums[0] + sums[1] + shared < 0;
}
END
  c++ -g -fopenmp -fsanitize=thread "$scratch/race.cpp" -o "$scratch/race"
  "${run[@]}" "$scratch/race" > "$scratch/clean.log" 2>&1 || { cat "$scratch/clean.log"; exit 1; }
  if "${run[@]}" "$scratch/race" racing > /dev/null 2>&1; then
    echo "threads: a race in a loop was not seen" >&2
    exit 1
  fi
  echo "threads: two OpenMP threads a run, their synchronisation known by $llvm/libarcher.so"
else
  run=(env OMP_NUM_THREADS=1)
  echo "threads: SKIPPED two OpenMP threads a run: no libomp-14-dev here; one thread a run"
fi

status=0
for suite in "${suites[@]}"; do
  # The long cases are many passes of the same kernels.
  "${run[@]}" "$build/$suite" ${CUTAWAY_THREADS_CASES:+"$CUTAWAY_THREADS_CASES"} > "$scratch/out" 2>&1 || {
    tail -60 "$scratch/out"
    status=1
  }
  echo "threads: $suite: $(grep -c 'WARNING: ThreadSanitizer' "$scratch/out" || true) findings, $(grep 'test cases:' "$scratch/out")"
done
"${run[@]}" "$build/test_tools" --test-case='two runs on two threads*' | tail -3 || status=1
exit "$status"
