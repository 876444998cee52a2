#pragma once
// The thread behind a SqliteEventStore: commits in groups, ships the log, makes backups.

#include "engine/store/backup_folder.h"
#include "engine/store/histories.h"
#include "engine/store/sqlite.h"
#include "engine/store/sqlite_event_store.h"
#include "engine/store/store_log.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace engine {

class StoreWriter
{
public:
    StoreWriter(std::filesystem::path file, sqlite::Database database, StoreOptions options,
                const Clock &clock)
        : m_file(std::move(file)), m_options(std::move(options)), m_clock(clock),
          m_database(std::move(database)), m_folder(m_options.backups)
    {
    }
    ~StoreWriter();
    /// Before any other call: log, histories, then the threads.
    [[nodiscard]] Result<> start();

    void append(std::uint32_t shopper, std::uint32_t h, std::uint32_t item, EventStore::Done done);
    void backUp(EventStore::BackedUp done);
    [[nodiscard]] EventStore::Stats stats() const;
    [[nodiscard]] bool isMoved() const { return m_moved; }
    [[nodiscard]] tl::unexpected<Error> movedAway() const;
    [[nodiscard]] const Histories &histories() const { return m_histories; }

private:
    struct Append
    {
        std::uint32_t shopper = 0, h = 0, item = 0;
        EventStore::Done done;
    };
    [[nodiscard]] bool hasBackups() const { return !m_options.backups.empty(); }
    void work(const std::stop_token &stop);
    void commit(std::vector<Append> &group);
    [[nodiscard]] Result<> write(const std::vector<Append> &group, std::vector<StoreEvent> &rows,
                                 std::vector<std::uint64_t> &seqs);
    void shipDue(bool now);
    void answerUnshipped();
    [[nodiscard]] Result<> backUpFirst();
    [[nodiscard]] bool mayBeginBackup() const;
    [[nodiscard]] bool beginBackup();
    void stepBackup();
    void failBackups(const Error &error);
    void measureDisk();
    void finishBackups(const std::stop_token &stop);

    const std::filesystem::path m_file;
    const StoreOptions m_options;
    const Clock &m_clock;
    Histories m_histories;
    std::atomic<std::uint64_t> m_acked{0}, m_backedUpSeq{0}, m_shippedSeq{0}, m_diskBytes{0};
    std::atomic<std::int64_t> m_backedUpAt{0};
    std::atomic<bool> m_moved{false};

    // m_thread's alone:
    sqlite::Database m_database;
    std::optional<sqlite::Statement> m_insert;
    std::uint32_t m_timeline = 1;
    std::uint64_t m_seq = 0;
    const BackupFolder m_folder;
    std::optional<StoreLog> m_log;
    std::vector<StoreEvent> m_unshipped; ///< committed, not yet in the log
    std::vector<std::pair<EventStore::Done, std::uint64_t>> m_unanswered; ///< until they are
    MonoTime m_shipAt{0}, m_backupAt{0}, m_measureAt{0};
    std::optional<sqlite::Copy> m_copy;
    std::vector<EventStore::BackedUp> m_copyFor;

    std::mutex m_mutex; // what follows
    std::condition_variable_any m_wake, m_copied;
    std::vector<Append> m_queue;
    std::vector<EventStore::BackedUp> m_asked;
    struct Copied
    {
        std::uint64_t seq = 0;
        std::vector<EventStore::BackedUp> askedBy;
    };
    std::optional<Copied> m_toFinish;
    bool m_isFinishing = false;

    std::jthread m_thread, m_finisher;
};

} // namespace engine
