#pragma once

#include "explain/graph/features/graph_features.h"

namespace cutaway::tools {

/// How many objects were left out and how many boxes put right, on standard output; nothing where
/// all is well.
void print_complaints(const explain::GraphComplaints& complaints);

/// 5 where there are any.
[[nodiscard]] int exit_code_of(const explain::GraphComplaints& complaints);

}  // namespace cutaway::tools
