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
    card.show(verdict, QStringLiteral("recording closed"), true);
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
