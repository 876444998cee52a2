// Backups and the shipped log give back every acknowledged event after the file is gone: figures
// (RPO, RTO) come from sequence numbers and are printed. Slow: 20 kills instead of 2.

#include "engine/base/digest.h"
#include "engine/store/backup_folder.h"
#include "engine/store/shipped_log.h"
#include "engine/store/sqlite_event_store.h"
#include "engine/store/store_file.h"
#include "engine/store/store_restore.h"

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>
#include <csignal>
#include <future>
#include <map>
#include <semaphore>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

using namespace engine;
namespace fs = std::filesystem;

class TestStoreRestore : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init();
    void cleanup();
    void theLogIsReadBackWhole();
    void aTornEndIsLeftOutAndADamagedMiddleIsNamed();
    void aBackupHoldsEverythingBeforeIt();
    void backupsAreMadeOnScheduleWhileAppendsGoOn();
    void noAcknowledgedEventIsLost();
    void withoutTheLogEventsAreLost();
    void aPointInTheMiddleIsRestored();
    void aPointInTimeIsRestored();
    void aDamagedBackupIsPassedOver();
    void leftoversOfAKilledBackupDoNoHarm();
    void aLostFileIsNotBegunAnew();
    void anOldCopyCatchesUpFromTheLog();
    void afterARestoreTheOldFileIsRefused();
    void aRunningStoreIsNotRestored();
    void oldBackupsGoWhenTheCapIsReached();
    void aFullCapRefusesAppends();
    void filesOfTheFirstVersionAreTakenOver();
    void pointsAreParsed_data();
    void pointsAreParsed();

private:
    std::unique_ptr<QTemporaryDir> m_folder;
    fs::path m_file, m_backups;
};

namespace {

constexpr std::uint32_t kShoppers = 50;

Result<StoreSeed> seed()
{
    StoreSeed out;
    out.items = 1000;
    for (std::uint32_t shopper = 0; shopper < kShoppers; ++shopper) {
        out.events.push_back(shopper);
        out.offsets.push_back(out.events.size());
    }
    return out;
}

std::unique_ptr<SqliteEventStore> openStore(const fs::path &file, const StoreOptions &options)
{
    auto store = SqliteEventStore::open(file, seed, options);
    if (!store)
        qWarning("%s", store.error().text().c_str());
    return store ? std::move(*store) : nullptr;
}

std::uint64_t append(SqliteEventStore &store, std::uint32_t n)
{
    std::promise<Result<std::uint64_t>> done;
    store.append(n % kShoppers, 1 + n / kShoppers, n % 1000,
                 [&done](auto seq) { done.set_value(std::move(seq)); });
    return done.get_future().get().value_or(0);
}

std::uint64_t backUp(SqliteEventStore &store)
{
    std::promise<std::uint64_t> done;
    store.backUp([&done](const auto &backup) { done.set_value(backup ? backup->seq : 0); });
    return done.get_future().get();
}

/// Everything a store holds up to `seq`, as one hash.
std::string contentOf(const fs::path &file, std::uint64_t upTo = UINT64_MAX)
{
    auto database = openStoreFile(file, {}, 0);
    if (!database)
        return database.error().text();
    Hasher hasher;
    (void)eachEvent(*database, 0, [&](const StoreEvent &event) -> Result<> {
        if (event.seq <= upTo) {
            const std::uint64_t fields[] = {event.seq, event.shopper, event.h, event.item,
                                            static_cast<std::uint64_t>(event.at)};
            hasher.add({reinterpret_cast<const std::uint8_t *>(fields), sizeof fields});
        }
        return {};
    });
    return hex(hasher.finish());
}

void lose(const fs::path &file)
{
    for (const char *suffix : {"", "-wal", "-shm"})
        fs::remove(file.string() + suffix);
}

} // namespace

void TestStoreRestore::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
    m_file = m_folder->filePath(QStringLiteral("store.db")).toStdString();
    m_backups = m_folder->filePath(QStringLiteral("backups")).toStdString();
}

void TestStoreRestore::cleanup()
{
    m_folder.reset();
}

