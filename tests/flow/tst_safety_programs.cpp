// The programs an operator really uses, killed in the middle of a drill: the console (offscreen)
// and drillctl. Every fault is undone, every process they started is gone, and a shop that was
// started to stay lives on unbroken. DRILLROOM_SLOW=1: 40 random moments per program and fault;
// else one of each kind.

#include "engine/base/random.h"
#include "engine/fault/fault.h"
#include "engine/fault/probe.h"
#include "tests/support/auditor.h"
#include "tests/support/controller.h"
#include "tests/support/given_time.h"
#include "tests/support/placed_shop.h"

using engine::Micros;

namespace {

constexpr int kReplicas = 2;
constexpr int kInject = 5000; // ms from the first request to the fault: the least a drill may have

const char *const kDrill = R"(drillroom: 1
title: The controller dies
shop: {application: recommend, replicas: 2, standby: false}
load: {arrivals: poisson, rate: 50/s, deadline: 250ms, warm-up: 0s, length: 60s}
steady-state-hypothesis:
  title: Shoppers are served
  probes:
    - {type: probe, name: failed, tolerance: "<= 1 %", provider: {type: series, series: gateway.failed}}
method:
  - {type: action, name: break it, at: 5s, DURATION provider: {type: fault, fault: FAULT, target: "TARGET"SETTINGS}, override: last-healthy}
responses: []
guards: []
key-response: []
verdict: {budget: "<= 100 %"}
rollbacks: []
)";

} // namespace

class TestSafetyPrograms : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase();
    void cleanup();
    void killedProgramTakesItsShopAlong_data() { programsAndFaults("drillroom", "process.freeze"); }
    void killedProgramTakesItsShopAlong();
    void killedProgramLeavesNoFaultInAShopThatStays_data()
    {
        programsAndFaults("drillctl", "network.cut");
    }
    void killedProgramLeavesNoFaultInAShopThatStays();
    void stoppedProgramsFaultEndsAtItsDeadline_data() { programs(); }
    void stoppedProgramsFaultEndsAtItsDeadline();
    void programSaysThatItsAgentIsGone_data() { programs(); }
    void programSaysThatItsAgentIsGone();
    void removedHomeEndsAShopThatStays();

private:
    void programs() const;
    /// All in the slow form, the named pair in the fast one.
    void programsAndFaults(std::string_view fastProgram, std::string_view fastFault) const;
    [[nodiscard]] std::unique_ptr<test::Controller>
    start(const QString &program, const QString &fault, const QString &duration = {}) const;
    [[nodiscard]] bool everyEdgeAnswers() const;
    /// Waits until the fault is in the ledger, as written by the agent.
    [[nodiscard]] bool waitForIntent(qsizetype before) const;
    [[nodiscard]] qsizetype intents() const;
    [[nodiscard]] int newestAgent() const;

    support::Workplace m_place;
    std::unique_ptr<test::Auditor> m_auditor;
    bool m_slow = qEnvironmentVariableIsSet("DRILLROOM_SLOW");
    int m_promise = m_slow ? 1000 : 30'000;
    int m_kills = 0, m_duringFault = 0;
    qint64 m_longest = 0;
    engine::Random m_random{20261122, 13};
};

void TestSafetyPrograms::initTestCase()
{
    m_auditor = std::make_unique<test::Auditor>(m_place.home(), m_place.runtime());
    const auto wrong = test::placeSmallShop(m_place.home().toStdString());
    QVERIFY2(wrong.empty(), wrong.c_str());
}

void TestSafetyPrograms::cleanupTestCase()
{
    qInfo("%d kills, %d of them while the fault was on, 0 leftovers, longest undo %lld ms", m_kills,
          m_duringFault, static_cast<long long>(m_longest));
    QTRY_COMPARE(m_auditor->processes().size(), 0);
}

void TestSafetyPrograms::cleanup()
{
    if (QTest::currentTestFailed())
        for (const auto &process : m_auditor->processes())
            ::kill(process.pid, SIGKILL);
    QDir(m_place.file("recordings")).removeRecursively();
    QDir(m_place.file("idle")).removeRecursively();
}

void TestSafetyPrograms::programs() const
{
    QTest::addColumn<QString>("program");
    if (m_slow)
        QTest::newRow("drillctl") << QStringLiteral("drillctl");
    QTest::newRow("console") << QStringLiteral("drillroom");
}

void TestSafetyPrograms::programsAndFaults(std::string_view fastProgram,
                                           std::string_view fastFault) const
{
    QTest::addColumn<QString>("program");
    QTest::addColumn<QString>("fault");
    for (const char *program : {"drillctl", "drillroom"})
        for (const auto &fault : test::faultsOfSmallShop())
            if (m_slow || (program == fastProgram && fault.toStdString() == fastFault))
                QTest::addRow("%s, %s", program, qPrintable(fault))
                    << QString::fromLatin1(program) << fault;
}

