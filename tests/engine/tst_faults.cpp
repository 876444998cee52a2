// Every fault on a real process and a real wire: seen when applied, not seen when not, gone when
// undone.

#include "engine/base/files.h"
#include "engine/fault/fault.h"
#include "engine/fault/model_damage.h"
#include "engine/fault/probe.h"
#include "engine/model/safetensors.h"
#include "tests/support/tiny_server.h"

#include <QTemporaryDir>
#include <QtTest>
#include <cstring>
#include <set>

using engine::Micros;

class TestFaults : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void killIsConfirmedAndClearsWhenTheTargetIsBack();
    void freezeIsConfirmedAndUndone();
    void frozenAcceptsConnectionsAllTheSame();
    void cutIsConfirmedAndUndone();
    void modelFaultsAreConfirmedAndUndone_data();
    void modelFaultsAreConfirmedAndUndone();
    void lostDataComeBack();
    void restoredDataStay();
    void crashInTheMiddleOfALossIsRepaired();
    void corruptModelIsConfirmedAndPutBack();
    void movedRowsLeaveGoodNumbers();
    void rowsNeedATable();
    void crashInTheMiddleOfACorruptionIsRepaired();
    void badSettingsSayWhatToWrite_data();
    void badSettingsSayWhatToWrite();
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
        std::filesystem::create_directories(path("packages/1"));
        for (const char *name : {"store.db", "store.db-wal", "store.db-shm"})
            (void)engine::writeTextAtomically(path(name), std::string("bytes of ") + name);
        // A description of 8 bytes, then numbers.
        (void)engine::writeTextAtomically(path("packages/1/weights.safetensors"),
                                          std::string("\x08\0\0\0\0\0\0\0{\"a\": 1}", 16)
                                              + std::string(5000, 'n'));
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
    /// A model behind the server that obeys what it is told.
    [[nodiscard]] std::optional<engine::AskedModel> ask(const std::string &target,
                                                        Micros limit) override
    {
        if (!process(target))
            return {};
        if (!m_calls)
            return engine::AskedModel{true, 0, Micros{1'000}};
        if (m_calls->delay > limit)
            return engine::AskedModel{false, 4, limit};
        const bool hit = m_calls->status != 0 && m_asked++ % 2 == 1;
        return engine::AskedModel{!hit, hit ? m_calls->status : 0, m_calls->delay};
    }
    [[nodiscard]] engine::CallTeller callFaults(const std::string &target) override
    {
        if (!process(target))
            return {};
        return [this](const engine::CallFault &fault) {
            if (fault.until.count() != 0)
                m_calls = fault;
            else
                m_calls.reset();
            return true;
        };
    }
    [[nodiscard]] std::filesystem::path dataFile(const std::string &) const override
    {
        return path("store.db");
    }
    [[nodiscard]] std::filesystem::path modelFile(const std::string &) const override
    {
        return path("packages/1/weights.safetensors");
    }
    void reload(const std::string &) override { ++m_loads; }
    [[nodiscard]] std::optional<engine::Result<>> loaded(const std::string &) const override
    {
        return m_loads > 0 ? std::optional(engine::Result<>()) : std::nullopt;
    }
    [[nodiscard]] int loads() const { return m_loads; }
    [[nodiscard]] std::filesystem::path path(const char *name) const
    {
        return std::filesystem::path(m_folder.path().toStdString()) / name;
    }
    /// Every file below the folder, with its bytes.
    [[nodiscard]] std::map<std::string, std::string> files() const
    {
        std::map<std::string, std::string> all;
        for (const auto &entry : std::filesystem::recursive_directory_iterator(path("")))
            if (entry.is_regular_file())
                all[entry.path().string()] = *engine::readText(entry.path(), 1 << 20);
        return all;
    }
    [[nodiscard]] const std::optional<engine::CallFault> &calls() const { return m_calls; }
    [[nodiscard]] const engine::Clock &clock() const override { return engine::systemClock(); }

private:
    std::unique_ptr<test::TinyServer> m_server;
    std::unique_ptr<engine::Proxy> m_proxy;
    std::shared_ptr<engine::ProxyEdge> m_edge;
    std::optional<engine::CallFault> m_calls;
    QTemporaryDir m_folder;
    int m_loads = 0;
    int m_asked = 0;
};

std::string targetFor(const std::string &fault)
{
    return fault.starts_with("network.") ? "gateway->replica/1" : "replica/1";
}

engine::FaultRequest requestFor(const std::string &fault)
{
    engine::FaultRequest request;
    request.target = targetFor(fault);
    if (fault == "model.slow")
        request.settings = {{"delay", "500ms"}};
    return request;
}

/// A table of 100 rows of 4 numbers and a longer list that is no table.
engine::Bytes tableFile()
{
    std::vector<float> table(400);
    for (std::size_t i = 0; i < table.size(); ++i)
        table[i] = static_cast<float>(i);
    const std::vector<float> list(1000, 7.0f);
    const auto bytes = [](const std::vector<float> &of) {
        return std::span(reinterpret_cast<const std::uint8_t *>(of.data()), 4 * of.size());
    };
    const std::vector<engine::TensorSource> tensors{{"list", "F32", {1000}, bytes(list)},
                                                    {"items", "F32", {100, 4}, bytes(table)}};
    return *engine::writeSafetensors(tensors);
}

std::vector<float> numbersOf(const engine::Bytes &file, const std::string &name)
{
    const auto tensors = engine::parseSafetensors(file, "w");
    std::vector<float> numbers;
    for (const auto &tensor : *tensors) {
        if (tensor.name != name)
            continue;
        numbers.resize(tensor.bytes / 4);
        std::memcpy(numbers.data(), file.data() + tensor.offset, tensor.bytes);
    }
    return numbers;
}

std::unique_ptr<engine::Fault> prepared(World &world, const std::string &name)
{
    auto fault = engine::makeFault(world, name, requestFor(name));
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

void TestFaults::modelFaultsAreConfirmedAndUndone_data()
{
    QTest::addColumn<QString>("fault");
    QTest::newRow("slow") << QStringLiteral("model.slow");
    QTest::newRow("error") << QStringLiteral("model.error");
}

void TestFaults::modelFaultsAreConfirmedAndUndone()
{
    QFETCH(QString, fault);
    World world;
    const auto made = prepared(world, fault.toStdString());
    QVERIFY(made);
    const auto before = world.clock().now();
    QVERIFY(made->apply());
    QVERIFY(made->isConfirmed());
    QVERIFY(!made->isCleared());
    QVERIFY(world.calls()->until > before); // bound to a lease
    made->undo();
    QVERIFY(!world.calls());
    QVERIFY(made->isCleared());
    QVERIFY(!made->isConfirmed());
    made->undo();
    QVERIFY(made->isCleared());
}

void TestFaults::lostDataComeBack()
{
    World world;
    const auto before = world.files();
    const auto fault = prepared(world, "data.lose");
    QVERIFY(fault);
    QVERIFY(fault->apply());
    QTRY_VERIFY(fault->isConfirmed());
    for (const char *name : {"store.db", "store.db-wal", "store.db-shm"})
        QVERIFY(!std::filesystem::exists(world.path(name)));
    world.restart();
    QVERIFY(!fault->isCleared()); // it answers, but its data are not there
    fault->undo();
    QCOMPARE(world.files(), before);
    QTRY_VERIFY(fault->isCleared());
    fault->undo();
    QCOMPARE(world.files(), before);
}

void TestFaults::restoredDataStay()
{
    World world;
    const auto fault = prepared(world, "data.lose");
    QVERIFY(fault->apply());
    QVERIFY(engine::writeTextAtomically(world.path("store.db"), "restored"));
    const auto restored = world.files();
    auto intent = fault->intent();
    intent.fault = "data.lose";
    QVERIFY(engine::repairFault(intent, world.clock()).starts_with("kept"));
    fault->undo();
    QCOMPARE(world.files(), restored); // the lost one is still beside it: nothing is deleted
}

void TestFaults::crashInTheMiddleOfALossIsRepaired()
{
    World world;
    const auto before = world.files();
    const auto fault = prepared(world, "data.lose");
    auto intent = fault->intent();
    intent.fault = "data.lose";
    QVERIFY(engine::repairFault(intent, world.clock()).find("not taken") != std::string::npos);
    const auto lost = intent.undo.at("lost");
    std::filesystem::rename(world.path("store.db"), lost); // and then it died
    QVERIFY(engine::repairFault(intent, world.clock()).starts_with("put back"));
    QCOMPARE(world.files(), before);
    QVERIFY(fault->apply());
    std::filesystem::rename(lost + "-wal", world.path("store.db-wal")); // in the middle of the undo
    QVERIFY(engine::repairFault(intent, world.clock()).starts_with("put back"));
    QCOMPARE(world.files(), before);
}

void TestFaults::corruptModelIsConfirmedAndPutBack()
{
    World world;
    const auto before = world.files();
    const auto fault = prepared(world, "model.corrupt");
    QVERIFY(fault);
    QVERIFY(!fault->isConfirmed());
    QVERIFY(fault->apply());
    QVERIFY(fault->isConfirmed());
    QCOMPARE(world.loads(), 1);
    const auto weights = world.modelFile("replica/1").string();
    const auto damaged = world.files().at(weights), sound = before.at(weights);
    QCOMPARE(damaged.size(), sound.size());
    QCOMPARE(damaged.substr(0, 16), sound.substr(0, 16)); // only a check of the content finds it
    QVERIFY(damaged != sound);
    QVERIFY(!fault->isCleared());
    fault->undo();
    QCOMPARE(world.files(), before);
    QCOMPARE(world.loads(), 2);
    QTRY_VERIFY(fault->isCleared());
    fault->undo();
    QCOMPARE(world.files(), before);
    QCOMPARE(world.loads(), 2);
}

void TestFaults::movedRowsLeaveGoodNumbers()
{
    const auto sound = tableFile();
    for (const double share : {0.01, 0.3, 1.0}) {
        auto damaged = sound;
        QVERIFY(engine::damageModel(damaged, {0, share}, 5));
        auto again = sound;
        QVERIFY(engine::damageModel(again, {0, share}, 5));
        QVERIFY(again == damaged);
        QCOMPARE(numbersOf(damaged, "list"), numbersOf(sound, "list"));
        const auto rows = numbersOf(damaged, "items");
        QCOMPARE(rows.size(), std::size_t{400});
        std::set<float> firsts;
        int moved = 0;
        for (std::size_t row = 0; row < 100; ++row) {
            const auto first = rows[4 * row];
            firsts.insert(first);
            moved += first != static_cast<float>(4 * row);
            for (std::size_t i = 1; i < 4; ++i) // whole rows move
                QCOMPARE(rows[4 * row + i], first + static_cast<float>(i));
        }
        QCOMPARE(firsts.size(), std::size_t{100});
        QCOMPARE(moved, std::max(2, static_cast<int>(share * 100 + 0.5)));
    }
}

void TestFaults::rowsNeedATable()
{
    World world; // its weights are no safetensors file
    engine::FaultRequest request{"replica/1", {{"rows", "100 %"}}};
    const auto fault = engine::makeFault(world, "model.corrupt", request);
    QVERIFY(fault);
    const auto before = world.files();
    QVERIFY(!(*fault)->prepare());
    QCOMPARE(world.files(), before);
    request.settings["bytes"] = "5";
    QVERIFY(!engine::makeFault(world, "model.corrupt", request));
}

void TestFaults::crashInTheMiddleOfACorruptionIsRepaired()
{
    World world;
    const auto before = world.files();
    auto fault = prepared(world, "model.corrupt");
    auto intent = fault->intent();
    intent.fault = "model.corrupt";
    std::filesystem::rename(intent.undo.at("file"), intent.undo.at("kept")); // and then it died
    QVERIFY(engine::repairFault(intent, world.clock()).starts_with("put back"));
    QCOMPARE(world.files(), before);
    fault = prepared(world, "model.corrupt");
    intent = fault->intent();
    intent.fault = "model.corrupt";
    QVERIFY(fault->apply());
    QVERIFY(engine::repairFault(intent, world.clock()).starts_with("put back"));
    QCOMPARE(world.files(), before);
    const auto again = engine::repairFault(intent, world.clock());
    QVERIFY2(again.find("as it was") != std::string::npos, again.c_str());
    QCOMPARE(world.files(), before);
}

void TestFaults::badSettingsSayWhatToWrite_data()
{
    QTest::addColumn<QString>("fault");
    QTest::addColumn<QString>("setting");
    QTest::addColumn<QString>("value");
    QTest::newRow("no delay") << QStringLiteral("model.slow") << QStringLiteral("delay")
                              << QStringLiteral("");
    QTest::newRow("no unit") << QStringLiteral("model.slow") << QStringLiteral("delay")
                             << QStringLiteral("500");
    QTest::newRow("negative") << QStringLiteral("model.slow") << QStringLiteral("delay")
                              << QStringLiteral("-5ms");
    QTest::newRow("no status") << QStringLiteral("model.error") << QStringLiteral("code")
                               << QStringLiteral("BROKEN");
    QTest::newRow("OK is no error")
        << QStringLiteral("model.error") << QStringLiteral("code") << QStringLiteral("OK");
    QTest::newRow("share of nothing")
        << QStringLiteral("model.error") << QStringLiteral("share") << QStringLiteral("0 %");
    QTest::newRow("no bytes") << QStringLiteral("model.corrupt") << QStringLiteral("bytes")
                              << QStringLiteral("0");
    QTest::newRow("rows of nothing")
        << QStringLiteral("model.corrupt") << QStringLiteral("rows") << QStringLiteral("0 %");
    QTest::newRow("more than all rows")
        << QStringLiteral("model.corrupt") << QStringLiteral("rows") << QStringLiteral("120 %");
    QTest::newRow("more than all")
        << QStringLiteral("model.error") << QStringLiteral("share") << QStringLiteral("101 %");
}

void TestFaults::badSettingsSayWhatToWrite()
{
    QFETCH(QString, fault);
    QFETCH(QString, setting);
    QFETCH(QString, value);
    World world;
    engine::FaultRequest request{"replica/1", {{setting.toStdString(), value.toStdString()}}};
    const auto made = engine::makeFault(world, fault.toStdString(), request);
    QVERIFY(!made);
    QCOMPARE(made.error().code, engine::ErrorCode::InvalidInput);
    QVERIFY(made.error().message.find(setting.toStdString()) != std::string::npos);
}

void TestFaults::nothingAppliedIsNotConfirmed_data()
{
    QTest::addColumn<QString>("fault");
    for (const auto &kind : engine::faultKinds())
        if (kind.name != "model.bad-deploy") // tst_bad_deploy: it needs a whole shop
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
        auto request = requestFor(kind.name);
        request.target = "replica/7";
        const auto fault = engine::makeFault(world, kind.name, request);
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
