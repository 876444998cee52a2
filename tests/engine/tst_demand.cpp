// Forecasts of demand: as good as can be asked where the truth is known, honest about what they do
// not know, the same bits live and offline, and clear about files that are broken.

#include "engine/base/files.h"
#include "engine/base/random.h"
#include "engine/data/synthetic_demand.h"
#include "engine/scoring/demand_forecaster.h"
#include "engine/training/demand/demand_family.h"
#include "engine/training/demand/forecast_file.h"
#include "engine/training/trees/booster.h"
#include "tests/support/quiet_monitor.h"

#include <QTemporaryDir>
#include <QtTest>
#include <cmath>

using namespace engine;
namespace fs = std::filesystem;

class TestDemand : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void treesFindWhatIsThere();
    void treesDoNotCareForThreads();
    void medianAndQuantileLeaves();
    void intermittentReferences();
    void axesCountPeriods_data();
    void axesCountPeriods();
    void closedDaysAreNoPeriods();
    void neverBetterThanTheOracle();
    void quantilesNeverFall();
    void aloneLikeAmongOthers();
    void unsortedRowsChangeNothing();
    void resumedLikeUninterrupted();
    void sameSeedSameBytesWithAnyThreads();
    void fineTuningGoesOn();
    void evaluateJudgesATestFileAlone();
    void forecastWritesWhatIsAskedFor();
    void pointsOfOtherAimsAreWritten_data();
    void pointsOfOtherAimsAreWritten();
    void planAloneGoesOnFromTheTrainingData();
    void unseenSeriesIsForecastAndCounted();
    void oddSeriesAreForecast_data();
    void oddSeriesAreForecast();
    void badFilesAreRefused_data();
    void badFilesAreRefused();
    void duplicatesAreToldAndCounted();
    void horizonsOutOfReachAreRefused();
    void brokenPackagesAreRefused();
    void newsvendorOrdersTheCriticalQuantile();
    void stopIsHeard();

private:
    [[nodiscard]] QString put(const std::string &text);
    [[nodiscard]] Package packaged(const TrainedModel &model);
    [[nodiscard]] Result<TrainedModel> train(const QString &file, const Columns &columns,
                                             std::vector<std::string> set = {},
                                             std::uint64_t seed = 1, int threads = 1,
                                             test::QuietMonitor *monitor = nullptr,
                                             const Package *initial = nullptr);
    QTemporaryDir m_dir;
    std::optional<SigningKey> m_key;
    std::optional<SyntheticDemand> m_demand;
    QString m_train, m_test, m_plan;
    std::optional<Package> m_package;
    int m_next = 0;
};

namespace {

const std::vector<std::string> kQuick{"trees=120", "leaves=15", "horizon=14", "most_rows=25000",
                                      "least_rows=60"};

/// Two products, 40 days; the first sells its weekday, the second nothing on most days.
std::string smallTable()
{
    std::string text = "series,time,value\n";
    for (int d = 1; d <= 40; ++d) {
        text += "a," + std::to_string(d) + "," + std::to_string(5 + d % 7) + "\n";
        text += "b," + std::to_string(d) + "," + std::to_string(d % 5 == 0 ? 3 : 0) + "\n";
    }
    return text;
}

} // namespace

QString TestDemand::put(const std::string &text)
{
    const auto path = m_dir.filePath(QString("file%1.csv").arg(m_next++));
    if (!writeTextAtomically(path.toStdString(), text))
        qFatal("cannot write");
    return path;
}

Package TestDemand::packaged(const TrainedModel &model)
{
    const auto folder = fs::path(m_dir.filePath(QString("package%1").arg(m_next++)).toStdString());
    std::vector<TensorSource> tensors;
    for (const auto &tensor : model.tensors)
        tensors.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.data});
    auto manifest = model.manifest;
    manifest.version = "1";
    const auto written = writePackage(folder, manifest, tensors, *m_key, model.files);
    PackagePolicy policy;
    policy.trusted = m_key->publicKey();
    auto package = readPackage(folder, policy);
    if (!written || !package)
        qFatal("cannot make a package");
    return std::move(*package);
}

Result<TrainedModel> TestDemand::train(const QString &file, const Columns &columns,
                                       std::vector<std::string> set, std::uint64_t seed,
                                       int threads, test::QuietMonitor *monitor,
                                       const Package *initial)
{
    TrainOrder order;
    order.train = {file.toStdString(), "csv", columns};
    order.seed = seed;
    order.threads = threads;
    for (const auto &each : set)
        DR_RETURN_IF_ERROR(setSetting(order.recipe, each));
    if (initial)
        order.initial = *initial;
    test::QuietMonitor quiet;
    return demandFamily().train(order, monitor ? *monitor : quiet);
}

