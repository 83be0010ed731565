#pragma once

#include "tools/program/command.h"
#include "tools/program/context.h"

namespace cutaway::tools {

void add_transfer(Command& program, Context& context);

}  // namespace cutaway::tools
