#include "tests/support/fake_operations.h"
#include "tests/support/ui_fixture.h"
#include "ui/main_window.h"
#include "ui/models/process_model.h"
#include "ui/pages/live_page.h"
#include "ui/widgets/fact_list.h"
#include "ui/widgets/indicator_strip.h"
#include "ui/widgets/track_stack.h"

#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTableView>
#include <QTest>

using namespace testing_support;

class TestLivePage : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init();
    void cleanup() { m_window.reset(); }
    void stripShowsWhatTheRecordingSays();
    void undoNowAsksForTheOpenFault();
    void countdownRunsToTheAutomaticUndo();
    void undoBoxGoesWhenTheFaultIsGone();
    void notesAndAcknowledgementsAreSent();
    void restartIsOneClickOnItsRow();
    void tracksShareOneAxis();
    void spacePausesAndEndFollowsAgain();
    void clickOnAChartSeeksThere();
    void f8ShowsTheSameAsATable();
    void faultProofIsShown();

private:
    template <class W>
    W *child(const char *name)
    {
        // Playback has tracks of the same names; what is asked for here is Live's.
        const QString wanted = QString::fromLatin1(name);
        auto *page = m_window->findChild<ui::LivePage *>();
        if constexpr (std::is_base_of_v<W, ui::LivePage>) {
            if (page->objectName() == wanted)
                return page;
        }
        return page->findChild<W *>(wanted);
    }
    void growTo(double seconds)
    {
        m_operations->liveTimeline->grow(crashRun(seconds));
        child<ui::LivePage>("livePage")->refresh();
        child<ui::LivePage>("livePage")->refresh(); // once to ask for the window, once to draw it
    }
    std::unique_ptr<FakeOperations> m_operations;
    std::unique_ptr<ui::MainWindow> m_window;
};

void TestLivePage::init()
{
    refuseWarnings();
    m_operations = FakeOperations::busy(24.7);
    m_window = std::make_unique<ui::MainWindow>(*m_operations);
    m_window->resize(1440, 900);
    m_window->openPage(ui::MainWindow::Live);
    m_window->show();
    QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
    QTRY_VERIFY(m_operations->liveTimeline);
    growTo(24.7);
}

void TestLivePage::stripShowsWhatTheRecordingSays()
{
    const auto &readings = child<ui::IndicatorStrip>("indicatorStrip")->readings();
    QCOMPARE(readings.size(), std::size_t(4));
    QCOMPARE(readings[0].limit, QStringLiteral("limit 60"));
    QCOMPARE(readings[0].state.word, QStringLiteral("outside"));
    const QString during = readings[0].value;
    growTo(40);
    QVERIFY(child<ui::IndicatorStrip>("indicatorStrip")->readings()[0].value != during);
    QCOMPARE(child<ui::IndicatorStrip>("indicatorStrip")->readings()[0].state.word,
             QStringLiteral("ok"));
}

void TestLivePage::undoNowAsksForTheOpenFault()
{
    QTest::mouseClick(child<QPushButton>("undoNowButton"), Qt::LeftButton);
    QCOMPARE(m_operations->asked, std::vector<std::string>{"undo 1"});
}

void TestLivePage::countdownRunsToTheAutomaticUndo()
{
    QCOMPARE(child<QLabel>("countdownLabel")->text(), QStringLiteral("0:05.3"));
    growTo(28);
    QCOMPARE(child<QLabel>("countdownLabel")->text(), QStringLiteral("0:02.0"));
}

void TestLivePage::undoBoxGoesWhenTheFaultIsGone()
{
    QVERIFY(child<QWidget>("undoFrame")->isVisible());
    growTo(36);
    QVERIFY(!child<QWidget>("undoFrame")->isVisible());
}

