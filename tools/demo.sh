#!/usr/bin/env bash
# demo.sh PROGRAM DIR: renders a few synthetic pictures into DIR/pictures and explains a small net's decisions about
# them with several methods, in DIR/explained. Uses the net that ships with the sources; without it, trains one.
set -euo pipefail

program=$1
out=$2
here=$(cd "$(dirname "$0")" && pwd)
model=$here/../weights/shipped/creatures.h5

mkdir -p "$out"
if [ ! -f "$model" ]; then
  model=$out/creatures.h5
  if [ ! -f "$model" ]; then "$program" train "$model" --seed 1; fi
fi
rm -rf "$out/pictures"
"$program" dataset make creatures "$out/pictures" --count 8 --seed 7
"$program" explain "$model" "$out/pictures" --recursive --out "$out/explained" --overwrite \
  --method saliency,guided,deconvnet,gradcam,cam
echo "Open $out/explained/report.html in a browser."
