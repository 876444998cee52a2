#pragma once
// The store's events in one SQLite file: write-ahead log, synchronous=FULL, many appends per
// commit; every history also lies in memory, so that reads never wait for the disk. Beside it, in a
// folder of its own, a log of what was acknowledged and regular backups.

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

struct StoreOptions
{
    /// Where backups and shipped log go (backup_folder.h); empty: none are made.
    std::filesystem::path backups;
    /// Of backups that lie there from when they were made: a new file begins after it, so that it
    /// is believed once there are backups again.
    std::uint32_t olderTimeline = 0;
    Micros backupEvery{3'600'000'000};
    /// 0: an event is in the shipped log before it is acknowledged, and no restore loses any. Else
    /// the log is written this often, and a restore may lose what was acknowledged since.
    Micros shipEvery{0};
    std::size_t backupsKept = 24;
    /// For data, backups and log together. Old backups go first; when that is not enough, appends
    /// are refused with Busy.
    std::uint64_t diskCap = std::uint64_t{2} << 30;
};

/// One writer thread, and one that finishes backups. An append is acknowledged after the commit
/// that holds it has been synced; those that arrive meanwhile share the next commit. The file must
/// stay where it is: once it was moved or deleted, reads and appends fail with Unavailable instead
/// of living on in memory.
class SqliteEventStore final : public EventStore
{
public:
    using SeedSource = std::function<Result<StoreSeed>()>;

    /// Makes the file at first start from `seed` in one transaction; else checks its integrity and
    /// reads it. InvalidInput when it is damaged, when it is gone while there are backups of it, or
    /// when it is older than a restore; a file that only lags behind its log catches up from it.
    [[nodiscard]] static Result<std::unique_ptr<SqliteEventStore>>
    open(const std::filesystem::path &file, const SeedSource &seed,
         const StoreOptions &options = {}, const Clock &clock = systemClock());
    /// Appends that were taken are still committed and acknowledged.
    ~SqliteEventStore() override;

    [[nodiscard]] Result<History> history(std::uint32_t shopper, std::uint32_t h) const override;
    [[nodiscard]] Result<Features> features(std::uint32_t shopper,
                                            std::uint32_t recent) const override;
    void append(std::uint32_t shopper, std::uint32_t h, std::uint32_t item, Done done) override;
    void backUp(BackedUp done) override;
    [[nodiscard]] Stats stats() const override;

private:
    explicit SqliteEventStore(std::unique_ptr<class StoreWriter> writer);
    std::unique_ptr<class StoreWriter> m_writer;
};

} // namespace engine
