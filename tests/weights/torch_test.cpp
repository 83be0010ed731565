#include <cstring>
#include <filesystem>
#include <random>

#include "tests/weights/torch_support.h"
#include "weights/import/torch/pickle.h"
#include "weights/import/torch/torch_names.h"
#include "weights/import/zip_directory.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

std::string refusal(const std::string& bytes, const char* name = "bad.pth") {
  const Scratch scratch;
  write_file(scratch.path(name), bytes);
  return message_of([&] { (void)import_tiny(scratch.path(name)); });
}

// A .pth whose pickle is `pickle`.
std::string archive(const std::string& pickle) {
  return zip_of({{"a/data.pkl", pickle}, {"a/byteorder", "little"}});
}

std::string text(const std::string& s) {
  std::string op = "X";
  for (int i = 0; i < 4; ++i) op += static_cast<char>(s.size() >> (8 * i) & 0xffU);
  return op + s;
}

}  // namespace

TEST_CASE("PyTorch's files give PyTorch's numbers, bit for bit") {
  struct Case {
    const char *file, *format;
    double tolerance;
  };
  for (const Case& c :
       {Case{"tiny.pth", "pytorch", 0}, Case{"tiny_legacy.pth", "pytorch-legacy", 0},
        Case{"checkpoint.pth", "pytorch", 0}, Case{"strided.pth", "pytorch", 0},
        Case{"parameter.pth", "pytorch", 0}, Case{"tiny.safetensors", "safetensors", 0},
        Case{"tiny_f16.pth", "pytorch", 0x1p-11},
        Case{"tiny_bf16.safetensors", "safetensors", 0x1p-8}}) {
    CAPTURE(c.file);
    const Imported imported = import_tiny(golden(c.file));
    CHECK(imported.report.format == c.format);
    CHECK(difference_from_expected(imported.model) <= c.tolerance);
    CHECK(imported.report.rows.size() == 8);
    CHECK(imported.report.source_sha256.size() == 64);
  }
}

TEST_CASE("what a state dict holds beside weights is reported") {
  const Imported plain = import_tiny(golden("tiny.pth"));
  REQUIRE(plain.report.unused.size() == 1);
  CHECK(plain.report.unused[0].source == "bn1.num_batches_tracked");
  const Imported checkpoint = import_tiny(golden("checkpoint.pth"));
  CHECK(checkpoint.report.rows[0].source == "state_dict.module.conv1.weight");
  CHECK(has(to_text(checkpoint.report), "optimizer.state.0.exp_avg"));
  CHECK(has(to_text(checkpoint.report), "outside of 'state_dict'"));
}

TEST_CASE("names of PyTorch's wrappers are passed over wherever they stand") {
  const Graph graph = tiny_graph();
  const std::vector<std::string> plain{"conv1.weight", "conv1.bias",       "bn1.weight",
                                       "bn1.bias",     "bn1.running_mean", "bn1.running_var",
                                       "fc.weight",    "fc.bias"};
  const auto bound = [&](const auto& rename, const std::vector<std::string>& more = {}) {
    Source source;
    for (const std::string& name : plain) source.tensors.push_back({rename(name), {1}});
    for (const std::string& name : more) source.tensors.push_back({name, {1}});
    bind_torch_names(source);
    const Bindings bindings = source.bind(graph, "");
    std::size_t right = 0;
    for (std::size_t i = 0; i < bindings.list.size(); ++i) {
      if (!bindings.list[i].sources.empty() && bindings.list[i].sources[0] == rename(plain[i]))
        ++right;
    }
    return right;
  };
  const auto before = [](const std::string& prefix) {
    return [prefix](const std::string& name) { return prefix + name; };
  };
  const auto inside = [](const std::string& wrapper) {
    return [wrapper](std::string name) { return name.insert(name.find('.') + 1, wrapper + "."); };
  };
  for (const char* prefix :
       {"", "module.", "_orig_mod.", "model.", "module.model.", "net.", "backbone.", "encoder.",
        "module.encoder_q.", "_forward_module.model.", "model._orig_mod.", "ema.shadow."}) {
    CAPTURE(prefix);
    CHECK(bound(before(prefix)) == 8);
    // One tensor beside them changes nothing.
    CHECK(bound(before(prefix), {"criterion.weight"}) == 8);
  }
  for (const char* wrapper : {"module", "_orig_mod", "_fsdp_wrapped_module"}) {
    CAPTURE(wrapper);
    CHECK(bound(inside(wrapper)) == 8);
  }
}

