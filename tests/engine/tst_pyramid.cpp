// The pyramid is what its rows say, whatever happens to the writer; files of older and newer
// programs are read as far as they can be, or it is said why not.

#include "engine/recording/fold.h"
#include "engine/recording/open.h"
#include "engine/recording/pyramid.h"
#include "engine/recording/schema.h"
#include "engine/recording/trim.h"
#include "engine/recording/verify.h"
#include "recording_run.h"

#include <QtTest>
#include <sqlite3.h>

using namespace engine;
namespace fs = std::filesystem;

class TestPyramid : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void windowsAreThoseOfTheRows_data();
    void windowsAreThoseOfTheRows();
    void percentilesStoreNoMean();
    void sketchesMergeUpwards();
    void onlyFinishedChunksAreWritten();
    void chunksAreSmall();
    void tornFileHasAWholePyramid();
    void changedPyramidIsFound_data();
    void changedPyramidIsFound();
    void partHasItsOwn_data();
    void partHasItsOwn();
    void olderFileHasNone();
    void newerFileIsReadAndNotProven();
    void newerMajorIsRefusedWithTheReason();

private:
    fs::path file(const char *name) const { return fs::path(m_folder.path().toStdString()) / name; }
    fs::path copyOf(const fs::path &path, const char *name) const;
    void sql(const fs::path &path, const char *statement) const;

    QTemporaryDir m_folder;
    std::optional<SigningKey> m_key;
    fs::path m_path;
    const Clock &m_clock = systemClock();
};

