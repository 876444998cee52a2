#include "tests/support/fake_timeline.h"
#include "tests/support/ui_fixture.h"
#include "ui/pages/playback_page.h"
#include "ui/theme/theme.h"
#include "ui/widgets/lanes_view.h"
#include "ui/widgets/minimap.h"
#include "ui/widgets/time_series_view.h"
#include "ui/widgets/track_stack.h"
#include "ui/widgets/verdict_card.h"

#include <QApplication>
#include <QLabel>
#include <QPushButton>
#include <QSignalSpy>
#include <QTest>

using namespace testing_support;

class TestPlaybackPage : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init();
    void opensWithItsVerdictAtTheRightPlace();
    void keysStepByEvent();
    void homeAndEndGoToInjectAndEnd();
    void spacePlaysAndThePlayheadMoves();
    void panAndZoomKeepThePlayhead();
    void mouseSeeksOnChartLanesAndMinimap();
    void sameStateByAnyPath();
    void loopRepeatsFromAToB();
    void loopEndsInTheWrongOrderDropEachOther();
    void fastWishesEndAtTheLatestOne();
    void oneSeekIsOnItsWayAtATime();
    void movingWindowIsReadCoarselyThenFinely();
    void eventsAndFaultsAreFoundAmongMillions();
    void everyKeyOfTheHelpIsTaken();
    void verifiedUpToIsSaid();
    void unreadableRecordingSaysWhy();
    void reportAndRerunLeaveAsWishes();
    void everyVerdictHasAFace_data();
    void everyVerdictHasAFace();

private:
    void press(int key, Qt::KeyboardModifiers modifiers = {})
    {
        QVERIFY(m_page->handleKey(key, modifiers));
        m_page->refresh();
    }
    std::unique_ptr<ui::PlaybackPage> m_page;
    FakeTimeline *m_timeline = nullptr;
};

namespace {

/// Remembers what it was asked; answers a seek only when told to.
class SlowTimeline final : public engine::Timeline
{
public:
    SlowTimeline() { answer(0); }
    [[nodiscard]] std::shared_ptr<const engine::TimelineSnapshot> snapshot() const override
    {
        return m_snapshot;
    }
    void pinToEnd() override {}
    void seek(std::int64_t t) override { asked.push_back(t); }
    void show(std::int64_t, std::int64_t, int most, std::vector<std::string>) override
    {
        bins.push_back(most);
    }
    [[nodiscard]] std::string path() const override { return "/slow.drl"; }
    void answer(std::int64_t t)
    {
        auto next = std::make_shared<engine::TimelineSnapshot>();
        next->state = std::make_shared<engine::RunState>();
        next->playhead = t;
        m_snapshot = std::move(next);
    }
    void fail(const std::string &why)
    {
        auto next = std::make_shared<engine::TimelineSnapshot>(*m_snapshot);
        next->problem = why;
        m_snapshot = std::move(next);
    }
    std::vector<std::int64_t> asked;
    std::vector<int> bins;

private:
    std::shared_ptr<const engine::TimelineSnapshot> m_snapshot;
};

} // namespace

void TestPlaybackPage::init()
{
    refuseWarnings();
    ui::applyTheme(*qApp, ui::Scheme::Dark);
    m_page = std::make_unique<ui::PlaybackPage>();
    m_page->resize(1376, 828);
    m_page->show();
    auto timeline = std::make_unique<FakeTimeline>(crashRun(), false);
    m_timeline = timeline.get();
    m_page->open(std::move(timeline));
    m_page->refresh();
    m_page->refresh();
    QVERIFY(QTest::qWaitForWindowExposed(m_page.get()));
    m_page->refresh();
}

void TestPlaybackPage::opensWithItsVerdictAtTheRightPlace()
{
    const auto verdict = FakeTimeline(crashRun(), false).snapshot()->state->verdict();
    QVERIFY(verdict.word != engine::Word::Running);
    auto *word = m_page->findChild<QLabel *>(QStringLiteral("verdictWordLabel"));
    QCOMPARE(word->text(), QString::fromUtf8(engine::name(verdict.word).data()));
    const double expected = verdict.word == engine::Word::Fail && verdict.reasonAt
                                ? ui::toSeconds(*verdict.reasonAt)
                                : 20.0;
    QCOMPARE(m_page->playhead(), expected);
    QCOMPARE(m_page->title(), QStringLiteral("A ranker crashes at peak"));
    QVERIFY(m_page->window().from <= 10.0 && m_page->window().to() > 20);
}

