#pragma once

#include <string>
#include <string_view>

#include "explain/pictures/image.h"

namespace cutaway::explain {

/// Width in pixels that `text` takes when drawn with capital letters `size` pixels high.
[[nodiscard]] int text_width(std::string_view text, int size);
/// Height of a line of such text, descenders and a little air included: ceil(1.7 size).
[[nodiscard]] int line_height(int size);

/// Draws one line of antialiased text (Hershey Simplex strokes, oversampled), its line box starting
/// at (x, y). Printable ASCII; a few common signs are replaced by their nearest (dashes, quotes, x
/// for the multiplication sign), any other code point is drawn as '?'. What falls outside is
/// dropped.
void draw_text(Image& target, int x, int y, std::string_view text, int size, Rgb colour);

/// `text`, shortened with "..." until it is at most `width` pixels wide.
[[nodiscard]] std::string fit_text(std::string_view text, int size, int width);

/// The outline of `where`, `thickness` pixels drawn inwards.
void draw_rect(Image& target, const Rect& where, int thickness, Rgb colour);

/// target = (1 - alpha) target + alpha colour at one pixel; alpha in [0, 1]. Outside: nothing.
void blend_pixel(Image& target, int x, int y, Rgb colour, float alpha);

}  // namespace cutaway::explain
