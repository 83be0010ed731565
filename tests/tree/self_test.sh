#!/usr/bin/env bash
# A check that cannot fail proves nothing: builds a small tree that check_tree.sh accepts, then breaks one rule at a
# time and wants exactly that rule named.
set -euo pipefail

checker=$(cd "$(dirname "$0")" && pwd)/check_tree.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cases=0
failures=0

fail() {
  echo "self_test: $*"
  failures=$((failures + 1))
}

# A tree that breaks no rule, with lines that look as if they did.
make_good_tree() {
  rm -rf "$scratch/tree"
  mkdir -p "$scratch/tree"/{cmake,runtime/cuda,kernels/cuda,layers,weights,explain,tools,tests/layers}
  cd "$scratch/tree"
  printf '# why\nweights/handle.h\n' > cmake/private_headers.txt
  printf '#pragma once\n#include <string>\n// never exit() or std::cout here\n' > runtime/error.h
  printf '#pragma once\n#include <cuda_runtime.h>\n' > runtime/cuda/check.h
  printf '#pragma once\n#include "runtime/error.h"\nnamespace cutaway {\nclass Pool {\n};\n}\n' > kernels/pool.h
  printf '#include "kernels/pool.h"\nk<<<dim3(1, 2), f(3, 4),\n    0, queue>>>(1, 2, 3, 4);\n' > kernels/cuda/pool.cu
  printf '#pragma once\n#include "kernels/pool.h"\nconst char* text = "std::cout << 1; exit(1)";\n' > layers/max_pool.h
  printf '#pragma once\n#include <hdf5.h>\n#pragma GCC visibility push(hidden)\n' > weights/handle.h
  printf '#include "weights/handle.h"\n#include "layers/max_pool.h"\nint n = std::snprintf(b, 1, "");\n' > weights/load.cpp
  printf '#pragma once\n#include "layers/max_pool.h"\n' > explain/method.h
  printf '#include "explain/method.h"\n#include "weights/handle.h"\nstd::cout << 1;\n' > tools/main.cpp
  mkdir tools/program
  printf '#include <CLI/CLI.hpp>\n' > tools/program/command.cpp
  mkdir docs
  printf 'See `layers/max_pool.h` and `layers/<name>.h`.\n' > README.md
  printf '## Exit codes\n### `std::cout << 1; exit`\n' > docs/messages.md
  printf '// Bach et al. 2015, appendix D.8; docs/messages.md#exit-codes, README.md; https://x.org/gone.md 3.3\n' \
    > explain/cited.cpp
  printf 'See [exits](messages.md#exit-codes), ../README.md and docs/messages.md.\n' > docs/other.md
  { printf 'int f(int a) {  // long: a table\n'; printf 'x;\n%.0s' {1..61}; printf '}\nX::X() : y{1}, z(2) { f(); }\n'; } \
    > tools/table.cpp
  printf 'int g() { return 1; }\nclass Y {\n%s}\n' "$(printf 'int x;\n%.0s' {1..61})" > tools/members.cpp
  printf '// 0x1.8p3F, F16, B.begin(), a(D, 8), docs/messages.md: 1.5 of 2\n' >> explain/cited.cpp
  printf 'using namespace cutaway;\n#include "explain/method.h"\n' > tests/layers/pool_test.cpp
}

# breaks RULE FILE TEXT: with TEXT appended to FILE the checker must fail and name RULE, nothing else.
breaks() {
  local rule=$1 file=$2 output status=0
  cases=$((cases + 1))
  make_good_tree
  mkdir -p "$(dirname "$file")"
  printf "$3" >> "$file"
  output=$("$checker" "$scratch/tree") || status=$?
  [ "$status" -eq 1 ] || fail "$rule in $file: exit status $status, expected 1"
  [[ $output == *": $rule: "* ]] || fail "$rule in $file: not found in: $output"
  [ "$(grep -cv -e ": $rule: " -e '^check_tree:' <<< "$output")" -eq 0 ] ||
    fail "$rule in $file: other findings too: $output"
}

make_good_tree
cases=$((cases + 1))
output=$("$checker" "$scratch/tree") || fail "the good tree: $output"

# Every pair of folders that must not meet.
for pair in runtime:kernels runtime:layers runtime:weights runtime:explain runtime:tools kernels:layers \
  kernels:weights kernels:explain kernels:tools layers:weights layers:explain layers:tools weights:explain \
  weights:tools explain:weights explain:tools tools:tests; do
  breaks direction "${pair%:*}/new.cpp" "#include \"${pair#*:}/x.h\"\n"
done
for pair in explain/pictures:explain explain/pictures:explain/runs explain:explain/runs explain/report:explain/runs \
  explain/runs:explain/units/run explain/runs:explain/graph/run explain/graph/run:explain/graph/show \
  explain/graph/show:explain/graph/evaluation; do
  breaks direction "${pair%:*}/new.cpp" "#include \"${pair#*:}/x.h\"\n"
