#include <filesystem>

#include "explain/pictures/list.h"
#include "explain/training/data/readers.h"
#include "explain/training/data/stores.h"
#include "runtime/error.h"

namespace cutaway::training {

LabelledSet open_folder_of_classes(const std::string& folder) {
  LabelledSet set;
  auto store = std::make_shared<FileStore>();
  ClassNames classes;
  for (const explain::ImageEntry& entry : explain::list_folder(folder, true)) {
    LabelledPicture p;
    std::string name;
    if (!class_of_path(entry.name, name, p.split)) {
      throw Error(ErrorKind::kInput, "a picture outside the folders of the classes")
          .at(entry.path)
          .expected("a folder a class, or a labels.csv")
          .hint("--data DIR reads DIR/CLASS/PICTURE");
    }
    p.name = entry.name;
    p.label = classes.number(name);
    p.place = store->add(entry.path);
    set.pictures.push_back(std::move(p));
  }
  set.store = std::move(store);
  classes.finish(set);
  return set;
}

}  // namespace cutaway::training
