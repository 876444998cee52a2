// The runner against a scripted shop: what it does and when, for every drill that is shipped, and
// that each word of the judge comes out when it must.

#include "engine/drill/drill_file.h"
#include "engine/drill/drill_runner.h"
#include "tests/support/scripted_shop.h"

#include <QtTest>
#include <fmt/format.h>

using namespace engine;
using namespace testing_support;

namespace {

struct Stage
{
    ScriptClock clock;
    ScriptedShop shop{clock};
    KeptRun kept{clock};
    Result<> result;

    void run(const Drill &drill, std::vector<std::string> without = {})
    {
        DrillRunner runner(shop, kept, clock, drill, {"r1", "demo", "test", 7, without, false});
        result = runner.run();
    }
    [[nodiscard]] Word word() const { return kept.verdict().word; }
};

Drill shipped(const std::string &name, const Overrides &overrides = {})
{
    auto drill =
        readDrill(std::filesystem::path(DRILLROOM_SOURCE_DIR) / "drills" / name, overrides);
    if (!drill)
        qFatal("%s", drill.error().text().c_str());
    return *drill;
}

QString word(Word value)
{
    return QString::fromStdString(std::string(name(value)));
}

/// One line per event with its time in tenths of a second: what an operator would tell.
struct Line
{
    std::int64_t start;
    template <class OfTraining>
    std::string operator()(const OfTraining &) const // no run has any
    {
        return "training";
    }
    std::string operator()(const RunStarted &e) const { return "run " + e.shop; }
    std::string operator()(const PhaseChanged &e) const
    {
        return "phase " + std::string(name(e.phase));
    }
    std::string operator()(const ProcessChanged &e) const
    {
        return e.target + " " + std::string(name(e.state));
    }
    std::string operator()(const FaultChanged &e) const
    {
        return e.fault + " " + e.target + " " + std::string(name(e.state));
    }
    std::string operator()(const ResponseChanged &e) const
    {
        return e.kind + " " + e.target + " by " + e.by;
    }
    std::string operator()(const AlertChanged &e) const
    {
        return e.indicator + (e.firing ? " rings" : " is quiet");
    }
    std::string operator()(const OperatorActed &) const { return "operator acted"; }
    std::string operator()(const GuardTripped &e) const { return "guard " + e.rule; }
    std::string operator()(const HostStalled &) const { return "stall"; }
    std::string operator()(const LinkChanged &e) const
    {
        return e.source + (e.up ? " is back" : " is gone");
    }
    std::string operator()(const RunEnded &e) const { return "end " + std::string(name(e.reason)); }
};

QString transcript(const KeptRun &kept)
{
    std::string text;
    for (const auto &event : kept.events)
        text += fmt::format("{:6.1f} {}\n", static_cast<double>(event.t) / 1e6,
                            std::visit(Line{kept.start}, event.payload));
    return QString::fromStdString(text);
}

} // namespace

class TestDrillRunner : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void everyShippedDrillPasses_data();
    void everyShippedDrillPasses();
    void quickFormPasses_data();
    void quickFormPasses();
    void transcripts_data();
    void transcripts();
    void withoutItsKeyResponseItFails_data();
    void withoutItsKeyResponseItFails();
    void faultThatIsNotConfirmedIsInconclusive();
    void faultThatIsRefusedIsInconclusive();
    void faultThatIsNeverUndoneFails();
    void guardAborts();
    void operatorAborts();
    void haltAborts();
    void lostAgentIsErrored();
    void loadThatDoesNotStartIsErrored();
    void alarmInTheNoOpDrillFails();
    void silentTrafficIsInconclusive();
    void extraLoadUntilTheHoldIsFinished();
    void drillRespondsToADownTargetByItself();
    void supervisorRestartsAHangOnlyIfTheDrillSaysSo();
    void responseOnARuleActsAfterItsTime();
    void startIsAlignedAndAhead();
    void loadCarriesTheLatencyLimits();
    void shopThatDiffersIsRefused();
    void loadThatTheShopDoesNotServeIsRefused();
    void shopThatIsDownIsStarted();
    void faultThatCannotBeAppliedHereIsRefusedBefore();
    void unknownSwitchIsRefused();
    void switchesAreSetAndSetBack();
    void repeatsOnlyOnHostNoise();
    void runsOnAThreadAndAborts();
};

