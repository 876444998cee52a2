// One fold: live, from the closed file, from keyframes and after seeks the state is the same; what
// was changed in a file is found; hostile files are refused.

#include "engine/recording/fold.h"
#include "engine/recording/open.h"
#include "engine/recording/schema.h"
#include "engine/recording/verify.h"
#include "recording_run.h"

#include <QtTest>
#include <fstream>
#include <sqlite3.h>

using namespace engine;
namespace fs = std::filesystem;

class TestRecording : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void closedFileHoldsTheRun();
    void liveFoldEqualsFileFold();
    void everyKeyframeAndSeekGivesTheSameState();
    void verdictComesFromTheFile();
    void closedFileIsSingleAndSealed();
    void otherSignerIsRefusedOnlyWhenAsked();
    void unclosedFileOpensAndStaysUntouched();
    void shorterRowsAreGaps();
    void seriesSketchesMergeAcrossSeconds();
    void attachmentIsStoredOnceByContent();
    void changedContentIsFound_data();
    void changedContentIsFound();
    void hostileFilesAreRefused_data();
    void hostileFilesAreRefused();
    void recordingsAreListed();

private:
    fs::path file(const char *name) const { return fs::path(m_folder.path().toStdString()) / name; }
    void sql(const fs::path &path, const char *statement) const;

    QTemporaryDir m_folder;
    std::optional<SigningKey> m_key;
    fs::path m_closed;
    Digest m_liveHash{}; ///< state of the writer before its last events
    const Clock &m_clock = systemClock();
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

} // namespace

