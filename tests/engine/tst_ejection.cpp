// Who gets requests, decided on times of the test's own: no sockets, no waiting.
#include "engine/serving/ejection.h"
#include "engine/serving/gateway_breaker.h"
#include "engine/serving/gateway_core.h"
#include "engine/serving/retry_budget.h"

#include <QtTest>

using namespace engine;

namespace {

constexpr Micros kMilli{1000};

EjectionRules withoutPatience()
{
    EjectionRules rules;
    rules.silence = Micros{0};
    return rules;
}

/// A rotation whose replicas all serve, at a time of the test's own.
struct Bed
{
    explicit Bed(int replicas, EjectionRules given = {})
        : rules(given), rotation(names(replicas), given)
    {
        for (int i = 0; i < replicas; ++i)
            rotation.probeAnswered(static_cast<std::size_t>(i), true, now);
    }
    static std::vector<std::string> names(int count)
    {
        std::vector<std::string> out;
        for (int i = 1; i <= count; ++i)
            out.push_back("replica/" + std::to_string(i));
        return out;
    }
    Rotation::Ticket start(std::uint64_t tried = 0)
    {
        const auto ticket = rotation.start(now, tried);
        if (!ticket)
            qFatal("no replica to start on");
        return *ticket;
    }
    /// One request to the next replica, which ends as `ends[replica]`.
    std::size_t request(const std::vector<TryEnd> &ends)
    {
        const auto ticket = start();
        const auto how = ends[ticket.replica];
        now += how == TryEnd::TimedOut ? 100 * kMilli : kMilli;
        rotation.end(ticket, how, now, now);
        return ticket.replica;
    }
    std::size_t ejections()
    {
        std::size_t count = 0;
        for (const auto &change : rotation.takeNews())
            count += change.kind == "ejection" && change.active;
        return count;
    }
    MonoTime now{1'000'000'000};
    EjectionRules rules;
    Rotation rotation;
};

} // namespace

class TestEjection : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void roundRobinIsEven();
    void aReplicaThatNeverAnsweredGetsNothing();
    void threeFailuresInARowEject_data();
    void threeFailuresInARowEject();
    void aSilentOneIsGivenAMoment();
    void oneThatRunsButNeverAnswersInTimeGoesAtOnce();
    void anAnswerBreaksTheRow();
    void nobodyIsEjectedWhenNobodyAnswers();
    void theLastOneIsNeverEjected();
    void ourOwnStallIsNotTheReplicasFault();
    void suspicionSteersAwayBeforeTheFirstTimeOut();
    void slowForEverybodyIsNoSuspicion();
    void aSuspectComesBackWithItsFirstAnswer();
    void comesBackByAProbeAfterTheBaseTime();
    void missedProbesEjectWithoutAnyRequest();
    void switchedOffIsPlainRoundRobin();
    void anEjectedOneThatAnswersProbesIsBetterThanNone();
    void breakerOpensHalfOpensAndCloses();
    void breakerStaysShutBelowItsShare();
    void retryBudgetRunsDryAndFills();
    void fallbackNeedsFiveInASecondAndEndsAfterOne();
};

void TestEjection::roundRobinIsEven()
{
    Bed bed(3);
    std::array<int, 3> counts{};
    for (int i = 0; i < 300; ++i)
        ++counts[bed.request({TryEnd::Answered, TryEnd::Answered, TryEnd::Answered})];
    QCOMPARE(counts, (std::array<int, 3>{100, 100, 100}));
}

void TestEjection::aReplicaThatNeverAnsweredGetsNothing()
{
    Rotation rotation(Bed::names(2), {});
    QVERIFY(!rotation.start(MonoTime{1}, 0));
    QVERIFY(!rotation.anyReady());
    rotation.probeAnswered(1, true, MonoTime{2});
    QCOMPARE(rotation.start(MonoTime{3}, 0)->replica, 1u);
    rotation.probeAnswered(0, false, MonoTime{4}); // NOT_SERVING
    QCOMPARE(rotation.start(MonoTime{5}, 0)->replica, 1u);
    rotation.probeAnswered(0, true, MonoTime{6});
    QCOMPARE(rotation.start(MonoTime{7}, 0)->replica, 0u);
}

