#pragma once
// Where shopper events live: the promise of the store node, whatever keeps it. SQLite today
// (engine/store); another keeper (Redis with its append-only file) derives from EventStore and
// changes nothing above.

#include "engine/base/error.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace engine {

/// Thread-safe. Events are numbered per shopper: number h follows the first h events. Wall times
/// are microseconds since 1970; 0 = older than the store (what the shop's history brought).
class EventStore
{
public:
    struct History
    {
        std::vector<std::uint32_t> items; ///< oldest first
        std::uint64_t seq = 0;            ///< of the newest durable event in the whole store
        std::int64_t at = 0;              ///< wall time of the newest of `items`
    };
    /// What models read of a shopper besides the history.
    struct Features
    {
        std::uint32_t events = 0;
        std::vector<std::uint32_t> recent; ///< newest first
        std::int64_t at = 0;               ///< wall time of the newest event
    };
    struct Stats
    {
        std::uint64_t events = 0; ///< durable, with those the store started from
        std::uint64_t acked = 0;  ///< acknowledged by this process
        std::uint64_t seq = 0;
        std::uint64_t backedUpSeq = 0; ///< newest event in a complete backup
        std::uint64_t shippedSeq =
            0; ///< newest event in the shipped log: what a restore brings back
        std::int64_t backedUpAt = 0; ///< wall time of that backup
        std::uint64_t diskBytes = 0; ///< of the data and its backups
    };
    struct Backup
    {
        std::string file;
        std::uint64_t seq = 0, bytes = 0;
    };
    using Done = std::function<void(Result<std::uint64_t> seq)>;
    using BackedUp = std::function<void(Result<Backup>)>;

    virtual ~EventStore() = default;
    /// The first `h` events of the shopper, fewer if fewer are known; NotFound for a shopper the
    /// shop does not have, Unavailable when the data is no longer there. Does not touch the disk.
    [[nodiscard]] virtual Result<History> history(std::uint32_t shopper, std::uint32_t h) const = 0;
    /// As history; `recent`: how many of the newest items at most.
    [[nodiscard]] virtual Result<Features> features(std::uint32_t shopper,
                                                    std::uint32_t recent) const = 0;
    /// Calls `done` with the event's sequence number once it is durable, from the store's own
    /// thread or, for an event that is there already, at once. `done` must not block.
    virtual void append(std::uint32_t shopper, std::uint32_t h, std::uint32_t item, Done done) = 0;
    /// Makes a backup beside the scheduled ones, while reads and appends go on; `done` comes from a
    /// thread of the store. NotFound when backups are switched off.
    virtual void backUp(BackedUp done) = 0;
    [[nodiscard]] virtual Stats stats() const = 0;
};

} // namespace engine
