#pragma once
// The store's events in one SQLite file: write-ahead log, synchronous=FULL, many appends per
// commit; every history also lies in memory, so that reads never wait for the disk.

#include "engine/base/clock.h"
#include "engine/data/event_store.h"

#include <filesystem>
#include <memory>

namespace engine {

/// What the store starts from: the events known before the live traffic of the trace.
struct StoreSeed
{
    std::uint32_t items = 0;
    std::vector<std::uint64_t> offsets{0}; ///< shoppers + 1
    std::vector<std::uint32_t> events;     ///< shopper by shopper, oldest first
};

/// One writer thread. An append is acknowledged after the commit that holds it has been synced;
/// those that arrive meanwhile share the next commit. The file must stay where it is: once it was
/// moved or deleted, reads and appends fail with Unavailable instead of living on in memory.
class SqliteEventStore final : public EventStore
{
public:
    using SeedSource = std::function<Result<StoreSeed>()>;

    /// Makes the file at first start from `seed` in one transaction; else checks its integrity and
    /// reads it. InvalidInput when it is damaged.
    [[nodiscard]] static Result<std::unique_ptr<SqliteEventStore>>
    open(const std::filesystem::path &file, const SeedSource &seed);
    /// Appends that were taken are still committed and acknowledged.
    ~SqliteEventStore() override;

    [[nodiscard]] Result<History> history(std::uint32_t shopper, std::uint32_t h) const override;
    void append(std::uint32_t shopper, std::uint32_t h, std::uint32_t item, Done done) override;
    [[nodiscard]] Stats stats() const override;

private:
    class Writer;
    explicit SqliteEventStore(std::unique_ptr<Writer> writer);
    std::unique_ptr<Writer> m_writer;
};

} // namespace engine