void TestLivePage::notesAndAcknowledgementsAreSent()
{
    auto *edit = child<QLineEdit>("noteEdit");
    edit->setFocus();
    QTest::keyClicks(edit, QStringLiteral("cause seen"));
    QTest::keyClick(edit, Qt::Key_Return);
    QVERIFY(edit->text().isEmpty());
    QTest::keyClick(edit, Qt::Key_Return); // nothing to send
    QCOMPARE(m_operations->asked, std::vector<std::string>{"note cause seen"});
    QVERIFY(!child<QPushButton>("acknowledgeButton")->isEnabled()); // ana did, at 23.4 s
    growTo(22);
    QTest::mouseClick(child<QPushButton>("acknowledgeButton"), Qt::LeftButton);
    QCOMPARE(m_operations->asked.back(), std::string("acknowledge"));
}

void TestLivePage::restartIsOneClickOnItsRow()
{
    auto *table = child<QTableView>("processTable");
    const auto index = table->model()->index(1, ui::ProcessModel::Act);
    QCOMPARE(table->model()->index(1, 0).data().toString(), QStringLiteral("replica/2"));
    QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualRect(index).center());
    QCOMPARE(m_operations->asked, std::vector<std::string>{"restart replica/2"});
    QTest::mouseClick(table->viewport(), Qt::LeftButton, {},
                      table->visualRect(table->model()->index(0, 0)).center());
    QCOMPARE(m_operations->asked.size(), std::size_t(1));
}

void TestLivePage::tracksShareOneAxis()
{
    QList<ui::TimeSeriesView *> tracks =
        m_window->findChild<ui::TrackStack *>(QStringLiteral("trackStack"))
            ->findChildren<ui::TimeSeriesView *>();
    QCOMPARE(tracks.size(), 4);
    for (const auto *track : tracks) {
        QCOMPARE(track->chart()->plotArea().left(), tracks[0]->chart()->plotArea().left());
        QCOMPARE(track->chart()->plotArea().right(), tracks[0]->chart()->plotArea().right());
        QVERIFY(track->accessibleDescription().contains(QStringLiteral(": ")));
    }
}

void TestLivePage::spacePausesAndEndFollowsAgain()
{
    auto *page = child<ui::LivePage>("livePage");
    auto *track = child<ui::TimeSeriesView>("latencyChart");
    track->setFocus();
    QVERIFY(page->isFollowing());
    QTest::keyClick(track, Qt::Key_Space);
    QVERIFY(!page->isFollowing());
    const auto at = m_operations->liveTimeline->snapshot()->playhead;
    growTo(28);
    QCOMPARE(m_operations->liveTimeline->snapshot()->playhead, at);
    QTest::keyClick(track, Qt::Key_End);
    QVERIFY(page->isFollowing());
    QCOMPARE(m_operations->liveTimeline->snapshot()->playhead, std::int64_t(28'000'000));
}

void TestLivePage::clickOnAChartSeeksThere()
{
    auto *stack = child<ui::TrackStack>("trackStack");
    auto *track = child<ui::TimeSeriesView>("qualityChart");
    const double x = stack->axis().x(15.0);
    QTest::mouseClick(track->viewport(), Qt::LeftButton, {}, QPoint(qRound(x), 30));
    QVERIFY(!child<ui::LivePage>("livePage")->isFollowing());
    QVERIFY(std::abs(m_operations->liveTimeline->snapshot()->playhead - 15'000'000) < 100'000);
}

void TestLivePage::f8ShowsTheSameAsATable()
{
    QTest::keyClick(m_window.get(), Qt::Key_F8);
    auto *table = child<QTableView>("seriesTable");
    QVERIFY(table->isVisible());
    QVERIFY(table->model()->rowCount() > 20);
    QTest::keyClick(m_window.get(), Qt::Key_F8);
    QVERIFY(!table->isVisible());
}

void TestLivePage::faultProofIsShown()
{
    const auto &facts = child<ui::FactList>("faultList")->facts();
    QVERIFY(facts.size() >= 2);
    QCOMPARE(facts[0].text, QStringLiteral("SIGSTOP replica/2"));
    QCOMPARE(facts[1].text, QStringLiteral("confirmed +0.8 s"));
    keepPicture(*m_window, QStringLiteral("live-page"));
}

QTEST_MAIN(TestLivePage)
#include "tst_live_page.moc"