void TestDrillRunner::everyShippedDrillPasses_data()
{
    QTest::addColumn<QString>("file");
    // Those that the scripted shop can play; the others run on a real one (tests/flow).
    for (const auto &listed : listDrills(std::filesystem::path(DRILLROOM_SOURCE_DIR) / "drills"))
        if (listed.id < "04")
            QTest::newRow(listed.id.c_str())
                << QString::fromStdString(std::filesystem::path(listed.path).filename().string());
}

void TestDrillRunner::everyShippedDrillPasses()
{
    QFETCH(QString, file);
    Stage stage;
    stage.run(shipped(file.toStdString()));
    QVERIFY(stage.result);
    const auto verdict = stage.kept.verdict();
    QVERIFY2(verdict.word == Word::Pass, toJson(verdict).c_str());
    QVERIFY(stage.kept.attached.contains("drill"));
}

void TestDrillRunner::quickFormPasses_data()
{
    everyShippedDrillPasses_data();
}

void TestDrillRunner::quickFormPasses()
{
    QFETCH(QString, file);
    Stage stage;
    stage.run(shipped(file.toStdString(), {{"length", "25s"}, {"hold", "5s"}}));
    const auto verdict = stage.kept.verdict();
    QVERIFY2(verdict.word == Word::Pass, toJson(verdict).c_str());
}

void TestDrillRunner::transcripts_data()
{
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("expected");
    QTest::newRow("00") << QStringLiteral("00-no-op.yaml") << QStringLiteral(R"(  -0.8 run demo
  -0.8 phase preparing
   0.0 phase warm-up
  10.0 phase steady
  60.3 phase finished
  60.9 end completed
)");
    QTest::newRow("01") << QStringLiteral("01-ranker-crash.yaml")
                        << QStringLiteral(R"(  -0.8 run demo
  -0.8 phase preparing
   0.0 phase warm-up
  10.0 phase steady
  20.0 process.kill replica/2 intended
  20.0 process.kill replica/2 applied
  20.0 replica/2 down
  20.0 phase fault
  20.1 process.kill replica/2 confirmed
  20.3 ejection replica/2 by gateway
  21.3 latency rings
  22.3 latency is quiet
  22.5 restart replica/2 by supervisor
  22.5 replica/2 serving
  22.5 process.kill replica/2 undone
  22.5 phase holding
  60.3 phase finished
  60.9 end completed
)");
    QTest::newRow("02") << QStringLiteral("02-ranker-hang.yaml")
                        << QStringLiteral(R"(  -0.8 run demo
  -0.8 phase preparing
   0.0 phase warm-up
  10.0 phase steady
  20.0 process.freeze replica/2 intended
  20.0 process.freeze replica/2 applied
  20.0 replica/2 frozen
  20.0 phase fault
  20.1 process.freeze replica/2 confirmed
  20.3 ejection replica/2 by gateway
  21.3 latency rings
  22.3 latency is quiet
  40.0 process.freeze replica/2 undoing
  40.0 replica/2 serving
  40.0 process.freeze replica/2 undone
  40.0 phase holding
  70.3 phase finished
  70.9 end completed
)");
    QTest::newRow("03") << QStringLiteral("03-network-cut.yaml")
                        << QStringLiteral(R"(  -0.8 run demo
  -0.8 phase preparing
   0.0 phase warm-up
  10.0 phase steady
  20.0 network.cut gateway->replica/2 intended
  20.0 network.cut gateway->replica/2 applied
  20.0 phase fault
  20.1 network.cut gateway->replica/2 confirmed
  20.3 ejection replica/2 by gateway
  21.3 latency rings
  22.3 latency is quiet
  35.0 network.cut gateway->replica/2 undoing
  35.0 network.cut gateway->replica/2 undone
  35.0 phase holding
  70.3 phase finished
  70.9 end completed
)");
}

