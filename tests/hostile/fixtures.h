#pragma once

#include <string>

namespace cutaway::hostile {

/// net.h5, a net of four classes and 32 x 32 pixels, and three pictures, 0.png to 2.png, with a list
/// of them, list.csv.
void write_small_net(const std::string& folder);

/// A file of every format that the program reads, for whoever damages them: pictures, archives,
/// lists, truths and labels beside the above.
void write_all_formats(const std::string& folder);

}  // namespace cutaway::hostile
