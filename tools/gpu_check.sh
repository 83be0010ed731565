#!/usr/bin/env bash
# Proves the CUDA code on a GPU machine, in one command and under ten minutes:
#   tools/gpu_check.sh OUTDIR               build, check, measure; writes tests/parity/gpu_ledger.txt
#   tools/gpu_check.sh --build-only OUTDIR  build only (needs no GPU)
#   tools/gpu_check.sh --proof              says whether the ledger is of these sources; never fails
# Needs nvcc, cmake, a C++20 compiler, cuBLAS and cuDNN 9 (from the system, $CUDNN_ROOT, or Python's nvidia
# wheels), and no network. compute-sanitizer is used if it is there.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ledger=$root/tests/parity/gpu_ledger.txt

say() { echo "gpu_check: $*"; }
stop() { say "$*" >&2; exit 1; }

# The sources that run on the GPU or decide what does: "sha256  path", sorted by path.
source_hashes() {
  (cd "$root" && find runtime/cuda kernels/cuda kernels -maxdepth 1 -type f \
     \( -path 'runtime/cuda/*' -o -path 'kernels/cuda/*' -o -name '*.inl' -o -name 'conv_geometry.h' \
        -o -name 'conv_weights.h' -o -name 'site.h' \) | LC_ALL=C sort -u | xargs sha256sum)
}

proof() {
  if [[ ! -f $ledger ]]; then
    echo "GPU proof: none: never run on a GPU"
    return
  fi
  local changed
  # Lines that are in one list only, named once each.
  changed=$(diff <(sed -n 's/^source //p' "$ledger") <(source_hashes) | sed -n 's/^[<>] [0-9a-f]*  //p' |
            LC_ALL=C sort -u | paste -sd' ')
  if [[ -n $changed ]]; then
    echo "GPU proof: STALE ($changed)"
  elif grep -q '^result: *PASSED' "$ledger"; then
    echo "GPU proof: current ($(sed -n 's/^date: *//p' "$ledger"), $(sed -n 's/^gpu: *//p' "$ledger"))"
  else
    echo "GPU proof: current sources FAILED on $(sed -n 's/^gpu: *//p' "$ledger")"
  fi
}

# --- what is on this machine ------------------------------------------------------------------------

python=$(command -v python3 || command -v python || true)

# Folders of Python's nvidia wheels: nvidia/cudnn, nvidia/cublas, nvidia/cu13, ...
wheel_folders() {
  [[ -n $python ]] || return 0
  "$python" - <<'PY' 2>/dev/null
import glob, os, sys
for entry in sys.path:
    for folder in sorted(glob.glob(os.path.join(entry, "nvidia", "*"))):
        if os.path.isdir(os.path.join(folder, "lib")):
            print(folder)
PY
}

# first_file NAME...: the first of these patterns that exists in a library folder.
first_library() {
  local folder pattern file
  for folder in "${library_folders[@]}"; do
    for pattern in "$@"; do
      for file in "$folder"/$pattern; do
        [[ -e $file ]] && { echo "$file"; return; }
      done
    done
  done
}

first_header() {
  local folder
  for folder in "${include_folders[@]}"; do
    [[ -f $folder/$1 ]] && { echo "$folder"; return; }
  done
}