TEST_CASE(
    "objects of Python beside the state dict are left out, not run; among it they are refused") {
  const BinaryFile file = BinaryFile::open(golden("checkpoint.pth"));
  std::vector<std::pair<std::string, std::string>> members;
  std::string* data = nullptr;
  for (const auto& [name, member] : zip_directory(file))
    members.emplace_back(name, file.text_at(member.offset, member.bytes));
  for (auto& [name, bytes] : members) {
    if (name.ends_with("data.pkl")) data = &bytes;
  }
  REQUIRE(data != nullptr);
  const std::string before = data->substr(0, data->size() - 1);  // without STOP
  const std::string object = "cargparse\nNamespace\n)R}" + text("lr") + "K\x01sb";
  const std::string counter = "ccollections\nCounter\n}" + text("epoch") + "K\x05s\x85R";
  const std::string scalar = "cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n" + text("f8") +
                             "\x85R" + std::string("C\x08\0\0\0\0\0\0\0\0", 10) + "\x86R";
  const std::string sets = "\x8f(K\x01K\x02\x90";
  const std::string made = std::string("cpathlib\nPosixPath\n") + text("a") + "\x85\x81";
  const std::string pair_key = "}K\x01K\x02\x86K\x03s";
  const Scratch scratch;
  *data = before;
  int number = 0;
  for (const std::string& value : {object, counter, scalar, sets, made, pair_key})
    *data += text("extra" + std::to_string(number++)) + value + "s";
  *data += ".";
  write_file(scratch.path("objects.pth"), zip_of(members));
  const Imported imported = import_tiny(scratch.path("objects.pth"));
  CHECK(difference_from_expected(imported.model) == 0);
  // The same object where weights are expected: in a file that is a state dict itself.
  const BinaryFile tiny = BinaryFile::open(golden("tiny.pth"));
  members.clear();
  for (const auto& [name, member] : zip_directory(tiny))
    members.emplace_back(name, tiny.text_at(member.offset, member.bytes));
  for (auto& [name, bytes] : members) {
    if (name.ends_with("data.pkl"))
      bytes = bytes.substr(0, bytes.size() - 1) + text("args") + object + "s.";
  }
  CHECK(has(refusal(zip_of(members)), "'argparse Namespace', which is not run"));
}

TEST_CASE("nothing in a pickle is run") {
  const std::filesystem::path mark("/tmp/cutaway-pickle-was-run");
  REQUIRE(!std::filesystem::exists(mark));
  for (const char* file : {"evil.pth", "evil_legacy.pth"}) {
    CHECK(has(message_of([&] { (void)open_source({golden(file)}); }),
              "'posix system', which is not run"));
  }
  CHECK(!std::filesystem::exists(mark));
  // A whole module names its classes.
  CHECK(has(message_of([&] { (void)open_source({golden("module.pth")}); }), "torch.nn"));
}

