// What a recording survives: a killed writer, a cut of power, a full, hanging or vanishing disk,
// jumping clocks, other zones and locales. The full counts run with DRILLROOM_SLOW=1.

#include "engine/recording/open.h"
#include "engine/recording/reader.h"
#include "engine/recording/recorder.h"
#include "engine/recording/verify.h"
#include "recording_run.h"
#include "tests/support/disk_shim.h"

#include <QtTest>
#include <clocale>
#include <csignal>
#include <ctime>
#include <locale>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace engine;
namespace fs = std::filesystem;

class TestRecordingDisk : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void killedWritersLoseNothingAcknowledged();
    void powerCutsCorruptNothing();
    void hangingDiskIsSaidAndCostsNothing();
    void metricsGiveWayBeforeEvents();
    void whatFoundNoMemoryIsNamed();
    void deletedFileIsSaidAndSavedAgain();
    void secondRecorderIsRefused();
    void namesOfAnyKindWork();
    void readOnlyFolderIsRefusedClearly();
    void clockJumpsZonesAndLocalesChangeNothing();

private:
    fs::path file(const char *name) const { return fs::path(m_folder.path().toStdString()) / name; }
    std::unique_ptr<Recorder> record(RecorderOptions options) const;
    template <class Claim>
    bool becomes(Claim claim) const;

    QTemporaryDir m_folder;
    const Clock &m_clock = systemClock();
    const bool m_isSlow = qEnvironmentVariableIntValue("DRILLROOM_SLOW") == 1;
};

namespace {

OperatorActed numbered(std::int64_t number, std::int64_t at)
{
    OperatorActed act;
    act.text = std::to_string(number);
    act.at = at;
    return act;
}

RunStarted runFromNow(const Clock &clock)
{
    auto run = recording_run::started();
    run.start = alignUp(clock.now()).count();
    return run;
}

/// The notes of a run in order, "" when they are 1, 2, 3 ...; else what is wrong.
std::string gapIn(const FoldedRun &run)
{
    std::int64_t next = 1;
    for (const auto &event : run.events)
        if (const auto *act = std::get_if<OperatorActed>(&event.payload))
            if (act->text != std::to_string(next++))
                return "note " + act->text + " where " + std::to_string(next - 1) + " belongs";
    return "";
}

} // namespace

std::unique_ptr<Recorder> TestRecordingDisk::record(RecorderOptions options) const
{
    auto recorder = Recorder::start(std::move(options), m_clock);
    if (!recorder)
        qFatal("%s", recorder.error().text().c_str());
    return std::move(*recorder);
}

