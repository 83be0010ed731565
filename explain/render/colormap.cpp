#include "explain/render/colormap.h"

#include <cmath>
#include <cstddef>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

// 256 entries rrggbb. Copyright 2019 Google LLC, Apache-2.0, author Anton Mikhailov
// (turbo_colormap.c, rounded to 8 bits).
constexpr std::string_view kTurboHex =
    "30123b32154333184a341b51351e5836215f37246638276d392a733a2d793b2f803c32863d358b3e38913f3b97"
    "3f3e9c4040a24143a74146ac4249b1424bb5434eba4451bf4454c34456c74559cb455ccf455ed34661d64664da"
    "4666dd4669e0466be3476ee64771e94773eb4776ee4778f0477bf2467df44680f64682f84685fa4687fb458afc"
    "458cfd448ffe4391fe4294ff4196ff4099ff3e9bfe3d9efe3ba0fd3aa3fc38a5fb37a8fa35abf833adf731aff5"
    "2fb2f42eb4f22cb7f02ab9ee28bceb27bee925c0e723c3e422c5e220c7df1fc9dd1ecbda1ccdd81bd0d51ad2d2"
    "1ad4d019d5cd18d7ca18d9c818dbc518ddc218dec018e0bd19e2bb19e3b91ae4b61ce6b41de7b21fe9af20eaac"
    "22ebaa25eca727eea42aefa12cf09e2ff19b32f29835f39438f4913cf58e3ff68a43f78746f8844af8804ef97d"
    "52fa7a55fa7659fb735dfc6f61fc6c65fd6969fd666dfe6271fe5f75fe5c79fe597dff5680ff5384ff5188ff4e"
    "8bff4b8fff4992ff4796fe4499fe429cfe409ffd3fa1fd3da4fc3ca7fc3aa9fb39acfb38affa37b1f936b4f836"
    "b7f735b9f635bcf534bef434c1f334c3f134c6f034c8ef34cbed34cdec34d0ea34d2e935d4e735d7e535d9e436"
    "dbe236dde037dfdf37e1dd37e3db38e5d938e7d739e9d539ebd339ecd13aeecf3aefcd3af1cb3af2c93af4c73a"
    "f5c53af6c33af7c13af8be39f9bc39faba39fbb838fbb637fcb336fcb136fdae35fdac34fea933fea732fea431"
    "fea130fe9e2ffe9b2dfe992cfe962bfe932afe9029fd8d27fd8a26fc8725fc8423fb8122fb7e21fa7b1ff9781e"
    "f9751df8721cf76f1af66c19f56918f46617f36315f26014f15d13f05b12ef5811ed5510ec530feb500eea4e0d"
    "e84b0ce7490ce5470be4450ae2430ae14109df3f08dd3d08dc3b07da3907d83706d63506d43305d23105d02f05"
    "ce2d04cc2b04ca2a04c82803c52603c32503c12302be2102bc2002b91e02b71d02b41b01b21a01af1801ac1701"
    "a91601a71401a41301a112019e10019b0f01980e01950d01920b018e0a018b09028808028507028106027e0502"
    "7a0403";

// 256 entries rrggbb. Stefan van der Walt and Nathaniel Smith, CC0 (matplotlib, rounded to 8 bits).
constexpr std::string_view kViridisHex =
    "44015444025645045745055946075a46085c460a5d460b5e470d60470e61471063471164471365481467481668"
    "48176948186a481a6c481b6d481c6e481d6f481f70482071482173482374482475482576482677482878482979"
    "472a7a472c7a472d7b472e7c472f7d46307e46327e46337f463480453581453781453882443983443a83443b84"
    "433d84433e85423f854240864241864142874144874045884046883f47883f48893e49893e4a893e4c8a3d4d8a"
    "3d4e8a3c4f8a3c508b3b518b3b528b3a538b3a548c39558c39568c38588c38598c375a8c375b8d365c8d365d8d"
    "355e8d355f8d34608d34618d33628d33638d32648e32658e31668e31678e31688e30698e306a8e2f6b8e2f6c8e"
    "2e6d8e2e6e8e2e6f8e2d708e2d718e2c718e2c728e2c738e2b748e2b758e2a768e2a778e2a788e29798e297a8e"
    "297b8e287c8e287d8e277e8e277f8e27808e26818e26828e26828e25838e25848e25858e24868e24878e23888e"
    "23898e238a8d228b8d228c8d228d8d218e8d218f8d21908d21918c20928c20928c20938c1f948c1f958b1f968b"
    "1f978b1f988b1f998a1f9a8a1e9b8a1e9c891e9d891f9e891f9f881fa0881fa1881fa1871fa28720a38620a486"
    "21a58521a68522a78522a88423a98324aa8325ab8225ac8226ad8127ad8128ae8029af7f2ab07f2cb17e2db27d"
    "2eb37c2fb47c31b57b32b67a34b67935b77937b87838b9773aba763bbb753dbc743fbc7340bd7242be7144bf70"
    "46c06f48c16e4ac16d4cc26c4ec36b50c46a52c56954c56856c66758c7655ac8645cc8635ec96260ca6063cb5f"
    "65cb5e67cc5c69cd5b6ccd5a6ece5870cf5773d05675d05477d1537ad1517cd2507fd34e81d34d84d44b86d549"
    "89d5488bd6468ed64590d74393d74195d84098d83e9bd93c9dd93ba0da39a2da37a5db36a8db34aadc32addc30"
    "b0dd2fb2dd2db5de2bb8de29bade28bddf26c0df25c2df23c5e021c8e020cae11fcde11dd0e11cd2e21bd5e21a"
    "d8e219dae319dde318dfe318e2e418e5e419e7e419eae51aece51befe51cf1e51df4e61ef6e620f8e621fbe723"
    "fde725";
