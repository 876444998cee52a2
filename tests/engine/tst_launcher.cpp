// The launcher starts processes, reports their ends, and takes all of them along when its agent is
// gone, stopped ones too.

#include "engine/agent/launcher.h"

#include "engine/base/clock.h"

#include <QtTest>
#include <csignal>
#include <sys/wait.h>

class TestLauncher : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void startsAndReportsTheEnd();
    void missingProgramIsReported();
    void childrenLeadTheirOwnGroupWithFewFiles();
    void killAllEndsEveryGroup();
    void agentsDeathTakesEverythingAlong_data();
    void agentsDeathTakesEverythingAlong();

private:
    QTemporaryDir m_folder;
    [[nodiscard]] std::string log() const
    {
        return m_folder.filePath(QStringLiteral("out.log")).toStdString();
    }
};

namespace {

template <class T>
std::optional<T> waitFor(engine::Launcher &launcher)
{
    for (int i = 0; i < 100; ++i)
        if (const auto report = launcher.read(50))
            if (const auto *wanted = std::get_if<T>(&*report))
                return *wanted;
    return {};
}

bool isGone(pid_t pid)
{
    const auto facts = engine::readProcess(pid);
    return !facts || facts->state == 'Z';
}

} // namespace

void TestLauncher::startsAndReportsTheEnd()
{
    auto launcher = engine::Launcher::fork();
    QVERIFY(launcher);
    QVERIFY(launcher->start("store", {"/bin/sh", "-c", "echo up; exit 3"}, log()));
    const auto started = waitFor<engine::ProcessStarted>(*launcher);
    QVERIFY(started);
    QCOMPARE(started->target, std::string("store"));
    QVERIFY(started->id.startTime > 0);
    const auto ended = waitFor<engine::ProcessEnded>(*launcher);
    QVERIFY(ended);
    QCOMPARE(ended->pid, started->id.pid);
    QCOMPARE(ended->how, std::string("exit code 3"));
    QFile file(QString::fromStdString(log()));
    QVERIFY(file.open(QIODevice::ReadOnly));
    QCOMPARE(file.readAll(), QByteArray("up\n"));
}

void TestLauncher::missingProgramIsReported()
{
    auto launcher = engine::Launcher::fork();
    QVERIFY(launcher->start("store", {"/no/such/program"}, log()));
    const auto ended = waitFor<engine::ProcessEnded>(*launcher);
    QVERIFY(ended);
    QCOMPARE(ended->how, std::string("exit code 127"));
}

void TestLauncher::childrenLeadTheirOwnGroupWithFewFiles()
{
    auto launcher = engine::Launcher::fork();
    QVERIFY(launcher->start("store", {"/bin/sleep", "60"}, log()));
    const auto started = waitFor<engine::ProcessStarted>(*launcher);
    QVERIFY(started);
    const auto pid = started->id.pid;
    QCOMPARE(engine::readProcess(pid)->group, pid);
    QCOMPARE(engine::readProcess(pid)->parent, launcher->pid());
    QTRY_COMPARE(QDir(QStringLiteral("/proc/%1/fd").arg(pid))
                     .entryList(QDir::NoDotAndDotDot | QDir::AllEntries | QDir::System)
                     .size(),
                 3);
    launcher->killAll();
    QVERIFY(waitFor<engine::ProcessEnded>(*launcher));
}

void TestLauncher::killAllEndsEveryGroup()
{
    auto launcher = engine::Launcher::fork();
    for (int i = 0; i < 3; ++i)
        QVERIFY(launcher->start("replica", {"/bin/sh", "-c", "sleep 60 & wait"}, log()));
    std::vector<pid_t> pids;
    for (int i = 0; i < 3; ++i)
        pids.push_back(waitFor<engine::ProcessStarted>(*launcher)->id.pid);
    launcher->killAll();
    for (int i = 0; i < 3; ++i)
        QCOMPARE(waitFor<engine::ProcessEnded>(*launcher)->how, std::string("signal 9"));
    for (const auto pid : pids)
        QTRY_VERIFY(::kill(-pid, 0) != 0);
    QVERIFY(!launcher->isGone());
}

void TestLauncher::agentsDeathTakesEverythingAlong_data()
{
    QTest::addColumn<bool>("launcherToo");
    QTest::newRow("agent killed") << false;
    QTest::newRow("launcher killed") << true;
}

// A child plays the agent, so that it can be killed.
void TestLauncher::agentsDeathTakesEverythingAlong()
{
    QFETCH(bool, launcherToo);
    int ends[2];
    QCOMPARE(::pipe(ends), 0);
    const auto agent = ::fork();
    if (agent == 0) {
        auto launcher = engine::Launcher::fork();
        pid_t pids[3] = {launcher->pid()};
        for (int i = 1; i < 3; ++i) {
            if (!launcher->start("replica", {"/bin/sleep", "60"}, "/dev/null"))
                ::_exit(1);
            pids[i] = waitFor<engine::ProcessStarted>(*launcher)->id.pid;
        }
        ::kill(pids[2], SIGSTOP); // a frozen process must die too
        [[maybe_unused]] const auto n = ::write(ends[1], pids, sizeof pids);
        for (;;)
            ::pause();
    }
    pid_t pids[3] = {};
    QCOMPARE(::read(ends[0], pids, sizeof pids), ssize_t{sizeof pids});
    ::kill(launcherToo ? pids[0] : agent, SIGKILL);
    const auto from = engine::systemClock().now();
    for (const auto pid : {pids[1], pids[2]})
        QTRY_VERIFY_WITH_TIMEOUT(isGone(pid), 1000);
    qInfo("gone after %lld us",
          static_cast<long long>((engine::systemClock().now() - from).count()));
    ::kill(agent, SIGKILL);
    ::waitpid(agent, nullptr, 0);
    QTRY_VERIFY_WITH_TIMEOUT(isGone(pids[0]), 1000);
    ::close(ends[0]);
    ::close(ends[1]);
}

QTEST_GUILESS_MAIN(TestLauncher)
#include "tst_launcher.moc"
