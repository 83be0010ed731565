#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cutaway::weights {

/// What a link in an HDF5 group leads to. Soft and external links are kLink and are never followed;
/// what HDF5 cannot open is kDamaged.
enum class Hdf5Kind : std::uint8_t { kGroup, kDataset, kLink, kOther, kDamaged };

struct Hdf5Child {
  std::string name;
  Hdf5Kind kind{Hdf5Kind::kOther};
};

/// What is known of a dataset before any of it is read.
struct Hdf5Dataset {
  std::vector<std::int64_t> dims;  ///< empty for a scalar
  std::string dtype;               ///< "float32", "uint8", "text12", "reference", "other", ...
  std::int64_t count{1};           ///< elements
  std::int64_t element_bytes{0};
  std::int64_t storage_bytes{0};  ///< bytes in the file, after compression
  bool filtered{false};           ///< compressed or checksummed by chunks
  bool chunked{false};            ///< stored in pieces
  /// Where the elements lie in the file, one after the other, little-endian, if they do.
  std::optional<std::uint64_t> offset{};
};

/// `bytes` bytes of a file from `offset` on; the whole file while `bytes` is 0.
struct FilePart {
  std::uint64_t offset{0}, bytes{0};
};

/// An HDF5 file. Wraps the C API: closes what it opens, never prints, and turns every failure into
/// Error kInput naming the file and the object. The HDF5 library of distributions is not
/// thread-safe, so one lock inside serialises all calls; objects of this class may be used from
/// different threads.
///
/// Made for files nobody vouches for. Only hard links are followed, so a file cannot name other
/// files; external and virtual storage is refused; only the filters deflate, shuffle and fletcher32
/// are run, so no plug-in is ever loaded; extents are held against the storage behind them before
/// anything is allocated, and chunks are unpacked here (weights/hdf5_chunks.h); lists and nesting
/// are bounded. Damage inside HDF5's own structures can still crash the HDF5 library: packages
/// carry a checksum that is verified before it sees them, importers call vet_hdf5
/// (weights/hdf5_vet.h) first.
class Hdf5File {
 public:
  static constexpr std::size_t kMostChildren = 200'000;
  static constexpr int kMostDepth = 32;
  /// Deflate cannot shrink its input more than 1032-fold.
  static constexpr std::int64_t kMostCompression = 1032;

  /// Opens for reading. Throws kInput when the file is missing, unreadable or not HDF5.
  static Hdf5File open(const std::string& path) { return open(path, {}); }
  /// The same of an HDF5 file that is a part of another, as in an archive.
  static Hdf5File open(const std::string& path, const FilePart& part);
  /// Creates or truncates. user_block: bytes left free at the start, 0 or a power of two from 512.
  /// Equal contents written in equal order give equal bytes: no times are stored. Elements of
  /// datasets without compression lie in the order in which these are created.
  static Hdf5File create(const std::string& path, std::size_t user_block = 0);

  /// Has HDF5 leave out what it does when a process ends: close what nobody closed. For a program
  /// that closes all its files, before its first; there is nothing left to do then but to trip over
  /// what damaged files have left behind.
  static void leave_out_exit_handler();

  Hdf5File() = default;
  ~Hdf5File();
  Hdf5File(Hdf5File&& other) noexcept;
  Hdf5File& operator=(Hdf5File&& other) noexcept;
  Hdf5File(const Hdf5File&) = delete;
  Hdf5File& operator=(const Hdf5File&) = delete;

  /// Writes what is pending and closes. Throws kInternal, with the system's reason, where the
  /// destructor would hide a failure (disk full), as do all members that write.
  void close();
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // --- groups. Object names are absolute paths: "/data/conv1/0". ---------------------------------

  /// True when every component of `object` is a hard link and the last exists.
  [[nodiscard]] bool contains(const std::string& object) const;
  /// Children of a group in alphabetical order; throws kInput when there are more than `most`.
  [[nodiscard]] std::vector<Hdf5Child> children(const std::string& group,
                                                std::size_t most = kMostChildren) const;
  /// Paths of all datasets below a group, in alphabetical order at each level. Throws kInput at a
  /// link that is not hard, at other objects, at nesting deeper than kMostDepth and at more than
  /// `most` objects.
  [[nodiscard]] std::vector<std::string> datasets(const std::string& group,
                                                  std::size_t most = kMostChildren) const;
  /// Creates a group and those above it, where they are missing.
  void make_groups(const std::string& group);

