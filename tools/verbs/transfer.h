#pragma once

#include "tools/program/context.h"

namespace cutaway::tools {

class Command;

void add_transfer(Command& program, Context& context);

}  // namespace cutaway::tools
