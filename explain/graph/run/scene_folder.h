#pragma once

#include <string>

#include "explain/graph/run/scene.h"
#include "explain/report/named_values.h"
#include "explain/runs/run_folder.h"

namespace cutaway::explain {

/// Opens the folder of a run that looks at a scene. Throws kUsage as RunFolder::open, and when the
/// folder is, or holds, what the query reads.
void open_scene_folder(RunFolder& folder, const SceneQuery& query, bool overwrite);

/// Writes manifest.json, last, and ends the run. `what` was done, "graph show", with `options`; the
/// manifest has a method a layer of the graph, says which graph and objects were looked at, what
/// was left out or put right, and lists the claimed files.
void finish_scene_folder(RunFolder& folder,
                         const SceneQuery& query,
                         const Scene& scene,
                         const std::string& what,
                         const NamedValues& options,
                         const RunContext& context);

}  // namespace cutaway::explain
