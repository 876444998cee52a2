// Whatever dies, whenever: every fault is undone and nothing is left behind. Judged by an auditor
// that reads /proc, sockets and files. Controllers are processes
// of their own (controller.cpp).
// DRILLROOM_SLOW=1: 40 kills per fault instead of 3.

#include "engine/base/random.h"
#include "engine/fault/fault.h"
#include "engine/fault/probe.h"
#include "tests/support/auditor.h"
#include "tests/support/controller.h"
#include "tests/support/given_time.h"
#include "tests/support/placed_shop.h"

using engine::Micros;

namespace {

bool isSlow()
{
    return qEnvironmentVariableIsSet("DRILLROOM_SLOW");
}

/// ms within which everything is undone; a busy machine that runs other tests beside this one gets
/// longer.
const int kPromise = isSlow() ? 1000 : 30'000;

} // namespace

class TestSafety : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase();
    void cleanup();
    void killedControllerTakesItsShopAlong_data();
    void killedControllerTakesItsShopAlong();
    void killedControllerLeavesNoFault_data();
    void killedControllerLeavesNoFault();
    void stoppedControllersFaultEndsAtItsDeadline();
    void haltWorksBesideAStoppedController();
    void killedAgentTakesTheShopAlongAndTheNextRepairs();
    void secondControllerIsToldWhoHoldsTheShop();
    void onlyPrivateSocketsAndLoopback();
    void differentShopIsRefusedWithTheDifference();

private:
    [[nodiscard]] bool everyEdgeAnswers() const;
    /// As the shop's registry says, read without its own code.
    [[nodiscard]] QString servingVersion() const;
    void faults();
    support::Workplace m_place;
    std::unique_ptr<test::Auditor> m_auditor;
    int m_kills = isSlow() ? 40 : 3;
    engine::Random m_random{20261122, 7};
};

void TestSafety::initTestCase()
{
    m_auditor = std::make_unique<test::Auditor>(m_place.home(), m_place.runtime());
    const auto wrong = test::placeSmallShop(m_place.home().toStdString());
    QVERIFY2(wrong.empty(), wrong.c_str());
}

void TestSafety::cleanupTestCase()
{
    QTRY_COMPARE_WITH_TIMEOUT(m_auditor->processes().size(), 0, kPromise);
}

void TestSafety::cleanup()
{
    // Whatever a failed test left must not make the next one fail too.
    if (QTest::currentTestFailed())
        for (const auto &process : m_auditor->processes())
            ::kill(process.pid, SIGKILL);
}

void TestSafety::faults()
{
    QTest::addColumn<QString>("fault");
    for (const auto &name : test::faultsOfSmallShop())
        QTest::newRow(qPrintable(name)) << name;
}

