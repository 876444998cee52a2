// What each mechanism of the gateway is worth: one fault or overload where it alone matters, a
// count with it and a count with it switched off. The counts are printed as a table.
#include "engine/serving/canary.h"
#include "tests/support/gateway_bed.h"

#include <QTemporaryDir>
#include <fstream>

using namespace test;

namespace {

void row(const char *mechanism, const char *what, int with, int without)
{
    qInfo("%-12s %-52s %5d with, %5d without", mechanism, what, with, without);
}

inference::ModelInferRequest withParameter(inference::ModelInferRequest request, const char *name,
                                           const char *value)
{
    (*request.mutable_parameters())[name].set_string_param(value);
    return request;
}

int calls(const Bed &bed)
{
    int sum = 0;
    for (const auto &replica : bed.replicas)
        sum += replica->calls;
    return sum;
}

void write(const QString &path, const std::string &text)
{
    const auto next = path.toStdString() + ".new";
    std::ofstream(next) << text;
    std::filesystem::rename(next, path.toStdString());
}

} // namespace

class TestGatewayResponses : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void hedging();
    void hedgesStayWithinTheirBudget();
    void noHedgesUnderOverload();
    void breaker();
    void deadline();
    void health();
    void queue();
    void priority();
    void theQueueServesByClassAndDeadline();
    void throttle();
    void cacheSharesOneCall();
    void cacheServesStaleWhileNobodyAnswers();
    void cacheForgetsTheWordsOfAnotherModel();
    void canaryIsSticky();
    void canaryWithErrorsIsRolledBack();
    void canaryOfPoorQualityIsRolledBack();
    void standby();
    void discovery();
    void settingsAreTakenWhileItRuns();
    void healthCanBeWatched();
    void aCallerThatHangsUpEndsItsTries();
};

