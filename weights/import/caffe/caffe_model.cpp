#include "weights/import/caffe/caffe_model.h"

#include <set>

#include "runtime/error.h"
#include "weights/import/protobuf_wire.h"

namespace cutaway::weights {
namespace {

constexpr std::size_t kMostTensors = 100'000;
constexpr std::size_t kMostAxes = 8;
constexpr std::uint64_t kMostName = 1024;

// Field numbers of caffe.proto.
using Number = std::uint32_t;
constexpr Number kNetName = 1, kNetV1Layers = 2, kNetLayers = 100;
constexpr Number kV1V0Layer = 1, kV1Name = 4, kV1Blobs = 6;
constexpr Number kV2Name = 1, kV2Blobs = 7;
constexpr Number kBlobNum = 1, kBlobChannels = 2, kBlobHeight = 3, kBlobWidth = 4, kBlobData = 5,
                 kBlobShape = 7, kBlobDoubleData = 8, kShapeDim = 1;

struct BlobAt {
  Extents extents;
  TensorPlace place;
};

/// One to four extents of V1, where leading ones say nothing: 1 x 1 x O x I is O x I.
Extents old_extents(const std::int64_t (&dims)[4]) {
  std::size_t first = 0;
  if (dims[0] == 1 && dims[1] == 1) first = dims[2] == 1 ? 3 : 2;
  return {dims + first, dims + 4};
}

BlobAt read_blob(WireReader blob) {
  BlobAt found;
  std::int64_t dims[4] = {0, 0, 0, 0};
  bool old = false;
  bool shaped = false;
  WireRange data{};
  std::size_t element = 0;
  const auto take = [&](std::size_t bytes, ElementType type) {
    const bool packed = blob.field().type == WireType::kBytes;
    if (packed && blob.bytes().size() == 0) return;
    if (!packed) {
      throw Error(ErrorKind::kUnsupported, "a blob whose numbers are not packed")
          .at(blob.file().path());
    }
    if (element != 0) blob.fail("a blob with data twice");
    data = blob.bytes();
    element = bytes;
    found.place = {data.begin, type};
  };
  while (blob.next()) {
    const WireField& field = blob.field();
    switch (field.number) {
      case kBlobNum:
      case kBlobChannels:
      case kBlobHeight:
      case kBlobWidth:
        old = true;
        dims[field.number - kBlobNum] = field.integer();
        break;
      case kBlobShape: {
        shaped = true;
        for (WireReader shape = blob.message(); shape.next();) {
          if (shape.field().number == kShapeDim) shape.append_integers(found.extents, kMostAxes);
        }
        break;
      }
      case kBlobData:
        take(4, ElementType::kF32);
        break;
      case kBlobDoubleData:
        take(8, ElementType::kF64);
        break;
      default:
        break;  // gradients
    }
  }
  if (element == 0) blob.fail("a blob without float or double data");
  if (!shaped && !old) blob.fail("a blob without extents");
  if (!shaped) found.extents = old_extents(dims);
  const auto count = static_cast<std::uint64_t>(count_of(found.extents));
  if (data.size() % element != 0 || data.size() / element != count) {
    throw Error(ErrorKind::kInput, "numbers in a blob of " + text_of(found.extents))
        .at(blob.file().path())
        .expected(std::to_string(count))
        .got(std::to_string(data.size() / element));
  }
  return found;
}

class ModelReader {
 public:
  explicit ModelReader(const BinaryFile& file) : file_(file) {}

  CaffeModel run() {
    WireReader net(file_, {0, file_.size()});
    bool any = false;
    while (net.next()) {
      const std::uint32_t number = net.field().number;
      if (number == kNetName) model_.name = net.text(kMostName);
      if (number != kNetLayers && number != kNetV1Layers) continue;
      any = true;
      layer(net.message(), number == kNetV1Layers);
    }
    if (!any) throw Error(ErrorKind::kInput, "no layers: not a .caffemodel").at(file_.path());
    return std::move(model_);
  }

 private:
  void layer(WireReader entry, bool v1) {
    std::string name;
    std::vector<BlobAt> blobs;
    while (entry.next()) {
      const std::uint32_t number = entry.field().number;
      if (number == (v1 ? kV1Name : kV2Name)) name = entry.text(kMostName);
      if (number == (v1 ? kV1Blobs : kV2Blobs)) {
        if (model_.tensors.size() + blobs.size() >= kMostTensors) entry.fail("too many blobs");
        blobs.push_back(read_blob(entry.message()));
      }
      if (v1 && number == kV1V0Layer) {
        throw Error(ErrorKind::kUnsupported, "layers of Caffe's first format (V0)")
            .at(file_.path())
            .hint("Caffe's upgrade_net_proto_binary turns them into today's");
      }
    }
    if (blobs.empty()) return;
    if (!names_.insert(name).second) {
      throw Error(ErrorKind::kInput, "two layers '" + name + "' with blobs").at(file_.path());
    }
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      model_.tensors.push_back(
          {name + "/" + std::to_string(i), blobs[i].extents, blobs[i].place.type});
      model_.places.push_back(blobs[i].place);
    }
  }

  const BinaryFile& file_;
  CaffeModel model_;
  std::set<std::string> names_;
};

}  // namespace

CaffeModel read_caffe_model(const BinaryFile& file) { return ModelReader(file).run(); }

}  // namespace cutaway::weights