template <class Claim>
bool TestRecordingDisk::becomes(Claim claim) const
{
    const auto until = m_clock.now() + Micros{30'000'000};
    while (!claim()) {
        if (m_clock.now() > until)
            return false;
        m_clock.waitUntil(m_clock.now() + Micros{5'000}, {});
    }
    return true;
}

/// A child of the kill test: 2,000 numbered notes a second; tells which are on the disk.
static int writeUntilKilled(const char *path, int acknowledge)
{
    const auto &clock = systemClock();
    RecorderOptions options;
    options.path = path;
    auto recorder = Recorder::start(options, clock);
    if (!recorder)
        return 1;
    (*recorder)->append(runFromNow(clock));
    if (!(*recorder)->flush())
        return 1;
    std::uint64_t told = 0;
    std::int64_t number = 0;
    for (auto next = clock.now();; next += Micros{5'000}) {
        for (int i = 0; i < 10; ++i)
            (*recorder)->append(numbered(++number, clock.now().count()));
        if (const auto seq = (*recorder)->status().committedSeq; seq != told) {
            told = seq;
            if (::write(acknowledge, &told, sizeof(told)) != sizeof(told))
                return 1;
        }
        clock.waitUntil(next, {});
    }
}

void TestRecordingDisk::killedWritersLoseNothingAcknowledged()
{
    struct Child
    {
        fs::path path;
        pid_t pid = -1;
        int pipe = -1;
        std::int64_t killedAt = 0;
    };
    const int kills = m_isSlow ? 1000 : 100, atOnce = m_isSlow ? 2 : 10;
    Random random(4, 2);
    std::vector<double> losses;
    int flagged = 0;
    for (int done = 0; done < kills; done += atOnce) {
        std::vector<Child> children(static_cast<std::size_t>(atOnce));
        for (auto &child : children) {
            child.path =
                file(("killed" + std::to_string(&child - children.data()) + ".drl").c_str());
            for (const char *suffix : {"", "-wal", "-shm"})
                fs::remove(child.path.string() + suffix);
            int pipe[2];
            QCOMPARE(::pipe(pipe), 0);
            const auto descriptor = std::to_string(pipe[1]);
            child.pid = ::fork();
            if (child.pid == 0) {
                ::close(pipe[0]);
                ::execl("/proc/self/exe", "tst_recording_disk", "--write", child.path.c_str(),
                        descriptor.c_str(), nullptr);
                ::_exit(127);
            }
            ::close(pipe[1]);
            child.pipe = pipe[0];
        }
        std::vector<std::uint64_t> acknowledged(children.size());
        for (std::size_t i = 0; i < children.size(); ++i)
            QCOMPARE(::read(children[i].pipe, &acknowledged[i], sizeof(std::uint64_t)),
                     static_cast<ssize_t>(sizeof(std::uint64_t)));
        for (auto &child : children) {
            m_clock.waitUntil(
                m_clock.now() + Micros{static_cast<int>(random.below(m_isSlow ? 300'000 : 40'000))},
                {});
            child.killedAt = m_clock.now().count();
            ::kill(child.pid, SIGKILL);
        }
        for (std::size_t i = 0; i < children.size(); ++i) {
            auto &child = children[i];
            int status = 0;
            ::waitpid(child.pid, &status, 0);
            QVERIFY(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
            std::uint64_t more = 0;
            while (::read(child.pipe, &more, sizeof(more)) == sizeof(more))
                acknowledged[i] = more;
            ::close(child.pipe);
            const auto folded = foldFile(child.path, m_clock);
            const auto report = verifyRecording(child.path, m_clock);
            std::string wrong;
            if (!folded)
                wrong = folded.error().text();
            else if (folded->closed || report.exitCode != 3)
                wrong = "verify says " + std::to_string(report.exitCode) + ": " + report.sentence;
            else if (folded->state.seq < acknowledged[i])
                wrong = "seq " + std::to_string(folded->state.seq) + " of acknowledged "
                        + std::to_string(acknowledged[i]);
            else
                wrong = gapIn(*folded);
            if (!wrong.empty()) {
                ++flagged;
                qWarning("kill %d: %s", done + static_cast<int>(i), wrong.c_str());
                continue;
            }
            const auto *newest = std::get_if<OperatorActed>(&folded->events.back().payload);
            losses.push_back(newest ? static_cast<double>(child.killedAt - newest->at) / 1000 : 0);
            if (losses.back() > 250)
                qWarning("kill %d: lost %.0f ms", done + static_cast<int>(i), losses.back());
        }
    }
    QCOMPARE(flagged, 0);
    std::sort(losses.begin(), losses.end());
    qInfo("%d kills: lost p50 %.0f, p99 %.0f, max %.0f ms", kills, losses[losses.size() / 2],
          losses[losses.size() * 99 / 100], losses.back());
    // Milliseconds are judged where the machine is ours.
    if (m_isSlow)
        QVERIFY(losses[losses.size() * 99 / 100] <= 250);
}

void TestRecordingDisk::powerCutsCorruptNothing()
{
    const auto folder = file("power");
    fs::create_directory(folder);
    auto key = SigningKey::loadOrCreate(file("keys") / "signing.key");
    QVERIFY(key);
    std::vector<support::DiskShim::Op> ops;
    std::size_t created = 0;
    {
        support::DiskShim disk;
        disk.record(true);
        auto writer = RecordingWriter::create(folder / "run.drl", &*key, {});
        QVERIFY(writer);
        created = disk.ops().size();
        writer->event(recording_run::started(), 0);
        AssembledRow row;
        for (std::int64_t t = 500; t <= 3'000'000; t += 500) { // 2,000 events a second
            writer->event(numbered(t / 500, t), t);
            row.values = {{"a", static_cast<double>(t)}};
            if (t % 100'000 == 0)
                writer->row(t, row);
            if (t % 50'000 != 0)
                continue;
            disk.mark(t);
            QVERIFY(writer->commit());
            if (t % 700'000 == 0)
                QVERIFY(writer->checkpoint());
            if (t % 1'000'000 == 0)
                QVERIFY(writer->seal());
        }
        QVERIFY(writer->close(m_clock, Micros{0}));
        ops = disk.ops();
    }
    QVERIFY(ops.size() > created + 200);
    const std::size_t points = m_isSlow ? 500 : 60;
    Random random(8, 3);
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < points; ++i)
        places.push_back(created + random.below(ops.size() + 1 - created));
    std::sort(places.begin(), places.end());
    support::PowerCut cut;
    std::size_t at = 0, closed = 0, corrupt = 0;
    std::int64_t worst = 0;
    const auto cuts = file("cut");
    for (const auto place : places) {
        for (; at < place; ++at)
            cut.apply(ops[at]);
        fs::remove_all(cuts);
        fs::create_directory(cuts);
        cut.leave(cuts, random);
        // A commit in flight when the power goes was not acknowledged.
        const auto now = at < ops.size() ? ops[at].mark : ops.back().mark;
        const auto run = foldFile(cuts / "run.drl", m_clock);
        const auto report = verifyRecording(cuts / "run.drl", m_clock);
        std::string wrong = run ? gapIn(*run) : run.error().text();
        // Closed and not sealed: the power went between the last batch and its seal.
        const bool isRight = report.exitCode == 3 || (run && run->closed && report.exitCode == 0);
        if (wrong.empty() && !isRight)
            wrong = report.sentence;
        if (!wrong.empty()) {
            ++corrupt;
            qWarning("cut before op %zu of %zu: %s", at, ops.size(), wrong.c_str());
            continue;
        }
        closed += run->closed ? 1 : 0;
        const auto newest = run->events.empty() ? 0 : run->events.back().t;
        worst = std::max(worst, now - newest);
    }
    qInfo("%zu cuts of power: %zu corrupt, at most %.0f ms lost, %zu found the file closed", points,
          corrupt, static_cast<double>(worst) / 1000, closed);
    QCOMPARE(corrupt, std::size_t{0});
    QVERIFY(worst <= 250'000); // of the recording's own time
    QVERIFY(worst > 0);
}

void TestRecordingDisk::hangingDiskIsSaidAndCostsNothing()
{
    support::DiskShim disk;
    RecorderOptions options;
    options.path = file("hang.drl");
    auto recorder = record(options);
    const auto started = runFromNow(m_clock);
    const auto origin = started.start;
    recorder->append(started);
    QVERIFY(recorder->flush());
    disk.hang();
    recorder->append(numbered(1, 0));
    QVERIFY(becomes([&] { return disk.waiting() > 0; }));
    const auto since = m_clock.now();
    QVERIFY(becomes([&] { return !recorder->status().problem.empty(); }));
    const auto said = m_clock.now() - since;
    qInfo("said after %.0f ms", static_cast<double>(said.count()) / 1000);
    const auto status = recorder->status();
    QVERIFY(status.problem.find("does not answer") != std::string::npos);
    QVERIFY(status.since > 0 && status.since <= m_clock.now().count());
    // Nobody who has news waits for the disk: all of this is said while it hangs.
    for (std::int64_t i = 2; i <= 20'000; ++i)
        recorder->append(numbered(i, 0));
    QVERIFY(disk.waiting() > 0);
    QVERIFY(recorder->status().heldEvents >= 19'999);
    QVERIFY(recorder->status().heldBytes > 0);
    const auto hangs = m_isSlow ? Micros{15'000'000} : Micros{2'000'000};
    std::vector<std::int64_t> ends;
    for (auto end = alignUp(m_clock.now()); end < since + hangs; end += kWindow) {
        m_clock.waitUntil(end, {});
        Window window;
        window.source = "gateway";
        window.end = end.count();
        window.samples = {{"gateway.requests", 7}};
        recorder->append(std::move(window));
        ends.push_back(end.count());
    }
    disk.release();
    QVERIFY(becomes([&] { return recorder->status().committedSeq == 20'001; }));
    QVERIFY(becomes([&] { return recorder->status().problem.empty(); }));
    QCOMPARE(recorder->status().since, std::int64_t{0});
    QCOMPARE(recorder->status().lost, std::uint64_t{0});
    QVERIFY(recorder->close());
    const auto folded = foldFile(options.path, m_clock);
    QVERIFY(folded);
    QCOMPARE(gapIn(*folded), std::string());
    QCOMPARE(folded->state.actsSeen, std::uint64_t{20'000});
    // Every measurement of that time has its own row.
    std::vector<std::int64_t> counted;
    auto reader = RecordingReader::open(options.path, m_clock);
    QVERIFY(reader);
    QVERIFY(reader->rows(INT64_MIN, INT64_MAX, [&](const RowView &row) {
        for (std::size_t i = 0; i < row.values.size(); ++i)
            if (row.names[i].starts_with("gateway.requests") && row.values[i] == 7.0F)
                counted.push_back(row.t + origin);
    }));
    QVERIFY(ends.size() > 3);
    QCOMPARE(counted, ends);
}

/// By hand, so that nothing depends on the machine's speed: a full disk, a small memory.
void TestRecordingDisk::metricsGiveWayBeforeEvents()
{
    support::DiskShim disk;
    const auto path = file("thin.drl");
    auto writer = RecordingWriter::create(path, nullptr, {});
    QVERIFY(writer);
    writer->setMemory(400'000);
    writer->event(recording_run::started(), 0);
    QVERIFY(writer->commit());
    disk.setFull(true);
    AssembledRow row;
    for (int i = 0; i < 200; ++i)
        row.values["series" + std::to_string(i)] = i;
    std::int64_t number = 0;
    for (std::int64_t t = 100'000; t <= 60'000'000; t += 100'000) {
        if (number < 600)
            writer->event(numbered(++number, t), t - 1);
        writer->row(t, row);
    }
    const auto refused = writer->commit();
    QVERIFY(!refused);
    QVERIFY(refused.error().message.find("disk is full") != std::string::npos);
    QVERIFY(writer->thinned() > 0);
    QCOMPARE(writer->lost(), std::uint64_t{0});
    disk.setFull(false);
    QVERIFY(writer->commit());
    writer->row(61'000'000, row);
    QVERIFY(writer->close(m_clock, Micros{0}));
    const auto folded = foldFile(path, m_clock);
    QVERIFY(folded);
    QCOMPARE(gapIn(*folded), std::string());
    QCOMPARE(folded->state.actsSeen, std::uint64_t{600});
    auto reader = RecordingReader::open(path, m_clock);
    const auto gaps = reader->gaps();
    QVERIFY(gaps);
    QCOMPARE(gaps->size(), std::size_t{1});
    QCOMPARE(gaps->front().why, static_cast<std::int64_t>(schema::GapReason::Thinned));
    QCOMPARE(static_cast<std::uint64_t>(gaps->front().lost), writer->thinned());
    QVERIFY(verifyRecording(path, m_clock).exitCode == 3); // whole, not sealed
}

void TestRecordingDisk::whatFoundNoMemoryIsNamed()
{
    support::DiskShim disk;
    RecorderOptions options;
    options.path = file("nomemory.drl");
    options.memory = 100'000;
    auto recorder = record(options);
    recorder->append(runFromNow(m_clock));
    QVERIFY(recorder->flush());
    disk.hang();
    recorder->append(numbered(1, 0));
    QVERIFY(becomes([&] { return disk.waiting() > 0; }));
    Window window;
    window.source = "traffic";
    window.end = alignUp(m_clock.now()).count();
    for (int i = 0; i < 100; ++i)
        window.samples.push_back({"series" + std::to_string(i), 1.0});
    while (recorder->status().thinned == 0)
        recorder->append(window);
    QCOMPARE(recorder->status().lost, std::uint64_t{0}); // half of it is for events alone
    std::uint64_t sent = 1;
    while (recorder->status().lost == 0) {
        recorder->append(numbered(0, 0));
        ++sent;
    }
    const auto lost = recorder->status().lost;
    disk.release();
    QVERIFY(becomes([&] { return recorder->status().committedSeq == 1 + sent - lost; }));
    QVERIFY(recorder->close());
    QCOMPARE(recorder->status().lost, lost);
    auto reader = RecordingReader::open(options.path, m_clock);
    QVERIFY(reader);
    std::int64_t named = 0;
    const auto gaps = reader->gaps();
    QVERIFY(gaps);
    for (const auto &gap : *gaps)
        named += gap.why == static_cast<std::int64_t>(schema::GapReason::NoMemory) ? gap.lost : 0;
    QCOMPARE(static_cast<std::uint64_t>(named), lost);
}

void TestRecordingDisk::deletedFileIsSaidAndSavedAgain()
{
    for (const bool isRenamed : {false, true}) {
        auto key = SigningKey::loadOrCreate(file("keys") / "signing.key");
        RecorderOptions options;
        options.path = file(isRenamed ? "renamed.drl" : "deleted.drl");
        options.key = &*key;
        auto recorder = record(options);
        recorder->append(runFromNow(m_clock));
        for (std::int64_t i = 1; i <= 100; ++i)
            recorder->append(numbered(i, 0));
        QVERIFY(recorder->flush());
        if (isRenamed)
            fs::rename(options.path, file("elsewhere.drl"));
        else
            fs::remove(options.path);
        const auto since = m_clock.now();
        QVERIFY(becomes([&] {
            return recorder->status().problem.find("moved or deleted") != std::string::npos;
        }));
        qInfo("said after %.0f ms", static_cast<double>((m_clock.now() - since).count()) / 1000);
        recorder->append(numbered(101, 0));
        QVERIFY(recorder->flush());
        // It stays said while it lasts, though commits go well.
        QVERIFY(!recorder->status().problem.empty());
        QVERIFY(recorder->close());
        const auto report = verifyRecording(options.path, m_clock);
        QVERIFY2(report.exitCode == 0, report.sentence.c_str());
        const auto folded = foldFile(options.path, m_clock);
        QVERIFY(folded && folded->closed);
        QCOMPARE(folded->state.actsSeen, std::uint64_t{101});
    }
}

void TestRecordingDisk::secondRecorderIsRefused()
{
    RecorderOptions options;
    options.path = file("one.drl");
    auto recorder = record(options);
    const auto second = Recorder::start(options, m_clock);
    QVERIFY(!second);
    QVERIFY(second.error().code == ErrorCode::Busy);
    QVERIFY(second.error().text().find(options.path.string()) != std::string::npos);
    recorder->append(runFromNow(m_clock));
    QVERIFY(recorder->close());
    QCOMPARE(foldFile(options.path, m_clock)->events.size(), std::size_t{1});
    QCOMPARE(fs::status(options.path).permissions(),
             fs::perms::owner_read | fs::perms::owner_write);
}

void TestRecordingDisk::namesOfAnyKindWork()
{
    for (const char *name :
         {"with space & 100%.drl", "\xe6\xbc\x94\xe4\xb9\xa0 \xf0\x9f\x94\xa5.drl",
          "what?#mode=memory.drl", "new\nline'quote\".drl"}) {
        RecorderOptions options;
        options.path = file(name);
        auto recorder = record(options);
        recorder->append(runFromNow(m_clock));
        QVERIFY(recorder->close());
        QVERIFY(fs::exists(options.path));
        const auto folded = foldFile(options.path, m_clock);
        QVERIFY2(folded, folded ? "" : folded.error().text().c_str());
        QCOMPARE(folded->events.size(), std::size_t{1});
    }
}

void TestRecordingDisk::readOnlyFolderIsRefusedClearly()
{
    if (::geteuid() == 0)
        QSKIP("A privileged process may write everywhere");
    const auto folder = file("readonly");
    fs::create_directory(folder);
    fs::permissions(folder, fs::perms::owner_read | fs::perms::owner_exec);
    RecorderOptions options;
    options.path = folder / "run.drl";
    const auto started = Recorder::start(options, m_clock);
    fs::permissions(folder, fs::perms::owner_all);
    QVERIFY(!started);
    QVERIFY(started.error().text().find(options.path.string()) != std::string::npos);
    QVERIFY(started.error().text().find("Permission denied") != std::string::npos);
}

namespace {

/// The wall clock jumps by a day with every look; what orders events does not.
class JumpingClock final : public Clock
{
public:
    MonoTime now() const override { return systemClock().now(); }
    std::int64_t wallMicros() const override
    {
        return systemClock().wallMicros() + (m_looks++ % 2 ? -86'400'000'000 : 86'400'000'000);
    }
    bool waitUntil(MonoTime when, std::stop_token stop) const override
    {
        return systemClock().waitUntil(when, stop);
    }

private:
    mutable std::atomic<int> m_looks{0};
};

struct CommaDecimals : std::numpunct<char>
{
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
};

} // namespace

void TestRecordingDisk::clockJumpsZonesAndLocalesChangeNothing()
{
    const auto write = [&](const char *name, const Clock &clock) {
        RecorderOptions options;
        options.path = file(name);
        auto recorder = Recorder::start(options, clock);
        auto run = recording_run::started();
        run.start = alignUp(clock.now()).count();
        (*recorder)->append(run);
        for (std::int64_t i = 1; i <= 300; ++i) {
            (void)clock.wallMicros();
            if (i % 50 == 0)
                (void)(*recorder)->flush();
            (*recorder)->append(numbered(i, 0));
        }
        (void)(*recorder)->close();
        return foldFile(options.path, clock);
    };
    const auto plain = write("plain.drl", m_clock);
    QVERIFY(plain);

    const std::locale before = std::locale::global(std::locale(std::locale(), new CommaDecimals));
    const std::string cBefore = std::setlocale(LC_ALL, nullptr);
    for (const char *name : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"})
        if (std::setlocale(LC_ALL, name))
            break;
    qputenv("TZ", "Pacific/Kiritimati");
    ::tzset();
    const JumpingClock jumping;
    const auto odd = write("odd.drl", jumping);
    const auto text = toJson(verifyRecording(file("odd.drl"), jumping));
    const auto verdict = odd ? toJson(odd->state.verdict()) : "";
    std::locale::global(before);
    std::setlocale(LC_ALL, cBefore.c_str());
    qunsetenv("TZ");
    ::tzset();

    QVERIFY(odd && odd->closed);
    QCOMPARE(gapIn(*odd), std::string());
    QCOMPARE(odd->events.size(), plain->events.size());
    for (std::size_t i = 1; i < odd->events.size(); ++i)
        QVERIFY(odd->events[i].t >= odd->events[i - 1].t && odd->events[i].t < 86'400'000'000);
    for (std::size_t i = 1; i < odd->events.size(); ++i)
        QVERIFY(encodePayload(odd->events[i].payload) == encodePayload(plain->events[i].payload));
    QCOMPARE(verdict, toJson(plain->state.verdict()));
    QVERIFY(QByteArray::fromStdString(text).contains("\"events\":301"));
}

int main(int argc, char **argv)
{
    if (argc == 4 && std::string_view(argv[1]) == "--write")
        return writeUntilKilled(argv[2], std::atoi(argv[3]));
    QCoreApplication application(argc, argv);
    TestRecordingDisk test;
    return QTest::qExec(&test, argc, argv);
}
#include "tst_recording_disk.moc"
