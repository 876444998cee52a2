// The recorder on its own thread: what is said is on the disk in time, whatever happens to the
// process, the disk or the file.

#include "engine/recording/fold.h"
#include "engine/recording/idle_recorder.h"
#include "engine/recording/open.h"
#include "engine/recording/recorder.h"
#include "engine/recording/row_assembler.h"
#include "engine/recording/timeline.h"
#include "engine/recording/verify.h"
#include "recording_run.h"

#include <QtTest>
#include <csignal>
#include <fstream>
#include <sys/resource.h>
#include <thread>

using namespace engine;
namespace fs = std::filesystem;

class TestRecorder : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void runIsRecordedAndClosed();
    void eventsBeforeTheRunComeBehindItsStart();
    void newsFromManyThreadsIsKeptInOrder();
    void silenceStillGivesRows();
    void livePagesSeeTheRunWhileItIsWritten();
    void liveReaderDoesNotKeepTheFileFromClosing();
    void tornFileIsShownAsTorn();
    void latestSeekWins();
    void fullDiskCostsTimeOnly();
    void movedFileIsSaid();
    void idleFilesRollAndTwoAreKept();

    void lateCountsGoIntoTheNextRow();
    void rowWaitsForKnownSourcesOnly();
    void levelsStandFor300Millis();
    void missingCountsAreZeroOnlyWhenTheSourceSpoke();

private:
    fs::path file(const char *name) const { return fs::path(m_folder.path().toStdString()) / name; }
    std::unique_ptr<Recorder> record(const fs::path &path);
    /// Waits on the real clock for at most 10 s.
    template <class Claim>
    bool becomes(Claim claim) const;

    QTemporaryDir m_folder;
    const Clock &m_clock = systemClock();
};

namespace {

RunStarted runFromNow(const Clock &clock)
{
    auto run = recording_run::started();
    run.start = alignUp(clock.now()).count();
    return run;
}

Window counted(const char *source, MonoTime end, double requests)
{
    Window window;
    window.source = source;
    window.end = end.count();
    window.samples = {{std::string(source) + ".requests", requests}};
    return window;
}

OperatorActed note(std::string text)
{
    OperatorActed act;
    act.text = std::move(text);
    return act;
}

} // namespace

