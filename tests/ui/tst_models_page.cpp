// Models & training: what the page says of trainings and models, and what its buttons ask for.

#include "tests/support/fake_operations.h"
#include "tests/support/fake_trainings.h"
#include "tests/support/ui_fixture.h"
#include "ui/main_window.h"
#include "ui/models/trainings_model.h"
#include "ui/session/training_facts.h"
#include "ui/theme/theme.h"
#include "ui/widgets/time_series_view.h"

#include <QAbstractItemModelTester>
#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QDialog>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QSlider>
#include <QStackedWidget>
#include <QTableView>
#include <QTableWidget>
#include <QTest>

using namespace testing_support;
using ui::MainWindow;

class TestModelsPage : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init();
    void cleanup();
    void itOpensInBothThemes_data();
    void itOpensInBothThemes();
    void rowsKeepTheirPlaceWhileTheyChange();
    void statesAreWordAndIcon();
    void curvesGoIntoTheirCharts();
    void buttonsFitTheState();
    void actsReachTheDesk();
    void errorsAreSaidInWords();
    void theSliderSeeks();
    void theTableHoldsWhatTheChartsDraw();
    void aTrainingIsOrdered();
    void modelsAreMoved();
    void thePaletteHasItsCommands();
    void aRecordingOfATrainingOpensHere();
    void withoutADeskItSaysSo();
    void everyWidgetHasAName();

private:
    template <class W>
    W *find(const char *name) const
    {
        return m_window->findChild<W *>(QString::fromLatin1(name));
    }
    QString text(const char *label) const { return find<QLabel>(label)->text(); }
    void open();
    void choose(const char *name);
    void click(const char *button) const
    {
        QTest::mouseClick(find<QPushButton>(button), Qt::LeftButton);
    }

    std::unique_ptr<FakeTrainings> m_desk;
    std::unique_ptr<FakeOperations> m_operations;
    std::unique_ptr<MainWindow> m_window;
};

void TestModelsPage::init()
{
    refuseWarnings();
    m_desk = std::make_unique<FakeTrainings>();
    m_operations = std::make_unique<FakeOperations>();
    m_operations->desk = m_desk.get();
    m_operations->fillLists();
    open();
}

void TestModelsPage::open()
{
    m_window = std::make_unique<MainWindow>(*m_operations);
    m_window->resize(1440, 900);
    m_window->show();
    QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
    m_window->openPage(MainWindow::Models);
    if (m_desk)
        QTRY_COMPARE(find<QTableView>("trainingsTable")->model()->rowCount(), 5);
}

void TestModelsPage::cleanup()
{
    m_window.reset();
}

void TestModelsPage::choose(const char *name)
{
    auto *table = find<QTableView>("trainingsTable");
    for (int row = 0; row < table->model()->rowCount(); ++row)
        if (table->model()->index(row, 0).data().toString() == QString::fromLatin1(name))
            table->selectRow(row);
    QTRY_COMPARE(text("trainingTitleLabel"), QString::fromLatin1(name));
}

void TestModelsPage::itOpensInBothThemes_data()
{
    QTest::addColumn<bool>("dark");
    QTest::addColumn<QSize>("size");
    QTest::newRow("dark") << true << QSize(1440, 900);
    QTest::newRow("light") << false << QSize(1440, 900);
    QTest::newRow("dark, narrow") << true << QSize(1280, 800);
}

void TestModelsPage::itOpensInBothThemes()
{
    QFETCH(bool, dark);
    QFETCH(QSize, size);
    ui::applyTheme(*qApp, dark ? ui::Scheme::Dark : ui::Scheme::Light);
    m_window->resize(size);
    QTRY_COMPARE(text("trainingTitleLabel"), QStringLiteral("ranker-5"));
    QTRY_VERIFY(find<QFrame>("model3Card"));
    QTest::qWait(500);
    keepPicture(*m_window, QStringLiteral("models-")
                               + QString::fromLatin1(QTest::currentDataTag())
                                     .replace(QStringLiteral(", "), QStringLiteral("-")));
    QCOMPARE(m_window->size(), size); // nothing inside forces it wider
    ui::applyTheme(*qApp, dark ? ui::Scheme::Light : ui::Scheme::Dark);
    QTest::qWait(300);
    ui::applyTheme(*qApp, ui::Scheme::Dark);
}

