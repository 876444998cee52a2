// The gateway between real sockets: fake replicas and a fake store that behave as told.
#include "tests/support/gateway_bed.h"

using namespace test;

class TestGateway : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void answersSayWhoServed();
    void readsTheHistoryOfAShopper();
    void rawContentsComeBackRaw();
    void wrongRequestsAreToldWhatIsWrong_data();
    void wrongRequestsAreToldWhatIsWrong();
    void isReadyOnlyWithAReplica();
    void anErrorIsTriedOnAnotherReplica();
    void overloadIsNeverTriedAgain();
    void aSilentReplicaCostsOneTryOnly();
    void aFailingReplicaIsEjectedAndComesBack();
    void aFrozenReplicaCostsAHandfulOfLateRequests();
    void aKilledReplicaCostsNoRequest();
    void theCallersDeadlineReachesTheReplica();
    void aRequestWithoutTimeIsNotStarted();
    void aSilentStoreFallsBackToPopularity();
    void allReplicasGoneFallsBackToPopularity();
    void theStandbyComesBeforePopularity();
};

void TestGateway::answersSayWhoServed()
{
    Bed bed(3);
    QVERIFY(bed.ready());
    std::map<std::string, int> targets;
    for (int i = 0; i < 30; ++i) {
        const auto reply = bed.ask(historyRequest());
        QVERIFY2(reply.status.ok(), reply.status.error_message().c_str());
        QCOMPARE(reply.path(), std::string("primary"));
        QCOMPARE(textOf(reply.reply, "digest"), std::string("digest-a"));
        QCOMPARE(textOf(reply.reply, "version"), std::string("7"));
        QVERIFY(isComplete(reply.reply, 1, 10));
        ++targets[reply.target()];
    }
    QCOMPARE(targets.size(), 3u);
    for (const auto &[target, count] : targets)
        QCOMPARE(count, 10);
    QCOMPARE(bed.total("gateway.self.requests"), 30.0);
    QCOMPARE(bed.total("gateway.self.failed"), 0.0);
    QCOMPARE(bed.events("ejection", true) + bed.events("fallback", true), 0);
}

void TestGateway::readsTheHistoryOfAShopper()
{
    Bed bed(1);
    QVERIFY(bed.ready());
    const auto reply = bed.ask(shopperRequest(40, 3));
    QVERIFY(reply.status.ok());
    QCOMPARE(reply.path(), std::string("primary"));
    QCOMPARE(bed.replicas[0]->firstHistoryItem.load(), 40);
    QVERIFY(bed.ask(shopperRequest(40, 0)).status.ok()); // a shopper without a past
    QCOMPARE(bed.replicas[0]->firstHistoryItem.load(), -1);
}

void TestGateway::rawContentsComeBackRaw()
{
    Bed bed(1);
    QVERIFY(bed.ready());
    auto request = historyRequest();
    const std::int64_t history[] = {1, 2};
    const std::int32_t k = 10;
    for (auto &input : *request.mutable_inputs())
        input.clear_contents();
    request.add_raw_input_contents(history, sizeof history);
    request.add_raw_input_contents(&k, sizeof k);
    const auto reply = bed.ask(request);
    QVERIFY2(reply.status.ok(), reply.status.error_message().c_str());
    QCOMPARE(reply.reply.raw_output_contents_size(), 2);
    QCOMPARE(reply.reply.raw_output_contents(0).size(), 80u);
    QCOMPARE(reply.reply.outputs(0).contents().int64_contents_size(), 0);
}

void TestGateway::wrongRequestsAreToldWhatIsWrong_data()
{
    QTest::addColumn<int>("which");
    QTest::addColumn<int>("code");
    QTest::addRow("other model") << 0 << static_cast<int>(grpc::StatusCode::NOT_FOUND);
    for (int i = 1; i <= 6; ++i)
        QTest::addRow("case %d", i) << i << static_cast<int>(grpc::StatusCode::INVALID_ARGUMENT);
}