void TestPlaybackPage::keysStepByEvent()
{
    press(Qt::Key_Home);
    QCOMPARE(m_page->playhead(), 20.0);
    press(Qt::Key_Period);
    QCOMPARE(m_page->playhead(), 20.8); // confirmed
    press(Qt::Key_Period);
    QCOMPARE(m_page->playhead(), 20.9); // ejected
    press(Qt::Key_Comma);
    QCOMPARE(m_page->playhead(), 20.8);
    press(Qt::Key_Period, Qt::ShiftModifier);
    QCOMPARE(m_page->playhead(), 30.0); // the next change of a fault
    const auto &events = *m_timeline->snapshot()->events;
    const auto folded = std::count_if(events.begin(), events.end(),
                                      [](const auto &event) { return event.t <= 30'000'000; });
    QCOMPARE(m_timeline->snapshot()->state->seq, static_cast<std::uint64_t>(folded));
}

void TestPlaybackPage::homeAndEndGoToInjectAndEnd()
{
    press(Qt::Key_End);
    QCOMPARE(m_page->playhead(), 45.0);
    press(Qt::Key_Home);
    QCOMPARE(m_page->playhead(), 20.0);
    QCOMPARE(m_page->sinceText(), QStringLiteral("+00:00.0"));
}

void TestPlaybackPage::spacePlaysAndThePlayheadMoves()
{
    press(Qt::Key_Home);
    press(Qt::Key_Space);
    QVERIFY(m_page->isPlaying());
    const double before = m_page->playhead();
    QTRY_VERIFY((m_page->refresh(), m_page->playhead() > before + 0.05));
    press(Qt::Key_Space);
    QVERIFY(!m_page->isPlaying());
    const double paused = m_page->playhead();
    m_page->refresh();
    QCOMPARE(m_page->playhead(), paused);
    press(Qt::Key_End);
    press(Qt::Key_Space); // from the end it starts again
    QVERIFY(m_page->isPlaying());
    QVERIFY(m_page->playhead() < 1);
}

void TestPlaybackPage::panAndZoomKeepThePlayhead()
{
    const double at = m_page->playhead();
    const double span = m_page->window().span;
    press(Qt::Key_W);
    QVERIFY(m_page->window().span < span);
    const double from = m_page->window().from;
    press(Qt::Key_D);
    QVERIFY(m_page->window().from > from);
    press(Qt::Key_A);
    QVERIFY(std::abs(m_page->window().from - from) < 1e-6);
    press(Qt::Key_S);
    QVERIFY(std::abs(m_page->window().span - span) < 1e-6);
    QCOMPARE(m_page->playhead(), at);
}

void TestPlaybackPage::mouseSeeksOnChartLanesAndMinimap()
{
    const auto *stack = m_page->findChild<ui::TrackStack *>(QStringLiteral("playbackTrackStack"));
    auto *chart = m_page->findChild<ui::TimeSeriesView *>(QStringLiteral("latencyChart"));
    const auto xOf = [&](double t) { return qRound(stack->axis().x(t)); };
    QTest::mouseClick(chart->viewport(), Qt::LeftButton, {}, QPoint(xOf(25), 20));
    QVERIFY(std::abs(m_page->playhead() - 25) < 0.1);
    auto *lanes = m_page->findChild<ui::LanesView *>(QStringLiteral("lanesView"));
    QTest::mouseClick(lanes, Qt::LeftButton, {}, QPoint(xOf(28), 30));
    QVERIFY(std::abs(m_page->playhead() - 28) < 0.1);
    auto *minimap = m_page->findChild<ui::Minimap *>(QStringLiteral("minimapView"));
    QTest::mouseClick(minimap, Qt::LeftButton, {}, QPoint(ui::kPlotLeft + 1, 15));
    QVERIFY(m_page->playhead() < 0.5);
    QVERIFY(m_page->window().from <= m_page->playhead());
    QVERIFY(m_timeline->seeks >= 3);
}

void TestPlaybackPage::sameStateByAnyPath()
{
    press(Qt::Key_End);
    press(Qt::Key_Home);
    press(Qt::Key_Period);
    const auto there = m_timeline->snapshot()->state->hash();
    FakeTimeline other(crashRun(), false);
    other.seek(20'800'000);
    QVERIFY(other.snapshot()->state->hash() == there);
    other.seek(20'900'000);
    QVERIFY(other.snapshot()->state->hash() != there);
}

