#pragma once

// The whole of Cutaway for a program that explains pictures: a newcomer's first include, in the
// order in which one meets things. docs/library.md shows each at work. Everything is in namespace
// cutaway, with sub-namespaces weights (files of networks) and explain.

// A package, one HDF5 file that holds a network, its preprocessing and its labels.
#include "explain/runs/load_network.h"  // load_network(path) -> weights::Package
#include "weights/zoo/zoo.h"  // weights::build_zoo("googlenet"): architectures without weights

// Pictures: decoding, encoding, what the network sees of them, where they come from.
#include "explain/pictures/preprocess.h"   // preprocess(image, rule) -> Tensor
#include "explain/pictures/read_image.h"   // read_image(path) -> Image
#include "explain/pictures/source.h"       // open_images({folders, lists, archives}) -> ImageSource
#include "explain/pictures/write_image.h"  // write_png(path, image)

// Explanations of tensors: a session runs one forward pass for all its methods.
#include "explain/method.h"         // make_method("gradcam"); derive from Method for your own
#include "explain/render/render.h"  // maps as colours, overlays, colour bars
#include "explain/rules/rules.h"    // backward passes by rule sets
#include "explain/scores.h"         // probabilities(logits, n), top(values, k)
#include "explain/session.h"        // Session(model, methods, shape, stream)

// Whole runs: pictures in, a folder with maps, pictures, report and manifest out. Each takes a job
// and a RunContext: where to compute, who watches and may cancel, and who asked.
#include "explain/graph/run/learn_graph.h"          // learn_graph
#include "explain/localization/run/localize_run.h"  // run_localize
#include "explain/runs/explain_run.h"               // run_explain
#include "explain/study/run/study.h"                // run_occlusion_study, ...
#include "explain/units/run/units_run.h"            // run_units
#include "explain/visualize/run/visualize_run.h"    // run_visualize

// Training.
#include "layers/training/trainer.h"  // Trainer::step(images, labels, rate)
