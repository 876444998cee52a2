// The agent is killed at six exact points between a fault's intent and the record of its undo, by
// tracing it from outside. Whatever the point: nothing is left, the next agent repairs before it
// does anything else, and repairing again changes nothing. DRILLROOM_SLOW=1: each fault at each
// point 20 times; else each point once, the faults taking turns.

#include "engine/base/random.h"
#include "engine/fault/fault.h"
#include "tests/support/auditor.h"
#include "tests/support/controller.h"
#include "tests/support/crash_point.h"
#include "tests/support/given_time.h"
#include "tests/support/placed_shop.h"

#include <sys/prctl.h>

using test::CrashAt;

class TestSafetyPoints : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase();
    void cleanup();
    void nothingIsLeftWhenTheAgentDiesAt_data();
    void nothingIsLeftWhenTheAgentDiesAt();
    void nothingIsLeftWhenBothDieAtOnce_data();
    void nothingIsLeftWhenBothDieAtOnce();

private:
    [[nodiscard]] int agentPid() const;
    void crash(const QString &fault, CrashAt point);
    /// Everything is gone; the next agent repairs; the one after it finds nothing to do.
    void auditAfterDeath(int pending);

    support::Workplace m_place;
    std::unique_ptr<test::Auditor> m_auditor;
    QByteArray m_filesBefore;
    bool m_slow = qEnvironmentVariableIsSet("DRILLROOM_SLOW");
    /// The promise is a second; a busy machine that runs other tests beside this one gets longer.
    int m_promise = m_slow ? 1000 : 30'000;
    qint64 m_longest = 0;
    int m_crashes = 0;
    engine::Random m_random{20261122, 11};
};

void TestSafetyPoints::initTestCase()
{
    // Agents outlive the controller that started them; they must stay below us to be traced where
    // only descendants may be.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    m_auditor = std::make_unique<test::Auditor>(m_place.home(), m_place.runtime());
    const auto wrong = test::placeSmallShop(m_place.home().toStdString());
    QVERIFY2(wrong.empty(), wrong.c_str());
}

void TestSafetyPoints::cleanupTestCase()
{
    qInfo("%d crashes of the agent, 0 leftovers, everything gone after %lld ms at the latest",
          m_crashes, static_cast<long long>(m_longest));
    QTRY_COMPARE(m_auditor->processes().size(), 0);
}

void TestSafetyPoints::cleanup()
{
    if (QTest::currentTestFailed())
        for (const auto &process : m_auditor->processes())
            ::kill(process.pid, SIGKILL);
}

int TestSafetyPoints::agentPid() const
{
    QFile lock(m_place.file("agent.lock"));
    return lock.open(QIODevice::ReadOnly) ? lock.readAll().toInt() : 0;
}

void TestSafetyPoints::nothingIsLeftWhenTheAgentDiesAt_data()
{
    QTest::addColumn<QString>("fault");
    QTest::addColumn<int>("point");
    const char *names[] = {"before intent", "after intent", "after apply",
                           "after ack",     "mid undo",     "after undo"};
    const char *fast[] = {"process.kill", "process.freeze", "data.lose",
                          "network.cut",  "model.corrupt",  "model.bad-deploy"};
    for (int point = 0; point < 6; ++point)
        for (const auto &name : test::faultsOfSmallShop())
            if (m_slow || name == QLatin1String(fast[point]))
                QTest::addRow("%s, %s", qPrintable(name), names[point]) << name << point;
}

void TestSafetyPoints::nothingIsLeftWhenTheAgentDiesAt()
{
    QFETCH(QString, fault);
    QFETCH(int, point);
    for (int i = 0; i < (m_slow ? 20 : 1) && !QTest::currentTestFailed(); ++i)
        crash(fault, static_cast<CrashAt>(point));
}