void TestDemand::initTestCase()
{
    m_key = SigningKey::loadOrCreate(m_dir.filePath("signing.key").toStdString()).value();
    m_demand.emplace(demandSize("tiny").value(), 1);
    const int days = m_demand->size().days;
    m_train = m_dir.filePath("train.csv");
    m_test = m_dir.filePath("test.csv");
    m_plan = m_dir.filePath("plan.csv");
    QVERIFY(m_demand->write(m_train.toStdString(), 0, days - 14));
    QVERIFY(m_demand->write(m_test.toStdString(), days - 14, days));
    QVERIFY(m_demand->write(m_plan.toStdString(), days - 14, days, true));
    auto model = train(m_train, SyntheticDemand::columns(), kQuick);
    QVERIFY2(model.has_value(), model ? "" : model.error().text().c_str());
    m_package = packaged(*model);
}

void TestDemand::treesFindWhatIsThere()
{
    // y = 3 [x0 > 0] + [x1 is missing]; a third feature is noise.
    const std::size_t rows = 2000;
    std::vector<std::vector<float>> columns(3, std::vector<float>(rows));
    std::vector<float> target(rows);
    Random random(5, 1);
    for (std::size_t r = 0; r < rows; ++r) {
        columns[0][r] = static_cast<float>(random.normal());
        columns[1][r] =
            random.uniform() < 0.3 ? std::nanf("") : static_cast<float>(random.normal());
        columns[2][r] = static_cast<float>(random.normal());
        target[r] =
            (columns[0][r] > 0 ? 3.0f : 0.0f) + (columns[1][r] != columns[1][r] ? 1.f : 0.f);
    }
    const Bins bins(columns, rows);
    WorkCrew crew(1);
    BoostOptions options;
    options.rate = 0.3;
    options.tree.leaves = 6;
    Booster booster(bins, Loss::Squared, target, {}, options, crew);
    for (int i = 0; i < 40; ++i)
        booster.step();
    // The bin around 0 holds rows of both kinds, which no split can part: some 4 of 2,000.
    QVERIFY2(booster.trainLoss() < 1e-2, qPrintable(QString::number(booster.trainLoss())));
    const std::vector<float> row{1.0f, std::nanf(""), 0.0f}, other{-1.0f, 0.0f, 0.0f};
    QVERIFY(std::abs(booster.model().score(row) - 4.0) < 0.1);
    QVERIFY(std::abs(booster.model().score(other)) < 0.1);
    // What the booster believes of its rows is what the trees say of their raw values.
    for (std::size_t r = 0; r < 50; ++r) {
        const std::vector<float> raw{columns[0][r], columns[1][r], columns[2][r]};
        QCOMPARE(booster.model().score(raw), booster.scores()[r]);
    }
}

void TestDemand::treesDoNotCareForThreads()
{
    const std::size_t rows = 3000;
    std::vector<std::vector<float>> columns(6, std::vector<float>(rows));
    std::vector<float> target(rows);
    Random random(6, 1);
    for (std::size_t r = 0; r < rows; ++r) {
        for (auto &column : columns)
            column[r] = static_cast<float>(random.normal());
        target[r] = columns[0][r] * columns[1][r] + static_cast<float>(random.normal());
    }
    const Bins bins(columns, rows);
    BoostOptions options;
    options.columns = 0.5;
    options.rows = 0.7;
    std::vector<double> scores;
    for (const int threads : {1, 3}) {
        WorkCrew crew(threads);
        Booster booster(bins, Loss::Squared, target, {}, options, crew);
        for (int i = 0; i < 10; ++i)
            booster.step();
        if (scores.empty())
            scores.assign(booster.scores().begin(), booster.scores().end());
        else
            QVERIFY(std::equal(scores.begin(), scores.end(), booster.scores().begin()));
    }
}

void TestDemand::medianAndQuantileLeaves()
{
    // Without structure, boosting at a level ends at the quantile of the target.
    const std::size_t rows = 1001;
    std::vector<std::vector<float>> columns(1, std::vector<float>(rows, 0.0f));
    std::vector<float> target(rows);
    for (std::size_t r = 0; r < rows; ++r)
        target[r] = static_cast<float>(r * r);
    const Bins bins(columns, rows);
    WorkCrew crew(1);
    BoostOptions options;
    options.tau = 0.9;
    Booster high(bins, Loss::Pinball, target, {}, options, crew);
    Booster middle(bins, Loss::Absolute, target, {}, options, crew);
    for (int i = 0; i < 5; ++i) {
        high.step();
        middle.step();
    }
    QVERIFY(std::abs(high.scores()[0] - 810000) < 2000);
    QVERIFY(std::abs(middle.scores()[0] - 250000) < 1100);
}

