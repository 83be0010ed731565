#pragma once

#include <string>

namespace cutaway::files {

/// Makes a folder and those above it; one that is there is fine. Throws kUsage, with the system's
/// reason, when that is not possible.
void make_folder(const std::string& path);

}  // namespace cutaway::files
