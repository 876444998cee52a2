#pragma once
// Where shopper events live: the promise of the store node, whatever keeps it.

#include "engine/base/error.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace engine {

/// Thread-safe. Events are numbered per shopper: number h follows the first h events.
class EventStore
{
public:
    struct History
    {
        std::vector<std::uint32_t> items; ///< oldest first
        std::uint64_t seq = 0;            ///< of the newest durable event in the whole store
    };
    struct Stats
    {
        std::uint64_t events = 0; ///< durable, with those the store started from
        std::uint64_t acked = 0;  ///< acknowledged by this process
        std::uint64_t seq = 0;
    };
    using Done = std::function<void(Result<std::uint64_t> seq)>;

    virtual ~EventStore() = default;
    /// The first `h` events of the shopper, fewer if fewer are known; NotFound for a shopper the
    /// shop does not have, Unavailable when the data is no longer there. Does not touch the disk.
    [[nodiscard]] virtual Result<History> history(std::uint32_t shopper, std::uint32_t h) const = 0;
    /// Calls `done` with the event's sequence number once it is durable, from the store's own
    /// thread or, for an event that is there already, at once. `done` must not block.
    virtual void append(std::uint32_t shopper, std::uint32_t h, std::uint32_t item, Done done) = 0;
    [[nodiscard]] virtual Stats stats() const = 0;
};

} // namespace engine