void TestEjection::threeFailuresInARowEject_data()
{
    QTest::addColumn<int>("replicas");
    QTest::addColumn<int>("how");
    for (const int replicas : {2, 3})
        for (const auto how : {TryEnd::Failed, TryEnd::TimedOut})
            QTest::addRow("%d replicas, %s", replicas, how == TryEnd::Failed ? "error" : "time-out")
                << replicas << static_cast<int>(how);
}

void TestEjection::threeFailuresInARowEject()
{
    QFETCH(int, replicas);
    QFETCH(int, how);
    Bed bed(replicas, withoutPatience());
    std::vector<TryEnd> ends(static_cast<std::size_t>(replicas), TryEnd::Answered);
    ends[0] = static_cast<TryEnd>(how);
    int toBad = 0;
    for (int i = 0; i < 60; ++i)
        toBad += bed.request(ends) == 0;
    QCOMPARE(toBad, 3);
    QVERIFY(!bed.rotation.inRotation(0));
    QCOMPARE(bed.ejections(), 1u);
}

void TestEjection::aSilentOneIsGivenAMoment()
{
    for (const bool backInTime : {true, false}) {
        Bed bed(2);
        const auto began = bed.now;
        std::vector<Rotation::Ticket> stuck;
        while (stuck.size() < 3) {
            const auto ticket = bed.start();
            if (ticket.replica == 0)
                stuck.push_back(ticket);
            else
                bed.rotation.end(ticket, TryEnd::Answered, bed.now + kMilli, bed.now);
            bed.now += 5 * kMilli;
        }
        bed.now = began + 100 * kMilli;
        for (const auto &ticket : stuck)
            bed.rotation.end(ticket, TryEnd::TimedOut, bed.now, bed.now);
        QCOMPARE(bed.ejections(), 0u); // 100 ms of silence
        bed.request({TryEnd::Answered, TryEnd::Answered});
        bed.now = began + 300 * kMilli;
        if (backInTime)
            bed.rotation.probeAnswered(0, true, bed.now);
        bed.rotation.probeAnswered(1, true, bed.now);
        bed.now = began + 450 * kMilli;
        if (!backInTime)
            bed.rotation.probeMissed(0, began + 250 * kMilli, bed.now);
        QCOMPARE(bed.ejections(), backInTime ? 0u : 1u);
    }
}

void TestEjection::oneThatRunsButNeverAnswersInTimeGoesAtOnce()
{
    Bed bed(2);
    int toBad = 0;
    for (int i = 0; i < 60; ++i) {
        toBad += bed.request({TryEnd::TimedOut, TryEnd::Answered}) == 0;
        bed.rotation.probeAnswered(0, true, bed.now);
    }
    QCOMPARE(toBad, 3);
    QCOMPARE(bed.ejections(), 1u);
}

void TestEjection::anAnswerBreaksTheRow()
{
    Bed bed(2);
    for (int i = 0; i < 100; ++i) {
        const auto ticket = bed.start();
        bed.now += kMilli;
        const bool bad = ticket.replica == 0 && i % 6 != 0; // two of three of replica 1 fail
        bed.rotation.end(ticket, bad ? TryEnd::Failed : TryEnd::Answered, bed.now, bed.now);
    }
    QCOMPARE(bed.ejections(), 0u);
}

void TestEjection::nobodyIsEjectedWhenNobodyAnswers()
{
    Bed bed(3);
    bed.now += Micros{2'000'000}; // nobody answered in this second
    for (int i = 0; i < 300; ++i)
        bed.request({TryEnd::TimedOut, TryEnd::Failed, TryEnd::TimedOut});
    QCOMPARE(bed.ejections(), 0u);
    QVERIFY(bed.rotation.anyReady());
}

void TestEjection::theLastOneIsNeverEjected()
{
    for (const int replicas : {2, 3}) {
        Bed bed(replicas);
        std::vector<TryEnd> ends(static_cast<std::size_t>(replicas), TryEnd::Answered);
        for (int bad = 0; bad < replicas; ++bad) {
            ends[static_cast<std::size_t>(bad)] = TryEnd::Failed;
            for (int i = 0; i < 30; ++i)
                bed.request(ends);
        }
        QCOMPARE(bed.ejections(), static_cast<std::size_t>(replicas - 1));
        QVERIFY(bed.rotation.inRotation(static_cast<std::size_t>(replicas - 1)));
    }
}

