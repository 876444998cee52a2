// Every fault on a real process and a real wire: seen when applied, not seen when not, gone when
// undone.

#include "engine/fault/fault.h"
#include "engine/fault/probe.h"
#include "tests/support/tiny_server.h"

#include <QtTest>

using engine::Micros;

class TestFaults : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void killIsConfirmedAndClearsWhenTheTargetIsBack();
    void freezeIsConfirmedAndUndone();
    void frozenAcceptsConnectionsAllTheSame();
    void cutIsConfirmedAndUndone();
    void nothingAppliedIsNotConfirmed_data();
    void nothingAppliedIsNotConfirmed();
    void unknownTargetsAndSettingsAreRefused();
    void cutNeedsAnEdgeThatAnswers();
    void repairContinuesAFrozenProcess();
    void repairLeavesAnotherProcessAlone();
};

namespace {

class World final : public engine::FaultWorld
{
public:
    World()
    {
        m_server = std::make_unique<test::TinyServer>(); // forked before the proxy has its thread
        m_proxy = std::make_unique<engine::Proxy>();
        m_edge = *m_proxy->addEdge("gateway->replica/1");
        m_edge->setUpstream(m_server->port());
    }
    void restart()
    {
        m_server.reset();
        m_server = std::make_unique<test::TinyServer>();
    }
    [[nodiscard]] const test::TinyServer &server() const { return *m_server; }

    [[nodiscard]] std::optional<engine::TargetProcess>
    process(const std::string &target) const override
    {
        const auto id = engine::identify(m_server->pid());
        if (target != "replica/1" || !id)
            return {};
        return engine::TargetProcess{*id, m_server->port()};
    }
    [[nodiscard]] std::shared_ptr<engine::ProxyEdge> edge(const std::string &name) const override
    {
        return m_proxy->edge(name);
    }
    [[nodiscard]] bool answersCorrectly(const std::string &) override
    {
        return engine::answersHttp2(clock(), m_server->port(), Micros{300'000});
    }
    [[nodiscard]] const engine::Clock &clock() const override { return engine::systemClock(); }

private:
    std::unique_ptr<test::TinyServer> m_server;
    std::unique_ptr<engine::Proxy> m_proxy;
    std::shared_ptr<engine::ProxyEdge> m_edge;
};

std::string targetFor(const std::string &fault)
{
    return fault.starts_with("network.") ? "gateway->replica/1" : "replica/1";
}

std::unique_ptr<engine::Fault> prepared(World &world, const std::string &name)
{
    auto fault = engine::makeFault(world, name, {targetFor(name), {}});
    return fault && (*fault)->prepare() ? std::move(*fault) : nullptr;
}

} // namespace

void TestFaults::killIsConfirmedAndClearsWhenTheTargetIsBack()
{
    World world;
    const auto fault = prepared(world, "process.kill");
    QVERIFY(fault);
    QCOMPARE(fault->intent().process.pid, world.server().pid());
    QVERIFY(fault->apply());
    QTRY_VERIFY(fault->isConfirmed());
    QVERIFY(!fault->isCleared());
    QVERIFY(!fault->apply()); // there is nobody left to kill
    world.restart();
    QVERIFY(fault->isConfirmed());
    QTRY_VERIFY(fault->isCleared());
}

void TestFaults::freezeIsConfirmedAndUndone()
{
    World world;
    const auto fault = prepared(world, "process.freeze");
    QVERIFY(fault);
    QVERIFY(fault->apply());
    QTRY_VERIFY(fault->isConfirmed());
    QVERIFY(!fault->isCleared());
    QVERIFY(!engine::makeFault(world, "process.freeze", {"replica/1", {}}).value()->prepare());
    fault->undo();
    QTRY_VERIFY(fault->isCleared());
    QVERIFY(!fault->isConfirmed());
    fault->undo();
    QVERIFY(fault->isCleared());
}

void TestFaults::frozenAcceptsConnectionsAllTheSame()
{
    World world;
    const auto fault = prepared(world, "process.freeze");
    QVERIFY(fault->apply());
    QTRY_VERIFY(fault->isConfirmed());
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(world.server().port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    QCOMPARE(::connect(socket, reinterpret_cast<sockaddr *>(&to), sizeof to), 0);
    ::close(socket);
    fault->undo();
    QTRY_VERIFY(fault->isCleared());
}

void TestFaults::cutIsConfirmedAndUndone()
{
    World world;
    const auto fault = prepared(world, "network.cut");
    QVERIFY(fault);
    QVERIFY(fault->apply());
    QVERIFY(fault->isConfirmed());
    QVERIFY(!fault->isCleared());
    QVERIFY(engine::answersHttp2(world.clock(), world.server().port(), Micros{300'000}));
    fault->undo();
    QTRY_VERIFY(fault->isCleared());
    QVERIFY(!fault->isConfirmed());
    fault->undo();
    QVERIFY(fault->isCleared());
}

void TestFaults::nothingAppliedIsNotConfirmed_data()
{
    QTest::addColumn<QString>("fault");
    for (const auto &kind : engine::faultKinds())
        QTest::newRow(kind.name.c_str()) << QString::fromStdString(kind.name);
}

void TestFaults::nothingAppliedIsNotConfirmed()
{
    QFETCH(QString, fault);
    World world;
    const auto made = prepared(world, fault.toStdString());
    QVERIFY(made);
    QVERIFY(!made->isConfirmed());
}

void TestFaults::unknownTargetsAndSettingsAreRefused()
{
    World world;
    QVERIFY(!engine::makeFault(world, "process.tickle", {"replica/1", {}}));
    const auto odd = engine::makeFault(world, "process.kill", {"replica/1", {{"speed", "9"}}});
    QCOMPARE(odd.error().code, engine::ErrorCode::InvalidInput);
    for (const auto &kind : engine::faultKinds()) {
        const auto fault = engine::makeFault(world, kind.name, {"replica/7", {}});
        QVERIFY(fault);
        QCOMPARE((*fault)->prepare().error().code, engine::ErrorCode::NotFound);
    }
}

void TestFaults::cutNeedsAnEdgeThatAnswers()
{
    World world;
    const auto first = prepared(world, "network.cut");
    QVERIFY(first->apply());
    const auto second = engine::makeFault(world, "network.cut", {"gateway->replica/1", {}});
    QCOMPARE((*second)->prepare().error().code, engine::ErrorCode::Unavailable);
    first->undo();
}

void TestFaults::repairContinuesAFrozenProcess()
{
    World world;
    const auto fault = prepared(world, "process.freeze");
    auto intent = fault->intent();
    intent.fault = "process.freeze";
    QVERIFY(fault->apply());
    QTRY_VERIFY(fault->isConfirmed());
    QVERIFY(engine::repairFault(intent, world.clock()).starts_with("continued"));
    QTRY_VERIFY(fault->isCleared());
}

void TestFaults::repairLeavesAnotherProcessAlone()
{
    World world;
    const auto fault = prepared(world, "process.freeze");
    auto intent = fault->intent();
    intent.fault = "process.freeze";
    QVERIFY(fault->apply());
    QTRY_VERIFY(fault->isConfirmed());
    intent.process.startTime += 1; // the number was used again since
    QVERIFY(engine::repairFault(intent, world.clock()).starts_with("gone"));
    QVERIFY(fault->isConfirmed());
    fault->undo();
}

QTEST_GUILESS_MAIN(TestFaults)
#include "tst_faults.moc"
