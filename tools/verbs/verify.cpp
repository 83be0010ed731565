#include "explain/verify/verify.h"
#include "explain/runs/load_network.h"
#include "tools/printing/print.h"
#include "tools/program/command.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  std::string model, reference;
  Tolerances tolerances;
};

int verify_model(const Options& o, const Context& context) {
  const Reference reference(o.reference);
  const weights::Package package = load_network(o.model, Use::kStructure);
  const Verification v =
      verify(package, reference, o.tolerances, context.stream(), context.engines());
  print(v, {o.model, o.reference, reference.producer()}, context);
  return v.ok() ? kExitOk : kExitMismatch;
}

}  // namespace

void add_verify(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb =
      program.add_subcommand("verify", "Compare every layer with what another framework computed");
  verb.footer(
      "Exit code 4 when anything differs. docs/verify.md has the bundle's format; the scripts in "
      "tools/verify record bundles.\n"
      "example: cutaway verify vgg16.h5 vgg16_reference.h5");
  verb.add_option("model", o->model, "a Cutaway package").required();
  verb.add_option("reference", o->reference, "a reference bundle").required();
  const auto tolerance = [&](const char* name, double& value, const char* what) {
    verb.add_option(name, value,
                    std::string("largest difference of ") + what +
                        ", as a share of the reference's largest value")
        .check(range(0.0, 1e6))
        .capture_default_str();
  };
  tolerance("--tolerance", o->tolerances.activation, "activations");
  tolerance("--gradient-tolerance", o->tolerances.gradient, "gradients");
  tolerance("--map-tolerance", o->tolerances.map, "maps");
  tolerance("--input-tolerance", o->tolerances.input, "preprocessed pictures");
  verb.callback(
      [o, &context] { context.action = [o, &context] { return verify_model(*o, context); }; });
}

}  // namespace cutaway::tools
