#!/usr/bin/env bash
# run.sh PROGRAM CONSUMER LIBRARY SHIPPED: explains a picture with the program, then through cutaway.h; the bytes must be
# the same. The library may show the functions of cutaway.h, all of them, and nothing else.
set -euo pipefail

program=$1 consumer=$2 library=$3 shipped=$4
header=$(cd "$(dirname "$0")/../.." && pwd)/capi/cutaway.h
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

declared=$(grep -o 'cutaway_[a-z0-9_]*(' "$header" | tr -d '(' | sort -u)
shown=$("${NM:-nm}" -D --defined-only "$library" | awk '{ print $3 }' | sed 's/@.*//' | sort -u)
if [ "$declared" != "$shown" ]; then
  echo "cutaway.h and $library differ:"
  diff <(echo "$declared") <(echo "$shown") || true
  exit 1
fi

net=$shipped/creatures.h5
picture=$(find "$shipped/creatures/images" -type f | sort | head -1)
methods=(gradcam saliency cam guided integrated_gradients lrp occlusion deconvnet rise)
"$program" explain "$net" "$picture" --method "$(IFS=,; echo "${methods[*]}")" --threads 1 -q --out "$scratch/out"
"$consumer" "$net" "$picture" "$scratch/out" "${methods[@]}"
