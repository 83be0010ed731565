#pragma once

#include <string>

#include "tools/program/context.h"

namespace cutaway::explain {
struct EvaluateSummary;
struct EvolutionSummary;
struct ExplainSummary;
struct FiltersSummary;
struct NetDescription;
struct UnitsSummary;
struct Verification;
struct VisualizeSummary;
}  // namespace cutaway::explain
namespace cutaway::training {
struct RoarSummary;
struct SweepSummary;
struct TrainSummary;
}  // namespace cutaway::training

/// What runs of the library say, on standard output: one JSON object with --json, else text for
/// people.
namespace cutaway::tools {

void print(const explain::EvaluateSummary& summary, const Context& context);
void print(const explain::EvolutionSummary& summary, const Context& context);
void print(const explain::ExplainSummary& summary, const Context& context);
void print(const explain::FiltersSummary& summary, const Context& context);
void print(const explain::NetDescription& net, const Context& context);
void print(const explain::UnitsSummary& summary, const Context& context);
void print(const explain::VisualizeSummary& summary, const Context& context);
void print(const training::RoarSummary& summary, const Context& context);
void print(const training::SweepSummary& summary, const Context& context);
void print(const training::TrainSummary& summary, const Context& context);

/// What was compared with what.
struct VerifiedFiles {
  std::string model, reference;
  std::string producer;  ///< of the reference
};
void print(const explain::Verification& verification,
           const VerifiedFiles& files,
           const Context& context);

}  // namespace cutaway::tools
