#include <algorithm>
#include <cstdio>
#include <map>

#include "explain/report/drawing/graph_drawing.h"
#include "explain/report/drawing/layered_layout.h"
#include "explain/report/report.h"
#include "layers/receptive_field.h"

namespace cutaway::explain {
namespace {

constexpr double kMargin = 28, kHeader = 22, kLine = 15, kPad = 10;
constexpr double kGapAcross = 22, kGapDown = 30;
constexpr double kCharacter = 6.3;  // mean width of the 11.5 px sans-serif text, generously
constexpr double kTitleCharacter = 7.4;

struct Style {
  const char *name, *colour;
};

Style style_of(LayerKind kind) {
  switch (kind) {
    case LayerKind::kConv:
      return {"convolution", "#2f6db5"};
    case LayerKind::kDense:
      return {"fully connected", "#7a4fb0"};
    case LayerKind::kMaxPool:
    case LayerKind::kAveragePool:
      return {"pooling", "#c8741c"};
    case LayerKind::kGlobalAveragePool:
    case LayerKind::kGlobalMaxPool:
      return {"global pooling", "#b8453a"};
    case LayerKind::kBatchNorm:
    case LayerKind::kLrn:
      return {"normalisation", "#3c8a5a"};
    case LayerKind::kConcat:
    case LayerKind::kAdd:
      return {"joining", "#5b6770"};
    case LayerKind::kInput:
    case LayerKind::kSoftmax:
      return {"input, softmax", "#1f2a33"};
    default:
      return {"other", "#8a949c"};
  }
}

bool rides_along(LayerKind kind) {
  return kind == LayerKind::kRelu || kind == LayerKind::kBatchNorm || kind == LayerKind::kDropout;
}

/// One layer, with those that ride on its card.
struct Card {
  NodeId node{0};
  std::string title;
  std::vector<std::string> lines;
  std::vector<NodeId> riders;
};

std::string extents(const Shape& s) {
  if (s.plane() == 1) return std::to_string(s.c);
  return std::to_string(s.c) + " x " + std::to_string(s.h) + " x " + std::to_string(s.w);
}

class Drawing {
 public:
  Drawing(const Graph& graph, const DrawingText& text) : graph_(graph), text_(text) {}

  std::string run() {
    make_cards();
    std::vector<LayoutBox> boxes;
    for (const Card& card : cards_) {
      LayoutBox box;
      double longest = static_cast<double>(card.title.size()) * kTitleCharacter;
      for (const std::string& line : card.lines) {
        longest = std::max(longest, static_cast<double>(line.size()) * kCharacter);
      }
      box.width = std::max(120.0, longest + 2 * kPad);
      box.height = kHeader +
                   (card.lines.empty() ? 0 : kPad + kLine * static_cast<double>(card.lines.size()));
      for (const NodeId input : graph_.node(card.node).inputs) {
        box.above.push_back(card_of_[static_cast<std::size_t>(input)]);
      }
      boxes.push_back(std::move(box));
    }
    layout_ = layered_layout(boxes, kGapAcross, kGapDown);
    return draw(boxes);
  }

 private:
  void make_cards() {
    const std::vector<cutaway::Fields> fields = receptive_fields(graph_);
    card_of_.resize(static_cast<std::size_t>(graph_.size()));
    for (NodeId id = 0; id < graph_.size(); ++id) {
      const Node& node = graph_.node(id);
      if (rides_along(node.layer->kind()) && node.inputs[0] != 0 &&
          graph_.node(node.inputs[0]).consumers.size() == 1) {
        const std::size_t host = card_of_[static_cast<std::size_t>(node.inputs[0])];
        card_of_[static_cast<std::size_t>(id)] = host;
        cards_[host].riders.push_back(id);
        continue;
      }
      card_of_[static_cast<std::size_t>(id)] = cards_.size();
      cards_.push_back(card(id, fields[static_cast<std::size_t>(id)].rows));
    }
    for (Card& c : cards_) {
      for (const NodeId rider : c.riders) {
        c.lines.push_back("+ " + std::string(graph_.node(rider).layer->type()) + "  " +
                          graph_.node(rider).name);
      }
    }
  }

  Card card(NodeId id, const cutaway::Field& field) const {
    const Node& node = graph_.node(id);
    Card c{id, node.name, {}, {}};
    const std::string summary = summary_of(node);
    c.lines.push_back(std::string(node.layer->type()) + (summary.empty() ? "" : "  " + summary));
    c.lines.push_back(extents(node.shape) + ", " + short_bytes(node.shape.count() * 4));
    std::int64_t parameters = 0;
    for (const ParameterSpec& p : graph_.parameters(id)) parameters += p.shape.count();
    std::vector<Shape> in;
    for (const NodeId input : node.inputs) in.push_back(graph_.node(input).shape);
    const std::int64_t macs = node.layer->macs(in);
    if (parameters > 0 || macs > 0) {
      c.lines.push_back(short_count(parameters) + " parameters, " + short_count(macs) + " MAC");
    }
    if (id != 0 && node.shape.plane() > 1) {
      char text[64];
      std::snprintf(text, sizeof text, "field %.6g, jump %.6g", field.size, field.jump);
      c.lines.emplace_back(text);
    }
    return c;
  }

  static std::string format(const char* pattern, double a, double b, double c = 0, double d = 0) {
    char text[256];
    std::snprintf(text, sizeof text, pattern, a, b, c, d);
    return text;
  }