TEST_CASE("a lost, renamed or misshapen parameter is an error that names it") {
  const Source source = open_source({golden("tiny.pth")});
  const auto problems = [&](const Source& s) {
    const Graph graph = tiny_graph();
    return message_of([&] { (void)import_weights(s, tiny_graph(), s.bind(graph, "")); });
  };
  Source renamed = source;
  renamed.tensors[0].name = "conv2.weight";
  CHECK(has(problems(renamed), "missing: conv1 weight (4x3x3x3), looked for conv1.weight"));
  CHECK(has(problems(renamed), "not used: conv2.weight (4x3x3x3)"));
  Source dropped = source;
  std::erase_if(dropped.tensors, [](const SourceTensor& t) { return t.name == "fc.bias"; });
  CHECK(has(problems(dropped), "missing: fc bias (5)"));
  Source turned = source;
  for (SourceTensor& t : turned.tensors) {
    if (t.name == "fc.weight") t.extents = {4, 5};
  }
  CHECK(has(problems(turned), "extents of fc.weight for fc weight: expected 5x4, got 4x5"));
  Source integers = source;
  integers.tensors[0].type = ElementType::kI32;
  CHECK(has(problems(integers), "expected floating point, got int32"));
  const Imported allowed = import_weights(dropped, tiny_graph(), dropped.bind(tiny_graph(), ""),
                                          {{"fc bias"}, {"bn1.num*"}});
  CHECK(allowed.report.missing == std::vector<std::string>{"fc bias"});
}

TEST_CASE("swapped equal tensors and reversed channels show in the checksums") {
  const Imported plain = import_tiny(golden("tiny.pth"));
  ImportOptions swap;
  swap.swap_channels = true;
  const Imported swapped = import_tiny(golden("tiny.pth"), swap);
  CHECK(plain.report.rows[0].checksum != swapped.report.rows[0].checksum);
  CHECK(swapped.report.rows[0].rule == "input channels reversed");
  const auto a = plain.model.parameters.of(1)[0].f32(), b = swapped.model.parameters.of(1)[0].f32();
  CHECK(a[0] == b[18]);  // red's first tap is where blue's was
  CHECK(a[9] == b[9]);
}

TEST_CASE("maps and patterns") {
  const Scratch scratch;
  write_file(
      scratch.path("map.json"),
      R"({"fc weight": {"source": "fc.weight", "axes": "OI->OI"}, "conv1 bias": "bn1.bias"})");
  const Source source = open_source({golden("tiny.pth")});
  const Graph graph = tiny_graph();
  Bindings bindings = source.bind(graph, "");
  apply_map(scratch.path("map.json"), source, graph, bindings);
  const std::string message =
      message_of([&] { (void)import_weights(source, tiny_graph(), bindings); });
  CHECK(has(message, "bn1.bias is taken twice"));
  CHECK(has(message, "not used: conv1.bias (4)"));
  write_file(scratch.path("map.json"), R"({"fc weight": "nowhere"})");
  CHECK(has(message_of([&] { apply_map(scratch.path("map.json"), source, graph, bindings); }),
            "nowhere"));
  CHECK(matches_pattern("aux1", "aux1.fc.weight"));
  CHECK(!matches_pattern("aux1", "aux10.fc.weight"));
  CHECK(matches_pattern("*.num_batches_tracked", "bn1.num_batches_tracked"));
  CHECK(!matches_pattern("*.num", "bn1.num_batches_tracked"));
}

TEST_CASE("hostile pickles") {
  const std::string proto("\x80\x02", 2);
  // A dictionary that contains itself.
  CHECK(has(refusal(archive(proto + std::string("}q\0", 3) + text("a") + std::string("h\0s.", 4))),
            "nested too deeply"));
  // Each dictionary holds the last one twice: 2^30 paths, 900 bytes.
  std::string doubling = proto + std::string("}q\0", 3);
  for (char i = 0; i < 14; ++i) {
    doubling += std::string("}q") + static_cast<char>(i + 1);
    for (const char* key : {"a", "b"}) doubling += text(key) + "h" + i + "s";
  }
  // Fourteen levels deep are allowed, a million entries are not.
  CHECK(!refusal(archive(doubling + ".")).empty());
  CHECK(has(refusal(archive(proto + "cos\nsystem\n.")), "'os system'"));
  CHECK(has(refusal(archive(proto + std::string("X\xff\xff\xff\xff", 5))), "too long"));
  CHECK(has(refusal(archive(proto + "}")), "cut short"));
  CHECK(has(refusal(archive(proto + "R.")), "stack is empty"));
  CHECK(has(refusal(archive(proto + "h\x05.")), "never stored"));
  CHECK(has(refusal(archive(proto + "i.")), "which PyTorch does not write"));
  // A tensor of 2^30 elements over a storage of 4.
  const std::string storage =
      "(" + text("storage") + "ctorch\nFloatStorage\n" + text("0") + text("cpu") + "K\x04tQ";
  const std::string big("\x8a\x08\0\0\0\x40\0\0\0\0", 10);
  CHECK(has(
      refusal(zip_of({{"a/data.pkl", proto + "}" + text("conv1.weight") +
                                         "ctorch._utils\n_rebuild_tensor_v2\n(" + storage +
                                         std::string("K\0", 2) + big + "\x85K\x01\x85\x89}tRs."},
                      {"a/data/0", std::string(16, '\0')}})),
      "larger than its storage"));
}

