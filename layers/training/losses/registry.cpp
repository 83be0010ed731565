#include <array>
#include <cmath>
#include <cstdlib>

#include "layers/graph.h"
#include "layers/training/losses/centre_loss.h"
#include "layers/training/losses/contrastive_loss.h"
#include "layers/training/losses/cross_entropy.h"
#include "layers/training/losses/filter_loss.h"
#include "layers/training/losses/loss.h"
#include "layers/training/losses/pull_push_loss.h"
#include "layers/training/losses/triplet_loss.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

template <class L>
LossPtr make(const Graph& graph, NodeId logits, const Attributes& settings) {
  return std::make_unique<L>(graph, logits, settings);
}

constexpr std::array kSummaries{
    LossKind{"centre", "distance of pooled features to the moving centre of their class"},
    LossKind{"contrastive", "supervised contrastive loss on unit feature vectors"},
    LossKind{"cross_entropy", "of the class scores, with label smoothing"},
    LossKind{"filter", "mutual information of every map with templates: one part a filter"},
    LossKind{"pull_push", "pulls features of a class together, pushes those of others apart"},
    LossKind{"triplet", "a picture nearer to its class than to others, by a margin"},
};
constexpr std::array<LossPtr (*)(const Graph&, NodeId, const Attributes&), kSummaries.size()> kMake{
    make<CentreLoss>, make<ContrastiveLoss>, make<CrossEntropyLoss>,
    make<FilterLoss>, make<PullPushLoss>,    make<TripletLoss>,
};

Error unknown_loss(std::string_view kind) {
  std::vector<std::string> all;
  for (const LossKind& k : kSummaries) all.emplace_back(k.kind);
  std::string list;
  for (const std::string& name : all) list += (list.empty() ? "" : ", ") + name;
  return Error(ErrorKind::kUsage, "unknown loss '" + std::string(kind) + "'")
      .expected(list)
      .hint("did you mean '" + nearest_names(kind, all, 1).front() + "'?");
}

}  // namespace

std::span<const LossKind> loss_kinds() noexcept { return kSummaries; }

LossPtr make_loss(const LossSpec& spec, const Graph& graph, NodeId logits) {
  if (!(spec.weight >= 0.0f && std::isfinite(spec.weight))) {
    throw Error(ErrorKind::kUsage, "weight of the loss " + spec.kind)
        .expected("0 or above")
        .got(std::to_string(spec.weight));
  }
  for (std::size_t i = 0; i < kSummaries.size(); ++i) {
    if (kSummaries[i].kind != spec.kind) continue;
    try {
      LossPtr loss = kMake[i](graph, logits, spec.settings);
      spec.settings.expect_all_read();
      return loss;
    } catch (const Error& error) {
      throw error.located("loss " + spec.kind);
    }
  }
  throw unknown_loss(spec.kind);
}

std::vector<LossSpec> parse_losses(std::string_view text) {
  std::vector<LossSpec> specs;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    const std::string part(text.substr(at, comma - at));
    at = comma + 1;
    const std::size_t colon = part.find(':');
    LossSpec spec;
    spec.kind = part.substr(0, colon);
    bool known = false;
    for (const LossKind& k : kSummaries) known = known || k.kind == spec.kind;
    if (!known) throw unknown_loss(spec.kind);
    if (colon != std::string::npos) {
      const std::string number = part.substr(colon + 1);
      char* end = nullptr;
      spec.weight = std::strtof(number.c_str(), &end);
      if (number.empty() || *end != '\0' || !(spec.weight >= 0.0f && std::isfinite(spec.weight))) {
        throw Error(ErrorKind::kUsage, "weight of the loss " + spec.kind)
            .expected("a number, 0 or above")
            .got("'" + number + "'");
      }
    }
    specs.push_back(std::move(spec));
  }
  return specs;
}

}  // namespace cutaway
