// Models & training: what the page says about versions and steps, and that its buttons, the palette
// and the commands ask for the same acts.

#include "tests/support/fake_operations.h"
#include "tests/support/ui_fixture.h"
#include "ui/main_window.h"
#include "ui/models/registry_model.h"
#include "ui/models/retrain_model.h"
#include "ui/theme/theme.h"
#include "ui/widgets/time_series_view.h"

#include <QAbstractItemModelTester>
#include <QAction>
#include <QApplication>
#include <QLabel>
#include <QPushButton>
#include <QSignalSpy>
#include <QTableView>
#include <QTest>

using namespace testing_support;
using ui::MainWindow;

class TestModelsPage : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init() { refuseWarnings(); }
    void pageOpensInBothThemes_data();
    void pageOpensInBothThemes();
    void versionsKeepTheirRowsWhileTheyChange();
    void aVersionSaysHowFarItCame();
    void stepsAreAddedAsTheyHappen();
    void anotherTrainingBeginsAnew();
    void onlyWhatPassedItsGateIsPromoted();
    void aRetiredVersionIsRolledBackTo();
    void trainingIsAskedForOnceAtATime();
    void goldenQualityIsDrawn();
    void noShopIsSaidInWords();
};

namespace {

const char *const kSteps[] = {
    "training on the shop's history, instead of version 2",
    "version 3 (3fa2c8d1e0b4) trained, signed and evaluated in 3.4 s: NDCG@10 0.0698, better than "
    "the best-sellers",
    "version 3 goes to replica/1 for 25 % of the shoppers",
    "version 3 is promoted: golden quality 1.002 (0.993 to 1.011)",
    "version 3 (3fa2c8d1e0b4) serves on 3 replicas: golden quality 1.002 (0.993 to 1.011)"};

/// A bad model from 21 s on, a retraining from 23 s on with so many steps, over when all five are
/// there; what the golden set says meanwhile.
ScriptedRun retrainRun(int steps)
{
    auto run = crashRun(44);
    const double at[] = {23, 27.1, 27.3, 31, 33.2};
    for (int i = 0; i < steps; ++i) {
        const auto t = static_cast<std::int64_t>(at[i] * 1e6);
        run.add(
            t, engine::ResponseChanged{"retrain", "shop", "drill", kSteps[i], true, run.start + t});
    }
    if (steps == 5)
        run.add(33'200'000, engine::ResponseChanged{"retrain", "shop", "drill", kSteps[4], false,
                                                    run.start + 33'200'000});
    std::stable_sort(run.events.begin(), run.events.end(),
                     [](const auto &a, const auto &b) { return a.t < b.t; });
    for (std::size_t i = 0; i < run.events.size(); ++i)
        run.events[i].seq = i + 1;
    run.names.emplace_back("golden.quality");
    run.names.emplace_back("golden.high");
    for (std::size_t i = 0; i < run.rows.size(); ++i) {
        const double t = static_cast<double>(i + 1) / 10;
        const bool isBad = t > 21.4 && t < 33;
        run.rows[i].push_back(isBad ? 0.31F : 1.0F);
        run.rows[i].push_back(isBad ? 0.36F : 1.01F);
    }
    return run;
}

std::unique_ptr<FakeOperations> shop(int steps)
{
    auto operations = FakeOperations::busy(44);
    operations->liveRun = retrainRun(steps);
    return operations;
}

std::unique_ptr<MainWindow> shown(engine::Operations &operations)
{
    auto window = std::make_unique<MainWindow>(operations);
    window->resize(1440, 900);
    window->show();
    if (!QTest::qWaitForWindowActive(window.get()))
        return nullptr;
    QTest::keyClick(window.get(), Qt::Key_4, Qt::ControlModifier);
    return window;
}

template <class W>
W *find(const MainWindow &window, const char *name)
{
    return window.findChild<W *>(QString::fromLatin1(name));
}

/// Clicks on the row of this version; false when it is not there.
bool choose(const MainWindow &window, const QString &version)
{
    auto *table = find<QTableView>(window, "registryTable");
    if (!QTest::qWaitFor([&] { return table->model()->rowCount() > 0; }))
        return false;
    for (int row = 0; row < table->model()->rowCount(); ++row) {
        const auto index = table->model()->index(row, ui::RegistryModel::Version);
        if (index.data().toString() != QStringLiteral("version ") + version)
            continue;
        table->scrollTo(index);
        QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualRect(index).center());
        return true;
    }
    return false;
}

} // namespace