void TestModelsPage::rowsKeepTheirPlaceWhileTheyChange()
{
    ui::TrainingsModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.show(m_desk->trainings());
    QCOMPARE(model.rowCount(), 5);
    QSignalSpy resets(&model, &QAbstractItemModel::modelReset);
    QSignalSpy changes(&model, &QAbstractItemModel::dataChanged);
    model.show(m_desk->trainings());
    QCOMPARE(changes.count(), 0);
    m_desk->change(0, [](auto &training) {
        training.state = trainingAt("ranker-5", 10, engine::TrainingState::Running);
    });
    model.show(m_desk->trainings());
    QCOMPARE(changes.count(), 1);
    QCOMPARE(changes[0][0].toModelIndex().row(), 0);
    QCOMPARE(resets.count(), 0);
    QCOMPARE(model.index(0, ui::TrainingsModel::Progress).data().toString(),
             QStringLiteral("50 %"));
    auto fewer = m_desk->trainings();
    fewer.erase(fewer.begin());
    model.show(fewer);
    QCOMPARE(resets.count(), 1);
    QCOMPARE(model.rowOf("/trainings/ranker-3.drl"), 1);
    QCOMPARE(model.rowOf("/trainings/ranker-5.drl"), -1);
    QVERIFY(!model.training(99));
}

void TestModelsPage::statesAreWordAndIcon()
{
    const auto *model = find<QTableView>("trainingsTable")->model();
    const QStringList words{QStringLiteral("running"), QStringLiteral("interrupted"),
                            QStringLiteral("finished"), QStringLiteral("failed"),
                            QStringLiteral("unreadable")};
    for (int row = 0; row < words.size(); ++row) {
        const auto cell =
            model->index(row, ui::TrainingsModel::State).data(ui::kCellRole).value<ui::Cell>();
        QCOMPARE(cell.text, words[row]);
        QVERIFY(!cell.icon.isEmpty());
    }
    QCOMPARE(model->index(2, ui::TrainingsModel::Figure).data().toString(),
             QStringLiteral("0.4180"));
    QCOMPARE(model->index(4, ui::TrainingsModel::Figure).data().toString(), QStringLiteral("–"));
    const auto run = trainingAt("x", 9, engine::TrainingState::Running);
    // 5 % each 0.9 s since 5 % at 0.9 s; 55 % are left.
    QCOMPARE(ui::progressText(*run->training), QStringLiteral("45 % · 5.6 %/s · 10 s left"));
    QCOMPARE(ui::spanText(59.4), QStringLiteral("59 s"));
    QCOMPARE(ui::spanText(125), QStringLiteral("2 min 05 s"));
    QCOMPARE(ui::spanText(7260), QStringLiteral("2 h 01 min"));
}

void TestModelsPage::curvesGoIntoTheirCharts()
{
    choose("ranker-3");
    QTRY_VERIFY(find<ui::TimeSeriesView>("lossChartView")
                && find<ui::TimeSeriesView>("lossChartView")->values().x.size() == 20);
    const auto &loss = find<ui::TimeSeriesView>("lossChartView")->values();
    QCOMPARE(loss.y.size(), std::size_t(1));
    QCOMPARE(loss.y[0][0], 7.0);
    QVERIFY(loss.low < 4.15 && loss.high > 7.0);
    QVERIFY(loss.sentence.contains(QStringLiteral("train loss")));
    const auto &judged = find<ui::TimeSeriesView>("validationChartView")->values();
    QCOMPARE(judged.y.size(), std::size_t(2));
    QVERIFY(std::abs(judged.y[1].back() - (0.42 - 0.08 / 20)) < 1e-12
            || std::abs(judged.y[0].back() - (0.42 - 0.08 / 20)) < 1e-12);
    QVERIFY(text("trainingFactsLabel").contains(QStringLiteral("9c41e0aabbcc")));
}

