#!/usr/bin/env bash
# Fuzzes one importer with clang's libFuzzer under AddressSanitizer and UndefinedBehaviorSanitizer:
#
#   tests/fuzz/fuzz.sh prototxt 600 [CORPUS]     targets: the fuzz_*.cpp files beside this script
#
# The importers are compiled for it; the rest comes from the libraries in $BUILD (default: build), built before.
# Exit status 0: no finding. Findings stay in the current folder (crash-*, timeout-*, oom-*).
set -euo pipefail

target=$1
seconds=$2
corpus=${3:-}
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$root/build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mapfile -t sources < <(find "$root/weights/import" -name '*.cpp')
flags=(-std=c++20 -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all "-I$root" "-I$build/include"
  -isystem /usr/include/hdf5/serial)
objects=()
for source in "${sources[@]}" "$root/tests/fuzz/fuzz_$target.cpp"; do
  object=$work/$(basename "$source" .cpp).o
  kind=fuzzer-no-link,address,undefined
  echo "$kind $source $object"
  objects+=("$object")
done | xargs -P "$(nproc)" -L 1 bash -c 'clang++-14 -fsanitize="$0" '"${flags[*]@Q}"' -c "$1" -o "$2"'
mapfile -t objects < <(find "$work" -name '*.o')
clang++-14 -fsanitize=fuzzer,address,undefined "${objects[@]}" -o "$work/fuzz" \
  "$build"/weights/libcutaway_weights.a "$build"/layers/libcutaway_layers.a "$build"/kernels/libcutaway_kernels.a \
  "$build"/runtime/libcutaway_runtime.a -L/usr/lib/x86_64-linux-gnu/hdf5/serial -lhdf5 -ldnnl -lz -lgomp -lpthread
mkdir -p "$work/corpus"
"$work/fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=512 -max_len=65536 \
  -print_final_stats=1 "$work/corpus" ${corpus:+"$corpus"}
