#!/usr/bin/env bash
# demo.sh PROGRAM DIR: explains the shipped net's decisions about the shipped pictures with every method, into DIR, and
# measures the net on creatures rendered for the purpose.
set -euo pipefail

program=$1
out=$2
shipped=$(cd "$(dirname "$0")/.." && pwd)/weights/shipped

mkdir -p "$out"
"$program" classify "$shipped/creatures.h5" --list "$shipped/creatures/labels.csv" --top 2
"$program" explain "$shipped/creatures.h5" "$shipped/creatures/labels.csv" --out "$out" --overwrite \
  --method all
"$program" evaluate "$shipped/creatures.h5" --seed 1 --count 500
echo "Open $out/report.html in a browser."
