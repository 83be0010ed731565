#!/usr/bin/env bash
# Checks what neither the compiler nor clang-tidy sees: who includes whom, what public headers show, and the house
# rules that one line of text can break. Needs bash, find, grep and awk.
#
#   check_tree.sh [ROOT]       prints FILE:LINE: RULE: MESSAGE for every finding; exit status 1 if there is any
#   check_tree.sh --times LOG  the ten slowest steps of a .ninja_log, in seconds
#
# self_test.sh, beside this file, shows that every rule can fail.
set -euo pipefail
export LC_ALL=C

if [ "${1:-}" = --times ]; then
  awk -F '\t' 'NF >= 4 { printf "%7.1f %s\n", ($2 - $1) / 1000, $4 }' "$2" | sort -rn | sed -n 1,10p
  exit 0
fi

here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}"

present=()
for folder in runtime kernels layers weights explain tools tests; do
  if [ -d "$folder" ]; then present+=("$folder"); fi
done
code=()
text=()
if [ "${#present[@]}" -gt 0 ]; then
  mapfile -t code < <(find "${present[@]}" -type f -regex '.*\.\(h\|hpp\|inl\|cuh\|cpp\|cu\)' | sort)
  mapfile -t text < <(find "${present[@]}" -type f -regex '.*\(\.\(py\|sh\|cmake\|awk\)\|CMakeLists\.txt\)' | sort)
fi
if [ "${#code[@]}" -eq 0 ]; then
  echo "check_tree: no sources in $PWD" >&2  # comparing nothing must not pass
  exit 2
fi

# Headers that may show a third-party library; see the file.
private=
if [ -f cmake/private_headers.txt ]; then
  private=$(sed -e 's/#.*//' cmake/private_headers.txt | tr -s ' \n' ' ')
fi

find_all() {
  local header
  for header in $private; do
    [ -f "$header" ] || echo "cmake/private_headers.txt:1: private-list: $header is not there"
    [ ! -f "$header" ] || grep -q '^#pragma GCC visibility push(hidden)$' "$header" ||
      echo "$header:1: visibility: a private header without #pragma GCC visibility push(hidden)"
  done
  # A public header that hides what it declares could be included, but not linked.
  for header in $(grep -lE "^#pragma GCC visibility push" -- "${code[@]}" || true); do
    [[ " $private " == *" $header "* ]] || echo "$header:1: visibility: hidden, but not in cmake/private_headers.txt"
  done
  awk -v private="$private" -f "$here/check_tree.awk" "${code[@]}"
  grep -HnP '[^\x00-\x7F]' -- "${code[@]}" "${text[@]}" |
    sed -E 's/^([^:]+:[0-9]+):.*/\1: ascii: a character outside ASCII/' || true
  grep -HnP '\t' -- "${code[@]}" "${text[@]}" | sed -E 's/^([^:]+:[0-9]+):.*/\1: tab: a tab/' || true
  wc -l -- "${code[@]}" "${text[@]}" |
    awk '$1 > 500 && $2 != "total" { print $2 ":" $1 ": length: " $1 " lines, more than 500" }'
}

# Documents name files that exist and messages that the sources contain.
check_documents() {
  local line path message documents=()
  mapfile -t documents < <(find . -maxdepth 1 -name '*.md' -printf '%P\n'; find docs -name '*.md' 2> /dev/null)
  [ "${#documents[@]}" -gt 0 ] || return 0
  while IFS= read -r line; do
    path=${line##*:\`}
    path=${path%\`}
    [ -e "$path" ] || [ "${path##*\*}" != "$path" ] || echo "${line%%:\`*}: document-path: $path is not there"
  done < <(grep -HnoE '`(runtime|kernels|layers|weights|explain|tools|tests|cmake|docs|\.ci)/[A-Za-z0-9_./*-]+`' "${documents[@]}")
  while IFS= read -r line; do
    message=${line#*\`}
    message=${message%\`}
    grep -qF -- "$message" "${code[@]}" "${text[@]}" cmake/*.cmake 2> /dev/null ||
      echo "${line%%:\#*}: document-message: no source says '$message'"
  done < <(grep -HnE '^### `.*`$' "${documents[@]}")
}

# GitHub's anchor of a heading: small letters, no punctuation, blanks as hyphens.
anchors_of() {
  sed -nE 's/^#+ //p' "$1" | tr 'A-Z' 'a-z' | sed -E 's/[^a-z0-9 _-]//g; s/ /-/g' | sed "s|^|$1#|"
}

# Comments, test names and pages cite papers and documents that are here.
check_citations() {
  local documents=() document anchors=
  mapfile -t documents < <(find . -name '*.md' -not -path './build*' -not -path './.git/*' -printf '%P\n' | sort)
  for document in "${documents[@]}"; do anchors+=" $(anchors_of "$document" | tr '\n' ' ')"; done
  awk -v documents="${documents[*]}" -v anchors="$anchors" -f "$here/check_citations.awk" \
    $(printf '%s\n' "${code[@]}" "${text[@]}" "${documents[@]}" | grep -v '^tests/tree/')
}

findings=$(find_all; check_documents; check_citations)
if [ -n "$findings" ]; then
  printf '%s\n' "$findings"
  echo "check_tree: $(printf '%s\n' "$findings" | wc -l) findings in $((${#code[@]} + ${#text[@]})) files"
  exit 1
fi
echo "check_tree: no findings in $((${#code[@]} + ${#text[@]})) files"
