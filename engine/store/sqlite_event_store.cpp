#include "engine/store/sqlite_event_store.h"

#include "engine/store/store_file.h"

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

namespace engine {
namespace {

struct Append
{
    std::uint32_t shopper = 0, h = 0, item = 0;
    EventStore::Done done;
};

struct Row
{
    std::uint32_t shopper = 0, h = 0, item = 0;
    std::uint64_t seq = 0;
};

constexpr std::size_t kMaxQueued = 10'000; // a disk that hangs must not eat the memory

} // namespace

class SqliteEventStore::Writer
{
public:
    Writer(sqlite::Database database, sqlite::Statement insert)
        : m_database(std::move(database)), m_insert(std::move(insert))
    {
    }

    [[nodiscard]] Result<> load() { return loadHistories(m_database, histories); }

    void start()
    {
        m_thread = std::jthread([this](std::stop_token stop) { work(stop); });
    }

    ~Writer()
    {
        m_thread.request_stop();
        if (m_thread.joinable())
            m_thread.join();
    }

    void append(Append append)
    {
        if (auto known = histories.check(append.shopper, append.h, append.item); !known)
            return append.done(tl::unexpected(known.error()));
        if (moved)
            return append.done(movedAway());
        if (const auto seq = histories.find(append.shopper, append.h)) {
            ++acked;
            return append.done(*seq);
        }
        {
            const std::scoped_lock lock(m_mutex);
            if (m_queue.size() < kMaxQueued) {
                m_queue.push_back(std::move(append));
                m_wake.notify_one();
                return;
            }
        }
        append.done(fail(ErrorCode::Unavailable,
                         "The store has 10,000 appends waiting for its disk; try again later"));
    }

    [[nodiscard]] tl::unexpected<Error> movedAway() const
    {
        return fail(ErrorCode::Unavailable,
                    "The store's database was moved or deleted while it was open; put it back and "
                    "restart the store");
    }

    Histories histories;
    std::atomic<std::uint64_t> acked{0};
    std::atomic<bool> moved{false};

private:
    void work(std::stop_token stop)
    {
        while (true) {
            std::vector<Append> group;
            {
                std::unique_lock lock(m_mutex);
                // A deleted file is noticed within a second also when nothing is appended.
                m_wake.wait_for(lock, stop, std::chrono::seconds(1),
                                [this] { return !m_queue.empty(); });
                group.swap(m_queue);
            }
            if (group.empty() && stop.stop_requested())
                return;
            if (m_database.hasMoved())
                moved = true;
            if (moved) {
                for (auto &append : group)
                    append.done(movedAway());
                continue;
            }
            if (!group.empty())
                commit(group);
        }
    }

    void commit(std::vector<Append> &group)
    {
        std::vector<Row> rows;
        std::vector<std::uint64_t> seqs;
        auto written = write(group, rows, seqs);
        // The file may have gone during the commit: then the sync went to a file nobody finds.
        if (written && m_database.hasMoved()) {
            moved = true;
            written = movedAway();
        }
        if (!written) {
            // Nothing was acknowledged, so nothing may stay. After a COMMIT there is nothing to
            // roll back, and the error of that says nothing new.
            (void)m_database.execute("ROLLBACK");
            for (auto &append : group)
                append.done(tl::unexpected(written.error()));
            return;
        }
        for (const auto &row : rows)
            histories.add(row.shopper, row.h, row.item, row.seq);
        acked += group.size();
        for (std::size_t i = 0; i < group.size(); ++i)
            group[i].done(seqs[i]);
    }

    /// `rows`: what is new; `seqs`: the answer to each append.
    Result<> write(const std::vector<Append> &group, std::vector<Row> &rows,
                   std::vector<std::uint64_t> &seqs)
    {
        auto seq = histories.seq();
        // Two appends of one event may share a group: the first one is written, both are answered.
        std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> answers;
        DR_RETURN_IF_ERROR(m_database.execute("BEGIN IMMEDIATE"));
        for (const auto &append : group) {
            const auto known = histories.find(append.shopper, append.h);
            const auto [at, isNew] =
                answers.try_emplace({append.shopper, append.h}, known ? *known : seq + 1);
            seqs.push_back(at->second);
            if (known || !isNew)
                continue;
            rows.push_back({append.shopper, append.h, append.item, ++seq});
            m_insert.bind(1, seq)
                .bind(2, std::uint64_t{append.shopper})
                .bind(3, std::uint64_t{append.h})
                .bind(4, std::uint64_t{append.item});
            DR_RETURN_IF_ERROR(m_insert.run());
        }
        return m_database.execute("COMMIT");
    }

    sqlite::Database m_database; // m_thread's alone
    sqlite::Statement m_insert;
    std::mutex m_mutex; // m_queue
    std::condition_variable_any m_wake;
    std::vector<Append> m_queue;
    std::jthread m_thread;
};

Result<std::unique_ptr<SqliteEventStore>> SqliteEventStore::open(const std::filesystem::path &file,
                                                                 const SeedSource &seed)
{
    const auto inFile = [&file](Error error) {
        if (error.place.empty())
            error.place = file.string();
        return tl::unexpected(std::move(error));
    };
    auto database = openStoreFile(file, seed);
    if (!database)
        return inFile(database.error());
    auto insert = database->prepare("INSERT INTO events VALUES(?1, ?2, ?3, ?4)");
    if (!insert)
        return inFile(insert.error());
    auto writer = std::make_unique<Writer>(std::move(*database), std::move(*insert));
    if (auto loaded = writer->load(); !loaded)
        return inFile(loaded.error());
    writer->start();
    return std::unique_ptr<SqliteEventStore>(new SqliteEventStore(std::move(writer)));
}

SqliteEventStore::SqliteEventStore(std::unique_ptr<Writer> writer) : m_writer(std::move(writer)) {}

SqliteEventStore::~SqliteEventStore() = default;

Result<EventStore::History> SqliteEventStore::history(std::uint32_t shopper, std::uint32_t h) const
{
    if (m_writer->moved)
        return m_writer->movedAway();
    return m_writer->histories.read(shopper, h);
}

void SqliteEventStore::append(std::uint32_t shopper, std::uint32_t h, std::uint32_t item, Done done)
{
    m_writer->append({shopper, h, item, std::move(done)});
}

EventStore::Stats SqliteEventStore::stats() const
{
    return {m_writer->histories.events(), m_writer->acked, m_writer->histories.seq()};
}

} // namespace engine
