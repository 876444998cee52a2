// The judge against runs whose answer is known: every rule both ways, named after the contract.

#include "tests/support/judged_run.h"

#include <QtTest>
#include <algorithm>

using namespace engine;
using namespace testing_support;

namespace {

QString text(Word word)
{
    return QString::fromStdString(std::string(name(word)));
}

/// A row in which everything failed.
void allFail(Row &row)
{
    row.failed = row.answered;
    row.earned = 0;
}

const Measure &measure(const Verdict &verdict, std::string_view wanted)
{
    for (const auto &each : verdict.measures)
        if (each.name == wanted)
            return each;
    qFatal("no such measure");
}

} // namespace

class TestJudge : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void words_data();
    void words();
    void rtoIsSteadyMinusImpact();
    void windowsStartAtTheRowOfTheInject();
    void aSingleWindowIsNoImpact();
    void latencyNeedsFiveSlowAnswers();
    void failedNeedsThree();
    void noAnswersWhileDueIsFailed();
    void aStallCannotStartAnExcursion();
    void aStallContinuesAnExcursion();
    void stallEventsMaskToo();
    void cpuFaultTurnsTheStallMeterOff();
    void quietGapBetweenExcursionsIsOneEpisode();
    void laterExcursionIsANewEpisodeAndTheLongestCounts();
    void qualityIsReadOverTenSeconds();
    void budgetCountsOnlyTheJudgedSpan();
    void budgetAndQualityAreSumsOfCounts();
    void qualityIntervalThatStraddlesIsInconclusive();
    void marksComeFromTheHostsTimes();
    void clearAndConfirmAreReported();
    void failNamesTheFirstRuleThatBroke();
    void outsideIsSaidWhileItHappens();
    void settledWaitsForTheHold();
    void lateWordOfTheInjectStillFindsItsRows();
    void encodingRoundTripsAnywhere();
    void sameRecordingSameBytes();
    void hostileNumbersCountNothing();
    void nothingChangesAfterTheEnd();
    void jsonHasTheNamesOfTheDesign();
};

