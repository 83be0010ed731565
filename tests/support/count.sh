#!/usr/bin/env bash
# count.sh JUNIT_FILE: what a ctest run did, from the file it wrote with --output-junit. Prints a line an entry with its
# number of tests, what was skipped and why, and at last the totals. Exit status 1 if anything failed, could not be
# run, or nothing ran.
#
# A doctest suite counts as its test cases, any other entry as one test.
set -euo pipefail

if [ ! -s "$1" ]; then
  echo "0 tests passed: nothing was run"
  exit 1
fi
awk '
  function close_entry(   bad) {
    if (name == "") return
    if (status == "run" && !failed_cases) {
      ran = cases ? good - lacking : 1
      passed += ran
      printf "  %7d  %s%s\n", ran, name, (lacking ? ", " lacking " skipped" : "")
    } else if (status == "disabled" || (status == "notrun" && reason ~ /SKIP/)) {
      ++skipped
      printf "  skipped  %s\n", name
    } else {
      bad = failed_cases ? failed_cases : 1
      passed += good - lacking
      failed += bad
      printf "   FAILED  %s%s\n", name, (status == "notrun" ? " (could not be run)" : "")
    }
    printf "%s", notes
    lacked += lacking
    assertions += checks
    ++entries
    name = ""
  }
  /<testcase name="/ {
    close_entry()
    name = status = $0
    sub(/.*<testcase name="/, "", name)
    sub(/".*/, "", name)
    sub(/.* status="/, "", status)
    sub(/".*/, "", status)
    cases = good = failed_cases = checks = lacking = 0
    reason = notes = ""
    next
  }
  /<skipped message="/ { reason = $0 }
  { sub(/.*<system-out>/, "") }
  /^\[doctest\] test cases:/ { cases = $4; good = $6; failed_cases = $9; next }
  /^\[doctest\] assertions:/ { checks = $3; next }
  # Cases that lack their data return at once; doctest counts them as passed (tests/support/skip.h).
  /^\[doctest\] of these, skipped for want of data:/ { lacking = $NF; next }
  # Tests that lack their data say so in a line with this word.
  /[Ss]kipped|SKIPPED/ && !/<skipped message|^\[doctest\]/ { notes = notes "           " substr($0, 1, 150) "\n" }
  END {
    close_entry()
    printf "%d tests passed, %d failed, %d skipped for want of data, %d suites skipped " \
           "(%d suites, %d assertions)\n", passed, failed, lacked, skipped, entries, assertions
    exit failed > 0 || passed == 0
  }' "$1"
