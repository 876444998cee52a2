#include "tests/support/fake_operations.h"
#include "tests/support/ui_fixture.h"
#include "ui/main_window.h"
#include "ui/theme/theme.h"

#include <QApplication>
#include <QElapsedTimer>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <QTableView>
#include <QTest>

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
    void everyWidgetHasAName();
    void theWindowIsPaintedInHalfASecond();
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
    auto *banner = window->findChild<QWidget *>(QStringLiteral("haltBanner"));
    QVERIFY(!banner->isVisible());
    QTest::mouseClick(window->findChild<QPushButton *>(QStringLiteral("haltAllButton")),
                      Qt::LeftButton);
    QVERIFY(banner->isVisible());
    QTest::mouseClick(window->findChild<QPushButton *>(QStringLiteral("releaseHaltButton")),
                      Qt::LeftButton);
    QVERIFY(!banner->isVisible());
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

void TestMainWindow::theWindowIsPaintedInHalfASecond()
{
    FakeOperations operations;
    QElapsedTimer timer;
    timer.start();
    const auto before = std::clock(); // of the processor: the limit must hold beside other tests
    MainWindow window(operations);
    bool painted = false;
    connect(&window, &MainWindow::firstPainted, this, [&] { painted = true; });
    window.show();
    QTRY_VERIFY(painted);
    const auto busy = (std::clock() - before) * 1000 / CLOCKS_PER_SEC;
    qInfo("first paint after %lld ms, %ld of them busy", static_cast<long long>(timer.elapsed()),
          busy);
    QVERIFY(busy < 500);
}

QTEST_MAIN(TestMainWindow)
#include "tst_main_window.moc"
