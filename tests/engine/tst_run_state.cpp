// The fold: same news, same bytes; lists are bounded; a state survives a keyframe.

#include "engine/event/run_state.h"

#include <QtTest>

using namespace engine;

class TestRunState : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void sameNewsSameHash();
    void everyChangeChangesTheHash();
    void stateSurvivesItsEncoding();
    void cutKeyframesAreRefused();
    void listsAreBoundedAndTheCountGoesOn();
    void endsMatchTheNewestOpenOne();
    void faultKeepsItsInstants();
    void timesFallBackToArrival();
    void haltIsReleased();
    void gapsInARowAreKept();
    void firstEndStands();
};

namespace {

constexpr std::int64_t kStart = 7'000'000;

struct Feed
{
    RunState state;
    std::uint64_t seq = 0;
    explicit Feed(std::int64_t start = kStart)
    {
        RunStarted run;
        run.runId = "r";
        run.start = start;
        add(run, 0);
    }
    void add(Payload payload, std::int64_t t) { state.apply(Event{++seq, t, std::move(payload)}); }
    void row(std::int64_t t, float a, float b)
    {
        const std::vector<std::string> names = {"a", "b"};
        const std::vector<float> values = {a, b};
        state.apply(RowView{t, names, values});
    }
};

Feed typical()
{
    Feed feed;
    ProcessChanged process;
    process.target = "replica/2";
    process.state = ProcessState::Down;
    feed.add(process, 1000);
    feed.add(ResponseChanged{"restart", "replica/2", "supervisor", "", true, kStart + 2000}, 2000);
    feed.row(100'000, 1.0f, std::numeric_limits<float>::quiet_NaN());
    feed.add(AlertChanged{"latency", "<= 60 ms", true, 70, kStart + 150'000}, 150'000);
    feed.add(LinkChanged{"agent", "", true, 0, 0}, 160'000);
    feed.row(200'000, 2.0f, 3.0f);
    return feed;
}

} // namespace

void TestRunState::sameNewsSameHash()
{
    QCOMPARE(hex(typical().state.hash()), hex(typical().state.hash()));
    QCOMPARE(typical().state.t, 200'000);
    QCOMPARE(typical().state.seq, std::uint64_t{5});
}

void TestRunState::everyChangeChangesTheHash()
{
    const auto before = hex(typical().state.hash());
    auto feed = typical();
    feed.row(300'000, 2.0f, 3.0f);
    QVERIFY(hex(feed.state.hash()) != before);
    feed = typical();
    feed.state.row["b"] = 3.0000002f;
    QVERIFY(hex(feed.state.hash()) != before);
    feed = typical();
    feed.add(HostStalled{0, 1, 2}, 200'000);
    QVERIFY(hex(feed.state.hash()) != before);
}

void TestRunState::stateSurvivesItsEncoding()
{
    const auto bytes = encode(typical().state);
    auto back = decode<RunState>(bytes);
    QVERIFY(back);
    QCOMPARE(encode(*back), bytes);
    // And goes on as if it had never been away.
    auto feed = typical();
    const Event next{6, 250'000, OperatorActed{Act::Halt, "ann", "", "", 0}};
    feed.state.apply(next);
    back->apply(next);
    QCOMPARE(hex(back->hash()), hex(feed.state.hash()));
}

void TestRunState::cutKeyframesAreRefused()
{
    const auto bytes = encode(typical().state);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
        QVERIFY(!decode<RunState>(std::span(bytes).first(cut)));
}

void TestRunState::listsAreBoundedAndTheCountGoesOn()
{
    Feed feed;
    for (int i = 0; i < 700; ++i) {
        feed.add(ResponseChanged{"ejection", "replica/1", "gateway", "", true, 0}, i);
        feed.add(ResponseChanged{"ejection", "replica/1", "gateway", "", false, 0}, i);
        feed.add(AlertChanged{"latency", "", true, 1, 0}, i);
        feed.add(OperatorActed{}, i);
    }
    QCOMPARE(feed.state.responses.size(), std::size_t{500});
    QCOMPARE(feed.state.responsesSeen, std::uint64_t{700});
    QCOMPARE(feed.state.alerts.size(), std::size_t{500});
    QCOMPARE(feed.state.alertsSeen, std::uint64_t{700});
    QCOMPARE(feed.state.acts.size(), std::size_t{500});
    QCOMPARE(feed.state.actsSeen, std::uint64_t{700});
}

void TestRunState::endsMatchTheNewestOpenOne()
{
    Feed feed;
    const auto response = [&](const char *target, bool active, std::int64_t t) {
        feed.add(ResponseChanged{"ejection", target, "gateway", "", active, kStart + t}, t);
    };
    response("replica/1", true, 10);
    response("replica/2", true, 20);
    response("replica/1", false, 30);
    response("replica/1", true, 40);
    response("replica/3", false, 50); // never began: nothing to end
    const auto &list = feed.state.responses;
    QCOMPARE(list.size(), std::size_t{3});
    QCOMPARE(*list[0].to, 30);
    QVERIFY(!list[1].to);
    QVERIFY(!list[2].to);
    QCOMPARE(list[2].from, 40);
}

void TestRunState::faultKeepsItsInstants()
{
    Feed feed;
    const auto fault = [&](FaultState state, std::int64_t at) {
        feed.add(FaultChanged{1, "s", "process.kill", "replica/2", "", state, kStart + at, 0},
                 at + 5);
    };
    fault(FaultState::Intended, 10);
    QVERIFY(!feed.state.faults.at(1).applied);
    fault(FaultState::Applied, 20);
    fault(FaultState::Confirmed, 30);
    fault(FaultState::Undoing, 40);
    fault(FaultState::Undone, 50);
    const auto &view = feed.state.faults.at(1);
    QCOMPARE(*view.applied, 20);
    QCOMPARE(*view.confirmed, 30);
    QCOMPARE(*view.undone, 50);
    QVERIFY(view.last.state == FaultState::Undone);
}

void TestRunState::timesFallBackToArrival()
{
    Feed feed(0); // an idle file has no run and no start
    feed.add(AlertChanged{"latency", "", true, 1, 123'456'789}, 77);
    QCOMPARE(feed.state.alerts[0].from, 77);
    Feed run;
    run.add(AlertChanged{"latency", "", true, 1, 0}, 88);
    QCOMPARE(run.state.alerts[0].from, 88);
}

void TestRunState::haltIsReleased()
{
    Feed feed;
    feed.add(OperatorActed{Act::Halt, "", "", "", 0}, 1);
    QVERIFY(feed.state.halted);
    feed.add(OperatorActed{Act::Note, "", "", "", 0}, 2);
    QVERIFY(feed.state.halted);
    feed.add(OperatorActed{Act::HaltReleased, "", "", "", 0}, 3);
    QVERIFY(!feed.state.halted);
}

void TestRunState::gapsInARowAreKept()
{
    Feed feed;
    feed.row(100'000, 1.0f, 2.0f);
    feed.row(200'000, std::numeric_limits<float>::quiet_NaN(), 3.0f);
    QVERIFY(std::isnan(feed.state.row.at("a"))); // not the value of the row before
    QCOMPARE(feed.state.row.at("b"), 3.0f);
}

void TestRunState::firstEndStands()
{
    Feed feed;
    feed.add(RunEnded{EndReason::Aborted, "guard", 0}, 1);
    feed.add(RunEnded{EndReason::Completed, "", 0}, 2);
    QVERIFY(feed.state.ended->reason == EndReason::Aborted);
}

QTEST_GUILESS_MAIN(TestRunState)
#include "tst_run_state.moc"
