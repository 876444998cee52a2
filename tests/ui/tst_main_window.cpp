#include "engine/base/random.h"
#include "tests/support/fake_operations.h"
#include "tests/support/ui_fixture.h"
#include "ui/main_window.h"
#include "ui/pages/playback_page.h"
#include "ui/session/troubles.h"
#include "ui/theme/theme.h"

#include <QApplication>
#include <QDialog>
#include <QElapsedTimer>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <QTableView>
#include <QTest>

#include <set>

using namespace testing_support;
using ui::MainWindow;

class TestMainWindow : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init() { refuseWarnings(); }
    void everyPageOpensInBothThemes_data();
    void everyPageOpensInBothThemes();
    void haltIsReachableByKeyAndButton();
    void releasedHaltTakesItsBannerAway();
    void shortcutsOpenThePages();
    void paletteRunsACommandByItsName();
    void emptyStatesAreSaidInWords();
    void homeStartsTheFirstDrillThatBreaksSomething();
    void aFailedCheckShowsItsFix();
    void aMissingRecordingIsSaidInTheStatusBar();
    void aRecordingOpensPlayback();
    void badgeSaysDrillWhileOneRuns();
    void recorderTroubleIsSaidWithTheNextPulse();
    void aLostAgentIsSaid();
    void tenThousandClicksAndKeysOnPlaybackCallNothing();
    void rerunLeadsToTheDrillOnHome();
    void helpNamesTheKeysOfThePage();
    void runsAreSearchedByWords();
    void everyWidgetHasAName();
    void theWindowSaysWhenItIsPainted();
};

namespace {

std::unique_ptr<MainWindow> shown(engine::Operations &operations)
{
    auto window = std::make_unique<MainWindow>(operations);
    window->resize(1440, 900);
    window->show();
    if (!QTest::qWaitForWindowActive(window.get()))
        return nullptr;
    return window;
}

} // namespace

void TestMainWindow::everyPageOpensInBothThemes_data()
{
    QTest::addColumn<bool>("dark");
    QTest::addColumn<QSize>("size");
    QTest::newRow("dark") << true << QSize(1440, 900);
    QTest::newRow("light") << false << QSize(1440, 900);
    QTest::newRow("dark, narrow") << true << QSize(1280, 800);
    QTest::newRow("light, narrow") << false << QSize(1280, 800);
}

void TestMainWindow::everyPageOpensInBothThemes()
{
    QFETCH(bool, dark);
    QFETCH(QSize, size);
    ui::applyTheme(*qApp, dark ? ui::Scheme::Dark : ui::Scheme::Light);
    auto operations = FakeOperations::busy(24.7);
    auto window = shown(*operations);
    QVERIFY(window);
    window->resize(size);
    const QString tag = QString::fromLatin1(QTest::currentDataTag())
                            .replace(QStringLiteral(", "), QStringLiteral("-"));
    QTRY_VERIFY(window->findChild<QWidget *>(QStringLiteral("drillCard")));
    QTest::qWait(600);
    keepPicture(*window, QStringLiteral("home-") + tag);
    window->openPage(MainWindow::Live);
    QTRY_VERIFY(window->findChild<QTableView *>(QStringLiteral("processTable"))->isVisible());
    QTest::qWait(500);
    keepPicture(*window, QStringLiteral("live-") + tag);
    window->openRecording(QStringLiteral("/scripted/0147.drl"));
    QTRY_COMPARE(window->currentPage(), MainWindow::Playback);
    QTRY_VERIFY(!window->findChild<QLabel *>(QStringLiteral("verdictWordLabel"))->text().isEmpty());
    QTest::qWait(500);
    keepPicture(*window, QStringLiteral("playback-") + tag);
    QCOMPARE(window->size(), size); // nothing inside forces it wider
    ui::applyTheme(*qApp, dark ? ui::Scheme::Light : ui::Scheme::Dark);
    QTest::qWait(100); // a change of theme under an open page must not warn either
}

