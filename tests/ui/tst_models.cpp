#include "tests/support/fake_operations.h"
#include "ui/models/measure_model.h"
#include "ui/models/process_model.h"
#include "ui/models/runs_model.h"
#include "ui/models/series_model.h"
#include "ui/session/run_facts.h"
#include "ui/widgets/indicator_strip.h"
#include "ui/widgets/track_values.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

using namespace testing_support;

class TestModels : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void processesKeepTheirRowsWhileTheyChange();
    void aProcessSaysItsStateByIconAndWord();
    void runsAreListedNewestFirst();
    void measuresSayRuleValueAndVerdict();
    void theTableTwinHoldsWhatTheChartsDraw();
    void eachApplicationHasItsCurve();
    void gapsStayGaps();
    void marksAppearOnlyOnceReached();
    void bandsEndWhenTheFaultIsUndone();
    void outsideAndNearAreToldApart();
    void timesReadAsOperatorsSayThem();
};

namespace {

std::shared_ptr<const engine::TimelineSnapshot> snapshotAt(double seconds, bool live = true)
{
    static std::vector<std::unique_ptr<FakeTimeline>> kept;
    kept.push_back(std::make_unique<FakeTimeline>(crashRun(seconds), live));
    auto &timeline = *kept.back();
    timeline.show(ui::toMicros(seconds - 30), ui::toMicros(seconds + 10), 400,
                  ui::seriesFor(*timeline.snapshot()->state));
    return timeline.snapshot();
}

int rowOf(const ui::ProcessModel &model, const QString &target)
{
    for (int row = 0; row < model.rowCount(); ++row)
        if (model.target(row) == target)
            return row;
    return -1;
}

} // namespace

void TestModels::processesKeepTheirRowsWhileTheyChange()
{
    ui::ProcessModel model(true);
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.show(*snapshotAt(15));
    QCOMPARE(model.rowCount(), 6);
    QSignalSpy resets(&model, &QAbstractItemModel::modelReset);
    QSignalSpy changes(&model, &QAbstractItemModel::dataChanged);
    model.show(*snapshotAt(22));
    QCOMPARE(resets.count(), 0);
    QVERIFY(changes.count() > 0);
    QCOMPARE(model.target(0), QStringLiteral("replica/1"));
    const auto same = changes.count();
    model.show(*snapshotAt(22));
    QCOMPARE(changes.count(), same);
}

void TestModels::aProcessSaysItsStateByIconAndWord()
{
    ui::ProcessModel model(false);
    model.show(*snapshotAt(24));
    const int row = rowOf(model, QStringLiteral("replica/2"));
    const auto state =
        model.index(row, ui::ProcessModel::State).data(ui::kCellRole).value<ui::Cell>();
    QCOMPARE(state.text, QStringLiteral("frozen"));
    QVERIFY(!state.icon.isEmpty());
    QCOMPARE(state.tone, ui::Tone::Danger);
    const auto routing =
        model.index(row, ui::ProcessModel::Routing).data(ui::kCellRole).value<ui::Cell>();
    QCOMPARE(routing.text, QStringLiteral("ejected"));
    QCOMPARE(model.index(row, ui::ProcessModel::P99).data().toString(), QStringLiteral("–"));
    model.show(*snapshotAt(40));
    QCOMPARE(model.index(row, ui::ProcessModel::State).data().toString(),
             QStringLiteral("serving"));
}

