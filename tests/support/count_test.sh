#!/usr/bin/env bash
# What count.sh says about runs that are made up here: cases without data must not count as passed.
set -euo pipefail

count=$(cd "$(dirname "$0")" && pwd)/count.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# run STATUS CASES PASSED FAILED SKIPPED: the file of a run with one doctest suite.
run() {
  {
    echo "<testcase name=\"suite\" status=\"$1\">"
    echo "<system-out>[doctest] run with \"--help\" for options"
    [ "$5" -eq 0 ] || echo "test.cpp:1: MESSAGE: SKIPPED: no shared data at /nowhere"
    echo "[doctest] test cases: $2 | $3 passed | $4 failed | 0 skipped"
    echo "[doctest] assertions: 9 | 9 passed | 0 failed |"
    [ "$5" -eq 0 ] || echo "[doctest] of these, skipped for want of data: $5"
    echo "</system-out></testcase>"
  } > "$scratch/results.xml"
}

# expect LAST_LINE STATUS: what count.sh prints last, and its exit status.
expect() {
  local status=0 last
  "$count" "$scratch/results.xml" > "$scratch/out" || status=$?
  last=$(tail -1 "$scratch/out")
  if [ "$last" != "$1" ] || [ "$status" -ne "$2" ]; then
    echo "count_test: expected '$1' and status $2, got '$last' and $status"
    exit 1
  fi
}

run run 12 12 0 0
expect "12 tests passed, 0 failed, 0 skipped for want of data, 0 suites skipped (1 suites, 9 assertions)" 0
run run 12 12 0 5
expect "7 tests passed, 0 failed, 5 skipped for want of data, 0 suites skipped (1 suites, 9 assertions)" 0
grep -q "SKIPPED: no shared data" "$scratch/out"
run fail 12 10 2 5
expect "5 tests passed, 2 failed, 5 skipped for want of data, 0 suites skipped (1 suites, 9 assertions)" 1
run run 3 3 0 3
expect "0 tests passed, 0 failed, 3 skipped for want of data, 0 suites skipped (1 suites, 9 assertions)" 1
: > "$scratch/results.xml"
expect "0 tests passed: nothing was run" 1
echo "count_test: count.sh leaves out what was skipped"
