#pragma once

#include <cstdint>

#include "explain/graph/run/scene.h"
#include "explain/graph/show/show_graph.h"

/// Options that several subcommands of `cutaway graph` take.
namespace cutaway::tools {

class Command;

/// --data, --boxes, --category, --most, --min-area, --jitter.
void add_object_options(Command& verb, explain::ObjectQuery& query);

/// --batch, --memory, --scratch.
void add_feature_options(Command& verb, explain::FeatureOptions& features, std::int64_t& batch);

/// The graph, the net, and both of the above.
void add_scene_options(Command& verb, explain::SceneQuery& query);

/// --top, --pictures.
void add_show_options(Command& verb, explain::ShowOptions& options);

}  // namespace cutaway::tools
