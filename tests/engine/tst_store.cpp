// The store keeps its promise: what was acknowledged is there after kill -9, once, and in order.

#include "engine/data/dataset.h"
#include "engine/store/sqlite_event_store.h"
#include "engine/store/store_seed.h"

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>
#include <csignal>
#include <future>
#include <map>
#include <semaphore>
#include <sys/wait.h>
#include <unistd.h>

using engine::ErrorCode;
using engine::SqliteEventStore;
using engine::StoreSeed;

class TestStore : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void theFirstEventsAreRead();
    void anAppendIsReadBackAndSurvivesARestart();
    void aSecondAppendOfAnEventWritesNothing();
    void eventsMayComeInAnyOrder();
    void unknownShoppersAndItemsAreRefused();
    void acknowledgedEventsSurviveKill();
    void aKilledFirstStartIsRepeatedWhole();
    void aMovedFileIsRefused();
    void aDamagedFileIsRefused();
    void aForeignFileIsRefused();
    void theTracesLabelsAreNotKnownAtStart();
    void manyAppendsShareACommit();

private:
    QTemporaryDir m_folder;
    int m_files = 0;
    std::filesystem::path newFile()
    {
        return m_folder.filePath(QStringLiteral("%1.db").arg(++m_files)).toStdString();
    }
};

namespace {

// Shopper 0: 1 2 3; shopper 1: nothing; shopper 2: 4 5.
engine::Result<StoreSeed> smallSeed()
{
    return StoreSeed{10, {0, 3, 3, 5}, {1, 2, 3, 4, 5}};
}

std::unique_ptr<SqliteEventStore> openStore(const std::filesystem::path &file)
{
    auto store = SqliteEventStore::open(file, smallSeed);
    if (!store)
        qWarning("%s", store.error().text().c_str());
    return store ? std::move(*store) : nullptr;
}

engine::Result<std::uint64_t> append(SqliteEventStore &store, std::uint32_t shopper,
                                     std::uint32_t h, std::uint32_t item)
{
    std::promise<engine::Result<std::uint64_t>> done;
    store.append(shopper, h, item, [&done](auto seq) { done.set_value(std::move(seq)); });
    return done.get_future().get();
}

std::vector<std::uint32_t> history(const SqliteEventStore &store, std::uint32_t shopper,
                                   std::uint32_t h)
{
    const auto read = store.history(shopper, h);
    return read ? read->items : std::vector<std::uint32_t>{999};
}

using Items = std::vector<std::uint32_t>;

} // namespace

void TestStore::theFirstEventsAreRead()
{
    const auto store = openStore(newFile());
    QVERIFY(store);
    QCOMPARE(history(*store, 0, 2), (Items{1, 2}));
    QCOMPARE(history(*store, 0, 99), (Items{1, 2, 3}));
    QCOMPARE(history(*store, 1, 5), Items{});
    QCOMPARE(history(*store, 2, 2), (Items{4, 5}));
    QCOMPARE(store->stats().events, std::uint64_t(5));
}

void TestStore::anAppendIsReadBackAndSurvivesARestart()
{
    const auto file = newFile();
    {
        const auto store = openStore(file);
        QCOMPARE(append(*store, 1, 0, 7).value(), std::uint64_t(6));
        QCOMPARE(append(*store, 0, 3, 8).value(), std::uint64_t(7));
        QCOMPARE(history(*store, 1, 1), Items{7});
        QCOMPARE(store->stats().acked, std::uint64_t(2));
    }
    // The seed is asked for at the first start only.
    const auto again = SqliteEventStore::open(
        file, [] { return engine::fail(ErrorCode::Internal, "asked for the seed again"); });
    QVERIFY(again);
    QCOMPARE(history(**again, 1, 1), Items{7});
    QCOMPARE(history(**again, 0, 4), (Items{1, 2, 3, 8}));
    QCOMPARE((*again)->stats().seq, std::uint64_t(7));
}

void TestStore::aSecondAppendOfAnEventWritesNothing()
{
    const auto store = openStore(newFile());
    QCOMPARE(append(*store, 0, 1, 9).value(), std::uint64_t(2)); // an event of the start
    const auto first = append(*store, 1, 0, 7);
    const auto second = append(*store, 1, 0, 6);
    QCOMPARE(first.value(), second.value());
    QCOMPARE(history(*store, 1, 9), Items{7});
    QCOMPARE(store->stats().events, std::uint64_t(6));
}

void TestStore::eventsMayComeInAnyOrder()
{
    const auto file = newFile();
    {
        const auto store = openStore(file);
        QVERIFY(append(*store, 1, 1, 8));
        QCOMPARE(history(*store, 1, 9), Items{}); // a hole hides what follows it
        QVERIFY(append(*store, 1, 0, 7));
        QCOMPARE(history(*store, 1, 9), (Items{7, 8}));
    }
    const auto store = openStore(file);
    QCOMPARE(history(*store, 1, 9), (Items{7, 8}));
}

