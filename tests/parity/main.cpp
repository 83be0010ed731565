// Holds every kernel on the CUDA device to the CPU's result.
//   parity [--small] [--filter TEXT] [--skip TEXT] [--list] [--report FILE]
//          [--against-cpu | --against-level LEVEL]
// Against the CPU: with other numbers of threads. Against a level: with the kernels of a lower
// level of the CPU's instruction set.
// Exit code 0: every case passed; 1: some did not; 2: usage; 77: skipped, no device or no such
// level.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/stream.h"
#include "tests/parity/compare.h"
#include "tests/parity/graph_cases.h"
#include "tests/parity/replay.h"

namespace {

using namespace parity;
using cutaway::Device;
using cutaway::Error;
using cutaway::ErrorKind;
using cutaway::Stream;

// Fewer than this means that cases got lost: raise it when adding some.
constexpr std::size_t kExpectedCases = 591;

struct Options {
  bool small{false}, list{false}, against_cpu{false};
  std::string filter, skip, report, level;
};

/// What came of a family of cases.
struct Tally {
  int passed{0}, failed{0}, declined{0};
  double worst{0.0};
  std::string worst_case;
};

bool parse(int argc, char** argv, Options& o) {
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--small") {
      o.small = true;
    } else if (arg == "--list") {
      o.list = true;
    } else if (arg == "--against-cpu") {
      o.against_cpu = true;
    } else if (i + 1 < argc && arg == "--against-level") {
      o.against_cpu = true;
      o.level = argv[++i];
    } else if (i + 1 < argc && arg == "--filter") {
      o.filter = argv[++i];
    } else if (i + 1 < argc && arg == "--skip") {
      o.skip = argv[++i];
    } else if (i + 1 < argc && arg == "--report") {
      o.report = argv[++i];
    } else {
      return false;
    }
  }
  return true;
}

/// The cases asked for. Small: one of each kind and layout, for the sanitizers, which are slow.
Cases select(const Cases& all, const Options& o) {
  Cases chosen;
  for (const Case& c : all) {
    if (o.small && c.variant >= 3) continue;
    if (!o.filter.empty() && c.text().find(o.filter) == std::string::npos) continue;
    if (!o.skip.empty() && c.text().find(o.skip) != std::string::npos) continue;
    chosen.push_back(c);
  }
  return chosen;
}

std::vector<Region> run_once(Fixture& fixture, Stream& stream, const Launch& launch) {
  launch(stream);
  synchronize(stream);
  return fixture.read();
}

/// Runs one case on both devices, then again, and on CUDA a third time as a graph.
Verdict judge(const Case& c, Stream& reference, Stream& device, const Options& o) {
  Fixture expected(cutaway::kCpuDevice, c.seed(), c.variant);
  const std::vector<Region> wanted = run_once(expected, reference, c.setup(expected));
  Fixture fixture(device_of(device), c.seed(), c.variant);
  const Launch launch = c.setup(fixture);
  const std::vector<Region> first = run_once(fixture, device, launch);
  Verdict v = compare(c, first, wanted);
  if (!v.fault.empty()) return v;
  fixture.reset();
  if (!same_bytes(run_once(fixture, device, launch), first)) {
    v.fault = "two runs do not give the same bytes";
    return v;
  }
  if (o.against_cpu) return v;
  fixture.reset();
  replay(device, launch);
  if (!same_bytes(fixture.read(), first))
    v.fault = "the replayed graph does not give the same bytes";
  return v;
}

void report(const Options& o, const std::map<std::string, Tally>& families) {
  std::string text;
  for (const auto& [family, t] : families) {
    char line[256];
    std::snprintf(line, sizeof line,
                  "%-20s passed %3d  failed %3d  declined %3d  worst error %.2e  %s\n",
                  family.c_str(), t.passed, t.failed, t.declined, t.worst, t.worst_case.c_str());
    text += line;
  }
  std::fputs(text.c_str(), stdout);
  if (!o.report.empty()) std::ofstream(o.report) << text;
}

