// A changed recording is never shown as good: flipped bits, cut files, swapped pages, foreign logs,
// and the catalogue of bad recordings. The full counts run with DRILLROOM_SLOW=1.

#include "engine/recording/fold.h"
#include "engine/recording/open.h"
#include "engine/recording/timeline.h"
#include "engine/recording/verify.h"
#include "recording_run.h"

#include <QtTest>
#include <fstream>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace engine;
namespace fs = std::filesystem;

class TestRecordingDamage : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void flippedBitsAreFoundOrDead();
    void flippedBitsInTheLogAreFound();
    void cutFilesAreFound();
    void swappedPagesAreFound();
    void strayLogIsNotRead_data();
    void strayLogIsNotRead();
    void logOfAnotherTimeOrFileIsFound();
    void missingLogIsFound();
    void badFilesAreRefusedOrNamed_data();
    void badFilesAreRefusedOrNamed();
    void lockedFileIsReadAllTheSame();
    void manyEventsInOneSecondStayBounded();

private:
    struct Truth
    {
        std::string hash, verdict;
        bool operator==(const Truth &) const = default;
    };
    fs::path file(const char *name) const { return fs::path(m_folder.path().toStdString()) / name; }
    Truth truthOf(const fs::path &path) const;
    /// "" or what is wrong with the outcome for a damaged copy of `m_closed`.
    std::string judge(const fs::path &path);
    void sql(const fs::path &path, const QByteArray &statement) const;
    int tries(int fast, int slow) const { return m_isSlow ? slow : fast; }

    QTemporaryDir m_folder;
    std::optional<SigningKey> m_key;
    fs::path m_closed, m_torn;
    std::string m_bytes;
    Truth m_truth;
    int m_found = 0, m_dead = 0, m_prefixes = 0, m_noPrefix = 0;
    const Clock &m_clock = systemClock();
    const bool m_isSlow = qEnvironmentVariableIntValue("DRILLROOM_SLOW") == 1;
};