find_tools() {
  nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null | head -1 || true)
  [[ -n $nvcc ]] || stop "no nvcc on the PATH or in /usr/local/cuda/bin"
  local toolkit
  toolkit=$(cd "$(dirname "$(readlink -f "$nvcc")")/.." && pwd)
  cmake=$(command -v cmake || true)
  if [[ -z $cmake && -n $python ]]; then
    cmake=$("$python" -c 'import cmake, os; print(os.path.join(cmake.CMAKE_BIN_DIR, "cmake"))' 2>/dev/null || true)
  fi
  [[ -n $cmake ]] || stop "no cmake, neither on the PATH nor as a Python package"
  generator="Unix Makefiles"
  command -v ninja >/dev/null && generator=Ninja

  library_folders=() include_folders=()
  if [[ -n ${CUDNN_ROOT:-} ]]; then
    library_folders+=("$CUDNN_ROOT/lib" "$CUDNN_ROOT/lib64")
    include_folders+=("$CUDNN_ROOT/include")
  fi
  library_folders+=("$toolkit/lib64" "$toolkit/lib" "$toolkit/targets/x86_64-linux/lib"
                    /usr/lib/x86_64-linux-gnu)
  include_folders+=("$toolkit/include" "$toolkit/targets/x86_64-linux/include" /usr/include
                    /usr/include/x86_64-linux-gnu)
  local wheel
  while read -r wheel; do
    library_folders+=("$wheel/lib")
    include_folders+=("$wheel/include")
  done < <(wheel_folders)

  cudnn_library=$(first_library libcudnn.so.9 libcudnn.so)
  cudnn_include=$(first_header cudnn.h)
  cublas_library=$(first_library libcublas.so 'libcublas.so.*')
  cublas_include=$(first_header cublas_v2.h)
  [[ -n $cudnn_library && -n $cudnn_include ]] ||
    stop "no cuDNN 9 (cudnn.h, libcudnn.so.9): set CUDNN_ROOT, or install the nvidia-cudnn wheel"
  [[ -n $cublas_library && -n $cublas_include ]] || stop "no cuBLAS (cublas_v2.h, libcublas.so)"
  # The wheels carry no unversioned names, which linkers look for.
  links=$out/libraries
  mkdir -p "$links"
  ln -sf "$cudnn_library" "$links/libcudnn.so"
  ln -sf "$cublas_library" "$links/libcublas.so"
  local lt
  lt=$(ls "$(dirname "$cublas_library")"/libcublasLt.so* 2>/dev/null | head -1)
  [[ -n $lt ]] && ln -sf "$lt" "$links/libcublasLt.so"
  export LD_LIBRARY_PATH="$(dirname "$cudnn_library"):$(dirname "$cublas_library")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  say "nvcc $nvcc; cuDNN $cudnn_library; cuBLAS $cublas_library; $generator"
}

build() {
  local architecture=$1
  local flags="-isystem $cudnn_include"
  [[ $cublas_include == "$cudnn_include" ]] || flags+=" -isystem $cublas_include"
  # Newer compilers than CI's may warn about more.
  "$cmake" -G "$generator" -S "$root" -B "$out/build" -DCMAKE_BUILD_TYPE=Release -DCUTAWAY_PROGRAM=OFF \
    -DCUTAWAY_CUDA=ON -DCUTAWAY_ONEDNN=OFF -DCUTAWAY_WERROR=OFF -DCMAKE_CUDA_COMPILER="$nvcc" \
    -DCMAKE_CUDA_ARCHITECTURES="$architecture" -DCUTAWAY_CUDNN_INCLUDE="$cudnn_include" \
    -DCUTAWAY_CUDNN_LIBRARY="$links/libcudnn.so" -DCUDA_cublas_LIBRARY="$links/libcublas.so" \
    -DCUDA_cublasLt_LIBRARY="$links/libcublasLt.so" -DCMAKE_CXX_FLAGS="$flags" \
    >"$out/configure.log" 2>&1 || { tail -20 "$out/configure.log"; stop "configuring failed ($out/configure.log)"; }
  "$cmake" --build "$out/build" --target parity gpu_bench --parallel "$(nproc)" >"$out/build.log" 2>&1 ||
    { tail -30 "$out/build.log"; stop "the build failed ($out/build.log)"; }
}

# --- what is checked --------------------------------------------------------------------------------

results=()
failed=0

# step NAME SECONDS COMMAND...: runs it into OUTDIR/NAME.log and remembers one line about it.
step() {
  local name=$1 limit=$2 start=$SECONDS code verdict
  shift 2
  timeout "$limit" "$@" >"$out/$name.log" 2>&1
  code=$?
  case $code in
    0) verdict=PASSED ;;
    124) verdict="FAILED: more than $limit s"; failed=1 ;;
    *) verdict="FAILED: exit code $code"; failed=1 ;;
  esac
  results+=("$name: $verdict ($((SECONDS - start)) s)")
  say "${results[-1]}"
}

