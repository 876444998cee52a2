// What a controller sees of a real shop: it comes up, breaks, is restarted, is refused, in the
// order and with the marks that drills are judged by.

#include "engine/agent/asking.h"
#include "engine/agent/local_cluster.h"
#include "engine/agent/shop_plan.h"
#include "engine/serving/canary_file.h"
#include "tests/support/auditor.h"
#include "tests/support/given_time.h"
#include "tests/support/http_get.h"
#include "tests/support/placed_shop.h"
#include "tests/support/program.h"

#include <mutex>
#include <nlohmann/json.hpp>

using namespace engine;

class TestLocalCluster : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase();
    void comesUp();
    void loadIsMeasuredInAlignedWindows();
    void killIsConfirmedRestartedAndCleared();
    void freezeIsConfirmedSeenAndUndoneAtItsDuration();
    void cutIsConfirmedAndUndoneOnDemand();
    void switchedOffRestartLeavesItDown();
    void radiusRulesRefuse();
    void haltRefusesUntilReleased();
    void restartOnDemandIsAResponse();
    void readerSeesTheHolder();
    void theStandbyIsAProcessThatServesInNeed();
    void aCanaryIsShownEndedAndTakenBack();
    void anUnwatchedShopReportsOnceASecond();

private:
    /// Waits for the news that `wanted` takes; the first one since `mark()`.
    template <class T>
    std::optional<T> waitFor(const std::function<bool(const T &)> &wanted, int millis = 10'000);
    std::optional<FaultChanged> waitForFault(std::uint32_t id, FaultState state)
    {
        return waitFor<FaultChanged>(
            [=](const auto &event) { return event.id == id && event.state == state; });
    }
    std::optional<ProcessChanged> waitForProcess(const std::string &target, ProcessState state)
    {
        return waitFor<ProcessChanged>(
            [=](const auto &event) { return event.target == target && event.state == state; });
    }
    void mark()
    {
        const std::scoped_lock lock(m_mutex);
        m_mark = m_events.size();
    }
    FaultSpec spec(const std::string &fault, const std::string &target,
                   std::optional<Micros> duration = {})
    {
        FaultSpec one;
        one.id = ++m_lastId;
        one.step = "test";
        one.fault = fault;
        one.target = target;
        one.duration = duration;
        return one;
    }

    support::Workplace m_place;
    std::unique_ptr<test::Auditor> m_auditor;
    std::unique_ptr<LocalCluster> m_cluster;
    std::mutex m_mutex; // guards the three below: news come on the cluster's thread
    std::vector<Payload> m_events;
    std::vector<Window> m_windows;
    std::size_t m_mark = 0;
    std::uint32_t m_lastId = 0;
};

template <class T>
std::optional<T> TestLocalCluster::waitFor(const std::function<bool(const T &)> &wanted, int millis)
{
    QElapsedTimer timer;
    timer.start();
    do {
        {
            const std::scoped_lock lock(m_mutex);
            for (auto i = m_mark; i < m_events.size(); ++i)
                if (const auto *event = std::get_if<T>(&m_events[i]); event && wanted(*event))
                    return *event;
        }
        QTest::qWait(5);
    } while (timer.elapsed() < millis);
    return {};
}

void TestLocalCluster::initTestCase()
{
    qputenv("DRILLROOM_HOME", m_place.home().toLocal8Bit());
    qputenv("XDG_RUNTIME_DIR", m_place.runtime().toLocal8Bit());
    m_auditor = std::make_unique<test::Auditor>(m_place.home(), m_place.runtime());
    const auto wrong = test::placeSmallShop(m_place.home().toStdString());
    QVERIFY2(wrong.empty(), wrong.c_str());
    auto cluster = LocalCluster::open(Paths::fromEnvironment(), systemClock(), {.name = "test"});
    QVERIFY2(cluster, cluster ? "" : cluster.error().text().c_str());
    m_cluster = std::move(*cluster);
    m_cluster->listen({.event =
                           [this](Payload payload) {
                               const std::scoped_lock lock(m_mutex);
                               m_events.push_back(std::move(payload));
                           },
                       .window =
                           [this](Window window) {
                               const std::scoped_lock lock(m_mutex);
                               m_windows.push_back(std::move(window));
                           },
                       .link = {}});
}

