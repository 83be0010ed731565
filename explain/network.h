#pragma once

#include "layers/classifier.h"

/// What an explanation must know about a network's architecture.
namespace cutaway::explain {

using cutaway::cam_head;
using cutaway::CamHead;
using cutaway::class_count;
using cutaway::default_layer;
using cutaway::LayerChoice;
using cutaway::logits_node;

}  // namespace cutaway::explain