done
breaks command-line explain/runs/new.cpp '#include <CLI/CLI.hpp>\n'
breaks command-line tools/verbs/new.cpp '#include <CLI/CLI.hpp>\n'
breaks signals explain/runs/new.cpp '  sigaction(SIGINT, &action, nullptr);\n'
breaks signals explain/runs/new.cpp 'volatile std::sig_atomic_t interrupted = 0;\n'
breaks hidden-type explain/new.h '#pragma once\nnamespace cutaway::explain {\nstruct Pool {\n};\n}\n'
breaks include-root layers/new.cpp '#include "max_pool.h"\n'
for header in cuda_runtime.h cudnn.h cublas_v2.h dnnl.hpp hdf5.h mpi.h opencv2/core.hpp jpeglib.h png.h \
  nlohmann/json.hpp; do
  breaks third-party layers/max_pool.h "#include <$header>\n"
done
breaks third-party kernels/pool.h '#include "runtime/cuda/check.h"\n'
breaks third-party weights/public.h '#pragma once\n#include "weights/handle.h"\n'
breaks private-list cmake/private_headers.txt 'weights/gone.h\n'
breaks visibility cmake/private_headers.txt 'explain/method.h\n'
breaks visibility layers/max_pool.h '#pragma GCC visibility push(hidden)\n'
breaks pragma-once layers/new.h 'int x;\n'
breaks using-namespace layers/max_pool.h 'using namespace std;\n'
breaks default-stream kernels/cuda/pool.cu 'k<<<1, 2>>>(x);\n'
breaks default-stream kernels/cuda/pool.cu 'k<<<1, 2, 0, 0>>>(x);\n'
breaks default-stream kernels/cuda/pool.cu 'k<<<dim3(1, 2, 3),\n  2>>>(x);\n'
breaks prints-or-ends layers/new.cpp 'std::cout << 1;\n'
breaks prints-or-ends layers/new.cpp '  printf("x");\n'
breaks prints-or-ends layers/new.cpp '  std::fprintf(stderr, "x");\n'
breaks prints-or-ends layers/new.cpp '  std::exit(1);\n'
breaks prints-or-ends layers/new.cpp '  abort();\n'
breaks environment layers/new.cpp 'auto* x = std::getenv("X");\n'
breaks ascii layers/new.cpp '// caf\xc3\xa9\n'
breaks tab layers/new.cpp '\tint x;\n'
breaks unfinished tools/new.cpp '// TODO\n'
breaks document-path README.md 'and `layers/gone.h`\n'
breaks document-path docs/new.md '`tools/gone.sh`\n'
breaks document-message docs/messages.md '### `nobody says this`\n'
breaks citation explain/new.cpp '/// The quotient (methods.md D.8).\n'
breaks citation explain/new.cpp '// docs/gone.md\n'
breaks citation explain/new.cpp '/// See docs/messages.md 3.3.\n'
breaks citation explain/new.cpp '/// See docs/messages.md, section 3.\n'
breaks citation explain/new.cpp '/// See docs/messages.md#nothing-here.\n'
breaks citation kernels/new.h '#pragma once\n// panel (c) of A.7\n'
breaks citation tools/new.cpp '/// Exit codes (DESIGN 5)\n'
breaks citation tests/layers/new.cpp 'TEST_CASE("D8: one unit by hand") {}\n'
breaks citation tests/layers/new.cpp 'TEST_CASE("LRP (D8): one unit by hand") {}\n'
breaks citation tests/layers/new.cpp 'TEST_CASE("explanatory graph A3: parents") {}\n'
breaks citation docs/new.md 'As in users.md 3.3.\n'
breaks citation docs/new.md 'As in [exits](messages.md#no-heading).\n'
breaks function-length explain/new.cpp "$(printf 'int f(int a)\\n    : b_{a} {\\n'; printf 'x;\\n%.0s' {1..61}; printf '}\\n')"
breaks length explain/new.cpp "$(printf 'x;\\n%.0s' {1..501})"

# Nothing to check must not pass.
cases=$((cases + 1))
mkdir "$scratch/empty"
if "$checker" "$scratch/empty" 2> /dev/null; then fail "an empty tree passed"; fi

# The format check refuses what clang-format would change, and says when it cannot judge.
format_checker=$(dirname "$checker")/check_format.sh
cases=$((cases + 1))
mkdir "$scratch/formatted"
git -C "$scratch/formatted" init -q
printf 'BasedOnStyle: Google\n' > "$scratch/formatted/.clang-format"
printf 'int x = 1;\n' > "$scratch/formatted/a.cpp"
status=0
"$format_checker" "$scratch/formatted" > /dev/null || status=$?
if [ "$status" -eq 77 ]; then
  echo "self_test: check_format.sh is not tested: no clang-format 14"
else
  [ "$status" -eq 0 ] || fail "formatted source: exit status $status, expected 0"
  printf 'int   y=1;\n' > "$scratch/formatted/b.cpp"
  status=0
  "$format_checker" "$scratch/formatted" > /dev/null 2>&1 || status=$?
  [ "$status" -eq 1 ] || fail "unformatted source: exit status $status, expected 1"
fi

echo "self_test: $cases cases, $failures failures"
[ "$failures" -eq 0 ]
