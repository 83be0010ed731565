#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "explain/pictures/image.h"
#include "runtime/error.h"
#include "tests/support/skip.h"
#include "tests/support/source_dir.h"

// What the tests of tools/images share.
namespace cutaway::explain::test {

namespace fs = std::filesystem;
using explain::Image;

/// A fresh folder, removed at the end.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "cutaway-images-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string operator/(const std::string& name) const {
    return (path_ / name).string();
  }
  [[nodiscard]] std::string str() const { return path_.string(); }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::recursive_directory_iterator(path_), fs::recursive_directory_iterator()));
  }

 private:
  fs::path path_;
};

inline void put(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

template <class Call>
Error error_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  FAIL("no error");
  return Error(ErrorKind::kInternal, "");
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline Image noise(int width, int height) {
  Image image = explain::make_image(width, height);
  std::uint32_t state = 12345;
  for (std::uint8_t& byte : image.rgb) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::uint8_t>(state >> 24U);
  }
  return image;
}

inline std::string data_folder() {
  if (const char* given = std::getenv("CUTAWAY_DATA")) return given;
  return source_dir() + "/../shared/data";
}

inline bool data_missing(const std::string& path) {
  if (fs::exists(path)) return false;
  cutaway::tests::skip_case(path + " is absent (set CUTAWAY_DATA)");
  return true;
}

}  // namespace cutaway::explain::test
