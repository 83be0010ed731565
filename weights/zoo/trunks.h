#pragma once

#include "layers/graph.h"

/// Lower halves of nets that several architectures share; private to weights/zoo. Each takes an
/// empty graph with the net's own input and returns the last node it added.
namespace cutaway::weights::zoo_pieces {

/// AlexNet (BVLC) up to relu5: 256 x 13 x 13 of a 227 x 227 picture.
NodeId alexnet_trunk(Graph& g);
/// VGG-16 up to relu5_3, without pool5: 512 x 14 x 14 of a 224 x 224 picture.
NodeId vgg16_trunk(Graph& g);
/// GoogLeNet (BVLC) up to inception_4e/output, without pool4: 832 x 14 x 14 of a 224 x 224 picture.
NodeId googlenet_trunk(Graph& g);

}  // namespace cutaway::weights::zoo_pieces
