#include "kernels/engine.h"

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/conv.h"
#include "kernels/gemm.h"
#include "runtime/error.h"

namespace cutaway::kernels {
namespace {

using Names = std::vector<std::string_view>;

constexpr std::array<std::string_view, 2> kGemmEngines{"library", "reference"};

struct Operation {
  std::string_view name;
  Names engines;
};

/// An engine of several devices is one name.
Names conv_engine_names() {
  Names names;
  for (const ConvEngine& engine : conv_engines()) {
    if (std::ranges::find(names, engine.name) == names.end()) names.push_back(engine.name);
  }
  return names;
}

std::array<Operation, 3> operations() {
  const auto levels = cpu_level_names();
  return {{{"conv", conv_engine_names()},
           {"gemm", {kGemmEngines.begin(), kGemmEngines.end()}},
           {"cpu", {levels.begin(), levels.end()}}}};
}

struct Choice {
  std::string_view operation, engine;
};

/// Splits "conv:reference,gemm:library" without judging the parts.
std::vector<Choice> parse(std::string_view text) {
  std::vector<Choice> choices;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    const std::size_t colon = item.find(':');
    choices.push_back(
        {item.substr(0, colon), colon == item.npos ? std::string_view{} : item.substr(colon + 1)});
    if (comma == text.npos) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) choices.push_back({});
  }
  return choices;
}

std::string join(const Names& names) {
  std::string text;
  for (const std::string_view name : names) {
    text += text.empty() ? "" : ", ";
    text += name;
  }
  return text;
}

std::string known() {
  std::string text;
  for (const Operation& operation : operations()) {
    text += text.empty() ? "" : "; ";
    text += std::string(operation.name) + ": " + join(operation.engines);
  }
  return text;
}

}  // namespace

std::string EngineOptions::forced(std::string_view operation) const {
  for (const Choice& choice : parse(force)) {
    if (choice.operation == operation) return std::string(choice.engine);
  }
  return {};
}

CpuLevel EngineOptions::cpu_level() const {
  const std::string name = forced("cpu");
  return name.empty() ? default_cpu_level() : cpu_level_of(name);
}

void EngineOptions::validate() const {
  std::vector<std::string_view> seen;
  const auto known_operations = operations();
  for (const Choice& choice : parse(force)) {
    const auto operation =
        std::find_if(known_operations.begin(), known_operations.end(),
                     [&](const Operation& o) { return o.name == choice.operation; });
    if (operation == known_operations.end()) {
      throw Error(ErrorKind::kUsage, "engine choice")
          .expected("OPERATION:ENGINE with one of " + known())
          .got("'" + force + "'");
    }
    const Names& names = operation->engines;
    if (std::find(names.begin(), names.end(), choice.engine) == names.end()) {
      throw Error(ErrorKind::kUsage, "no such engine for " + std::string(choice.operation))
          .expected(join(names))
          .got("'" + std::string(choice.engine) + "'");
    }
    if (std::find(seen.begin(), seen.end(), choice.operation) != seen.end()) {
      throw Error(ErrorKind::kUsage, "two engines are forced for " + std::string(choice.operation))
          .got("'" + force + "'");
    }
    seen.push_back(choice.operation);
  }
}

std::string EngineReport::text() const {
  std::string text = chosen;
  for (std::size_t i = 0; i < declined.size(); ++i) {
    text += (i == 0 ? " (" : "; ") + declined[i].first + ": " + declined[i].second;
  }
  return declined.empty() ? text : text + ")";
}

GemmEngine gemm_engine(const EngineOptions& options) {
  const std::string name = options.forced("gemm");
  if (name.empty()) return GemmEngine::kAuto;
  if (name == "library") return GemmEngine::kLibrary;
  if (name == "reference") return GemmEngine::kReference;
  throw Error(ErrorKind::kUsage, "no such engine for gemm")
      .expected(join({kGemmEngines.begin(), kGemmEngines.end()}))
      .got("'" + name + "'");
}

}  // namespace cutaway::kernels