  // --- numbers
  // ------------------------------------------------------------------------------------

  [[nodiscard]] Hdf5Dataset describe(const std::string& dataset) const;
  /// All elements as float32, in C order; any IEEE float (16, 32, 64 bits) or integer type is
  /// converted. Throws kInput for other types, more than `most` elements, or more than the storage
  /// can hold.
  [[nodiscard]] std::vector<float> read_f32(const std::string& dataset, std::size_t most) const;
  /// The same into memory of exactly the dataset's element count.
  void read_f32_into(const std::string& dataset, std::span<float> to) const;
  /// Reads all elements, numbers as float32, and keeps none; throws where reading them would. For
  /// vet_hdf5.
  void check_elements(const std::string& dataset) const;
  /// The addresses of the objects that a dataset of object references points to (address()), in C
  /// order. Nothing is followed. Throws kInput for other types and more than `most` elements.
  [[nodiscard]] std::vector<std::uint64_t> read_references(const std::string& dataset,
                                                           std::size_t most) const;
  /// Where an object stands in the file: what references hold.
  [[nodiscard]] std::uint64_t address(const std::string& object) const;
  /// Creates a little-endian float32 dataset; the groups above it are made. gzip: level 1-9, 0
  /// none.
  void write_f32(const std::string& dataset,
                 std::span<const std::int64_t> dims,
                 std::span<const float> values,
                 int gzip = 0);

  /// Creates a dataset as write_f32 does, without compression, and leaves it to the caller to write
  /// its elements into the file: they lie there from the result on, in bytes from its start.
  [[nodiscard]] std::uint64_t reserve_f32(const std::string& dataset,
                                          std::span<const std::int64_t> dims);

  // --- text
  // ---------------------------------------------------------------------------------------

  /// A dataset of one string (fixed length, of at most `most` bytes), as write_text makes it.
  [[nodiscard]] std::string read_text(const std::string& dataset, std::size_t most) const;
  /// Creates a dataset of one string. The result says where its bytes lie in the file.
  std::uint64_t write_text(const std::string& dataset, const std::string& text);

  // --- attributes
  // ---------------------------------------------------------------------------------

  [[nodiscard]] bool has_attribute(const std::string& object, const std::string& name) const;
  /// A scalar string, of fixed or variable length, of at most `most` bytes.
  [[nodiscard]] std::string read_attribute_text(const std::string& object,
                                                const std::string& name,
                                                std::size_t most) const;
  /// Reads all attributes of an object, whatever their type, and keeps none. For vet_hdf5: texts of
  /// variable length stand in a heap whose entries HDF5 1.10.8 takes at their word.
  void check_attributes(const std::string& object) const;
  /// A scalar integer.
  [[nodiscard]] std::int64_t read_attribute_integer(const std::string& object,
                                                    const std::string& name) const;
  /// A scalar floating-point number.
  [[nodiscard]] double read_attribute_number(const std::string& object,
                                             const std::string& name) const;
  /// At most 60 KiB: longer texts do not fit into an attribute; use write_text.
  void write_attribute(const std::string& object, const std::string& name, const std::string& text);
  void write_attribute(const std::string& object, const std::string& name, std::int64_t value);
  /// A list of texts, padded to the longest; together at most 60 KiB.
  void write_attribute(const std::string& object,
                       const std::string& name,
                       const std::vector<std::string>& texts);

 private:
  Hdf5File(std::string path, std::int64_t id, std::uint64_t begin = 0)
      : path_(std::move(path)), id_(id), begin_(begin) {}
  void throw_if_not_written() const;
  void list(const std::string& group,
            int depth,
            std::size_t most,
            std::vector<std::string>& found,
            std::size_t& seen) const;

  std::string path_;
  std::int64_t id_{-1};           // hid_t
  std::uint64_t begin_{0};        // where it begins in the file called path_
  std::shared_ptr<int> failure_;  // of writing
};

}  // namespace cutaway::weights
