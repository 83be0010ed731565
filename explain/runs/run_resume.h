#pragma once

#include <optional>
#include <string>
#include <vector>

#include "explain/pictures/source.h"
#include "explain/runs/choose_methods.h"
#include "explain/runs/crops.h"
#include "explain/runs/journal.h"
#include "explain/runs/run_context.h"
#include "weights/package.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// What the pictures of a run go through, and by what: the part of an identity that all runs share.
struct RunParts {
  const std::vector<std::string>& inputs;
  const SourceOptions& source;
  const std::vector<MethodChoice>& methods;
  const std::vector<std::string>* targets{nullptr};  ///< none: the run has no targets
  std::vector<std::string> layers{};
  const TenCrops* crops{nullptr};
};
/// What a run is: all that decides what it writes. Two runs with equal identities write the same
/// files. The caller adds what is its own, and passes it through as_read_back().
[[nodiscard]] Record run_identity(const RunParts& parts,
                                  const weights::Package& package,
                                  const RunContext& context);
/// A record as the journal gives it back: numbers may change their type on the way.
[[nodiscard]] Record as_read_back(const Record& record);

/// The next entry of the inputs, which must be the one that the journal's line is about. Throws
/// kUsage.
[[nodiscard]] ImageEntry follow(const Record& line, ImageSource& source, bool content);
/// Throws kUsage, saying what differs, when the journal is that of another run.
void check_same_run(const JournalReader& reader, const Record& identity, const std::string& out);

}  // namespace cutaway::explain

#pragma GCC visibility pop
