#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/report/named_values.h"

namespace cutaway::explain {

/// Everything needed to run a command again and to know what its outputs are. Its presence beside
/// the outputs says that the run is complete.
struct Manifest {
  struct Model {
    std::string path, name, sha256;
    NamedValues details;  ///< parameters, input extents, source: whatever is known
  };
  struct Method {
    std::string name;
    std::string layer;         ///< as resolved
    std::string layer_reason;  ///< "given", "last spatial output before the global pooling", ...
    std::string target;        ///< the rule that picks the class or unit
    NamedValues parameters;
  };
  struct Counts {
    std::int64_t inputs{0}, succeeded{0}, failed{0}, outputs{0};
  };
  struct Timing {
    std::string stage;
    double seconds{0};
    std::int64_t items{0};
  };
  struct Failure {
    std::string input, error;
  };

  std::string tool_version;  ///< "0.1.0" or with the revision
  /// ISO 8601, the only part that differs between equal runs, with timings.
  std::string started_at;
  std::vector<std::string> argv;
  Model model;
  NamedValues preprocessing;
  std::vector<Method> methods;
  std::uint64_t seed{0};
  std::string device, precision;
  std::int64_t threads{0};
  bool deterministic{true};
  Counts counts;
  std::vector<Timing> timings;
  std::vector<Failure> failures;
  NamedValues extra;  ///< what a verb adds
};

/// JSON (UTF-8, indented by two): "schema_version" first, then the members in this order. Numbers
/// that are NaN or infinite become null; malformed UTF-8 is replaced. Same input, same bytes.
[[nodiscard]] std::string manifest_json(const Manifest& manifest);

/// Writes manifest_json atomically; call it when all other outputs are in place.
void write_manifest(const std::string& path, const Manifest& manifest);

}  // namespace cutaway::explain