void TestDrillRunner::transcripts()
{
    QFETCH(QString, file);
    QFETCH(QString, expected);
    Stage stage;
    stage.run(shipped(file.toStdString()));
    const auto told = transcript(stage.kept);
    QVERIFY2(told == expected, qPrintable(told));
}

void TestDrillRunner::withoutItsKeyResponseItFails_data()
{
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("reason");
    QTest::newRow("01") << QStringLiteral("01-ranker-crash.yaml") << QStringLiteral("rto <= 10 s");
    QTest::newRow("02") << QStringLiteral("02-ranker-hang.yaml") << QStringLiteral("rto <= 10 s");
    QTest::newRow("03") << QStringLiteral("03-network-cut.yaml") << QStringLiteral("budget <= 2 %");
}

void TestDrillRunner::withoutItsKeyResponseItFails()
{
    QFETCH(QString, file);
    QFETCH(QString, reason);
    Stage stage;
    stage.run(shipped(file.toStdString()), {"key"});
    const auto verdict = stage.kept.verdict();
    QCOMPARE(word(verdict.word), word(Word::Fail));
    QVERIFY2(QString::fromStdString(verdict.reason).startsWith(reason), verdict.reason.c_str());
    // The restart alone: nothing is outside, but the kill is never cleared (contracts 3.5).
    if (file.startsWith(QLatin1String("01"))) {
        Stage alone;
        alone.run(shipped(file.toStdString()), {"restart"});
        QCOMPARE(word(alone.word()), word(Word::Fail));
        QVERIFY(QString::fromStdString(alone.kept.verdict().reason)
                    .contains(QLatin1String("was not cleared by the end")));
        // Nobody restarts, so nobody waits; and afterwards the switch is on again.
        QVERIFY(alone.kept.events.back().t < 62'000'000);
        QVERIFY(alone.shop.switches.restart);
    }
}

void TestDrillRunner::faultThatIsNotConfirmedIsInconclusive()
{
    Stage stage;
    stage.shop.confirms = false;
    stage.run(shipped("02-ranker-hang.yaml"));
    QCOMPARE(word(stage.word()), word(Word::Inconclusive));
    // Nothing to wait for: undone and over soon after.
    QVERIFY(stage.kept.events.back().t < 26 * 1'000'000);
    QVERIFY(transcript(stage.kept).contains(QLatin1String("process.freeze replica/2 undone")));
}

void TestDrillRunner::faultThatIsRefusedIsInconclusive()
{
    Stage stage;
    stage.shop.refuses = true;
    stage.run(shipped("01-ranker-crash.yaml"));
    const auto verdict = stage.kept.verdict();
    QCOMPARE(word(verdict.word), word(Word::Inconclusive));
    QVERIFY(
        QString::fromStdString(verdict.reason).contains(QLatin1String("the last healthy replica")));
}

void TestDrillRunner::faultThatIsNeverUndoneFails()
{
    Stage stage;
    stage.shop.undoes = false;
    stage.run(shipped("02-ranker-hang.yaml"));
    const auto verdict = stage.kept.verdict();
    QCOMPARE(word(verdict.word), word(Word::Fail));
    QVERIFY(
        QString::fromStdString(verdict.reason).contains(QLatin1String("not cleared by the end")));
    QVERIFY(!verdict.undoVerified);
}

