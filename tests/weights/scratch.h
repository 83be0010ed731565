#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "layers/model.h"
#include "runtime/error.h"
#include "tests/support/skip.h"
#include "tests/support/source_dir.h"

/// What the tests of weights/ share.
namespace cutaway::weights::testing {

/// An empty directory that disappears with its owner.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "cutaway-weights-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no scratch directory");
    directory_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const {
    return (directory_ / name).string();
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory_), {}));
  }

 private:
  std::filesystem::path directory_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// The message of the Error that `action` throws; fails the test when it throws none.
template <class Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  FAIL_CHECK("expected an Error");
  return {};
}

inline bool has(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("'" << part << "' is not in: " << text);
  return found;
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  const auto x = std::as_bytes(a);
  const auto y = std::as_bytes(b);
  return std::equal(x.begin(), x.end(), y.begin(), y.end());
}

inline bool same_parameters(const Model& a, const Model& b) {
  if (a.graph.size() != b.graph.size()) return false;
  for (NodeId id = 0; id < a.graph.size(); ++id) {
    const auto x = a.parameters.of(id);
    const auto y = b.parameters.of(id);
    if (x.size() != y.size()) return false;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!(x[i].shape() == y[i].shape()) || !same_bits(x[i].f32(), y[i].f32())) return false;
    }
  }
  return true;
}

/// The directory of shared data: $CUTAWAY_DATA, or ../shared/data next to the sources.
inline std::filesystem::path data_directory() {
  const char* given = std::getenv("CUTAWAY_DATA");
  return given != nullptr ? std::string(given) : source_dir() + "/../shared/data";
}

/// False, with a visible message, when a file of the shared data is not there.
inline bool have_data(const std::string& file) {
  const bool there = std::filesystem::exists(data_directory() / file);
  if (!there) cutaway::tests::skip_case("no " + (data_directory() / file).string());
  return there;
}

}  // namespace cutaway::weights::testing
