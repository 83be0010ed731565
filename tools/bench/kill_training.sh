#!/usr/bin/env bash
# kill_training.sh PROGRAM DIR [KILLS]: trains a small net on creatures undisturbed; trains it again, ended by SIGKILL at
# KILLS random moments (10) and resumed each time; the weights must be equal bit for bit. Sleeping is what it is for.
set -euo pipefail

program=$1
dir=$2
kills=${3:-10}
mkdir -p "$dir"

# In a subshell, which becomes the program: what is killed is the program and no shell around it.
train() {
  exec "$program" train gap-small --data creatures:640 --recipe creatures --epochs 4 --batch 32 --seed 5 --quiet \
    --checkpoint-every 2 --out "$dir/$1" "${@:2}"
}
updates() { grep -c '"step"' "$dir/killed/log.jsonl" 2> /dev/null || true; }
hash_of() { grep -o '"weights_hash": "[0-9a-f]*"' "$dir/$1/manifest.json"; }

rm -rf "$dir/whole" "$dir/killed"
(train whole) > "$dir/whole.txt"
done=0
again=()
while [ "$done" -lt "$kills" ]; do
  before=$(updates)
  train killed ${again[@]+"${again[@]}"} > "$dir/killed.txt" 2> "$dir/killed.err" &
  pid=$!
  # A checkpoint further at least, so that it ends some day; then any moment, also within a checkpoint's writing.
  while kill -0 "$pid" 2> /dev/null && [ "$(updates)" = "$before" ]; do sleep 0.05; done
  sleep "0.$(printf '%03d' $((RANDOM % 400)))"
  if ! kill -KILL "$pid" 2> /dev/null; then break; fi
  wait "$pid" 2> /dev/null || true
  done=$((done + 1))
  again=(--resume)
done
wait
(train killed --resume) > "$dir/killed.txt"
[ "$(hash_of whole)" = "$(hash_of killed)" ] || { echo "the weights differ after $done kills" >&2; exit 1; }
echo "$done kills; $(hash_of killed) both times"
