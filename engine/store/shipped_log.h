#pragma once
// The log of acknowledged events that is kept apart from the store's file, in segments: a backup
// and the segments after it give back every event.
//   header (32 bytes): "DRLOG001", timeline u32, 0 u32, number of the first event u64, check u64
//   record (32 bytes): seq u64, at i64, shopper u32, h u32, item u32, check u32
// Little-endian. `check` is the head of the SHA-256 of what stands before it (and of the timeline).

#include "engine/base/error.h"

#include <filesystem>
#include <functional>
#include <span>

namespace engine {

struct StoreEvent
{
    std::uint64_t seq = 0;
    std::int64_t at = 0; ///< wall microseconds since 1970
    std::uint32_t shopper = 0, h = 0, item = 0;
    bool operator==(const StoreEvent &) const = default;
};

/// One segment that is written; one thread.
class ShippedLog
{
public:
    /// Replaces what lies there. `first`: the number of the first event to come.
    [[nodiscard]] static Result<ShippedLog> create(const std::filesystem::path &file,
                                                   std::uint32_t timeline, std::uint64_t first);
    ~ShippedLog();
    ShippedLog(ShippedLog &&other) noexcept;
    ShippedLog &operator=(ShippedLog &&other) noexcept;
    /// Returns when the events are on the disk. After an error nothing of them is in the log, and
    /// the call may be repeated.
    [[nodiscard]] Result<> append(std::span<const StoreEvent> events);
    [[nodiscard]] std::uint64_t bytes() const { return m_size; }

private:
    ShippedLog() = default;
    std::filesystem::path m_file;
    int m_fd = -1;
    std::uint32_t m_timeline = 0;
    std::uint64_t m_size = 0;
};

struct LogEnd
{
    std::uint64_t events = 0;
    /// Byte of the first record that does not hold; 0: all hold. A kill in the middle of a write
    /// leaves such an end, and nothing in it was acknowledged.
    std::uint64_t tornAt = 0;
    bool isDamaged = false; ///< sound records follow the bad one: the disk, not a kill, did it
};

/// Calls `take` for each event in order until it fails. InvalidInput when the file is no segment
/// of `timeline`.
[[nodiscard]] Result<LogEnd> readLog(const std::filesystem::path &file, std::uint32_t timeline,
                                     const std::function<Result<>(const StoreEvent &)> &take);

} // namespace engine