void TestMainWindow::haltIsReachableByKeyAndButton()
{
    auto operations = FakeOperations::busy(24);
    auto window = shown(*operations);
    QVERIFY(window);
    for (const auto page : {MainWindow::Home, MainWindow::Live, MainWindow::Playback}) {
        window->openPage(page);
        operations->asked.clear();
        QTest::keyClick(window.get(), Qt::Key_X, Qt::ControlModifier | Qt::ShiftModifier);
        QCOMPARE(operations->asked, std::vector<std::string>{"halt"});
        auto *button = window->findChild<QPushButton *>(QStringLiteral("haltAllButton"));
        QVERIFY(button->isVisible() && button->isEnabled());
        QTest::mouseClick(button, Qt::LeftButton);
        QCOMPARE(operations->asked.size(), std::size_t(2));
    }
    // Also from inside a text field.
    window->openPage(MainWindow::Live);
    auto *note = window->findChild<QLineEdit *>(QStringLiteral("noteEdit"));
    note->setFocus();
    operations->asked.clear();
    QTest::keyClick(note, Qt::Key_X, Qt::ControlModifier | Qt::ShiftModifier);
    QCOMPARE(operations->asked, std::vector<std::string>{"halt"});
}

void TestMainWindow::releasedHaltTakesItsBannerAway()
{
    FakeOperations operations;
    auto window = shown(operations);
    QVERIFY(window);
    const auto banner = [&] {
        const auto *found = window->findChild<QWidget *>(QStringLiteral("haltBanner"));
        return found && found->isVisible();
    };
    QVERIFY(!banner());
    QTest::mouseClick(window->findChild<QPushButton *>(QStringLiteral("haltAllButton")),
                      Qt::LeftButton);
    QVERIFY(banner());
    QTest::mouseClick(window->findChild<QPushButton *>(QStringLiteral("haltBannerButton")),
                      Qt::LeftButton);
    QVERIFY(!banner());
    QCOMPARE(operations.asked, (std::vector<std::string>{"halt", "release"}));
}

void TestMainWindow::shortcutsOpenThePages()
{
    FakeOperations operations;
    auto window = shown(operations);
    QVERIFY(window);
    QTest::keyClick(window.get(), Qt::Key_2, Qt::ControlModifier);
    QCOMPARE(window->currentPage(), MainWindow::Live);
    QTest::keyClick(window.get(), Qt::Key_3, Qt::ControlModifier);
    QCOMPARE(window->currentPage(), MainWindow::Playback);
    QTest::keyClick(window.get(), Qt::Key_1, Qt::ControlModifier);
    QCOMPARE(window->currentPage(), MainWindow::Home);
}

void TestMainWindow::paletteRunsACommandByItsName()
{
    FakeOperations operations;
    auto window = shown(operations);
    QVERIFY(window);
    QTest::keyClick(window.get(), Qt::Key_K, Qt::ControlModifier);
    QLineEdit *edit = nullptr;
    QTRY_VERIFY((edit = window->findChild<QLineEdit *>(QStringLiteral("commandEdit"))));
    QTest::keyClicks(edit, QStringLiteral("halt all"));
    auto *list = window->findChild<QListWidget *>(QStringLiteral("commandList"));
    QCOMPARE(list->count(), 1);
    QTest::keyClick(edit, Qt::Key_Return);
    QCOMPARE(operations.asked, std::vector<std::string>{"halt"});
}

