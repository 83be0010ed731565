#pragma once

#include <cublas_v2.h>
#include <cudnn.h>

#include <algorithm>
#include <cstddef>

/// cuBLAS and cuDNN, loaded when one of their functions is first called: the libraries take a tenth
/// of a second and 100 MB to load, which a program that ends up on the CPU, or only converts
/// weights, need not spend; and a build with CUDA runs where they are not installed. Within this
/// namespace their functions have their own names, and are called as ever.
namespace cutaway::kernels {

/// The address of a function of cuBLAS or cuDNN, told apart by their prefixes. Looked for under the
/// library's own name (LD_LIBRARY_PATH, the system's folders), then where the build found it.
/// Throws kDevice when the library or the function is not there.
[[nodiscard]] void* late_symbol(const char* name);

/// A text as a template's argument.
template <std::size_t N>
struct LateName {
  char text[N]{};
  // Not explicit: "cudnnCreate" is the argument.
  constexpr LateName(const char (&name)[N]) {  // NOLINT(google-explicit-constructor)
    std::copy_n(name, N, text);
  }
};

template <LateName name, class Function>
struct LateFunction;
template <LateName name, class Result, class... Arguments>
struct LateFunction<name, Result(Arguments...)> {
  Result operator()(Arguments... arguments) const {
    static const auto function = reinterpret_cast<Result (*)(Arguments...)>(late_symbol(name.text));
    return function(arguments...);
  }
};

#define CUTAWAY_LATE_FUNCTIONS(X)  \
  X(cublasCreate_v2)               \
  X(cublasDestroy_v2)              \
  X(cublasGetStatusName)           \
  X(cublasSetAtomicsMode)          \
  X(cublasSetMathMode)             \
  X(cublasSetStream_v2)            \
  X(cublasSetWorkspace_v2)         \
  X(cublasSgemm_v2_64)             \
  X(cudnnBackendCreateDescriptor)  \
  X(cudnnBackendDestroyDescriptor) \
  X(cudnnBackendExecute)           \
  X(cudnnBackendFinalize)          \
  X(cudnnBackendGetAttribute)      \
  X(cudnnBackendSetAttribute)      \
  X(cudnnCreate)                   \
  X(cudnnDestroy)                  \
  X(cudnnGetErrorString)           \
  X(cudnnGetLastErrorString)       \
  X(cudnnSetStream)

#define CUTAWAY_LATE_FUNCTION(name) inline constexpr LateFunction<#name, decltype(::name)> name{};
CUTAWAY_LATE_FUNCTIONS(CUTAWAY_LATE_FUNCTION)
#undef CUTAWAY_LATE_FUNCTION

}  // namespace cutaway::kernels