void TestDrillRunner::guardAborts()
{
    Stage stage;
    stage.shop.failAll = 25;
    stage.run(shipped("02-ranker-hang.yaml"));
    const auto verdict = stage.kept.verdict();
    QCOMPARE(word(verdict.word), word(Word::Aborted));
    QVERIFY(
        QString::fromStdString(verdict.reason).contains(QLatin1String("gateway.failed > 20 %")));
    const auto &calls = stage.shop.calls;
    QVERIFY(std::find(calls.begin(), calls.end(), "halt") != calls.end());
    const auto told = transcript(stage.kept);
    // Five whole seconds, read on whole seconds, a window is known 0.3 s after its end at most.
    QVERIFY2(told.contains(QLatin1String("  30.1 guard gateway.failed > 20 % for 5s")),
             qPrintable(told));
    QVERIFY(told.contains(QLatin1String("process.freeze replica/2 undone")));
}

void TestDrillRunner::operatorAborts()
{
    Stage stage;
    stage.shop.haltAt = 22;
    stage.run(shipped("02-ranker-hang.yaml"));
    QCOMPARE(word(stage.word()), word(Word::Aborted));
    QVERIFY(stage.kept.events.back().t < 24 * 1'000'000);
}

void TestDrillRunner::haltAborts()
{
    Stage stage;
    DrillRunner *running = nullptr;
    DrillRunner runner(stage.shop, stage.kept, stage.clock, shipped("01-ranker-crash.yaml"),
                       {"r1", "demo", "test", 7, {}, false}, [&](const RunNews &news) {
                           if (news.phase == Phase::Steady && running)
                               running->abort("Ann stopped the run");
                       });
    running = &runner;
    QVERIFY(runner.run());
    const auto verdict = stage.kept.verdict();
    QCOMPARE(word(verdict.word), word(Word::Aborted));
    QCOMPARE(QString::fromStdString(verdict.reason), QLatin1String("Ann stopped the run"));
    QVERIFY(runner.isFinished());
}

void TestDrillRunner::lostAgentIsErrored()
{
    Stage stage;
    stage.shop.goneAt = 23;
    stage.run(shipped("02-ranker-hang.yaml"));
    const auto verdict = stage.kept.verdict();
    QCOMPARE(word(verdict.word), word(Word::Errored));
    QVERIFY(QString::fromStdString(verdict.reason).contains(QLatin1String("signal 9")));
    QVERIFY(stage.kept.events.back().t < 24 * 1'000'000);
}

void TestDrillRunner::loadThatDoesNotStartIsErrored()
{
    Stage stage;
    stage.shop.loads = false;
    stage.run(shipped("00-no-op.yaml"));
    QVERIFY(stage.result);
    QCOMPARE(word(stage.word()), word(Word::Errored));
}

void TestDrillRunner::alarmInTheNoOpDrillFails()
{
    Stage stage;
    stage.shop.alarmAt = 30;
    stage.run(shipped("00-no-op.yaml"));
    const auto verdict = stage.kept.verdict();
    QCOMPARE(word(verdict.word), word(Word::Fail));
    QVERIFY2(verdict.reason.starts_with("alarms <= 0: latency rang"), verdict.reason.c_str());
    const auto told = transcript(stage.kept);
    QVERIFY2(told.contains(QLatin1String("latency rings")), qPrintable(told));
    QVERIFY2(told.contains(QLatin1String("latency is quiet")), qPrintable(told));
}

void TestDrillRunner::silentTrafficIsInconclusive()
{
    Stage stage;
    stage.shop.silentAt = 40;
    stage.run(shipped("01-ranker-crash.yaml"));
    const auto verdict = stage.kept.verdict();
    QCOMPARE(word(verdict.word), word(Word::Inconclusive));
    QVERIFY(QString::fromStdString(verdict.reason).startsWith(QLatin1String("A gap")));
}