void TestJudge::words_data()
{
    using Change = std::function<void(JudgedRun &)>;
    QTest::addColumn<bool>("noOp");
    QTest::addColumn<Change>("change");
    QTest::addColumn<QString>("word");
    QTest::addColumn<QString>("reason");
    const auto row = [](const char *tag, bool noOp, Change change, Word word,
                        const char *reason = "") {
        QTest::newRow(tag) << noOp << std::move(change) << text(word)
                           << QString::fromLatin1(reason);
    };
    row(
        "absorbed passes", false, [](JudgedRun &) {}, Word::Pass);
    row(
        "no-op passes", true, [](JudgedRun &) {}, Word::Pass);
    row(
        "short outage within the limits passes", false,
        [](JudgedRun &r) {
            r.shape = [](Row &x) {
                if (within(x, 20, 23))
                    x.slow = 2;
            };
        },
        Word::Pass);
    row(
        "3.4 rto over the limit fails", false,
        [](JudgedRun &r) {
            r.shape = [](Row &x) {
                if (within(x, 20, 31))
                    x.slow = 2;
            };
        },
        Word::Fail, "rto <= 10 s: latency went outside at 20.0 s");
    row(
        "3.4 rto at the limit passes", false,
        [](JudgedRun &r) {
            r.shape = [](Row &x) {
                if (within(x, 20, 30))
                    x.slow = 2;
            };
        },
        Word::Pass);
    row(
        "budget over the limit fails", false,
        [](JudgedRun &r) {
            r.shape = [](Row &x) {
                if (within(x, 20, 22))
                    x.late = 3; // 60 of 8,000
            };
        },
        Word::Fail, "budget <= 0.5 %: 0 failed and 60 late of 8,000 requests (0.75 %)");
    row(
        "budget below the limit passes", false,
        [](JudgedRun &r) {
            r.shape = [](Row &x) {
                if (within(x, 20, 22))
                    x.late = 2; // 40 of 8,000
            };
        },
        Word::Pass);
    row(
        "quality below the floor fails", false,
        [](JudgedRun &r) {
            r.shape = [](Row &x) {
                if (within(x, 20, 60))
                    x.earned = 7.9;
            };
        },
        Word::Fail, "quality >= 0.99: 0.9875");
    row(
        "quality above the floor passes", false,
        [](JudgedRun &r) {
            r.shape = [](Row &x) {
                if (within(x, 20, 60))
                    x.earned = 7.95;
            };
        },
        Word::Pass);
    row(
        "3.2 not applied", false, [](JudgedRun &r) { r.applied = false; }, Word::Inconclusive,
        "Of 1 faults 0 were applied");
    row(
        "3.2 not confirmed", false, [](JudgedRun &r) { r.confirmed = false; }, Word::Inconclusive,
        "was not confirmed");
    row(
        "3.2 confirmed after 1.9 s", false, [](JudgedRun &r) { r.confirmAfter = 1'900'000; },
        Word::Pass);
    row(
        "3.2 confirmed after 2.1 s", false, [](JudgedRun &r) { r.confirmAfter = 2'100'000; },
        Word::Inconclusive, "confirmed only after 2.1 s");
    row(
        "refused", false,
        [](JudgedRun &r) {
            r.applied = false;
            auto refused = JudgedRun::fault(FaultState::Refused, 20 * kSec);
            refused.detail = "the last healthy replica";
            r.events.emplace_back(20 * kSec, refused);
        },
        Word::Inconclusive, "was refused: the last healthy replica");
    row(
        "3.5 never cleared fails", false, [](JudgedRun &r) { r.undone = false; }, Word::Fail,
        "process.kill on replica/2 was not cleared by the end");
    row(
        "3.4 outside to the end, over the limit", false,
        [](JudgedRun &r) {
            r.shape = [](Row &x) {
                if (within(x, 40, 91))
                    x.slow = 2;
            };
        },
        Word::Fail, "was not steady even after 20.0 s");
    row(
        "3.4 outside to the end, within the limit", false,
        [](JudgedRun &r) {
            r.shape = [](Row &x) {
                if (within(x, 54, 61))
                    x.slow = 2;
            };
        },
        Word::Inconclusive, "too short");
    row(
        "3.4 the hold is finished in the extra load", false,
        [](JudgedRun &r) {
            r.endOfLoad = 80 * kSec;
            r.shape = [](Row &x) {
                if (within(x, 54, 61))
                    x.slow = 2;
            };
        },
        Word::Pass);
    row(
        "3.4 the extra load has counts for steady only", false,
        [](JudgedRun &r) {
            r.endOfLoad = 80 * kSec;
            r.shape = [](Row &x) {
                if (within(x, 61, 62))
                    x.late = 20;
            };
        },
        Word::Pass);
    row(
        "3.3 a gap in traffic's windows", false,
        [](JudgedRun &r) { r.shape = [](Row &x) { x.gap = within(x, 31.2, 31.6); }; },
        Word::Inconclusive, "traffic's own windows are missing in 1 of 40 s, first at 31.0 s");
    row(
        "2.4 traffic's windows 300 ms late", false,
        [](JudgedRun &r) { r.shape = [](Row &x) { x.gap = within(x, 31.2, 31.5); }; }, Word::Pass);
    row(
        "5.2 no-op: a response after the load is no response", true,
        [](JudgedRun &r) {
            r.events.emplace_back(60'500'000,
                                  ResponseChanged{"ejection", "replica/1", "gateway", "", true,
                                                  JudgedRun::start() + 60'500'000});
        },
        Word::Pass);
    row(
        "3.3 rows that are missing altogether", false,
        [](JudgedRun &r) { r.shape = [](Row &x) { x.missing = within(x, 31, 33); }; },
        Word::Inconclusive, "traffic's own windows are missing in 2 of 40 s");
    row(
        "a gap in the warm-up is nobody's business", false,
        [](JudgedRun &r) { r.shape = [](Row &x) { x.gap = within(x, 2, 3); }; }, Word::Pass);
    row(
        "load that ended early is a gap", false, [](JudgedRun &r) { r.endOfLoad = 50 * kSec; },
        Word::Inconclusive, "traffic's own windows are missing in 10 of 40 s");
    row(
        "no steady state before", false,
        [](JudgedRun &r) {
            r.shape = [](Row &x) {
                if (within(x, 14, 16))
                    x.slow = 2;
            };
        },
        Word::Inconclusive, "No steady state before: latency was outside at 14.0 s");
    row(
        "trouble in the warm-up is no baseline", false,
        [](JudgedRun &r) {
            r.shape = [](Row &x) {
                if (within(x, 0, 9))
                    allFail(x);
            };
        },
        Word::Pass);
    row(
        "quality before the inject below tolerance", false,
        [](JudgedRun &r) {
            r.shape = [](Row &x) {
                if (within(x, 10, 20))
                    x.earned = 7;
            };
        },
        Word::Inconclusive, "No steady state before: quality");
    row(
        "3.1 baseline shorter than 5 s", false, [](JudgedRun &r) { r.applyAt = 14'500'000; },
        Word::Inconclusive, "No steady state before: only 4 s");
    row(
        "3.6 20 % masked windows pass", false,
        [](JudgedRun &r) { r.shape = [](Row &x) { x.stall = within(x, 30, 38) ? 25 : 0; }; },
        Word::Pass);
    row(
        "3.6 more than 20 % masked windows", false,
        [](JudgedRun &r) { r.shape = [](Row &x) { x.stall = within(x, 30, 39) ? 25 : 0; }; },
        Word::Inconclusive, "stalls over 20 ms touched 9 of 40 windows");
    row(
        "3.6 a stall of 20 ms is none", false,
        [](JudgedRun &r) { r.shape = [](Row &x) { x.stall = 20; }; }, Word::Pass);
    row(
        "3.8 traffic behind its schedule", false,
        [](JudgedRun &r) { r.shape = [](Row &x) { x.lag = 6.5; }; }, Word::Inconclusive,
        "Traffic fell behind");
    row(
        "3.8 lag within 10 % of the limit", false,
        [](JudgedRun &r) { r.shape = [](Row &x) { x.lag = 5.9; }; }, Word::Pass);
    row(
        "3.8 lag in a few rows only", false,
        [](JudgedRun &r) { r.shape = [](Row &x) { x.lag = within(x, 30, 34) ? 50 : 0.5; }; },
        Word::Pass);
    row(
        "3.8 lag in masked windows does not count", false,
        [](JudgedRun &r) {
            r.shape = [](Row &x) {
                if (within(x, 30, 38)) {
                    x.lag = 50;
                    x.stall = 60;
                }
            };
        },
        Word::Pass);
    row(
        "too few samples", false,
        [](JudgedRun &r) {
            r.shape = [](Row &x) {
                x.requests = x.answered = x.primary = within(x, 0, 20) ? 20 : 0.2;
            };
        },
        Word::Inconclusive, "Too few samples");
    row(
        "guard", false,
        [](JudgedRun &r) {
            r.reason = EndReason::Aborted;
            r.events.emplace_back(25 * kSec, GuardTripped{"gateway.failed > 20 % for 5s",
                                                          JudgedRun::start() + 25 * kSec});
        },
        Word::Aborted, "The guard tripped: gateway.failed > 20 % for 5s");
    row(
        "operator halted", false,
        [](JudgedRun &r) {
            r.events.emplace_back(25 * kSec,
                                  OperatorActed{Act::Halt, "ann", "", "", JudgedRun::start()});
        },
        Word::Aborted, "An operator stopped the run");
    row(
        "errored", false, [](JudgedRun &r) { r.reason = EndReason::Errored; }, Word::Errored,
        "The tool itself failed");
    row(
        "5.2 no-op: an alarm rings", true,
        [](JudgedRun &r) {
            r.events.emplace_back(40 * kSec, AlertChanged{"latency", "<= 60 ms", true, 80,
                                                          JudgedRun::start() + 40 * kSec});
        },
        Word::Fail, "alarms <= 0: latency rang at 40.0 s");
    row(
        "5.2 no-op: an ejection", true,
        [](JudgedRun &r) {
            r.events.emplace_back(40 * kSec, ResponseChanged{"ejection", "replica/1", "gateway", "",
                                                             true, JudgedRun::start() + 40 * kSec});
        },
        Word::Fail, "responses <= 0: ejection replica/1 acted at 40.0 s");
    row(
        "5.2 no-op: a retry is no response", true,
        [](JudgedRun &r) {
            r.events.emplace_back(40 * kSec, ResponseChanged{"retry", "replica/1", "gateway", "",
                                                             true, JudgedRun::start() + 40 * kSec});
        },
        Word::Pass);
    row(
        "5.2 no-op: a response in a host stall says nothing", true,
        [](JudgedRun &r) {
            r.shape = [](Row &x) { x.stall = within(x, 40, 40.5) ? 90 : 0; };
            r.events.emplace_back(40'500'000,
                                  ResponseChanged{"ejection", "replica/1", "gateway", "", true,
                                                  JudgedRun::start() + 40'500'000});
        },
        Word::Inconclusive, "while this host stalled");
}