void TestDemand::intermittentReferences()
{
    // Every second period sells 4: about 2 per period by both methods, SBA a little below.
    std::vector<float> values;
    for (int i = 0; i < 400; ++i)
        values.push_back(i % 2 == 1 ? 4.0f : 0.0f);
    const auto found = DemandFeatures::intermittent(values);
    QVERIFY(std::abs(found.sba - 0.95 * 2) < 0.01);
    QVERIFY(std::abs(found.tsb - 2) < 0.2);
    QCOMPARE(DemandFeatures::intermittent(std::vector<float>(10, 0.0f)).sba, 0.0);
}

void TestDemand::axesCountPeriods_data()
{
    QTest::addColumn<QStringList>("times");
    QTest::addColumn<QString>("asked");
    QTest::addColumn<qint64>("period");
    QTest::newRow("numbers") << QStringList{"40", "41", "43"} << "50" << qint64(10);
    QTest::newRow("every fourth number") << QStringList{"8", "0", "4"} << "16" << qint64(4);
    QTest::newRow("months") << QStringList{"1998-01", "1998-02"} << "1999-03" << qint64(14);
    QTest::newRow("weeks") << QStringList{"2020-01-06", "2020-01-13"} << "2020-01-27" << qint64(3);
    QTest::newRow("days") << QStringList{"2020-02-27", "2020-02-28"} << "2020-03-01" << qint64(3);
    QTest::newRow("hours") << QStringList{"2020-01-01 00:00", "2020-01-01 01:00"}
                           << "2020-01-02 01:00:00" << qint64(25);
}

void TestDemand::axesCountPeriods()
{
    QFETCH(QStringList, times);
    QFETCH(QString, asked);
    QFETCH(qint64, period);
    std::vector<TimeText> read;
    for (const auto &time : times)
        read.push_back(readTime(time.toStdString()).value());
    const auto axis = TimeAxis::of(read, false);
    QVERIFY(axis.has_value());
    QCOMPARE(axis->period(readTime(asked.toStdString()).value()).value(), period);
    const auto text = axis->text(period);
    QCOMPARE(axis->period(readTime(text).value()).value(), period);
    QVERIFY(!axis->period(TimeText{
        axis->kind == TimeText::Kind::Month ? TimeText::Kind::Number : TimeText::Kind::Month, 5}));
}

void TestDemand::closedDaysAreNoPeriods()
{
    std::vector<TimeText> times;
    const auto first = readTime("2020-01-06").value(); // a Monday
    for (int d = 0; d < 70; ++d) {
        if (d % 7 != 5 && d != 15)
            times.push_back({first.kind, first.value + d});
    }
    const auto axis = TimeAxis::of(times, true).value();
    QCOMPARE(axis.season(), 6);
    std::int64_t period = 0;
    for (const auto &time : times) {
        QCOMPARE(axis.period(time).value(), period);
        QCOMPARE(readTime(axis.text(period)).value().value, time.value);
        ++period;
    }
    QVERIFY(!axis.period({first.kind, first.value + 5}));
    QVERIFY(!axis.period({first.kind, first.value + 15}));
    // Beyond the data the weekday stays closed: the Sunday is followed by a Monday.
    QCOMPARE(axis.text(period), std::string("2020-03-16"));
    QCOMPARE(axis.text(period + 5), std::string("2020-03-22"));
    QCOMPARE(axis.text(-1), std::string("2020-01-05"));
}

