#pragma once

#include "explain/compare/run/job.h"
#include "explain/runs/run_context.h"
#include "weights/package.h"

namespace cutaway::explain {

/// Compares pictures in the input, at layers and in class-masked maps. A picture's class is its
/// label, or else the folder it stands in. The folder gets
///   statistics.csv  a line a layer, representation and distance
///   neighbors.csv   of every picture at the deepest layer of features: the nearest, and the
///                   channels that make them so
///   pairs.csv       most alike across classes, least alike within one
///   maps.csv        principal components and t-SNE of every picture
///   cka.csv         layer against layer
///   cka_other.csv   layers against those of another network, where one is named
///   report.html, manifest.json
/// Two pictures alone get a report of what the network sees in both and in one alone. A picture
/// that cannot be read is a failure of that picture. With job.resume goes on where the same run was
/// stopped: vectors that were made are not made again. Throws kUsage, kInput (fewer than two
/// pictures), kMemory, and Cancelled when the observer says so.
[[nodiscard]] CompareSummary run_compare(const CompareJob& job,
                                         const weights::Package& package,
                                         const RunContext& context);

}  // namespace cutaway::explain