void TestStore::unknownShoppersAndItemsAreRefused()
{
    const auto store = openStore(newFile());
    QVERIFY(store->history(3, 1).error().code == ErrorCode::NotFound);
    QVERIFY(append(*store, 3, 0, 1).error().code == ErrorCode::NotFound);
    QVERIFY(append(*store, 0, 3, 10).error().code == ErrorCode::InvalidInput);
    QVERIFY(append(*store, 0, 4'000'000'000u, 1).error().code == ErrorCode::InvalidInput);
    QCOMPARE(store->stats().events, std::uint64_t(5));
}

void TestStore::acknowledgedEventsSurviveKill()
{
    const auto file = newFile();
    std::map<std::uint32_t, std::uint32_t> acknowledged; // h of shopper 1 -> item
    for (int round = 0; round < 8; ++round) {
        int pipe[2];
        QVERIFY(::pipe(pipe) == 0);
        const auto child = ::fork();
        QVERIFY(child >= 0);
        if (child == 0) {
            ::close(pipe[0]);
            const auto store = openStore(file);
            if (!store)
                ::_exit(1);
            // Twenty appends are under way at any time; every acknowledgement is told to the
            // parent at once, and the kill falls anywhere between.
            const auto first = static_cast<std::uint32_t>(history(*store, 1, 1'000'000).size());
            std::counting_semaphore<20> room(20);
            for (std::uint32_t h = first;; ++h) {
                room.acquire();
                store->append(1, h, h % 10, [&room, h, out = pipe[1]](auto seq) {
                    if (seq)
                        (void)!::write(out, &h, sizeof h);
                    room.release();
                });
            }
        }
        ::close(pipe[1]);
        std::uint32_t h = 0;
        int heard = 0;
        while (::read(pipe[0], &h, sizeof h) == sizeof h) {
            acknowledged[h] = h % 10;
            if (++heard == 25 + 13 * round)
                ::kill(child, SIGKILL);
        }
        ::close(pipe[0]);
        int status = 0;
        ::waitpid(child, &status, 0);
        QVERIFY(WIFSIGNALED(status));
        QVERIFY(heard >= 25);

        const auto store = openStore(file);
        QVERIFY(store);
        const auto items = history(*store, 1, 1'000'000);
        for (const auto &[number, item] : acknowledged) {
            QVERIFY2(number < items.size(), "an acknowledged event is lost");
            QCOMPARE(items[number], item);
        }
        // At most what was under way may be there beyond what was acknowledged.
        QVERIFY(items.size() <= acknowledged.size() + 20 * std::size_t(round + 1));
    }
}

void TestStore::aKilledFirstStartIsRepeatedWhole()
{
    const auto file = newFile();
    const auto child = ::fork();
    if (child == 0) {
        (void)SqliteEventStore::open(file, []() -> engine::Result<StoreSeed> {
            ::kill(::getpid(), SIGKILL);
            return smallSeed();
        });
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    QVERIFY(WIFSIGNALED(status));
    const auto store = openStore(file);
    QVERIFY(store);
    QCOMPARE(store->stats().events, std::uint64_t(5));
}

void TestStore::aMovedFileIsRefused()
{
    const auto file = newFile();
    const auto store = openStore(file);
    QVERIFY(append(*store, 1, 0, 7));
    std::filesystem::rename(file, file.string() + ".away");
    QVERIFY(append(*store, 1, 1, 8).error().code == ErrorCode::Unavailable);
    QVERIFY(store->history(1, 1).error().code == ErrorCode::Unavailable);
}

void TestStore::aDamagedFileIsRefused()
{
    const auto file = newFile();
    openStore(file).reset();
    QFile bytes(QString::fromStdString(file.string()));
    QVERIFY(bytes.open(QIODevice::ReadWrite));
    const auto size = bytes.size();
    QVERIFY(size > 4096);
    bytes.seek(4096);
    bytes.write(QByteArray(static_cast<int>(size - 4096), '\xA5'));
    bytes.close();
    const auto store = SqliteEventStore::open(file, smallSeed);
    QVERIFY(!store);
    QVERIFY(store.error().code == ErrorCode::InvalidInput);
}

void TestStore::aForeignFileIsRefused()
{
    const auto file = newFile();
    QFile bytes(QString::fromStdString(file.string()));
    QVERIFY(bytes.open(QIODevice::WriteOnly));
    bytes.write(QByteArray(8192, 'x'));
    bytes.close();
    const auto store = SqliteEventStore::open(file, smallSeed);
    QVERIFY(!store);
    QVERIFY(store.error().code == ErrorCode::InvalidInput);
    QVERIFY(store.error().place.find(file.string()) != std::string::npos);
}

void TestStore::theTracesLabelsAreNotKnownAtStart()
{
    engine::Dataset data;
    data.items = 10;
    data.offsets = {0, 4, 6};
    data.events = {1, 2, 3, 4, 5, 6};
    const auto seed = engine::storeSeed(data, {{0, 1, 2, 0}, {0, 3, 4, 0}});
    QVERIFY(seed);
    QCOMPARE(seed->events, (Items{1, 2, 3, 5, 6}));
    QCOMPARE(seed->offsets, (std::vector<std::uint64_t>{0, 3, 5}));
    QVERIFY(!engine::storeSeed(data, {{2, 0, 1, 0}}));
    QVERIFY(!engine::storeSeed(data, {{1, 3, 1, 0}}));
}

void TestStore::manyAppendsShareACommit()
{
    // 4,000 appends one by one would need 4,000 syncs; together they need a handful, which shows in
    // the number of pages that the log got.
    const auto file = newFile();
    const auto store = openStore(file);
    std::atomic<int> acked{0};
    std::promise<void> all;
    for (std::uint32_t h = 0; h < 4000; ++h)
        store->append(1, h, h % 10, [&](auto seq) {
            if (seq && ++acked == 4000)
                all.set_value();
        });
    QVERIFY(all.get_future().wait_for(std::chrono::seconds(30)) == std::future_status::ready);
    QCOMPARE(history(*store, 1, 5000).size(), std::size_t(4000));
    // One frame per changed page and commit: 4,000 commits would write at least two pages each.
    QVERIFY(std::filesystem::file_size(file.string() + "-wal") < 4000ull * 4096);
}

QTEST_GUILESS_MAIN(TestStore)
#include "tst_store.moc"
