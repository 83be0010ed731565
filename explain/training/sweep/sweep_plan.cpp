#include "explain/training/sweep/sweep_plan.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "runtime/error.h"
#include "runtime/files/read_file.h"
#include "weights/json.h"
#include "weights/recipe_json.h"

namespace cutaway::training {
namespace {

using weights::Json;

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 20U;
constexpr std::size_t kMostRuns = 10'000;

const char* type_name(Json::value_t type) { return Json(type).type_name(); }

const Json* member(const Json& object, const char* name, Json::value_t type) {
  const auto found = object.find(name);
  if (found == object.end()) return nullptr;
  const bool number = found->is_number() && type == Json::value_t::number_float;
  if (found->type() != type && !number) {
    throw Error(ErrorKind::kInput, std::string("'") + name + "'")
        .expected(type_name(type))
        .got(found->type_name());
  }
  return &*found;
}

std::string text(const Json& object, const char* name) {
  const Json* found = member(object, name, Json::value_t::string);
  return found == nullptr ? std::string() : found->get<std::string>();
}

std::vector<std::string> texts(const Json& object, const char* name) {
  std::vector<std::string> all;
  const Json* found = member(object, name, Json::value_t::array);
  if (found == nullptr) return all;
  for (const Json& item : *found) {
    if (!item.is_string()) {
      throw Error(ErrorKind::kInput, std::string("'") + name + "'")
          .expected("texts")
          .got(item.type_name());
    }
    all.push_back(item);
  }
  return all;
}

void check_members(const Json& object, const std::set<std::string>& known, const char* what) {
  if (!object.is_object()) throw Error(ErrorKind::kInput, what).expected("an object");
  for (const auto& [name, value] : object.items()) {
    if (known.contains(name)) continue;
    std::string names;
    for (const std::string& n : known) names += (names.empty() ? "" : ", ") + n;
    throw Error(ErrorKind::kInput, std::string("unknown member of ") + what)
        .expected(names)
        .got("'" + name + "'");
  }
}

/// The recipe with what a member "recipe" changes of it.
Recipe changed(const Recipe& base, const Json& object) {
  const Json* patch = member(object, "recipe", Json::value_t::object);
  if (patch == nullptr) return base;
  Json whole = weights::parse_json(weights::to_json(base));
  whole.merge_patch(*patch);
  return weights::recipe_from_json(weights::json_text(whole));
}

std::optional<HeadKind> head_of(const std::string& name) {
  if (name.empty()) return std::nullopt;
  if (name == "gap") return HeadKind::kAverage;
  if (name == "gmp") return HeadKind::kMax;
  if (name == "fc") return HeadKind::kDense;
  throw Error(ErrorKind::kInput, "'head'").expected("gap, gmp or fc").got("'" + name + "'");
}

double number(const Json& value, const std::string& where) {
  if (!value.is_number()) {
    throw Error(ErrorKind::kInput, "'" + where + "'").expected("a number").got(value.type_name());
  }
  return value;
}

weights::NetEdit edit_of(const Json& variant) {
  weights::NetEdit edit;
  edit.remove = texts(variant, "remove");
  if (const Json* nodes = member(variant, "change", Json::value_t::object)) {
    for (const auto& [node, attributes] : nodes->items()) {
      if (!attributes.is_object())
        throw Error(ErrorKind::kInput, "'change' of " + node).expected("an object");
      for (const auto& [name, value] : attributes.items())
        edit.changes.push_back({node, name, number(value, name), false});
    }
  }
  if (const Json* nodes = member(variant, "widen", Json::value_t::object)) {
    for (const auto& [node, factor] : nodes->items())
      edit.changes.push_back({node, "width", number(factor, node), true});
  }
  return edit;
}

/// Relative names of files that are there stand for those; other names are the zoo's.
std::string found_net(const std::string& net, const std::string& folder) {
  std::error_code code;
  const std::string below = (std::filesystem::path(folder) / net).string();
  return std::filesystem::is_regular_file(below, code) ? below : net;
}

SweepVariant variant_of(const Json& json,
                        const std::string& net,
                        const std::string& folder,
                        const Recipe& base) {
  check_members(json,
                {"name", "net", "recipe", "remove", "change", "widen", "head", "from", "dropout"},
                "a variant");
  SweepVariant v;
  v.name = text(json, "name");
  if (v.name.empty()) throw Error(ErrorKind::kInput, "a variant without a name");
  const std::string own = text(json, "net");
  v.net.net = found_net(own.empty() ? net : own, folder);
  if (v.net.net.empty()) throw Error(ErrorKind::kInput, "a variant without a net").at(v.name);
  v.net.head = head_of(text(json, "head"));
  v.net.from = text(json, "from");
  if (const Json* rate = member(json, "dropout", Json::value_t::number_float))
    v.net.dropout = rate->get<float>();
  v.net.edit = edit_of(json);
  v.recipe = changed(base, json);
  return v;
}

std::vector<std::uint64_t> seeds_of(const Json& root) {
  const Json* seeds = member(root, "seeds", Json::value_t::array);
  if (seeds == nullptr) return {1};
  std::vector<std::uint64_t> all;
  for (const Json& seed : *seeds) {
    if (!seed.is_number_unsigned())
      throw Error(ErrorKind::kInput, "'seeds'").expected("whole numbers from 0");
    all.push_back(seed);
    if (std::ranges::count(all, all.back()) > 1)
      throw Error(ErrorKind::kInput, "a seed that stands there twice").got(seed.dump());
  }
  if (all.empty()) throw Error(ErrorKind::kInput, "'seeds'").expected("one or more").got("none");
  return all;
}

SweepTruth truth_of(const Json& json, const std::string& folder) {
  check_members(json, {"data", "boxes", "method"}, "'localize'");
  SweepTruth truth;
  const std::filesystem::path at = folder;
  for (const std::string& data : texts(json, "data")) truth.data.push_back((at / data).string());
  const std::string boxes = text(json, "boxes");
  if (truth.data.empty() || boxes.empty()) {
    throw Error(ErrorKind::kInput, "'localize'").expected("data, a list of paths, and boxes");
  }
  truth.boxes = (at / boxes).string();
  if (json.contains("method")) truth.method = text(json, "method");
  return truth;
}

}  // namespace

SweepPlan sweep_plan(std::string_view text_of_plan, const std::string& folder, const Recipe& base) {
  const Json root = weights::parse_json(text_of_plan);
  check_members(root, {"seeds", "net", "recipe", "localize", "variants"}, "a sweep");
  SweepPlan plan;
  plan.seeds = seeds_of(root);
  if (root.contains("localize")) plan.truth = truth_of(root["localize"], folder);
  const Json* variants = member(root, "variants", Json::value_t::array);
  if (variants == nullptr || variants->empty())
    throw Error(ErrorKind::kInput, "'variants'").expected("one or more").got("none");
  if (variants->size() * plan.seeds.size() > kMostRuns) {
    throw Error(ErrorKind::kInput, "trainings of a sweep")
        .expected("at most " + std::to_string(kMostRuns))
        .got(std::to_string(variants->size() * plan.seeds.size()));
  }
  const Recipe common = changed(base, root);
  for (const Json& json : *variants) {
    SweepVariant v = variant_of(json, text(root, "net"), folder, common);
    for (const SweepVariant& other : plan.variants) {
      if (other.name == v.name)
        throw Error(ErrorKind::kInput, "two variants of one name").got("'" + v.name + "'");
    }
    plan.variants.push_back(std::move(v));
  }
  return plan;
}

SweepPlan load_sweep(const std::string& path, const Recipe& base) {
  const std::vector<std::uint8_t> bytes = files::read_file(path, kMostBytes);
  try {
    return sweep_plan({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                      std::filesystem::path(path).parent_path().string(), base);
  } catch (const Error& error) {
    throw Error(error.kind(), error.what()).at(path);
  }
}

}  // namespace cutaway::training