void TestJudge::words()
{
    QFETCH(bool, noOp);
    QFETCH(std::function<void(JudgedRun &)>, change);
    JudgedRun run(noOp ? noOpDrill() : crashDrill());
    change(run);
    const auto verdict = run.play();
    QFETCH(QString, word);
    QFETCH(QString, reason);
    const auto said = QString::fromStdString(verdict.reason);
    QVERIFY2(text(verdict.word) == word,
             qPrintable(text(verdict.word) + QLatin1String(": ") + said));
    QVERIFY2(said.contains(reason), qPrintable(said));
    QVERIFY(!verdict.sentence.empty());
}

void TestJudge::rtoIsSteadyMinusImpact()
{
    JudgedRun run(crashDrill());
    run.shape = [](Row &x) {
        if (within(x, 23, 27))
            x.slow = 2;
    };
    const auto verdict = run.play();
    QCOMPARE(*verdict.marks.impact, 23 * kSec);
    QCOMPARE(*verdict.marks.steady, 27 * kSec);
    QCOMPARE(*verdict.rtoSeconds, 4.0);
    QCOMPARE(verdict.episodes, 1u);
}

void TestJudge::windowsStartAtTheRowOfTheInject()
{
    // Inject at 20.43 s: windows at 20.4, 21.4 ... An outage of 20.4 to 22.4 is two of them.
    JudgedRun run(crashDrill());
    run.applyAt = 20'430'000;
    run.shape = [](Row &x) {
        if (within(x, 20.4, 22.4))
            x.slow = 2;
    };
    const auto verdict = run.play();
    QCOMPARE(*verdict.marks.inject, 20'430'000);
    QCOMPARE(*verdict.marks.impact, 20'400'000);
    QCOMPARE(*verdict.marks.steady, 22'400'000);
}

