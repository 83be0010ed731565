// docs/methods.md against the program: every method has an entry, with exactly the options it
// records, and their defaults are the defaults.

#include <doctest/doctest.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <set>

#include "explain/session.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/global_pool.h"
#include "layers/relu.h"
#include "tests/support/random_tensor.h"
#include "tests/support/source_dir.h"

using namespace cutaway;
using namespace cutaway::explain;

namespace {

using Fields = std::map<std::string, std::string>;  // label, text

const std::set<std::string> kLabels{"Source", "Computes", "Layer", "Cost", "Options", "Misleads"};

/// Entries are headings "## `name`" with a list: "- **Label:** text", continued on indented lines.
std::map<std::string, Fields> entries_of_page() {
  std::ifstream file(source_dir() + "/docs/methods.md");
  REQUIRE(file.good());
  std::map<std::string, Fields> entries;
  Fields* entry = nullptr;
  std::string* text = nullptr;
  for (std::string line; std::getline(file, line);) {
    CHECK_MESSAGE(line.size() <= 100, line);  // for terminals
    if (line.rfind("#", 0) == 0) {
      entry = nullptr;
      text = nullptr;
    }
    if (line.rfind("## `", 0) == 0) {
      const std::string name = line.substr(4, line.size() - 5);
      CHECK_MESSAGE(!entries.contains(name), name);
      entry = &entries[name];
    } else if (entry != nullptr && line.rfind("- **", 0) == 0) {
      const std::size_t end = line.find(":** ");
      REQUIRE(end != std::string::npos);
      const std::string label = line.substr(4, end - 4);
      CHECK_MESSAGE(!entry->contains(label), line);
      text = &(*entry)[label];
      *text = line.substr(end + 4);
    } else if (text != nullptr && line.rfind("  ", 0) == 0) {
      *text += " " + line.substr(2);
    }
  }
  return entries;
}

Attributes::Value value_of(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  const char* end = text.data() + text.size();
  std::int64_t whole = 0;
  if (const auto r = std::from_chars(text.data(), end, whole); r.ec == std::errc{} && r.ptr == end)
    return whole;
  double number = 0;
  if (const auto r = std::from_chars(text.data(), end, number); r.ec == std::errc{} && r.ptr == end)
    return number;
  return text;
}

/// NAME=VALUE between backquotes.
std::map<std::string, std::string> options_of(const std::string& field) {
  std::map<std::string, std::string> options;
  for (std::size_t at = field.find('`'); at != std::string::npos;) {
    const std::size_t end = field.find('`', at + 1);
    REQUIRE(end != std::string::npos);
    const std::string text = field.substr(at + 1, end - at - 1);
    if (const std::size_t equals = text.find('='); equals != std::string::npos)
      options[text.substr(0, equals)] = text.substr(equals + 1);
    at = field.find('`', end + 1);
  }
  return options;
}

Model tiny() {
  Graph g({1, 3, 8, 8});
  g.add("conv", std::make_shared<Conv>(5, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}));
  g.add("relu", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(3));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 2);
  return m;
}

Explanation explain_tiny(const Model& m, const std::string& name, const Attributes& options) {
  std::vector<MethodPtr> methods;
  methods.push_back(make_method(name, options));
  Session session(m, std::move(methods), {1, 3, 8, 8}, CpuStream(1));
  (void)session.forward(tests::random_tensor({1, 3, 8, 8}, 3));
  return std::move(session.explain({1}).at(0));
}

}  // namespace

TEST_CASE("docs/methods.md has an entry for every method, and no other") {
  std::set<std::string> page;
  for (const auto& [name, fields] : entries_of_page()) {
    CAPTURE(name);
    page.insert(name);
    std::set<std::string> labels;
    for (const auto& [label, text] : fields) {
      labels.insert(label);
      CHECK_FALSE(text.empty());
    }
    CHECK(labels == kLabels);
  }
  const std::vector<std::string> names = method_names();
  CHECK(page == std::set<std::string>(names.begin(), names.end()));
}

TEST_CASE("docs/methods.md states the sources, options and defaults that methods state") {
  const auto entries = entries_of_page();
  for (const std::string& name : method_names()) {
    CAPTURE(name);
    const MethodFacts& facts = method_facts(name);
    REQUIRE(entries.contains(name));
    const Fields& fields = entries.at(name);
    CHECK(fields.at("Source") == facts.source);
    const auto documented = options_of(fields.at("Options"));
    CHECK(documented.size() == facts.options.size());
    for (const OptionFact& fact : facts.options) {
      CAPTURE(fact.name);
      REQUIRE(documented.contains(fact.name));
      const std::string& text = documented.at(fact.name);
      CHECK((text == "...") == !fact.otherwise.has_value());  // no default of its own
      if (!fact.otherwise) continue;
      const Options spelled(std::vector{fact},
                            {{fact.name, text.empty() ? Attributes::Value(text) : value_of(text)}},
                            name);
      CHECK(spelled.all().values().at(fact.name) == *fact.otherwise);
    }
  }
}

TEST_CASE("methods record the options they have, and a spelled default changes nothing") {
  const Model m = tiny();
  for (const std::string& name : method_names()) {
    CAPTURE(name);
    Attributes values;
    std::set<std::string> stated, recorded;
    for (const OptionFact& fact : method_facts(name).options) {
      if (!fact.otherwise) continue;
      values.set(fact.name, *fact.otherwise);
      stated.insert(fact.name);
    }
    const Explanation plain = explain_tiny(m, name, {}), spelled = explain_tiny(m, name, values);
    CHECK(std::ranges::equal(plain.map.f32(), spelled.map.f32()));
    CHECK(plain.options.values() == spelled.options.values());
    // What is recorded is what can be chosen, apart from what follows from it.
    for (const auto& [option, value] : plain.options.values()) {
      if (option != "regional" && option != "work" && option != "layer_choice")
        recorded.insert(option);
    }
    CHECK(recorded == stated);
  }
}