void TestDemand::neverBetterThanTheOracle()
{
    const auto model = DemandForecaster::open(*m_package).value();
    const auto &schema = model->schema();
    const Columns columns = SyntheticDemand::columns();
    const auto history = readTable({m_train.toStdString(), columns}, schema, {}, true).value();
    const auto origin = lastPeriod(history);
    auto table = readTable({m_test.toStdString(), columns}, schema, {}, true, origin).value();
    joinHistory(table, history, schema, origin);
    const int first = m_demand->size().days - 14;
    std::vector<double> differences;
    double model_ = 0, oracle = 0, naive = 0;
    for (std::size_t p = 0; p < table.series.size(); ++p) {
        const auto &series = table.series[p];
        const auto forecasts =
            model
                ->forecast({series.id, series.first, series.values, series.columns}, 14,
                           DemandScores::kLevels)
                .value();
        for (int d = 0; d < 14; ++d) {
            const auto law = m_demand->day(static_cast<int>(p), first + d);
            const auto sold = static_cast<double>(series.actual[static_cast<std::size_t>(d)]);
            double mine = 0, best = 0, last = 0;
            for (std::size_t q = 1; q < 4; ++q) { // .5 .9 .95
                const double level = DemandScores::kLevels[q];
                mine += pinball(sold, forecasts[static_cast<std::size_t>(d)].quantiles[q], level);
                best += pinball(sold, SyntheticDemand::quantile(law, level), level);
                last += pinball(
                    sold,
                    static_cast<double>(
                        series.values[series.values.size() - 7 + static_cast<std::size_t>(d % 7)]),
                    level);
            }
            differences.push_back(mine - best);
            model_ += mine;
            oracle += best;
            naive += last;
        }
    }
    double mean = 0, squares = 0;
    for (const double each : differences)
        mean += each / static_cast<double>(differences.size());
    for (const double each : differences)
        squares += (each - mean) * (each - mean);
    const double error = std::sqrt(squares) / static_cast<double>(differences.size());
    qInfo("pinball: oracle %.1f, model %.1f, seasonal naive %.1f; model - oracle %.4f +- %.4f",
          oracle, model_, naive, mean, error);
    QVERIFY2(mean > -2 * error, "better than the truth: something leaks");
    QVERIFY(model_ < naive);
    QVERIFY(oracle < naive);
    // Most of what can be won is won.
    QVERIFY((model_ - oracle) / (naive - oracle) < 0.5);
}

void TestDemand::quantilesNeverFall()
{
    const auto model = DemandForecaster::open(*m_package).value();
    std::vector<double> levels;
    for (int i = 1; i < 100; ++i)
        levels.push_back(i / 100.0);
    Random random(9, 9);
    for (int trial = 0; trial < 30; ++trial) {
        SeriesHistory history{"P0001", 0, {}, {}};
        const auto length = random.below(200);
        for (std::uint64_t i = 0; i < length; ++i)
            history.values.push_back(random.uniform() < 0.2
                                         ? std::nanf("")
                                         : static_cast<float>(random.below(50)) * 1e3f
                                               * static_cast<float>(random.uniform()));
        history.columns.resize(history.values.size() * model->columns().size(), std::nanf(""));
        const auto steps = model->forecast(history, 5, levels);
        QVERIFY(steps.has_value());
        for (const auto &step : *steps) {
            QVERIFY(std::isfinite(step.mean) && step.mean >= 0);
            QVERIFY(std::isfinite(step.relative));
            QVERIFY(std::isfinite(step.root) && step.root <= step.mean);
            QVERIFY(step.quantiles.front() >= 0);
            QVERIFY(std::isfinite(step.quantiles.back()));
            QVERIFY(std::is_sorted(step.quantiles.begin(), step.quantiles.end()));
        }
    }
}

void TestDemand::aloneLikeAmongOthers()
{
    // One series in a file of its own gives the same lines as among all.
    AnswerOrder order;
    order.kind = Answer::Forecast;
    order.in = {m_train.toStdString(), "csv", SyntheticDemand::columns()};
    order.out = m_dir.filePath("all.csv").toStdString();
    order.horizon = 3;
    test::QuietMonitor monitor;
    QVERIFY(demandFamily().answer(*m_package, order, monitor));
    const auto all = readText(order.out, 1 << 24).value();
    const auto whole = readText(m_train.toStdString(), 1 << 24).value();
    std::string one = whole.substr(0, whole.find('\n') + 1);
    for (std::size_t at = whole.find("\nP0007,"); at != std::string::npos;
         at = whole.find("\nP0007,", at + 1))
        one += whole.substr(at + 1, whole.find('\n', at + 1) - at);
    order.in.path = put(one).toStdString();
    order.out = m_dir.filePath("one.csv").toStdString();
    QVERIFY(demandFamily().answer(*m_package, order, monitor));
    const auto alone = readText(order.out, 1 << 20).value();
    QCOMPARE(std::count(alone.begin(), alone.end(), '\n'), 4);
    QVERIFY(all.find(alone.substr(alone.find('\n') + 1)) != std::string::npos);
}

void TestDemand::unsortedRowsChangeNothing()
{
    const auto sorted = smallTable();
    std::vector<std::string> lines;
    for (std::size_t from = sorted.find('\n') + 1; from < sorted.size();) {
        const auto end = sorted.find('\n', from);
        lines.push_back(sorted.substr(from, end - from + 1));
        from = end + 1;
    }
    std::string mixed = "series,time,value\n" + lines[0] + lines[1]; // the order of series stays
    for (std::size_t i = lines.size(); i-- > 2;)
        mixed += lines[i];
    const auto one = train(put(sorted), {}), other = train(put(mixed), {});
    QVERIFY(one && other);
    QCOMPARE(one->tensors.size(), other->tensors.size());
    for (std::size_t i = 0; i < one->tensors.size(); ++i)
        QVERIFY(one->tensors[i].data == other->tensors[i].data);
}