static_assert(kTurboHex.size() == 6 * kColormapEntries);
static_assert(kViridisHex.size() == 6 * kColormapEntries);

constexpr int hex_digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

ColorTable table_from_hex(std::string_view hex) {
  ColorTable table;
  for (std::size_t i = 0; i < table.size(); ++i) {
    std::array<std::uint8_t, 3> byte{};
    for (std::size_t k = 0; k < 3; ++k) {
      byte[k] = static_cast<std::uint8_t>(16 * hex_digit(hex[6 * i + 2 * k]) +
                                          hex_digit(hex[6 * i + 2 * k + 1]));
    }
    table[i] = {byte[0], byte[1], byte[2]};
  }
  return table;
}

std::uint8_t to_byte(double v) { return static_cast<std::uint8_t>(std::floor(255.0 * v + 0.5)); }

// MATLAB's jet, i = 1..256: R = u(i-96), G = u(i-32), B = u(i+32).
ColorTable jet_table() {
  const auto u = [](int t) {
    if (t >= 1 && t <= 64) return t / 64.0;
    if (t >= 65 && t <= 127) return 1.0;
    if (t >= 128 && t <= 191) return (192 - t) / 64.0;
    return 0.0;
  };
  ColorTable table;
  for (int i = 1; i <= kColormapEntries; ++i) {
    table[static_cast<std::size_t>(i - 1)] = {to_byte(u(i - 96)), to_byte(u(i - 32)),
                                              to_byte(u(i + 32))};
  }
  return table;
}

struct Stop {
  double at;
  double r, g, b;
};

// From white outwards; the ends are dark, so that strength also shows without colour.
constexpr std::array<Stop, 4> kBlues{
    {{0.0, 255, 255, 255}, {0.4, 120, 176, 230}, {0.75, 36, 96, 190}, {1.0, 10, 38, 104}}};
constexpr std::array<Stop, 4> kReds{
    {{0.0, 255, 255, 255}, {0.4, 244, 154, 122}, {0.75, 204, 42, 42}, {1.0, 112, 4, 24}}};

Rgb between_stops(const std::array<Stop, 4>& stops, double t) {
  std::size_t i = 1;
  while (i + 1 < stops.size() && t > stops[i].at) ++i;
  const Stop& a = stops[i - 1];
  const Stop& b = stops[i];
  const double f = (t - a.at) / (b.at - a.at);
  const auto mix = [f](double from, double to) { return to_byte((from + f * (to - from)) / 255); };
  return {mix(a.r, b.r), mix(a.g, b.g), mix(a.b, b.b)};
}

// 256 entries have no middle one. round(255 * 0.5) is 128, so that entry is the white of value 0.
ColorTable signed_table() {
  ColorTable table;
  for (int i = 0; i < kColormapEntries; ++i) {
    table[static_cast<std::size_t>(i)] = i < 128 ? between_stops(kBlues, (128 - i) / 128.0)
                                                 : between_stops(kReds, (i - 128) / 127.0);
  }
  return table;
}

ColorTable gray_table() {
  ColorTable table;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto v = static_cast<std::uint8_t>(i);
    table[i] = {v, v, v};
  }
  return table;
}

constexpr std::array<std::string_view, 5> kNames{"turbo", "jet", "viridis", "signed", "gray"};

}  // namespace

const ColorTable& color_table(Colormap colormap) {
  static const std::array<ColorTable, kNames.size()> tables{table_from_hex(kTurboHex), jet_table(),
                                                            table_from_hex(kViridisHex),
                                                            signed_table(), gray_table()};
  return tables[static_cast<std::size_t>(colormap)];
}

int color_index(float v) noexcept {
  if (!(v > 0.0F)) return 0;
  if (v >= 1.0F) return kColormapEntries - 1;
  return static_cast<int>(std::floor(255.0 * static_cast<double>(v) + 0.5));
}

std::string to_string(Colormap colormap) {
  return std::string(kNames[static_cast<std::size_t>(colormap)]);
}

Colormap parse_colormap(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Colormap>(i);
  }
  throw Error(ErrorKind::kUsage, "unknown colour map")
      .expected("turbo, jet, viridis, signed or gray")
      .got("'" + std::string(name) + "'");
}

}  // namespace cutaway::explain
