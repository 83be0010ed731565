#pragma once

#include "explain/report/named_values.h"
#include "explain/runs/journal.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// Named values as a line of the journal has them, and back. What JSON has no form for (NaN) comes
/// back as the text "null".
[[nodiscard]] Record record_of(const NamedValues& values);
[[nodiscard]] NamedValues named_values(const Record& record);

}  // namespace cutaway::explain

#pragma GCC visibility pop
