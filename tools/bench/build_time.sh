#!/usr/bin/env bash
# build_time.sh TREE...: how many seconds of processor time the build of each source tree takes, with a cold cache.
# Configures as `make demo` and `make test` of that tree do, into a scratch folder, and builds one after the other:
#
#   git worktree add ../before d9f4389
#   tools/bench/build_time.sh ../before .
#
# JOBS compilers run at a time (default 2). Time is user and system time of all processes, which another load on the
# machine changes by some percent, not by multiples; the wall clock is printed too.
set -euo pipefail

jobs=${JOBS:-2}
export CCACHE_DISABLE=1
nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2> /dev/null || true)
[ -z "$nvcc" ] || export CUDACXX=${CUDACXX:-$nvcc}

# measure NAME FOLDER [TARGET]
measure() {
  local name=$1 folder=$2 times
  shift 2
  times=$({ TIMEFORMAT='%U %S %R'; time ninja -C "$folder" -j "$jobs" "$@" > "$folder/ninja.out" 2>&1; } 2>&1) ||
    { tail -20 "$folder/ninja.out" >&2; exit 1; }
  awk -v name="$name" '{ printf "  %-10s %7.0f CPU s  %7.0f s wall\n", name, $1 + $2, $3 }' <<< "$times"
}

for tree in "$@"; do
  scratch=$(mktemp -d)
  test_preset=$([ -n "$nvcc" ] && echo ci || echo release)
  demo_preset=$(cd "$tree" && cmake --list-presets | grep -q '"cpu"' && echo cpu || echo "$test_preset")
  echo "$tree ($(git -C "$tree" rev-parse --short HEAD))"
  (cd "$tree" && cmake --preset "$demo_preset" -B "$scratch/demo" > /dev/null)
  measure "make demo" "$scratch/demo" cutaway
  (cd "$tree" && cmake --preset "$test_preset" -B "$scratch/test" > /dev/null)
  measure "make test" "$scratch/test"
  rm -rf "$scratch"
done
