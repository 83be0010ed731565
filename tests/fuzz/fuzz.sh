#!/usr/bin/env bash
# Fuzzes one parser with clang's libFuzzer under AddressSanitizer and UndefinedBehaviorSanitizer:
#
#   tests/fuzz/fuzz.sh prototxt 600 [CORPUS]     targets: the fuzz_*.cpp files beside this script
#
# The parsers are compiled for it (into $FUZZ_BUILD, default build-fuzz); the rest comes from the libraries in $BUILD
# (default build), built before. It starts from the files in seeds/TARGET, $SEEDS and CORPUS, and keeps what it finds
# interesting in CORPUS. Exit status 0: no finding. Findings stay in the current folder (crash-*, timeout-*, oom-*). An input
# may take $TIMEOUT seconds (default 10) by the clock: give more on a machine that is shared or stops at times.
set -euo pipefail

target=$1
seconds=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${BUILD:-$root/build}
objects=${FUZZ_BUILD:-$root/build-fuzz}
clang=$(command -v clang++-14 || command -v clang++) || { echo "fuzz.sh: no clang++" >&2; exit 2; }
launcher=$(command -v ccache || true)
mkdir -p "$objects"

flags=(-std=c++20 -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all "-I$root" "-I$build/include"
  -isystem /usr/include/hdf5/serial -isystem /usr/include/opencv4)
mapfile -t sources < <(find "$root/weights" -maxdepth 1 -name '*.cpp'; find "$root/weights/import" "$root/explain/pictures" -name '*.cpp'
  echo "$here/fuzz_$target.cpp")
compile() {
  local object=$objects/${1##*/}.o
  [ "$object" -nt "$1" ] && [ -z "$(find "$root/weights" "$here" -name '*.h' -newer "$object" -print -quit)" ] && return
  $launcher "$clang" -fsanitize=fuzzer-no-link,address,undefined "${flags[@]}" -c "$1" -o "$object.$$" && mv "$object.$$" "$object"
}
linked=()
for source in "${sources[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "${JOBS:-$(nproc)}" ]; do wait -n; done
  compile "$source" &
  linked+=("$objects/${source##*/}.o")
done
while [ -n "$(jobs -rp)" ]; do wait -n; done
# What the program is linked with, which depends on whether there is CUDA.
libraries=$(grep -A 30 '^build cutaway:' "$build/build.ninja" | sed -n 's/^ *LINK_LIBRARIES = //p' | head -n 1)
(cd "$build" && "$clang" -fsanitize=fuzzer,address,undefined "${linked[@]}" -o "$objects/fuzz_$target" $libraries)

corpus=${3:-$objects/corpus_$target}
mkdir -p "$corpus"
seeds=()
for folder in "$here/seeds/$target" ${SEEDS:-}; do
  if [ -d "$folder" ]; then seeds+=("$folder"); fi
done
"$objects/fuzz_$target" -max_total_time="$seconds" -timeout="${TIMEOUT:-10}" -rss_limit_mb=1024 -malloc_limit_mb=512 -max_len=65536 \
  -print_final_stats=1 "$corpus" "${seeds[@]}"
