#pragma once
// The end of the training histories inside a package (`history.bin`), so that a test file alone can
// be judged and a forecast needs no more than the plan. Canonical encoding of engine/base/bytes.h.

#include "engine/training/demand/series_table.h"

#include <optional>

namespace engine {

/// The last `window` periods of every series; nothing when that would exceed kMostHistoryBytes.
inline constexpr std::size_t kMostHistoryBytes = 64u << 20;
[[nodiscard]] std::optional<Bytes> storeHistory(const DemandTable &table,
                                                const DemandSchema &schema);
/// InvalidInput when the bytes do not fit the schema.
[[nodiscard]] Result<DemandTable> readHistory(const Bytes &bytes, const DemandSchema &schema);

} // namespace engine