void TestDemand::resumedLikeUninterrupted()
{
    const std::vector<std::string> set{"trees=30", "leaves=7", "horizon=3", "most_rows=3000"};
    const auto whole = train(m_train, SyntheticDemand::columns(), set);
    QVERIFY(whole.has_value());
    for (const int stopAfter : {7, 45, 80}) {
        test::QuietMonitor first;
        first.keepsCheckpoints = true;
        first.onProgress = [&](test::QuietMonitor &monitor) {
            if (monitor.checkpoints >= stopAfter)
                monitor.stopper.request_stop();
        };
        const auto stopped = train(m_train, SyntheticDemand::columns(), set, 1, 1, &first);
        QVERIFY(!stopped);
        QCOMPARE(stopped.error().code, ErrorCode::Halted);
        test::QuietMonitor second;
        second.saved = first.saved;
        const auto resumed = train(m_train, SyntheticDemand::columns(), set, 1, 1, &second);
        QVERIFY(resumed.has_value());
        QCOMPARE(resumed->tensors.size(), whole->tensors.size());
        for (std::size_t i = 0; i < whole->tensors.size(); ++i)
            QVERIFY(resumed->tensors[i].data == whole->tensors[i].data);
        QVERIFY(resumed->files == whole->files);
        QVERIFY(resumed->manifest.metrics == whole->manifest.metrics);
    }
}

void TestDemand::sameSeedSameBytesWithAnyThreads()
{
    const std::vector<std::string> set{"trees=20", "leaves=7", "horizon=3", "most_rows=3000"};
    const auto one = train(m_train, SyntheticDemand::columns(), set, 1, 1);
    const auto three = train(m_train, SyntheticDemand::columns(), set, 1, 3);
    const auto other = train(m_train, SyntheticDemand::columns(), set, 2, 1);
    QVERIFY(one && three && other);
    bool differs = false;
    for (std::size_t i = 0; i < one->tensors.size(); ++i) {
        QVERIFY(one->tensors[i].data == three->tensors[i].data);
        differs = differs || one->tensors[i].data != other->tensors[i].data;
    }
    QVERIFY(differs);
}

void TestDemand::fineTuningGoesOn()
{
    const auto tuned =
        train(m_train, SyntheticDemand::columns(), {"trees=20", "most_rows=5000", "leaves=7"}, 1, 1,
              nullptr, &*m_package);
    QVERIFY2(tuned.has_value(), tuned ? "" : tuned.error().text().c_str());
    const auto before = unpackDemand(*m_package).value();
    const auto after = unpackDemand(packaged(*tuned)).value();
    QVERIFY(after.location.trees() >= before.location.trees());
    QCOMPARE(after.location.nodes[0].feature, before.location.nodes[0].feature);
}

void TestDemand::evaluateJudgesATestFileAlone()
{
    EvalOrder order;
    order.test = {m_test.toStdString(), "csv", SyntheticDemand::columns()};
    test::QuietMonitor monitor;
    const auto alone = demandFamily().evaluate(*m_package, order, monitor);
    QVERIFY2(alone.has_value(), alone ? "" : alone.error().text().c_str());
    order.train = InputFile{m_train.toStdString(), "csv", SyntheticDemand::columns()};
    const auto both = demandFamily().evaluate(*m_package, order, monitor);
    QVERIFY(both.has_value());
    QCOMPARE(alone->users, std::size_t(60));
    for (const char *metric : {"mape", "wape", "rmsle", "mae", "rmse", "pinball@0.1", "pinball@0.5",
                               "pinball@0.9", "pinball@0.95", "coverage@80"})
        QCOMPARE(alone->metrics.at(metric), both->metrics.at(metric));
    QVERIFY(both->metrics.contains("rmsse"));
    QVERIFY(both->metrics.at("pinball@0.9") < both->metrics.at("pinball_zero@0.9"));
    QVERIFY(both->metrics.at("coverage@80") > 0.7);
}

