#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "explain/pictures/write_image.h"
#include "tests/support/tiny_net.h"
#include "tests/tools/image_test_support.h"
#include "tools/program/context.h"
#include "weights/package.h"

// What the tests of whole runs share.
namespace cutaway::explain::test {

inline int run(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--quiet", "--threads", "1"});
  return tools::run_program(arguments);
}

inline void make_tiny_model(const std::string& path, std::uint64_t seed = 3) {
  weights::save(tests::tiny_net(seed), path);
}

inline Image speckled(int seed, int width = 40, int height = 36) {
  Image image = explain::make_image(width, height);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {
    image.rgb[i] = static_cast<std::uint8_t>(
        (i * 7 + i / 120 * 13 + static_cast<std::size_t>(seed) * 31) % 251);
  }
  return image;
}

/// `count` pictures and a list of them with labels and expectations; returns the list.
inline std::string make_pictures(const Folder& folder, int count) {
  std::string list = "file,label,expected,why\n";
  fs::create_directories(folder / "p");
  for (int i = 0; i < count; ++i) {
    const std::string name = "p/" + std::to_string(i) + ".png";
    write_image(folder / name, speckled(i));
    list += name + "," + std::to_string(i % 4) + "," + (i % 3 == 0 ? "cat" : "") + "," +
            (i % 2 == 0 ? "dog" : "yak") + "\n";
  }
  put(folder / "list.csv", list);
  return folder / "list.csv";
}

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline nlohmann::json json_file(const std::string& path) {
  return nlohmann::json::parse(bytes_of(path));
}

inline std::vector<nlohmann::json> json_lines(const std::string& path) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

/// Name and bytes of all files below a folder; the manifest, which has times in it, is left out.
inline std::map<std::string, std::string> contents(const std::string& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).string();
    if (entry.is_regular_file() && name != "manifest.json")
      all[name] = bytes_of(entry.path().string());
  }
  return all;
}

}  // namespace cutaway::explain::test
