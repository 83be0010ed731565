#include "explain/runs/load_network.h"

#include <algorithm>

#include "explain/network.h"
#include "runtime/error.h"

namespace cutaway::explain {

weights::Package load_network(const std::string& path, Use use) {
  try {
    weights::Package package = weights::load(path);
    if (use == Use::kPictures) weights::require_declared(package.preprocess, path);
    return package;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInput || weights::is_package(path)) throw;
    throw Error(ErrorKind::kInput, error.what())
        .hint("a model is a Cutaway package; cutaway convert makes one from other formats");
  }
}

SourceOptions with_classes(SourceOptions options, const weights::Package& package) {
  options.classes = class_count(package.model.graph);
  return options;
}

std::string label_name(const weights::Package& package, std::int64_t label) {
  const auto i = static_cast<std::size_t>(label);
  if (label < 0 || i >= package.labels.size()) return std::to_string(label);
  const std::string& text = package.labels[i];
  // ImageNet's lists put the synset id first.
  const bool synset =
      text.size() > 10 && text[0] == 'n' && text[9] == ' ' &&
      std::all_of(text.begin() + 1, text.begin() + 9, [](char c) { return c >= '0' && c <= '9'; });
  return synset ? text.substr(10) : text;
}

}  // namespace cutaway::explain