void TestModelsPage::pageOpensInBothThemes_data()
{
    QTest::addColumn<bool>("dark");
    QTest::addColumn<QSize>("size");
    QTest::newRow("dark") << true << QSize(1440, 900);
    QTest::newRow("light") << false << QSize(1440, 900);
    QTest::newRow("light, narrow") << false << QSize(1280, 800);
}

void TestModelsPage::pageOpensInBothThemes()
{
    QFETCH(bool, dark);
    QFETCH(QSize, size);
    ui::applyTheme(*qApp, dark ? ui::Scheme::Dark : ui::Scheme::Light);
    auto operations = shop(3);
    auto window = shown(*operations);
    QVERIFY(window);
    window->resize(size);
    QCOMPARE(window->currentPage(), MainWindow::Models);
    QVERIFY(choose(*window, QStringLiteral("4")));
    QTRY_COMPARE(find<QTableView>(*window, "retrainTable")->model()->rowCount(), 3);
    QTest::qWait(500);
    keepPicture(*window, QStringLiteral("models-")
                             + QString::fromLatin1(QTest::currentDataTag()).remove(u','));
    QCOMPARE(window->size(), size); // nothing inside forces it wider
    ui::applyTheme(*qApp, dark ? ui::Scheme::Light : ui::Scheme::Dark);
    QTest::qWait(100);
}

void TestModelsPage::versionsKeepTheirRowsWhileTheyChange()
{
    ui::RegistryModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    auto models = shop(0)->modelList;
    model.show(models);
    QCOMPARE(model.rowCount(), 4);
    QSignalSpy resets(&model, &QAbstractItemModel::modelReset);
    QSignalSpy changes(&model, &QAbstractItemModel::dataChanged);
    model.show(models);
    QCOMPARE(changes.count(), 0);
    models[0].state = "serving";
    models[1].state = "retired";
    model.show(models);
    QCOMPARE(resets.count(), 0);
    QCOMPARE(changes.count(), 2);
    models.erase(models.begin());
    model.show(models);
    QCOMPARE(resets.count(), 1);
    QCOMPARE(model.rowCount(), 3);
    QVERIFY(!model.at(3));
}

void TestModelsPage::aVersionSaysHowFarItCame()
{
    for (const char *state : {"held", "signed", "canary", "serving", "retired", "revoked"}) {
        const auto word = ui::modelWord(state);
        QVERIFY(!word.word.isEmpty());
        QVERIFY(!word.icon.isEmpty());
    }
    ui::RegistryModel model;
    model.show(shop(0)->modelList);
    const auto text = [&](int row, int column) {
        return model.index(row, column).data().toString();
    };
    QCOMPARE(text(0, ui::RegistryModel::State), QStringLiteral("canary"));
    QCOMPARE(text(2, ui::RegistryModel::State), QStringLiteral("held at the gate"));
    QCOMPARE(text(1, ui::RegistryModel::Ndcg), QStringLiteral("0.0698"));
    QCOMPARE(text(1, ui::RegistryModel::AgainstReference), QStringLiteral("–"));
    QCOMPARE(text(2, ui::RegistryModel::AgainstReference), QStringLiteral("−83.7 %"));
}

void TestModelsPage::stepsAreAddedAsTheyHappen()
{
    ui::RetrainModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QSignalSpy resets(&model, &QAbstractItemModel::modelReset);
    QSignalSpy added(&model, &QAbstractItemModel::rowsInserted);
    for (int steps = 0; steps <= 5; ++steps) {
        FakeTimeline timeline(retrainRun(steps), true);
        model.show(*timeline.snapshot()->state);
        QCOMPARE(model.rowCount(), steps);
        QCOMPARE(model.isUnderWay(), steps > 0 && steps < 5);
    }
    QCOMPARE(resets.count(), 0);
    QCOMPARE(added.count(), 5);
    QCOMPARE(model.index(1, ui::RetrainModel::Since).data().toString(), QStringLiteral("+4.1 s"));
    QVERIFY(model.index(4, ui::RetrainModel::Step)
                .data()
                .toString()
                .contains(QStringLiteral("serves on 3 replicas")));
}