namespace {

constexpr std::int64_t kRows = 15'000; // 25 min
constexpr std::int64_t kFirst = -5'000'000;

/// Four columns: counts without holes, a level with holes that comes late, a percentile, its
/// sketch.
AssembledRow rowAt(std::int64_t k, Random &random)
{
    AssembledRow row;
    row.values["gateway.requests"] = static_cast<double>(random.below(40));
    Sketch sketch;
    for (int i = 0; i < 3; ++i)
        sketch.add(8.0 * std::exp(0.3 * random.normal()));
    row.values["gateway.latency.p99"] = sketch.quantile(0.99);
    row.sketches["gateway.latency"] = sketch;
    if (k > 4000 && k % 7 != 0)
        row.values["replica/1.level"] = random.uniform();
    return row;
}

/// Rows end at kFirst + 100 ms, ...; a stretch is missing, as when memory ran out.
bool isMissing(std::int64_t k)
{
    return k >= 7003 && k < 7100;
}

void writeRows(RecordingWriter &writer, std::int64_t rows = kRows)
{
    Random random(7, 7);
    for (std::int64_t k = 1; k <= rows; ++k) {
        const auto row = rowAt(k, random);
        if (!isMissing(k))
            writer.row(kFirst + k * 100'000, row);
        if (k % 500 == 0)
            QVERIFY(writer.commit());
    }
}

struct Brute
{
    float min = 0, max = 0;
    double sum = 0;
    std::uint32_t count = 0;
};

} // namespace

fs::path TestPyramid::copyOf(const fs::path &path, const char *name) const
{
    fs::copy_file(path, file(name), fs::copy_options::overwrite_existing);
    return file(name);
}

void TestPyramid::sql(const fs::path &path, const char *statement) const
{
    sqlite3 *database = nullptr;
    QCOMPARE(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    char *error = nullptr;
    sqlite3_exec(database, statement, nullptr, nullptr, &error);
    QVERIFY2(!error, error);
    sqlite3_close(database);
}

void TestPyramid::initTestCase()
{
    auto key = SigningKey::loadOrCreate(file("keys") / "signing.key");
    QVERIFY(key);
    m_key = *key;
    m_path = file("run.drl");
    auto writer = RecordingWriter::create(m_path, &*m_key, {});
    QVERIFY2(writer, writer ? "" : writer.error().text().c_str());
    writer->event(recording_run::started(), kFirst);
    writeRows(*writer);
    QVERIFY(writer->close(m_clock, Micros{0}));
    QCOMPARE(verifyRecording(m_path, m_clock).exitCode, 0);
}

void TestPyramid::windowsAreThoseOfTheRows_data()
{
    QTest::addColumn<int>("level");
    for (int level = 0; level < 3; ++level) // a chunk of the coarser ones is longer than this file
        QTest::addRow("%d s", int(pyramid::kSeconds[std::size_t(level)])) << level;
}

void TestPyramid::windowsAreThoseOfTheRows()
{
    QFETCH(int, level);
    auto reader = RecordingReader::open(m_path, m_clock);
    QVERIFY(reader);
    QCOMPARE(reader->columns().size(), std::size_t{3});
    std::map<std::pair<std::int64_t, std::size_t>, Brute> expected; // by window and column
    QVERIFY(reader->rows(INT64_MIN, INT64_MAX, [&](const RowView &row) {
        const auto bin = pyramid::floorDiv(row.t - 100'000, pyramid::width(level));
        for (std::size_t i = 0; i < row.values.size(); ++i) {
            const auto value = row.values[i];
            if (std::isnan(value))
                continue;
            auto &brute = expected[{bin, i}];
            brute.min = brute.count ? std::min(brute.min, value) : value;
            brute.max = brute.count ? std::max(brute.max, value) : value;
            brute.sum += static_cast<double>(value);
            ++brute.count;
        }
    }));
    const auto span = pyramid::width(level) * pyramid::kBins;
    const auto firstBucket = pyramid::floorDiv(kFirst, span);
    const auto endBucket = pyramid::floorDiv(kFirst + kRows * 100'000, span);
    std::size_t compared = 0;
    auto statement = reader->database().prepare("SELECT data FROM chunk WHERE key = ?");
    for (auto bucket = firstBucket; bucket < endBucket; ++bucket) {
        for (std::size_t column = 0; column < 3; ++column) {
            statement->reset();
            statement->bind(1, schema::key(level, bucket, static_cast<std::int64_t>(column)));
            const auto row = statement->step();
            QVERIFY(row);
            const auto view = *row ? pyramid::WindowView::of(statement->blob(0)) : std::nullopt;
            for (std::size_t place = 0; place < std::size_t{pyramid::kBins}; ++place) {
                const auto it = expected.find(
                    {bucket * pyramid::kBins + static_cast<std::int64_t>(place), column});
                const bool isIn =
                    view && place >= view->first() && place < view->first() + view->size();
                if (it == expected.end()) {
                    QVERIFY(!isIn || view->count(place - view->first(), level) == 0);
                    continue;
                }
                QVERIFY(isIn);
                const auto i = place - view->first();
                QCOMPARE(view->min(i), it->second.min);
                QCOMPARE(view->max(i), it->second.max);
                QCOMPARE(view->count(i, level), it->second.count);
                if (view->hasMean())
                    QVERIFY(std::abs(static_cast<double>(view->mean(i))
                                     - it->second.sum / it->second.count)
                            < 1e-4);
                ++compared;
            }
        }
    }
    QVERIFY(compared > (level < 2 ? 100 : 1));
}

void TestPyramid::percentilesStoreNoMean()
{
    auto reader = RecordingReader::open(m_path, m_clock);
    auto statement = reader->database().prepare("SELECT key & 65535, data FROM chunk");
    int percentiles = 0, others = 0;
    while (*statement->step()) {
        const auto id = statement->integer(0);
        if (id >= schema::kSketchBase)
            continue;
        const auto view = pyramid::WindowView::of(statement->blob(1));
        QVERIFY(view);
        const bool isPercentile =
            reader->columns()[static_cast<std::size_t>(id)].fold == Fold::Percentile;
        QCOMPARE(view->hasMean(), !isPercentile);
        ++(isPercentile ? percentiles : others);
    }
    QVERIFY(percentiles > 5 && others > 5);
}

void TestPyramid::sketchesMergeUpwards()
{
    auto reader = RecordingReader::open(m_path, m_clock);
    auto statement = reader->database().prepare(
        "SELECT key >> 56, (key >> 16) & 1099511627775, data FROM chunk WHERE key & 65535 >= 32768 "
        "ORDER BY key");
    std::map<std::int64_t, int> seen; // by level
    while (*statement->step()) {
        const auto level = statement->integer(0);
        const auto bucket = statement->integer(1) - (std::int64_t{1} << 31);
        QVERIFY(pyramid::eachSketch(statement->blob(2), [&](std::size_t place, auto bytes) {
            const auto seconds = pyramid::kSeconds[static_cast<std::size_t>(level)];
            const auto from =
                (bucket * pyramid::kSketchBins + static_cast<std::int64_t>(place)) * seconds;
            Sketch together;
            [&] {
                QVERIFY(reader->sketches(
                    "gateway.latency", from, from + seconds,
                    [&](std::int64_t, const Sketch &sketch) { together.merge(sketch); }));
            }();
            const auto stored = Sketch::decode(bytes);
            ++seen[level];
            return stored && *stored == together;
        }));
    }
    QVERIFY(seen[1] > 100 && seen[2] > 10 && seen[3] > 0);
}

void TestPyramid::onlyFinishedChunksAreWritten()
{
    auto reader = RecordingReader::open(m_path, m_clock);
    const auto last = (*reader->span())->second;
    auto statement =
        reader->database().prepare("SELECT key >> 56, (key >> 16) & 1099511627775, key & 65535 "
                                   "FROM chunk");
    int count = 0;
    while (*statement->step()) {
        const auto level = static_cast<int>(statement->integer(0));
        const auto bucket = statement->integer(1) - (std::int64_t{1} << 31);
        const auto bins =
            statement->integer(2) >= schema::kSketchBase ? pyramid::kSketchBins : pyramid::kBins;
        QVERIFY((bucket + 1) * bins * pyramid::width(level) <= last);
        ++count;
    }
    QVERIFY(count > 50);
}

void TestPyramid::chunksAreSmall()
{
    auto reader = RecordingReader::open(m_path, m_clock);
    const auto count = [&](const char *which) {
        return std::stoi(*reader->database().single(
            "SELECT count(*) FROM chunk WHERE key & 65535 < 32768 AND length(data) "
            + std::string(which)));
    };
    QVERIFY(count("= 1444") > 5); // five to a page
    QCOMPARE(count("> 1924"), 0); // where rows are missing, their numbers stand beside
}

void TestPyramid::tornFileHasAWholePyramid()
{
    const auto path = file("torn.drl");
    auto writer = RecordingWriter::create(path, &*m_key, {});
    QVERIFY(writer);
    writer->event(recording_run::started(), kFirst);
    writeRows(*writer, 3333); // the rows after 3000 are not committed
    const auto torn = copyOf(path, "torn-copy.drl");
    fs::copy_file(path.string() + "-wal", torn.string() + "-wal");
    auto reader = RecordingReader::open(torn, m_clock);
    QVERIFY(reader);
    std::uint64_t chunks = 0;
    const auto done = checkPyramid(*reader, &chunks);
    QVERIFY2(done, done ? "" : done.error().text().c_str());
    QVERIFY(chunks > 5);
    const auto report = verifyRecording(torn, m_clock);
    QVERIFY2(report.exitCode == 3, report.sentence.c_str());
}

void TestPyramid::changedPyramidIsFound_data()
{
    QTest::addColumn<QByteArray>("statement");
    QTest::newRow("one byte") << QByteArray("UPDATE chunk SET data = CAST(substr(data, 1, 8) || "
                                            "x'01' || substr(data, 10) AS BLOB) WHERE key = "
                                            "(SELECT min(key) FROM chunk WHERE key & 65535 = 0)");
    QTest::newRow("sketch") << QByteArray(
        "UPDATE chunk SET data = (SELECT data FROM chunk WHERE key & 65535 >= 32768 ORDER BY key "
        "LIMIT 1 OFFSET 3) WHERE key = (SELECT min(key) FROM chunk WHERE key & 65535 >= 32768)");
    QTest::newRow("removed") << QByteArray(
        "DELETE FROM chunk WHERE key = (SELECT max(key) FROM chunk)");
    QTest::newRow("added") << QByteArray("INSERT INTO chunk VALUES(1, x'00')");
    QTest::newRow("all removed") << QByteArray("DELETE FROM chunk");
}

void TestPyramid::changedPyramidIsFound()
{
    QFETCH(QByteArray, statement);
    const auto path = copyOf(m_path, "changed.drl");
    sql(path, statement.constData());
    const auto report = verifyRecording(path, m_clock);
    QVERIFY2(report.exitCode == 5, report.sentence.c_str());
    QVERIFY(QByteArray::fromStdString(report.sentence).contains("pyramid"));
}

void TestPyramid::partHasItsOwn_data()
{
    QTest::addColumn<qint64>("from");
    QTest::addColumn<qint64>("to");
    QTest::newRow("start") << qint64{-10'000'000} << qint64{700'000'000};
    QTest::newRow("middle") << qint64{433'000'000} << qint64{1'111'000'000};
    QTest::newRow("end") << qint64{850'000'000} << qint64{9'000'000'000};
}

/// verify derives the part's pyramid again from the part alone; whole chunks in its middle are
/// those of the original, and a changed one is found.
void TestPyramid::partHasItsOwn()
{
    QFETCH(qint64, from);
    QFETCH(qint64, to);
    const auto out = file("part.drl");
    fs::remove(out);
    const auto trimmed = trimRecording(m_path, from, to, out, m_clock);
    QVERIFY2(trimmed, trimmed ? "" : trimmed.error().text().c_str());
    QCOMPARE(verifyRecording(out, m_clock).exitCode, 0);
    {
        auto whole = RecordingReader::open(m_path, m_clock);
        auto part = RecordingReader::open(out, m_clock);
        QVERIFY(whole && part && part->isTrimmed() && part->hasPyramid());
        auto all = part->database().prepare("SELECT key, data FROM chunk");
        auto same = whole->database().prepare("SELECT data FROM chunk WHERE key = ?");
        int equal = 0, others = 0;
        while (*all->step()) {
            same->reset();
            same->bind(1, all->integer(0));
            QVERIFY(*same->step()); // finished here: finished there
            std::ranges::equal(same->blob(0), all->blob(1)) ? ++equal : ++others;
        }
        QVERIFY2(equal > 10, qPrintable(QString::number(equal)));
        QVERIFY(from < 0 ? others == 0 : others > 0);
    }
    sql(out, "DELETE FROM chunk WHERE key = (SELECT max(key) FROM chunk)");
    QCOMPARE(verifyRecording(out, m_clock).exitCode, 5);
}

void TestPyramid::olderFileHasNone()
{
    const auto path = copyOf(m_path, "older.drl");
    sql(path, "PRAGMA user_version=1; DELETE FROM chunk");
    const auto report = verifyRecording(path, m_clock);
    QVERIFY2(report.exitCode == 0, report.sentence.c_str());
    // And is drawn all the same, from its rows.
    const auto old = readSeries(path, m_clock, 0, 1'490'000'000, 300, {"gateway.requests"});
    const auto now = readSeries(m_path, m_clock, 0, 1'490'000'000, 300, {"gateway.requests"});
    QVERIFY(old && now);
    QCOMPARE(old->series[0].min, now->series[0].min);
    QCOMPARE(old->series[0].max, now->series[0].max);
    // A pyramid does not belong into it.
    sql(path, "INSERT INTO chunk VALUES(1, x'00')");
    QCOMPARE(verifyRecording(path, m_clock).exitCode, 5);
}

void TestPyramid::newerFileIsReadAndNotProven()
{
    const auto path = copyOf(m_path, "newer.drl");
    const auto version = std::to_string(((schema::kMinor + 1) << 16) | schema::kMajor);
    const auto make = "PRAGMA user_version=" + version
                      + "; CREATE TABLE later(n INTEGER PRIMARY KEY, what TEXT NOT NULL) STRICT;"
                        "INSERT INTO event SELECT max(seq) + 1, max(t), 4000, 0, x'00' FROM event";
    sql(path, make.c_str());
    const auto before = foldFile(m_path, m_clock), after = foldFile(path, m_clock);
    QVERIFY2(after, after ? "" : after.error().text().c_str());
    QCOMPARE(hex(after->state.hash()), hex(before->state.hash())); // what it added is left out
    const auto report = verifyRecording(path, m_clock);
    QCOMPARE(report.exitCode, 4);
    QVERIFY2(QByteArray::fromStdString(report.sentence).contains("newer Drillroom"),
             report.sentence.c_str());
    // More than plain tables is refused, newer or not; and so is an addition to a file of today.
    sql(path, "CREATE TRIGGER x AFTER INSERT ON tick BEGIN SELECT 1; END");
    QVERIFY(!foldFile(path, m_clock));
    const auto same = copyOf(m_path, "same.drl");
    sql(same, "CREATE TABLE later(n INTEGER PRIMARY KEY, what TEXT NOT NULL) STRICT");
    QVERIFY(!foldFile(same, m_clock));
}

void TestPyramid::newerMajorIsRefusedWithTheReason()
{
    const auto path = copyOf(m_path, "major.drl");
    sql(path, "PRAGMA user_version=2");
    const auto run = foldFile(path, m_clock);
    QVERIFY(!run);
    QVERIFY2(QByteArray::fromStdString(run.error().message).contains("newer Drillroom"),
             run.error().message.c_str());
}

QTEST_GUILESS_MAIN(TestPyramid)
#include "tst_pyramid.moc"