void TestModelsPage::buttonsFitTheState()
{
    const auto enabled = [this] {
        QString on;
        for (const char *name :
             {"pauseTrainingButton", "resumeTrainingButton", "stopTrainingButton"})
            on += find<QPushButton>(name)->isEnabled() ? QLatin1Char('1') : QLatin1Char('0');
        return on;
    };
    choose("ranker-5");
    QTRY_COMPARE(enabled(), QStringLiteral("101"));
    choose("ranker-4");
    QTRY_COMPARE(enabled(), QStringLiteral("010"));
    choose("ranker-3");
    QTRY_COMPARE(enabled(), QStringLiteral("000"));
    m_desk->change(0, [](auto &training) {
        training.state = trainingAt("ranker-5", 9, engine::TrainingState::Paused);
    });
    choose("ranker-5");
    QTRY_COMPARE(enabled(), QStringLiteral("011"));
    m_desk->change(0, [](auto &training) { training.isOurs = false; });
    QTRY_COMPARE(enabled(), QStringLiteral("001"));
    QVERIFY(
        find<QPushButton>("pauseTrainingButton")->toolTip().contains(QStringLiteral("elsewhere")));
}

void TestModelsPage::actsReachTheDesk()
{
    choose("ranker-5");
    QTRY_VERIFY(find<QPushButton>("pauseTrainingButton")->isEnabled());
    click("pauseTrainingButton");
    choose("ranker-4");
    QTRY_VERIFY(find<QPushButton>("resumeTrainingButton")->isEnabled());
    click("resumeTrainingButton");
    QCOMPARE(m_desk->asked, (std::vector<std::string>{"pause /trainings/ranker-5.drl",
                                                      "resume /trainings/ranker-4.drl"}));
}

void TestModelsPage::errorsAreSaidInWords()
{
    choose("ranker-5");
    QTRY_VERIFY(find<QPushButton>("stopTrainingButton")->isEnabled());
    click("stopTrainingButton");
    QCOMPARE(m_desk->asked, std::vector<std::string>{"stop /trainings/ranker-5.drl"});
    bool isSaid = false;
    for (const auto *label : find<QWidget>("statusBar")->findChildren<QLabel *>())
        isSaid = isSaid || label->text().contains(QStringLiteral("does not run any more"));
    QVERIFY(isSaid);
}

void TestModelsPage::theSliderSeeks()
{
    choose("ranker-3");
    auto *slider = find<QSlider>("trainingSlider");
    QTRY_VERIFY(slider->isEnabled());
    slider->setValue(250);
    QTRY_COMPARE(text("trainingMomentLabel"), QStringLiteral("at 3 s"));
    slider->setValue(1000);
    QTRY_COMPARE(text("trainingMomentLabel"), QStringLiteral("at 12 s"));
}

void TestModelsPage::theTableHoldsWhatTheChartsDraw()
{
    choose("ranker-3");
    QTRY_VERIFY(find<QSlider>("trainingSlider")->isEnabled());
    QTest::keyClick(m_window.get(), Qt::Key_F8);
    auto *table = find<QTableWidget>("trainingTable");
    QVERIFY(table->isVisible());
    QCOMPARE(table->rowCount(), 20);
    QCOMPARE(table->columnCount(), 4);
    QCOMPARE(table->horizontalHeaderItem(1)->text(), QStringLiteral("train loss"));
    QCOMPARE(table->item(0, 1)->text(), QStringLiteral("7.0000"));
    QTest::keyClick(m_window.get(), Qt::Key_F8);
    QVERIFY(!table->isVisible());
}

void TestModelsPage::aTrainingIsOrdered()
{
    click("newTrainingButton");
    auto *dialog = find<QDialog>("newTrainingDialog");
    QVERIFY(dialog && dialog->isVisible());
    QVERIFY(!find<QPushButton>("trainingStartButton")->isEnabled()); // no data yet
    QTest::keyClicks(find<QLineEdit>("trainingDataEdit"), QStringLiteral("/data/lists.txt"));
    QVERIFY(find<QPushButton>("trainingStartButton")->isEnabled());
    find<QComboBox>("trainingFamilyCombo")->setCurrentIndex(0);
    QVERIFY(!find<QPushButton>("trainingStartButton")->isEnabled()); // neither family nor recipe
    find<QComboBox>("trainingRecipeCombo")->setCurrentIndex(1);
    keepPicture(*dialog, QStringLiteral("new-training"));
    click("trainingStartButton");
    QCOMPARE(m_desk->asked, std::vector<std::string>{"start"});
    QCOMPARE(m_desk->ordered.data, std::string("/data/lists.txt"));
    QCOMPARE(m_desk->ordered.recipe, std::string("beauty"));
    QCOMPARE(m_desk->ordered.family, std::string());
    QCOMPARE(m_desk->ordered.seed, std::uint64_t(1));
    QTRY_VERIFY(!find<QDialog>("newTrainingDialog"));
}