void TestModelsPage::anotherTrainingBeginsAnew()
{
    auto run = retrainRun(5);
    run.add(43'000'000, engine::ResponseChanged{"retrain", "shop", "operator", kSteps[0], true,
                                                run.start + 43'000'000});
    ui::RetrainModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    FakeTimeline before(retrainRun(5), true), after(run, true);
    model.show(*before.snapshot()->state);
    QCOMPARE(model.rowCount(), 5);
    model.show(*after.snapshot()->state);
    QCOMPARE(model.rowCount(), 1);
    QVERIFY(model.isUnderWay());
}

void TestModelsPage::onlyWhatPassedItsGateIsPromoted()
{
    auto operations = shop(5);
    auto window = shown(*operations);
    QVERIFY(window);
    auto *button = find<QPushButton>(*window, "promoteButton");
    QVERIFY(!button->isEnabled());
    for (const char *version : {"3", "2", "1"}) { // serves, held, retired
        QVERIFY(choose(*window, QString::fromLatin1(version)));
        QVERIFY(!button->isEnabled());
        find<QAction>(*window, "model.promote")->trigger(); // nor by the palette
    }
    QCOMPARE(operations->asked, std::vector<std::string>{});
    QVERIFY(choose(*window, QStringLiteral("4")));
    QVERIFY(button->isEnabled());
    QTest::mouseClick(button, Qt::LeftButton);
    QCOMPARE(operations->asked, std::vector<std::string>{"promote 4"});
}

void TestModelsPage::aRetiredVersionIsRolledBackTo()
{
    auto operations = shop(5);
    auto window = shown(*operations);
    QVERIFY(window);
    auto *button = find<QPushButton>(*window, "rollBackButton");
    QVERIFY(choose(*window, QStringLiteral("4")));
    QVERIFY(!button->isEnabled());
    QVERIFY(choose(*window, QStringLiteral("1")));
    QVERIFY(button->isEnabled());
    QCOMPARE(button->text(), QStringLiteral("Roll back to version 1"));
    QTest::mouseClick(button, Qt::LeftButton);
    find<QAction>(*window, "model.rollback")->trigger();
    QCOMPARE(operations->asked, (std::vector<std::string>{"rollback 1", "rollback 1"}));
}

void TestModelsPage::trainingIsAskedForOnceAtATime()
{
    auto operations = shop(5);
    auto window = shown(*operations);
    QVERIFY(window);
    auto *button = find<QPushButton>(*window, "retrainButton");
    QTRY_VERIFY(button->isEnabled());
    QTest::mouseClick(button, Qt::LeftButton);
    QCOMPARE(operations->asked, std::vector<std::string>{"retrain"});
    operations->liveTimeline->grow(retrainRun(2));
    QTRY_VERIFY(!button->isEnabled());
    find<QAction>(*window, "model.retrain")->trigger();
    QCOMPARE(operations->asked.size(), std::size_t(1));
}

void TestModelsPage::goldenQualityIsDrawn()
{
    auto operations = shop(2);
    auto window = shown(*operations);
    QVERIFY(window);
    auto *chart = find<ui::TimeSeriesView>(*window, "goldenChart");
    QTRY_VERIFY(!chart->values().y.empty());
    QTRY_VERIFY(find<QLabel>(*window, "goldenLabel")->text().contains(QStringLiteral("1.000")));
    double lowest = 2;
    for (const double value : chart->values().y[0])
        if (!std::isnan(value))
            lowest = std::min(lowest, value);
    QVERIFY(lowest < 0.4 && lowest > 0.2);
    QVERIFY(chart->values().low < 0.31);
}

void TestModelsPage::noShopIsSaidInWords()
{
    FakeOperations operations;
    auto window = shown(operations);
    QVERIFY(window);
    auto *label = find<QLabel>(*window, "registryEmptyLabel");
    QVERIFY(label->isVisible());
    QVERIFY(!label->text().isEmpty());
    QVERIFY(!find<QTableView>(*window, "retrainTable")->isVisible());
}

QTEST_MAIN(TestModelsPage)
#include "tst_models_page.moc"