void TestGateway::wrongRequestsAreToldWhatIsWrong()
{
    QFETCH(int, which);
    QFETCH(int, code);
    Bed bed(1);
    QVERIFY(bed.ready());
    auto request = historyRequest();
    auto &history = *request.mutable_inputs(0), &k = *request.mutable_inputs(1);
    switch (which) {
    case 0:
        request.set_model_name("other");
        break;
    case 1:
        k.mutable_contents()->set_int_contents(0, 0);
        break;
    case 2:
        k.mutable_contents()->set_int_contents(0, 1'000'000);
        break;
    case 3: // fewer values than the shape says
        history.set_shape(1, 1000);
        break;
    case 4: // a shape whose product overflows
        history.set_shape(0, std::int64_t{1} << 62);
        history.set_shape(1, 4);
        break;
    case 5:
        history.set_name("histroy");
        break;
    case 6:
        request.mutable_inputs()->RemoveLast();
        break;
    }
    const auto reply = bed.ask(request);
    QCOMPARE(static_cast<int>(reply.status.error_code()), code);
    QVERIFY(!reply.status.error_message().empty());
    QCOMPARE(bed.replicas[0]->calls.load(), 0);
}

void TestGateway::isReadyOnlyWithAReplica()
{
    Bed bed(1);
    QVERIFY(bed.ready());
    auto stub = inference::GRPCInferenceService::NewStub(
        resilientChannel("127.0.0.1:" + std::to_string(bed.gateway->port())));
    const auto ready = [&] {
        grpc::ClientContext context;
        inference::ServerReadyResponse reply;
        return stub->ServerReady(&context, {}, &reply).ok() && reply.ready();
    };
    QVERIFY(ready());
    GatewayOptions options;
    options.replicas = {{"replica/1", "127.0.0.1:1"}}; // nobody listens there
    auto lonely = Gateway::start(options, PopularityList({1, 2, 3}), systemClock(), {});
    QVERIFY(lonely.has_value());
    stub = inference::GRPCInferenceService::NewStub(
        resilientChannel("127.0.0.1:" + std::to_string((*lonely)->port())));
    QVERIFY(!ready());
}

void TestGateway::anErrorIsTriedOnAnotherReplica()
{
    for (const bool retry : {true, false}) {
        Bed bed(2);
        QVERIFY(bed.ready());
        bed.setSwitch("ejection", false); // so that the failing one keeps its share
        bed.setSwitch("breaker", false);
        bed.setSwitch("fallback", false);
        bed.setSwitch("retry", retry);
        bed.replicas[0]->mood = Mood::Fails;
        int bad = 0;
        for (int i = 0; i < 20; ++i)
            bad += !bed.ask(historyRequest()).status.ok();
        QCOMPARE(bad, retry ? 0 : 10);
        QCOMPARE(bed.total("gateway.self.retries"), retry ? 10.0 : 0.0);
    }
}

void TestGateway::overloadIsNeverTriedAgain()
{
    Bed bed(2);
    QVERIFY(bed.ready());
    bed.setSwitch("fallback", false);
    bed.replicas[0]->mood = Mood::Overloaded;
    int overloaded = 0;
    for (int i = 0; i < 20; ++i)
        overloaded +=
            bed.ask(historyRequest()).status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
    QCOMPARE(overloaded, 10);
    QCOMPARE(bed.total("gateway.self.retries"), 0.0);
    QCOMPARE(bed.events("ejection", true), 0); // full is not broken
}

void TestGateway::aSilentReplicaCostsOneTryOnly()
{
    auto options = patient();
    options.perTry = Micros{1'000'000};
    Bed bed(2, options);
    QVERIFY(bed.ready());
    bed.replicas[0]->mood = Mood::Silent;
    for (int i = 0; i < 2; ++i) {
        const auto reply = bed.ask(historyRequest());
        QVERIFY(reply.status.ok());
        QCOMPARE(reply.target(), std::string("replica/2"));
    }
    QCOMPARE(bed.replicas[0]->calls.load(), 1);
    QCOMPARE(bed.replicas[1]->calls.load(), 2);
}