void TestEjection::ourOwnStallIsNotTheReplicasFault()
{
    for (const bool late : {false, true}) {
        Bed bed(2, withoutPatience());
        std::vector<Rotation::Ticket> toFirst;
        for (int i = 0; i < 10; ++i) {
            const auto ticket = bed.start();
            bed.now += kMilli;
            if (ticket.replica == 0)
                toFirst.push_back(ticket);
            else
                bed.rotation.end(ticket, TryEnd::Answered, bed.now, bed.now);
        }
        const auto due = bed.now;
        bed.now += late ? Micros{150'000} : Micros{100};
        for (const auto &ticket : toFirst)
            bed.rotation.end(ticket, TryEnd::TimedOut, bed.now, due);
        QCOMPARE(bed.ejections(), late ? 0u : 1u);
    }
}

void TestEjection::suspicionSteersAwayBeforeTheFirstTimeOut()
{
    for (const bool enabled : {true, false}) {
        Bed bed(3);
        bed.rotation.setEnabled(enabled, bed.now);
        int toFrozen = 0;
        for (int i = 0; i < 18; ++i) { // 5 ms apart: 90 ms, no time-out yet
            const auto ticket = bed.start();
            if (ticket.replica == 0)
                ++toFrozen;
            else
                bed.rotation.end(ticket, TryEnd::Answered, bed.now + kMilli, bed.now);
            bed.now += 5 * kMilli;
        }
        QCOMPARE(toFrozen, enabled ? 3 : 6); // those of the first 40 ms
        QCOMPARE(bed.rotation.suspected(0, bed.now), enabled);
        QCOMPARE(bed.ejections(), 0u);
    }
}

void TestEjection::slowForEverybodyIsNoSuspicion()
{
    Bed bed(3);
    bed.now += Micros{100'000};
    std::vector<Rotation::Ticket> open;
    for (int i = 0; i < 30; ++i) {
        open.push_back(bed.start());
        bed.now += 5 * kMilli;
    }
    for (std::size_t i = 0; i < 3; ++i)
        QVERIFY(!bed.rotation.suspected(i, bed.now));
}

void TestEjection::aSuspectComesBackWithItsFirstAnswer()
{
    Bed bed(2);
    const auto slow = bed.start();
    QCOMPARE(slow.replica, 0u);
    bed.now += 30 * kMilli;
    bed.request({TryEnd::Answered, TryEnd::Answered});
    bed.now += 30 * kMilli;
    QVERIFY(bed.rotation.suspected(0, bed.now));
    for (int i = 0; i < 4; ++i)
        QCOMPARE(bed.request({TryEnd::Answered, TryEnd::Answered}), 1u);
    bed.rotation.end(slow, TryEnd::Answered, bed.now, bed.now);
    QVERIFY(!bed.rotation.suspected(0, bed.now));
    QCOMPARE(bed.request({TryEnd::Answered, TryEnd::Answered}), 0u);
}

void TestEjection::comesBackByAProbeAfterTheBaseTime()
{
    Bed bed(2);
    for (int i = 0; i < 10; ++i)
        bed.request({TryEnd::Failed, TryEnd::Answered});
    QCOMPARE(bed.ejections(), 1u);
    bed.now += bed.rules.base / 2;
    bed.rotation.probeAnswered(0, true, bed.now);
    QVERIFY(!bed.rotation.inRotation(0));
    bed.now += bed.rules.base / 2;
    QVERIFY(!bed.rotation.inRotation(0)); // time alone is not enough
    bed.rotation.probeAnswered(0, true, bed.now);
    QVERIFY(bed.rotation.inRotation(0));
    const auto news = bed.rotation.takeNews();
    QCOMPARE(news.size(), 1u);
    QVERIFY(!news[0].active);
}

void TestEjection::missedProbesEjectWithoutAnyRequest()
{
    Bed bed(2);
    for (int i = 0; i < 3; ++i) {
        QVERIFY(bed.rotation.inRotation(0));
        const auto started = bed.now;
        bed.now += Micros{500'000};
        bed.rotation.probeAnswered(1, true, bed.now);
        bed.rotation.probeMissed(0, started, bed.now);
    }
    QCOMPARE(bed.ejections(), 1u);
}

void TestEjection::switchedOffIsPlainRoundRobin()
{
    Bed bed(2);
    for (int i = 0; i < 10; ++i)
        bed.request({TryEnd::Failed, TryEnd::Answered});
    QVERIFY(!bed.rotation.inRotation(0));
    bed.rotation.setEnabled(false, bed.now);
    QVERIFY(bed.rotation.inRotation(0));
    int toBad = 0;
    for (int i = 0; i < 100; ++i)
        toBad += bed.request({TryEnd::Failed, TryEnd::Answered}) == 0;
    QCOMPARE(toBad, 50);
    bed.rotation.setEnabled(true, bed.now);
    for (int i = 0; i < 10; ++i)
        bed.request({TryEnd::Failed, TryEnd::Answered});
    QVERIFY(!bed.rotation.inRotation(0));
}

void TestEjection::anEjectedOneThatAnswersProbesIsBetterThanNone()
{
    Bed bed(2);
    for (int i = 0; i < 10; ++i)
        bed.request({TryEnd::Failed, TryEnd::Answered});
    QCOMPARE(bed.rotation.start(bed.now, 0b10)->replica, 0u);
    bed.rotation.probeMissed(0, bed.now, bed.now);
    QVERIFY(!bed.rotation.start(bed.now, 0b10));
}

void TestEjection::breakerOpensHalfOpensAndCloses()
{
    Breaker breaker{BreakerRules{}};
    MonoTime now{1'000'000'000};
    for (int i = 0; i < 19; ++i)
        breaker.answered(now += kMilli, i % 2 != 0);
    QVERIFY(!breaker.isOpen()); // too few to judge
    breaker.answered(now += kMilli, false);
    QVERIFY(breaker.isOpen());
    QVERIFY(!breaker.admits(now));
    now += Micros{1'000'000};
    QVERIFY(breaker.admits(now));
    QVERIFY(!breaker.admits(now)); // one probe per second
    breaker.answered(now, false);
    now += Micros{1'000'000};
    QVERIFY(breaker.admits(now));
    breaker.answered(now, true);
    QVERIFY(breaker.isOpen());
    now += Micros{1'000'000};
    QVERIFY(breaker.admits(now));
    breaker.answered(now, true);
    QVERIFY(!breaker.isOpen());
    breaker.answered(now, false); // the old failures are forgotten
    QVERIFY(!breaker.isOpen());
}

void TestEjection::breakerStaysShutBelowItsShare()
{
    Breaker breaker{BreakerRules{}};
    MonoTime now{1'000'000'000};
    for (int i = 0; i < 10'000; ++i)
        breaker.answered(now += kMilli, i % 5 >= 2); // 40 % fail
    QVERIFY(!breaker.isOpen());
    for (int i = 0; i < 30; ++i) // a burst long ago does not count later
        breaker.answered(now, false);
    QVERIFY(!breaker.isOpen());
}

void TestEjection::retryBudgetRunsDryAndFills()
{
    RetryBudget budget(0.1, 5, 2);
    QVERIFY(budget.spend());
    QVERIFY(budget.spend());
    QVERIFY(!budget.spend());
    for (int i = 0; i < 11; ++i)
        budget.earn();
    QVERIFY(budget.spend());
    QVERIFY(!budget.spend());
    for (int i = 0; i < 10'000; ++i)
        budget.earn();
    QCOMPARE(budget.tokens(), 5.0);
}

void TestEjection::fallbackNeedsFiveInASecondAndEndsAfterOne()
{
    FallbackMeter meter;
    MonoTime now{1'000'000'000};
    for (int i = 0; i < 100; ++i) // single ones, far apart
        QVERIFY(!meter.served(now += 400 * kMilli));
    int begins = 0;
    for (int i = 0; i < 50; ++i)
        begins += meter.served(now += 10 * kMilli);
    QCOMPARE(begins, 1);
    QVERIFY(!meter.quiet(now + 900 * kMilli));
    QVERIFY(meter.quiet(now + 1000 * kMilli));
    QVERIFY(!meter.quiet(now + 2000 * kMilli));
}

QTEST_GUILESS_MAIN(TestEjection)
#include "tst_ejection.moc"
