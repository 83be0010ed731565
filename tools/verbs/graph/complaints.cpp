#include "tools/verbs/graph/complaints.h"

#include <cstdio>

#include "tools/program/context.h"

namespace cutaway::tools {

void print_complaints(const explain::GraphComplaints& c) {
  if (!c.failures.empty()) std::printf("%zu objects left out\n", c.failures.size());
  if (!c.mended.empty()) std::printf("%zu boxes put right\n", c.mended.size());
}

int exit_code_of(const explain::GraphComplaints& c) {
  return c.failures.empty() && c.mended.empty() ? kExitOk : kExitPartial;
}

}  // namespace cutaway::tools
