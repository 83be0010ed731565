#!/usr/bin/env bash
# kill_training.sh PROGRAM DIR [KILLS]: trains a small net on creatures undisturbed; trains it again, ended by SIGKILL at
# KILLS random moments (10) and resumed each time; the weights must be equal byte for byte. Sleeping is what it is for.
set -euo pipefail

program=$1
dir=$2
kills=${3:-10}
mkdir -p "$dir"

train() {
  "$program" train gap-small --data creatures:1500 --recipe creatures --epochs 4 --batch 32 --seed 5 --quiet \
    --checkpoint-every 3 --out "$dir/$1" "${@:2}"
}

rm -rf "$dir/whole" "$dir/killed"
start=$(date +%s%N)
train whole > "$dir/whole.txt"
took=$(( ($(date +%s%N) - start) / 1000000 ))
done=0
again=()
while [ "$done" -lt "$kills" ]; do
  train killed "${again[@]}" > "$dir/killed.txt" 2> "$dir/killed.err" &
  pid=$!
  # Every part of a run is met: the beginning too, where there is nothing to go on with yet.
  sleep "$(awk -v ms="$took" -v seed="$RANDOM" 'BEGIN { srand(seed); printf "%.3f", ms * (0.15 + 0.35 * rand()) / 1000 }')"
  if ! kill -KILL "$pid" 2> /dev/null; then break; fi
  wait "$pid" 2> /dev/null || true
  done=$((done + 1))
  again=()
  if ls "$dir"/killed/checkpoints/checkpoint-*.h5 > /dev/null 2>&1; then again=(--resume); else again=(--overwrite); fi
done
train killed "${again[@]}" > "$dir/killed.txt"
cmp "$dir/whole/net.h5" "$dir/killed/net.h5" ||
  { echo "the weights differ after $done kills" >&2; exit 1; }
echo "$done kills; net.h5 is the same to the byte"
