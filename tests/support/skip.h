#pragma once

#include <string>

namespace cutaway::tests {

/// Says that the test case that is running lacks what it needs ("no shared data at ..."); the caller
/// returns. The case then counts as skipped, not as passed: the suite's last line says how many
/// cases were skipped, and tests/support/count.sh leaves them out of the tests that passed. Call it
/// from the thread that runs the case.
void skip_case(const std::string& why);

}  // namespace cutaway::tests
