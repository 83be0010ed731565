#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace cutaway::explain {

/// `bytes` zero bytes in a file without a name in `folder` (empty: the system's folder for such),
/// for what does not fit into memory; gone when the last user lets go. Throws kInput, with the
/// system's reason, when there is no room.
[[nodiscard]] std::shared_ptr<std::byte> scratch_memory(const std::string& folder,
                                                        std::size_t bytes);

}  // namespace cutaway::explain