void TestSafetyPoints::crash(const QString &fault, CrashAt point)
{
    QFile::remove(m_place.file("run.undo.json"));
    test::Controller controller(
        m_place, {QStringLiteral("ready"), fault, test::targetFor(fault), QStringLiteral("2")});
    QVERIFY(!controller.waitFor("up").isEmpty());
    m_filesBefore = m_auditor->fileDigest();
    const int agent = agentPid();
    const bool lasts = engine::findFault(fault.toStdString())->lasts;
    const auto frozen = [&] { return m_auditor->stopped().size(); };
    const bool freezes = fault == QStringLiteral("process.freeze");
    if (point == CrashAt::AfterAck) {
        controller.say("apply");
        QVERIFY(!controller.waitFor("applied").isEmpty());
        QTest::qWait(static_cast<int>(m_random.below(300)));
        ::kill(agent, SIGKILL);
        auditAfterDeath(lasts);
        return;
    }
    test::CrashPoint crashPoint(agent, m_place.file("ledger.log"));
    if (!crashPoint.problem().isEmpty())
        QSKIP(qPrintable(QStringLiteral("Nothing can be traced here: ") + crashPoint.problem()));
    controller.say("apply");
    // An undo is asked for as soon as the fault is there.
    const bool undoes = lasts && (point == CrashAt::MidUndo || point == CrashAt::AfterUndo);
    if (undoes)
        controller.say("undo");
    qsizetype seen = -1;
    const bool reached = crashPoint.killAt(point, [&] { seen = frozen(); });
    QVERIFY2(reached, "the agent never came to the point");
    if (freezes) // the point is where it is said to be
        QCOMPARE(seen, point == CrashAt::AfterApply ? 1 : 0);
    const bool isPending =
        point == CrashAt::AfterIntent || point == CrashAt::AfterApply || point == CrashAt::MidUndo;
    auditAfterDeath(isPending);
}

void TestSafetyPoints::auditAfterDeath(int pending)
{
    ++m_crashes;
    const support::GivenTime timer;
    QVERIFY2(timer.within(m_promise, [&] { return m_auditor->processes().isEmpty(); }),
             "processes are left");
    m_longest = std::max(m_longest, timer.elapsed());
    QCOMPARE(m_auditor->pendingIntents(), pending);
    {
        test::Controller next(m_place, {QStringLiteral("attach")});
        QVERIFY(!next.waitFor("open").isEmpty()); // the agent listens only when it has repaired
        QCOMPARE(m_auditor->pendingIntents(), 0);
        QCOMPARE(m_auditor->fileDigest(), m_filesBefore);
        if (pending > 0)
            QVERIFY(QFile::exists(m_place.file("run.undo.json")));
        next.say("end");
        QVERIFY(next.waitForEnd());
    }
    QFile ledger(m_place.file("ledger.log"));
    QVERIFY(ledger.open(QIODevice::ReadOnly));
    const auto repaired = ledger.readAll();
    {
        test::Controller again(m_place, {QStringLiteral("attach")});
        QVERIFY(!again.waitFor("open").isEmpty());
        again.say("end");
        QVERIFY(again.waitForEnd());
    }
    QVERIFY(ledger.seek(0));
    QCOMPARE(ledger.readAll(), repaired); // the second undo did nothing
    QCOMPARE(m_auditor->fileDigest(), m_filesBefore);
    QTRY_COMPARE_WITH_TIMEOUT(m_auditor->processes().size(), 0, 30'000);
    QCOMPARE(m_auditor->socketFiles(), QStringList());
}

void TestSafetyPoints::nothingIsLeftWhenBothDieAtOnce_data()
{
    QTest::addColumn<QString>("fault");
    for (const auto &name : test::faultsOfSmallShop())
        if (m_slow || name == QStringLiteral("process.freeze"))
            QTest::newRow(qPrintable(name)) << name;
}

// Controller and agent within a millisecond, in either order, while the fault is on.
void TestSafetyPoints::nothingIsLeftWhenBothDieAtOnce()
{
    QFETCH(QString, fault);
    const bool lasts = engine::findFault(fault.toStdString())->lasts;
    for (int i = 0; i < (m_slow ? 20 : 1) && !QTest::currentTestFailed(); ++i) {
        QFile::remove(m_place.file("run.undo.json"));
        test::Controller controller(
            m_place, {QStringLiteral("ready"), fault, test::targetFor(fault), QStringLiteral("2")});
        QVERIFY(!controller.waitFor("up").isEmpty());
        m_filesBefore = m_auditor->fileDigest();
        controller.say("apply");
        QVERIFY(!controller.waitFor("applied").isEmpty());
        QTest::qWait(static_cast<int>(m_random.below(300)));
        const int agent = agentPid();
        const int first = i % 2 == 0 ? agent : controller.pid();
        const int second = i % 2 == 0 ? controller.pid() : agent;
        ::kill(first, SIGKILL);
        ::kill(second, SIGKILL);
        controller.kill();
        const support::GivenTime timer;
        QVERIFY(timer.within(m_promise, [&] { return m_auditor->processes().isEmpty(); }));
        // With the controller dead first the agent may have had the time to undo.
        const int pending = m_auditor->pendingIntents();
        QVERIFY(pending == lasts || (i % 2 == 1 && pending == 0));
        auditAfterDeath(pending);
    }
}

QTEST_GUILESS_MAIN(TestSafetyPoints)
#include "tst_safety_points.moc"