  std::string line(const Layout2d::Line& l) const {
    std::string path = format("M%.1f %.1f", l.points[0].x, l.points[0].y);
    for (std::size_t i = 1; i < l.points.size(); ++i) {
      const Point& a = l.points[i - 1];
      const Point& b = l.points[i];
      const double middle = (a.y + b.y) / 2;
      path += format(" C%.1f %.1f", a.x, middle) +
              format(" %.1f %.1f %.1f %.1f", b.x, middle, b.x, b.y);
    }
    return "<path d=\"" + path + "\" marker-end=\"url(#tip)\"/>\n";
  }

  std::string box(const Card& card, const Point& at, const LayoutBox& size) const {
    const Style style = style_of(graph_.node(card.node).layer->kind());
    std::string out = format("<g transform=\"translate(%.1f %.1f)\">", at.x, at.y);
    out += format("<rect class=\"card\" width=\"%.1f\" height=\"%.1f\" rx=\"6\"/>", size.width,
                  size.height);
    const double h = kHeader;
    const double w = size.width;
    const std::string head =
        card.lines.empty() ? format("M6 0H%.1fa6 6 0 0 1 6 6V%.1f", w - 6, h - 6) +
                                 format("a6 6 0 0 1 -6 6H6a6 6 0 0 1 -6 -6V6a6 6 0 0 1 6 -6z", 0, 0)
                           : format("M6 0H%.1fa6 6 0 0 1 6 6V%.1fH0V6a6 6 0 0 1 6 -6z", w - 6, h);
    out += "<path d=\"" + head + "\" fill=\"" + style.colour + "\"/>";
    out += format("<text class=\"name\" x=\"%.1f\" y=\"%.1f\">", kPad, 15.5) +
           html_escape(card.title) + "</text>";
    double y = kHeader + kPad + 5;
    for (const std::string& text : card.lines) {
      out += format("<text x=\"%.1f\" y=\"%.1f\"", kPad, y) +
             (text.starts_with("+ ") ? " class=\"rider\">" : ">") + html_escape(text) + "</text>";
      y += kLine;
    }
    return out + "</g>\n";
  }

  double top() const { return kMargin + 26 + 17 * static_cast<double>(text_.lines.size()) + 34; }

  /// The kinds of cards, and where their row ends.
  std::pair<std::string, double> legend(double y) const {
    std::map<std::string, std::string> kinds;
    for (const Card& card : cards_) {
      const Style style = style_of(graph_.node(card.node).layer->kind());
      kinds[style.name] = style.colour;
    }
    std::string out;
    double x = kMargin;
    for (const auto& [name, colour] : kinds) {
      out +=
          format("<rect x=\"%.1f\" y=\"%.1f\" width=\"11\" height=\"11\" rx=\"2.5\"", x, y - 9.5) +
          " fill=\"" + colour + "\"/>";
      out += format("<text x=\"%.1f\" y=\"%.1f\">", x + 16, y) + html_escape(name) + "</text>";
      x += 34 + static_cast<double>(name.size()) * kCharacter;
    }
    return {out + "\n", x};
  }

  std::string draw(const std::vector<LayoutBox>& boxes) const {
    std::string head =
        format("<text class=\"title\" x=\"%.1f\" y=\"%.1f\">", kMargin, kMargin + 14) +
        html_escape(text_.title) + "</text>\n";
    double widest = static_cast<double>(text_.title.size()) * 10 + kMargin;
    double y = kMargin + 36;
    for (const std::string& text : text_.lines) {
      head += format("<text class=\"total\" x=\"%.1f\" y=\"%.1f\">", kMargin, y) +
              html_escape(text) + "</text>\n";
      widest = std::max(widest, static_cast<double>(text.size()) * kCharacter + kMargin);
      y += 17;
    }
    const auto [kinds, kinds_end] = legend(y + 6);
    head += kinds;
    widest = std::max(widest, kinds_end);
    const double width = std::max(layout_.width + kMargin, widest) + kMargin;
    const double height = top() + layout_.height + kMargin;
    const double shift = std::max(kMargin, (width - layout_.width) / 2);
    std::string out = format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
        "viewBox=\"0 0 %.0f %.0f\">\n",
        width, height, width, height);
    out +=
        "<style>text{font:11.5px system-ui,-apple-system,'Segoe "
        "UI',Helvetica,Arial,sans-serif;fill:#2b353d}"
        ".name{font-weight:600;font-size:12px;fill:#fff}.rider{fill:#77838c}.title{font-size:18px;"
        "font-weight:700}.total{fill:#55616a}.card{fill:#fff;stroke:#cfd6dc}"
        ".lines path{fill:none;stroke:#9aa5ad;stroke-width:1.4}</style>\n"
        "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"6\" "
        "markerHeight=\"6\" orient=\"auto\"><path d=\"M0 0.8L7.5 4L0 7.2z\" "
        "fill=\"#9aa5ad\"/></marker></defs>\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"#f4f6f8\"/>\n";
    out += head +
           format("<g transform=\"translate(%.1f %.1f)\">\n<g class=\"lines\">\n", shift, top());
    for (const Layout2d::Line& l : layout_.lines) out += line(l);
    out += "</g>\n";
    for (std::size_t i = 0; i < cards_.size(); ++i)
      out += box(cards_[i], layout_.corners[i], boxes[i]);
    return out + "</g>\n</svg>\n";
  }

  const Graph& graph_;
  const DrawingText& text_;
  std::vector<Card> cards_;
  std::vector<std::size_t> card_of_;  // of each node
  Layout2d layout_;
};

}  // namespace

std::string to_svg(const Graph& graph, const DrawingText& text) {
  return Drawing(graph, text).run();
}

}  // namespace cutaway::explain