void TestGateway::aFailingReplicaIsEjectedAndComesBack()
{
    for (const int count : {2, 3}) {
        auto options = patient();
        options.ejection.base = Micros{400'000};
        options.health.interval = Micros{50'000};
        Bed bed(count, options);
        QVERIFY(bed.ready());
        bed.replicas[0]->mood = Mood::Fails;
        const auto replies = bed.load(100, Micros{3'000});
        QCOMPARE(failures(replies), 0);
        QCOMPARE(onPath(replies, "primary"), 100);
        // Three in a row, and what was on its way by then; its share would be 50 or 33.
        QVERIFY(bed.replicas[0]->calls >= 3 && bed.replicas[0]->calls <= 20);
        QVERIFY(bed.events("ejection", true, "replica/1") >= 1);
        bed.replicas[0]->mood = Mood::Answers;
        QTRY_COMPARE_WITH_TIMEOUT(bed.events("ejection", false, "replica/1"),
                                  bed.events("ejection", true, "replica/1"), 30'000);
        const auto before = bed.replicas[0]->calls.load();
        QCOMPARE(failures(bed.load(count * 10, Micros{3'000})), 0);
        QVERIFY(bed.replicas[0]->calls.load() - before >= 5); // 10 where nothing stalls
    }
}

void TestGateway::aFrozenReplicaCostsAHandfulOfLateRequests()
{
    int slow[2] = {}, calls[2] = {};
    for (const bool ejection : {true, false}) {
        GatewayOptions options; // the real time-outs
        options.ejection.base = Micros{60'000'000};
        Bed bed(3, options);
        QVERIFY(bed.ready());
        bed.setSwitch("ejection", ejection);
        bed.setSwitch("breaker", false); // it would help, too
        bed.setSwitch("hedging", false);
        int before = 0;
        const auto replies = bed.load(300, Micros{5'000}, [&](int i) {
            if (i != 60)
                return;
            before = bed.replicas[0]->calls;
            bed.replicas[0]->mood = Mood::Silent;
        });
        slow[ejection] = slowerThan(replies, 60);
        calls[ejection] = bed.replicas[0]->calls - before;
        QCOMPARE(failures(replies), 0);
        if (ejection)
            QVERIFY(bed.events("ejection", true, "replica/1") >= 1);
        else
            QCOMPARE(bed.events("ejection", true), 0);
    }
    qInfo("frozen: %d slow and %d calls with ejection, %d and %d without", slow[1], calls[1],
          slow[0], calls[0]);
    // A busy host makes any request slow, in both runs; calls to the silent one are only wasted
    // where nobody steers away from it.
    QVERIFY(calls[0] > 40);
    QVERIFY(calls[1] * 3 < calls[0]);
    QVERIFY(slow[1] < slow[0]);
}

void TestGateway::aKilledReplicaCostsNoRequest()
{
    Bed bed(3);
    QVERIFY(bed.ready());
    const auto replies = bed.load(400, Micros{5'000}, [&](int i) {
        if (i == 100)
            bed.replicas[1]->stop();
    });
    QCOMPARE(failures(replies), 0);
    QCOMPARE(onPath(replies, "primary"), 400);
    QVERIFY(bed.events("ejection", true, "replica/2") >= 1);
    bed.replicas[1]->serveAgain();
    QTRY_COMPARE_WITH_TIMEOUT(bed.events("ejection", false, "replica/2"),
                              bed.events("ejection", true, "replica/2"), 30'000);
    QVERIFY(bed.ready());
}

void TestGateway::theCallersDeadlineReachesTheReplica()
{
    auto options = patient();
    options.perTry = Micros{8'000'000};
    Bed bed(1, options);
    QVERIFY(bed.ready());
    // gRPC rounds what is left up to its next unit at every hop: 10 ms here, so 100 are enough
    constexpr std::int64_t kRounding = 100'000;
    const auto left = [&] { return bed.replicas[0]->lastDeadlineMicros.load(); };
    const auto isUpTo = [&](std::int64_t most) { return left() > 0 && left() <= most + kRounding; };
    QVERIFY(bed.ask(historyRequest(), Micros{4'000'000}).status.ok());
    QVERIFY2(isUpTo(4'000'000), qPrintable(QString::number(left())));
    QVERIFY(bed.ask(historyRequest()).status.ok()); // then the per-try time-out bounds it
    QVERIFY2(left() > 4'000'000 + kRounding && isUpTo(8'000'000),
             qPrintable(QString::number(left())));
    auto request = historyRequest();
    (*request.mutable_parameters())["timeout"].set_int64_param(3'000'000);
    QVERIFY(bed.ask(request).status.ok());
    QVERIFY2(isUpTo(3'000'000), qPrintable(QString::number(left())));
}

void TestGateway::aRequestWithoutTimeIsNotStarted()
{
    Bed bed(1);
    QVERIFY(bed.ready());
    auto request = historyRequest();
    (*request.mutable_parameters())["timeout"].set_int64_param(1'000);
    const auto reply = bed.ask(request);
    QCOMPARE(bed.replicas[0]->calls.load(), 0);
    QCOMPARE(reply.path(), std::string("popularity"));
    bed.setSwitch("fallback", false);
    QCOMPARE(bed.ask(request).status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
    QCOMPARE(bed.replicas[0]->calls.load(), 0);
}

void TestGateway::aSilentStoreFallsBackToPopularity()
{
    constexpr Micros kSlice{1'000'000};
    auto options = patient();
    options.storeSlice = kSlice;
    Bed bed(1, options);
    QVERIFY(bed.ready());
    bed.store.mood = Mood::Silent;
    const auto reply = bed.ask(shopperRequest(3, 5));
    QVERIFY(reply.status.ok());
    QCOMPARE(reply.path(), std::string("popularity"));
    QCOMPARE(bed.replicas[0]->calls.load(), 0);
    QCOMPARE(bed.total("gateway.self.store.missed"), 1.0);
    bed.setSwitch("fallback", false);
    for (int i = 0; i < 4; ++i)
        QCOMPARE(bed.ask(shopperRequest(3, 5)).status.error_code(), grpc::StatusCode::UNAVAILABLE);
    double quickest = 1e9; // once it counts as down, nobody waits the whole slice for it
    for (int i = 0; i < 5; ++i)
        quickest = std::min(quickest, bed.ask(shopperRequest(3, 5)).millis);
    QVERIFY2(quickest * 1000 * 2 < static_cast<double>(kSlice.count()),
             qPrintable(QString::number(quickest)));
    bed.store.mood = Mood::Answers;
    QTRY_COMPARE_WITH_TIMEOUT(bed.ask(shopperRequest(3, 5)).path(), std::string("primary"), 30'000);
}

void TestGateway::allReplicasGoneFallsBackToPopularity()
{
    GatewayOptions options; // the real time-outs
    options.breaker.probeEvery = Micros{200'000};
    Bed bed(2, options);
    QVERIFY(bed.ready());
    for (auto &replica : bed.replicas)
        replica->mood = Mood::Silent;
    const auto replies = bed.load(250, Micros{5'000});
    QCOMPARE(failures(replies), 0);
    QCOMPARE(onPath(replies, "popularity"), 250);
    // The history of the requests is items 1 and 2.
    QCOMPARE(replies[0].reply.outputs(0).contents().int64_contents(0), 0);
    QCOMPARE(replies[0].reply.outputs(0).contents().int64_contents(1), 3);
    QCOMPARE(bed.events("fallback", true), 1);
    QCOMPARE(bed.events("breaker", true), 2);  // one per replica
    QCOMPARE(bed.events("ejection", true), 0); // nobody answered, so nobody is worse
    QVERIFY(bed.replicas[0]->calls + bed.replicas[1]->calls < 250); // the breaker spared them
    QVERIFY(bed.total("gateway.self.breaker.skipped") > 20);
    QTRY_COMPARE_WITH_TIMEOUT(bed.events("fallback", false), 1, 30'000);
    for (auto &replica : bed.replicas)
        replica->mood = Mood::Answers;
    QTRY_COMPARE_WITH_TIMEOUT(
        [&] {
            (void)bed.load(20, Micros{5'000});
            return bed.events("breaker", false);
        }(),
        2, 30'000);
    QTRY_COMPARE_WITH_TIMEOUT(bed.ask(historyRequest()).path(), std::string("primary"), 30'000);
    bed.setSwitch("fallback", false);
    for (auto &replica : bed.replicas)
        replica->mood = Mood::Fails;
    QCOMPARE(failures(bed.load(20, Micros{5'000})), 20);
}

void TestGateway::theStandbyComesBeforePopularity()
{
    Bed bed(2, patient(), true);
    QVERIFY(bed.ready());
    for (auto &replica : bed.replicas)
        replica->mood = Mood::Fails;
    const auto reply = bed.ask(historyRequest());
    QCOMPARE(reply.path(), std::string("standby"));
    QCOMPARE(reply.target(), std::string("standby/1"));
    QCOMPARE(textOf(reply.reply, "digest"), std::string("digest-b"));
    bed.spare->mood = Mood::Fails;
    QCOMPARE(bed.ask(historyRequest()).path(), std::string("popularity"));
}

QTEST_GUILESS_MAIN(TestGateway)
#include "tst_gateway.moc"