void TestMainWindow::emptyStatesAreSaidInWords()
{
    FakeOperations operations;
    auto window = shown(operations);
    QVERIFY(window);
    auto *drills = window->findChild<QLabel *>(QStringLiteral("drillsEmptyLabel"));
    QTRY_VERIFY(drills->text().contains(QStringLiteral("empty")));
    QVERIFY(window->findChild<QLabel *>(QStringLiteral("runsEmptyLabel"))->isVisible());
    QVERIFY(window->findChild<QLabel *>(QStringLiteral("runningEmptyLabel"))->isVisible());
    window->openPage(MainWindow::Live);
    QVERIFY(window->findChild<QLabel *>(QStringLiteral("liveEmptyLabel"))->isVisible());
    window->openPage(MainWindow::Playback);
    QVERIFY(window->findChild<QLabel *>(QStringLiteral("playbackEmptyLabel"))->isVisible());
    QTest::mouseClick(window->findChild<QPushButton *>(QStringLiteral("startShopButton")),
                      Qt::LeftButton); // hidden page: the click must still do nothing harmful
    keepPicture(*window, QStringLiteral("empty-playback"));
}

void TestMainWindow::homeStartsTheFirstDrillThatBreaksSomething()
{
    FakeOperations operations;
    operations.fillLists();
    auto window = shown(operations);
    QVERIFY(window);
    QTRY_VERIFY(window->findChild<QPushButton *>(QStringLiteral("startDrillButton")));
    const auto buttons = window->findChildren<QPushButton *>(QStringLiteral("startDrillButton"));
    QCOMPARE(buttons.size(), 4);
    QCOMPARE(buttons[0]->property("kind").toString(), QStringLiteral("primary"));
    QTest::mouseClick(buttons[0], Qt::LeftButton);
    QCOMPARE(operations.asked, std::vector<std::string>{"startDrill /drills/01-ranker-crash.yaml"});
    QCOMPARE(window->currentPage(), MainWindow::Live);
}

void TestMainWindow::aFailedCheckShowsItsFix()
{
    FakeOperations operations;
    operations.fillLists();
    auto window = shown(operations);
    QVERIFY(window);
    QLabel *fix = nullptr;
    QTRY_VERIFY((fix = window->findChild<QLabel *>(QStringLiteral("checkFixLabel"))));
    QCOMPARE(fix->text(), QStringLiteral("apt install nvidia-driver"));
    QCOMPARE(window->findChildren<QLabel *>(QStringLiteral("checkFixLabel")).size(), 1);
}

void TestMainWindow::aMissingRecordingIsSaidInTheStatusBar()
{
    FakeOperations operations;
    auto window = shown(operations);
    QVERIFY(window);
    window->openRecording(QStringLiteral("/missing.drl"));
    auto *label = window->findChild<QLabel *>(QStringLiteral("messageStatusLabel"));
    QTRY_VERIFY(label->text().contains(QStringLiteral("/missing.drl")));
    QCOMPARE(window->currentPage(), MainWindow::Home);
}

void TestMainWindow::aRecordingOpensPlayback()
{
    FakeOperations operations;
    operations.fillLists();
    auto window = shown(operations);
    QVERIFY(window);
    auto *table = window->findChild<QTableView *>(QStringLiteral("runsTable"));
    QTRY_COMPARE(table->model()->rowCount(), 3);
    const QPoint first = table->visualRect(table->model()->index(0, 1)).center();
    QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, first);
    QTest::mouseDClick(table->viewport(), Qt::LeftButton, {}, first);
    QTRY_COMPARE(window->currentPage(), MainWindow::Playback);
}

void TestMainWindow::badgeSaysDrillWhileOneRuns()
{
    auto operations = FakeOperations::busy(24);
    auto window = shown(*operations);
    QVERIFY(window);
    QTRY_VERIFY(window->windowTitle().startsWith(QStringLiteral("DRILL")));
    operations->state.running = false;
    QTRY_COMPARE(window->windowTitle(), QStringLiteral("Drillroom"));
    window->openPage(MainWindow::Live);
    QVERIFY(window->findChild<QWidget *>(QStringLiteral("runBanner"))->isVisible());
}