TEST_CASE("hostile archives") {
  const std::string good = read_file(golden("tiny.pth"));
  CHECK(has(refusal(zip_of({{"a/data.pkl", "x"}, {"../../etc/passwd", "x"}})),
            "not a relative path"));
  CHECK(has(refusal(zip_of({{"a/data.pkl", "x"}, {"a/data.pkl", "x"}})), "two members"));
  std::string compressed = zip_of({{"a/data.pkl", "x"}});
  compressed[compressed.find("PK\x01\x02") + 10] = 8;
  CHECK(has(refusal(compressed), "is compressed"));
  std::string overlapping = zip_of({{"a/data.pkl", "xxxx"}, {"a/b", "yyyy"}});
  const std::size_t first = overlapping.find("PK\x01\x02");
  const std::size_t second = overlapping.find("PK\x01\x02", first + 1);
  std::memcpy(overlapping.data() + second + 42, overlapping.data() + first + 42, 4);
  CHECK(!refusal(overlapping).empty());
  CHECK(has(refusal(good + "x"), "zip archive"));
  // A changed number in the weights themselves: the archive's checksum tells.
  std::string changed = good;
  const BinaryFile file = BinaryFile::open(golden("tiny.pth"));
  const auto members = zip_directory(file);
  for (const auto& [name, member] : members) {
    if (name.ends_with("/data/0")) changed[member.offset + 1] ^= 1;
  }
  CHECK(has(refusal(changed), "its checksum does not match"));
}

TEST_CASE("hostile safetensors") {
  const auto file = [](const std::string& json, std::size_t data) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) bytes += static_cast<char>(json.size() >> (8 * i) & 0xffU);
    return bytes + json + std::string(data, '\0');
  };
  const auto refused = [&](const std::string& bytes) { return refusal(bytes, "bad.safetensors"); };
  CHECK(has(refused(file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4)),
            "bytes of a tensor"));
  CHECK(has(refused(file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8)),
            "behind the last"));
  CHECK(has(refused(file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8)), "gap"));
  CHECK(has(
      refused(file(
          R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
          4)),
      "same bytes"));
  CHECK(
      has(refused(file(
              R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})", 4)),
          "impossible extents"));
  CHECK(has(refused(file(R"({"a":[[[[[[[[[[]]]]]]]]]]})", 4)), "nested too deeply"));
  CHECK(!refused(file(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4)).empty());
  CHECK(!refused(std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{\"", 10)).empty());
}

TEST_CASE("damaged files of PyTorch are refused or read, and the process lives") {
  const Scratch scratch;
  std::mt19937 random(11);
  for (const char* name : {"tiny.pth", "tiny_legacy.pth", "checkpoint.pth", "tiny.safetensors"}) {
    CAPTURE(name);
    const std::string good = read_file(golden(name));
    int refused = 0;
    for (int i = 0; i < 150; ++i) {
      std::string bad = good;
      if (i % 3 == 0) bad.resize(random() % bad.size());
      for (int flips = i % 4; flips > 0 && !bad.empty(); --flips) {
        bad[random() % bad.size()] = static_cast<char>(random() & 255U);
      }
      write_file(scratch.path(name), bad);
      try {
        (void)import_tiny(scratch.path(name));
      } catch (const Error&) {
        ++refused;
      }
    }
    CHECK(refused >= 49);  // every shortened one at least, but for the one that may be whole
  }
}