std::unique_ptr<test::Controller> TestSafetyPrograms::start(const QString &program,
                                                            const QString &fault,
                                                            const QString &duration) const
{
    auto text = QString::fromLatin1(kDrill)
                    .replace(QStringLiteral("FAULT"), fault)
                    .replace(QStringLiteral("TARGET"), test::targetFor(fault))
                    .replace(QStringLiteral("SETTINGS"), test::settingsFor(fault))
                    .replace(QStringLiteral("DURATION"),
                             duration.isEmpty() ? QString()
                                                : QStringLiteral("duration: %1,").arg(duration));
    QFile file(m_place.file("kill.yaml"));
    if (!file.open(QIODevice::WriteOnly))
        return nullptr;
    file.write(text.toUtf8());
    file.close();
    const bool isConsole = program == QStringLiteral("drillroom");
    const QStringList words =
        isConsole ? QStringList{QStringLiteral("--shop"), QStringLiteral("small"),
                                QStringLiteral("--start-drill"), file.fileName()}
                  : QStringList{QStringLiteral("drill"), QStringLiteral("run"), file.fileName(),
                                QStringLiteral("--shop"), QStringLiteral("small")};
    return std::make_unique<test::Controller>(m_place, isConsole ? "drillroom" : "drillctl", words);
}

