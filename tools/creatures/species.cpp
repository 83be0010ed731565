#include "tools/creatures/species.h"

#include <array>
#include <string>
#include <vector>

#include "tools/creatures/creatures.h"

namespace cutaway::tools::creatures {
namespace {

struct Species {
  const char* name;
  DrawSpecies draw;
};

constexpr std::array<Species, 10> kSpecies{{
    {"cat", draw_cat},
    {"rabbit", draw_rabbit},
    {"elephant", draw_elephant},
    {"giraffe", draw_giraffe},
    {"turtle", draw_turtle},
    {"bird", draw_bird},
    {"fish", draw_fish},
    {"butterfly", draw_butterfly},
    {"octopus", draw_octopus},
    {"snail", draw_snail},
}};

std::vector<std::string> list_names() {
  std::vector<std::string> names;
  for (const Species& s : kSpecies) names.emplace_back(s.name);
  return names;
}

}  // namespace

const std::vector<std::string>& class_names() {
  static const std::vector<std::string> names = list_names();
  return names;
}

Plan draw_species(int label, Random& random, const Wardrobe& wardrobe, float pose) {
  Plan plan;
  Artist artist{plan, random, wardrobe, pose};
  kSpecies[static_cast<std::size_t>(label)].draw(artist);
  return plan;
}

}  // namespace cutaway::tools::creatures
