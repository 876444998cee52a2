// Long recordings: every way to a state gives the same one, a picture of a day costs little more
// than one of an hour, and the timeline shows a file before it has read it. DRILLROOM_SLOW=1 runs
// the full numbers and a recording of 24 h.

#include "engine/recording/binning.h"
#include "engine/recording/fold.h"
#include "engine/recording/open.h"
#include "engine/recording/recording_bench.h"
#include "engine/recording/sample_recording.h"
#include "engine/recording/timeline.h"
#include "engine/recording/verify.h"
#include "recording_run.h"

#include <QtTest>
#include <clocale>
#include <sqlite3.h>

using namespace engine;
namespace fs = std::filesystem;

class TestScale : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void everyWayGivesTheLiveState();
    void simulatedSeedsFoldTheSameTwice();
    void sampleIsARecordingLikeAnyOther();
    void picturesAreThoseOfTheRows();
    void pictureOfALongRecordingReadsLittle();
    void recordingsGrowWithTheirLength();
    void stoppedReadingSaysSo();
    void longFileIsShownBeforeItIsChecked();
    void nothingBehindADifferenceIsVerified();
    void manyEventsAreShownAroundThePlayhead();
    void seeksWinOverTheCheck();
    void dayCostsWhatItMay();

private:
    fs::path file(const char *name) const { return fs::path(m_folder.path().toStdString()) / name; }
    void make(const fs::path &path, double hours, int series, int events) const;
    void sql(const fs::path &path, const char *statement) const;
    void compareReads(const fs::path &path, std::uint64_t columns);

    QTemporaryDir m_folder;
    fs::path m_path; ///< 40 min
    const bool m_isSlow = qEnvironmentVariableIsSet("DRILLROOM_SLOW");
    const Clock &m_clock = systemClock();
};