bool TestSafetyPrograms::everyEdgeAnswers() const
{
    const auto agent = m_auditor->pidsOf("drillroom-node agent");
    const auto listeners = m_auditor->listeners();
    int edges = 0;
    for (const auto &listener : listeners) {
        if (!agent.contains(listener.pid))
            continue;
        ++edges;
        if (!engine::answersHttp2(engine::systemClock(), listener.port, Micros{300'000}))
            return false;
    }
    return edges >= 3 + kReplicas;
}

qsizetype TestSafetyPrograms::intents() const
{
    QFile file(m_place.file("ledger.log"));
    return file.open(QIODevice::ReadOnly) ? file.readAll().count("\"type\":\"intent\"") : 0;
}

bool TestSafetyPrograms::waitForIntent(qsizetype before) const
{
    return QTest::qWaitFor([&] { return intents() > before; }, 60'000);
}

int TestSafetyPrograms::newestAgent() const
{
    QFile lock(m_place.file("agent.lock"));
    return lock.open(QIODevice::ReadOnly) ? lock.readAll().toInt() : 0;
}

// From the first moment of the program until a second after the fault.
void TestSafetyPrograms::killedProgramTakesItsShopAlong()
{
    QFETCH(QString, program);
    QFETCH(QString, fault);
    const auto files = m_auditor->fileDigest();
    for (int i = 0; i < (m_slow ? 20 : 1); ++i) {
        const auto before = intents();
        const auto controller = start(program, fault);
        const bool duringFault = i % 2 == 0;
        if (duringFault)
            QVERIFY(waitForIntent(before));
        QTest::qWait(static_cast<int>(m_random.below(duringFault ? 1000 : kInject + 2000)));
        controller->kill();
        const support::GivenTime timer;
        QVERIFY2(timer.within(m_promise, [&] { return m_auditor->processes().isEmpty(); }),
                 "processes are left");
        m_longest = std::max(m_longest, timer.elapsed());
        ++m_kills;
        m_duringFault += intents() > before;
        QCOMPARE(m_auditor->socketFiles(), QStringList());
        QCOMPARE(m_auditor->pendingIntents(), 0);
        QCOMPARE(m_auditor->fileDigest(), files);
    }
}

void TestSafetyPrograms::killedProgramLeavesNoFaultInAShopThatStays()
{
    QFETCH(QString, program);
    QFETCH(QString, fault);
    const auto up =
        m_place.ctl({QStringLiteral("shop"), QStringLiteral("up"), QStringLiteral("small"),
                     QStringLiteral("--replicas"), QString::number(kReplicas)});
    QVERIFY2(up.exit == 0, up.err);
    const auto files = m_auditor->fileDigest();
    for (int i = 0; i < (m_slow ? 20 : 1); ++i) {
        const auto before = intents();
        const auto controller = start(program, fault);
        const bool duringFault = i % 2 == 0;
        if (duringFault) {
            QVERIFY(waitForIntent(before));
            // The auditor must see the fault too, or it could not tell that it is gone.
            if (fault == QStringLiteral("process.freeze"))
                QTRY_COMPARE(m_auditor->stopped().size(), 1);
            if (fault == QStringLiteral("network.cut"))
                QTRY_VERIFY(!everyEdgeAnswers());
        }
        QTest::qWait(static_cast<int>(m_random.below(duringFault ? 400 : kInject + 2000)));
        controller->kill();
        const support::GivenTime timer;
        QVERIFY2(timer.within(m_promise, [&] { return m_auditor->stopped().isEmpty(); }),
                 "a process is frozen");
        QVERIFY2(timer.within(m_promise, [&] { return m_auditor->pendingIntents() == 0; }),
                 "an undo is missing in the ledger");
        if (fault == QStringLiteral("network.cut"))
            QVERIFY2(timer.within(m_promise, [&] { return everyEdgeAnswers(); }), "an edge is cut");
        QVERIFY2(timer.within(m_promise, [&] { return m_auditor->fileDigest() == files; }),
                 "a file is not as it was");
        m_longest = std::max(m_longest, timer.elapsed());
        ++m_kills;
        m_duringFault += intents() > before;
        // Agent and launcher, gateway, store, traffic, replicas: the shop lives on.
        QTRY_COMPARE(m_auditor->processes().size(), 5 + kReplicas);
        QTRY_VERIFY(everyEdgeAnswers());
    }
    QCOMPARE(
        m_place.ctl({QStringLiteral("shop"), QStringLiteral("down"), QStringLiteral("small")}).exit,
        0);
    QTRY_VERIFY_WITH_TIMEOUT(m_auditor->processes().isEmpty(), 30'000);
}

void TestSafetyPrograms::stoppedProgramsFaultEndsAtItsDeadline()
{
    QFETCH(QString, program);
    if (!m_slow)
        QSKIP("In the slow form; tst_safety stops a smaller controller in the fast one");
    for (int i = 0; i < 10; ++i) {
        const auto before = intents();
        const auto controller =
            start(program, QStringLiteral("process.freeze"), QStringLiteral("3s"));
        QVERIFY(waitForIntent(before));
        QTRY_COMPARE(m_auditor->stopped().size(), 1);
        const support::GivenTime timer;
        controller->signal(SIGSTOP);
        QTRY_COMPARE(m_auditor->stopped().size(), 2); // the program itself too
        QTRY_COMPARE_WITH_TIMEOUT(m_auditor->stopped(), QList<int>{controller->pid()}, 60'000);
        QVERIFY2(timer.elapsed() < 3000 + 300, qPrintable(QString::number(timer.elapsed())));
        QTRY_COMPARE(m_auditor->pendingIntents(), 0);
        controller->kill();
        QTRY_VERIFY_WITH_TIMEOUT(m_auditor->processes().isEmpty(), 30'000);
    }
}

// Said where an operator finds it afterwards too: in the recording of the run.
void TestSafetyPrograms::programSaysThatItsAgentIsGone()
{
    QFETCH(QString, program);
    for (int i = 0; i < (m_slow ? 10 : 1); ++i) {
        QDir(m_place.file("recordings")).removeRecursively();
        const auto before = intents();
        const auto controller = start(program, QStringLiteral("process.freeze"));
        QVERIFY(waitForIntent(before));
        QTest::qWait(static_cast<int>(m_random.below(500)));
        ::kill(newestAgent(), SIGKILL);
        const support::GivenTime timer;
        const QDir folder(m_place.file("recordings"));
        QVERIFY(
            timer.within(m_promise, [&] { return m_auditor->pidsOf("drillroom-node").isEmpty(); }));
        QVERIFY(m_auditor->pidsOf("drillroom-replica").isEmpty());
        const auto says = [&] {
            const auto files = folder.entryList({QStringLiteral("*.drl")});
            return files.size() == 1
                   && m_place
                          .ctl({QStringLiteral("recording"), QStringLiteral("events"),
                                folder.filePath(files[0])})
                          .out.contains("The agent is gone");
        };
        QVERIFY(timer.within(m_promise + 500, says)); // half a second to look at it
        controller->kill();
        // The next start finds the fault in the ledger and says beside the recording what became
        // of it.
        const auto status =
            m_place.ctl({QStringLiteral("shop"), QStringLiteral("up"), QStringLiteral("small"),
                         QStringLiteral("--replicas"), QString::number(kReplicas)});
        QVERIFY2(status.exit == 0, status.err);
        QCOMPARE(m_auditor->pendingIntents(), 0);
        QCOMPARE(folder.entryList({QStringLiteral("*.undo.json")}).size(), 1);
        QCOMPARE(
            m_place.ctl({QStringLiteral("shop"), QStringLiteral("down"), QStringLiteral("small")})
                .exit,
            0);
        QTRY_VERIFY_WITH_TIMEOUT(m_auditor->processes().isEmpty(), 30'000);
    }
}

void TestSafetyPrograms::removedHomeEndsAShopThatStays()
{
    const auto up =
        m_place.ctl({QStringLiteral("shop"), QStringLiteral("up"), QStringLiteral("small"),
                     QStringLiteral("--replicas"), QString::number(kReplicas)});
    QVERIFY2(up.exit == 0, up.err);
    QVERIFY(!m_place.processes().isEmpty());
    const auto aside = m_place.home() + QStringLiteral("-aside");
    QVERIFY(QDir().rename(m_place.home(), aside));
    const bool isOver =
        QTest::qWaitFor([&] { return m_place.processes().isEmpty(); }, m_promise + 9000);
    QVERIFY(QDir().rename(aside, m_place.home()));
    QVERIFY(isOver);
}

QTEST_GUILESS_MAIN(TestSafetyPrograms)
#include "tst_safety_programs.moc"
