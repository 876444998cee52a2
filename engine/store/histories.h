#pragma once
// All histories in memory, so that a read costs a lock and a copy.

#include "engine/data/event_store.h"
#include "engine/store/shipped_log.h"

#include <optional>
#include <shared_mutex>
#include <span>
#include <unordered_map>

namespace engine {

/// Holds durable events only: the writer adds them after their commit. Thread-safe.
class Histories
{
public:
    /// Before any other call. `seed` holds each shopper's first events; they have the numbers 1 to
    /// their count.
    void start(std::uint32_t items, std::vector<std::vector<std::uint32_t>> seed);
    /// Events of one shopper may come in any order; a history shows those without a hole before
    /// them.
    void add(const StoreEvent &event);

    [[nodiscard]] Result<EventStore::History> read(std::uint32_t shopper, std::uint32_t h) const;
    [[nodiscard]] Result<EventStore::Features> features(std::uint32_t shopper,
                                                        std::uint32_t recent) const;
    /// The sequence number of an event that is there.
    [[nodiscard]] std::optional<std::uint64_t> find(std::uint32_t shopper, std::uint32_t h) const;
    /// InvalidInput or NotFound when the shop has no such shopper or item.
    [[nodiscard]] Result<> check(std::uint32_t shopper, std::uint32_t h, std::uint32_t item) const;
    [[nodiscard]] std::uint64_t events() const;
    [[nodiscard]] std::uint64_t seq() const;

private:
    struct Live
    {
        std::uint32_t item = 0;
        std::uint64_t seq = 0;
        std::int64_t at = 0;
    };
    /// Of event `h - 1`; with m_mutex held.
    [[nodiscard]] std::int64_t timeOf(std::uint32_t shopper, std::size_t h) const;
    [[nodiscard]] Error unknownShopper(std::uint32_t shopper) const;

    mutable std::shared_mutex m_mutex; // everything below
    std::uint32_t m_items = 0;
    std::vector<std::vector<std::uint32_t>> m_known; // by shopper
    std::vector<std::uint64_t> m_seedOffsets;        // shoppers + 1
    std::unordered_map<std::uint64_t, Live> m_live;  // by shopper << 32 | h
    std::uint64_t m_seq = 0;
};

} // namespace engine