sanitize() {
  local sanitizer
  sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null | head -1 || true)
  if [[ -z $sanitizer ]]; then
    results+=("sanitizers: NOT RUN: no compute-sanitizer here")
  elif ! timeout 60 "$sanitizer" --tool memcheck --error-exitcode 9 "$out/build/parity" \
         --filter "update/sgd#0" >"$out/sanitizer_probe.log" 2>&1; then
    results+=("sanitizers: NOT RUN: $(grep -m1 -iE 'not supported|error|failed' "$out/sanitizer_probe.log" || echo 'the probe failed')")
  else
    local run=("$sanitizer" --error-exitcode 9 --print-limit 20)
    # cuDNN's own kernels are NVIDIA's to check; shared memory is used by the tiled convolutions only.
    step memcheck 150 "${run[@]}" --tool memcheck "$out/build/parity" --small --skip cudnn
    step initcheck 150 "${run[@]}" --tool initcheck "$out/build/parity" --small --skip cudnn
    step racecheck 90 "${run[@]}" --tool racecheck "$out/build/parity" --small --filter implicit_gemm
    step synccheck 90 "${run[@]}" --tool synccheck "$out/build/parity" --small --filter implicit_gemm
  fi
  say "${results[-1]}"
}

write_ledger() {
  {
    echo "# Written by tools/gpu_check.sh; do not edit."
    echo "date: $(date -u +%Y-%m-%dT%H:%MZ)"
    echo "gpu: $(nvidia-smi --query-gpu=name --format=csv,noheader | head -1)"
    echo "driver: $(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -1)"
    echo "toolkit: $("$nvcc" --version | sed -n 's/.*release //p')"
    echo "cudnn: $(basename "$(readlink -f "$cudnn_library")")"
    echo "sources: $(source_hashes | sha256sum | cut -d' ' -f1)"
    echo "result: $([[ $failed == 0 ]] && echo PASSED || echo FAILED)"
    echo
    echo "## Checks (a parity case runs eager, again, and as a replayed CUDA graph: the same bytes)"
    printf '%s\n' "${results[@]}"
    echo
    echo "## Cases and worst errors per family"
    cat "$out/families.txt" 2>/dev/null || echo "parity did not finish"
    grep -E '^(FAILED|declined)' "$out/parity.log" | head -60
    echo
    echo "## Timings"
    cat "$out/bench.log" 2>/dev/null || echo "not measured"
    echo
    echo "## Sources"
    source_hashes | sed 's/^/source /'
  } >"$out/gpu_ledger.txt"
  cp "$out/gpu_ledger.txt" "$ledger" 2>/dev/null || say "the ledger stays in $out"
}

usage() { echo "usage: tools/gpu_check.sh OUTDIR | --build-only OUTDIR | --proof" >&2; exit 2; }

case ${1:-} in
  --proof) proof; exit 0 ;;
  --build-only) build_only=1; shift ;;
  -*|'') usage ;;
  *) build_only=0 ;;
esac
[[ $# == 1 ]] || usage

if [[ $build_only == 0 ]]; then
  devices=$(nvidia-smi -L 2>/dev/null | grep -c '^GPU') || true
  [[ ${devices:-0} -gt 0 ]] || stop "no GPU on this machine (nvidia-smi lists none): nothing was checked"
fi
mkdir -p "$1" || stop "cannot create $1"
out=$(cd "$1" && pwd)
find_tools
if [[ $build_only == 1 ]]; then
  build 90
  say "built; $("$out/build/parity" | tail -1)"
  exit 0
fi
build "$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)"
step parity 180 "$out/build/parity" --report "$out/families.txt"
sanitize
step bench 120 "$out/build/gpu_bench"
write_ledger
say "$([[ $failed == 0 ]] && echo passed || echo FAILED); ledger in $out/gpu_ledger.txt"
exit $failed