void TestJudge::aSingleWindowIsNoImpact()
{
    JudgedRun run(crashDrill());
    run.shape = [](Row &x) {
        if (within(x, 23, 24) || within(x, 25, 26))
            x.slow = 20;
    };
    const auto verdict = run.play();
    QVERIFY(!verdict.marks.impact);
    QCOMPARE(*verdict.rtoSeconds, 0.0);
}

void TestJudge::latencyNeedsFiveSlowAnswers()
{
    for (const int slow : {4, 5}) {
        JudgedRun run(crashDrill());
        run.shape = [slow](Row &x) {
            if (within(x, 23, 25) && (x.t - 100'000) % kSec < slow * 100'000)
                x.slow = 1;
        };
        const auto verdict = run.play();
        QCOMPARE(verdict.marks.impact.has_value(), slow == 5);
    }
    // Five of 600 are no more than 1 %.
    JudgedRun fast(crashDrill());
    fast.shape = [](Row &x) {
        x.requests = x.answered = 60;
        if (within(x, 23, 25))
            x.slow = 0.5;
    };
    QVERIFY(!fast.play().marks.impact);
}

void TestJudge::failedNeedsThree()
{
    for (const int failed : {2, 3}) {
        JudgedRun run(crashDrill());
        run.shape = [failed](Row &x) {
            if (within(x, 23, 25) && (x.t - 100'000) % kSec < failed * 100'000)
                x.failed = 1;
        };
        QCOMPARE(run.play().marks.impact.has_value(), failed == 3);
    }
}

void TestJudge::noAnswersWhileDueIsFailed()
{
    JudgedRun run(crashDrill());
    run.shape = [](Row &x) {
        if (within(x, 23, 25))
            x.answered = x.earned = x.expected = x.primary = 0;
    };
    std::vector<std::string> seen;
    run.afterRow = [&](std::int64_t) {
        for (const auto &name : run.judge.outside())
            seen.push_back(name);
    };
    const auto verdict = run.play();
    QCOMPARE(*verdict.marks.impact, 23 * kSec);
    QCOMPARE(*verdict.rtoSeconds, 2.0);
    QVERIFY(std::find(seen.begin(), seen.end(), "failed") != seen.end());
    QVERIFY(std::find(seen.begin(), seen.end(), "latency") == seen.end());
}

void TestJudge::aStallCannotStartAnExcursion()
{
    for (const bool stalled : {false, true}) {
        JudgedRun run(crashDrill());
        run.shape = [stalled](Row &x) {
            if (!within(x, 30, 32))
                return;
            x.slow = 5;
            x.stall = stalled ? 45 : 0;
        };
        QCOMPARE(run.play().marks.impact.has_value(), !stalled);
    }
}

void TestJudge::aStallContinuesAnExcursion()
{
    JudgedRun run(crashDrill());
    run.shape = [](Row &x) {
        if (!within(x, 30, 34))
            return;
        x.slow = 5;
        x.stall = within(x, 31, 34) ? 45 : 0;
    };
    const auto verdict = run.play();
    QCOMPARE(*verdict.marks.impact, 30 * kSec);
    QCOMPARE(*verdict.marks.steady, 34 * kSec);
}

void TestJudge::stallEventsMaskToo()
{
    // 19 ms mask nothing, 21 ms do; the event comes 100 ms after the stall.
    for (const int millis : {19, 21}) {
        JudgedRun run(crashDrill());
        run.shape = [](Row &x) {
            if (within(x, 30, 32))
                x.slow = 5;
        };
        for (const auto from : {30 * kSec + 500'000, 31 * kSec + 500'000})
            run.events.emplace_back(from + 100'000,
                                    HostStalled{0, JudgedRun::start() + from,
                                                JudgedRun::start() + from + millis * 1000});
        QCOMPARE(run.play().marks.impact.has_value(), millis == 19);
    }
}

void TestJudge::cpuFaultTurnsTheStallMeterOff()
{
    for (const char *name : {"process.kill", "process.slow"}) {
        auto drill = crashDrill();
        drill.method.front().fault = name;
        JudgedRun run(drill);
        run.applied = false;
        for (const auto state : {FaultState::Applied, FaultState::Confirmed, FaultState::Undone}) {
            const auto t = state == FaultState::Undone ? 40 * kSec : 20 * kSec;
            auto change = JudgedRun::fault(state, t);
            change.fault = name;
            run.events.emplace_back(t, change);
        }
        run.shape = [](Row &x) { x.stall = within(x, 20, 38) ? 40 : 0; };
        const auto verdict = run.play();
        QCOMPARE(verdict.masked > 0, std::string_view(name) == "process.kill");
    }
}

void TestJudge::quietGapBetweenExcursionsIsOneEpisode()
{
    // 14 s of calm are less than the hold of 15 s.
    JudgedRun run(crashDrill());
    run.shape = [](Row &x) {
        if (within(x, 21, 23) || within(x, 37, 39))
            x.slow = 5;
    };
    const auto verdict = run.play();
    QCOMPARE(verdict.episodes, 1u);
    QCOMPARE(*verdict.rtoSeconds, 18.0);
    QCOMPARE(text(verdict.word), text(Word::Fail));
}

void TestJudge::laterExcursionIsANewEpisodeAndTheLongestCounts()
{
    JudgedRun run(crashDrill());
    run.shape = [](Row &x) {
        if (within(x, 21, 23) || within(x, 40, 43))
            x.slow = 5;
    };
    const auto verdict = run.play();
    QCOMPARE(verdict.episodes, 2u);
    QCOMPARE(*verdict.rtoSeconds, 3.0);
    QCOMPARE(*verdict.marks.impact, 21 * kSec);
    QCOMPARE(*verdict.marks.steady, 43 * kSec);
    QVERIFY(QString::fromStdString(measure(verdict, "rto").detail)
                .contains(QLatin1String("2 episodes")));
}

void TestJudge::qualityIsReadOverTenSeconds()
{
    // Two bad seconds of 10 leave 0.96; four leave 0.92, and the bad seconds are the excursion.
    for (const int seconds : {2, 4}) {
        JudgedRun run(crashDrill());
        run.shape = [seconds](Row &x) {
            if (within(x, 30, 30 + seconds))
                x.earned = 6.4;
        };
        const auto verdict = run.play();
        QCOMPARE(verdict.marks.impact.has_value(), seconds == 4);
        if (seconds == 4) {
            QCOMPARE(*verdict.marks.impact, 30 * kSec);
            QCOMPARE(*verdict.marks.steady, 34 * kSec);
            QVERIFY(std::abs(*measure(verdict, "quality").worst - 0.92) < 1e-6);
        }
    }
}

void TestJudge::budgetCountsOnlyTheJudgedSpan()
{
    JudgedRun run(crashDrill());
    run.endOfLoad = 80 * kSec;
    run.shape = [](Row &x) {
        if (within(x, 19, 19.9) || within(x, 60, 80))
            x.late = 1;
    };
    const auto verdict = run.play();
    QCOMPARE(verdict.late, 0u);
    QCOMPARE(verdict.requests, 8000u);
}

void TestJudge::budgetAndQualityAreSumsOfCounts()
{
    JudgedRun run(crashDrill());
    run.applyAt = 20'430'000; // the last part of a second belongs to the span too
    run.shape = [](Row &x) {
        if (within(x, 59.5, 60)) {
            x.failed = 1;
            x.late = 2;
            x.earned = 7.5;
        }
    };
    const auto verdict = run.play();
    QCOMPARE(verdict.requests, 396u * 20);
    QCOMPARE(verdict.failed, 5u);
    QCOMPARE(verdict.late, 10u);
    QCOMPARE(*verdict.budget, 15.0 / (396 * 20));
    QCOMPARE(*verdict.quality, (396 * 8 - 2.5) / (396 * 8));
}

void TestJudge::qualityIntervalThatStraddlesIsInconclusive()
{
    // Real labels: a hit is worth 1, and few requests hit. 0.985 of the reference says little.
    const auto play = [](bool synthetic, double primary) {
        auto drill = crashDrill();
        drill.steadyState.pop_back();
        JudgedRun run(drill);
        run.synthetic = synthetic;
        run.shape = [primary](Row &x) {
            const auto n = x.t / 100'000;
            x.expected = n % 3 == 0 ? 1 : 0;
            x.earned = n % 60 == 0 ? 0.7 : x.expected;
            x.primary = primary;
        };
        return run.play();
    };
    QCOMPARE(text(play(true, 10).word), text(Word::Fail));
    QCOMPARE(text(play(false, 10).word), text(Word::Inconclusive));
    QCOMPARE(text(play(false, 20).word), text(Word::Fail)); // the primary served all
}

void TestJudge::marksComeFromTheHostsTimes()
{
    JudgedRun run(crashDrill());
    const auto at = [](double s) {
        return JudgedRun::start() + static_cast<std::int64_t>(s * 1e6);
    };
    run.events.emplace_back(19 * kSec,
                            ResponseChanged{"ejection", "replica/1", "", "", true, at(19)});
    // The ejection's event overtakes the word of the inject.
    run.events.emplace_back(
        19'990'000, ResponseChanged{"ejection", "replica/2", "gateway", "", true, at(20.3)});
    run.events.emplace_back(23 * kSec, AlertChanged{"failed", "", true, 0.1, at(22.9)});
    run.events.emplace_back(25 * kSec, OperatorActed{Act::Acknowledge, "ann", "", "", at(24.8)});
    const auto verdict = run.play();
    QCOMPARE(*verdict.marks.mitigate, 20'300'000);
    QCOMPARE(*verdict.marks.detect, 22'900'000);
    QCOMPARE(*verdict.marks.acknowledge, 24'800'000);
    QCOMPARE(*verdict.detectSeconds, 2.9);
}

void TestJudge::clearAndConfirmAreReported()
{
    JudgedRun run(crashDrill());
    run.events.emplace_back(23 * kSec, JudgedRun::fault(FaultState::Undoing, 23'500'000));
    const auto verdict = run.play();
    QCOMPARE(*verdict.marks.clear, 24 * kSec);
    QCOMPARE(*verdict.confirmSeconds, 0.05);
    QCOMPARE(*verdict.undoSeconds, 0.5);
    QVERIFY(verdict.injectConfirmed);
    QVERIFY(verdict.undoVerified);
}

void TestJudge::failNamesTheFirstRuleThatBroke()
{
    // The budget breaks at 21 s, the RTO at 30 s.
    JudgedRun run(crashDrill());
    run.shape = [](Row &x) {
        if (within(x, 20, 33)) {
            x.slow = 5;
            x.late = 5;
        }
    };
    const auto verdict = run.play();
    QVERIFY(verdict.reason.starts_with("budget"));
    QCOMPARE(*verdict.reasonAt, 20 * kSec);
    QCOMPARE(text(measure(verdict, "rto").verdict), text(Word::Fail));
}

void TestJudge::outsideIsSaidWhileItHappens()
{
    JudgedRun run(crashDrill());
    run.shape = [](Row &x) {
        if (within(x, 23, 25))
            x.slow = 5;
    };
    std::optional<std::int64_t> from, to;
    run.afterRow = [&](std::int64_t t) {
        if (!run.judge.outside().empty())
            from = from.value_or(t), to = t;
    };
    (void)run.play();
    // Known 0.3 s after the end of the second: that long a stall's word may take.
    QCOMPARE(*from, 24'300'000);
    QCOMPARE(*to, 26'200'000);
}

void TestJudge::settledWaitsForTheHold()
{
    for (const bool trouble : {false, true}) {
        JudgedRun run(crashDrill());
        run.endOfLoad = 85 * kSec;
        run.shape = [trouble](Row &x) {
            if (trouble && within(x, 50, 52))
                x.slow = 5;
        };
        std::optional<std::int64_t> settled;
        run.afterRow = [&](std::int64_t t) {
            if (!settled && run.judge.settled())
                settled = t;
        };
        (void)run.play();
        QVERIFY(settled);
        QCOMPARE(*settled, trouble ? 67'300'000 : 60'300'000);
    }
}

void TestJudge::lateWordOfTheInjectStillFindsItsRows()
{
    // The agent's word comes 1.5 s late: the rows from the inject on are judged all the same.
    auto drill = crashDrill();
    JudgedRun run(drill);
    run.applied = false;
    for (const auto state : {FaultState::Applied, FaultState::Confirmed, FaultState::Undone})
        run.events.emplace_back(21'500'000, JudgedRun::fault(state, 20 * kSec));
    run.shape = [](Row &x) {
        if (within(x, 20, 22))
            x.slow = 5;
    };
    const auto verdict = run.play();
    QCOMPARE(*verdict.marks.impact, 20 * kSec);
    QCOMPARE(verdict.requests, 8000u);
    QCOMPARE(text(verdict.word), text(Word::Pass));
}

void TestJudge::encodingRoundTripsAnywhere()
{
    const auto shape = [](Row &x) {
        if (within(x, 23, 27)) {
            x.slow = 3;
            x.late = 1;
        }
        if (within(x, 31, 31.2))
            x.stall = 30;
    };
    JudgedRun straight(crashDrill());
    straight.shape = shape;
    const auto expected = straight.play();
    JudgedRun hopping(crashDrill());
    hopping.shape = shape;
    hopping.afterRow = [&](std::int64_t) {
        const auto bytes = encode(hopping.judge);
        auto read = decode<Judge>(bytes);
        QVERIFY(read);
        QVERIFY(encode(*read) == bytes);
        hopping.judge = std::move(*read);
    };
    QCOMPARE(QString::fromStdString(toJson(hopping.play())),
             QString::fromStdString(toJson(expected)));
    // Bounded: a keyframe must not grow with the run.
    QVERIFY(encode(straight.judge).size() < 20'000);
}

void TestJudge::sameRecordingSameBytes()
{
    JudgedRun a(crashDrill()), b(crashDrill());
    a.shape = b.shape = [](Row &x) { x.earned = 7.93 + static_cast<double>(x.t % 7) / 100; };
    QCOMPARE(toJson(a.play()), toJson(b.play()));
    QVERIFY(encode(a.judge) == encode(b.judge));
}

void TestJudge::hostileNumbersCountNothing()
{
    JudgedRun run(crashDrill());
    run.shape = [](Row &x) {
        if (within(x, 30, 31))
            x.failed = -1e30;
        if (within(x, 31, 32))
            x.late = std::numeric_limits<double>::infinity();
        if (within(x, 32, 33))
            x.slow = 3e38;
        if (within(x, 33, 34))
            x.earned = -5;
    };
    const auto verdict = run.play();
    QCOMPARE(verdict.failed + verdict.late, 0u);
    QCOMPARE(*verdict.budget, 0.0);
    QVERIFY(!verdict.marks.impact);
}

void TestJudge::nothingChangesAfterTheEnd()
{
    JudgedRun run(crashDrill());
    const auto before = toJson(run.play());
    run.apply(90 * kSec, GuardTripped{"x", 0});
    run.apply(90 * kSec, RunEnded{EndReason::Errored, "x", 0});
    Row row;
    row.t = 91 * kSec;
    row.failed = 20;
    run.feed(row);
    QCOMPARE(toJson(run.judge.verdict()), before);
}

void TestJudge::jsonHasTheNamesOfTheDesign()
{
    JudgedRun run(crashDrill());
    const auto json = QString::fromStdString(toJson(run.play()));
    for (const char *key : {"verdict", "rto_s", "rpo_events", "rpo_s", "budget", "quality",
                            "detect_s", "undo_s", "inject_confirmed", "undo_verified", "measures"})
        QVERIFY2(json.contains(QLatin1String("\"") + QLatin1String(key) + QLatin1String("\":")),
                 key);
    QVERIFY(json.contains(QLatin1String("\"rpo_events\": null")));
    QVERIFY(json.contains(QLatin1String("\"verdict\": \"PASS\"")));
    JudgedRun calm(noOpDrill());
    QVERIFY(QString::fromStdString(toJson(calm.play()))
                .contains(QLatin1String("\"inject_confirmed\": null")));
}

QTEST_GUILESS_MAIN(TestJudge)
#include "tst_judge.moc"
