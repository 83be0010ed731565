#include <array>
#include <utility>

#include "kernels/cuda/cudnn_check.h"
#include "kernels/cuda/cudnn_graph.h"
#include "kernels/cuda/late_library.h"
#include "runtime/cuda/check.h"
#include "runtime/cuda/handles.h"

namespace cutaway::kernels {
namespace {

/// Properties an engine must not have: results in float32 arithmetic, the same bits at every run.
constexpr std::array kForbidden{
    CUDNN_NUMERICAL_NOTE_TENSOR_CORE, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS,
    CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC,
    CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13};

bool qualifies(const CudnnDescriptor& config) {
  CudnnDescriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t raw = engine.raw();
  config.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
  std::array<cudnnBackendNumericalNote_t, CUDNN_NUMERICAL_NOTE_TYPE_COUNT> notes{};
  const std::int64_t count = engine.get(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                        CUDNN_NUMERICAL_NOTE_TYPE_COUNT, notes.data());
  for (std::size_t i = 0; i < static_cast<std::size_t>(count) && i < notes.size(); ++i) {
    for (const cudnnBackendNumericalNote_t note : kForbidden) {
      if (notes[i] == note) return false;
    }
  }
  return true;
}

/// Engine configurations in cuDNN's order of preference.
std::vector<CudnnDescriptor> suggestions(const ConvGraph& graph,
                                         cudnnBackendHeurMode_t mode,
                                         std::string& reason) {
  CudnnDescriptor heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristic.set_descriptor(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.graph());
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  std::vector<CudnnDescriptor> configs;
  if (!heuristic.try_finalize(reason)) return configs;
  const std::int64_t count =
      heuristic.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr);
  std::vector<cudnnBackendDescriptor_t> raw;
  for (std::int64_t i = 0; i < count; ++i) {
    configs.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    raw.push_back(configs.back().raw());
  }
  if (count == 0) return configs;
  const std::int64_t got = heuristic.get(CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                         CUDNN_TYPE_BACKEND_DESCRIPTOR, count, raw.data());
  while (static_cast<std::int64_t>(configs.size()) > got) configs.pop_back();
  return configs;
}

}  // namespace

std::unique_ptr<ConvPlan> ConvPlan::choose(const ConvGraphSpec& spec,
                                           void* handle,
                                           std::size_t workspace_limit,
                                           std::string& declined) {
  ConvGraph graph(spec, handle);
  const auto raw = static_cast<cudnnHandle_t>(handle);
  declined = "no deterministic float32 engine";
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (CudnnDescriptor& config : suggestions(graph, mode, declined)) {
      if (!qualifies(config)) continue;
      CudnnDescriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &raw);
      plan.set_descriptor(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
      if (!plan.try_finalize(declined)) continue;
      std::int64_t bytes = 0;
      plan.get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &bytes);
      if (bytes < 0 || static_cast<std::size_t>(bytes) > workspace_limit) {
        declined =
            "every engine needs more workspace than " + std::to_string(workspace_limit) + " bytes";
        continue;
      }
      return std::unique_ptr<ConvPlan>(new ConvPlan(
          std::move(graph), std::move(config), std::move(plan), static_cast<std::size_t>(bytes)));
    }
  }
  return nullptr;
}

void ConvPlan::execute(void* handle, std::span<const Binding> tensors, void* workspace) const {
  std::vector<std::int64_t> uids;
  std::vector<void*> pointers;
  for (const Binding& binding : tensors) {
    uids.push_back(static_cast<std::int64_t>(binding.tensor));
    pointers.push_back(const_cast<void*>(binding.data));
  }
  const auto count = static_cast<std::int64_t>(uids.size());
  CudnnDescriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, uids.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, pointers.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
  pack.finalize();
  require_cudnn(cudnnBackendExecute(static_cast<cudnnHandle_t>(handle), plan_.raw(), pack.raw()),
                "cudnnBackendExecute");
}

cudnnHandle_t cudnn_handle(const CudaStream& stream) {
  std::shared_ptr<void>& slot = stream.state().cudnn;
  if (slot == nullptr) {
    CUTAWAY_CUDA(cudaSetDevice(stream.index()));
    auto handle = std::make_shared<CudnnHandle>();
    require_cudnn(cudnnSetStream(handle->get(), stream.state().stream), "cudnnSetStream");
    slot = std::move(handle);
  }
  return static_cast<const CudnnHandle*>(slot.get())->get();
}

}  // namespace cutaway::kernels
