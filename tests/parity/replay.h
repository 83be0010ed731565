#pragma once

#include "runtime/stream.h"
#include "tests/parity/case.h"

namespace parity {

/// Captures `launch` in a CUDA graph and runs the graph once, then waits. Throws kDevice when
/// something in it cannot be captured, kInternal for a CPU stream.
void replay(cutaway::Stream& stream, const Launch& launch);

}  // namespace parity