void TestRecording::sql(const fs::path &path, const char *statement) const
{
    sqlite3 *database = nullptr;
    QCOMPARE(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    char *error = nullptr;
    sqlite3_exec(database, statement, nullptr, nullptr, &error);
    QVERIFY2(!error, error);
    sqlite3_close(database);
}

void TestRecording::initTestCase()
{
    auto key = SigningKey::loadOrCreate(file("keys") / "signing.key");
    QVERIFY(key);
    m_key = *key;
    m_closed = file("run.drl");
    auto writer = RecordingWriter::create(m_closed, &*m_key, {{"title", "A ranker crashes"}});
    QVERIFY2(writer, writer ? "" : writer.error().text().c_str());
    recording_run::write(*writer);
    m_liveHash = writer->state().hash();
    const auto closed = writer->close(m_clock, Micros{2'000'000});
    QVERIFY2(closed, closed ? "" : closed.error().text().c_str());
}

void TestRecording::closedFileHoldsTheRun()
{
    const auto run = foldFile(m_closed, m_clock);
    QVERIFY2(run, run ? "" : run.error().text().c_str());
    QVERIFY(run->closed);
    QCOMPARE(run->differsAt, -1);
    QCOMPARE(run->events.size(), recording_run::events().size() + 1);
    QCOMPARE(run->events.front().t, -200'000);
    for (std::size_t i = 1; i < run->events.size(); ++i) {
        QCOMPARE(run->events[i].seq, i + 1);
        QVERIFY(run->events[i].t >= run->events[i - 1].t);
    }
    QVERIFY(run->state.processes.at("replica/2").state == ProcessState::Serving);
    QCOMPARE(*run->state.faults.at(1).applied, 12'040'000);
    QCOMPARE(run->state.responses.size(), std::size_t{2});
    QCOMPARE(*run->state.responses[0].to, 14'940'000);
    QVERIFY(!run->state.responses[1].to);
    QVERIFY(run->state.alerts[0].to);
    QCOMPARE(run->state.stalls, std::uint64_t{1});
    QVERIFY(run->state.ended);
    QCOMPARE(run->state.row.at("gateway.requests"), 20.0f);
}

void TestRecording::liveFoldEqualsFileFold()
{
    auto reader = RecordingReader::open(m_closed, m_clock);
    QVERIFY(reader);
    // The writer's state is that of its last row: t = 30 s.
    const auto there = foldRecording(*reader, 30'000'000, true);
    QVERIFY(there);
    QCOMPARE(hex(there->state.hash()), hex(m_liveHash));
    QVERIFY(hex(foldRecording(*reader, 29'900'000, true)->state.hash()) != hex(m_liveHash));
}

void TestRecording::everyKeyframeAndSeekGivesTheSameState()
{
    auto reader = RecordingReader::open(m_closed, m_clock);
    QVERIFY(reader);
    std::vector<std::int64_t> places = {-300'000, -200'000, 0, 100'000, 30'000'000, INT64_MAX};
    for (std::int64_t t = 10'100'000; t <= 30'100'000; t += 10'000'000)
        places.insert(places.end(), {t - 1, t, t + 1}); // around each keyframe
    Random random(5, 5);
    for (int i = 0; i < 200; ++i)
        places.push_back(static_cast<std::int64_t>(random.below(31'000'000)));
    int verified = 0;
    for (const auto t : places) {
        const auto full = foldRecording(*reader, t, true);
        const auto quick = foldRecording(*reader, t, false);
        QVERIFY(full && quick);
        QCOMPARE(full->differsAt, INT64_MIN);
        QCOMPARE(hex(quick->state.hash()), hex(full->state.hash()));
        verified += full->verifiedTo > 20'000'000 ? 1 : 0;
    }
    QVERIFY(verified > 20); // keyframes were really compared
}

void TestRecording::verdictComesFromTheFile()
{
    auto reader = RecordingReader::open(m_closed, m_clock);
    const auto once = foldRecording(*reader, INT64_MAX, true);
    const auto again = foldRecording(*reader, INT64_MAX, false);
    QVERIFY(once && again);
    const auto verdict = once->state.verdict();
    QVERIFY(verdict.word != Word::Running);
    QCOMPARE(toJson(again->state.verdict()), toJson(verdict));
    QCOMPARE(reader->meta()->at("word"), std::string(name(verdict.word)));
}

void TestRecording::closedFileIsSingleAndSealed()
{
    QVERIFY(!fs::exists(m_closed.string() + "-wal"));
    QVERIFY(!fs::exists(m_closed.string() + "-shm"));
    const auto report = verifyRecording(m_closed, m_clock);
    QVERIFY2(report.exitCode == 0, report.sentence.c_str());
    QCOMPARE(report.signer, hex(m_key->publicKey()));
    QCOMPARE(report.rows, std::uint64_t{300});
    QCOMPARE(report.events, std::uint64_t{18});
    QVERIFY(report.keyframes >= 4);
    QVERIFY(QByteArray::fromStdString(toJson(report)).contains("\"sound\":true"));
}

void TestRecording::otherSignerIsRefusedOnlyWhenAsked()
{
    VerifyOptions options;
    options.signer = std::string(64, 'a');
    QCOMPARE(verifyRecording(m_closed, m_clock, options).exitCode, 5);
    options.signer = hex(m_key->publicKey());
    QCOMPARE(verifyRecording(m_closed, m_clock, options).exitCode, 0);
}

void TestRecording::unclosedFileOpensAndStaysUntouched()
{
    const auto path = file("torn.drl");
    auto writer = RecordingWriter::create(path, &*m_key, {});
    QVERIFY(writer);
    recording_run::write(*writer, 220);
    QVERIFY(writer->commit());
    // As a crash leaves it: both files as they are now, without their writer.
    const auto torn = file("torn-copy.drl");
    fs::copy_file(path, torn);
    fs::copy_file(path.string() + "-wal", torn.string() + "-wal");
    const auto before = contents(torn), wal = contents(torn.string() + "-wal");
    const auto run = foldFile(torn, m_clock);
    QVERIFY2(run, run ? "" : run.error().text().c_str());
    QVERIFY(!run->closed);
    QVERIFY(run->state.t >= 21'000'000);
    const auto report = verifyRecording(torn, m_clock);
    QVERIFY2(report.exitCode == 3, report.sentence.c_str());
    QCOMPARE(contents(torn), before);
    QCOMPARE(contents(torn.string() + "-wal"), wal);
}

void TestRecording::shorterRowsAreGaps()
{
    const auto path = file("grow.drl");
    auto writer = RecordingWriter::create(path, nullptr, {});
    QVERIFY(writer);
    AssembledRow row;
    row.values = {{"a", 1.0}};
    writer->row(100'000, row);
    row.values = {{"b", 2.0}};
    writer->row(200'000, row);
    QVERIFY(writer->close(m_clock, Micros{0}));
    auto reader = RecordingReader::open(path, m_clock);
    QVERIFY(reader);
    const auto slice = reader->read(0, INT64_MIN, INT64_MAX, 10);
    QVERIFY(slice);
    QCOMPARE(slice->rows[0].count, std::size_t{1});
    QCOMPARE(slice->rows[1].count, std::size_t{2});
    QVERIFY(std::isnan(slice->values[1])); // a, not named in the second row
    QVERIFY(std::isnan(reader->view(*slice, slice->rows[0]).value("b")));
    QCOMPARE(reader->view(*slice, slice->rows[1]).value("b"), 2.0);
    QCOMPARE(verifyRecording(path, m_clock).exitCode, 3); // nobody sealed it
}

void TestRecording::seriesSketchesMergeAcrossSeconds()
{
    auto reader = RecordingReader::open(m_closed, m_clock);
    std::map<std::int64_t, std::uint64_t> seconds;
    QVERIFY(reader->sketches("gateway.latency", -10, 100,
                             [&](std::int64_t s, const Sketch &k) { seconds[s] = k.count(); }));
    QCOMPARE(seconds.size(), std::size_t{30});
    for (const auto &[second, count] : seconds)
        QCOMPARE(count, std::uint64_t{200});
    // Raw bins keep each window; wide ones take the percentile of all their requests.
    const auto narrow =
        readSeries(m_closed, m_clock, 0, 10'000'000, 200, {"gateway.latency.p99", "nothing"});
    QVERIFY(narrow);
    QCOMPARE(narrow->binWidth, 100'000);
    QCOMPARE(narrow->series[0].mean.size(), std::size_t{100});
    QVERIFY(std::isnan(narrow->series[1].mean[5]));
    const auto wide = readSeries(m_closed, m_clock, 0, 30'000'000, 3, {"gateway.latency.p99"});
    QVERIFY(wide);
    QCOMPARE(wide->binWidth, 10'000'000);
    Sketch all;
    QVERIFY(reader->sketches("gateway.latency", 10, 20,
                             [&](std::int64_t, const Sketch &k) { all.merge(k); }));
    QCOMPARE(wide->series[0].mean[1], static_cast<float>(all.quantile(0.99)));
    QVERIFY(wide->series[0].min[1] < 20 && wide->series[0].max[1] > 60);
}

void TestRecording::attachmentIsStoredOnceByContent()
{
    const auto path = file("attach.drl");
    auto writer = RecordingWriter::create(path, nullptr, {});
    const Bytes data = {1, 2, 3};
    writer->attach("a", data);
    writer->attach("b", data);
    QVERIFY(writer->close(m_clock, Micros{0}));
    auto reader = RecordingReader::open(path, m_clock);
    QCOMPARE(reader->attachmentNames()->size(), std::size_t{1});
    QCOMPARE(*reader->attachment("a"), data);
    QVERIFY(!reader->attachment("b"));
}

void TestRecording::changedContentIsFound_data()
{
    QTest::addColumn<QByteArray>("statement");
    QTest::newRow("event time") << QByteArray("UPDATE event SET t = t + 1 WHERE seq = 5");
    QTest::newRow("event target") << QByteArray("UPDATE event SET target = 9 WHERE seq = 5");
    QTest::newRow("event removed") << QByteArray("DELETE FROM event WHERE seq = 18");
    QTest::newRow("event added") << QByteArray(
        "INSERT INTO event SELECT 19, t, kind, target, payload FROM event WHERE seq = 18");
    QTest::newRow("row value") << QByteArray(
        "UPDATE tick SET vals = zeroblob(length(vals)) WHERE t = 12500000");
    QTest::newRow("row removed") << QByteArray("DELETE FROM tick WHERE t = 12500000");
    QTest::newRow("sketch") << QByteArray(
        "UPDATE sketch SET data = x'00' WHERE key = (SELECT max(key) FROM sketch)");
    QTest::newRow("keyframe state")
        << QByteArray("UPDATE keyframe SET state = x'00' WHERE t = (SELECT max(t) FROM keyframe)");
    QTest::newRow("series name") << QByteArray("UPDATE series SET name = 'x' WHERE id = 0");
    QTest::newRow("series fold") << QByteArray("UPDATE series SET agg = 2 WHERE id = 0");
    QTest::newRow("title") << QByteArray("UPDATE meta SET v = 'other' WHERE k = 'title'");
    QTest::newRow("word") << QByteArray("UPDATE meta SET v = v || '?' WHERE k = 'word'");
    QTest::newRow("signer") << QByteArray(
        "UPDATE meta SET v = replace(v, 'a', 'b') || '' WHERE k = 'signer';"
        "UPDATE meta SET v = substr(v, 2) || '0' WHERE k = 'signer'");
    QTest::newRow("attachment") << QByteArray("UPDATE attach SET data = x'01'");
    QTest::newRow("attachment name") << QByteArray("UPDATE attach SET name = 'x'");
    QTest::newRow("batch hash") << QByteArray(
        "UPDATE batch SET hash = zeroblob(32) WHERE id = (SELECT max(id) FROM batch)");
    QTest::newRow("seal") << QByteArray("UPDATE seal SET sig = zeroblob(64)");
    QTest::newRow("gap hidden") << QByteArray("INSERT INTO gap VALUES(1, 0, 1, 1, 1)");
    QTest::newRow("pyramid") << QByteArray("INSERT INTO chunk VALUES(1, x'00')");
    QTest::newRow("cut off at the end")
        << QByteArray("DELETE FROM event WHERE seq = 18; DELETE FROM batch WHERE id = (SELECT "
                      "max(id) FROM batch); DELETE FROM keyframe WHERE t > 30000000");
}

void TestRecording::changedContentIsFound()
{
    QFETCH(QByteArray, statement);
    const auto path = file("changed.drl");
    fs::remove(path);
    fs::copy_file(m_closed, path);
    QCOMPARE(verifyRecording(path, m_clock).exitCode, 0);
    sql(path, statement.constData());
    const auto report = verifyRecording(path, m_clock);
    QVERIFY2(report.exitCode == 5, report.sentence.c_str());
}

void TestRecording::hostileFilesAreRefused_data()
{
    QTest::addColumn<QByteArray>("statement"); // "" = not through SQL
    QTest::addColumn<QString>("kind");
    QTest::newRow("empty") << QByteArray() << QStringLiteral("empty");
    QTest::newRow("text") << QByteArray() << QStringLiteral("text");
    QTest::newRow("cut") << QByteArray() << QStringLiteral("cut");
    QTest::newRow("folder") << QByteArray() << QStringLiteral("folder");
    QTest::newRow("missing") << QByteArray() << QStringLiteral("missing");
    QTest::newRow("other application") << QByteArray("PRAGMA application_id=7") << QString();
    QTest::newRow("newer format") << QByteArray("PRAGMA user_version=2") << QString();
    QTest::newRow("trigger") << QByteArray("CREATE TRIGGER x AFTER INSERT ON tick BEGIN SELECT 1; "
                                           "END")
                             << QString();
    QTest::newRow("view") << QByteArray("DROP TABLE tick; CREATE VIEW tick AS SELECT 1 AS t, 1 AS "
                                        "vals")
                          << QString();
    QTest::newRow("other columns")
        << QByteArray("DROP TABLE gap; CREATE TABLE gap(n)") << QString();
    QTest::newRow("table more") << QByteArray("CREATE TABLE more(x)") << QString();
    QTest::newRow("index more") << QByteArray("CREATE INDEX more ON event(t)") << QString();
    QTest::newRow("table less") << QByteArray("DROP TABLE seal") << QString();
}

void TestRecording::hostileFilesAreRefused()
{
    QFETCH(QByteArray, statement);
    QFETCH(QString, kind);
    const auto path = file("hostile.drl");
    fs::remove_all(path);
    const auto good = contents(m_closed);
    if (kind == QStringLiteral("folder"))
        fs::create_directory(path);
    else if (kind != QStringLiteral("missing"))
        put(path, kind == QStringLiteral("empty")  ? ""
                  : kind == QStringLiteral("text") ? "drill: 1\n"
                  : kind == QStringLiteral("cut")  ? good.substr(0, good.size() / 2)
                                                   : good);
    if (!statement.isEmpty())
        sql(path, statement.constData());
    const auto run = foldFile(path, m_clock);
    QVERIFY(!run);
    QVERIFY(run.error().text().find(path.string()) != std::string::npos
            || !run.error().message.empty());
    QCOMPARE(verifyRecording(path, m_clock).exitCode, 4);
}

void TestRecording::recordingsAreListed()
{
    const auto list = listRecordings(m_folder.path().toStdString(), m_clock);
    const auto it =
        std::find_if(list.begin(), list.end(), [&](const auto &r) { return r.path == m_closed; });
    QVERIFY(it != list.end());
    QCOMPARE(it->title, std::string("A ranker crashes"));
    QCOMPARE(it->shop, std::string("tiny"));
    QVERIFY(it->closed && !it->word.empty());
    QCOMPARE(it->length, 30'043'000);
    const auto torn = std::find_if(list.begin(), list.end(),
                                   [&](const auto &r) { return r.path == file("torn-copy.drl"); });
    QVERIFY(torn != list.end() && !torn->closed && torn->problem.empty());
    const auto hostile = std::find_if(list.begin(), list.end(),
                                      [&](const auto &r) { return r.path == file("hostile.drl"); });
    QVERIFY(hostile != list.end() && !hostile->problem.empty());
}

QTEST_GUILESS_MAIN(TestRecording)
#include "tst_recording.moc"