void TestStoreRestore::theLogIsReadBackWhole()
{
    const fs::path file = m_folder->filePath(QStringLiteral("x.log")).toStdString();
    std::vector<StoreEvent> events, read;
    for (std::uint32_t i = 0; i < 10'000; ++i)
        events.push_back({7 + i, 1'000'000 + i, i, i / 2, i * 3});
    {
        auto log = ShippedLog::create(file, 3, 7);
        QVERIFY(log);
        QVERIFY(log->append(std::span(events).first(1)));
        QVERIFY(log->append(std::span(events).subspan(1)));
    }
    const auto take = [&](const StoreEvent &event) -> Result<> {
        read.push_back(event);
        return {};
    };
    const auto end = readLog(file, 3, take);
    QVERIFY(end);
    QCOMPARE(end->tornAt, std::uint64_t(0));
    QVERIFY(read == events);
    QVERIFY(!readLog(file, 4, take)); // another timeline
    QVERIFY(!readLog(file.string() + "x", 3, take));
}

void TestStoreRestore::aTornEndIsLeftOutAndADamagedMiddleIsNamed()
{
    const fs::path file = m_folder->filePath(QStringLiteral("x.log")).toStdString();
    std::vector<StoreEvent> events;
    for (std::uint32_t i = 0; i < 10; ++i)
        events.push_back({1 + i, 5, i, 0, 0});
    QVERIFY(ShippedLog::create(file, 1, 1)->append(events));
    const auto count = [&] { return readLog(file, 1, [](const auto &) { return Result<>{}; }); };
    fs::resize_file(file, 32 * 11 - 5);
    QCOMPARE(count()->events, std::uint64_t(9));
    QCOMPARE(count()->tornAt, std::uint64_t(32 * 10));
    QVERIFY(!count()->isDamaged);
    QFile bytes(QString::fromStdString(file.string()));
    QVERIFY(bytes.open(QIODevice::ReadWrite));
    bytes.seek(32 * 4 + 3);
    bytes.putChar('\x5A');
    bytes.close();
    QCOMPARE(count()->events, std::uint64_t(3));
    QVERIFY(count()->isDamaged);
}

void TestStoreRestore::aBackupHoldsEverythingBeforeIt()
{
    const auto store = openStore(m_file, {m_backups});
    for (std::uint32_t n = 0; n < 100; ++n)
        QVERIFY(append(*store, n) != 0);
    const auto seq = backUp(*store);
    QCOMPARE(seq, std::uint64_t(kShoppers + 100));
    QCOMPARE(store->stats().backedUpSeq, seq);
    const auto backups = BackupFolder(m_backups).backups();
    QVERIFY(!backups.empty());
    QVERIFY(BackupFolder::check(backups[0]));
    QVERIFY(!fs::exists(backups[0].file.string() + "-wal"));
    auto copy = sqlite::Database::open(backups[0].file);
    QCOMPARE(newestSeq(*copy).value(), seq);
    QCOMPARE(backUp(*store), seq); // nothing new: the same one again
}

void TestStoreRestore::backupsAreMadeOnScheduleWhileAppendsGoOn()
{
    StoreOptions options{m_backups};
    options.backupEvery = Micros{100'000};
    options.backupsKept = 3;
    const auto store = openStore(m_file, options);
    std::uint32_t n = 0;
    std::set<std::uint64_t> seen;
    QDeadlineTimer limit(60'000);
    while (seen.size() < 5 && !limit.hasExpired()) {
        QVERIFY(append(*store, n++) != 0);
        seen.insert(store->stats().backedUpSeq);
    }
    QVERIFY(seen.size() >= 5);
    QTRY_VERIFY_WITH_TIMEOUT(BackupFolder(m_backups).backups().size() <= 3, 30'000);
    for (const auto &backup : BackupFolder(m_backups).backups())
        QVERIFY(BackupFolder::check(backup));
}

void TestStoreRestore::noAcknowledgedEventIsLost()
{
    const int kills = qEnvironmentVariableIsSet("DRILLROOM_SLOW") ? 20 : 2;
    std::uint64_t acknowledged = 0; // events, in all rounds
    std::uint64_t lastSeq = 0, lost = 0;
    double longest = 0;
    std::uint32_t next = 0;
    for (int round = 0; round < kills; ++round) {
        int pipe[2];
        QVERIFY(::pipe(pipe) == 0);
        const auto child = ::fork();
        QVERIFY(child >= 0);
        if (child == 0) {
            ::close(pipe[0]);
            StoreOptions options{m_backups};
            options.backupEvery = Micros{70'000}; // some rounds are killed in the middle of one
            const auto store = openStore(m_file, options);
            if (!store)
                ::_exit(1);
            std::counting_semaphore<50> room(50);
            for (std::uint32_t n = next;; ++n) {
                room.acquire();
                store->append(n % kShoppers, 1 + n / kShoppers, n % 1000,
                              [&room, n, out = pipe[1]](auto seq) {
                                  const std::uint64_t told[] = {n, seq.value_or(0)};
                                  if (seq)
                                      (void)!::write(out, told, sizeof told);
                                  room.release();
                              });
            }
        }
        ::close(pipe[1]);
        std::uint64_t told[2];
        std::map<std::uint64_t, std::uint64_t> acks; // n -> seq
        while (::read(pipe[0], told, sizeof told) == sizeof told) {
            acks[told[0]] = told[1];
            if (acks.size() == 150 + 61 * static_cast<std::size_t>(round))
                ::kill(child, SIGKILL);
        }
        ::close(pipe[0]);
        int status = 0;
        ::waitpid(child, &status, 0);
        QVERIFY(WIFSIGNALED(status));
        acknowledged += acks.size();
        for (const auto &[n, seq] : acks)
            lastSeq = std::max(lastSeq, seq);

        lose(m_file); // killed in the middle of writes, and its disk is gone
        const auto restored = restoreStore(m_file, m_backups, {}, systemClock());
        QVERIFY2(restored, restored ? "" : restored.error().text().c_str());
        longest = std::max(longest, static_cast<double>(restored->took.count()) / 1e6);
        lost += lastSeq - std::min(lastSeq, restored->seq);
        const auto store = openStore(m_file, {m_backups});
        QVERIFY(store);
        for (const auto &[n, seq] : acks) {
            const auto h = static_cast<std::uint32_t>(1 + n / kShoppers);
            const auto history = store->history(static_cast<std::uint32_t>(n % kShoppers), h + 1);
            QVERIFY2(history && history->items.size() == h + 1,
                     qPrintable(QStringLiteral("event %1 is lost").arg(seq)));
            QCOMPARE(history->items.back(), static_cast<std::uint32_t>(n % 1000));
        }
        next = static_cast<std::uint32_t>(store->stats().events) - kShoppers;
    }
    QCOMPARE(lost, std::uint64_t(0));
    qInfo("restore: %d kills, %llu events acknowledged, RPO %llu events, RTO at most %.2f s "
          "(restore alone)",
          kills, static_cast<unsigned long long>(acknowledged),
          static_cast<unsigned long long>(lost), longest);
}

void TestStoreRestore::withoutTheLogEventsAreLost()
{
    StoreOptions options{m_backups};
    options.shipEvery = Micros{600'000'000}; // never, here
    std::uint64_t acked = 0;
    const auto child = ::fork();
    if (child == 0) {
        const auto store = openStore(m_file, options);
        (void)backUp(*store);
        for (std::uint32_t n = 0; n < 100; ++n)
            (void)append(*store, n);
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    acked = kShoppers + 100;
    lose(m_file);
    const auto restored = restoreStore(m_file, m_backups, {}, systemClock());
    QVERIFY(restored);
    QVERIFY(restored->seq < acked); // the mechanism is worth something: without it they are gone
    QCOMPARE(restored->fromLog, std::uint64_t(0));
}

void TestStoreRestore::aPointInTheMiddleIsRestored()
{
    {
        const auto store = openStore(m_file, {m_backups});
        for (std::uint32_t n = 0; n < 200; ++n)
            (void)append(*store, n);
    }
    const auto wanted = contentOf(m_file, kShoppers + 77);
    RestorePoint point;
    point.seq = kShoppers + 77;
    const auto restored = restoreStore(m_file, m_backups, point, systemClock());
    QVERIFY2(restored, restored ? "" : restored.error().text().c_str());
    QCOMPARE(restored->seq, *point.seq);
    QCOMPARE(restored->newestSeq, std::uint64_t(kShoppers + 200));
    QCOMPARE(contentOf(m_file), wanted);
    // What was left out is still there, in the old timeline's log; and life goes on from here.
    const auto store = openStore(m_file, {m_backups});
    QVERIFY(store);
    QCOMPARE(append(*store, 77), std::uint64_t(kShoppers + 78));
    QVERIFY(fs::exists(m_file.string() + ".before-restore"));
}

void TestStoreRestore::aPointInTimeIsRestored()
{
    std::int64_t between = 0;
    {
        const auto store = openStore(m_file, {m_backups});
        QTRY_VERIFY_WITH_TIMEOUT(store->stats().backedUpAt != 0, 30'000);
        for (std::uint32_t n = 0; n < 50; ++n)
            (void)append(*store, n);
        between = systemClock().wallMicros();
        systemClock().waitUntil(systemClock().now() + Micros{5'000}, {});
        for (std::uint32_t n = 50; n < 90; ++n)
            (void)append(*store, n);
    }
    RestorePoint point;
    point.at = between;
    const auto restored = restoreStore(m_file, m_backups, point, systemClock());
    QVERIFY2(restored, restored ? "" : restored.error().text().c_str());
    QCOMPARE(restored->seq, std::uint64_t(kShoppers + 50));
    point.at = 1'000'000; // 1970: no backup is as old
    QCOMPARE(restoreStore(m_file, m_backups, point, systemClock()).error().code,
             ErrorCode::NotFound);
}

void TestStoreRestore::aDamagedBackupIsPassedOver()
{
    {
        const auto store = openStore(m_file, {m_backups});
        (void)backUp(*store);
        for (std::uint32_t n = 0; n < 60; ++n)
            (void)append(*store, n);
        (void)backUp(*store);
        for (std::uint32_t n = 60; n < 80; ++n)
            (void)append(*store, n);
    }
    const auto content = contentOf(m_file);
    const auto newest = BackupFolder(m_backups).backups().front();
    QFile bytes(QString::fromStdString(newest.file.string()));
    QVERIFY(bytes.open(QIODevice::ReadWrite));
    bytes.seek(5000);
    bytes.write("damage");
    bytes.close();
    lose(m_file);
    const auto restored = restoreStore(m_file, m_backups, {}, systemClock());
    QVERIFY2(restored, restored ? "" : restored.error().text().c_str());
    QVERIFY(restored->backupSeq < newest.seq);
    QCOMPARE(restored->seq, std::uint64_t(kShoppers + 80));
    QCOMPARE(restored->notes.size(), 1u);
    QCOMPARE(contentOf(m_file), content);
}

void TestStoreRestore::leftoversOfAKilledBackupDoNoHarm()
{
    {
        const auto store = openStore(m_file, {m_backups});
        for (std::uint32_t n = 0; n < 60; ++n)
            (void)append(*store, n);
    }
    // A log beside the temporary file that fits another database, as a kill leaves it.
    const auto part = BackupFolder(m_backups).temporaryFile();
    {
        auto other = openStoreFile(part, seed, 1);
        QVERIFY(other);
        QVERIFY(other->execute("INSERT INTO events VALUES(999, 1, 1, 1, 1)"));
        fs::copy_file(part.string() + "-wal", part.string() + "-kept");
    }
    fs::remove(part);
    for (const auto &file : {part.string(), m_file.string() + ".restoring"})
        fs::copy_file(part.string() + "-kept", file + "-wal");
    QVERIFY(fs::file_size(part.string() + "-wal") > 0);
    const auto restored = restoreStore(m_file, m_backups, {}, systemClock());
    QVERIFY2(restored, restored ? "" : restored.error().text().c_str());
    QCOMPARE(restored->seq, std::uint64_t(kShoppers + 60));
    const auto store = openStore(m_file, {m_backups});
    QVERIFY(store && append(*store, 60) != 0);
    QVERIFY(backUp(*store) != 0);
}

void TestStoreRestore::aLostFileIsNotBegunAnew()
{
    {
        const auto store = openStore(m_file, {m_backups});
        QVERIFY(backUp(*store) != 0);
    }
    lose(m_file);
    const auto refused = SqliteEventStore::open(m_file, seed, {m_backups});
    QVERIFY(!refused);
    QCOMPARE(refused.error().code, ErrorCode::InvalidInput);
    QVERIFY2(refused.error().message.find("restore") != std::string::npos,
             refused.error().message.c_str());
    QVERIFY(!fs::exists(m_file));
    QFile empty(QString::fromStdString(m_file.string())); // emptied counts as lost
    QVERIFY(empty.open(QIODevice::WriteOnly));
    empty.close();
    QVERIFY(!SqliteEventStore::open(m_file, seed, {m_backups}));
    lose(m_file);
    QVERIFY(SqliteEventStore::open(m_file, seed)); // without backups it is the old behaviour
}

void TestStoreRestore::anOldCopyCatchesUpFromTheLog()
{
    const auto old = m_file.string() + ".old";
    {
        const auto store = openStore(m_file, {m_backups});
        (void)append(*store, 0);
    }
    fs::copy_file(m_file, old);
    {
        const auto store = openStore(m_file, {m_backups});
        for (std::uint32_t n = 1; n < 40; ++n)
            (void)append(*store, n);
    }
    const auto content = contentOf(m_file);
    lose(m_file);
    fs::rename(old, m_file);
    {
        const auto store = openStore(m_file, {m_backups});
        QVERIFY(store);
        QCOMPARE(store->stats().seq, std::uint64_t(kShoppers + 40));
    }
    QCOMPARE(contentOf(m_file), content);
}

void TestStoreRestore::afterARestoreTheOldFileIsRefused()
{
    {
        const auto store = openStore(m_file, {m_backups});
        QVERIFY(backUp(*store) != 0);
        for (std::uint32_t n = 0; n < 40; ++n)
            (void)append(*store, n);
    }
    QVERIFY(restoreStore(m_file, m_backups, {}, systemClock()));
    fs::rename(m_file.string() + ".before-restore", m_file);
    const auto refused = SqliteEventStore::open(m_file, seed, {m_backups});
    QVERIFY(!refused);
    QVERIFY(refused.error().message.find("timeline") != std::string::npos);
}

void TestStoreRestore::aRunningStoreIsNotRestored()
{
    // Locks do not count within one process, and a fork beside threads is not safe: it waits.
    int pipe[2];
    QVERIFY(::pipe(pipe) == 0);
    const auto child = ::fork();
    if (child == 0) {
        char go = 0;
        (void)!::read(pipe[0], &go, 1);
        const auto restored = restoreStore(m_file, m_backups, {}, systemClock());
        ::_exit(!restored && restored.error().code == ErrorCode::Busy ? 0 : 1);
    }
    const auto store = openStore(m_file, {m_backups});
    QVERIFY(store && backUp(*store) != 0);
    QVERIFY(::write(pipe[1], "x", 1) == 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    QVERIFY(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void TestStoreRestore::oldBackupsGoWhenTheCapIsReached()
{
    const BackupFolder folder(m_backups);
    const auto store = openStore(m_file, {m_backups});
    for (int i = 0; i < 6; ++i) {
        (void)append(*store, static_cast<std::uint32_t>(i));
        QVERIFY(backUp(*store) != 0);
    }
    QVERIFY(folder.backups().size() >= 6);
    const auto one = folder.backups()[0].bytes;
    folder.prune(24, 3 * one + one / 2);
    const auto left = folder.backups();
    QVERIFY(left.size() <= 3 && !left.empty());
    QCOMPARE(left[0].seq, std::uint64_t(kShoppers + 6));
    folder.prune(24, 0); // the newest stays whatever the cap
    QCOMPARE(folder.backups().size(), 1u);
    // Segments that no backup needs are gone, the present one is not.
    for (const auto &segment : folder.segments())
        QVERIFY(segment.first > kShoppers + 5);
    QVERIFY(!folder.segments().empty());
}

void TestStoreRestore::aFullCapRefusesAppends()
{
    StoreOptions options{m_backups};
    options.diskCap = 1000;
    const auto store = openStore(m_file, options);
    std::promise<Result<std::uint64_t>> done;
    store->append(0, 1, 1, [&done](auto seq) { done.set_value(std::move(seq)); });
    const auto result = done.get_future().get();
    QVERIFY(!result);
    QCOMPARE(result.error().code, ErrorCode::Busy);
    QVERIFY(store->history(0, 1)); // reads go on
}

void TestStoreRestore::filesOfTheFirstVersionAreTakenOver()
{
    {
        auto database = sqlite::Database::open(m_file);
        QVERIFY(database->execute(
            "PRAGMA application_id = 1146245937;"
            "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
            "CREATE TABLE seed(shopper INTEGER PRIMARY KEY, items BLOB NOT NULL);"
            "CREATE TABLE events(seq INTEGER PRIMARY KEY, shopper INTEGER NOT NULL, h INTEGER NOT "
            "NULL, item INTEGER NOT NULL, UNIQUE(shopper, h));"
            "INSERT INTO meta VALUES('items', 1000); INSERT INTO seed VALUES(0, x'05000000');"
            "INSERT INTO events VALUES(2, 0, 1, 9)"));
    }
    const auto store = openStore(m_file, {m_backups});
    QVERIFY(store);
    const auto history = store->history(0, 9);
    QCOMPARE(history->items, (std::vector<std::uint32_t>{5, 9}));
    QCOMPARE(history->at, std::int64_t(0));
    QCOMPARE(store->stats().seq, std::uint64_t(2));
}

void TestStoreRestore::pointsAreParsed_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<bool>("good");
    for (const char *text : {"newest", "12", "2026-11-22T14:03:07Z"})
        QTest::newRow(text) << QByteArray(text) << true;
    for (const char *text : {"-1", "12x", "yesterday", "2026-11-22", "99999999999999999999"})
        QTest::newRow(text) << QByteArray(text) << false;
}

void TestStoreRestore::pointsAreParsed()
{
    QFETCH(QByteArray, text);
    QFETCH(bool, good);
    QCOMPARE(parseRestorePoint(text.toStdString()).has_value(), good);
}

QTEST_GUILESS_MAIN(TestStoreRestore)
#include "tst_store_restore.moc"