void TestDemand::forecastWritesWhatIsAskedFor()
{
    const auto model = packaged(train(put(smallTable()), {}).value());
    AnswerOrder order;
    order.kind = Answer::Forecast;
    order.in = {put(smallTable() + "a,41,\na,42,\na,43,\n").toStdString(), "csv", {}};
    order.out = m_dir.filePath("out.csv").toStdString();
    order.horizon = 2;
    test::QuietMonitor monitor;
    const auto done = demandFamily().answer(model, order, monitor);
    QVERIFY2(done.has_value(), done ? "" : done.error().text().c_str());
    QCOMPARE(done->rows, std::uint64_t(5)); // a: the plan reaches further than the horizon
    const auto text = readText(order.out, 1 << 20).value();
    QVERIFY(text.starts_with("series,time,p10,p50,p90,mean\na,41,"));
    QVERIFY(text.find("\na,43,") != std::string::npos);
    QVERIFY(text.find("\nb,42,") != std::string::npos);
    QVERIFY(text.find("\nb,43,") == std::string::npos);
    QVERIFY(!fs::exists(order.out.string() + ".partial"));
    // Into a folder that is not there: an error, and nothing stays.
    order.out = m_dir.filePath("nowhere/out.csv").toStdString();
    QCOMPARE(demandFamily().answer(model, order, monitor).error().code, ErrorCode::Io);
    order.kind = Answer::Rank;
    QVERIFY(!demandFamily().answer(model, order, monitor));
}

void TestDemand::pointsOfOtherAimsAreWritten_data()
{
    QTest::addColumn<QString>("aim");
    QTest::addColumn<double>("code");
    QTest::newRow("relative") << QString("relative") << 1.0;
    QTest::newRow("root") << QString("root") << 2.0;
}

void TestDemand::pointsOfOtherAimsAreWritten()
{
    QFETCH(QString, aim);
    QFETCH(double, code);
    // Twenty goods that sell 6 in every third period, by chance: the mean is about 2, but the mean
    // over goods of the root mean squared error is least below it, and that of MAPE is 6.
    std::string text = "series,time,value\n";
    Random random(5, 5);
    for (int s = 0; s < 20; ++s) {
        for (int d = 1; d <= 60; ++d)
            text += "s" + std::to_string(s) + "," + std::to_string(d) + ","
                    + (random.below(3) == 0 ? "6\n" : "0\n");
    }
    const auto file = put(text);
    const auto trained = train(file, {}, {"point=" + aim.toStdString(), "trees=60"});
    QVERIFY2(trained.has_value(), trained ? "" : trained.error().text().c_str());
    QCOMPARE(trained->manifest.settings.at("point"), code);
    const double share = trained->manifest.metrics.at("share of the mean for rmse");
    QVERIFY2(share > 0.2 && share <= 1, qPrintable(QString::number(share)));
    AnswerOrder order;
    order.kind = Answer::Forecast;
    order.in = {file.toStdString(), "csv", {}};
    order.out = m_dir.filePath("points.csv").toStdString();
    order.horizon = 2;
    test::QuietMonitor monitor;
    const auto package = packaged(*trained);
    QVERIFY(demandFamily().answer(package, order, monitor));
    const auto lines = QString::fromStdString(readText(order.out, 1 << 20).value())
                           .split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines.front(), QString("series,time,p10,p50,p90,mean,point"));
    QCOMPARE(int(lines.size()), 41);
    double meanOfAll = 0;
    for (int i = 1; i < lines.size(); ++i) {
        const auto fields = lines[i].split(',');
        const double mean = fields[5].toDouble(), point = fields[6].toDouble();
        meanOfAll += mean / 40;
        QVERIFY2(mean > 0 && mean < 6, qPrintable(lines[i]));
        QVERIFY2(aim == "root" ? std::abs(point - share * mean) < 0.01 * mean : point == 6,
                 qPrintable(lines[i]));
    }
    QVERIFY2(meanOfAll > 1.4 && meanOfAll < 2.8, qPrintable(QString::number(meanOfAll)));
}

void TestDemand::planAloneGoesOnFromTheTrainingData()
{
    AnswerOrder order;
    order.kind = Answer::Forecast;
    order.in = {m_plan.toStdString(), "csv", SyntheticDemand::columns()};
    order.out = m_dir.filePath("plan-out.csv").toStdString();
    test::QuietMonitor monitor;
    const auto done = demandFamily().answer(*m_package, order, monitor);
    QVERIFY2(done.has_value(), done ? "" : done.error().text().c_str());
    QCOMPARE(done->rows, std::uint64_t(60 * 14));
    const auto text = readText(order.out, 1 << 20).value();
    QVERIFY(text.find("P0000," + SyntheticDemand::dateText(m_demand->size().days - 14) + ",")
            != std::string::npos);
}

void TestDemand::unseenSeriesIsForecastAndCounted()
{
    const auto model = packaged(train(put(smallTable()), {}).value());
    AnswerOrder order;
    order.kind = Answer::Forecast;
    order.in = {put("series,time,value\nnew,39,4\nnew,40,6\n").toStdString(), "csv", {}};
    order.out = m_dir.filePath("new.csv").toStdString();
    order.horizon = 1;
    test::QuietMonitor monitor;
    const auto done = demandFamily().answer(model, order, monitor);
    QVERIFY(done.has_value());
    QCOMPARE(done->notes.at("series unseen in training"), std::uint64_t(1));
    QVERIFY(readText(order.out, 1 << 20).value().find("new,41,") != std::string::npos);
}