namespace {

constexpr std::int64_t kSecond = 1'000'000;

/// What may happen in a shop, drawn from chance.
Payload anything(Random &random, std::int64_t at)
{
    const auto target = "replica/" + std::to_string(random.below(3) + 1);
    switch (random.below(8)) {
    case 0: {
        ProcessChanged process;
        process.target = target;
        process.state = static_cast<ProcessState>(random.below(7));
        process.at = at;
        return process;
    }
    case 1:
        return FaultChanged{static_cast<std::uint32_t>(random.below(3)),
                            "crash ranker 2",
                            "process.kill",
                            target,
                            "",
                            static_cast<FaultState>(random.below(8)),
                            at,
                            0};
    case 2:
        return ResponseChanged{"ejection", target, "gateway", "", random.below(2) == 0, at};
    case 3:
        return AlertChanged{"latency", "<= 60 ms", random.below(2) == 0, random.uniform(), at};
    case 4:
        return OperatorActed{static_cast<Act>(random.below(7)), "ann", "", "", at};
    case 5:
        return HostStalled{0, at - 30'000, at};
    case 6:
        return PhaseChanged{static_cast<Phase>(random.below(7)), at};
    default:
        return LinkChanged{target, "", random.below(2) == 0, random.below(5), at};
    }
}

/// A shop on a virtual clock for so many seconds: sources that are late, silent or doubled, events
/// in between. `isOther`: the same inputs, as another process would meet them. Hashes of each
/// second.
std::vector<Digest> simulate(std::uint64_t seed, int seconds, bool isOther)
{
    Random random(seed, 1);
    VirtualClock clock(MonoTime{recording_run::kStart});
    RowAssembler assembler;
    RunState state;
    std::uint64_t seq = 0;
    std::int64_t lastT = 0, lastRow = INT64_MIN;
    std::vector<Event> waiting;
    const auto event = [&](Payload payload) {
        auto t = std::max(lastT, clock.now().count() - recording_run::kStart);
        if (lastRow != INT64_MIN)
            t = std::max(t, lastRow + 1);
        lastT = t;
        waiting.push_back({++seq, t, std::move(payload)});
    };
    event(recording_run::started());
    std::vector<Digest> hashes;
    std::vector<std::pair<std::int64_t, Window>> onTheWay;
    MonoTime next = MonoTime{recording_run::kStart} + kWindow;
    for (int k = 0; k < seconds * 10; ++k) {
        clock.advance(kWindow);
        onTheWay.emplace_back(clock.now().count(), recording_run::traffic(k, random));
        for (int number = 1; number <= 3; ++number)
            if (random.below(20) != 0)
                onTheWay.emplace_back(clock.now().count()
                                          + static_cast<std::int64_t>(random.below(500'000)),
                                      recording_run::replica(number, k));
        if (random.below(4) == 0)
            event(anything(random, clock.now().count()));
        std::vector<Window> here;
        std::erase_if(onTheWay, [&](const auto &item) {
            if (item.first > clock.now().count())
                return false;
            here.push_back(item.second);
            return true;
        });
        if (isOther) // sources race each other; each one keeps its own order
            std::stable_sort(here.begin(), here.end(),
                             [](const Window &a, const Window &b) { return a.source > b.source; });
        for (const auto &window : here)
            assembler.add(window, clock.now());
        while (assembler.isComplete(next, clock.now())) {
            const auto row = assembler.take(next);
            const auto t = next.count() - recording_run::kStart;
            std::size_t used = 0;
            for (; used < waiting.size() && waiting[used].t <= t; ++used)
                state.apply(waiting[used]);
            waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(used));
            std::vector<std::string> names;
            std::vector<float> values;
            for (const auto &[name, value] : row.values) {
                names.push_back(name);
                values.push_back(static_cast<float>(value));
            }
            state.apply(RowView{t, names, values});
            lastRow = t;
            lastT = std::max(lastT, t);
            next += kWindow;
            if (t % kSecond == 0)
                hashes.push_back(state.hash());
        }
    }
    return hashes;
}

template <class Claim>
bool becomes(const Clock &clock, Claim claim)
{
    const auto until = clock.now() + Micros{60 * kSecond};
    while (!claim()) {
        if (clock.now() > until)
            return false;
        clock.waitUntil(clock.now() + Micros{2'000}, {});
    }
    return true;
}

bool isSame(float a, float b)
{
    return std::isnan(a) ? std::isnan(b)
                         : std::abs(a - b) <= 1e-5f * std::max(std::abs(a), std::abs(b));
}

} // namespace

void TestScale::make(const fs::path &path, double hours, int series, int events) const
{
    SampleOptions options;
    options.hours = hours;
    options.series = series;
    options.eventsPerSecond = events;
    const auto made = makeSampleRecording(path, options, m_clock);
    QVERIFY2(made, made ? "" : made.error().text().c_str());
}

void TestScale::sql(const fs::path &path, const char *statement) const
{
    sqlite3 *database = nullptr;
    QCOMPARE(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    char *error = nullptr;
    sqlite3_exec(database, statement, nullptr, nullptr, &error);
    QVERIFY2(!error, error);
    sqlite3_close(database);
}

void TestScale::initTestCase()
{
    m_path = file("long.drl");
    make(m_path, 2.0 / 3, 40, 5);
}

void TestScale::everyWayGivesTheLiveState()
{
    const int seconds = m_isSlow ? 3600 : 240;
    const int seeks = m_isSlow ? 1000 : 100;
    const auto path = file("live.drl");
    auto writer = RecordingWriter::create(path, nullptr, {});
    QVERIFY(writer);
    Random random(9, 9);
    RowAssembler assembler;
    writer->event(recording_run::started(), 0);
    std::map<std::int64_t, Digest> live; // by row, as the writer saw it
    for (std::int64_t k = 0; k < seconds * 10; ++k) {
        const auto t = (k + 1) * 100'000;
        if (random.below(2) == 0)
            writer->event(anything(random, recording_run::kStart + t - 60'000), t - 50'000);
        const MonoTime end(recording_run::kStart + t);
        assembler.add(recording_run::traffic(k, random), end);
        assembler.add(recording_run::replica(1, k), end);
        writer->row(t, assembler.take(end));
        live[t] = writer->state().hash();
        if (k % 100 == 0)
            QVERIFY(writer->commit());
    }
    QVERIFY(writer->close(m_clock, Micros{0}));

    auto reader = RecordingReader::open(path, m_clock);
    QVERIFY(reader);
    // From the file, first event to last, all keyframes compared on the way.
    const auto end = seconds * kSecond;
    const auto whole = foldRecording(*reader, end, true);
    QVERIFY(whole && whole->differsAt == INT64_MIN);
    QCOMPARE(hex(whole->state.hash()), hex(live.at(end)));
    QVERIFY(whole->verifiedTo > end - 20 * kSecond);
    // From every tenth keyframe to the end.
    auto keyframes = reader->database().prepare("SELECT t FROM keyframe ORDER BY t");
    std::vector<std::int64_t> times;
    while (*keyframes->step())
        times.push_back(keyframes->integer(0));
    QVERIFY(times.size() > static_cast<std::size_t>(seconds) / 10 - 2);
    for (std::size_t i = 0; i < times.size(); i += 10) {
        FoldCursor cursor;
        auto keyframe = reader->keyframe(times[i]);
        QVERIFY(keyframe && *keyframe && (*keyframe)->t == times[i]);
        cursor.state = (*keyframe)->state;
        cursor.seq = (*keyframe)->seq;
        cursor.row = times[i];
        for (bool more = cursor.row < end; more;) {
            const auto slice = reader->read(cursor.seq, cursor.row, end, 1000);
            QVERIFY(slice);
            (void)foldSlice(cursor, *reader, *slice);
            more = slice->more;
        }
        QVERIFY(cursor.differsAt == INT64_MIN);
        if (cursor.row == end)
            QCOMPARE(hex(cursor.state.hash()), hex(live.at(end)));
    }
    // After random seeks of a page.
    SqliteTimeline timeline(path, false, m_clock);
    for (int i = 0; i < seeks; ++i) {
        const auto t =
            static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(seconds) * 10) + 1)
            * 100'000;
        timeline.seek(t);
        QVERIFY(becomes(m_clock, [&] { return timeline.snapshot()->playhead == t; }));
        QCOMPARE(hex(timeline.snapshot()->state->hash()), hex(live.at(t)));
    }
    QVERIFY(becomes(m_clock, [&] { return timeline.snapshot()->verifiedTo >= end - 1; }));
    QVERIFY2(timeline.snapshot()->problem.empty(), timeline.snapshot()->problem.c_str());
}

void TestScale::simulatedSeedsFoldTheSameTwice()
{
    const std::uint64_t seeds = m_isSlow ? 10'000 : 60;
    std::set<Digest> all;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        const auto once = simulate(seed, 12, false);
        // Another locale must make no difference; where it is not installed, C stands.
        std::setlocale(LC_ALL, "de_DE.UTF-8");
        const auto again = simulate(seed, 12, true);
        std::setlocale(LC_ALL, "C.UTF-8");
        QVERIFY(once.size() >= 11);
        QVERIFY2(once == again, qPrintable(QStringLiteral("seed %1").arg(seed)));
        all.insert(once.back());
    }
    QCOMPARE(all.size(), seeds); // and it is the seed that makes the difference
}

void TestScale::sampleIsARecordingLikeAnyOther()
{
    const auto report = verifyRecording(m_path, m_clock);
    QVERIFY2(report.exitCode == 3, report.sentence.c_str()); // whole; nobody sealed it
    QCOMPARE(report.rows, std::uint64_t{24'000});
    QVERIFY(report.events > 12'000);
    const auto run = foldFile(m_path, m_clock);
    QVERIFY(run && run->closed && run->differsAt == -1);
    QCOMPARE(run->state.row.size(), std::size_t{40});
    QVERIFY(run->state.faults.at(1).undone);
    // The same seed, the same recording: all that is hashed.
    const auto again = file("again.drl");
    make(again, 2.0 / 3, 40, 5);
    QCOMPARE(hex(foldFile(again, m_clock)->state.hash()), hex(run->state.hash()));
    SampleOptions wrong;
    wrong.rate = 7;
    QVERIFY(!makeSampleRecording(file("wrong.drl"), wrong, m_clock));
}

void TestScale::picturesAreThoseOfTheRows()
{
    // The same rows without a pyramid, as the first format had them.
    const auto old = file("old.drl");
    fs::copy_file(m_path, old);
    sql(old, "PRAGMA user_version=1; DELETE FROM chunk");
    auto with = RecordingReader::open(m_path, m_clock),
         without = RecordingReader::open(old, m_clock);
    QVERIFY(with && without);
    const std::vector<std::string> series = {"gateway.requests", "gateway.latency.p50",
                                             "gateway.latency.p99", "replica/1.queue", "nothing"};
    Random random(4, 4);
    std::set<std::int64_t> widths;
    for (int i = 0; i < 40; ++i) {
        const auto from = static_cast<std::int64_t>(random.below(2'400'000'000)) - 60 * kSecond;
        const auto length = static_cast<std::int64_t>(random.below(2'400'000'000)) + kSecond;
        const auto grid =
            gridFor(from, from + length, static_cast<int>(random.below(i % 2 ? 1000 : 40)) + 4);
        widths.insert(grid.width);
        const auto a = binSeries(*with, RowCache(), grid, series);
        const auto b = binSeries(*without, RowCache(), grid, series);
        QVERIFY(a && b);
        for (std::size_t s = 0; s < series.size(); ++s)
            for (std::size_t bin = 0; bin < grid.count; ++bin) {
                const auto &x = (*a)[s], &y = (*b)[s];
                const auto where = QStringLiteral("%1, bins of %2 us, bin %3 of %4")
                                       .arg(QString::fromStdString(series[s]))
                                       .arg(grid.width)
                                       .arg(bin)
                                       .arg(grid.count);
                QVERIFY2(isSame(x.min[bin], y.min[bin]), qPrintable(where));
                QVERIFY2(isSame(x.max[bin], y.max[bin]), qPrintable(where));
                QVERIFY2(isSame(x.mean[bin], y.mean[bin]), qPrintable(where));
            }
    }
    QVERIFY(widths.size() >= 5);
}

/// At every zoom: a bounded number of rows and chunks, whatever the length of the recording.
void TestScale::compareReads(const fs::path &path, std::uint64_t columns)
{
    auto reader = RecordingReader::open(path, m_clock);
    QVERIFY(reader);
    std::vector<std::string> series;
    for (const auto &column : reader->columns())
        if (series.size() < columns)
            series.push_back(column.name);
    const auto span = *reader->span();
    Random random(6, 6);
    for (int i = 0; i < 60; ++i) {
        const auto all = static_cast<std::uint64_t>(span->second - span->first);
        const auto length = static_cast<std::int64_t>(all >> (i % 12));
        const auto from =
            span->first
            + static_cast<std::int64_t>(random.below(all - static_cast<std::uint64_t>(length) + 1));
        const auto grid = gridFor(from, from + length, 1200);
        (void)reader->takeCounts();
        QVERIFY(binSeries(*reader, RowCache(), grid, series));
        const auto counts = reader->takeCounts();
        // Raw rows: a window of 100 ms bins, or what no finished chunk of 120 s covers.
        QVERIFY2(counts.rows <= 1202, qPrintable(QString::number(counts.rows)));
        // 1200 bins are at most 2400 windows: 21 chunks of a column, 5 or so for each finer level.
        QVERIFY2(counts.chunks <= columns * (21 + 21 + 120 + 60),
                 qPrintable(QString::number(counts.chunks)));
        QVERIFY2(counts.sketches <= columns * 2400, qPrintable(QString::number(counts.sketches)));
        QVERIFY2(counts.bytes < 4'000'000, qPrintable(QString::number(counts.bytes)));
    }
}

void TestScale::pictureOfALongRecordingReadsLittle()
{
    compareReads(m_path, 6);
    // Without the pyramid the same picture takes all rows: the counters do count.
    const auto old = file("old.drl");
    auto reader = RecordingReader::open(old, m_clock);
    QVERIFY(reader);
    QVERIFY(
        binSeries(*reader, RowCache(), gridFor(0, 2'400 * kSecond, 1200), {"gateway.requests"}));
    QVERIFY(reader->takeCounts().rows > 20'000);
}

void TestScale::recordingsGrowWithTheirLength()
{
    make(file("short.drl"), 2.0 / 12, 40, 5);
    const auto four = static_cast<double>(fs::file_size(m_path));
    const auto one = static_cast<double>(fs::file_size(file("short.drl")));
    QVERIFY2(four / one > 3.6 && four / one < 4.4, qPrintable(QString::number(four / one)));
}

void TestScale::stoppedReadingSaysSo()
{
    auto reader = RecordingReader::open(m_path, m_clock);
    QVERIFY(reader);
    int asked = 0;
    const auto drawn = binSeries(*reader, RowCache(), gridFor(0, 2'400 * kSecond, 1200),
                                 {"gateway.requests", "gateway.failed", "gateway.late"},
                                 [&] { return ++asked > 1; });
    QVERIFY(!drawn && drawn.error().code == ErrorCode::Timeout);
}

void TestScale::longFileIsShownBeforeItIsChecked()
{
    SqliteTimeline timeline(m_path, false, m_clock);
    timeline.show(0, 2'400 * kSecond, 1200,
                  {"gateway.requests", "gateway.failed", "gateway.late", "replica/1.queue"});
    bool wasShownUnchecked = false, wasCoarse = false;
    QVERIFY(becomes(m_clock, [&] {
        const auto snapshot = timeline.snapshot();
        if (snapshot->end == 2'400 * kSecond && snapshot->isChecking)
            wasShownUnchecked = snapshot->state->ended.has_value() || wasShownUnchecked;
        wasCoarse = wasCoarse || snapshot->coarse;
        return snapshot->end > 0 && !snapshot->isChecking && snapshot->verifiedTo > 0;
    }));
    const auto snapshot = timeline.snapshot();
    QVERIFY(wasShownUnchecked); // the end was there while the check still ran
    QVERIFY(!snapshot->coarse && snapshot->series.size() == 4);
    QCOMPARE(snapshot->verifiedTo, snapshot->endState->t);
    QVERIFY2(snapshot->problem.empty(), snapshot->problem.c_str());
    QCOMPARE(hex(snapshot->state->hash()), hex(foldFile(m_path, m_clock)->state.hash()));
    QVERIFY(snapshot->endState->faults.at(1).undone && snapshot->closed);
    QVERIFY(becomes(m_clock, [&] {
        return timeline.snapshot()->events->size() == timeline.snapshot()->eventCount;
    }));
    QVERIFY(!timeline.snapshot()->overview.empty());
}

void TestScale::nothingBehindADifferenceIsVerified()
{
    const auto path = file("differs.drl");
    fs::copy_file(m_path, path);
    // A value that the next row replaces: only the keyframe at 1000 s can tell.
    sql(path, "UPDATE tick SET vals = zeroblob(length(vals)) WHERE t = (SELECT t FROM keyframe "
              "WHERE t >= 1000000000 ORDER BY t LIMIT 1)");
    SqliteTimeline timeline(path, false, m_clock);
    QVERIFY(becomes(
        m_clock, [&] { return timeline.snapshot()->end > 0 && !timeline.snapshot()->isChecking; }));
    const auto snapshot = timeline.snapshot();
    QVERIFY2(QByteArray::fromStdString(snapshot->problem).contains("does not come out"),
             snapshot->problem.c_str());
    QVERIFY(snapshot->verifiedTo > 900 * kSecond && snapshot->verifiedTo < 1000 * kSecond);
}

void TestScale::manyEventsAreShownAroundThePlayhead()
{
    const auto path = file("events.drl");
    make(path, 2.0 / 60, 13, 500); // 60,000 events in two minutes
    SqliteTimeline timeline(path, false, m_clock);
    for (const std::int64_t t : {60 * kSecond, 1 * kSecond, 119 * kSecond}) {
        timeline.seek(t);
        QVERIFY(becomes(m_clock, [&] {
            const auto snapshot = timeline.snapshot();
            const auto &events = *snapshot->events;
            return snapshot->playhead == t && snapshot->eventCount > 60'000 && !events.empty()
                   && events.front().seq
                          <= std::max<std::uint64_t>(snapshot->state->seq, 1'001) - 1'000
                   && events.back().seq
                          >= std::min(snapshot->state->seq + 1'000, snapshot->eventCount);
        }));
        const auto events = timeline.snapshot()->events;
        QVERIFY(events->size() <= 12'000);
        for (std::size_t i = 1; i < events->size(); ++i)
            QCOMPARE((*events)[i].seq, (*events)[i - 1].seq + 1);
    }
}

void TestScale::seeksWinOverTheCheck()
{
    SqliteTimeline timeline(m_path, false, m_clock);
    timeline.show(0, 2'400 * kSecond, 1200, {"gateway.requests", "gateway.latency.p99"});
    Random random(8, 8);
    std::int64_t t = 0;
    std::set<std::int64_t> shown;
    for (int i = 0; i < 300; ++i) {
        t = static_cast<std::int64_t>(random.below(2'400'000'000));
        timeline.seek(t);
        m_clock.waitUntil(m_clock.now() + Micros{3'000}, {}); // faster than any hand
        shown.insert(timeline.snapshot()->playhead);
    }
    QVERIFY(becomes(m_clock, [&] { return timeline.snapshot()->playhead == t; })); // the latest
    QVERIFY(shown.size() > 5); // and pictures on the way
    auto reader = RecordingReader::open(m_path, m_clock);
    QCOMPARE(hex(timeline.snapshot()->state->hash()),
             hex(foldRecording(*reader, t, true)->state.hash()));
}

void TestScale::dayCostsWhatItMay()
{
    if (!m_isSlow)
        QSKIP("set DRILLROOM_SLOW to make a recording of 24 h (about 1.6 GB)");
    const auto day = file("day.drl"), hour = file("hour.drl");
    make(day, 24, 200, 50);
    make(hour, 1, 200, 50);
    const auto ratio =
        static_cast<double>(fs::file_size(day)) / static_cast<double>(fs::file_size(hour));
    QVERIFY2(ratio > 24 * 0.95 && ratio < 24 * 1.05, qPrintable(QString::number(ratio)));
    compareReads(day, 12);
    BenchOptions options;
    options.runs = 30;
    const auto bench = benchRecording(day, options, m_clock);
    QVERIFY2(bench, bench ? "" : bench.error().text().c_str());
    qInfo("%s", benchText(*bench).c_str()); // times are for a person to read
    QVERIFY(bench->problem.empty());
}

QTEST_GUILESS_MAIN(TestScale)
#include "tst_scale.moc"