/// An engine may decline some geometries, but one that declines all of them has proved nothing.
bool vacuous(const std::map<std::string, Tally>& families) {
  return std::any_of(families.begin(), families.end(),
                     [](const auto& family) { return family.second.passed == 0; });
}

int run_cases(const Cases& cases, const Options& o) {
  // Against itself: another number of threads must not show in the bits.
  Stream reference =
      cutaway::CpuStream(o.against_cpu ? 1 : 0, o.level.empty() ? cutaway::default_cpu_level()
                                                                : cutaway::cpu_level_of(o.level));
  Stream device = o.against_cpu ? Stream(cutaway::CpuStream(3))
                                : cutaway::make_stream({Device::Kind::kCuda, 0});
  std::map<std::string, Tally> families;
  int failed = 0, ran = 0;
  for (const Case& c : cases) {
    Tally& tally = families[c.family];
    std::string fault;
    try {
      const Verdict v = judge(c, reference, device, o);
      fault = v.fault;
      if (v.error > tally.worst) {
        tally.worst = v.error;
        tally.worst_case = c.text();
      }
    } catch (const Error& e) {
      if (e.kind() == ErrorKind::kUsage) {
        ++tally.declined;
        ++ran;
        std::printf("declined %s: %s\n", c.text().c_str(), e.what());
        continue;
      }
      fault = e.what();
    } catch (const std::exception& e) {
      fault = e.what();
    }
    ++ran;
    ++(fault.empty() ? tally.passed : tally.failed);
    if (fault.empty()) continue;
    ++failed;
    std::printf("FAILED %s: %s\n", c.text().c_str(), fault.c_str());
  }
  report(o, families);
  const bool empty = vacuous(families);
  if (empty) std::printf("FAILED: a family in which no case passed\n");
  std::printf("%d cases ran, %d failed\n", ran, failed);
  return failed == 0 && !empty && ran == static_cast<int>(cases.size()) ? 0 : 1;
}

/// Whole networks: CUDA against the CPU, and recorded passes against eager ones.
int run_graphs() {
  int failed = 0;
  for (const GraphResult& r : run_graph_cases()) {
    failed += r.passed ? 0 : 1;
    std::printf("%s graph/%s: worst error %.2e, replay %s %s\n", r.passed ? "passed" : "FAILED",
                r.name.c_str(), r.worst, r.replay_equal ? "equal" : "DIFFERENT", r.error.c_str());
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  if (!parse(argc, argv, o)) {
    std::fputs(
        "usage: parity [--small] [--filter TEXT] [--skip TEXT] [--list] [--report FILE] "
        "[--against-cpu | --against-level LEVEL]\n",
        stderr);
    return 2;
  }
  const Cases all = all_cases();
  if (all.size() < kExpectedCases) {
    std::printf("FAILED: %zu cases, expected at least %zu\n", all.size(), kExpectedCases);
    return 1;
  }
  const Cases cases = select(all, o);
  if (o.list) {
    for (const Case& c : cases) std::printf("%s\n", c.text().c_str());
    return 0;
  }
  if (cases.empty()) {
    std::printf("FAILED: no case matches '%s'\n", o.filter.c_str());
    return 1;
  }
  if (!o.level.empty()) {
    try {
      if (cutaway::cpu_level_of(o.level) == cutaway::best_cpu_level()) {
        std::printf("SKIPPED: %s is the level of this processor\n", o.level.c_str());
        return 77;
      }
    } catch (const Error& e) {
      std::printf("SKIPPED: %s\n", e.what());
      return 77;
    }
  }
  const cutaway::CudaStatus status = cutaway::cuda_status();
  if (status.count == 0 && !o.against_cpu) {
    std::printf("SKIPPED %zu cases: no CUDA device (%s)\n",
                cases.size() + graph_case_names().size(), status.reason.c_str());
    return 77;
  }
  const bool graphs = !o.against_cpu && (o.filter.empty() || o.filter == "graph");
  const int kernels = run_cases(cases, o);
  return std::max(kernels, graphs ? run_graphs() : 0);
}
