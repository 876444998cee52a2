// What leaves a recording: exports that other programs read, and parts that still prove themselves.

#include "engine/recording/export.h"
#include "engine/recording/fold.h"
#include "engine/recording/open.h"
#include "engine/recording/timeline.h"
#include "engine/recording/trim.h"
#include "engine/recording/verify.h"
#include "recording_run.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QStandardPaths>
#include <QtTest>
#include <locale>
#include <sqlite3.h>

using namespace engine;
namespace fs = std::filesystem;

class TestRecordingExport : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void csvHoldsEveryRowAndEvent();
    void csvTextIsNoFormula();
    void jsonLinesAreInFoldOrder();
    void perfettoTraceIsWellFormed();
    void prometheusTextPassesPromtool_data();
    void prometheusTextPassesPromtool();
    void rangeAndSeriesAreKept();
    void exportNeedsNoLocale();
    void badExportsLeaveNothingBehind();

    void partProvesItself_data();
    void partProvesItself();
    void partFoldsAsTheWhole();
    void partIsShownInPlayback();
    void changedPartIsFound_data();
    void changedPartIsFound();
    void partOfAnUnsealedRecordingSaysSo();
    void whatCannotBeCutIsRefused();

private:
    fs::path file(const char *name) const { return fs::path(m_folder.path().toStdString()) / name; }
    ExportReport exported(ExportFormat format, const char *name, std::int64_t from = INT64_MIN,
                          std::int64_t to = INT64_MAX, std::vector<std::string> series = {}) const;
    /// 40 s with a seal every 10 s.
    void writeLong(const fs::path &path, const SigningKey *key) const;
    fs::path part(std::int64_t from, std::int64_t to) const;
    void sql(const fs::path &path, const char *statement) const;

    QTemporaryDir m_folder;
    std::optional<SigningKey> m_key;
    fs::path m_run, m_long;
    const Clock &m_clock = systemClock();
};