void TestGatewayResponses::hedging()
{
    int unlucky[2] = {}, sent[2] = {};
    for (const bool on : {true, false}) {
        auto options = patient();
        options.perTry = Micros{700'000};
        options.hedgeRatio = 1; // the budget has a test of its own
        options.queue.running = 1'000;
        options.ejection.suspectAfter = Micros{60'000'000};
        options.ejection.silence = Micros{60'000'000};
        Bed bed(2, options);
        QVERIFY(bed.ready());
        bed.setSwitch("ejection", false);
        bed.setSwitch("breaker", false);
        bed.setSwitch("hedging", on);
        QCOMPARE(failures(bed.load(60, Micros{2'000})), 0); // learns what is usual
        bed.replicas[0]->silentEvery = 5;
        const int before = calls(bed);
        QCOMPARE(failures(bed.load(200, Micros{3'000})), 0);
        unlucky[on] = static_cast<int>(bed.total("gateway.self.retries"));
        sent[on] = calls(bed) - before;
        const auto hedges = bed.total("gateway.self.hedges");
        if (!on) {
            QCOMPARE(hedges, 0.0);
            continue;
        }
        QVERIFY(hedges >= 10);
        QVERIFY(bed.total("gateway.self.hedges.won") >= 10);
        QVERIFY(sent[on] >= 210); // seen at the replicas, not only told
        QTRY_VERIFY_WITH_TIMEOUT(bed.replicas[0]->cancelled >= 10, 30'000); // the losers
    }
    row("hedging", "tries that waited for their whole time-out", unlucky[1], unlucky[0]);
    QVERIFY(unlucky[0] >= 10);
    QVERIFY(unlucky[1] * 2 < unlucky[0]);
}

void TestGatewayResponses::hedgesStayWithinTheirBudget()
{
    auto options = patient();
    options.hedge.least = options.hedge.most = Micros{3'000};
    options.queue.running = 1'000;
    Bed bed(2, options);
    QVERIFY(bed.ready());
    QCOMPARE(failures(bed.load(60, Micros{1'000})), 0);
    for (auto &replica : bed.replicas)
        replica->delayMicros = 60'000; // every request would be hedged
    QCOMPARE(failures(bed.load(300, Micros{2'000})), 0);
    const auto hedges = bed.total("gateway.self.hedges");
    QVERIFY(hedges >= 1);
    QVERIFY2(hedges <= 10 + 0.05 * 360, qPrintable(QString::number(hedges)));
    QVERIFY(bed.total("gateway.self.hedges.refused") > 100);
    // Seen at the replicas; one that was overtaken before it was sent is not.
    QVERIFY(calls(bed) > 360 && calls(bed) <= 360 + static_cast<int>(hedges));
}

void TestGatewayResponses::noHedgesUnderOverload()
{
    auto options = patient();
    options.hedgeRatio = 1;
    options.hedge.least = options.hedge.most = Micros{3'000};
    options.hedge.quietAfterOverload = Micros{60'000'000};
    Bed bed(2, options);
    QVERIFY(bed.ready());
    QCOMPARE(failures(bed.load(60, Micros{1'000})), 0);
    bed.replicas[0]->mood = Mood::Overloaded;
    (void)bed.load(4, Micros{1'000});
    bed.replicas[0]->mood = Mood::Answers;
    (void)bed.total("gateway.self.hedges");
    const auto before = bed.totals["gateway.self.hedges"];
    for (auto &replica : bed.replicas)
        replica->delayMicros = 60'000;
    QCOMPARE(failures(bed.load(50, Micros{2'000})), 0);
    QCOMPARE(bed.total("gateway.self.hedges"), before);
}

void TestGatewayResponses::breaker()
{
    int bad[2] = {};
    for (const bool on : {true, false}) {
        auto options = patient();
        options.retryRatio = 1;
        options.breaker.probeEvery = Micros{60'000'000};
        options.ejection.consecutive = 1'000;
        options.switches.hedging = false;
        Bed bed(2, options);
        QVERIFY(bed.ready());
        bed.setSwitch("breaker", on);
        bed.replicas[0]->failEvery = 2; // never three in a row: nothing for the ejection
        QCOMPARE(failures(bed.load(300, Micros{2'000})), 0);
        bad[on] = bed.replicas[0]->calls / 2;
        QCOMPARE(bed.events("breaker", true, "replica/1"), on ? 1 : 0);
        QCOMPARE(bed.events("breaker", true, "replica/2"), 0);
        QCOMPARE(bed.events("ejection", true), 0);
        QCOMPARE(bed.total("gateway.self.breaker.opened"), on ? 1.0 : 0.0);
    }
    row("breaker", "failed calls at the replica that fails every 2nd", bad[1], bad[0]);
    QVERIFY(bad[1] * 2 < bad[0]);
}

void TestGatewayResponses::deadline()
{
    int started[2] = {};
    for (const bool on : {true, false}) {
        Bed bed(1);
        QVERIFY(bed.ready());
        bed.setSwitch("deadline", on);
        auto request = historyRequest();
        (*request.mutable_parameters())["timeout"].set_int64_param(1'000);
        for (int i = 0; i < 20; ++i)
            (void)bed.ask(request);
        started[on] = bed.replicas[0]->calls;
        QCOMPARE(bed.total("gateway.self.deadline.refused"), on ? 20.0 : 0.0);
    }
    row("deadline", "calls started that nobody waits for any more", started[1], started[0]);
    QCOMPARE(started[1], 0);
    QCOMPARE(started[0], 20);
}

void TestGatewayResponses::health()
{
    int toDraining[2] = {};
    for (const bool on : {true, false}) {
        auto options = patient();
        options.health.interval = Micros{30'000};
        Bed bed(2, options);
        QVERIFY(bed.ready());
        bed.setSwitch("health", on);
        bed.replicas[0]->healthy = false; // it drains: it still answers, and must be left alone
        const auto probes = bed.replicas[0]->probes.load();
        QTRY_VERIFY_WITH_TIMEOUT(bed.replicas[0]->probes > probes + 2, 30'000);
        const auto before = bed.replicas[0]->calls.load();
        QCOMPARE(failures(bed.load(60, Micros{1'000})), 0);
        toDraining[on] = bed.replicas[0]->calls - before;
    }
    row("health", "calls to a replica that says NOT_SERVING", toDraining[1], toDraining[0]);
    QCOMPARE(toDraining[1], 0);
    QVERIFY(toDraining[0] >= 20);
}

void TestGatewayResponses::queue()
{
    int refused[2] = {};
    for (const bool on : {true, false}) {
        auto options = patient();
        options.queue.running = 4;
        options.switches.throttle = false;
        options.switches.hedging = false;
        options.priority.recommendation = 1;
        Bed bed(2, options);
        QVERIFY(bed.ready());
        bed.setSwitch("queue", on);
        bed.setSwitch("fallback", false);
        for (auto &replica : bed.replicas) {
            replica->delayMicros = 20'000;
            replica->mostAtOnce = 6;
        }
        refused[on] = failures(bed.load(120, Micros{0}));
        if (on)
            QVERIFY(bed.total("gateway.self.queue.waited") > 50);
    }
    row("queue", "of a burst of 120, failed", refused[1], refused[0]);
    QVERIFY(refused[0] >= 30);
    QVERIFY(refused[1] * 3 < refused[0]);
}

void TestGatewayResponses::priority()
{
    int lost[2] = {};
    for (const bool on : {true, false}) {
        auto options = patient();
        options.queue.running = 4;
        options.queue.waiting = 20;
        options.switches.hedging = false;
        Bed bed(1, options);
        QVERIFY(bed.ready());
        bed.setSwitch("priority", on);
        bed.setSwitch("fallback", false);
        bed.replicas[0]->delayMicros = 30'000;
        const auto replies = bed.load(120, Micros{0},
                                      [](int i) {
                                          return withParameter(historyRequest(), "priority",
                                                               i % 8 == 7 ? "search" : "ads");
                                      },
                                      {});
        for (std::size_t i = 7; i < replies.size(); i += 8)
            lost[on] += !replies[i].status.ok();
    }
    row("priority", "of 15 searches within a burst of ads, lost", lost[1], lost[0]);
    QVERIFY(lost[0] >= 5);
    QVERIFY(lost[1] * 2 < lost[0]);
}

void TestGatewayResponses::theQueueServesByClassAndDeadline()
{
    GatewayQueue queue({.running = 2, .waiting = 3}, {.recommendation = 1, .ads = 0.5});
    std::vector<std::string> heard;
    const MonoTime start{1'000'000};
    const auto enter = [&](Priority priority, std::int64_t deadlineMillis, const char *name) {
        return queue.enter(
            priority, start + Micros{deadlineMillis * 1000}, start, 1, true,
            [&heard, name](bool runs) { heard.push_back(std::string(name) + (runs ? "+" : "-")); });
    };
    using Entered = GatewayQueue::Entered;
    QVERIFY(enter(Priority::Ads, 900, "a") == Entered::Runs);
    QVERIFY(enter(Priority::Ads, 900, "b") == Entered::Waits); // half of the places is their share
    QVERIFY(enter(Priority::Recommendation, 900, "c") == Entered::Runs);
    QVERIFY(enter(Priority::Recommendation, 900, "late") == Entered::Waits);
    QVERIFY(enter(Priority::Recommendation, 500, "soon") == Entered::Waits);
    QVERIFY(enter(Priority::Ads, 900, "d") == Entered::Refused); // full, and nobody below them
    QVERIFY(enter(Priority::Search, 900, "s") == Entered::Waits);
    QCOMPARE(heard, (std::vector<std::string>{"b-"})); // made room
    QCOMPARE(queue.takeEvicted(), std::uint64_t{1});
    heard.clear();
    queue.leave(start, start + Micros{10'000});
    queue.leave(start, start + Micros{10'000});
    QCOMPARE(heard, (std::vector<std::string>{"s+", "soon+"}));
    heard.clear();
    queue.sweep(start + Micros{901'000});
    QCOMPARE(heard, (std::vector<std::string>{"late-"}));
    QCOMPARE(queue.takeDropped(), std::uint64_t{1});
    QCOMPARE(queue.running(), std::size_t{2});
    // A turn takes 10 ms and both places are taken: 5 ms is no time to wait.
    QVERIFY(queue.enter(Priority::Search, start + Micros{5'000}, start, 1, true, {})
            == Entered::Refused);
}

void TestGatewayResponses::throttle()
{
    int asked[2] = {};
    for (const bool on : {true, false}) {
        auto options = patient();
        options.throttle.span = Micros{60'000'000};
        Bed bed(2, options);
        QVERIFY(bed.ready());
        bed.setSwitch("throttle", on);
        for (auto &replica : bed.replicas)
            replica->mood = Mood::Overloaded;
        QCOMPARE(failures(bed.load(300, Micros{1'000})), 0); // the popularity list answers
        asked[on] = calls(bed);
        QVERIFY(on == (bed.total("gateway.self.throttled") > 100));
    }
    row("throttle", "of 300, asked of replicas that refuse all", asked[1], asked[0]);
    QVERIFY(asked[1] * 2 < asked[0]);
}

void TestGatewayResponses::cacheSharesOneCall()
{
    int asked[2] = {};
    for (const bool on : {true, false}) {
        Bed bed(1);
        QVERIFY(bed.ready());
        bed.setSwitch("cache", on);
        bed.setSwitch("hedging", false);
        bed.replicas[0]->delayMicros = 300'000;
        const auto replies = bed.load(50, Micros{0}, [](int) { return shopperRequest(40, 3); }, {});
        QCOMPARE(failures(replies), 0);
        QCOMPARE(onPath(replies, "primary"), 50);
        asked[on] = bed.replicas[0]->calls;
    }
    row("cache", "calls for 50 equal requests at a time", asked[1], asked[0]);
    QCOMPARE(asked[0], 50);
    QVERIFY(asked[1] < 25);
}

void TestGatewayResponses::cacheServesStaleWhileNobodyAnswers()
{
    int popular[2] = {};
    for (const bool on : {true, false}) {
        auto options = patient();
        options.chain = {"cached", "popularity"};
        Bed bed(1, options);
        QVERIFY(bed.ready());
        bed.setSwitch("cache", on);
        for (std::uint32_t i = 0; i < 20; ++i)
            QCOMPARE(bed.ask(shopperRequest(i, 3)).path(), std::string("primary"));
        bed.replicas[0]->mood = Mood::Fails;
        for (std::uint32_t i = 0; i < 20; ++i) {
            const auto reply = bed.ask(shopperRequest(i, 3));
            QVERIFY(reply.status.ok());
            popular[on] += reply.path() == "popularity";
            if (on)
                QCOMPARE(textOf(reply.reply, "digest"), std::string("digest-a"));
        }
        QCOMPARE(bed.ask(shopperRequest(3, 4)).path(), std::string("popularity")); // another h
    }
    row("cache", "of 20 known requests, answered by popularity", popular[1], popular[0]);
    QCOMPARE(popular[1], 0);
    QCOMPARE(popular[0], 20);
}

void TestGatewayResponses::cacheForgetsTheWordsOfAnotherModel()
{
    GatewayCache cache(CacheRules{.entries = 2, .fresh = Micros{1'000}, .jitter = 0.5}, 1);
    const auto answer = [](const char *digest) {
        inference::ModelInferResponse reply;
        setText(reply, "digest", digest);
        return reply;
    };
    const AnswerKey one{1, 5, 10, false}, two{2, 5, 10, false}, three{3, 5, 10, false};
    const MonoTime now{1'000'000};
    cache.put(one, answer("a"), now);
    QVERIFY(cache.find(one, GatewayCache::Age::Fresh, now));
    QVERIFY(cache.find(one, GatewayCache::Age::Fresh, now + Micros{499})); // 1 ms, half of it less
    QVERIFY(!cache.find(one, GatewayCache::Age::Fresh, now + Micros{1'501}));
    QVERIFY(cache.find(one, GatewayCache::Age::Stale, now + Micros{1'501}));
    QVERIFY(!cache.find({1, 6, 10, false}, GatewayCache::Age::Stale, now));
    cache.put(two, answer("b"), now);
    QVERIFY(!cache.find(one, GatewayCache::Age::Stale, now)); // that model does not serve now
    cache.put({9, 9, 9, true}, answer("c"), now);             // the canary's does not matter
    QVERIFY(cache.find(two, GatewayCache::Age::Stale, now));
    cache.put(three, answer("b"), now);
    QCOMPARE(cache.size(), std::size_t{2});
}

void TestGatewayResponses::canaryIsSticky()
{
    Canary canary({.targets = {"replica/2"}, .share = 0.25});
    int inside = 0;
    for (std::uint64_t shopper = 0; shopper < 10'000; ++shopper) {
        inside += canary.wants(shopper);
        QCOMPARE(canary.wants(shopper), canary.wants(shopper));
    }
    QVERIFY(inside > 2'300 && inside < 2'700);
    auto options = patient();
    options.canary = {.targets = {"replica/2"}, .share = 0.5};
    Bed bed(2, options);
    QVERIFY(bed.ready());
    std::map<std::uint32_t, std::string> first;
    for (int round = 0; round < 2; ++round)
        for (std::uint32_t shopper = 0; shopper < 30; ++shopper) {
            const auto target = bed.ask(shopperRequest(shopper, 3)).target();
            QCOMPARE(first.try_emplace(shopper, target).first->second, target);
        }
    QVERIFY(bed.replicas[0]->calls > 10 && bed.replicas[1]->calls > 10);
}

void TestGatewayResponses::canaryWithErrorsIsRolledBack()
{
    int bad[2] = {};
    for (const bool on : {true, false}) {
        auto options = patient();
        options.canary = {.targets = {"replica/3"}, .share = 0.5, .least = 20};
        options.switches.ejection = options.switches.breaker = false;
        options.switches.cache = false;
        options.retryRatio = 1;
        if (!on)
            options.canary.errorBand = 1; // what there is without the roll-back
        Bed bed(3, options);
        QVERIFY(bed.ready());
        bed.replicas[2]->failEvery = 2;
        for (std::uint32_t i = 0; i < 300; ++i)
            QVERIFY(bed.ask(shopperRequest(i, 3)).status.ok());
        bad[on] = bed.replicas[2]->calls / 2;
        QCOMPARE(bed.events("canary", true), on ? 1 : 0);
    }
    row("canary", "failed calls at a canary that fails every 2nd", bad[1], bad[0]);
    QVERIFY(bad[1] * 2 < bad[0]);
}

void TestGatewayResponses::canaryOfPoorQualityIsRolledBack()
{
    auto options = patient();
    options.canary = {.targets = {"replica/2"}, .share = 0.5, .least = 20};
    options.switches.cache = false;
    Bed bed(2, options);
    QVERIFY(bed.ready());
    bed.replicas[1]->firstItem = 5'000; // the shop's items are never in its lists
    // Event i of shopper s is item s + i; the good lists are 100 ... 109.
    int rounds = 0;
    while (bed.events("canary", true) == 0 && rounds < 20) {
        ++rounds;
        for (std::uint32_t shopper = 60; shopper < 99; ++shopper) {
            const auto h = 101 - shopper;
            QVERIFY(bed.ask(shopperRequest(shopper, h)).status.ok());
            QVERIFY(bed.ask(shopperRequest(shopper, h + 1)).status.ok());
        }
    }
    QCOMPARE(bed.events("canary", true), 1);
    QVERIFY(rounds > 1);
    QCOMPARE(bed.total("gateway.self.canary.rolled-back"), 1.0);
}

void TestGatewayResponses::standby()
{
    int popular[2] = {};
    for (const bool on : {true, false}) {
        Bed bed(2, patient(), true);
        QVERIFY(bed.ready());
        bed.setSwitch("standby", on);
        for (auto &replica : bed.replicas)
            replica->mood = Mood::Fails;
        for (int i = 0; i < 40; ++i)
            popular[on] += bed.ask(historyRequest()).path() == "popularity";
        QVERIFY(bed.events("fallback", true) >= 1);
        if (!on)
            continue;
        QCOMPARE(bed.total("gateway.self.standby"), 40.0);
        bed.spare->healthy = false; // it is asked for its health, too
        QTRY_COMPARE_WITH_TIMEOUT(bed.ask(historyRequest()).path(), std::string("popularity"),
                                  30'000);
    }
    row("standby", "of 40 without primaries, answered by popularity", popular[1], popular[0]);
    QCOMPARE(popular[1], 0);
    QCOMPARE(popular[0], 40);
}

void TestGatewayResponses::discovery()
{
    QTemporaryDir folder;
    const auto path = folder.filePath(QStringLiteral("endpoints.json"));
    int lost[2] = {};
    for (const bool on : {true, false}) {
        FakeReplica elsewhere("digest-a");
        auto options = patient();
        options.endpointsFile = path.toStdString();
        options.discoveryEvery = Micros{20'000};
        options.health.interval = Micros{50'000};
        options.switches.discovery = on;
        std::filesystem::remove(path.toStdString());
        Bed bed(1, options);
        QVERIFY(bed.ready());
        bed.setSwitch("fallback", false);
        bed.replicas[0]->stop(); // it moves
        write(path, "{\"replicas\": [{\"target\": \"replica/1\", \"address\": \""
                        + elsewhere.address() + "\"}]}");
        if (on)
            QTRY_VERIFY_WITH_TIMEOUT(bed.total("gateway.self.discovery.changed") >= 1, 30'000);
        QVERIFY(!on || bed.ready());
        for (int i = 0; i < 20; ++i)
            lost[on] += !bed.ask(historyRequest()).status.ok();
        if (!on)
            continue;
        const auto kept = bed.total("gateway.self.discovery.kept");
        for (const char *text : {"{\"replicas\": []}", "", "{\"replicas\": 7}"}) {
            const auto before = bed.total("gateway.self.discovery.kept");
            write(path, text);
            QTRY_VERIFY_WITH_TIMEOUT(bed.total("gateway.self.discovery.kept") > before, 30'000);
            QVERIFY(!bed.gateway->problem().empty());
            QVERIFY(bed.ask(historyRequest()).status.ok()); // the address known so far
        }
        QCOMPARE(bed.total("gateway.self.discovery.kept"), kept + 3);
    }
    row("discovery", "of 20 after the replica moved, lost", lost[1], lost[0]);
    QCOMPARE(lost[1], 0);
    QCOMPARE(lost[0], 20);
}

void TestGatewayResponses::settingsAreTakenWhileItRuns()
{
    QTemporaryDir folder;
    const auto path = folder.filePath(QStringLiteral("gateway.yaml"));
    auto options = patient();
    options.settingsFile = path.toStdString();
    Bed bed(1, options);
    QVERIFY(bed.ready());
    QVERIFY(bed.gateway->problem().empty());
    bed.replicas[0]->mood = Mood::Fails;
    QVERIFY(bed.ask(historyRequest()).status.ok());
    write(path, "drillroom-gateway: 1\nswitches:\n  fallback: off\n");
    QTRY_VERIFY_WITH_TIMEOUT(!bed.ask(historyRequest()).status.ok(), 30'000);
    write(path, "drillroom-gateway: 1\nswitches:\n  fallback: maybe\n");
    QTRY_VERIFY_WITH_TIMEOUT(!bed.gateway->problem().empty(), 30'000);
    const auto problem = bed.gateway->problem();
    QVERIFY2(problem.find("gateway.yaml:3:13: ") != std::string::npos, problem.c_str());
    QVERIFY2(problem.find("on or off") != std::string::npos, problem.c_str());
    QVERIFY(!bed.ask(historyRequest()).status.ok()); // the old ones hold
    write(path, "drillroom-gateway: 1\n");
    QTRY_VERIFY_WITH_TIMEOUT(bed.ask(historyRequest()).status.ok(), 30'000);
    QVERIFY(bed.gateway->problem().empty());
}

void TestGatewayResponses::healthCanBeWatched()
{
    using Health = grpc::health::v1::HealthCheckResponse;
    auto options = patient();
    options.health.interval = Micros{30'000};
    Bed bed(1, options);
    QVERIFY(bed.ready());
    const auto stub = grpc::health::v1::Health::NewStub(
        resilientChannel("127.0.0.1:" + std::to_string(bed.gateway->port())));
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service("recommend");
    auto reader = stub->Watch(&context, request);
    Health reply;
    QVERIFY(reader->Read(&reply));
    QCOMPARE(int(reply.status()), int(Health::SERVING));
    bed.replicas[0]->healthy = false;
    QVERIFY(reader->Read(&reply));
    QCOMPARE(int(reply.status()), int(Health::NOT_SERVING));
    bed.replicas[0]->healthy = true;
    QVERIFY(reader->Read(&reply));
    QCOMPARE(int(reply.status()), int(Health::SERVING));
    context.TryCancel();
}

void TestGatewayResponses::aCallerThatHangsUpEndsItsTries()
{
    auto options = patient();
    options.perTry = Micros{20'000'000};
    Bed bed(1, options);
    QVERIFY(bed.ready());
    bed.setSwitch("deadline", false); // which would end the try by itself
    bed.replicas[0]->mood = Mood::Silent;
    QVERIFY(!bed.ask(historyRequest(), Micros{300'000}).status.ok());
    QTRY_COMPARE_WITH_TIMEOUT(bed.replicas[0]->cancelled.load(), 1, 15'000);
}

QTEST_GUILESS_MAIN(TestGatewayResponses)
#include "tst_gateway_responses.moc"
