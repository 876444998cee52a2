// Every kind of event survives being recorded, and bytes of unknown origin never become one.

#include "engine/base/random.h"
#include "engine/event/event.h"

#include <QtTest>
#include <nlohmann/json.hpp>
#include <set>

using namespace engine;

class TestEvent : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void everyKindRoundTrips_data();
    void everyKindRoundTrips();
    void tableHasEveryKind();
    void cutPayloadIsRefused_data() { everyKindRoundTrips_data(); }
    void cutPayloadIsRefused();
    void unknownKindsAndValuesAreRefused();
    void randomBytesNeverCrash();
    void textsThatAreNoUtf8StillGiveJson();
};

namespace {

struct Row
{
    const char *kind;
    const char *says;
    Payload payload;
};

RunStarted run()
{
    RunStarted e;
    e.runId = "r1";
    e.drill = R"({"title":"x"})";
    e.drillHash = "ab";
    e.shop = "demo";
    e.application = "recommend";
    e.build = "0.1";
    e.seed = 7;
    e.synthetic = true;
    e.wall = 1'700'000'000'000'000;
    e.start = 5'000'000;
    e.reference = "cd";
    e.switchedOff = {"restart", "ejection"};
    return e;
}

std::vector<Row> rows()
{
    return {
        {"run", "Run r1 of shop demo started (synthetic data)", run()},
        {"phase", "Phase: warm-up", PhaseChanged{Phase::WarmUp, 11}},
        {"process", "replica/2 is down (signal 9)",
         ProcessChanged{"replica/2", "replica", "127.0.0.1:1", "mf", "3", "ff", "signal 9",
                        ProcessState::Down, 4711, 2, 12}},
        {"fault", "process.kill on replica/2 confirmed by its effect",
         FaultChanged{1, "crash", "process.kill", "replica/2", "", FaultState::Confirmed, 13, 99}},
        {"response", "Response ejection of replica/2 by gateway (3 failures)",
         ResponseChanged{"ejection", "replica/2", "gateway", "3 failures", true, 14}},
        {"alert", "latency is outside its rule <= 60 ms (read 61.5)",
         AlertChanged{"latency", "<= 60 ms", true, 61.5, 15}},
        {"act", "ann noted: looks bad",
         OperatorActed{Act::Note, "ann", "looks bad", "gateway", 16}},
        {"guard", "Guard tripped: gateway.failed > 20 %",
         GuardTripped{"gateway.failed > 20 %", 17}},
        {"stall", "The host stalled for 25 ms on core 1", HostStalled{1, 10'000, 35'000}},
        {"link", "agent is not heard any more; 5 items were lost (EOF)",
         LinkChanged{"agent", "EOF", false, 5, 18}},
        {"end", "Run aborted (by guard)", RunEnded{EndReason::Aborted, "by guard", 19}},
        {"training", "Training m1 of family mf goes on (after 12 s of work)",
         TrainingStarted{"m1", "train", "mf", "default", "/d.txt", "/m1", "cpu", "0.1", "{}", "", 7,
                         2, 4711, 12, 1'700'000'000'000'000, 5'000'000}},
        {"progress", "25 %: epoch 2 of 8", TrainingProgress{"epoch 2 of 8", 0.25, 3.5, 20}},
        {"metric", "train loss at 3: 4.061", TrainingMetric{"train loss", 3, 4.0612, false, 21}},
        {"training-note", "3 lines were dropped", TrainingNoted{"3 lines were dropped", 22}},
        {"checkpoint", "Checkpoint written after 30 s of work",
         TrainingSaved{"/m1.checkpoint", 30.2, 23}},
        {"training-state", "Training failed (no memory)",
         TrainingChanged{TrainingState::Failed, "no memory", "", "", {{"ndcg@10", 0.25}}, 24}},
    };
}

} // namespace

void TestEvent::everyKindRoundTrips_data()
{
    QTest::addColumn<int>("index");
    const auto all = rows();
    for (int i = 0; i < static_cast<int>(all.size()); ++i)
        QTest::newRow(all[static_cast<std::size_t>(i)].kind) << i;
}

void TestEvent::everyKindRoundTrips()
{
    QFETCH(int, index);
    const auto row = rows()[static_cast<std::size_t>(index)];
    const auto bytes = encodePayload(row.payload);
    const auto back = decodePayload(static_cast<std::uint32_t>(row.payload.index()), bytes);
    QVERIFY(back);
    QCOMPARE(back->index(), row.payload.index());
    QCOMPARE(encodePayload(*back), bytes);
    QCOMPARE(std::string(kindName(*back)), std::string(row.kind));
    QCOMPARE(describe(*back), std::string(row.says));
    const auto json = nlohmann::json::parse(toJson(Event{3, 1'500'000, *back}));
    QCOMPARE(json["kind"].get<std::string>(), std::string(row.kind));
    QCOMPARE(json["seq"].get<int>(), 3);
    QCOMPARE(json["t_s"].get<double>(), 1.5);
}

void TestEvent::tableHasEveryKind()
{
    std::set<std::size_t> kinds;
    for (const auto &row : rows())
        kinds.insert(row.payload.index());
    QCOMPARE(kinds.size(), std::variant_size_v<Payload>);
    QCOMPARE(targetOf(rows()[3].payload), std::string("replica/2"));
    QCOMPARE(happenedAt(rows()[3].payload), std::optional<std::int64_t>(13));
    QCOMPARE(happenedAt(PhaseChanged{}), std::nullopt);
}

void TestEvent::cutPayloadIsRefused()
{
    QFETCH(int, index);
    const auto row = rows()[static_cast<std::size_t>(index)];
    const auto kind = static_cast<std::uint32_t>(row.payload.index());
    auto bytes = encodePayload(row.payload);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
        QVERIFY(!decodePayload(kind, std::span(bytes).first(cut)));
    bytes.push_back(0);
    QVERIFY(!decodePayload(kind, bytes));
}

void TestEvent::unknownKindsAndValuesAreRefused()
{
    const auto bytes = encodePayload(PhaseChanged{Phase::Finished, 1});
    QVERIFY(decodePayload(1, bytes));
    QVERIFY(!decodePayload(std::variant_size_v<Payload>, bytes));
    QVERIFY(!decodePayload(UINT32_MAX, bytes));
    const std::vector<Payload> bad = {
        PhaseChanged{static_cast<Phase>(7), 1}, RunEnded{static_cast<EndReason>(3), "", 1},
        OperatorActed{static_cast<Act>(7), "", "", "", 1},
        TrainingChanged{static_cast<TrainingState>(5), "", "", "", {}, 1}};
    for (const auto &payload : bad)
        QVERIFY(
            !decodePayload(static_cast<std::uint32_t>(payload.index()), encodePayload(payload)));
}

void TestEvent::randomBytesNeverCrash()
{
    Random random(1, 1);
    for (int i = 0; i < 20'000; ++i) {
        Bytes bytes(random.below(60));
        for (auto &byte : bytes) // small numbers make plausible lengths
            byte = static_cast<std::uint8_t>(random.below(random.below(2) ? 4 : 256));
        const auto kind = static_cast<std::uint32_t>(random.below(18));
        if (const auto payload = decodePayload(kind, bytes)) {
            QCOMPARE(encodePayload(*payload).size(), bytes.size());
            QVERIFY(!describe(*payload).empty());
        }
    }
}

void TestEvent::textsThatAreNoUtf8StillGiveJson()
{
    const auto json = toJson(Event{1, 0, OperatorActed{Act::Note, "a\xff", "\xc3", "", 0}});
    QVERIFY(nlohmann::json::accept(json));
}

QTEST_GUILESS_MAIN(TestEvent)
#include "tst_event.moc"