void TestMainWindow::recorderTroubleIsSaidWithTheNextPulse()
{
    auto operations = FakeOperations::busy(24);
    auto window = shown(*operations);
    QVERIFY(window);
    window->openPage(MainWindow::Live);
    auto *stack = window->findChild<ui::BannerStack *>();
    QTRY_VERIFY(window->findChild<QWidget *>(QStringLiteral("inspectorPanel"))->isVisible());
    QVERIFY(stack->banners().empty());
    operations->state.recorder = {"The disk of /scripted/0147.drl is full; free some space",
                                  1'795'000'000'000'000, 4'200'000, 0, 0};
    // One pulse is at most 200 ms: well inside the second that is promised.
    QTRY_COMPARE(stack->banners().size(), std::size_t(1));
    auto said = stack->banners()[0];
    QVERIFY(said.what.contains(QStringLiteral("disk of /scripted/0147.drl is full")));
    QVERIFY(said.todo.contains(QStringLiteral("Nothing of the events is lost: 4.2 MB")));
    QVERIFY(!said.since.isEmpty());
    QVERIFY(window->findChild<QWidget *>(QStringLiteral("recorderBanner"))->isVisible());
    QVERIFY(window->findChild<QLabel *>(QStringLiteral("recordLabel"))
                ->text()
                .contains(QStringLiteral("in memory")));
    keepPicture(*window, QStringLiteral("banner-recorder"));
    operations->state.recorder.lost = 7;
    operations->state.recorder.thinned = 50;
    QTRY_VERIFY(stack->banners()[0].todo.contains(QStringLiteral("7 events found no room")));
    QTest::keyClick(window.get(), Qt::Key_X, Qt::ControlModifier | Qt::ShiftModifier);
    QCOMPARE(stack->banners().size(), std::size_t(2)); // both stay in sight
    keepPicture(*window, QStringLiteral("banner-two"));
    operations->state.recorder = {};
    QTRY_COMPARE(stack->banners().size(), std::size_t(1));
    QCOMPARE(stack->banners()[0].key, QStringLiteral("halt"));
}

void TestMainWindow::aLostAgentIsSaid()
{
    engine::TimelineSnapshot snapshot;
    auto state = std::make_shared<engine::RunState>();
    state->links["agent"] = {"agent", "its process ended", false, 0, 5'000'000};
    snapshot.state = state;
    auto found = ui::troubles({}, &snapshot, false);
    QCOMPARE(found.size(), std::size_t(1));
    QCOMPARE(found[0].key, QStringLiteral("agent"));
    QVERIFY(found[0].what.contains(QStringLiteral("its process ended")));
    QVERIFY(found[0].todo.contains(QStringLiteral("Start")));
    state->links["agent"].up = true;
    QVERIFY(ui::troubles({}, &snapshot, false).empty());
    QVERIFY(ui::troubles({}, nullptr, false).empty());
}

/// Playback cannot act: whatever is clicked and typed on it, nothing is asked of the shop. The one
/// key left out is the emergency stop, which must work everywhere.
void TestMainWindow::tenThousandClicksAndKeysOnPlaybackCallNothing()
{
    auto operations = FakeOperations::busy(24);
    auto window = shown(*operations);
    QVERIFY(window);
    window->openRecording(QStringLiteral("/scripted/0147.drl"));
    QTRY_COMPARE(window->currentPage(), MainWindow::Playback);
    auto *page = window->findChild<ui::PlaybackPage *>();
    QTRY_VERIFY(!page->title().isEmpty());
    window->setRefreshRate(1);
    operations->asked.clear();
    const Qt::Key keys[] = {Qt::Key_Space,       Qt::Key_K,
                            Qt::Key_J,           Qt::Key_L,
                            Qt::Key_Comma,       Qt::Key_Period,
                            Qt::Key_Left,        Qt::Key_Right,
                            Qt::Key_PageUp,      Qt::Key_PageDown,
                            Qt::Key_Home,        Qt::Key_End,
                            Qt::Key_BracketLeft, Qt::Key_BracketRight,
                            Qt::Key_Backslash,   Qt::Key_Return,
                            Qt::Key_Tab,         Qt::Key_Delete,
                            Qt::Key_Escape,      Qt::Key_F4,
                            Qt::Key_F5,          Qt::Key_F8,
                            Qt::Key_0,           Qt::Key_Up,
                            Qt::Key_Down,        Qt::Key_Backspace,
                            Qt::Key_Insert,      Qt::Key_F2};
    engine::Random random(20261122, 1);
    int clicks = 0;
    int typed = 0;
    std::set<QString> hit;
    for (int i = 0; i < 10'000; ++i) {
        if (window->currentPage() != MainWindow::Playback)
            window->openPage(MainWindow::Playback); // Re-run leads to Home, and starts nothing
        if (random.below(2) == 0) {
            const QPoint at(static_cast<int>(random.below(std::uint64_t(page->width()))),
                            static_cast<int>(random.below(std::uint64_t(page->height()))));
            auto *child = page->childAt(at);
            auto *target = child ? child : static_cast<QWidget *>(page);
            hit.insert(target->objectName());
            const auto button = random.below(8) == 0 ? Qt::RightButton : Qt::LeftButton;
            QTest::mouseClick(target, button, {}, target->mapFrom(page, at));
            ++clicks;
        } else {
            const auto letter = static_cast<Qt::Key>(Qt::Key_A + random.below(26));
            const auto key = random.below(2) ? letter : keys[random.below(std::size(keys))];
            const auto shift = random.below(3) == 0 ? Qt::ShiftModifier : Qt::NoModifier;
            auto *focus = QApplication::focusWidget();
            QTest::keyClick(focus && page->isAncestorOf(focus) ? focus : page, key, shift);
            ++typed;
        }
        for (auto *popup = QApplication::activePopupWidget(); popup;
             popup = QApplication::activePopupWidget())
            popup->close();
        for (auto *dialog : window->findChildren<QDialog *>())
            delete dialog;
    }
    QVERIFY(clicks > 4000 && typed > 4000);
    QVERIFY2(hit.count(QStringLiteral("playButton")) && hit.count(QStringLiteral("rerunButton"))
                 && hit.count(QStringLiteral("reportButton")),
             "the clicks must reach the buttons to prove anything");
    QCOMPARE(operations->asked, std::vector<std::string>());
    // The same window, the same way, does act where acting is meant.
    window->openPage(MainWindow::Live);
    QTest::keyClick(window.get(), Qt::Key_F5, Qt::ShiftModifier);
    QCOMPARE(operations->asked, std::vector<std::string>{"undo 0"});
}

void TestMainWindow::rerunLeadsToTheDrillOnHome()
{
    auto operations = FakeOperations::busy(24);
    auto window = shown(*operations);
    QVERIFY(window);
    QTRY_VERIFY(window->findChild<QWidget *>(QStringLiteral("drillCard")));
    window->openRecording(QStringLiteral("/scripted/0147.drl"));
    QTRY_COMPARE(window->currentPage(), MainWindow::Playback);
    QTRY_VERIFY(!window->findChild<ui::PlaybackPage *>()->title().isEmpty());
    operations->asked.clear();
    QTest::mouseClick(window->findChild<QPushButton *>(QStringLiteral("rerunButton")),
                      Qt::LeftButton);
    QCOMPARE(window->currentPage(), MainWindow::Home);
    QVERIFY(operations->asked.empty());
    auto *start = window->findChild<QPushButton *>(QStringLiteral("startDrillButton"));
    QCOMPARE(start->accessibleName(), QStringLiteral("Start A ranker crashes at peak"));
    QVERIFY(start->hasFocus());
}

void TestMainWindow::helpNamesTheKeysOfThePage()
{
    FakeOperations operations;
    auto window = shown(operations);
    QVERIFY(window);
    window->openPage(MainWindow::Playback);
    QTest::keyClick(window.get(), Qt::Key_F1);
    auto *help = window->findChild<QDialog *>(QStringLiteral("keysHelp"));
    QVERIFY(help && help->isVisible());
    QStringList said;
    for (const auto *label : help->findChildren<QLabel *>())
        said << label->text();
    const QString all = said.join(u'\n');
    for (const char *part :
         {"Loop from here", "next change of a fault", "Ctrl+Shift+X", "Playback"})
        QVERIFY2(all.contains(QString::fromLatin1(part)), part);
    keepPicture(*help, QStringLiteral("keys-help"));
}

void TestMainWindow::runsAreSearchedByWords()
{
    FakeOperations operations;
    operations.fillLists();
    for (int i = 0; i < 40; ++i) {
        auto run = operations.runList[0];
        run.path = "/scripted/more-" + std::to_string(i) + ".drl";
        run.drill = i == 17 ? "The way to a ranker is cut" : "A ranker hangs";
        run.wall -= (i + 10) * 3'600'000'000LL;
        operations.runList.push_back(run);
    }
    auto window = shown(operations);
    QVERIFY(window);
    auto *table = window->findChild<QTableView *>(QStringLiteral("runsTable"));
    QTRY_COMPARE(table->model()->rowCount(), 43); // all of them, not a dozen
    auto *search = window->findChild<QLineEdit *>(QStringLiteral("runsSearchEdit"));
    search->setText(QStringLiteral("cut WAY"));
    QCOMPARE(table->model()->rowCount(), 1);
    search->setText(QStringLiteral("fail"));
    QCOMPARE(table->model()->rowCount(), 1);
    search->setText(QStringLiteral("nothing of this"));
    QCOMPARE(table->model()->rowCount(), 0);
    search->clear();
    QCOMPARE(table->model()->rowCount(), 43);
}

void TestMainWindow::everyWidgetHasAName()
{
    auto operations = FakeOperations::busy(24);
    auto window = shown(*operations);
    QVERIFY(window);
    QTRY_VERIFY(window->findChild<QWidget *>(QStringLiteral("drillCard")));
    QStringList nameless;
    for (const auto *widget : window->findChildren<QWidget *>()) {
        const auto *parent = widget->parentWidget();
        // Parts that Qt makes inside its own widgets are not ours to name.
        const bool inner = parent
                           && (parent->inherits("QAbstractScrollArea")
                               || parent->inherits("QComboBox") || parent->inherits("QLineEdit"));
        const bool ofQt = QByteArray(widget->metaObject()->className()).startsWith("QCombo")
                          || widget->inherits("QHeaderView") || widget->inherits("QScrollBar")
                          || widget->inherits("QSizeGrip")
                          || widget->inherits("QTableCornerButton");
        if (widget->objectName().isEmpty() && !inner && !ofQt)
            nameless << QString::fromLatin1(widget->metaObject()->className())
                            + QStringLiteral(" in ") + (parent ? parent->objectName() : QString());
    }
    QCOMPARE(nameless.join(QLatin1Char('\n')), QString());
}

void TestMainWindow::theWindowSaysWhenItIsPainted()
{
    FakeOperations operations;
    QElapsedTimer timer;
    timer.start();
    const auto before = std::clock(); // of the processor: the limit must hold beside other tests
    MainWindow window(operations);
    bool painted = false;
    connect(&window, &MainWindow::firstPainted, this, [&] { painted = true; });
    window.show();
    QTRY_VERIFY_WITH_TIMEOUT(painted, 30'000);
    const auto busy = (std::clock() - before) * 1000 / CLOCKS_PER_SEC;
    qInfo("first paint after %lld ms, %ld of them busy", static_cast<long long>(timer.elapsed()),
          busy);
    QVERIFY(busy < 500);
}

QTEST_MAIN(TestMainWindow)
#include "tst_main_window.moc"
