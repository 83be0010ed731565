#pragma once

#include <string>

/// The folder of the sources. A function, for a macro would be part of how every suite is compiled,
/// and the compiler's cache could not serve a clone in another folder.
[[nodiscard]] std::string source_dir();
