#pragma once

#include "explain/runs/journal.h"
#include "explain/runs/steps.h"
#include "explain/units/run/units_run.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// What a run of `verb` over units is: all that decides what it writes.
[[nodiscard]] Record units_identity(const UnitsJob& job,
                                    const weights::Package& package,
                                    const char* verb,
                                    const RunContext& context);

/// The first pass of such a run: goes on where it was stopped, and keeps now and then in `steps` how
/// far it is.
[[nodiscard]] UnitSearch find_units(const UnitsJob& job,
                                    const weights::Package& package,
                                    const RunContext& context,
                                    Steps& steps);

}  // namespace cutaway::explain

#pragma GCC visibility pop
