// doctest's main, compiled once: its implementation costs 4 s a translation unit.
#define DOCTEST_CONFIG_IMPLEMENT
#include "tests/support/skip.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <set>

#include "runtime/cpu_features.h"
#include "runtime/error.h"

namespace {

std::string running;            // the test case at work
std::set<std::string> skipped;  // test cases that called skip_case()

/// Prints what was skipped behind doctest's own totals, which count it as passed.
class SkipListener final : public doctest::IReporter {
 public:
  explicit SkipListener(const doctest::ContextOptions& /*options*/) {}

  void report_query(const doctest::QueryData& /*data*/) override {}
  void test_run_start() override { skipped.clear(); }
  void test_run_end(const doctest::TestRunStats& /*stats*/) override {
    if (skipped.empty()) return;
    std::printf("[doctest] of these, skipped for want of data: %zu\n", skipped.size());
    for (const std::string& name : skipped) std::printf("  not run: %s\n", name.c_str());
  }
  void test_case_start(const doctest::TestCaseData& data) override { running = data.m_name; }
  void test_case_reenter(const doctest::TestCaseData& /*data*/) override {}
  void test_case_end(const doctest::CurrentTestCaseStats& /*stats*/) override { running.clear(); }
  void test_case_exception(const doctest::TestCaseException& /*exception*/) override {}
  void subcase_start(const doctest::SubcaseSignature& /*signature*/) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData& /*data*/) override {}
  void log_message(const doctest::MessageData& /*data*/) override {}
  void test_case_skipped(const doctest::TestCaseData& /*data*/) override {}
};

DOCTEST_REGISTER_LISTENER("skips", 1, SkipListener);

}  // namespace

void cutaway::tests::skip_case(const std::string& why) {
  MESSAGE("SKIPPED: " << why);
  skipped.insert(running);
}

// CUTAWAY_TEST_CPU=LEVEL runs a suite on the kernels of a lower level of the CPU's instruction set.
// Exit code 77: this processor has no such level, or runs it without being told to.
int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  if (const char* level = std::getenv("CUTAWAY_TEST_CPU"); level != nullptr && *level != '\0') {
    try {
      cutaway::limit_cpu_level(cutaway::cpu_level_of(level));
    } catch (const cutaway::Error& error) {
      std::printf("SKIPPED: %s\n", error.what());
      return kSkipped;
    }
    if (cutaway::default_cpu_level() == cutaway::best_cpu_level()) {
      std::printf("SKIPPED: %s is the level of this processor\n", level);
      return kSkipped;
    }
  }
  return doctest::Context(argc, argv).run();
}
