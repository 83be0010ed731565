#pragma once

#include <string>

namespace cutaway::files {

/// Makes a folder and those above it; one that is there is fine. Throws as write_error() says,
/// with the system's reason, when that is not possible.
void make_folder(const std::string& path);

}  // namespace cutaway::files
