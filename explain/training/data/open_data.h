#pragma once

#include <string>

#include "explain/training/data/labelled.h"
#include "runtime/observer.h"

namespace cutaway::training {

/// Opens labelled pictures:
///   a folder      a sub-folder a class, all pictures below it; or train/, val/ and test/ with such
///                 folders in them; or a labels.csv and no picture beside it; or the files of MNIST
///                 (*-images-idx3-ubyte, perhaps .gz) or of CIFAR-10 and CIFAR-100 (*.bin)
///   *.csv, *.json a list (open_list)
///   *.txt         a picture and its label a line
///   *images-idx3* with *labels-idx1* beside it
///   *.bin         CIFAR-10 or CIFAR-100 in its binary form
///   *.tar, *.tar.gz, *.tgz  as a folder; the last folder of a member is its class
///   *.h5, *.hdf5  /images (uint8, n x h x w x 3 or 1), /labels, and perhaps /classes and /splits
///                 as write_pack makes them
/// Classes of folders stand in the order of their names, byte by byte. Compressed archives and HDF5
/// are unpacked into a temporary file. Throws kInput, naming file and line, for what is not as
/// above, and Cancelled when `observer` says so.
[[nodiscard]] LabelledSet open_data(const std::string& data,
                                    Observer& observer = silent_observer());

}  // namespace cutaway::training