void TestDemand::oddSeriesAreForecast_data()
{
    QTest::addColumn<QString>("text");
    QString one = "series,time,value\n", constant = one, zeros = one, gaps = one, blanks = one,
            many = "series,time,value,kind,text\n";
    for (int d = 1; d <= 30; ++d) {
        one += QString("a,%1,%2\n").arg(d).arg(d % 4 + 1);
        constant += QString("a,%1,7\nb,%1,7\n").arg(d);
        zeros += QString("a,%1,0\nb,%1,0\n").arg(d);
        if (d % 3 != 0)
            gaps += QString("a,%1,%2\n").arg(d).arg(d % 4);
        blanks +=
            QString("a,%1,%2\n").arg(d).arg(d % 3 == 0 ? QString("nan") : QString::number(d % 4));
        many += QString("a,%1,%2,x%1,\"a,b\"\"%1\"\n").arg(d).arg(d % 5);
    }
    QTest::newRow("one series") << one;
    QTest::newRow("constant") << constant;
    QTest::newRow("never sold") << zeros;
    QTest::newRow("gaps") << gaps;
    QTest::newRow("blanks") << blanks;
    QTest::newRow("a category per row") << many;
    QTest::newRow("negative") << QString(one).replace(",2\n", ",-2\n");
}

void TestDemand::oddSeriesAreForecast()
{
    QFETCH(QString, text);
    const auto file = put(text.toStdString());
    const auto model = train(file, {});
    QVERIFY2(model.has_value(), model ? "" : model.error().text().c_str());
    const auto package = packaged(*model);
    AnswerOrder order;
    order.kind = Answer::Forecast;
    order.in = {file.toStdString(), "csv", {}};
    order.out = m_dir.filePath("odd.csv").toStdString();
    order.horizon = 40; // far beyond what was trained
    test::QuietMonitor monitor;
    const auto done = demandFamily().answer(package, order, monitor);
    QVERIFY2(done.has_value(), done ? "" : done.error().text().c_str());
    const auto out = readText(order.out, 1 << 20).value();
    QVERIFY(out.find("nan") == std::string::npos && out.find("inf") == std::string::npos);
    if (QString(QTest::currentDataTag()) == "constant")
        QVERIFY2(out.find(",7,7,7,") != std::string::npos, out.c_str());
    if (QString(QTest::currentDataTag()) == "never sold")
        QVERIFY2(out.find("a,31,0,0,0,") != std::string::npos, out.c_str());
}

void TestDemand::badFilesAreRefused_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("columns");
    QTest::addColumn<QString>("says");
    QTest::newRow("no column") << "a,b\n1,2\n"
                               << ""
                               << "series";
    QTest::newRow("no value") << "series,time,x\na,1,2\n"
                              << ""
                              << "value";
    QTest::newRow("no such column") << "series,time,value\na,1,2\n"
                                    << "price=cost"
                                    << "cost";
    QTest::newRow("twice") << "series,time,value,value\na,1,2,3\n"
                           << ""
                           << "twice";
    QTest::newRow("compressed") << "PK\x03\x04 and so on"
                                << ""
                                << "unzip";
    QTest::newRow("text value") << "series,time,value\na,1,2\na,2,many\n"
                                << ""
                                << ":3:1";
    QTest::newRow("no time") << "series,time,value\na,soon,2\n"
                             << ""
                             << "no time";
    QTest::newRow("times of two kinds") << "series,time,value\na,1,2\na,2010-01,2\n"
                                        << ""
                                        << "kinds";
    QTest::newRow("half a period") << "series,time,value\na,1.5,2\n"
                                   << ""
                                   << "whole";
    QTest::newRow("no rows") << "series,time,value\n"
                             << ""
                             << "value";
    QTest::newRow("no values") << "series,time,value\na,1,\na,2,\n"
                               << ""
                               << "value";
    QTest::newRow("one row") << "series,time,value\na,1,4\n"
                             << ""
                             << "too little";
    QTest::newRow("role of others") << "series,time,value\na,1,4\n"
                                    << "user=a"
                                    << "user";
    QTest::newRow("a stray time") << "series,time,value\na,1,4\na,2,4\na,999999999,4\n"
                                  << ""
                                  << "periods";
}