void TestLocalCluster::cleanupTestCase()
{
    m_cluster.reset();
    QCOMPARE(m_auditor->processes().size(), 0); // the end of a controller waits for its agent's
}

void TestLocalCluster::comesUp()
{
    QElapsedTimer timer;
    timer.start();
    const auto status = m_cluster->shopUp({"small", 3, false, false});
    QVERIFY2(status, status ? "" : status.error().text().c_str());
    qInfo("up after %lld ms", static_cast<long long>(timer.elapsed()));
    QVERIFY(timer.elapsed()
            <= 60'000); // 5 s is the promise; it is measured where the host is quiet
    QCOMPARE(status->state, std::string("up"));
    QCOMPARE(status->processes.size(), std::size_t{6});
    QCOMPARE(status->reference.size(), std::size_t{64});
    for (const auto &process : status->processes) {
        QCOMPARE(process.state, std::string("serving"));
        QVERIFY(process.pid > 0);
        if (process.role == "replica")
            QCOMPARE(process.digest, status->reference);
    }
    QVERIFY(m_cluster->capabilities()->faults.size() >= 3);
}

void TestLocalCluster::loadIsMeasuredInAlignedWindows()
{
    LoadSpec load;
    load.load.rate = 50;
    load.start = alignUp(systemClock().now() + Micros{300'000});
    load.latencyLimits = {60};
    const auto started = m_cluster->startLoad(load);
    QVERIFY2(started, started ? "" : started.error().text().c_str());
    QTest::qWait(2500);
    QVERIFY(m_cluster->stopLoad());
    std::map<std::string, std::map<std::string, double>> sums;
    const std::scoped_lock lock(m_mutex);
    for (const auto &window : m_windows) {
        QCOMPARE(window.end % kWindow.count(), std::int64_t{0});
        for (const auto &sample : window.samples)
            sums[window.source][sample.series] += sample.value;
    }
    QVERIFY(sums["traffic"][std::string(series::kAnswered)] > 20);
    QVERIFY(sums["traffic"][std::string(series::kExpected)] > 10); // the reference reached traffic
    QVERIFY(sums["traffic"].contains("gateway.slow.60"));
    QVERIFY(sums["agent"].contains(std::string(series::kHostStall)));
    QVERIFY(sums["agent"]["replica/1.up"] > 10);
    for (const auto *source : {"gateway", "store", "replica/1", "replica/2", "replica/3"})
        QVERIFY2(sums.contains(source), source);
}

void TestLocalCluster::killIsConfirmedRestartedAndCleared()
{
    mark();
    const auto kill = spec("process.kill", "replica/2");
    const auto applied = m_cluster->applyFault(kill);
    QVERIFY2(applied, applied ? "" : applied.error().text().c_str());
    const auto intended = waitForFault(kill.id, FaultState::Intended);
    const auto at = waitForFault(kill.id, FaultState::Applied);
    const auto confirmed = waitForFault(kill.id, FaultState::Confirmed);
    QVERIFY(intended && at && confirmed);
    QVERIFY(intended->at <= at->at && at->at <= confirmed->at);
    QVERIFY(confirmed->at - at->at <= 2'000'000);
    QVERIFY(waitForProcess("replica/2", ProcessState::Down));
    const auto response = waitFor<ResponseChanged>([](const auto &event) {
        return event.kind == "restart" && event.target == "replica/2" && event.active;
    });
    QVERIFY(response);
    QCOMPARE(response->by, std::string("supervisor"));
    QVERIFY(response->at - at->at >= 300'000); // the first back-off
    const auto back = waitForProcess("replica/2", ProcessState::Serving);
    QVERIFY(back);
    QCOMPARE(back->restarts, 1u);
    const auto cleared = waitForFault(kill.id, FaultState::Undone);
    QVERIFY(cleared && cleared->at >= back->at);
    qInfo("confirmed after %lld us, clear after %lld ms",
          static_cast<long long>(confirmed->at - at->at),
          static_cast<long long>((cleared->at - at->at) / 1000));
}

void TestLocalCluster::freezeIsConfirmedSeenAndUndoneAtItsDuration()
{
    mark();
    const auto freeze = spec("process.freeze", "replica/1", Micros{3'000'000});
    QVERIFY(m_cluster->applyFault(freeze));
    const auto at = waitForFault(freeze.id, FaultState::Applied);
    QVERIFY(at);
    QVERIFY(waitForFault(freeze.id, FaultState::Confirmed));
    QCOMPARE(m_auditor->stopped().size(), 1);
    QVERIFY(waitForProcess("replica/1", ProcessState::Frozen)); // by its silence, not by the fault
    const auto undoing = waitForFault(freeze.id, FaultState::Undoing);
    QVERIFY(undoing);
    QCOMPARE(undoing->detail, std::string("deadline"));
    QVERIFY(std::abs(undoing->at - at->at - 3'000'000) < 200'000);
    QVERIFY(waitForFault(freeze.id, FaultState::Undone));
    QVERIFY(waitForProcess("replica/1", ProcessState::Serving));
    QCOMPARE(m_auditor->stopped().size(), 0);
}

void TestLocalCluster::cutIsConfirmedAndUndoneOnDemand()
{
    mark();
    const auto cut = spec("network.cut", "gateway->replica/2");
    QVERIFY(m_cluster->applyFault(cut));
    QVERIFY(waitForFault(cut.id, FaultState::Confirmed));
    QVERIFY(m_cluster->undoFault(cut.id));
    QVERIFY(waitForFault(cut.id, FaultState::Undone));
    QVERIFY(m_cluster->undoAll());
    QCOMPARE(m_cluster->undoFault(9999).error().code, ErrorCode::NotFound);
    QCOMPARE(m_auditor->pendingIntents(), 0);
}

void TestLocalCluster::switchedOffRestartLeavesItDown()
{
    mark();
    Switches off;
    off.restart = false;
    QVERIFY(m_cluster->setSwitches(off));
    const auto kill = spec("process.kill", "replica/3");
    QVERIFY(m_cluster->applyFault(kill));
    QVERIFY(waitForProcess("replica/3", ProcessState::Down));
    QTest::qWait(1500);
    QCOMPARE(m_auditor->pidsOf("drillroom-replica").size(), 2);
    QVERIFY(m_cluster->setSwitches({}));
    QVERIFY(waitForProcess("replica/3", ProcessState::Serving));
}

void TestLocalCluster::radiusRulesRefuse()
{
    mark();
    const auto first = spec("process.freeze", "replica/1", Micros{20'000'000});
    QVERIFY(m_cluster->applyFault(first));
    auto second = spec("network.cut", "gateway->replica/2", Micros{20'000'000});
    QCOMPARE(m_cluster->applyFault(second).error().code, ErrorCode::InvalidInput);
    QVERIFY(waitForFault(second.id, FaultState::Refused));
    second.overrideLastHealthy = true;
    QVERIFY(m_cluster->applyFault(second));
    const auto unknown = spec("process.kill", "replica/9");
    QCOMPARE(m_cluster->applyFault(unknown).error().code, ErrorCode::NotFound);
    QVERIFY(m_cluster->undoAll());
    QVERIFY(waitForFault(first.id, FaultState::Undone));
    QVERIFY(waitForFault(second.id, FaultState::Undone));
}

void TestLocalCluster::haltRefusesUntilReleased()
{
    mark();
    const auto freeze = spec("process.freeze", "replica/1", Micros{20'000'000});
    const auto applied = m_cluster->applyFault(freeze);
    QVERIFY2(applied, applied ? "" : applied.error().text().c_str());
    const support::GivenTime time;
    QVERIFY(haltOverSocket(Paths::fromEnvironment()));
    QCOMPARE(m_auditor->stopped().size(), 0);
    QVERIFY(time.elapsed() <= 1000);
    QVERIFY(waitForFault(freeze.id, FaultState::Undone));
    QVERIFY(waitFor<OperatorActed>([](const auto &event) { return event.act == Act::Halt; }));
    const auto refused = m_cluster->applyFault(spec("process.freeze", "replica/1"));
    QCOMPARE(refused.error().code, ErrorCode::Halted);
    QCOMPARE(m_cluster->startLoad({}).error().code, ErrorCode::Halted);
    QVERIFY(m_cluster->halt(true));
    const auto again = spec("process.freeze", "replica/1", Micros{300'000});
    QVERIFY(m_cluster->applyFault(again));
    QVERIFY(waitForFault(again.id, FaultState::Undone));
}

void TestLocalCluster::restartOnDemandIsAResponse()
{
    mark();
    QVERIFY(m_cluster->restartBy("replica/1", "operator"));
    const auto response = waitFor<ResponseChanged>([](const auto &event) {
        return event.kind == "restart" && event.target == "replica/1" && event.active;
    });
    QVERIFY(response);
    QCOMPARE(response->by, std::string("operator"));
    QVERIFY(waitForProcess("replica/1", ProcessState::Serving));
    QCOMPARE(m_cluster->restart("replica/9").error().code, ErrorCode::NotFound);
}

void TestLocalCluster::readerSeesTheHolder()
{
    const auto paths = Paths::fromEnvironment();
    auto reader = LocalCluster::open(paths, systemClock(), {.name = "reader", .readOnly = true});
    QVERIFY(reader);
    QVERIFY((*reader)->agent()->holder.starts_with("test (pid "));
    QCOMPARE((*reader)->shopStatus()->state, std::string("up"));
    const auto refused = (*reader)->shopDown();
    QCOMPARE(refused.error().code, ErrorCode::Busy);
    QVERIFY(refused.error().message.find("test (pid ") != std::string::npos);
}

void TestLocalCluster::aCanaryIsShownEndedAndTakenBack()
{
    const auto paths = Paths::fromEnvironment();
    const auto shop = paths.shops() / "small";
    const auto data = readDataset(shop / "history.bin");
    auto registry = Registry::open(shop);
    const auto key = SigningKey::loadOrCreate(paths.signingKey());
    QVERIFY(data && registry && key);
    const auto train = splitByTime(*data).train;
    const auto add = [&](const std::string &version, const Dataset &learnt) {
        Manifest manifest;
        manifest.version = version;
        const auto digest =
            writePopularityPackage(shop / "packages" / version, learnt, manifest, *key);
        return digest && registry->add({version, *digest, "popularity", true, false, {}})
                   ? *digest
                   : std::string();
    };
    QVERIFY(m_cluster->shopDown());
    QVERIFY(m_cluster->shopUp({"small", 3, false, false}));
    const auto good = add("3", train);
    QVERIFY(!good.empty() && !add("4", test::worstFirst(train)).empty());
    const auto reference = m_cluster->shopStatus()->reference;
    const auto act = [&](const char *version) {
        return m_cluster->act("canary", version, "operator");
    };
    const auto shownTo = [&] {
        const auto text = readText(endpointsFile(paths), 1 << 20);
        const auto given = text ? parseCanary(*text, "endpoints") : Result<GivenCanary>();
        return given ? given->targets.size() : 99;
    };
    const auto digests = [&] {
        std::vector<std::string> all;
        const auto status = m_cluster->shopStatus();
        for (const auto &process : status->processes)
            if (process.role == "replica")
                all.push_back(process.digest);
        return all;
    };
    const auto waitForCanary = [&](bool active) {
        return waitFor<ResponseChanged>(
            [=](const auto &event) {
                return event.kind == "canary" && event.target == "shop" && event.active == active;
            },
            30'000);
    };
    using Digests = std::vector<std::string>;
    for (const char *wrong : {"2", "1", "99", ""}) // not passed, serves, unknown, nothing to end
        QVERIFY2(!act(wrong), wrong);

    mark();
    QVERIFY(act("3"));
    QVERIFY(waitForCanary(true));
    QTRY_COMPARE_WITH_TIMEOUT(shownTo(), std::size_t{1}, 30'000);
    QCOMPARE(digests(), (Digests{good, reference, reference}));
    QVERIFY(!act("4")); // one at a time
    QVERIFY(act(""));
    const auto ended = waitForCanary(false);
    QVERIFY(ended && ended->detail == "version 3: ended by hand");
    QCOMPARE(shownTo(), std::size_t{0});
    QTRY_COMPARE_WITH_TIMEOUT(digests(), Digests(3, reference), 30'000);

    mark();
    QVERIFY(act("4"));
    const auto refused = waitForCanary(false);
    QVERIFY(refused && refused->detail.find("no better on the golden set") != std::string::npos);
    QCOMPARE(shownTo(), std::size_t{0});
    QTRY_COMPARE_WITH_TIMEOUT(digests(), Digests(3, reference), 30'000);

    mark();
    QVERIFY(act("3"));
    QTRY_COMPARE_WITH_TIMEOUT(shownTo(), std::size_t{1}, 30'000);
    QVERIFY(m_cluster->act("promote", "3", "operator"));
    QVERIFY(waitForCanary(false));
    QTRY_COMPARE_WITH_TIMEOUT(digests(), Digests(3, good), 30'000);
    QCOMPARE(shownTo(), std::size_t{0});
    QVERIFY(m_cluster->act("promote", "1", "operator"));
    QTRY_COMPARE_WITH_TIMEOUT(digests(), Digests(3, reference), 30'000);
}

void TestLocalCluster::theStandbyIsAProcessThatServesInNeed()
{
    QVERIFY(m_cluster->shopDown());
    const auto status = m_cluster->shopUp({"small", 1, true, false});
    QVERIFY2(status, status ? "" : status.error().text().c_str());
    QVERIFY(status->standby);
    const auto process = [&](const std::string &target) {
        return *std::ranges::find(status->processes, target, &ProcessStatus::name);
    };
    const auto standby = process("standby/1");
    QCOMPARE(standby.role, std::string("standby"));
    QCOMPARE(standby.state, std::string("serving"));
    QCOMPARE(standby.digest, status->reference); // no other model served before
    const auto address = process("gateway").address;
    const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1)));
    const auto items = readShopInfo(m_place.home().toStdString() + "/shops/small")->items;
    const auto isServedBy = [&](const char *path) {
        return QTest::qWaitFor(
            [&] { return askModel(port, items, Micros{1'000'000}).path == path; }, 60'000);
    };
    QVERIFY(isServedBy("primary"));
    Switches switches;
    switches.restart = false;
    QVERIFY(m_cluster->setSwitches(switches));
    auto kill = spec("process.kill", "replica/1");
    kill.overrideLastHealthy = true;
    const auto applied = m_cluster->applyFault(kill);
    QVERIFY2(applied, applied ? "" : applied.error().text().c_str());
    QVERIFY(isServedBy("standby"));
    QVERIFY(m_cluster->setSwitches({}));
    QVERIFY(isServedBy("primary"));
}

// Seen at what does not belong to the telemetry's readers: a replica's /metrics changes as often as
// it sends a window.
void TestLocalCluster::anUnwatchedShopReportsOnceASecond()
{
    m_cluster.reset();
    auto opened = LocalCluster::open(Paths::fromEnvironment(), systemClock(), {.name = "test"});
    QVERIFY2(opened, opened ? "" : opened.error().text().c_str());
    const auto cluster = std::move(*opened);
    const auto status = cluster->shopUp({"small", 1, false, false});
    QVERIFY2(status, status ? "" : status.error().text().c_str());
    const auto replica = *std::ranges::find(status->processes, "replica/1", &ProcessStatus::name);
    const auto portOf = [](const std::string &address) {
        return std::stoi(address.substr(address.rfind(':') + 1));
    };
    const auto shop = m_place.home().toStdString() + "/shops/small";
    const auto found = readText(shop + "/metrics/replica-1.json", 1 << 16);
    QVERIFY(found);
    const auto metrics = nlohmann::json::parse(*found)[0]["targets"][0].get<std::string>();
    const auto items = readShopInfo(shop)->items;
    const auto changes = [&] {
        QSet<QByteArray> seen;
        QElapsedTimer timer;
        for (timer.start(); timer.elapsed() < 2500; QTest::qWait(20)) {
            (void)askModel(static_cast<std::uint16_t>(portOf(replica.address)), items,
                           Micros{1'000'000});
            for (const auto &line : test::get(portOf(metrics), "/metrics").split('\n'))
                if (line.startsWith("drillroom_replica_requests_total"))
                    seen.insert(line);
        }
        qInfo("%lld windows in 2.5 s", static_cast<long long>(seen.size()));
        return seen.size();
    };
    const auto isOnceASecond = [&] {
        const auto seen = changes();
        return seen >= 2 && seen <= 4;
    };
    bool isQuiet = isOnceASecond();
    for (int i = 0; i < 8 && !isQuiet; ++i) // it was attended a moment ago
        isQuiet = isOnceASecond();
    QVERIFY(isQuiet);
    cluster->listen({});
    QVERIFY(changes() >= 8 || changes() >= 8);
}

QTEST_GUILESS_MAIN(TestLocalCluster)
#include "tst_local_cluster.moc"