namespace {

QByteArray contents(const fs::path &path)
{
    QFile file(QString::fromStdString(path.string()));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

} // namespace

void TestRecordingExport::sql(const fs::path &path, const char *statement) const
{
    sqlite3 *database = nullptr;
    QCOMPARE(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    char *error = nullptr;
    sqlite3_exec(database, statement, nullptr, nullptr, &error);
    QVERIFY2(!error, error);
    sqlite3_close(database);
}

void TestRecordingExport::writeLong(const fs::path &path, const SigningKey *key) const
{
    auto writer = RecordingWriter::create(path, key, {{"title", "Long"}});
    QVERIFY(writer);
    writer->event(recording_run::started(), -100'000);
    writer->attach("drill.json", Bytes{'{', '}'});
    AssembledRow row;
    for (std::int64_t k = 1; k <= 400; ++k) {
        OperatorActed act;
        act.text = "note " + std::to_string(k);
        act.at = k;
        writer->event(act, k * 100'000 - 50'000);
        row.values = {{"gateway.requests", 20}, {"level", static_cast<double>(k % 7)}};
        if (k > 200)
            row.values["late.series"] = 1;
        writer->row(k * 100'000, row);
        if (k % 5 == 0)
            QVERIFY(writer->commit());
        if (k % 100 == 0)
            QVERIFY(writer->seal());
    }
    writer->event(RunEnded{}, 40'050'000);
    QVERIFY(writer->close(m_clock, Micros{0}));
}

void TestRecordingExport::initTestCase()
{
    auto key = SigningKey::loadOrCreate(file("keys") / "signing.key");
    QVERIFY(key);
    m_key = *key;
    m_run = file("run.drl");
    auto writer = RecordingWriter::create(m_run, &*m_key, {{"title", "A ranker crashes"}});
    QVERIFY(writer);
    recording_run::write(*writer);
    OperatorActed evil;
    evil.text = "=HYPERLINK(\"http://x\",\"a\nb\")";
    evil.who = "=cmd|' /C calc'!A0";
    writer->event(evil, 30'050'000);
    QVERIFY(writer->close(m_clock, Micros{0}));
    m_long = file("long.drl");
    writeLong(m_long, &*m_key);
    QCOMPARE(verifyRecording(m_long, m_clock).exitCode, 0);
}

ExportReport TestRecordingExport::exported(ExportFormat format, const char *name, std::int64_t from,
                                           std::int64_t to, std::vector<std::string> series) const
{
    ExportOptions options;
    options.format = format;
    options.out = file(name);
    options.from = from;
    options.to = to;
    options.series = std::move(series);
    const auto report = exportRecording(m_run, options, m_clock);
    if (!report)
        qFatal("%s", report.error().text().c_str());
    return *report;
}

void TestRecordingExport::csvHoldsEveryRowAndEvent()
{
    const auto report = exported(ExportFormat::Csv, "run.csv");
    QCOMPARE(report.rows, std::uint64_t{300});
    QCOMPARE(report.events, std::uint64_t{19});
    QCOMPARE(report.files.size(), std::size_t{2});
    const auto lines = contents(file("run.csv")).split('\n');
    QCOMPARE(lines.size(), 302); // head, rows, nothing behind the last newline
    const auto head = lines[0].trimmed().split(',');
    const auto requests = head.indexOf("gateway.requests (requests)");
    QVERIFY(requests > 1);
    double sum = 0;
    for (int i = 1; i <= 300; ++i) {
        const auto cells = lines[i].trimmed().split(',');
        QCOMPARE(cells.size(), head.size());
        sum += cells[requests].toDouble();
    }
    QCOMPARE(sum, 6000.0);
    QVERIFY(lines[1].startsWith("0.100000,2023-11-14T22:13:20.100Z,"));
    // A replica that is down is a gap, not a zero.
    const auto up = head.indexOf("replica/2.up");
    QCOMPARE(lines[140].split(',')[up], QByteArray());
    QVERIFY(contents(file("run.events.csv")).contains(",fault,replica/2,"));
}

void TestRecordingExport::csvTextIsNoFormula()
{
    (void)exported(ExportFormat::Csv, "evil.csv");
    const auto events = contents(file("evil.events.csv"));
    QVERIFY(events.contains("HYPERLINK"));
    // No cell begins with what a spreadsheet would run.
    for (const char *start : {",=", ",\"=", "\n=", "\n\"=", ",+", ",@", ",\"@"})
        QVERIFY2(!events.contains(start), start);
}

void TestRecordingExport::jsonLinesAreInFoldOrder()
{
    (void)exported(ExportFormat::JsonLines, "run.jsonl");
    std::int64_t last = INT64_MIN;
    int rows = 0, events = 0;
    const auto lines = contents(file("run.jsonl")).trimmed().split('\n');
    for (const auto &line : lines) {
        const auto object = QJsonDocument::fromJson(line).object();
        QVERIFY2(!object.isEmpty(), line.constData());
        if (object.contains(QStringLiteral("recording"))) {
            QCOMPARE(&line, &lines.front());
            continue;
        }
        const bool isRow = object.contains(QStringLiteral("row"));
        ++(isRow ? rows : events);
        const auto t = object[QStringLiteral("t_us")].toInteger(INT64_MIN + 1);
        if (!isRow && !object.contains(QStringLiteral("t_us")))
            continue;
        QVERIFY(t >= last);
        last = t;
    }
    QCOMPARE(rows, 300);
    QCOMPARE(events, 19);
}

void TestRecordingExport::perfettoTraceIsWellFormed()
{
    (void)exported(ExportFormat::Perfetto, "run.perfetto.json");
    QJsonParseError error;
    const auto trace = QJsonDocument::fromJson(contents(file("run.perfetto.json")), &error);
    QVERIFY2(error.error == QJsonParseError::NoError, qPrintable(error.errorString()));
    QMap<QString, int> phases;
    QMap<int, QString> open;
    std::int64_t last = 0;
    int depth = 0;
    for (const auto &value : trace.object()[QStringLiteral("traceEvents")].toArray()) {
        const auto event = value.toObject();
        const auto ph = event[QStringLiteral("ph")].toString();
        ++phases[ph];
        QVERIFY(event.contains(QStringLiteral("pid")));
        if (ph == QStringLiteral("M"))
            continue;
        QVERIFY(event[QStringLiteral("ts")].isDouble());
        const auto ts = event[QStringLiteral("ts")].toInteger();
        QVERIFY(ts >= last);
        last = ts;
        if (ph == QStringLiteral("B") || ph == QStringLiteral("E")) {
            depth += ph == QStringLiteral("B") ? 1 : -1;
            QVERIFY(depth == 0 || depth == 1);
        } else if (ph == QStringLiteral("b")) {
            QVERIFY(!open.contains(event[QStringLiteral("id")].toInt()));
            open[event[QStringLiteral("id")].toInt()] = event[QStringLiteral("name")].toString();
        } else if (ph == QStringLiteral("e")) {
            QCOMPARE(open.take(event[QStringLiteral("id")].toInt()),
                     event[QStringLiteral("name")].toString());
        } else if (ph == QStringLiteral("C")) {
            QVERIFY(event[QStringLiteral("args")].toObject()[QStringLiteral("value")].isDouble());
        }
    }
    QCOMPARE(depth, 0);
    QVERIFY(open.isEmpty());
    QCOMPARE(phases[QStringLiteral("B")], 3);
    QCOMPARE(phases[QStringLiteral("b")], 4); // the fault, two responses, the alert
    QVERIFY(phases[QStringLiteral("C")] > 300);
    QCOMPARE(phases[QStringLiteral("i")], 19);
}

void TestRecordingExport::prometheusTextPassesPromtool_data()
{
    QTest::addColumn<bool>("isOpenMetrics");
    QTest::newRow("text") << false;
    QTest::newRow("OpenMetrics") << true;
}

void TestRecordingExport::prometheusTextPassesPromtool()
{
    QFETCH(bool, isOpenMetrics);
    (void)exported(isOpenMetrics ? ExportFormat::OpenMetrics : ExportFormat::Prometheus,
                   "run.prom");
    const auto text = contents(file("run.prom"));
    // 300 windows of 20 requests, whatever the step.
    QVERIFY(text.contains(isOpenMetrics ? "drillroom_gateway_requests_total 6000 1700000030.000\n"
                                        : "drillroom_gateway_requests_total 6000 1700000030000\n"));
    QVERIFY(text.contains("drillroom_replica_up{target=\"replica/2\"} 1 "));
    QVERIFY(text.contains("drillroom_gateway_latency_p99_seconds 0.0"));
    QVERIFY(text.contains("drillroom_events_total{kind=\"fault\"} 4 "));
    const auto promtool = QStandardPaths::findExecutable(QStringLiteral("promtool"));
    if (promtool.isEmpty())
        QSKIP("promtool is not installed");
    QProcess check;
    if (isOpenMetrics) {
        QVERIFY(text.endsWith("# EOF\n"));
        check.start(promtool, {QStringLiteral("tsdb"), QStringLiteral("create-blocks-from"),
                               QStringLiteral("openmetrics"),
                               QString::fromStdString(file("run.prom").string()),
                               QString::fromStdString(file("tsdb").string())});
    } else {
        check.start(promtool, {QStringLiteral("check"), QStringLiteral("metrics")});
        check.write(text);
        check.closeWriteChannel();
    }
    QVERIFY(check.waitForFinished(60'000));
    const auto said = check.readAllStandardOutput() + check.readAllStandardError();
    QVERIFY2(check.exitCode() == 0, said.constData());
}

void TestRecordingExport::rangeAndSeriesAreKept()
{
    const auto report =
        exported(ExportFormat::Csv, "some.csv", 12'000'000, 14'000'000, {"gateway.failed"});
    QCOMPARE(report.rows, std::uint64_t{21});
    QCOMPARE(report.events, std::uint64_t{8});
    QVERIFY(contents(file("some.csv")).startsWith("seconds,time,gateway.failed (requests)\r\n"));
}

namespace {
struct CommaDecimals : std::numpunct<char>
{
    char do_decimal_point() const override { return ','; }
};
} // namespace

void TestRecordingExport::exportNeedsNoLocale()
{
    const ExportFormat formats[] = {ExportFormat::Csv, ExportFormat::JsonLines,
                                    ExportFormat::Perfetto, ExportFormat::Prometheus};
    for (const auto format : formats) {
        (void)exported(format, "plain.out");
        const auto before = std::locale::global(std::locale(std::locale(), new CommaDecimals));
        (void)exported(format, "comma.out");
        std::locale::global(before);
        QVERIFY(!contents(file("plain.out")).isEmpty());
        QCOMPARE(contents(file("comma.out")), contents(file("plain.out")));
    }
}

void TestRecordingExport::badExportsLeaveNothingBehind()
{
    ExportOptions options;
    options.out = file("none.csv");
    options.series = {"nothing.like.it"};
    auto report = exportRecording(m_run, options, m_clock);
    QVERIFY(!report && report.error().text().find("nothing.like.it") != std::string::npos);
    options.series.clear();
    options.goOn = [](double) { return false; };
    report = exportRecording(m_run, options, m_clock);
    QVERIFY(!report);
    options.out = file("no such folder") / "x.csv";
    options.goOn = {};
    QVERIFY(!exportRecording(m_run, options, m_clock));
    QVERIFY(!fs::exists(file("none.csv")) && !fs::exists(file("none.csv.part")));
    QVERIFY(!fs::exists(file("none.events.csv.part")));
}

fs::path TestRecordingExport::part(std::int64_t from, std::int64_t to) const
{
    const auto out = file("part.drl");
    fs::remove(out);
    const auto report = trimRecording(m_long, from, to, out, m_clock);
    if (!report)
        qFatal("%s", report.error().text().c_str());
    return out;
}

void TestRecordingExport::partProvesItself_data()
{
    QTest::addColumn<qint64>("from");
    QTest::addColumn<qint64>("to");
    QTest::newRow("middle") << qint64{14'000'000} << qint64{17'000'000};
    QTest::newRow("over a seal") << qint64{14'000'000} << qint64{27'000'000};
    QTest::newRow("start") << qint64{-1'000'000} << qint64{5'000'000};
    QTest::newRow("start, up to a seal") << qint64{-1'000'000} << qint64{10'000'000};
    QTest::newRow("end") << qint64{31'000'000} << qint64{99'000'000};
}

void TestRecordingExport::partProvesItself()
{
    QFETCH(qint64, from);
    QFETCH(qint64, to);
    const auto path = part(from, to);
    const auto report = verifyRecording(path, m_clock);
    QVERIFY2(report.exitCode == 0, toJson(report).c_str());
    QVERIFY(report.isTrimmed);
    QCOMPARE(report.signer, hex(m_key->publicKey()));
    QVERIFY2(report.sentence.find("trimmed from") != std::string::npos, report.sentence.c_str());
    QVERIFY(report.sentence.find("test-run (Long)") != std::string::npos);
    QVERIFY(report.rows < 400 && report.rows > 0);
    VerifyOptions options;
    options.signer = std::string(64, 'a');
    QCOMPARE(verifyRecording(path, m_clock, options).exitCode, 5);
    // Everything asked for is in it, and nothing far from it.
    std::int64_t first = INT64_MAX, last = INT64_MIN;
    QVERIFY(readRows(path, m_clock, INT64_MIN, INT64_MAX, [&](const RowView &row) {
        first = std::min(first, row.t);
        last = std::max(last, row.t);
    }));
    QVERIFY(first <= std::max<qint64>(from, 100'000) && last >= std::min<qint64>(to, 40'000'000));
    QVERIFY(first >= from - 10'600'000 && last <= to + 600'000);
    QVERIFY(fs::file_size(path) < fs::file_size(m_long));
}

void TestRecordingExport::partFoldsAsTheWhole()
{
    const auto path = part(14'000'000, 17'000'000);
    auto whole = RecordingReader::open(m_long, m_clock);
    auto cut = RecordingReader::open(path, m_clock);
    QVERIFY(whole && cut);
    QVERIFY(cut->isTrimmed() && !whole->isTrimmed());
    for (const std::int64_t t : {12'000'000, 14'000'000, 15'550'000, 17'000'000})
        for (const bool fromStart : {false, true}) {
            const auto a = foldRecording(*whole, t, true), b = foldRecording(*cut, t, fromStart);
            QVERIFY2(b, b ? "" : b.error().text().c_str());
            QCOMPARE(hex(b->state.hash()), hex(a->state.hash()));
        }
    const auto folded = foldFile(path, m_clock);
    QVERIFY(folded && folded->closed && folded->differsAt == -1);
    QCOMPARE(folded->state.run.runId, std::string("test-run"));
}

void TestRecordingExport::partIsShownInPlayback()
{
    const auto path = part(14'000'000, 17'000'000);
    SqliteTimeline timeline(path, false, m_clock);
    QTRY_VERIFY_WITH_TIMEOUT(timeline.snapshot()->closed, 30'000);
    QVERIFY2(timeline.snapshot()->problem.empty(), timeline.snapshot()->problem.c_str());
    timeline.seek(15'000'000);
    QTRY_COMPARE_WITH_TIMEOUT(timeline.snapshot()->playhead, std::int64_t{15'000'000}, 30'000);
    auto whole = RecordingReader::open(m_long, m_clock);
    QCOMPARE(hex(timeline.snapshot()->state->hash()),
             hex(foldRecording(*whole, 15'000'000, true)->state.hash()));
    QVERIFY(timeline.snapshot()->end >= 17'000'000);
}

void TestRecordingExport::changedPartIsFound_data()
{
    QTest::addColumn<QByteArray>("statement");
    QTest::newRow("row") << QByteArray("UPDATE tick SET vals = zeroblob(length(vals)) WHERE t = "
                                       "15000000");
    QTest::newRow("event") << QByteArray("DELETE FROM event WHERE t > 15000000 AND t < 15100000");
    QTest::newRow("series") << QByteArray("UPDATE series SET name = 'other' WHERE id = 0");
    QTest::newRow("title") << QByteArray("UPDATE meta SET v = 'other' WHERE k = 'title'");
    QTest::newRow("run") << QByteArray("UPDATE meta SET v = 'other' WHERE k = 'run'");
    QTest::newRow("attachment") << QByteArray("UPDATE attach SET name = 'other'");
    QTest::newRow("keyframe") << QByteArray("UPDATE keyframe SET state = zeroblob(length(state))");
    QTest::newRow("link") << QByteArray("UPDATE batch SET hash = zeroblob(64) WHERE id = (SELECT "
                                        "max(id) FROM batch)");
    QTest::newRow("anchor") << QByteArray("UPDATE batch SET hash = zeroblob(64) WHERE id = (SELECT "
                                          "min(id) FROM batch)");
    QTest::newRow("anchor bounds")
        << QByteArray("UPDATE batch SET seq_last = seq_last - 1 WHERE id = (SELECT min(id) FROM "
                      "batch)");
    QTest::newRow("row before it") << QByteArray("INSERT INTO tick VALUES(100000, x'')");
    QTest::newRow("row behind it") << QByteArray("INSERT INTO tick VALUES(18000000, x'')");
    QTest::newRow("one batch called cut") << QByteArray(
        "UPDATE batch SET hash = CAST(zeroblob(32) || hash AS BLOB) WHERE t_last = 15000000");
    QTest::newRow("seal") << QByteArray("UPDATE seal SET sig = zeroblob(64)");
}

void TestRecordingExport::changedPartIsFound()
{
    QFETCH(QByteArray, statement);
    const auto path = part(14'000'000, 17'000'000);
    sql(path, statement.constData());
    const auto report = verifyRecording(path, m_clock);
    QVERIFY2(report.exitCode == 5, toJson(report).c_str());
}

void TestRecordingExport::partOfAnUnsealedRecordingSaysSo()
{
    const auto unsealed = file("unsealed.drl"), out = file("unsealed-part.drl");
    writeLong(unsealed, nullptr);
    const auto report = trimRecording(unsealed, 14'000'000, 17'000'000, out, m_clock);
    QVERIFY2(report, report ? "" : report.error().text().c_str());
    QVERIFY(!report->isSealed);
    QCOMPARE(verifyRecording(out, m_clock).exitCode, 3);
}

void TestRecordingExport::whatCannotBeCutIsRefused()
{
    const auto out = file("refused.drl");
    QVERIFY(!trimRecording(m_long, -1'000'000, 99'000'000, out, m_clock)); // all of it
    QVERIFY(!trimRecording(m_long, 5, 5, out, m_clock));
    const auto path = part(14'000'000, 17'000'000);
    QVERIFY(!trimRecording(path, 15'000'000, 16'000'000, out, m_clock)); // a part of a part
    const auto over = trimRecording(m_long, 14'000'000, 17'000'000, path, m_clock);
    QVERIFY(!over && over.error().code == ErrorCode::Busy); // never over another file
    // The original was changed: no part of it is made to look sound.
    const auto changed = file("changed.drl");
    fs::copy_file(m_long, changed);
    sql(changed, "UPDATE tick SET vals = zeroblob(length(vals)) WHERE t = 15000000");
    const auto trimmed = trimRecording(changed, 14'000'000, 17'000'000, out, m_clock);
    QVERIFY(!trimmed && trimmed.error().code == ErrorCode::Untrusted);
    QVERIFY(!fs::exists(out));
}

QTEST_GUILESS_MAIN(TestRecordingExport)
#include "tst_recording_export.moc"