void TestDemand::badFilesAreRefused()
{
    QFETCH(QString, text);
    QFETCH(QString, columns);
    QFETCH(QString, says);
    const auto roles = parseColumns(columns.toStdString());
    const auto model =
        train(put(text.toStdString()), columns.isEmpty() ? Columns{} : roles.value());
    QVERIFY(!model);
    QVERIFY2(QString::fromStdString(model.error().text()).contains(says),
             model.error().text().c_str());
}

void TestDemand::duplicatesAreToldAndCounted()
{
    test::QuietMonitor monitor;
    const auto text = smallTable() + "a,40,9\n";
    QVERIFY(train(put(text), {}, {}, 1, 1, &monitor));
    QVERIFY(std::any_of(monitor.notes.begin(), monitor.notes.end(), [](const auto &note) {
        return note.find("1 rows of the same series and period, the last one counts")
               != std::string::npos;
    }));
    const auto schema = learnSchema({put(text).toStdString(), {}}, {}).value();
    TableRules sum;
    sum.duplicates = "sum";
    auto settled = schema;
    DemandOptions options;
    settle(options, {}, settled);
    const auto table = readTable({put(text).toStdString(), {}}, settled, sum, true).value();
    QCOMPARE(table.series[0].values.back(), 5.0f + 40 % 7 + 9.0f);
}

void TestDemand::horizonsOutOfReachAreRefused()
{
    const auto model = DemandForecaster::open(*m_package).value();
    const SeriesHistory history{"P0000", 0, {}, {}};
    for (const int horizon : {0, -1, 1'000'000})
        QVERIFY(!model->forecast(history, horizon, DemandScores::kLevels));
    AnswerOrder order;
    order.kind = Answer::Forecast;
    order.in = {m_train.toStdString(), "csv", SyntheticDemand::columns()};
    order.out = m_dir.filePath("far.csv").toStdString();
    test::QuietMonitor monitor;
    for (const int horizon : {0, -1, 1'000'000}) {
        order.horizon = horizon;
        const auto done = demandFamily().answer(*m_package, order, monitor);
        QVERIFY(!done);
        QCOMPARE(done.error().code, ErrorCode::Usage);
    }
    QVERIFY(!fs::exists(order.out));
}

void TestDemand::brokenPackagesAreRefused()
{
    auto package = *m_package;
    package.manifest.family = "mf";
    QVERIFY(!DemandForecaster::open(package));
    package = *m_package;
    package.files.erase("schema.bin");
    QVERIFY(!DemandForecaster::open(package));
    // A child that points back would walk forever.
    package = *m_package;
    const auto *left = package.find("location.left");
    QVERIFY(left != nullptr);
    std::fill_n(package.weights.begin() + static_cast<std::ptrdiff_t>(left->offset), left->bytes,
                std::uint8_t{0});
    QVERIFY(!DemandForecaster::open(package));
    // Every cut and every flipped byte of the schema: refused or harmless, never a crash.
    const auto schema = m_package->files.at("schema.bin");
    for (std::size_t i = 0; i < schema.size(); i += 3) {
        package = *m_package;
        package.files["schema.bin"][i] ^= 0x5A;
        if (const auto model = DemandForecaster::open(package); model.has_value())
            static_cast<void>((*model)->forecast(
                {"P0000", 0, {1, 2, 3}, std::vector<float>(3 * (*model)->columns().size())}, 2,
                DemandScores::kLevels));
        package.files["schema.bin"].resize(i);
        QVERIFY(!DemandForecaster::open(package));
    }
}

void TestDemand::newsvendorOrdersTheCriticalQuantile()
{
    // The cost of the ordered quantile is the least one over all orders.
    const double level = criticalLevel(9, 1);
    QCOMPARE(level, 0.9);
    DemandSchema schema;
    schema.wholeNumbers = true;
    for (int i = 0; i < 201; ++i)
        schema.law.push_back(static_cast<float>((i - 100) / 50.0));
    const DemandLaw law{0.6, 2.0, 0.7, 0};
    const double order = quantileOf(law, schema, level);
    const auto cost = [&](double amount) {
        double sum = 0;
        for (int i = 0; i < 2000; ++i) {
            const double y = quantileOf(law, schema, (i + 0.5) / 2000);
            sum += y > amount ? 9 * (y - amount) : amount - y;
        }
        return sum;
    };
    for (double other = 0; other < 60; ++other)
        QVERIFY(cost(order) <= cost(other) * 1.001);
}

void TestDemand::stopIsHeard()
{
    test::QuietMonitor monitor;
    monitor.stopper.request_stop();
    const auto model = train(m_train, SyntheticDemand::columns(), kQuick, 1, 1, &monitor);
    QVERIFY(!model);
    QCOMPARE(model.error().code, ErrorCode::Halted);
}

QTEST_GUILESS_MAIN(TestDemand)
#include "tst_demand.moc"
