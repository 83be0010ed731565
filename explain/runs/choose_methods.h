#pragma once

#include <string>
#include <utility>
#include <vector>

#include "layers/attributes.h"
#include "weights/package.h"

namespace cutaway::explain {

/// A method's name and the options given to it. Where methods are asked for, the name may also be
/// that of a group: "all", "cam-family", "gradient-family".
struct MethodChoice {
  std::string name;
  Attributes options;
};

/// The methods that a run is to explain with, and those that this net cannot serve, each with the
/// reason.
struct ChosenMethods {
  std::vector<MethodChoice> methods;
  std::vector<std::string> left_out;  ///< of a group: nobody asked for them by name
  std::vector<std::string> refused;   ///< asked for by name
};

/// The methods of a list of names and groups, in order and without repetition, with their options:
/// those that stand beside the name, those of `options` (a method each, which must be among the
/// wanted ones), and what the preprocessing knows about pixels (set_pixel_options). `layer`: the
/// one they will be at; empty: the default one.
///
/// Throws kUsage for unknown names and options, and kUnsupported, with the first reason, when the
/// net can serve none of them.
[[nodiscard]] ChosenMethods choose_methods(const std::vector<MethodChoice>& wanted,
                                           const std::vector<MethodChoice>& options,
                                           const weights::Package& package,
                                           const std::string& layer);
/// Names without options.
[[nodiscard]] std::vector<MethodChoice> methods_named(const std::vector<std::string>& names);

/// Names of the groups with what is in them, for --help.
[[nodiscard]] std::string group_help();
/// Every method with its options, a line each, from MethodFacts.
[[nodiscard]] std::string method_help();

/// Adds "METHOD.NAME=VALUE", as the command line has it: "deconvnet.channel=12". Throws kUsage,
/// with the method's options, for a name that it does not have.
void add_method_option(std::vector<MethodChoice>& options, const std::string& text);
/// Adds "CHANNEL" or "CHANNEL@ROW,COLUMN": the unit that the deconvnet projects.
void add_unit_option(std::vector<MethodChoice>& options, const std::string& text);

}  // namespace cutaway::explain
