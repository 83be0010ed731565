#pragma once

#include <cstdint>
#include <string>

#include "explain/training/data/labelled.h"
#include "runtime/observer.h"

namespace cutaway::training {

/// Writes the set as one HDF5 file that open_data() and open_images() read: /images (uint8,
/// n x size x size x 3: the shorter side resized to `size`, antialiased, and the centre cut out),
/// /labels (int32), /splits (uint8: 0 train, 1 validation, 2 test), /classes (text, a line a
/// class). Memory is that of a block of pictures. Equal sets give equal bytes. Atomic. Progress is
/// "pack". Throws what reading a picture throws, kUsage where the file cannot be made, kInternal
/// when the disk is full, and Cancelled.
void write_pack(
    const LabelledSet& set, const std::string& path, int size, int threads, Observer& observer);

}  // namespace cutaway::training
