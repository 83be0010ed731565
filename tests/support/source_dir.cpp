#include "tests/support/source_dir.h"

std::string source_dir() { return CUTAWAY_SOURCE_DIR; }