void TestModels::runsAreListedNewestFirst()
{
    FakeOperations operations;
    operations.fillLists();
    auto runs = operations.runList;
    std::reverse(runs.begin(), runs.end());
    runs[0].builtIn = true;
    ui::RunsModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.show(runs, 1'795'000'000'000'000);
    QCOMPARE(model.rowCount(), 3);
    QCOMPARE(model.index(0, ui::RunsModel::When).data().toString(), QStringLiteral("2 h ago"));
    QCOMPARE(model.index(0, ui::RunsModel::Verdict).data().toString(), QStringLiteral("pass"));
    QCOMPARE(model.index(1, ui::RunsModel::Rto).data().toString(), QStringLiteral("31.0 s"));
    QCOMPARE(model.index(2, ui::RunsModel::Run).data().toString(), QStringLiteral("demo"));
    QCOMPARE(model.path(99), QString());
}

void TestModels::measuresSayRuleValueAndVerdict()
{
    ui::MeasureModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    engine::Measure rto;
    rto.name = "rto";
    rto.rule = "<= 10 s";
    rto.unit = "s";
    rto.value = 7.94;
    rto.limitUsed = 0.794;
    rto.verdict = engine::Word::Pass;
    engine::Measure quality;
    quality.name = "quality";
    quality.rule = ">= 0.99";
    quality.unit = "share";
    quality.value = 0.9712;
    quality.limitUsed = 2.9;
    quality.verdict = engine::Word::Fail;
    engine::Measure detect;
    detect.name = "detect";
    detect.verdict = engine::Word::Inconclusive;
    model.show({rto, quality, detect});
    QCOMPARE(model.index(0, ui::MeasureModel::Rule).data().toString(),
             QStringLiteral("at most 10 s"));
    QCOMPARE(model.index(0, ui::MeasureModel::Measured).data().toString(), QStringLiteral("7.9 s"));
    QCOMPARE(model.index(0, ui::MeasureModel::LimitUsed).data().toString(), QStringLiteral("79 %"));
    QCOMPARE(model.index(1, ui::MeasureModel::Measured).data().toString(), QStringLiteral("0.971"));
    QCOMPARE(model.index(1, ui::MeasureModel::Verdict).data().toString(), QStringLiteral("fail"));
    QCOMPARE(model.index(1, ui::MeasureModel::LimitUsed).data(ui::kCellRole).value<ui::Cell>().tone,
             ui::Tone::Danger);
    QCOMPARE(model.index(2, ui::MeasureModel::Measured).data().toString(),
             QStringLiteral("not reached"));
}

void TestModels::theTableTwinHoldsWhatTheChartsDraw()
{
    const auto snapshot = snapshotAt(24);
    const auto data = ui::trackData(*snapshot);
    ui::SeriesModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.show(data, 20);
    QCOMPARE(model.rowCount(), static_cast<int>(data.x.size()));
    const auto last = data.x.size() - 1;
    QCOMPARE(model.index(0, 0).data().toString(), ui::sinceText(data.x[last] - 20));
    const auto middle = last / 2;
    QCOMPARE(model.index(static_cast<int>(last - middle), 1).data().toString(),
             ui::numberText(data.p99[middle], 1));
}

void TestModels::eachApplicationHasItsCurve()
{
    auto run = crashRun(24);
    run.names.insert(run.names.end(), {"gateway.search.earned", "gateway.search.expected"});
    for (auto &row : run.rows)
        row.insert(row.end(), {3.0F, 4.0F});
    FakeTimeline timeline(run, true);
    timeline.show(0, 24'000'000, 240, ui::seriesFor(*timeline.snapshot()->state));
    const auto data = ui::trackData(*timeline.snapshot());
    QVERIFY(data.qualityOf[0].empty()); // recommend: this shop does not measure it by itself
    QCOMPARE(data.qualityOf[1].at(100), 0.75);
    const auto tracks = ui::trackValues(data, ui::RunFacts{}, 20, true);
    QVERIFY(tracks[ui::QualityTrack].low < 0.75);
    QVERIFY(tracks[ui::QualityTrack].sentence.contains(QStringLiteral("search 0.750")));
    QVERIFY(!tracks[ui::QualityTrack].sentence.contains(QStringLiteral("recommend")));
    ui::SeriesModel model;
    model.show(data, 20);
    QCOMPARE(model.columnCount(), 12);
    QCOMPARE(model.headerData(11, Qt::Horizontal, Qt::DisplayRole).toString(),
             QStringLiteral("Quality of search"));
    QCOMPARE(model.index(50, 11).data().toString(), QStringLiteral("0.750"));
}

void TestModels::gapsStayGaps()
{
    auto run = crashRun(24);
    for (std::size_t i = 100; i < 120; ++i)
        std::fill(run.rows[i].begin(), run.rows[i].end(), std::numeric_limits<float>::quiet_NaN());
    FakeTimeline timeline(run, true);
    timeline.show(0, 24'000'000, 240, ui::seriesFor(*timeline.snapshot()->state));
    const auto data = ui::trackData(*timeline.snapshot());
    for (const auto *curve : {&data.p99, &data.failed, &data.quality, &data.primary}) {
        QVERIFY(std::isnan((*curve)[110]));
        QVERIFY(!std::isnan((*curve)[90]));
        QVERIFY(!std::isnan((*curve)[130]));
    }
    QVERIFY(std::isnan(ui::valueAt(data.x, data.p99, 11.8, 1.0)));
}

void TestModels::marksAppearOnlyOnceReached()
{
    ui::FactReader reader;
    const auto keys = [&](double seconds) {
        QStringList list;
        for (const auto &mark : reader.read(*snapshotAt(seconds), false).marks)
            list << mark.key + (mark.expected ? QStringLiteral("?") : QString());
        return list;
    };
    QCOMPARE(keys(15), QStringList());
    QVERIFY(keys(24).contains(QStringLiteral("inject")));
    QVERIFY(keys(24).contains(QStringLiteral("clear?")));
    QVERIFY(!keys(24).contains(QStringLiteral("clear")));
    QVERIFY(keys(36).contains(QStringLiteral("clear")));
    QVERIFY(!keys(36).contains(QStringLiteral("clear?")));
}

void TestModels::bandsEndWhenTheFaultIsUndone()
{
    ui::FactReader reader;
    auto facts = reader.read(*snapshotAt(24), false);
    QCOMPARE(facts.bands.size(), std::size_t(1));
    QVERIFY(facts.bands[0].open && facts.bands[0].confirmed && facts.faultOn);
    QCOMPARE(facts.bands[0].from, 20.0);
    QCOMPARE(facts.bands[0].expectedTo.value_or(0), 30.0);
    QCOMPARE(facts.bands[0].text, QStringLiteral("SIGSTOP replica/2"));
    facts = reader.read(*snapshotAt(36), false);
    QVERIFY(!facts.bands[0].open && !facts.faultOn);
    QCOMPARE(facts.bands[0].to, 30.2);
    QVERIFY(!facts.bands[0].expectedTo);
}

void TestModels::outsideAndNearAreToldApart()
{
    ui::FactReader reader;
    const auto wordAt = [&](double seconds) {
        const auto snapshot = snapshotAt(seconds);
        const auto facts = reader.read(*snapshot, false);
        return ui::readingsOf(*snapshot, facts, ui::trackData(*snapshot))[0].state;
    };
    QCOMPARE(wordAt(15).tone, ui::Tone::Ok);
    QCOMPARE(wordAt(22.5).tone, ui::Tone::Danger);
    QCOMPARE(wordAt(22.5).word, QStringLiteral("outside"));
    QVERIFY(!wordAt(22.5).icon.isEmpty());
}

void TestModels::timesReadAsOperatorsSayThem()
{
    QCOMPARE(ui::sinceText(4.7), QStringLiteral("+4.7 s"));
    QCOMPARE(ui::sinceText(-8, 0), QString(QChar(0x2212)) + QStringLiteral("8 s"));
    QCOMPARE(ui::clockText(64.72), QStringLiteral("+01:04.7"));
    QCOMPARE(ui::countdownText(25.32), QStringLiteral("0:25.3"));
    QCOMPARE(ui::numberText(ui::kGap, 1), QStringLiteral("–"));
    QCOMPARE(ui::numberText(-0.001, 1), QStringLiteral("0.0"));
}

QTEST_MAIN(TestModels)
#include "tst_models.moc"
