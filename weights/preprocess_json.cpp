#include "weights/preprocess_json.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "runtime/error.h"
#include "weights/json.h"

namespace cutaway::weights {
namespace {

constexpr const char* kWhere = "preprocess";
constexpr std::int32_t kMostSide = 65536;

template <class E>
struct Named {
  E value;
  const char* name;
};

constexpr Named<ColorOrder> kOrders[] = {
    {ColorOrder::kRgb, "rgb"}, {ColorOrder::kBgr, "bgr"}, {ColorOrder::kGray, "gray"}};
constexpr Named<ResizeRule> kResizes[] = {{ResizeRule::kNone, "none"},
                                          {ResizeRule::kWarp, "warp"},
                                          {ResizeRule::kShortSide, "short_side"}};
constexpr Named<Interpolation> kInterpolations[] = {
    {Interpolation::kBilinear, "bilinear"},
    {Interpolation::kBilinearPil, "bilinear_pil"},
    {Interpolation::kBilinearMatlab, "bilinear_matlab"},
    {Interpolation::kCubic075, "cubic_075"},
    {Interpolation::kCubicPil, "cubic_pil"},
    {Interpolation::kCubicMatlab, "cubic_matlab"}};
constexpr Named<CropRule> kCrops[] = {{CropRule::kNone, "none"}, {CropRule::kCenter, "center"}};
constexpr Named<CropOffset> kOffsets[] = {{CropOffset::kFloor, "floor"},
                                          {CropOffset::kHalfEven, "half_even"}};

template <class E, std::size_t N>
const char* name_of(const Named<E> (&table)[N], E value) {
  for (const auto& entry : table) {
    if (entry.value == value) return entry.name;
  }
  throw Error(ErrorKind::kInternal, "a preprocessing rule without a name");
}

template <class E, std::size_t N>
E value_of(const Named<E> (&table)[N], JsonObject& object, const char* member) {
  const std::string text = object.text(member);
  std::string known;
  for (const auto& entry : table) {
    if (text == entry.name) return entry.value;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw Error(ErrorKind::kInput, "member '" + std::string(member) + "'")
      .at(kWhere)
      .expected("one of " + known)
      .got("'" + text.substr(0, 64) + "'");
}

Json triple(const std::array<float, 3>& values, int count) {
  Json array = Json::array();
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
    array.push_back(double{values[i]});
  return array;
}

void read_triple(JsonObject& object, const char* member, int count, std::array<float, 3>& to) {
  const Json& array = object.array(member);
  bool good = array.size() == static_cast<std::size_t>(count);
  for (std::size_t i = 0; good && i < array.size(); ++i) {
    good = array[i].is_number();
    if (good) to[i] = static_cast<float>(array[i].get<double>());
  }
  if (!good) {
    throw Error(ErrorKind::kInput, "member '" + std::string(member) + "'")
        .at(kWhere)
        .expected(std::to_string(count) + " numbers");
  }
}

std::int32_t side(JsonObject& object, const char* member) {
  return static_cast<std::int32_t>(object.integer(member, 1, kMostSide));
}

void require(bool good, const char* what, const char* expected) {
  if (!good) throw Error(ErrorKind::kInput, what).at(kWhere).expected(expected);
}

std::string lower(std::string text) {
  for (char& c : text)
    c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// Moves member `from` of one object to `to` of another, in lower case where it is a text.
void move_member(Json& flat, const char* from, Json& nested, const char* to) {
  if (!flat.contains(from)) return;
  Json value = flat[from];
  if (value.is_string()) value = lower(value.get<std::string>());
  nested[to] = std::move(value);
  flat.erase(from);
}

/// The nested form of what `info` prints flat.
Json nested_form(Json flat) {
  Json resize = Json::object(), crop = Json::object();
  move_member(flat, "resize", resize, "rule");
  for (const char* name : {"width", "height", "short_side", "interpolation"})
    move_member(flat, name, resize, name);
  move_member(flat, "crop", crop, "rule");
  move_member(flat, "crop_width", crop, "width");
  move_member(flat, "crop_height", crop, "height");
  move_member(flat, "crop_offset", crop, "offset");
  // Rules that are not read are left out there.
  if (!resize.contains("interpolation")) resize["interpolation"] = "bilinear";
  if (!crop.contains("offset")) crop["offset"] = "floor";
  move_member(flat, "order", flat, "order_");
  if (flat.contains("order_")) {
    flat["order"] = flat["order_"];
    flat.erase("order_");
  }
  flat["resize"] = std::move(resize);
  flat["crop"] = std::move(crop);
  return flat;
}

/// The lines "preprocess NAME: VALUE" of a text as a flat object; others are passed over.
Json object_of_lines(std::string_view text) {
  constexpr std::string_view kStart = "preprocess ";
  Json object = Json::object();
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t colon = line.find(": ");
    if (!line.starts_with(kStart) || colon == std::string_view::npos) continue;
    const std::string name(line.substr(kStart.size(), colon - kStart.size()));
    const std::string value(line.substr(colon + 2));
    const bool list = name == "mean" || name == "std";
    const bool number =
        !value.empty() && value.find_first_not_of("0123456789+-.e, ") == std::string::npos;
    object[name] = list ? parse_json("[" + value + "]") : number ? parse_json(value) : Json(value);
  }
  return object;
}

}  // namespace

Preprocess preprocess_from_file_text(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool object = first != std::string_view::npos && text[first] == '{';
  Json json = object ? parse_json(text) : object_of_lines(text);
  for (const char* name : {"preprocess", "preprocessing"}) {
    if (json.is_object() && json.contains(name)) {
      Json inner = json[name];
      json = std::move(inner);
    }
  }
  if (!json.is_object() || json.empty()) {
    throw Error(ErrorKind::kInput, "no description of preprocessing")
        .expected("a JSON object, or the lines \"preprocess ...\" of cutaway info");
  }
  if (json.contains("rule") && json["rule"] == Json("none declared")) json = {{"declared", false}};
  const bool flat = json.contains("resize") && json["resize"].is_string();
  return preprocess_from_json(json_text(flat ? nested_form(std::move(json)) : std::move(json)));
}

void require_declared(const Preprocess& p, const std::string& model) {
  if (p.declared) return;
  throw Error(ErrorKind::kInput, "the model does not say how pictures become its input")
      .at(model)
      .hint("convert it again with --preprocess (caffe, torchvision, keras, ...)");
}

bool has_range(const Preprocess& p) {
  constexpr double kMostInput = 1e6;    // of the network: what is more may overflow in a layer
  constexpr double kLeastRange = 1e-6;  // from black to white
  for (std::size_t c = 0; c < static_cast<std::size_t>(p.channels()); ++c) {
    const double black = -double{p.mean[c]} / double{p.std[c]};
    const double range = 255.0 * double{p.scale} / double{p.std[c]};
    const bool good = std::abs(black) <= kMostInput && std::abs(black + range) <= kMostInput &&
                      std::abs(range) >= kLeastRange;  // NaN is not
    if (!good) return false;
  }
  return true;
}

void validate(const Preprocess& p) {
  if (!p.declared) return;
  const auto extent = [](std::int32_t v) { return v >= 1 && v <= kMostSide; };
  require(std::isfinite(p.scale) && p.scale != 0.0F, "scale", "a finite number, not 0");
  for (std::size_t c = 0; c < static_cast<std::size_t>(p.channels()); ++c) {
    require(std::isfinite(p.mean[c]), "mean", "finite numbers");
    require(std::isfinite(p.std[c]) && p.std[c] != 0.0F, "std", "finite numbers, not 0");
  }
  require(has_range(p), "scale, mean and std", kRangeExpected);
  require(p.resize != ResizeRule::kWarp || (extent(p.width) && extent(p.height)),
          "extents to warp to", "1 to 65536");
  require(p.resize != ResizeRule::kShortSide || extent(p.short_side), "short side", "1 to 65536");
  require(p.crop != CropRule::kCenter || (extent(p.crop_width) && extent(p.crop_height)),
          "extents to crop to", "1 to 65536");
}

std::string to_json(const Preprocess& p) {
  validate(p);
  if (!p.declared) return json_text({{"declared", false}});
  Json resize{{"rule", name_of(kResizes, p.resize)},
              {"interpolation", name_of(kInterpolations, p.interpolation)}};
  if (p.resize == ResizeRule::kWarp) {
    resize["width"] = p.width;
    resize["height"] = p.height;
  }
  if (p.resize == ResizeRule::kShortSide) resize["short_side"] = p.short_side;
  Json crop{{"rule", name_of(kCrops, p.crop)}, {"offset", name_of(kOffsets, p.crop_offset)}};
  if (p.crop == CropRule::kCenter) {
    crop["width"] = p.crop_width;
    crop["height"] = p.crop_height;
  }
  return json_text({{"order", name_of(kOrders, p.order)},
                    {"scale", double{p.scale}},
                    {"mean", triple(p.mean, p.channels())},
                    {"std", triple(p.std, p.channels())},
                    {"resize", resize},
                    {"crop", crop}});
}

Preprocess preprocess_from_json(std::string_view text) {
  const Json json = parse_json(text);
  JsonObject object(json, kWhere);
  Preprocess p;
  if (object.has("declared")) {
    require(object.member("declared") == Json(false), "declared", "false, or nothing");
    object.finish();
    p.declared = false;
    return p;
  }
  p.order = value_of(kOrders, object, "order");
  p.scale = object.number("scale");
  read_triple(object, "mean", p.channels(), p.mean);
  read_triple(object, "std", p.channels(), p.std);
  JsonObject resize(object.object("resize"), "preprocess resize");
  p.resize = value_of(kResizes, resize, "rule");
  p.interpolation = value_of(kInterpolations, resize, "interpolation");
  if (p.resize == ResizeRule::kWarp) {
    p.width = side(resize, "width");
    p.height = side(resize, "height");
  }
  if (p.resize == ResizeRule::kShortSide) p.short_side = side(resize, "short_side");
  resize.finish();
  JsonObject crop(object.object("crop"), "preprocess crop");
  p.crop = value_of(kCrops, crop, "rule");
  p.crop_offset = value_of(kOffsets, crop, "offset");
  if (p.crop == CropRule::kCenter) {
    p.crop_width = side(crop, "width");
    p.crop_height = side(crop, "height");
  }
  crop.finish();
  object.finish();
  validate(p);
  return p;
}

}  // namespace cutaway::weights
