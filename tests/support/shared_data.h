#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/skip.h"
#include "tests/support/source_dir.h"

namespace cutaway::tests {

/// The folder with real weights and images: $CUTAWAY_DATA, or ../shared/data beside the repository.
/// Empty, with a message, when it is not there: the caller returns, and the run shows what was not
/// tested.
inline std::string shared_data() {
  const char* given = std::getenv("CUTAWAY_DATA");
  const std::string folder = given != nullptr ? given : source_dir() + "/../shared/data";
  if (std::filesystem::is_directory(folder + "/models")) return folder;
  skip_case("no shared data at " + folder);
  return {};
}

}  // namespace cutaway::tests