void TestDrillRunner::extraLoadUntilTheHoldIsFinished()
{
    // Trouble until 58 s: the hold of 15 s ends at 73 s.
    Stage stage;
    stage.shop.alarmAt = 55;
    stage.run(shipped("01-ranker-crash.yaml"));
    const auto verdict = stage.kept.verdict();
    QVERIFY2(verdict.word == Word::Pass, toJson(verdict).c_str());
    QCOMPARE(*verdict.rtoSeconds, 3.0);
    const auto end = stage.kept.events.back().t;
    QVERIFY2(end > 73'000'000 && end < 75'000'000, std::to_string(end).c_str());
}

void TestDrillRunner::drillRespondsToADownTargetByItself()
{
    auto drill = shipped("01-ranker-crash.yaml");
    drill.responses.front().by = "drill";
    for (const bool on : {true, false}) {
        Stage stage;
        stage.shop.clears = false; // the supervisor sleeps
        stage.run(drill, on ? std::vector<std::string>{} : std::vector<std::string>{"restart"});
        const auto &calls = stage.shop.calls;
        QCOMPARE(std::count(calls.begin(), calls.end(), "restart replica/2"), on ? 1 : 0);
        QCOMPARE(word(stage.word()), word(on ? Word::Pass : Word::Fail));
    }
}

void TestDrillRunner::supervisorRestartsAHangOnlyIfTheDrillSaysSo()
{
    auto drill = shipped("02-ranker-hang.yaml");
    for (const bool says : {false, true}) {
        if (says) {
            ResponseStep step;
            step.name = "restart the hung one";
            step.whenTarget = step.target = "replica/2";
            step.whenState = "frozen";
            step.verb = "restart";
            step.by = "supervisor";
            drill.responses = {step};
        }
        Stage stage;
        stage.run(drill);
        QCOMPARE(transcript(stage.kept).count(QLatin1String("restart replica/2 by drill")),
                 says ? 1 : 0);
        QCOMPARE(word(stage.word()), word(Word::Pass));
    }
}

void TestDrillRunner::responseOnARuleActsAfterItsTime()
{
    auto drill = shipped("02-ranker-hang.yaml");
    ResponseStep step;
    step.name = "restart when it fails";
    step.whenSeries = "gateway.failed";
    step.whenRule = {Compare::Greater, 0.05, Unit::Share, false};
    step.whenFor = Micros{2'000'000};
    step.verb = "restart";
    step.target = "replica/2";
    step.by = "drill";
    drill.responses = {step};
    Stage stage;
    stage.shop.failAll = 25;
    stage.run(drill);
    const auto told = transcript(stage.kept);
    QVERIFY2(told.contains(QLatin1String("  27.1 restart replica/2 by drill")), qPrintable(told));
}