template <class Claim>
bool TestRecorder::becomes(Claim claim) const
{
    const auto until = m_clock.now() + Micros{10'000'000};
    while (!claim()) {
        if (m_clock.now() > until)
            return false;
        m_clock.waitUntil(m_clock.now() + Micros{5'000}, {});
    }
    return true;
}

std::unique_ptr<Recorder> TestRecorder::record(const fs::path &path)
{
    RecorderOptions options;
    options.path = path;
    auto recorder = Recorder::start(options, m_clock);
    if (!recorder)
        qFatal("%s", recorder.error().text().c_str());
    return std::move(*recorder);
}

void TestRecorder::runIsRecordedAndClosed()
{
    const auto path = file("run.drl");
    auto recorder = record(path);
    const auto run = runFromNow(m_clock);
    recorder->append(run);
    const MonoTime start(run.start);
    double sent = 0;
    for (int k = 1; k <= 5; ++k) {
        m_clock.waitUntil(start + k * kWindow, {});
        recorder->append(counted("gateway", start + k * kWindow, k));
        sent += k;
    }
    recorder->append(RunEnded{});
    QVERIFY(recorder->close());
    QVERIFY(recorder->status().closed && recorder->status().problem.empty());
    QCOMPARE(recorder->status().committedSeq, std::uint64_t{2});
    QVERIFY(!fs::exists(path.string() + "-wal"));

    double read = 0;
    std::int64_t last = INT64_MIN;
    QVERIFY(readRows(path, m_clock, INT64_MIN, INT64_MAX, [&](const RowView &row) {
        if (last != INT64_MIN)
            QCOMPARE(row.t, last + kWindow.count()); // every window has its row
        last = row.t;
        const auto value = row.value("gateway.requests");
        read += std::isnan(value) ? 0 : value;
    }));
    QCOMPARE(read, sent);
    const auto folded = foldFile(path, m_clock);
    QVERIFY(folded && folded->closed && folded->differsAt == -1);
    QVERIFY(folded->state.ended);
    QVERIFY(recorder->close()); // a second time says the same
}

void TestRecorder::eventsBeforeTheRunComeBehindItsStart()
{
    const auto path = file("early.drl");
    auto recorder = record(path);
    recorder->append(note("early"));
    auto run = runFromNow(m_clock);
    run.start += 1'000'000;
    recorder->append(run);
    recorder->append(note("later"));
    QVERIFY(recorder->flush());
    QVERIFY(recorder->close());
    const auto folded = foldFile(path, m_clock);
    QVERIFY(folded);
    QCOMPARE(folded->events.size(), std::size_t{3});
    QVERIFY(std::holds_alternative<RunStarted>(folded->events[0].payload));
    QCOMPARE(std::get<OperatorActed>(folded->events[1].payload).text, std::string("early"));
    QVERIFY(folded->events[1].t < -500'000 && folded->events[2].t < 0);
}

void TestRecorder::newsFromManyThreadsIsKeptInOrder()
{
    const auto path = file("threads.drl");
    auto recorder = record(path);
    recorder->append(runFromNow(m_clock));
    constexpr int kThreads = 4, kEach = 500;
    {
        std::vector<std::jthread> threads;
        for (int thread = 0; thread < kThreads; ++thread)
            threads.emplace_back([&recorder, thread] {
                for (int i = 0; i < kEach; ++i) {
                    OperatorActed act;
                    act.who = std::to_string(thread);
                    act.at = i + 1;
                    recorder->append(act);
                }
            });
    }
    QVERIFY(recorder->flush());
    QCOMPARE(recorder->status().committedSeq, std::uint64_t{1 + kThreads * kEach});
    QVERIFY(recorder->close());
    const auto folded = foldFile(path, m_clock);
    QVERIFY(folded);
    std::map<std::string, std::int64_t> last;
    for (const auto &event : folded->events)
        if (const auto *act = std::get_if<OperatorActed>(&event.payload))
            QCOMPARE(act->at, ++last[act->who]);
    QCOMPARE(last.size(), std::size_t{kThreads});
    QCOMPARE(folded->state.actsSeen, std::uint64_t{kThreads * kEach});
    QCOMPARE(folded->state.acts.size(), std::size_t{500}); // bounded, the count goes on
}

void TestRecorder::silenceStillGivesRows()
{
    const auto path = file("silent.drl");
    RecorderOptions options;
    options.path = path;
    options.idle = true;
    auto recorder = Recorder::start(options, m_clock);
    QVERIFY(recorder);
    QVERIFY(becomes([&] { return (*recorder)->status().lastRow >= 500'000; }));
    QVERIFY((*recorder)->close());
    int rows = 0;
    QVERIFY(readRows(path, m_clock, INT64_MIN, INT64_MAX, [&](const RowView &row) {
        ++rows;
        QVERIFY(row.values.empty());
    }));
    QVERIFY(rows >= 5);
}

void TestRecorder::livePagesSeeTheRunWhileItIsWritten()
{
    const auto path = file("live.drl");
    SqliteTimeline timeline(path, true, m_clock); // before the file is there
    QVERIFY(timeline.snapshot()->problem.empty());
    auto recorder = record(path);
    const auto run = runFromNow(m_clock);
    recorder->append(run);
    const MonoTime start(run.start);
    timeline.show(0, 2'000'000, 50, {"gateway.requests"});
    for (int k = 1; k <= 12; ++k) {
        m_clock.waitUntil(start + k * kWindow, {});
        recorder->append(counted("gateway", start + k * kWindow, k));
    }
    recorder->append(note("seen"));
    QVERIFY(recorder->flush());
    // The note is newer than every row: it shows all the same.
    QVERIFY(becomes([&] { return timeline.snapshot()->state->acts.size() == 1; }));
    QVERIFY(becomes([&] { return timeline.snapshot()->end >= 1'200'000; }));
    const auto snapshot = timeline.snapshot();
    QVERIFY2(snapshot->problem.empty(), snapshot->problem.c_str());
    QVERIFY(snapshot->live && !snapshot->closed);
    QCOMPARE(snapshot->events->size(), std::size_t{2});
    QCOMPARE(snapshot->series.size(), std::size_t{1});
    QCOMPARE(snapshot->series[0].mean.size(), std::size_t{20});
    for (int k = 1; k <= 12; ++k)
        QCOMPARE(snapshot->series[0].mean[static_cast<std::size_t>(k) - 1], static_cast<float>(k));
    QVERIFY(std::isnan(snapshot->series[0].mean[19])); // not there yet is a gap

    recorder->append(RunEnded{});
    QVERIFY(recorder->close()); // the timeline lets go
    QVERIFY(becomes([&] { return timeline.snapshot()->closed; }));
    timeline.seek(600'000);
    QVERIFY(becomes([&] { return timeline.snapshot()->playhead == 600'000; }));
    auto reader = RecordingReader::open(path, m_clock);
    QVERIFY(reader);
    QCOMPARE(hex(timeline.snapshot()->state->hash()),
             hex(foldRecording(*reader, 600'000, true)->state.hash()));
    timeline.pinToEnd();
    QVERIFY(becomes([&] { return timeline.snapshot()->state->ended.has_value(); }));
    QCOMPARE(hex(timeline.snapshot()->state->hash()),
             hex(foldRecording(*reader, INT64_MAX, true)->state.hash()));
}

void TestRecorder::liveReaderDoesNotKeepTheFileFromClosing()
{
    const auto path = file("read.drl");
    auto recorder = record(path);
    recorder->append(runFromNow(m_clock));
    QVERIFY(recorder->flush());
    auto stubborn = RecordingReader::open(path, m_clock, RecordingReader::Access::Living);
    QVERIFY(stubborn);
    QVERIFY(recorder->close()); // nothing hangs, nothing is lost
    // The file alone is whole, though it could not leave WAL.
    const auto alone = file("read-alone.drl");
    fs::copy_file(path, alone);
    const auto folded = foldFile(alone, m_clock);
    QVERIFY(folded && folded->closed);
    QCOMPARE(folded->events.size(), std::size_t{1});
}

void TestRecorder::tornFileIsShownAsTorn()
{
    const auto path = file("torn.drl"), torn = file("torn-copy.drl");
    auto recorder = record(path);
    recorder->append(runFromNow(m_clock));
    QVERIFY(recorder->flush());
    fs::copy_file(path, torn);
    fs::copy_file(path.string() + "-wal", torn.string() + "-wal");
    SqliteTimeline timeline(torn, false, m_clock);
    QVERIFY(becomes([&] { return timeline.snapshot()->events->size() == 1; }));
    QVERIFY(!timeline.snapshot()->closed && !timeline.snapshot()->live);
}

void TestRecorder::latestSeekWins()
{
    const auto path = file("seek.drl");
    {
        auto writer = RecordingWriter::create(path, nullptr, {});
        QVERIFY(writer);
        recording_run::write(*writer);
        QVERIFY(writer->close(m_clock, Micros{0}));
    }
    SqliteTimeline timeline(path, false, m_clock);
    auto reader = RecordingReader::open(path, m_clock);
    QVERIFY(reader);
    Random random(8, 8);
    std::int64_t t = 0;
    for (int i = 0; i < 300; ++i) {
        t = static_cast<std::int64_t>(random.below(30'000'000));
        timeline.seek(t);
        if (i % 30 != 29)
            continue;
        QVERIFY(becomes([&] { return timeline.snapshot()->playhead == t; }));
        QCOMPARE(hex(timeline.snapshot()->state->hash()),
                 hex(foldRecording(*reader, t, true)->state.hash()));
    }
    QVERIFY(becomes([&] { return timeline.snapshot()->verifiedTo > 30'000'000; }));
    const auto snapshot = timeline.snapshot();
    QVERIFY2(snapshot->problem.empty(), snapshot->problem.c_str());
    QVERIFY(snapshot->closed && !snapshot->live);
    QCOMPARE(*snapshot->marks.inject, 12'040'000);
    QVERIFY(!snapshot->overview.empty());
}

void TestRecorder::fullDiskCostsTimeOnly()
{
    const auto path = file("full.drl");
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    QCOMPARE(getrlimit(RLIMIT_FSIZE, &before), 0);
    auto recorder = record(path);
    recorder->append(runFromNow(m_clock));
    QVERIFY(recorder->flush());
    rlimit small = before;
    small.rlim_cur = fs::file_size(path.string() + "-wal") + 20'000;
    QCOMPARE(setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto text = std::string(1000, 'x');
    for (int i = 0; i < 200; ++i)
        recorder->append(note(text + std::to_string(i)));
    const bool isSaid = becomes([&] { return !recorder->status().problem.empty(); });
    const auto refused = recorder->flush();
    const auto problem = recorder->status().problem;
    setrlimit(RLIMIT_FSIZE, &before);
    QVERIFY(isSaid && !problem.empty());
    QVERIFY(!refused); // a flush never says yes to what is not on the disk
    QVERIFY(becomes([&] { return recorder->status().committedSeq == 201; }));
    QVERIFY(becomes([&] { return recorder->status().problem.empty(); }));
    QCOMPARE(recorder->status().lost, std::uint64_t{0});
    QVERIFY(recorder->close());
    const auto folded = foldFile(path, m_clock);
    QVERIFY(folded);
    QCOMPARE(folded->events.size(), std::size_t{201});
    const auto report = verifyRecording(path, m_clock);
    QVERIFY2(report.exitCode == 3, report.sentence.c_str()); // sound, but nobody sealed it
}

void TestRecorder::movedFileIsSaid()
{
    const auto path = file("moved.drl");
    auto recorder = record(path);
    recorder->append(runFromNow(m_clock));
    QVERIFY(recorder->flush());
    fs::rename(path, file("elsewhere.drl"));
    QVERIFY(becomes([&] { return recorder->status().problem.find("moved") != std::string::npos; }));
}

void TestRecorder::idleFilesRollAndTwoAreKept()
{
    const auto folder = file("idle");
    fs::create_directory(folder);
    std::ofstream(folder / "mine.drl") << "not ours to delete";
    IdleOptions options;
    options.folder = folder;
    options.roll = Micros{400'000};
    auto idle = IdleRecorder::start(options, m_clock);
    QVERIFY2(idle, idle ? "" : idle.error().text().c_str());
    const auto first = (*idle)->path();
    (*idle)->append(note("kept"));
    QVERIFY((*idle)->keep(file("kept.drl")));
    QVERIFY((*idle)->path() != first);
    const auto second = (*idle)->path();
    QVERIFY(becomes([&] { return !fs::exists(second); }));
    const auto files = [&] {
        return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
    };
    QVERIFY(files() <= 2 + 2 + 1); // two recordings, the WAL and index of the open one, mine.drl
    idle->reset();
    QCOMPARE(files(), 3);
    QVERIFY(fs::exists(folder / "mine.drl"));
    const auto kept = foldFile(file("kept.drl"), m_clock);
    QVERIFY(kept && kept->closed);
    QCOMPARE(kept->state.acts.size(), std::size_t{1});
}

/// Arrives when it ends.
static void add(RowAssembler &assembler, const char *source, MonoTime end, double requests)
{
    assembler.add(counted(source, end, requests), end);
}

void TestRecorder::lateCountsGoIntoTheNextRow()
{
    RowAssembler assembler;
    const MonoTime t0(1'000'000);
    const auto row = [&](int k) { return assembler.take(t0 + k * kWindow).values; };
    add(assembler, "a", t0 + kWindow, 3);
    QCOMPARE(row(1).at("a.requests"), 3.0);
    QVERIFY(!row(2).contains("a.requests")); // nothing said: a gap, not a zero
    add(assembler, "a", t0 + 2 * kWindow, 5);
    add(assembler, "a", t0 + 3 * kWindow, 7);
    QCOMPARE(row(3).at("a.requests"), 12.0);
    QCOMPARE(assembler.lateWindows(), std::uint64_t{1});
    // A broken clock far ahead costs no count either.
    assembler.add(counted("a", t0 + Micros{3'600'000'000}, 2), t0 + 3 * kWindow);
    QCOMPARE(row(4).at("a.requests"), 2.0);
    // What waited for a disk is not ahead of anything: each window keeps its row.
    for (int k = 5; k <= 605; ++k)
        add(assembler, "a", t0 + k * kWindow, k);
    for (int k = 5; k <= 605; ++k)
        QCOMPARE(row(k).at("a.requests"), static_cast<double>(k));
    QCOMPARE(assembler.lateWindows(), std::uint64_t{2});
}

void TestRecorder::rowWaitsForKnownSourcesOnly()
{
    RowAssembler assembler;
    const MonoTime end(2'000'000);
    const auto ms = [](int n) { return Micros{n * 1000}; };
    QVERIFY(!assembler.isComplete(end, end + ms(299))); // nobody known yet: somebody may start
    QVERIFY(assembler.isComplete(end, end + ms(300)));
    add(assembler, "a", end, 1);
    QVERIFY(assembler.isComplete(end, end));
    QVERIFY(!assembler.isComplete(end, end - ms(1)));
    add(assembler, "b", end - kWindow, 1);
    QVERIFY(!assembler.isComplete(end, end + ms(100)));
    add(assembler, "b", end, 1);
    QVERIFY(assembler.isComplete(end, end + ms(100)));
    // Silent for more than a second: not waited for any more.
    const auto later = end + ms(1100);
    add(assembler, "a", later, 1);
    QVERIFY(assembler.isComplete(later, later));
}

void TestRecorder::levelsStandFor300Millis()
{
    RowAssembler assembler;
    const MonoTime t0(1'000'000);
    Window window;
    window.source = "replica/1";
    window.end = (t0 + kWindow).count();
    Sketch sketch;
    sketch.add(12.0);
    window.samples = {{"replica/1.up", 1}};
    window.sketches = {{"replica/1.latency", sketch.encode()}};
    assembler.add(window, t0 + kWindow);
    for (int k = 1; k <= 4; ++k) {
        const auto row = assembler.take(t0 + k * kWindow);
        QCOMPARE(row.values.at("replica/1.up"), 1.0);
        QVERIFY(std::abs(row.values.at("replica/1.latency.p99") - 12.0) < 0.2);
        QCOMPARE(row.sketches.size(), static_cast<std::size_t>(k == 1)); // counted once
    }
    QVERIFY(assembler.take(t0 + 5 * kWindow).values.empty());
}

void TestRecorder::missingCountsAreZeroOnlyWhenTheSourceSpoke()
{
    RowAssembler assembler;
    const MonoTime t0(1'000'000);
    add(assembler, "a", t0 + kWindow, 3);
    (void)assembler.take(t0 + kWindow);
    Window quiet;
    quiet.source = "a";
    quiet.end = (t0 + 2 * kWindow).count();
    assembler.add(quiet, t0 + 2 * kWindow);
    QCOMPARE(assembler.take(t0 + 2 * kWindow).values.at("a.requests"), 0.0);
}

QTEST_GUILESS_MAIN(TestRecorder)
#include "tst_recorder.moc"