namespace {

std::string contents(const fs::path &path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void put(const fs::path &path, const std::string &text)
{
    std::ofstream(path, std::ios::binary) << text;
}

void removeAll(const fs::path &path)
{
    for (const char *suffix : {"", "-wal", "-shm", "-journal"})
        fs::remove_all(path.string() + suffix);
}

} // namespace

void TestRecordingDamage::sql(const fs::path &path, const QByteArray &statement) const
{
    sqlite3 *database = nullptr;
    QCOMPARE(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    char *error = nullptr;
    sqlite3_exec(database, statement.constData(), nullptr, nullptr, &error);
    QVERIFY2(!error, error);
    sqlite3_close(database);
}

TestRecordingDamage::Truth TestRecordingDamage::truthOf(const fs::path &path) const
{
    const auto run = foldFile(path, m_clock);
    return run ? Truth{hex(run->state.hash()), toJson(run->state.verdict())} : Truth{};
}

void TestRecordingDamage::initTestCase()
{
    auto key = SigningKey::loadOrCreate(file("keys") / "signing.key");
    QVERIFY(key);
    m_key = *key;
    m_closed = file("run.drl");
    m_torn = file("torn.drl");
    auto writer = RecordingWriter::create(m_closed, &*m_key, {{"title", "A ranker crashes"}});
    QVERIFY(writer);
    recording_run::write(*writer);
    QVERIFY(writer->commit());
    // As a crash leaves it.
    fs::copy_file(m_closed, m_torn);
    fs::copy_file(m_closed.string() + "-wal", m_torn.string() + "-wal");
    QVERIFY(writer->close(m_clock, Micros{0}));
    m_bytes = contents(m_closed);
    QVERIFY(m_bytes.size() <= 1'000'000);
    m_truth = truthOf(m_closed);
    QCOMPARE(verifyRecording(m_closed, m_clock).exitCode, 0);
    QCOMPARE(verifyRecording(m_torn, m_clock).exitCode, 3);
}

std::string TestRecordingDamage::judge(const fs::path &path)
{
    const auto report = verifyRecording(path, m_clock);
    if (report.exitCode == 0) {
        ++m_dead;
        return truthOf(path) == m_truth ? "" : "passes, but says something else";
    }
    if (report.exitCode < 3 || report.exitCode > 5)
        return "exit code " + std::to_string(report.exitCode);
    ++m_found;
    if (report.soundTo == INT64_MIN || report.sentence.empty())
        return report.sentence.empty() ? "no sentence" : "";
    // What is proven still opens, and is what it was.
    auto bad = RecordingReader::open(path, m_clock);
    auto good = RecordingReader::open(m_closed, m_clock);
    const auto shown = bad ? foldRecording(*bad, report.soundTo, true)
                           : Result<FoldCursor>(tl::unexpected(bad.error()));
    // Behind what is proven anything may stand, also events that claim to be older.
    if (!shown || shown->seq > report.soundSeq) {
        ++m_noPrefix;
        return "";
    }
    ++m_prefixes;
    const auto whole = foldRecording(*good, report.soundTo, true);
    if (hex(shown->state.hash()) == hex(whole->state.hash()))
        return "";
    return "the proven part is not what it was: up to " + std::to_string(report.soundTo) + ", "
           + std::to_string(report.soundSeq) + ": event " + std::to_string(shown->seq) + " of "
           + std::to_string(whole->seq) + ", row " + std::to_string(shown->row) + " of "
           + std::to_string(whole->row) + " (" + report.sentence + ")";
}

void TestRecordingDamage::flippedBitsAreFoundOrDead()
{
    m_found = m_dead = m_prefixes = m_noPrefix = 0;
    const auto path = file("flipped.drl");
    Random random(21, 1);
    const int count = tries(150, 10'000);
    for (int i = 0; i < count; ++i) {
        auto bad = m_bytes;
        const auto at = random.below(bad.size());
        bad[at] = static_cast<char>(bad[at] ^ (1 << random.below(8)));
        put(path, bad);
        const auto wrong = judge(path);
        QVERIFY2(
            wrong.empty(),
            qPrintable(QStringLiteral("byte %1: %2").arg(at).arg(QString::fromStdString(wrong))));
    }
    qInfo("%d flips: %d found, %d in dead bytes; proven part opened %d times, not %d times", count,
          m_found, m_dead, m_prefixes, m_noPrefix);
    QVERIFY(m_found >= count / 5);
    QVERIFY(m_prefixes > 10 * m_noPrefix);
}

void TestRecordingDamage::flippedBitsInTheLogAreFound()
{
    const auto path = file("flippedlog.drl");
    const auto main = contents(m_torn), log = contents(m_torn.string() + "-wal");
    const auto truth = truthOf(m_torn);
    QVERIFY(!truth.hash.empty() && log.size() > 100'000);
    Random random(22, 1);
    int changed = 0, torn = 0, same = 0;
    const int count = tries(50, 2'000);
    for (int i = 0; i < count; ++i) {
        auto bad = log;
        const auto at = random.below(bad.size());
        bad[at] = static_cast<char>(bad[at] ^ (1 << random.below(8)));
        removeAll(path);
        put(path, main);
        put(path.string() + "-wal", bad);
        const auto report = verifyRecording(path, m_clock);
        const auto notes = QString::fromStdString(toJson(report));
        if (report.exitCode == 5 || report.exitCode == 4)
            ++changed;
        else if (notes.contains(QStringLiteral("torn")))
            ++torn; // the last commit: a cut of power looks the same
        else if (report.exitCode == 3 && truthOf(path) == truth)
            ++same;
        else
            QFAIL(qPrintable(QStringLiteral("byte %1: %2").arg(at).arg(notes)));
    }
    qInfo("%d flips in the log: %d found, %d named as a torn end, %d in dead bytes", count, changed,
          torn, same);
    QVERIFY(changed >= count / 2);
}

void TestRecordingDamage::cutFilesAreFound()
{
    const auto path = file("cut.drl");
    Random random(23, 1);
    for (int i = 0; i < tries(60, 1'000); ++i) {
        const auto size = random.below(m_bytes.size());
        put(path, m_bytes.substr(0, size));
        const auto report = verifyRecording(path, m_clock);
        QVERIFY2(report.exitCode >= 3 && report.exitCode <= 5,
                 qPrintable(QStringLiteral("%1 bytes").arg(size)));
        QVERIFY(!report.sentence.empty());
    }
}

void TestRecordingDamage::swappedPagesAreFound()
{
    m_found = m_dead = 0;
    const auto path = file("swapped.drl");
    constexpr std::size_t kPage = 8192;
    const auto pages = m_bytes.size() / kPage;
    Random random(24, 1);
    for (int i = 0; i < tries(30, 1'000); ++i) {
        const auto a = random.below(pages), b = random.below(pages);
        auto bad = m_bytes;
        std::swap_ranges(bad.begin() + static_cast<std::ptrdiff_t>(a * kPage),
                         bad.begin() + static_cast<std::ptrdiff_t>((a + 1) * kPage),
                         bad.begin() + static_cast<std::ptrdiff_t>(b * kPage));
        if (bad == m_bytes)
            continue;
        put(path, bad);
        const auto wrong = judge(path);
        QVERIFY2(wrong.empty(), wrong.c_str());
    }
    qInfo("swapped pages: %d found, %d without effect", m_found, m_dead);
    QVERIFY(m_found > 10 * m_dead);
}

void TestRecordingDamage::strayLogIsNotRead_data()
{
    QTest::addColumn<bool>("isForeign");
    QTest::newRow("stale") << false;
    QTest::newRow("foreign") << true;
}

/// A closed file has no log; whatever lies beside it is not read into it.
void TestRecordingDamage::strayLogIsNotRead()
{
    QFETCH(bool, isForeign);
    const auto path = file("stray.drl"), other = file("other.drl");
    removeAll(path);
    removeAll(other);
    fs::copy_file(m_closed, path);
    auto log = m_torn.string() + "-wal";
    std::optional<RecordingWriter> writer;
    if (isForeign) {
        auto made = RecordingWriter::create(other, nullptr, {{"title", "Another"}});
        QVERIFY(made);
        writer.emplace(std::move(*made));
        recording_run::write(*writer, 100);
        QVERIFY(writer->commit());
        log = other.string() + "-wal";
    }
    fs::copy_file(log, path.string() + "-wal");
    const auto report = verifyRecording(path, m_clock);
    QVERIFY2(report.exitCode == 0, report.sentence.c_str());
    QVERIFY(QString::fromStdString(toJson(report)).contains(QStringLiteral("not its own")));
    QVERIFY(truthOf(path) == m_truth);
}

void TestRecordingDamage::logOfAnotherTimeOrFileIsFound()
{
    // Three states of one recording: before a checkpoint, behind it, and another file altogether.
    const auto path = file("mixed.drl"), mixed = file("mixed-copy.drl");
    auto writer = RecordingWriter::create(path, &*m_key, {});
    QVERIFY(writer);
    recording_run::write(*writer, 150);
    QVERIFY(writer->commit());
    const auto oldMain = contents(path), oldLog = contents(path.string() + "-wal");
    QVERIFY(writer->checkpoint());
    AssembledRow row;
    for (std::int64_t k = 152; k < 200; ++k) {
        row.values = {{"gateway.requests", static_cast<double>(k)}};
        writer->row(k * 100'000, row);
        QVERIFY(writer->commit());
    }
    const auto newMain = contents(path), newLog = contents(path.string() + "-wal");
    const auto full = foldFile(path, m_clock);
    QVERIFY(full);
    const auto foreign = contents(m_torn.string() + "-wal");
    const std::pair<const std::string *, const std::string *> mixes[] = {
        {&newMain, &oldLog}, {&oldMain, &newLog}, {&newMain, &foreign}, {&oldMain, &foreign}};
    auto reader = RecordingReader::open(path, m_clock, RecordingReader::Access::Living);
    QVERIFY(reader);
    for (const auto &[main, log] : mixes) {
        removeAll(mixed);
        put(mixed, *main);
        put(mixed.string() + "-wal", *log);
        const auto report = verifyRecording(mixed, m_clock);
        QVERIFY2(report.exitCode >= 3, report.sentence.c_str());
        if (report.exitCode != 3)
            continue;
        // Never called closed, and what it shows is a true beginning of the recording - of one of
        // the two that were mixed.
        const auto run = foldFile(mixed, m_clock);
        QVERIFY(run && !run->closed);
        if (log == &foreign)
            QVERIFY(truthOf(mixed) == truthOf(m_torn));
        else
            QCOMPARE(hex(run->state.hash()),
                     hex(foldRecording(*reader, run->state.t, true)->state.hash()));
    }
}

void TestRecordingDamage::missingLogIsFound()
{
    const auto path = file("nolog.drl");
    fs::copy_file(m_torn, path);
    const auto report = verifyRecording(path, m_clock);
    QVERIFY(report.exitCode != 0);
    QVERIFY2(report.sentence.find("-wal") != std::string::npos, report.sentence.c_str());
}

void TestRecordingDamage::badFilesAreRefusedOrNamed_data()
{
    QTest::addColumn<QByteArray>("statement");
    QTest::addColumn<int>("exit");
    QTest::addColumn<bool>("opens");
    QTest::newRow("50 empty") << QByteArray("!empty") << 4 << false;
    QTest::newRow("51 text") << QByteArray("!text") << 4 << false;
    QTest::newRow("52 other application") << QByteArray("!other") << 4 << false;
    QTest::newRow("53 version 99") << QByteArray("PRAGMA user_version=99") << 4 << false;
    QTest::newRow("54 trigger") << QByteArray("CREATE TRIGGER x AFTER INSERT ON tick BEGIN SELECT "
                                              "1; END")
                                << 4 << false;
    QTest::newRow("54 view") << QByteArray("CREATE VIEW more AS SELECT * FROM event") << 4 << false;
    QTest::newRow("54 virtual table")
        << QByteArray("CREATE VIRTUAL TABLE more USING fts5(x)") << 4 << false;
    QTest::newRow("60 read-only folder") << QByteArray("!readonly") << 0 << true;
    QTest::newRow("61 gone") << QByteArray("!gone") << 4 << false;
    QTest::newRow("61 FIFO") << QByteArray("!fifo") << 4 << false;
    QTest::newRow("61 symlink to a device") << QByteArray("!device") << 4 << false;
    QTest::newRow("61 symlink to a recording") << QByteArray("!symlink") << 0 << true;
    QTest::newRow("63 hole in the numbers")
        << QByteArray("UPDATE event SET seq = 90 WHERE seq = 18") << 5 << false;
    QTest::newRow("63 time goes back")
        << QByteArray("UPDATE event SET t = -9000000 WHERE seq = 9") << 5 << false;
    QTest::newRow("63 rows out of the blue")
        << QByteArray("INSERT INTO tick VALUES(-9223372036854775807, x'')") << 5 << true;
    QTest::newRow("65 keyframe hash")
        << QByteArray("UPDATE keyframe SET state_hash = zeroblob(32)") << 5 << true;
    QTest::newRow("66 chunk cut short")
        << QByteArray("INSERT INTO chunk VALUES(140737488355328, x'0001')") << 5 << true;
    QTest::newRow("row cut short")
        << QByteArray("UPDATE tick SET vals = substr(vals, 1, 3) WHERE t = 12500000") << 5 << false;
    QTest::newRow("row longer than its series")
        << QByteArray("UPDATE tick SET vals = zeroblob(40000) WHERE t = 12500000") << 5 << false;
    QTest::newRow("payload of 100 MB")
        << QByteArray("UPDATE event SET payload = zeroblob(100000000) WHERE seq = 9") << 5 << false;
    QTest::newRow("unknown kind") << QByteArray("UPDATE event SET kind = 4000 WHERE seq = 9") << 5
                                  << false;
    QTest::newRow("hash of no length") << QByteArray("UPDATE batch SET hash = x''") << 5 << true;
    QTest::newRow("hash of two lengths")
        << QByteArray("UPDATE batch SET hash = zeroblob(64)") << 5 << true;
    QTest::newRow("half of it called cut out")
        << QByteArray("UPDATE batch SET hash = CAST(zeroblob(32) || hash AS BLOB) WHERE id > 30")
        << 5 << true;
}

void TestRecordingDamage::badFilesAreRefusedOrNamed()
{
    QFETCH(QByteArray, statement);
    QFETCH(int, exit);
    QFETCH(bool, opens);
    auto path = file("bad.drl");
    removeAll(path);
    const auto folder = file("locked");
    if (statement == "!empty") {
        put(path, "");
    } else if (statement == "!text") {
        put(path, std::string(5000, 'x'));
    } else if (statement == "!other") {
        sql(path, "CREATE TABLE bookmarks(url TEXT); INSERT INTO bookmarks VALUES('a')");
    } else if (statement == "!fifo") {
        QCOMPARE(::mkfifo(path.c_str(), 0600), 0);
    } else if (statement == "!device") {
        fs::create_symlink("/dev/zero", path);
    } else if (statement == "!symlink") {
        fs::create_symlink(m_closed, path);
    } else if (statement == "!readonly") {
        fs::create_directories(folder);
        path = folder / "run.drl";
        fs::copy_file(m_closed, path, fs::copy_options::overwrite_existing);
        fs::permissions(path, fs::perms::owner_read);
        fs::permissions(folder, fs::perms::owner_read | fs::perms::owner_exec);
    } else if (statement != "!gone") {
        put(path, m_bytes);
        sql(path, statement);
    }
    const auto run = foldFile(path, m_clock);
    const auto report = verifyRecording(path, m_clock);
    const auto bins = readSeries(path, m_clock, 0, 30'000'000, 30, {"gateway.latency.p99"});
    Q_UNUSED(bins) // no crash, no hang
    if (statement == "!readonly")
        fs::permissions(folder, fs::perms::owner_all);
    QVERIFY2(report.exitCode == exit,
             qPrintable(QStringLiteral("%1: %2")
                            .arg(report.exitCode)
                            .arg(QString::fromStdString(report.sentence))));
    QVERIFY(report.sentence.size() > 20);
    if (exit == 5 && opens == false)
        QVERIFY(!run && run.error().message.find("damaged") != std::string::npos);
    if (exit == 4) {
        QVERIFY(!run);
        QVERIFY(report.sentence.find(path.string()) != std::string::npos);
    }
    // Never on the caller's thread, never silent: a page is told through its snapshot.
    if (!run) {
        SqliteTimeline timeline(path, false, m_clock);
        QTRY_VERIFY_WITH_TIMEOUT(!timeline.snapshot()->problem.empty(), 30'000);
    }
}

void TestRecordingDamage::lockedFileIsReadAllTheSame()
{
    const auto path = file("held.drl");
    put(path, m_bytes);
    sqlite3 *holder = nullptr;
    QCOMPARE(sqlite3_open(path.c_str(), &holder), SQLITE_OK);
    QCOMPARE(sqlite3_exec(holder, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr), SQLITE_OK);
    // A closed file is read as it lies there: nobody may change it, so nobody's lock counts.
    QCOMPARE(verifyRecording(path, m_clock).exitCode, 0);
    QVERIFY(truthOf(path) == m_truth);
    sqlite3_close(holder);
}

void TestRecordingDamage::manyEventsInOneSecondStayBounded()
{
    const auto path = file("flood.drl");
    put(path, m_bytes);
    const int count = tries(100'000, 10'000'000);
    sql(path, "PRAGMA journal_mode=OFF; WITH RECURSIVE n(i) AS (SELECT 19 UNION ALL SELECT i + 1 "
              "FROM n WHERE i < "
                  + QByteArray::number(count)
                  + ") INSERT INTO event SELECT i, 30043000, kind, target, payload FROM n, (SELECT "
                    "kind, target, payload FROM event WHERE seq = 11)");
    rusage before{};
    getrusage(RUSAGE_SELF, &before);
    const auto run = foldFile(path, m_clock);
    QVERIFY2(run, run ? "" : run.error().text().c_str());
    QCOMPARE(run->events.size() + run->eventsLeftOut, static_cast<std::size_t>(count));
    QVERIFY(run->events.size() <= FoldedRun::kMostEvents);
    rusage after{};
    getrusage(RUSAGE_SELF, &after);
    qInfo("%d events at one instant: %ld MB more memory", count,
          (after.ru_maxrss - before.ru_maxrss) / 1024);
    QVERIFY(after.ru_maxrss - before.ru_maxrss < 256 * 1024);
    QCOMPARE(verifyRecording(path, m_clock).exitCode, 5);
}

QTEST_GUILESS_MAIN(TestRecordingDamage)
#include "tst_recording_damage.moc"
