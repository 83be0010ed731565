#include "kernels/cuda/late_library.h"

#include <dlfcn.h>

#include <string>
#include <string_view>

#include "runtime/error.h"

#define CUTAWAY_TEXT_OF(x) #x
#define CUTAWAY_TEXT(x) CUTAWAY_TEXT_OF(x)

namespace cutaway::kernels {
namespace {

std::string reason() {
  const char* text = dlerror();
  return text == nullptr ? "" : text;
}

void* loaded(const std::string& name, const char* file) {
  constexpr int kFlags = RTLD_NOW | RTLD_LOCAL;
  if (void* library = dlopen(name.c_str(), kFlags)) return library;
  const std::string why = reason();
  if (void* library = dlopen(file, kFlags)) return library;
  throw Error(ErrorKind::kDevice, name + " cannot be loaded")
      .got(why)
      .hint("install it, put its folder into LD_LIBRARY_PATH, or use --device cpu");
}

// Never closed: handles and plans may outlive every scope that could.
void* cublas() {
  static void* const library =
      loaded("libcublas.so." CUTAWAY_TEXT(CUBLAS_VER_MAJOR), CUTAWAY_CUBLAS_FILE);
  return library;
}

void* cudnn() {
  static void* const library = loaded("libcudnn.so." CUTAWAY_TEXT(CUDNN_MAJOR), CUTAWAY_CUDNN_FILE);
  return library;
}

}  // namespace

void* late_symbol(const char* name) {
  void* const library = std::string_view(name).starts_with("cublas") ? cublas() : cudnn();
  void* const symbol = dlsym(library, name);
  if (symbol == nullptr) {
    throw Error(ErrorKind::kDevice, std::string("the library has no function ") + name)
        .got(reason());
  }
  return symbol;
}

}  // namespace cutaway::kernels