bool TestSafety::everyEdgeAnswers() const
{
    const auto agent = m_auditor->pidsOf("drillroom-node agent");
    const auto &clock = engine::systemClock();
    const auto listeners = m_auditor->listeners();
    int edges = 0;
    for (const auto &listener : listeners) {
        if (!agent.contains(listener.pid))
            continue;
        ++edges;
        if (!engine::answersHttp2(clock, listener.port, Micros{300'000}))
            return false;
    }
    return edges >= 6;
}

QString TestSafety::servingVersion() const
{
    QFile file(m_place.file("shops/small/registry.json"));
    if (!file.open(QIODevice::ReadOnly))
        return {};
    return QJsonDocument::fromJson(file.readAll()).object()[QStringLiteral("serving")].toString();
}

void TestSafety::killedControllerTakesItsShopAlong_data()
{
    faults();
}

// The moment is anywhere between the start and a second after the fault.
void TestSafety::killedControllerTakesItsShopAlong()
{
    QFETCH(QString, fault);
    for (int i = 0; i < m_kills / 3; ++i) {
        test::Controller controller(m_place,
                                    {QStringLiteral("own"), fault, test::targetFor(fault)});
        if (i > 0)
            QVERIFY(!controller.waitFor("applied").isEmpty());
        QTest::qWait(static_cast<int>(m_random.below(i > 0 ? 800 : 1500)));
        const support::GivenTime timer;
        controller.kill();
        QVERIFY2(timer.within(kPromise, [&] { return m_auditor->processes().isEmpty(); }),
                 "processes are left");
        qInfo("gone after %lld ms", static_cast<long long>(timer.elapsed()));
        QCOMPARE(m_auditor->socketFiles(), QStringList());
        QCOMPARE(m_auditor->pendingIntents(), 0);
    }
}

void TestSafety::killedControllerLeavesNoFault_data()
{
    faults();
}

void TestSafety::killedControllerLeavesNoFault()
{
    QFETCH(QString, fault);
    {
        test::Controller starter(m_place, {QStringLiteral("stay")});
        QVERIFY(!starter.waitFor("up").isEmpty());
        starter.say("end");
        QVERIFY(starter.waitForEnd());
    }
    qint64 longest = 0;
    for (int i = 0; i < m_kills; ++i) {
        test::Controller controller(m_place,
                                    {QStringLiteral("own"), fault, test::targetFor(fault)});
        QVERIFY(!controller.waitFor("applied").isEmpty());
        // The auditor must see the fault too, or it could not tell that it is gone.
        if (fault == QStringLiteral("process.freeze"))
            QTRY_COMPARE(m_auditor->stopped().size(), 1);
        if (fault == QStringLiteral("network.cut"))
            QVERIFY(!everyEdgeAnswers());
        if (fault == QStringLiteral("model.bad-deploy"))
            QCOMPARE(servingVersion(), QStringLiteral("2"));
        QTest::qWait(static_cast<int>(m_random.below(400)));
        controller.kill();
        const support::GivenTime timer;
        QVERIFY2(timer.within(kPromise, [&] { return m_auditor->stopped().isEmpty(); }),
                 "a process is frozen");
        if (fault != QStringLiteral("process.kill"))
            QVERIFY2(timer.within(kPromise, [&] { return everyEdgeAnswers(); }), "an edge is cut");
        QVERIFY(timer.within(kPromise, [&] { return m_auditor->pendingIntents() == 0; }));
        QCOMPARE(servingVersion(), QStringLiteral("1"));
        longest = std::max(longest, timer.elapsed());
        QVERIFY(longest <= kPromise);
        QCOMPARE(m_auditor->pidsOf("drillroom-node agent").size(), 2); // and its launcher
        QTRY_COMPARE_WITH_TIMEOUT(m_auditor->pidsOf("drillroom-replica").size(), 3, 10'000);
    }
    qInfo("%d kills, longest undo %lld ms", m_kills, static_cast<long long>(longest));
    test::Controller ender(m_place, {QStringLiteral("down")});
    QVERIFY(!ender.waitFor("down").isEmpty());
    ender.waitForEnd();
    QTRY_VERIFY_WITH_TIMEOUT(m_auditor->processes().isEmpty(), 30'000);
}

void TestSafety::stoppedControllersFaultEndsAtItsDeadline()
{
    test::Controller controller(m_place, {QStringLiteral("own"), QStringLiteral("process.freeze"),
                                          QStringLiteral("replica/2"), QStringLiteral("1500")});
    QVERIFY(!controller.waitFor("applied").isEmpty());
    const support::GivenTime timer;
    controller.signal(SIGSTOP);
    QTRY_COMPARE(m_auditor->stopped().size(), 1);
    QTest::qWait(900);
    QCOMPARE(m_auditor->stopped().size(), 1); // not earlier
    QTRY_COMPARE_WITH_TIMEOUT(m_auditor->stopped().size(), 0, isSlow() ? 1500 : 30'000);
    qInfo("a fault of 1500 ms ended after %lld ms", static_cast<long long>(timer.elapsed()));
    if (isSlow())
        QVERIFY(timer.elapsed() < 1500 + 400);
    controller.kill();
    QTRY_VERIFY_WITH_TIMEOUT(m_auditor->processes().isEmpty(), 30'000);
}

void TestSafety::haltWorksBesideAStoppedController()
{
    test::Controller controller(m_place, {QStringLiteral("own"), QStringLiteral("process.freeze"),
                                          QStringLiteral("replica/2")});
    QVERIFY(!controller.waitFor("applied").isEmpty());
    controller.signal(SIGSTOP);
    QTRY_COMPARE(m_auditor->stopped().size(), 1);
    test::Controller stopper(m_place, {QStringLiteral("halt")});
    QVERIFY(!stopper.waitFor("halted").isEmpty());
    QTRY_COMPARE_WITH_TIMEOUT(m_auditor->stopped().size(), 0, kPromise);
    controller.kill();
    QTRY_VERIFY_WITH_TIMEOUT(m_auditor->processes().isEmpty(), 30'000);
}

void TestSafety::killedAgentTakesTheShopAlongAndTheNextRepairs()
{
    test::Controller controller(m_place, {QStringLiteral("own"), QStringLiteral("process.freeze"),
                                          QStringLiteral("replica/2")});
    QVERIFY(!controller.waitFor("applied").isEmpty());
    QTRY_COMPARE(m_auditor->stopped().size(), 1);
    QCOMPARE(m_auditor->pendingIntents(), 1);
    auto agents = m_auditor->pidsOf("drillroom-node agent");
    QCOMPARE(agents.size(), 2);
    QFile lock(m_place.file("agent.lock"));
    QVERIFY(lock.open(QIODevice::ReadOnly));
    ::kill(lock.readAll().toInt(), SIGKILL);
    const support::GivenTime timer;
    QVERIFY(!controller.waitFor("link down", kPromise).isEmpty());
    QTRY_VERIFY_WITH_TIMEOUT(m_auditor->processes().isEmpty(), 30'000);
    QVERIFY(timer.elapsed() <= kPromise);
    QCOMPARE(m_auditor->pendingIntents(), 1);
    test::Controller next(m_place, {QStringLiteral("attach")});
    QVERIFY(!next.waitFor("open").isEmpty());
    QCOMPARE(m_auditor->pendingIntents(), 0);
    QVERIFY(QFile::exists(m_place.file("repair.json")));
    QVERIFY(QFile::exists(m_place.file("run.undo.json"))); // beside the recording it belongs to
}

void TestSafety::secondControllerIsToldWhoHoldsTheShop()
{
    test::Controller first(m_place, {QStringLiteral("attach")});
    QVERIFY(!first.waitFor("open").isEmpty());
    test::Controller second(m_place, {QStringLiteral("attach")});
    const auto told = second.waitFor("busy");
    QVERIFY2(told.contains("test controller (pid "), told);
    first.kill();
    test::Controller third(m_place, {QStringLiteral("attach")});
    QVERIFY(!third.waitFor("open").isEmpty());
}

void TestSafety::onlyPrivateSocketsAndLoopback()
{
    test::Controller controller(m_place, {QStringLiteral("own"), QStringLiteral("process.freeze"),
                                          QStringLiteral("replica/2")});
    QVERIFY(!controller.waitFor("applied").isEmpty());
    const auto listeners = m_auditor->listeners();
    QVERIFY(listeners.size() >= 11); // 6 edges, 5 servers
    for (const auto &listener : listeners)
        QVERIFY2(listener.address
                         == "0100007F" // 127.0.0.1, and gRPC's form of it: ::ffff:127.0.0.1
                     || listener.address == "0000000000000000FFFF00000100007F",
                 listener.address);
    QCOMPARE(m_auditor->datagramSockets(), 0);
    const auto folder = m_place.runtime() + QStringLiteral("/drillroom");
    QCOMPARE(test::Auditor::mode(folder), mode_t{0700});
    QCOMPARE(m_auditor->socketFiles().size(), 2);
    for (const auto &name : m_auditor->socketFiles())
        QCOMPARE(test::Auditor::mode(folder + QStringLiteral("/") + name), mode_t{0600});
}

void TestSafety::differentShopIsRefusedWithTheDifference()
{
    test::Controller controller(m_place, {QStringLiteral("twice")});
    const auto told = controller.waitFor("error");
    QVERIFY2(told.contains("replicas is 3, asked for is 2"), told);
}

QTEST_GUILESS_MAIN(TestSafety)
#include "tst_safety.moc"