void TestPlaybackPage::loopRepeatsFromAToB()
{
    press(Qt::Key_Home); // 20 s
    press(Qt::Key_BracketLeft);
    press(Qt::Key_Right);
    press(Qt::Key_Right);
    press(Qt::Key_BracketRight);
    QVERIFY(m_page->head().hasLoop());
    QCOMPARE(*m_page->head().loopFrom(), 20.0);
    QCOMPARE(*m_page->head().loopTo(), 22.0);
    auto *button = m_page->findChild<QPushButton *>(QStringLiteral("loopButton"));
    QVERIFY(button->text().contains(QStringLiteral("+2.0 s")));
    press(Qt::Key_Home);
    for (int i = 0; i < 8; ++i)
        press(Qt::Key_L);
    press(Qt::Key_Space); // at 64 times two seconds pass in no time: it must come back, not run out
    double furthest = 0;
    int returned = 0;
    double before = m_page->playhead();
    QTRY_VERIFY_WITH_TIMEOUT(([&] {
                                 m_page->refresh();
                                 returned += m_page->playhead() < before ? 1 : 0;
                                 before = m_page->playhead();
                                 furthest = std::max(furthest, before);
                                 return returned >= 2;
                             }()),
                             30'000);
    QVERIFY(furthest <= 22.0);
    QVERIFY(m_page->isPlaying());
    keepPicture(*m_page, QStringLiteral("playback-loop"));
    press(Qt::Key_Backslash);
    QVERIFY(!m_page->head().hasLoop());
    QTRY_VERIFY_WITH_TIMEOUT((m_page->refresh(), m_page->playhead() == 45.0), 30'000);
    QVERIFY(!m_page->isPlaying()); // without the loop it runs to the end and stops there
}

void TestPlaybackPage::loopEndsInTheWrongOrderDropEachOther()
{
    ui::Playhead head;
    head.setEnd(100);
    head.setLoopFrom(50);
    head.setLoopTo(40);
    QVERIFY(!head.hasLoop() && !head.loopFrom());
    head.setLoopFrom(10);
    QVERIFY(head.hasLoop());
    head.moveTo(39);
    head.play();
    head.advance(62, 1); // 61 s past B in a loop of 30 s
    QCOMPARE(head.at(), 11.0);
    head.pause();
    head.moveTo(90);
    head.play(); // outside: it begins at A
    QCOMPARE(head.at(), 10.0);
}

void TestPlaybackPage::fastWishesEndAtTheLatestOne()
{
    auto *chart = m_page->findChild<ui::TimeSeriesView *>(QStringLiteral("latencyChart"));
    const auto *stack = m_page->findChild<ui::TrackStack *>(QStringLiteral("playbackTrackStack"));
    const auto at = [&](double t) { return QPoint(qRound(stack->axis().x(t)), 20); };
    QTest::mousePress(chart->viewport(), Qt::LeftButton, {}, at(12));
    for (int i = 0; i <= 100; ++i)
        QTest::mouseMove(chart->viewport(), at(12 + 0.15 * i));
    QTest::mouseRelease(chart->viewport(), Qt::LeftButton, {}, at(27));
    m_page->refresh();
    QVERIFY(std::abs(m_page->playhead() - 27) < 0.1);
    QCOMPARE(m_timeline->snapshot()->playhead, ui::toMicros(m_page->playhead()));
}

void TestPlaybackPage::oneSeekIsOnItsWayAtATime()
{
    SlowTimeline timeline;
    ui::Seeker seeker;
    seeker.attach(&timeline);
    for (int i = 1; i <= 50; ++i)
        seeker.wish(i * 1000, i); // one millisecond apart
    QCOMPARE(timeline.asked, std::vector<std::int64_t>{1000});
    timeline.answer(1000);
    seeker.pulse(60);
    QCOMPARE(timeline.asked, (std::vector<std::int64_t>{1000, 50'000})); // the latest, no other
    seeker.wish(70'000, 70);
    seeker.pulse(100);
    QCOMPARE(timeline.asked.size(), std::size_t(2));
    seeker.pulse(60 + ui::Seeker::kPatience); // a stuck seek does not hold up a newer wish for ever
    QCOMPARE(timeline.asked.back(), std::int64_t(70'000));
    QVERIFY(seeker.isBusy(400));
    timeline.answer(70'000);
    seeker.pulse(1000);
    QVERIFY(!seeker.isBusy(1000));
}

void TestPlaybackPage::movingWindowIsReadCoarselyThenFinely()
{
    SlowTimeline timeline;
    ui::Seeker seeker;
    seeker.attach(&timeline);
    const auto show = [&](std::int64_t from, std::int64_t now) {
        seeker.show(from, from + 1000, 90, 600, {"a"}, now);
    };
    seeker.wish(1, 1000);
    show(10, 1010);
    seeker.wish(2, 1020);
    show(20, 1030);
    show(20, 1040); // nothing new: nothing asked
    QCOMPARE(timeline.bins, (std::vector<int>{90, 90}));
    show(20, 1020 + ui::Seeker::kRest);
    QCOMPARE(timeline.bins, (std::vector<int>{90, 90, 600}));
    seeker.wish(3, 2000); // the playhead moves inside a window that stays
    show(20, 2001);
    QCOMPARE(timeline.bins.size(), std::size_t(3));
}

void TestPlaybackPage::eventsAndFaultsAreFoundAmongMillions()
{
    auto events = std::make_shared<std::vector<engine::Event>>(1'000'000);
    for (std::size_t i = 0; i < events->size(); ++i) {
        auto &event = (*events)[i];
        event.seq = i + 1;
        event.t = static_cast<std::int64_t>(i) * 20'000; // 50 per second
        if (i % 100'000 == 50'000)
            event.payload = engine::FaultChanged{};
        else
            event.payload = engine::OperatorActed{};
    }
    ui::EventIndex index;
    const auto end = events->back().t;
    int portions = 1;
    while (index.read(events, end))
        ++portions;
    QCOMPARE(portions, 5);
    QCOMPARE(index.event(1'000'000, 1), std::optional<std::int64_t>(1'020'000));
    QCOMPARE(index.event(1'000'000, -1), std::optional<std::int64_t>(980'000));
    QCOMPARE(index.event(0, -1), std::nullopt);
    QCOMPARE(index.event(end, 1), std::nullopt);
    QCOMPARE(index.fault(0, 1), std::optional<std::int64_t>(50'000LL * 20'000));
    QCOMPARE(index.fault(end, -1), std::optional<std::int64_t>(950'000LL * 20'000));
    QCOMPARE(index.fault(end, 1), std::nullopt);
    const auto count = [&] {
        std::uint64_t counted = 0;
        for (const auto column : index.density())
            counted += column;
        return counted;
    };
    QCOMPARE(count(), std::uint64_t(1'000'000));
    // A part around the playhead: steps go by it, the rest stays known.
    auto part =
        std::make_shared<std::vector<engine::Event>>(events->begin() + 500, events->begin() + 600);
    QVERIFY(!index.read(part, end));
    QCOMPARE(index.event(11'000'000, 1), std::optional<std::int64_t>(11'020'000));
    QCOMPARE(index.event(11'980'000, 1), std::nullopt);
    QCOMPARE(index.fault(0, 1), std::optional<std::int64_t>(50'000LL * 20'000));
    QCOMPARE(count(), std::uint64_t(1'000'000));
}

void TestPlaybackPage::everyKeyOfTheHelpIsTaken()
{
    QVERIFY(m_page->keys().size() >= 15);
    for (const auto &line : m_page->keys())
        QVERIFY2(!line.keys.isEmpty() && !line.what.isEmpty(), qPrintable(line.what));
    for (const int key :
         {Qt::Key_Space,     Qt::Key_K,    Qt::Key_J,     Qt::Key_L,           Qt::Key_Comma,
          Qt::Key_Period,    Qt::Key_Left, Qt::Key_Right, Qt::Key_PageUp,      Qt::Key_PageDown,
          Qt::Key_Home,      Qt::Key_End,  Qt::Key_B,     Qt::Key_BracketLeft, Qt::Key_BracketRight,
          Qt::Key_Backslash, Qt::Key_A,    Qt::Key_D,     Qt::Key_W,           Qt::Key_S,
          Qt::Key_F,         Qt::Key_0})
        QVERIFY2(m_page->handleKey(key, {}), qPrintable(QString::number(key, 16)));
    QVERIFY(!m_page->handleKey(Qt::Key_X, {}));
    QVERIFY(!m_page->handleKey(Qt::Key_A, Qt::ControlModifier));
}

void TestPlaybackPage::verifiedUpToIsSaid()
{
    QVERIFY(m_page->verifiedText().contains(QStringLiteral("not verified yet")));
    m_timeline->setVerifiedTo(20'000'000);
    m_page->refresh();
    QVERIFY(m_page->verifiedText().contains(QStringLiteral("+00:20.0 of +00:45.0")));
    auto *seal = m_page->findChild<QLabel *>(QStringLiteral("sealLabel"));
    QVERIFY(seal->toolTip().contains(m_page->verifiedText()));
    m_timeline->setVerifiedTo(45'000'000);
    m_page->refresh();
    QVERIFY(m_page->verifiedText().contains(QStringLiteral("to its end")));
}

void TestPlaybackPage::unreadableRecordingSaysWhy()
{
    auto timeline = std::make_unique<SlowTimeline>();
    timeline->fail("Byte 17 of the header is wrong");
    m_page->open(std::move(timeline));
    m_timeline = nullptr;
    m_page->refresh();
    auto *label = m_page->findChild<QLabel *>(QStringLiteral("playbackEmptyLabel"));
    QVERIFY(label->isVisible());
    QVERIFY(label->text().contains(QStringLiteral("Byte 17")));
    QVERIFY(label->text().contains(QStringLiteral("/slow.drl")));
    keepPicture(*m_page, QStringLiteral("playback-unreadable"));
}

void TestPlaybackPage::reportAndRerunLeaveAsWishes()
{
    QSignalSpy report(m_page.get(), &ui::PlaybackPage::reportAsked);
    QSignalSpy rerun(m_page.get(), &ui::PlaybackPage::rerunAsked);
    QTest::mouseClick(m_page->findChild<QPushButton *>(QStringLiteral("reportButton")),
                      Qt::LeftButton);
    QTest::mouseClick(m_page->findChild<QPushButton *>(QStringLiteral("rerunButton")),
                      Qt::LeftButton);
    QCOMPARE(report.count(), 1);
    QCOMPARE(report[0][0].toString(), QStringLiteral("/scripted/0147.drl"));
    QCOMPARE(rerun[0][0].toString(), QStringLiteral("A ranker crashes at peak"));
}

void TestPlaybackPage::everyVerdictHasAFace_data()
{
    QTest::addColumn<int>("word");
    QTest::addColumn<QString>("said");
    QTest::newRow("pass") << int(engine::Word::Pass) << QStringLiteral("PASS");
    QTest::newRow("fail") << int(engine::Word::Fail) << QStringLiteral("FAIL");
    QTest::newRow("inconclusive") << int(engine::Word::Inconclusive)
                                  << QStringLiteral("INCONCLUSIVE");
    QTest::newRow("aborted") << int(engine::Word::Aborted) << QStringLiteral("ABORTED");
    QTest::newRow("errored") << int(engine::Word::Errored) << QStringLiteral("ERRORED");
}

void TestPlaybackPage::everyVerdictHasAFace()
{
    QFETCH(int, word);
    QFETCH(QString, said);
    ui::VerdictCard card;
    card.resize(1200, 260);
    engine::Verdict verdict;
    verdict.word = static_cast<engine::Word>(word);
    verdict.sentence = "Users saw 31 bad answers out of 6,450 and were back after 7.9 s.";
    if (verdict.word != engine::Word::Pass)
        verdict.reason = "budget broke at +1.4 s: late answers of replica/2";
    verdict.reasonAt = 21'400'000;
    for (const char *name : {"rto", "budget", "quality", "undo"}) {
        engine::Measure measure;
        measure.name = name;
        measure.rule = "<= 10 s";
        measure.unit = "s";
        measure.value = 7.9;
        measure.limitUsed = 0.79;
        measure.verdict = verdict.word;
        verdict.measures.push_back(measure);
    }
    QSignalSpy there(&card, &ui::VerdictCard::reasonAsked);
    card.show(verdict);
    card.setSeal(QStringLiteral("recording closed"), true);
    card.QWidget::show();
    QVERIFY(QTest::qWaitForWindowExposed(&card));
    QCOMPARE(card.findChild<QLabel *>(QStringLiteral("verdictWordLabel"))->text(), said);
    QTest::mouseClick(card.findChild<QPushButton *>(QStringLiteral("goToReasonButton")),
                      Qt::LeftButton);
    QCOMPARE(there.count(), 1);
    keepPicture(card, QStringLiteral("verdict-") + said.toLower());
}

QTEST_MAIN(TestPlaybackPage)
#include "tst_playback_page.moc"
