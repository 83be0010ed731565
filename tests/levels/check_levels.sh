#!/usr/bin/env bash
# Checks what was compiled for which instruction set: nothing but the objects of a level may need more than
# x86-64-v2, and of those nothing may be seen from outside but the functions that are named for the level. Otherwise
# the linker could hand a processor a function of another level, std::vector's say, and it would die of it.
#
#   check_levels.sh BUILD LEVELS     BUILD: the build folder; LEVELS: how many there are (1: nothing to check)
#
# Exit status 0: all is well; 1: findings; 77: nothing to check.
set -euo pipefail
export LC_ALL=C

build=$1
if [ "$2" -eq 1 ]; then
  echo "SKIPPED: this build has one level only"
  exit 77
fi
objdump=${OBJDUMP:-objdump}
nm=${NM:-nm}

# Instructions beyond x86-64-v2: all with a VEX or EVEX prefix, whose names begin with v, and the scalar ones of v3. Not
# tzcnt, which older processors take for bsf.
beyond='^(v[a-z0-9]+|andn|bextr|blsi|blsmsk|blsr|bzhi|lzcnt|movbe|mulx|pdep|pext|rorx|sarx|shlx|shrx)$'

# Prints OBJECT FUNCTION INSTRUCTION for the first instruction beyond v2 of every function, and, last, how many
# instructions there were: comparing nothing must not pass.
scan() {
  "$objdump" -d --no-show-raw-insn "$@" | awk -F '\t' -v beyond="$beyond" '
    /:     file format / { object = $0; sub(/:     file format .*/, "", object) }
    /^[0-9a-f]+ <.*>:$/ { name = $0; sub(/^[0-9a-f]+ /, "", name); said = 0 }
    NF >= 2 {
      ++count
      split($2, word, " ")
      i = word[1] ~ /^(rep|repz|repnz|lock|data16|notrack|bnd)$/ ? 2 : 1
      if (!said && word[i] ~ beyond) { print object, name, word[i]; said = 1 }
    }
    END { print "instructions", count + 0 }'
}

failed=0
fail() {
  echo "FAILED: $*"
  failed=1
}

mapfile -t archives < <(find "$build" -maxdepth 2 -name 'libcutaway_*.a' | sort)
mapfile -t objects < <(find "$build" -maxdepth 2 -regex '.*/cutaway_[a-z]*_\(Baseline\|Avx2\|Avx512\)\.o' | sort)
[ "${#archives[@]}" -ge 3 ] || fail "found ${#archives[@]} archives in $build"
[ "${#objects[@]}" -ge 3 ] || fail "found ${#objects[@]} objects of levels in $build"

found=$(scan "${archives[@]}")
leaks=$(grep -vE '^(instructions|cutaway_[a-z]*_(Avx2|Avx512)\.o) ' <<< "$found" || true)
count=$(sed -n 's/^instructions //p' <<< "$found")
[ "$count" -gt 100000 ] || fail "only $count instructions in ${#archives[@]} archives"
[ -z "$leaks" ] || fail "instructions beyond x86-64-v2 outside the objects of a level:"$'\n'"$(head -20 <<< "$leaks")"

for object in "${objects[@]}"; do
  case $object in
    *_Baseline.o) level=0 wanted= ;;
    *_Avx2.o) level=1 wanted='vfn?m(add|sub)[0-9]*ps .*%ymm' ;;
    *) level=2 wanted='vfn?m(add|sub)[0-9]*ps .*%zmm' ;;
  esac
  name=$(basename "$object")
  seen=$("$nm" --defined-only --extern-only --format=posix "$object")
  grep -q "NS_8CpuLevelE${level}E" <<< "$seen" || fail "$name: no function of its level"
  others=$(grep -vE "NS_8CpuLevelE${level}E[^ ]* T " <<< "$seen" || true)
  [ -z "$others" ] || fail "$name: seen from outside though not named for the level:"$'\n'"$(head -20 <<< "$others")"
  if [ -n "$wanted" ]; then
    products=$("$objdump" -d --no-show-raw-insn "$object" | grep -cE "$wanted" || true)
    [ "$products" -ge 100 ] || fail "$name: $products fused multiply-adds on vectors of its level"
  fi
done
[ "$failed" -eq 0 ] || exit 1
echo "check_levels: $count instructions in ${#archives[@]} archives, ${#objects[@]} objects of levels, no findings"
