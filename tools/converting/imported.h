#pragma once

#include <string>

#include "tools/program/context.h"
#include "weights/import/import_files.h"

namespace cutaway::tools {

/// Prints what an import read, and from where: the report as text or, with --json, as an object. Text is
/// left out with --quiet.
void print_imported(const std::string& target,
                    const weights::ImportedFiles& net,
                    const Context& context);

}  // namespace cutaway::tools
