#include "engine/store/store_writer.h"

#include "engine/base/files.h"
#include "engine/store/store_file.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <map>
#include <spdlog/spdlog.h>

namespace engine {
namespace {

constexpr std::size_t kMostQueued = 10'000;      // a disk that hangs must not eat the memory
constexpr int kPagesPerStep = 64;                // 256 KiB between two commits
constexpr std::uint64_t kLongSegment = 64 << 20; // then a backup is due before its time
constexpr Micros kMeasureEvery{1'000'000};

} // namespace

StoreWriter::~StoreWriter()
{
    m_thread.request_stop();
    if (m_thread.joinable())
        m_thread.join();
    m_finisher.request_stop();
    if (m_finisher.joinable())
        m_finisher.join();
}

Result<> StoreWriter::start()
{
    if (hasBackups()) {
        DR_RETURN_IF_ERROR(makePrivateFolder(m_options.backups));
        const auto timeline = timelineOf(m_database);
        DR_RETURN_IF_ERROR(timeline);
        m_timeline = *timeline;
        auto log = StoreLog::open(m_database, m_folder, m_timeline);
        if (!log)
            return tl::unexpected(log.error());
        m_log.emplace(std::move(*log));
        m_shippedSeq = m_log->shippedSeq();
    }
    DR_RETURN_IF_ERROR(loadHistories(m_database, m_histories));
    m_seq = m_histories.seq();
    auto insert = m_database.prepare(kInsertEvent);
    if (!insert)
        return tl::unexpected(insert.error());
    m_insert.emplace(std::move(*insert));
    if (hasBackups()) {
        // Before the first answer: the log alone restores nothing.
        DR_RETURN_IF_ERROR(backUpFirst());
        m_backupAt = m_clock.now();
        for (const auto &backup : m_folder.backups()) {
            if (backup.timeline != m_timeline)
                continue;
            const auto age = Micros{m_clock.wallMicros() - backup.at};
            m_backupAt += std::clamp(m_options.backupEvery - age, Micros{0}, m_options.backupEvery);
            m_backedUpSeq = backup.seq;
            m_backedUpAt = backup.at;
            break;
        }
        m_finisher = std::jthread([this](std::stop_token stop) { finishBackups(stop); });
    }
    measureDisk();
    m_thread = std::jthread([this](std::stop_token stop) { work(stop); });
    return {};
}

Result<> StoreWriter::backUpFirst()
{
    for (const auto &backup : m_folder.backups())
        if (backup.timeline == m_timeline)
            return {};
    auto copy = sqlite::Copy::begin(m_database, m_folder.temporaryFile());
    if (!copy)
        return tl::unexpected(copy.error());
    for (bool isDone = false; !isDone;) {
        const auto stepped = copy->step(-1);
        if (!stepped)
            return tl::unexpected(stepped.error());
        isDone = *stepped;
    }
    const auto added =
        m_folder.add(m_folder.temporaryFile(), m_timeline, m_seq, m_clock.wallMicros());
    DR_RETURN_IF_ERROR(added);
    return {};
}

void StoreWriter::append(std::uint32_t shopper, std::uint32_t h, std::uint32_t item,
                         EventStore::Done done)
{
    if (auto known = m_histories.check(shopper, h, item); !known)
        return done(tl::unexpected(known.error()));
    if (m_moved)
        return done(movedAway());
    if (const auto seq = m_histories.find(shopper, h)) {
        ++m_acked;
        return done(*seq);
    }
    if (m_diskBytes > m_options.diskCap)
        return done(fail(ErrorCode::Busy,
                         fmt::format("The store uses {} MiB, and its cap is {} MiB; raise the cap "
                                     "or delete backups in {}",
                                     m_diskBytes >> 20, m_options.diskCap >> 20,
                                     m_options.backups.string())));
    {
        const std::scoped_lock lock(m_mutex);
        if (m_queue.size() < kMostQueued) {
            m_queue.push_back({shopper, h, item, std::move(done)});
            m_wake.notify_one();
            return;
        }
    }
    done(fail(ErrorCode::Busy,
              "The store has 10,000 appends waiting for its disk; try again later"));
}

void StoreWriter::backUp(EventStore::BackedUp done)
{
    if (!hasBackups())
        return done(fail(ErrorCode::NotFound, "This store makes no backups; name a folder for them "
                                              "in its options"));
    const std::scoped_lock lock(m_mutex);
    m_asked.push_back(std::move(done));
    m_wake.notify_one();
}

EventStore::Stats StoreWriter::stats() const
{
    return {m_histories.events(), m_acked,      m_histories.seq(), m_backedUpSeq,
            m_shippedSeq,         m_backedUpAt, m_diskBytes};
}

tl::unexpected<Error> StoreWriter::movedAway() const
{
    return fail(ErrorCode::Unavailable,
                "The store's database was moved or deleted while it was open; restore it or put it "
                "back, and restart the store",
                m_file.string());
}

void StoreWriter::work(const std::stop_token &stop)
{
    while (true) {
        std::vector<Append> group;
        {
            std::unique_lock lock(m_mutex);
            // A deleted file is noticed within a second also when nothing is appended.
            auto wait = std::chrono::microseconds(kMeasureEvery);
            if (!m_unshipped.empty())
                wait =
                    std::min(wait, std::max(std::chrono::microseconds(1000),
                                            std::chrono::microseconds(m_shipAt - m_clock.now())));
            if (m_copy)
                wait = std::chrono::microseconds(1000);
            m_wake.wait_for(lock, stop, wait,
                            [this] { return !m_queue.empty() || mayBeginBackup(); });
            group.swap(m_queue);
        }
        const bool isLast = stop.stop_requested() && group.empty();
        if (m_database.hasMoved())
            m_moved = true;
        if (m_moved) {
            for (auto &append : group)
                append.done(movedAway());
            for (auto &[done, seq] : m_unanswered)
                done(movedAway());
            m_unanswered.clear();
            failBackups(movedAway().value());
            if (isLast)
                return;
            continue;
        }
        if (!group.empty())
            commit(group);
        shipDue(isLast);
        if (isLast) {
            failBackups({ErrorCode::Unavailable, "The store is ending", {}});
            return;
        }
        stepBackup();
        if (m_clock.now() >= m_measureAt)
            measureDisk();
    }
}

void StoreWriter::commit(std::vector<Append> &group)
{
    std::vector<StoreEvent> rows;
    std::vector<std::uint64_t> seqs;
    auto written = write(group, rows, seqs);
    // The file may have gone during the commit: then the sync went to a file nobody finds.
    if (written && m_database.hasMoved()) {
        m_moved = true;
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
    if (!rows.empty())
        m_seq = rows.back().seq;
    if (m_log) {
        if (m_unshipped.empty())
            m_shipAt = m_clock.now() + m_options.shipEvery;
        m_unshipped.insert(m_unshipped.end(), rows.begin(), rows.end());
    }
    if (m_log && m_options.shipEvery == Micros{0}) {
        for (std::size_t i = 0; i < group.size(); ++i)
            m_unanswered.emplace_back(std::move(group[i].done), seqs[i]);
        return; // shipDue answers
    }
    for (const auto &row : rows)
        m_histories.add(row);
    m_acked += group.size();
    for (std::size_t i = 0; i < group.size(); ++i)
        group[i].done(seqs[i]);
}

Result<> StoreWriter::write(const std::vector<Append> &group, std::vector<StoreEvent> &rows,
                            std::vector<std::uint64_t> &seqs)
{
    auto seq = m_seq;
    const auto at = m_clock.wallMicros();
    // Two appends of one event may share a group: the first one is written, both are answered. One
    // that is committed but could not be shipped yet is not in the histories.
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> answers;
    for (const auto &event : m_unshipped)
        answers.try_emplace({event.shopper, event.h}, event.seq);
    DR_RETURN_IF_ERROR(m_database.execute("BEGIN IMMEDIATE"));
    for (const auto &append : group) {
        const auto known = m_histories.find(append.shopper, append.h);
        const auto [place, isNew] =
            answers.try_emplace({append.shopper, append.h}, known ? *known : seq + 1);
        seqs.push_back(place->second);
        if (known || !isNew)
            continue;
        rows.push_back({++seq, at, append.shopper, append.h, append.item});
        DR_RETURN_IF_ERROR(insertEvent(*m_insert, rows.back()));
    }
    return m_database.execute("COMMIT");
}

void StoreWriter::shipDue(bool now)
{
    if (!m_log || (m_unshipped.empty() && m_unanswered.empty()))
        return;
    if (!now && m_options.shipEvery > Micros{0} && m_clock.now() < m_shipAt)
        return;
    if (const auto shipped = m_log->ship(m_unshipped); !shipped) {
        spdlog::error("event=log_failed reason=\"{}\"", shipped.error().text());
        m_shipAt = m_clock.now() + kMeasureEvery;
        // The events are in the database and go into the log with the next try; only then may a
        // repeated append be acknowledged.
        for (auto &[done, seq] : m_unanswered)
            done(fail(ErrorCode::Unavailable, shipped.error().text()));
        m_unanswered.clear();
        return;
    }
    m_shippedSeq = m_log->shippedSeq();
    answerUnshipped();
}

void StoreWriter::answerUnshipped()
{
    if (m_options.shipEvery == Micros{0})
        for (const auto &event : m_unshipped)
            m_histories.add(event);
    m_unshipped.clear();
    m_acked += m_unanswered.size();
    for (auto &[done, seq] : m_unanswered)
        done(seq);
    m_unanswered.clear();
}

/// An asked-for backup can begin; with m_mutex held.
bool StoreWriter::mayBeginBackup() const
{
    return !m_asked.empty() && !m_copy && !m_isFinishing && !m_toFinish;
}

void StoreWriter::failBackups(const Error &error)
{
    m_copy.reset();
    {
        const std::scoped_lock lock(m_mutex);
        std::move(m_asked.begin(), m_asked.end(), std::back_inserter(m_copyFor));
        m_asked.clear();
    }
    for (auto &done : std::exchange(m_copyFor, {}))
        done(tl::unexpected(error));
}

/// False when none is due now.
bool StoreWriter::beginBackup()
{
    {
        const std::scoped_lock lock(m_mutex);
        const bool isDue = m_clock.now() >= m_backupAt || m_log->segmentBytes() >= kLongSegment;
        if (m_isFinishing || m_toFinish || (m_asked.empty() && !isDue))
            return false;
        m_copyFor.swap(m_asked);
    }
    m_backupAt = m_clock.now() + m_options.backupEvery;
    if (const auto all = m_folder.backups();
        !all.empty() && all[0].timeline == m_timeline && all[0].seq == m_seq) {
        for (auto &done : std::exchange(m_copyFor, {})) // nothing new since
            done(EventStore::Backup{all[0].file.string(), all[0].seq, all[0].bytes});
        return false;
    }
    auto copy = sqlite::Copy::begin(m_database, m_folder.temporaryFile());
    if (!copy) {
        spdlog::error("event=backup_failed reason=\"{}\"", copy.error().text());
        failBackups(copy.error());
        return false;
    }
    m_copy.emplace(std::move(*copy));
    return true;
}

void StoreWriter::stepBackup()
{
    if (!hasBackups() || (!m_copy && !beginBackup()))
        return;
    const auto done = m_copy->step(kPagesPerStep);
    if (done && !*done)
        return;
    m_copy.reset();
    if (!done) {
        spdlog::error("event=backup_failed reason=\"{}\"", done.error().text());
        failBackups(done.error());
        return;
    }
    const auto seq = m_seq;
    shipDue(true); // so that the new segment begins right after the backup
    if (const auto begun = m_log->startSegment(); !begun)
        spdlog::error("event=log_failed reason=\"{}\"", begun.error().text());
    const std::scoped_lock lock(m_mutex);
    m_toFinish = Copied{seq, std::exchange(m_copyFor, {})};
    m_copied.notify_one();
}

void StoreWriter::measureDisk()
{
    m_measureAt = m_clock.now() + kMeasureEvery;
    std::uint64_t sum = hasBackups() ? m_folder.bytes() : 0;
    for (const char *suffix : {"", "-wal"}) {
        std::error_code error;
        const auto size = std::filesystem::file_size(m_file.string() + suffix, error);
        sum += error ? 0 : size;
    }
    m_diskBytes = sum;
}

void StoreWriter::finishBackups(const std::stop_token &stop)
{
    while (true) {
        Copied copied;
        {
            std::unique_lock lock(m_mutex);
            if (!m_copied.wait(lock, stop, [this] { return m_toFinish.has_value(); }))
                return;
            copied = std::move(*m_toFinish);
            m_toFinish.reset();
            m_isFinishing = true;
        }
        const auto at = m_clock.wallMicros();
        const auto added = m_folder.add(m_folder.temporaryFile(), m_timeline, copied.seq, at);
        if (added) {
            m_backedUpSeq = added->seq;
            m_backedUpAt = at;
            const auto backups = m_folder.bytes(), all = m_diskBytes.load();
            const auto data = all > backups ? all - backups : 0;
            m_folder.prune(m_options.backupsKept,
                           m_options.diskCap > data ? m_options.diskCap - data : 0);
            spdlog::info("event=backed_up seq={} bytes={}", added->seq, added->bytes);
        } else {
            spdlog::error("event=backup_failed reason=\"{}\"", added.error().text());
        }
        for (auto &done : copied.askedBy)
            done(added ? Result<EventStore::Backup>(
                     EventStore::Backup{added->file.string(), added->seq, added->bytes})
                       : tl::unexpected(added.error()));
        const std::scoped_lock lock(m_mutex);
        m_isFinishing = false;
        m_wake.notify_one();
    }
}

} // namespace engine
