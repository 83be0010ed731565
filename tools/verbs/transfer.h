#pragma once

#include "tools/program/context.h"

namespace cutaway::tools {

void add_transfer(CLI::App& program, Context& context);

}  // namespace cutaway::tools