void TestDrillRunner::startIsAlignedAndAhead()
{
    Stage stage;
    const auto before = stage.clock.now().count();
    stage.run(shipped("00-no-op.yaml"));
    QCOMPARE(stage.kept.start % 100'000, 0);
    QVERIFY(stage.kept.start - before >= 500'000);
    QVERIFY(stage.kept.start - before <= 1'000'000);
    QCOMPARE(stage.shop.load.start.count(), stage.kept.start);
}

void TestDrillRunner::loadCarriesTheLatencyLimits()
{
    Stage stage;
    auto drill = shipped("00-no-op.yaml");
    drill.guards.push_back({"gateway.latency.p99",
                            {Compare::Greater, 900, Unit::Millis, false},
                            Micros{3'000'000},
                            "",
                            {}});
    stage.run(drill);
    QCOMPARE(stage.shop.load.latencyLimits, (std::vector<double>{60, 900}));
    QCOMPARE(stage.shop.load.seed, 7u);
}

void TestDrillRunner::shopThatDiffersIsRefused()
{
    Stage stage;
    stage.shop.status.replicas = 2;
    stage.run(shipped("00-no-op.yaml"));
    QVERIFY(!stage.result);
    QCOMPARE(exitCode(stage.result.error().code), 4);
    QVERIFY(QString::fromStdString(stage.result.error().message)
                .contains(QLatin1String("replicas is 2, the drill needs 3")));
    QVERIFY(stage.kept.events.empty());
}

void TestDrillRunner::loadThatTheShopDoesNotServeIsRefused()
{
    auto drill = shipped("00-no-op.yaml");
    drill.load.mix = {{"recommend", 0.75}, {"search", 0.25}};
    Stage refused;
    refused.run(drill);
    QVERIFY(!refused.result);
    QVERIFY(QString::fromStdString(refused.result.error().message)
                .contains(QLatin1String("25 % of the drill's load asks for search")));
    QVERIFY(refused.kept.events.empty());
    Stage stage;
    stage.shop.status.applications.emplace_back("search");
    stage.run(drill);
    QVERIFY(stage.result);
    QCOMPARE(stage.shop.load.load.mix.at("search"), 0.25);
}

void TestDrillRunner::shopThatIsDownIsStarted()
{
    Stage stage;
    stage.shop.status.state = "down";
    stage.run(shipped("00-no-op.yaml"));
    QVERIFY(stage.result);
    QCOMPARE(stage.shop.calls.front(), std::string("shopUp demo"));
}

void TestDrillRunner::faultThatCannotBeAppliedHereIsRefusedBefore()
{
    Stage stage;
    stage.shop.faults = {"process.freeze"};
    stage.run(shipped("01-ranker-crash.yaml"));
    QVERIFY(!stage.result);
    QVERIFY(QString::fromStdString(stage.result.error().message)
                .contains(QLatin1String("no signals here")));
    QVERIFY(stage.kept.events.empty());
}

void TestDrillRunner::unknownSwitchIsRefused()
{
    Stage stage;
    stage.run(shipped("01-ranker-crash.yaml"), {"restrat"});
    QVERIFY(!stage.result);
    QCOMPARE(exitCode(stage.result.error().code), 2);
    QVERIFY(QString::fromStdString(stage.result.error().message)
                .contains(QLatin1String("did you mean `restart`?")));
}

void TestDrillRunner::switchesAreSetAndSetBack()
{
    Stage stage;
    stage.run(shipped("02-ranker-hang.yaml"), {"retry"});
    const auto *started = std::get_if<RunStarted>(&stage.kept.events.front().payload);
    QVERIFY(started);
    QCOMPARE(started->switchedOff, std::vector<std::string>{"retry"});
    QVERIFY(stage.shop.switches.retry && stage.shop.switches.ejection);
}

void TestDrillRunner::repeatsOnlyOnHostNoise()
{
    const auto verdicts = [](std::vector<bool> noisy) {
        return [noisy](int attempt) -> Result<Verdict> {
            Verdict verdict;
            verdict.hostNoise = noisy[static_cast<std::size_t>(attempt)];
            verdict.word = verdict.hostNoise ? Word::Inconclusive : Word::Fail;
            return verdict;
        };
    };
    QCOMPARE(repeatOnHostNoise(3, verdicts({false, true}))->noisy, 0);
    QCOMPARE(repeatOnHostNoise(3, verdicts({true, true, false}))->noisy, 2);
    const auto never = repeatOnHostNoise(1, verdicts({true, true, false}));
    QCOMPARE(never->noisy, 1);
    QCOMPARE(word(never->verdict.word), word(Word::Inconclusive));
}

void TestDrillRunner::runsOnAThreadAndAborts()
{
    Stage stage;
    stage.shop.status.state = "up";
    DrillRunner runner(stage.shop, stage.kept, stage.clock, shipped("01-ranker-crash.yaml"),
                       {"r1", "demo", "test", 7, {}, false});
    runner.start();
    QVERIFY(runner.wait());
    QVERIFY(runner.isFinished());
    QCOMPARE(word(stage.word()), word(Word::Pass));
}

QTEST_GUILESS_MAIN(TestDrillRunner)
#include "tst_drill_runner.moc"