void TestModelsPage::modelsAreMoved()
{
    QTRY_VERIFY(find<QFrame>("model3Card"));
    QCOMPARE(text("signedCountLabel"), QStringLiteral("2"));
    QCOMPARE(text("servingCountLabel"), QStringLiteral("1"));
    QVERIFY(!find<QPushButton>("model4PromoteButton"));  // did not pass its gate
    QVERIFY(!find<QPushButton>("model1RollBackButton")); // revoked
    QVERIFY(!find<QPushButton>("model4CanaryButton"));
    click("model6CanaryButton");
    click("model6PromoteButton");
    click("model3RollBackButton");
    click("model2RollBackButton");
    QCOMPARE(m_desk->asked, (std::vector<std::string>{"canary demo 6", "promote demo 6",
                                                      "rollback demo ", "rollback demo 2"}));
    // Nothing has changed: the same cards stay.
    auto *card = find<QFrame>("model3Card");
    QTest::qWait(400);
    QCOMPARE(find<QFrame>("model3Card"), card);
}

void TestModelsPage::thePaletteHasItsCommands()
{
    m_window->openPage(MainWindow::Home);
    QTest::keyClick(m_window.get(), Qt::Key_4, Qt::ControlModifier);
    QCOMPARE(m_window->currentPage(), MainWindow::Models);
    choose("ranker-5");
    auto *pause = find<QAction>("training.pause");
    QVERIFY(pause);
    pause->trigger();
    QCOMPARE(m_desk->asked, std::vector<std::string>{"pause /trainings/ranker-5.drl"});
    for (const char *id : {"training.new", "training.resume", "training.stop", "page.models"})
        QVERIFY2(find<QAction>(id), id);
}

void TestModelsPage::aRecordingOfATrainingOpensHere()
{
    m_window->openPage(MainWindow::Home);
    m_window->openRecording(QStringLiteral("/trainings/ranker-3.drl"));
    QTRY_COMPARE(m_window->currentPage(), MainWindow::Models);
    QTRY_COMPARE(text("trainingTitleLabel"), QStringLiteral("ranker-3"));
    m_window->openRecording(QStringLiteral("/scripted/0147.drl"));
    QTRY_COMPARE(m_window->currentPage(), MainWindow::Playback);
}

void TestModelsPage::withoutADeskItSaysSo()
{
    m_window.reset();
    m_operations->desk = nullptr;
    const auto desk = std::move(m_desk);
    open();
    QVERIFY(!find<QPushButton>("newTrainingButton")->isEnabled());
    QVERIFY(find<QLabel>("trainingsEmptyLabel")->isVisible());
    QCOMPARE(text("trainingTitleLabel"), QStringLiteral("No training chosen"));
}

void TestModelsPage::everyWidgetHasAName()
{
    QTRY_VERIFY(find<QFrame>("model3Card"));
    for (const auto *widget : find<QWidget>("modelsPage")->findChildren<QWidget *>()) {
        const auto name = widget->objectName();
        const bool isOurs =
            qobject_cast<const QPushButton *>(widget) || qobject_cast<const QLabel *>(widget)
            || qobject_cast<const QTableView *>(widget) || qobject_cast<const QComboBox *>(widget)
            || qobject_cast<const QSlider *>(widget);
        if (isOurs)
            QVERIFY2(!name.isEmpty(), widget->metaObject()->className());
        if (qobject_cast<const QPushButton *>(widget))
            QVERIFY2(!static_cast<const QPushButton *>(widget)->text().isEmpty(), qPrintable(name));
    }
}

QTEST_MAIN(TestModelsPage)
#include "tst_models_page.moc"
