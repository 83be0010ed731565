#!/usr/bin/env bash
# Checks what the shared library shows: the classes of public headers, and nothing of private ones, of the standard
# library or of the libraries that it contains.
#
#   check_exports.sh LIBRARY SOURCES
set -euo pipefail
export LC_ALL=C

library=$1
cd "$2"
symbols=$("${NM:-nm}" -DC --defined-only "$library" | cut -d ' ' -f 3-)
failed=0
fail() {
  echo "FAILED: $*"
  failed=1
}

# NAMESPACE::NAME of every class that the headers named on stdin define at their outermost level.
classes_of() {
  xargs awk '
    FNR == 1 { space = "" }
    /^namespace [a-z_:]+ \{/ { space = $2 }
    /^(class|struct) [A-Za-z0-9_]+( final)?( :.*)? \{/ && space != "" { print space "::" $2 }'
}

others=$(grep -vE '(^| )cutaway::' <<< "$symbols" || true)
[ -z "$others" ] || fail "shown though not of namespace cutaway:"$'\n'"$(head -20 <<< "$others")"

private=$(grep -v '^#' cmake/private_headers.txt | classes_of)
[ "$(wc -l <<< "$private")" -ge 10 ] || fail "found too few private classes: $private"
for class in $private; do
  shown=$(grep -E "(^|for )$class(::|\$)" <<< "$symbols" || true)
  [ -z "$shown" ] || fail "$class of a private header is shown:"$'\n'"$(head -3 <<< "$shown")"
done

# A class with a virtual destructor or with members defined in a .cpp is of use only if its symbols can be seen.
count=$(wc -l <<< "$symbols")
[ "$count" -ge 1000 ] || fail "only $count symbols"
for class in Tensor Graph Executor Plan explain::Session explain::Method explain::Evaluator weights::Package \
  explain::Explanation Trainer Error; do
  grep -qE "(^|for )cutaway::$class(::|\$)" <<< "$symbols" || fail "nothing of cutaway::$class is shown"
done
[ "$failed" -eq 0 ] || exit 1
echo "check_exports: $count symbols, none of $(wc -l <<< "$private") private classes"
