set(CUTAWAY_CUDA AUTO CACHE STRING "Build the CUDA backend: AUTO, ON or OFF")
option(CUTAWAY_ONEDNN "Use oneDNN for CPU convolutions and matrix products" ON)
# OFF builds runtime, kernels and layers only, which need no library but the compiler (and CUDA).
option(CUTAWAY_PROGRAM "Build weights, explain and the cutaway program" ON)
option(CUTAWAY_TESTS "Build the tests" ON)
option(CUTAWAY_NATIVE "Compile for the processor of this machine only (-march=native)" OFF)
option(BUILD_SHARED_LIBS "Install one shared library, libcutaway.so, instead of static ones" OFF)
option(CUTAWAY_WERROR "Warnings are errors" ON)
set(CUTAWAY_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined")

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")

# The cache sees paths relative to the sources, so that what one clone compiled serves all others.
find_program(CUTAWAY_CCACHE ccache)
if(CUTAWAY_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
    "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${CUTAWAY_CCACHE}")
  set(CMAKE_CUDA_COMPILER_LAUNCHER "${CMAKE_CXX_COMPILER_LAUNCHER}")
endif()

# Flags every target of ours is compiled with.
add_library(cutaway_flags INTERFACE)
target_compile_options(cutaway_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor
    # g++ 12 sees overlapping copies in std::string concatenation (GCC bug 105651).
    -Wno-restrict>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${CUTAWAY_WERROR}>>:-Werror>
  # Index-space kernels must give the same bits on both devices: no contraction behind our back.
  $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>
  # Room for the compiler before it collects its garbage: a twentieth of its time.
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:--param=ggc-min-heapsize=524288>
  # Neither changes results. Without the first, sqrt in a loop is not vectorised (LRN 3 times as slow); without
  # the second, g++ 12 makes scalar code of average pooling's backward pass.
  $<$<COMPILE_LANGUAGE:CXX>:-fno-math-errno -fno-loop-unroll-and-jam>
  # Code that computes is compiled with -O3; what reads options and writes files, and suites, with less (the property
  # CUTAWAY_OPTIMIZE of a target): -Og is what g++ compiles fastest, faster than -O0, which leaves it more to write out.
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>>:-O$<IF:$<BOOL:$<TARGET_PROPERTY:CUTAWAY_OPTIMIZE>>,$<TARGET_PROPERTY:CUTAWAY_OPTIMIZE>,3>>)
# Instruction sets (runtime/cpu_features.h). The sources of cutaway_per_level are compiled for every level, all else
# for the first; 512-bit vectors: g++ would otherwise stop at 256 on most processors.
set(CUTAWAY_CPU_LEVELS 1)
set(CUTAWAY_NATIVE_VALUE 0)
if(CUTAWAY_NATIVE)
  set(CUTAWAY_NATIVE_VALUE 1)
  target_compile_options(cutaway_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-march=native -mprefer-vector-width=512>)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(CUTAWAY_CPU_LEVELS 3)
  # -Wno-psabi: vectors wider than the level's registers are handed to functions of the same source only.
  target_compile_options(cutaway_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=x86-64-v2 -Wno-psabi>)
  set(CUTAWAY_FLAGS_Baseline -march=x86-64-v2)
  set(CUTAWAY_FLAGS_Avx2 -march=x86-64-v3)
  set(CUTAWAY_FLAGS_Avx512 -march=x86-64-v4 -mprefer-vector-width=512)
endif()
if(CUTAWAY_SANITIZE)
  target_compile_options(cutaway_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${CUTAWAY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer>)
  target_link_options(cutaway_flags INTERFACE -fsanitize=${CUTAWAY_SANITIZE})
endif()
