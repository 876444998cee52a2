// The family ctr end to end: rows of text to a signed package to probabilities, and what it does
// with bad rows and bad packages.

#include "engine/base/files.h"
#include "engine/base/random.h"
#include "engine/data/labelled_rows.h"
#include "engine/data/synthetic_ads.h"
#include "engine/scoring/ctr_scorer.h"
#include "engine/training/ctr/click_metrics.h"
#include "engine/training/ctr/click_trainer.h"
#include "engine/training/ctr/ctr_family.h"
#include "engine/training/ctr/logistic_fit.h"
#include "tests/support/quiet_monitor.h"

#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <cstring>
#include <fstream>
#include <numeric>
#include <set>

using namespace engine;
namespace fs = std::filesystem;

class TestCtr : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void labelsAreRead_data();
    void labelsAreRead();
    void metricsAreWhatTheyAreDefinedAs();
    void isotonicRises();
    void kindsOfColumnsAreTold();
    void foldsKeepGroupsAndClasses();
    void learnsTheTable();
    void leakIsCounted();
    void rowScoresTheSameAloneAndInABatch();
    void trainingSeesTheScorerOfThePackage();
    void answersLongFilesInOrder();
    void unseenAndMissingValuesAreCounted();
    void sparseRowsAreLearned();
    void fewSparseIndicesBecomeNumbers();
    void sameSeedSameBytes();
    void resumedTrainingIsTheSame();
    void stopWritesNothing();
    void badFilesAreRefused_data();
    void badFilesAreRefused();
    void badSettingsAreRefused();
    void otherSchemaAtPredictIsRefused();
    void damagedPackagesAreRefused();
    void noModelBeatsTheOracle();

private:
    fs::path write(const std::string &name, const std::string &text);
    Result<TrainedModel> train(const std::string &text, const std::string &columns,
                               const std::vector<std::string> &set = {},
                               const std::string &format = "csv");
    Package packaged(const TrainedModel &trained);
    Result<std::vector<double>> predict(const Package &package, const std::string &text,
                                        const std::string &format = "csv");

    QTemporaryDir m_folder;
    std::optional<SigningKey> m_key;
    test::QuietMonitor m_monitor;
    Answered m_answered;
    std::string m_table; ///< 1,500 rows
    Package m_package;   ///< trained on it
    int m_packages = 0;
};

namespace {

/// colour and size interact, x bends, noise does nothing.
std::string table(int rows, std::uint64_t seed)
{
    const std::array<const char *, 4> colours{"red", "green", "blue", "grey"};
    std::string text = "colour,size,x,noise,clicked\n";
    for (int r = 0; r < rows; ++r) {
        Random random(seed, 77, static_cast<std::uint64_t>(r) * 16);
        const auto colour = random.below(4), size = random.below(3);
        const double x = 4 * random.uniform() - 2, noise = random.uniform();
        const double z = -1.0 + 1.5 * (colour == size ? 1 : -1) + x * x - 1.3;
        const bool click = random.uniform() < 1 / (1 + std::exp(-z));
        text += std::string(colours[colour]) + "," + std::to_string(size) + ","
                + (random.uniform() < 0.05 ? "" : std::to_string(x)) + "," + std::to_string(noise)
                + (click ? ",yes\n" : ",no\n");
    }
    return text;
}

const std::vector<std::string> kFast{"folds=2", "epochs=12", "tree_rounds=120", "hidden=32"};

} // namespace

void TestCtr::initTestCase()
{
    m_key = *SigningKey::loadOrCreate(fs::path(m_folder.path().toStdString()) / "keys" / "key");
    m_table = table(1'500, 1);
    const auto trained = train(m_table, "label=clicked", kFast);
    QVERIFY2(trained, trained ? "" : trained.error().text().c_str());
    m_package = packaged(*trained);
}

fs::path TestCtr::write(const std::string &name, const std::string &text)
{
    const auto path = fs::path(m_folder.path().toStdString()) / name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
}

Result<TrainedModel> TestCtr::train(const std::string &text, const std::string &columns,
                                    const std::vector<std::string> &set, const std::string &format)
{
    TrainOrder order;
    order.train = {write("train." + format, text), format, *parseColumns(columns)};
    for (const auto &pair : set) {
        if (auto done = setSetting(order.recipe, pair); !done)
            return tl::unexpected(done.error());
    }
    return ctrFamily().train(order, m_monitor);
}

Package TestCtr::packaged(const TrainedModel &trained)
{
    auto manifest = trained.manifest;
    manifest.version = "1";
    std::vector<TensorSource> tensors;
    for (const auto &tensor : trained.tensors)
        tensors.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.data});
    const auto folder =
        fs::path(m_folder.path().toStdString()) / ("package" + std::to_string(++m_packages));
    const auto digest = writePackage(folder, manifest, tensors, *m_key, trained.files);
    if (!digest)
        qFatal("%s", digest.error().text().c_str());
    PackagePolicy policy;
    policy.trusted = m_key->publicKey();
    return *readPackage(folder, policy);
}

Result<std::vector<double>> TestCtr::predict(const Package &package, const std::string &text,
                                             const std::string &format)
{
    AnswerOrder order;
    order.kind = Answer::Predict;
    order.in = {write("in." + format, text), format, {}};
    order.out = fs::path(m_folder.path().toStdString()) / "out";
    order.threads = 2;
    fs::remove(order.out);
    const auto answered = ctrFamily().answer(package, order, m_monitor);
    if (!answered)
        return tl::unexpected(answered.error());
    m_answered = *answered;
    std::ifstream in(order.out);
    std::vector<double> values;
    for (std::string line; std::getline(in, line);)
        values.push_back(std::strtod(line.c_str(), nullptr));
    return values;
}

void TestCtr::labelsAreRead_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<int>("label"); // -1: none
    for (const auto *text : {"1", "true", "TRUE", "yes", "Yes", "1.0", "+1", " 1 "})
        QTest::newRow(text) << text << 1;
    for (const auto *text : {"0", "false", "FALSE", "no", "-1", "0.0"})
        QTest::newRow(text) << text << 0;
    for (const auto *text : {"", "2", "maybe", "nan", "0.5", "inf"})
        QTest::newRow(qPrintable(QString("none '%1'").arg(text))) << text << -1;
}

void TestCtr::labelsAreRead()
{
    QFETCH(QString, text);
    QFETCH(int, label);
    const auto read = labelOf(text.toStdString());
    QCOMPARE(read ? (*read ? 1 : 0) : -1, label);
}

void TestCtr::metricsAreWhatTheyAreDefinedAs()
{
    const std::vector<double> p{0.1, 0.4, 0.4, 0.8};
    const std::vector<std::uint8_t> labels{0, 0, 1, 1};
    const auto metrics = clickMetrics(p, labels);
    const double loss = -(std::log(0.9) + std::log(0.6) + std::log(0.4) + std::log(0.8)) / 4;
    QVERIFY(std::fabs(metrics.at("logloss") - loss) < 1e-12);
    QCOMPARE(metrics.at("auc"), 3.5 / 4); // the tie counts half
    QVERIFY(std::fabs(metrics.at("ne") - loss / std::log(2.0)) < 1e-12);
    QVERIFY(std::fabs(metrics.at("calibration-ratio") - 1.7 / 2) < 1e-12);
    QVERIFY(std::fabs(metrics.at("ece") - (0.1 + 0.4 + 0.6 + 0.2) / 4) < 1e-12);
    QVERIFY(std::fabs(metrics.at("ece-width") - (0.1 + 0.2 + 0.2) / 4) < 1e-12);
    // Probabilities that are twice too sure have slope 1/2, true ones 1.
    std::vector<double> truth, sure;
    std::vector<std::uint8_t> drawn;
    Random random(3, 3);
    for (int i = 0; i < 20'000; ++i) {
        const double z = 1.5 * random.normal();
        truth.push_back(1 / (1 + std::exp(-z)));
        sure.push_back(1 / (1 + std::exp(-2 * z)));
        drawn.push_back(random.uniform() < truth.back() ? 1 : 0);
    }
    QVERIFY(std::fabs(clickMetrics(truth, drawn).at("calibration-slope") - 1) < 0.05);
    QVERIFY(std::fabs(clickMetrics(sure, drawn).at("calibration-slope") - 0.5) < 0.03);
    const auto spread = bootstrapClickMetrics(truth, drawn, 50, 1).at("logloss");
    const double value = clickMetrics(truth, drawn).at("logloss");
    QVERIFY(spread.low < value && value < spread.high);
    QVERIFY(spread.error > 0.0005 && spread.error < 0.01);
    // One class only: no AUC, but no crash either.
    QVERIFY(!clickMetrics(p, std::vector<std::uint8_t>(4, 0)).contains("auc"));
}

void TestCtr::isotonicRises()
{
    std::vector<double> p;
    std::vector<std::uint8_t> labels;
    Random random(4, 4);
    for (int i = 0; i < 5'000; ++i) {
        p.push_back(random.uniform());
        labels.push_back(random.uniform() < p.back() * p.back() ? 1 : 0);
    }
    const auto points = fitIsotonic(p, labels, 100);
    QVERIFY(points.size() > 5);
    for (std::size_t i = 1; i < points.size(); ++i)
        QVERIFY(points[i][0] > points[i - 1][0] && points[i][1] >= points[i - 1][1]);
    for (const double x : {0.2, 0.5, 0.8})
        QVERIFY(std::fabs(interpolate(points, x) - x * x) < 0.08);
}

void TestCtr::kindsOfColumnsAreTold()
{
    std::string text = "id,word,count,measure,code,same,mostly,Label\n";
    for (int r = 0; r < 100; ++r)
        text += "u" + std::to_string(r) + ",w" + std::to_string(r % 7) + ","
                + std::to_string(r % 12) + "," + std::to_string(r) + ".5,0" + std::to_string(r % 9)
                + ",x," + (r == 5 ? "n/a" : std::to_string(r % 3)) + "," + std::to_string(r % 2)
                + "\n";
    test::QuietMonitor monitor;
    const auto schema = learnSchema({write("kinds.csv", text), "csv", {}}, {}, monitor);
    QVERIFY2(schema, schema ? "" : schema.error().text().c_str());
    QString kinds;
    for (const auto &column : schema->columns)
        kinds += QString::fromStdString(column.name) + (column.isCategory ? " category" : "")
                 + (column.isNumber ? " number" : "") + (column.hasMissing ? " missing" : "")
                 + "\n";
    QCOMPARE(kinds, QStringLiteral("word category\ncount category number\nmeasure number\n"
                                   "code category\nmostly category number missing\n"));
    QCOMPARE(monitor.notes.size(), std::size_t{2});
    QVERIFY(monitor.notes[0].find("id is left out") != std::string::npos);
    QVERIFY(monitor.notes[1].find("same is left out") != std::string::npos);
    const auto parsed = parseFeatureSchema(encode(*schema));
    QVERIFY(parsed);
    QCOMPARE(encode(*parsed), encode(*schema));
}

void TestCtr::foldsKeepGroupsAndClasses()
{
    ClickRows rows;
    for (std::uint32_t r = 0; r < 1'000; ++r) {
        rows.groups.push_back(r / 4);
        rows.labels.push_back(r / 4 % 10 == 0 ? 1 : 0);
    }
    const auto folds = drawFolds(rows, 5, 0, 1);
    QCOMPARE(folds.size(), std::size_t{5});
    std::vector<int> seen(1'000);
    for (const auto &fold : folds) {
        QCOMPARE(fold.train.size() + fold.validation.size(), std::size_t{1'000});
        std::set<std::uint64_t> groups;
        int clicks = 0;
        for (const auto row : fold.validation) {
            ++seen[row];
            groups.insert(rows.groups[row]);
            clicks += rows.labels[row];
        }
        QCOMPARE(clicks, 20);
        for (const auto row : fold.train)
            QVERIFY(!groups.contains(rows.groups[row]));
    }
    QCOMPARE(std::count(seen.begin(), seen.end(), 1), 1'000);
    QVERIFY(drawFolds(rows, 5, 0, 2)[0].validation != folds[0].validation);
    QCOMPARE(drawFolds(rows, 1, 0.1, 1)[0].validation.size(), std::size_t{100});
}

void TestCtr::learnsTheTable()
{
    const auto test = table(2'000, 2);
    EvalOrder order;
    order.test = {write("test.csv", test), "csv", *parseColumns("label=clicked")};
    const auto evaluation = ctrFamily().evaluate(m_package, order, m_monitor);
    QVERIFY2(evaluation, evaluation ? "" : evaluation.error().text().c_str());
    const auto &metrics = evaluation->metrics;
    QVERIFY2(metrics.at("auc") > 0.80, qPrintable(QString::number(metrics.at("auc"))));
    QVERIFY2(metrics.at("ece") < 0.05, qPrintable(QString::number(metrics.at("ece"))));
    QVERIFY(metrics.at("ne") < 0.85);
    QVERIFY(std::fabs(metrics.at("calibration-slope") - 1) < 0.25);
    QCOMPARE(metrics.at("rows"), 2'000.0);
    QVERIFY(evaluation->standardErrors.at("auc") > 0.003);
    QVERIFY(metrics.at("logloss low") < metrics.at("logloss")
            && metrics.at("logloss") < metrics.at("logloss high"));
    // Shuffled labels teach nothing: the same judge says so.
    std::string shuffled = "colour,size,x,noise,clicked\n";
    std::vector<std::string> rows;
    for (std::size_t at = m_table.find('\n') + 1; at < m_table.size();) {
        const auto end = m_table.find('\n', at);
        rows.push_back(m_table.substr(at, end - at));
        at = end + 1;
    }
    for (std::size_t r = 0; r < rows.size(); ++r) {
        const auto &other = rows[(r + 701) % rows.size()];
        shuffled += rows[r].substr(0, rows[r].rfind(',')) + other.substr(other.rfind(',')) + "\n";
    }
    const auto blind = train(shuffled, "label=clicked", kFast);
    QVERIFY(blind);
    const auto poor = ctrFamily().evaluate(packaged(*blind), order, m_monitor);
    QVERIFY(poor && poor->metrics.at("auc") < 0.6);
}

void TestCtr::leakIsCounted()
{
    // 100 of the 1,500 training rows in a test of 150; x and noise make every row a single one.
    std::size_t end = 0;
    for (int line = 0; line <= 100; ++line)
        end = m_table.find('\n', end) + 1;
    const auto fresh = table(50, 8);
    EvalOrder order;
    order.test = {write("leak.csv", m_table.substr(0, end) + fresh.substr(fresh.find('\n') + 1)),
                  "csv", *parseColumns("label=clicked")};
    test::QuietMonitor quiet;
    const auto unknown = ctrFamily().evaluate(m_package, order, quiet);
    QVERIFY(unknown && unknown->counts.empty() && quiet.notes.empty());
    order.train = {write("known.csv", m_table), "csv", *parseColumns("label=clicked")};
    const auto leaky = ctrFamily().evaluate(m_package, order, quiet);
    QVERIFY(leaky);
    QCOMPARE(leaky->counts.at("test rows that stand in train"), std::uint64_t{100});
    QVERIFY(quiet.notes.at(0).starts_with("warning: 100 rows of the test"));
    QCOMPARE(leaky->metrics, unknown->metrics);
}

void TestCtr::rowScoresTheSameAloneAndInABatch()
{
    const auto scorer = CtrScorer::open(m_package);
    QVERIFY2(scorer, scorer ? "" : scorer.error().text().c_str());
    QCOMPARE((*scorer)->columns().size(), std::size_t{4});
    std::vector<std::vector<std::string>> rows;
    for (int r = 0; r < 300; ++r)
        rows.push_back({r % 3 ? "red" : "blue", std::to_string(r % 4), std::to_string(r * 0.01),
                        r % 5 ? "0.3" : ""});
    const auto together = (*scorer)->predict(rows);
    QVERIFY(together);
    std::set<double> distinct;
    for (std::size_t r = 0; r < rows.size(); ++r) {
        const auto alone = (*scorer)->predict(std::span(rows).subspan(r, 1));
        QVERIFY(alone);
        QVERIFY(std::memcmp(&alone->probabilities[0], &together->probabilities[r], sizeof(double))
                == 0);
        distinct.insert(alone->probabilities[0]);
    }
    QVERIFY(distinct.size() > 100);
    rows[1].pop_back();
    const auto narrow = (*scorer)->predict(rows);
    QVERIFY(!narrow && narrow.error().message.find("Row 1 has 3 fields") != std::string::npos);
}

void TestCtr::trainingSeesTheScorerOfThePackage()
{
    // LibTorch's forward pass in training and our own in the package agree but for rounding.
    test::QuietMonitor monitor;
    const InputFile file{write("same.csv", m_table), "csv", *parseColumns("label=clicked")};
    for (const bool dots : {false, true}) {
        const FeatureEncoder encoder(*learnSchema(file, {}, monitor));
        const auto rows = *readRows(file, encoder, monitor);
        ClickNetShape shape{
            encoder.codes(), encoder.fields(), encoder.dense(), false, 8, 16, 2, dots, !dots};
        NetOptions options;
        options.epochs = 3;
        const auto folds = drawFolds(rows, 2, 0, 1);
        const auto trained = trainNet(rows, shape, folds[0].train, folds[0].validation, options,
                                      systemClock(), [](const NetRound &) { return true; });
        QVERIFY2(trained, trained ? "" : trained.error().text().c_str());
        QCOMPARE(trained->rounds.size(), std::size_t{3});
        QVERIFY(trained->rounds[2].trainLoss < trained->rounds[0].trainLoss);
        ClickNet::Scratch scratch;
        EncodedRow row;
        for (std::size_t i = 0; i < 100; ++i) {
            const auto r = folds[0].validation[i];
            row.dense.assign(rows.dense.begin() + std::ptrdiff_t(r * rows.densePerRow),
                             rows.dense.begin() + std::ptrdiff_t((r + 1) * rows.densePerRow));
            row.codes.assign(rows.codes.begin() + std::ptrdiff_t(r * rows.fields),
                             rows.codes.begin() + std::ptrdiff_t((r + 1) * rows.fields));
            QVERIFY(std::fabs(trained->net.logit(row, scratch) - trained->validationLogits[i])
                    < 1e-4);
        }
    }
}

void TestCtr::answersLongFilesInOrder()
{
    const auto few = table(50, 9);
    const auto short_ = predict(m_package, few);
    QVERIFY2(short_, short_ ? "" : short_.error().text().c_str());
    QCOMPARE(short_->size(), std::size_t{50});
    // More rows than a block holds; other order of columns, one more, no label.
    std::string many = "extra,noise,x,size,colour\n";
    std::vector<std::string> fields;
    for (int repeat = 0; repeat < 400; ++repeat) {
        for (std::size_t at = few.find('\n') + 1; at < few.size();) {
            const auto end = few.find('\n', at);
            std::vector<std::string> parts;
            for (auto from = at; from <= end;) {
                const auto to = std::min(few.find(',', from), end);
                parts.push_back(few.substr(from, to - from));
                from = to + 1;
            }
            many += "e," + parts[3] + "," + parts[2] + "," + parts[1] + "," + parts[0] + "\n";
            at = end + 1;
        }
    }
    const auto long_ = predict(m_package, many);
    QVERIFY2(long_, long_ ? "" : long_.error().text().c_str());
    QCOMPARE(long_->size(), std::size_t{20'000});
    QCOMPARE(m_answered.rows, std::uint64_t{20'000});
    QCOMPARE(m_answered.notes.at("ignored columns"), std::uint64_t{1});
    for (std::size_t i = 0; i < long_->size(); ++i)
        QCOMPARE((*long_)[i], (*short_)[i % 50]);
    AnswerOrder order;
    order.kind = Answer::Rank;
    const auto wrong = ctrFamily().answer(m_package, order, m_monitor);
    QVERIFY(!wrong && wrong.error().message.find("predict") != std::string::npos);
}

void TestCtr::unseenAndMissingValuesAreCounted()
{
    const auto values = predict(m_package, "colour,size,x,noise\npurple,1,0.5,0.5\n,,,\n"
                                           "red,1,NaN,inf\nred,17,x,0.5\n");
    QVERIFY2(values, values ? "" : values.error().text().c_str());
    QCOMPARE(values->size(), std::size_t{4});
    for (const double p : *values)
        QVERIFY(p > 0 && p < 1);
    // purple; inf; 17 as a category and 'x' as a number.
    QCOMPARE(m_answered.notes.at("unseen values"), std::uint64_t{4});
    // Hashed values have embeddings of their own.
    std::vector<std::string> set(kFast);
    set.insert(set.end(), {"vocabulary=0", "hash_buckets=64", "models=net"});
    const auto hashed = train(m_table, "label=clicked", set);
    QVERIFY2(hashed, hashed ? "" : hashed.error().text().c_str());
    QVERIFY(hashed->manifest.metrics.at("validation auc") > 0.75);
}

void TestCtr::sparseRowsAreLearned()
{
    const auto rows = [](int count, std::uint64_t seed) {
        std::string text;
        for (int r = 0; r < count; ++r) {
            Random random(seed, 5, static_cast<std::uint64_t>(r) * 8);
            const auto a = random.below(40), b = random.below(30), c = random.below(500);
            const double z = -1 + 1.5 * (a % 2 ? 1 : -1) + 1.0 * (b % 3 == 0 ? 1 : -1);
            text += (random.uniform() < 1 / (1 + std::exp(-z)) ? "1 " : "0 ") + std::to_string(a)
                    + ":1 " + std::to_string(1'000 + b) + ":1 " + std::to_string(100'000 + c)
                    + ":1\n";
        }
        return text;
    };
    const auto trained = train(rows(3'000, 1), "", {"folds=2", "epochs=8"}, "libsvm");
    QVERIFY2(trained, trained ? "" : trained.error().text().c_str());
    QCOMPARE(trained->manifest.settings.at("tree sets"), 0.0);
    QVERIFY(trained->manifest.metrics.at("validation auc") > 0.78);
    const auto package = packaged(*trained);
    const auto values = predict(package, "1 1:1 1003:1 100007:1\n2:1 1001:1 99:1\n", "libsvm");
    QVERIFY2(values, values ? "" : values.error().text().c_str());
    QCOMPARE(values->size(), std::size_t{2});
    // True probabilities: .82 and .03.
    QVERIFY2((*values)[0] > 0.6 && (*values)[1] < 0.1,
             qPrintable(QString("%1 %2").arg((*values)[0]).arg((*values)[1])));
    QCOMPARE(m_answered.notes.at("unseen values"), std::uint64_t{1});
    const auto broken = predict(package, "1 1:1 x:1\n", "libsvm");
    QVERIFY(!broken && broken.error().text().find("index:value") != std::string::npos);
    QVERIFY(!predict(package, "1 99999999999999999999:1\n", "libsvm")); // beyond 64 bits
    const auto scorer = CtrScorer::open(package);
    QVERIFY(scorer);
    QCOMPARE((*scorer)->columns(), std::vector<std::string>{"features"});
}

void TestCtr::fewSparseIndicesBecomeNumbers()
{
    std::string text;
    for (int r = 0; r < 800; ++r) {
        Random random(6, 6, static_cast<std::uint64_t>(r) * 4);
        const double x = random.uniform(), y = random.uniform();
        text += (random.uniform() < (x > 0.5 ? 0.8 : 0.1) ? "1" : "-1") + std::string(" 1:")
                + std::to_string(x) + " 2:" + std::to_string(y) + "\n";
    }
    const auto trained = train(text, "", {"folds=2", "models=trees", "tree_rounds=100"}, "libsvm");
    QVERIFY2(trained, trained ? "" : trained.error().text().c_str());
    QCOMPARE(trained->manifest.settings.at("nets"), 0.0);
    QVERIFY(trained->manifest.metrics.at("validation auc") > 0.75);
    const auto values = predict(packaged(*trained), "0 1:0.9 2:0.1\n0 1:0.1 2:0.1\n", "libsvm");
    QVERIFY(values && (*values)[0] > 0.55 && (*values)[1] < 0.35);
}

void TestCtr::sameSeedSameBytes()
{
    const auto bytes = [&](int threads) {
        TrainOrder order;
        order.train = {write("t.csv", m_table), "csv", *parseColumns("label=clicked")};
        for (const auto &pair : kFast)
            (void)setSetting(order.recipe, pair);
        order.threads = threads;
        const auto trained = ctrFamily().train(order, m_monitor);
        Bytes all;
        for (const auto &tensor : trained->tensors)
            all.insert(all.end(), tensor.data.begin(), tensor.data.end());
        return hex(sha256(all));
    };
    const auto one = bytes(1);
    QCOMPARE(bytes(1), one);
    QCOMPARE(bytes(2), one); // parts side by side
}

void TestCtr::resumedTrainingIsTheSame()
{
    TrainOrder order;
    order.train = {write("t.csv", m_table), "csv", *parseColumns("label=clicked")};
    for (const auto &pair : kFast)
        (void)setSetting(order.recipe, pair);
    test::QuietMonitor whole;
    const auto expected = ctrFamily().train(order, whole);
    QVERIFY(expected);
    test::QuietMonitor stopped;
    stopped.keepsCheckpoints = true;
    stopped.onProgress = [](test::QuietMonitor &monitor) {
        if (monitor.lastProgress.starts_with("Part 3"))
            monitor.stopper.request_stop();
    };
    const auto cut = ctrFamily().train(order, stopped);
    QVERIFY(!cut && cut.error().code == ErrorCode::Halted);
    QVERIFY(stopped.checkpoints >= 2 && stopped.saved);
    test::QuietMonitor resumed;
    resumed.saved = stopped.saved;
    std::set<std::string> parts;
    resumed.onProgress = [&](test::QuietMonitor &monitor) {
        parts.insert(monitor.lastProgress.substr(0, 6));
    };
    const auto again = ctrFamily().train(order, resumed);
    QVERIFY(again);
    QVERIFY(!parts.contains("Part 1") && !parts.contains("Part 2") && parts.contains("Part 3"));
    QCOMPARE(again->tensors.size(), expected->tensors.size());
    for (std::size_t i = 0; i < expected->tensors.size(); ++i)
        QCOMPARE(again->tensors[i].data, expected->tensors[i].data);
    QCOMPARE(again->manifest.settings, expected->manifest.settings);
    resumed.saved = Bytes(100, 7);
    QVERIFY(!ctrFamily().train(order, resumed));
}

void TestCtr::stopWritesNothing()
{
    test::QuietMonitor monitor;
    monitor.stopper.request_stop();
    AnswerOrder order;
    order.kind = Answer::Predict;
    order.in = {write("in.csv", m_table), "csv", {}};
    order.out = fs::path(m_folder.path().toStdString()) / "never";
    const auto answered = ctrFamily().answer(m_package, order, monitor);
    QVERIFY(!answered && answered.error().code == ErrorCode::Halted);
    for (const auto &entry : fs::directory_iterator(m_folder.path().toStdString()))
        QVERIFY(!entry.path().filename().string().starts_with("never"));
}

void TestCtr::badFilesAreRefused_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("columns");
    QTest::addColumn<QString>("says");
    const auto rows = [](const char *a, const char *b) {
        QString text;
        for (int i = 0; i < 20; ++i)
            text += QString("v%1,%2\n").arg(i % 3).arg(i % 2 ? a : b);
        return text;
    };
    QTest::newRow("one class") << "x,label\n" + rows("1", "1") << ""
                               << "have the label 1";
    QTest::newRow("NaN labels") << "x,label\n" + rows("nan", "NaN") << ""
                                << "no row with a label";
    QTest::newRow("other labels") << "x,label\n" + rows("1", "perhaps") << ""
                                  << "train.csv:2:1: The label 'perhaps'";
    QTest::newRow("no label") << "x,y\n" + rows("1", "0") << ""
                              << "Which column is the label?";
    QTest::newRow("wrong label column") << "x,y\n" + rows("1", "0") << "label=z"
                                        << "There is no column 'z'";
    QTest::newRow("duplicated column") << "x,x\n" + rows("1", "0") << "label=x"
                                       << "is there twice";
    QTest::newRow("row too wide") << "x,label\na,1\nb,0,3\n" + rows("1", "0") << ""
                                  << "train.csv:3:1: The row has 3 fields";
    QTest::newRow("compressed") << QString("PK\x03\x04 and so on") << "label=y"
                                << "unzip";
    QTest::newRow("nothing to learn from")
        << "x,label\n" + rows("1", "0").replace("v1", "v0").replace("v2", "v0") << ""
        << "No column is left";
    QTest::newRow("few rows") << "x,label\na,1\nb,0\na,1\nb,0\n"
                              << ""
                              << "too few";
    QTest::newRow("empty") << ""
                           << ""
                           << "";
}

void TestCtr::badFilesAreRefused()
{
    QFETCH(QString, text);
    QFETCH(QString, columns);
    QFETCH(QString, says);
    const auto trained = train(text.toStdString(), columns.toStdString(), kFast);
    QVERIFY(!trained);
    QCOMPARE(trained.error().code, ErrorCode::InvalidInput);
    QVERIFY2(trained.error().text().find(says.toStdString()) != std::string::npos,
             trained.error().text().c_str());
}

void TestCtr::badSettingsAreRefused()
{
    const auto unknown = train(m_table, "label=clicked", {"dimensions=8"});
    QVERIFY(!unknown
            && unknown.error().message.find("did you mean dimension") != std::string::npos);
    QVERIFY(!train(m_table, "label=clicked", {"dimension=0"}));
    QVERIFY(!train(m_table, "label=clicked", {"interaction=none"}));
}

void TestCtr::otherSchemaAtPredictIsRefused()
{
    const auto missing = predict(m_package, "colour,size,noise\nred,1,0.5\n");
    QVERIFY(!missing && missing.error().message.find("'x' is missing") != std::string::npos);
    QVERIFY(!predict(m_package, "1 1:1 2:1\n", "libsvm"));
    QVERIFY(!fs::exists(fs::path(m_folder.path().toStdString()) / "out"));
}

void TestCtr::damagedPackagesAreRefused()
{
    auto other = m_package;
    other.manifest.family = "mf";
    QVERIFY(!CtrScorer::open(other));
    other = m_package;
    other.files.clear();
    QVERIFY(!CtrScorer::open(other));
    other = m_package;
    other.manifest.settings["hidden"] = 33;
    QVERIFY(!CtrScorer::open(other));
    other = m_package;
    other.manifest.settings.erase("blend bias");
    QVERIFY(!CtrScorer::open(other));
    other = m_package;
    const auto *table = other.find("net0.table");
    QVERIFY(table != nullptr);
    std::memset(other.weights.data() + table->offset, 0xFF, 4);
    const auto nan = CtrScorer::open(other);
    QVERIFY(!nan && nan.error().message.find("NaN") != std::string::npos);
    // Every flipped byte and every cut of the schema is refused or harmless, never a crash.
    const auto &features = m_package.files.at("features.bin");
    for (std::size_t i = 0; i < features.size(); ++i) {
        other = m_package;
        other.files["features.bin"][i] ^= 0x40;
        if (const auto opened = CtrScorer::open(other))
            QVERIFY((*opened)->columns().size() == 4);
    }
    for (std::size_t size = 0; size < features.size(); size += 7)
        QVERIFY(!parseFeatureSchema(std::span(features).first(size)));
    // On disk the signature catches all of it.
    const auto folder = fs::path(m_folder.path().toStdString()) / "package1";
    auto bytes = *readFile(folder / "features.bin", 1 << 20);
    bytes[bytes.size() / 2] ^= 1;
    QVERIFY(writeFileAtomically(folder / "features.bin", bytes));
    PackagePolicy policy;
    policy.trusted = m_key->publicKey();
    const auto read = readPackage(folder, policy);
    QVERIFY(!read && read.error().code == ErrorCode::Untrusted);
}

void TestCtr::noModelBeatsTheOracle()
{
    auto recipe = *syntheticAdsRecipe("tiny");
    const SyntheticAds ads(recipe, 1);
    constexpr std::uint64_t kTrain = 9'600, kEnd = 11'200;
    const auto trained =
        train(ads.csv(0, kTrain), "order=view", {"folds=2", "epochs=8", "tree_rate=0.1"});
    QVERIFY2(trained, trained ? "" : trained.error().text().c_str());
    const auto values = predict(packaged(*trained), ads.csv(kTrain, kEnd));
    QVERIFY2(values, values ? "" : values.error().text().c_str());
    QCOMPARE(m_answered.notes.at("ignored columns"), std::uint64_t{1});
    const auto bounds = ads.bounds(kTrain, kEnd);
    double difference = 0, squares = 0, expected = 0;
    std::size_t at = 0;
    for (auto number = kTrain; number < kEnd; ++number) {
        const auto view = ads.view(number);
        for (std::uint32_t slot = 1; slot <= recipe.slots; ++slot, ++at) {
            const double truth = ads.clickProbability(view, view.candidates[slot - 1], slot);
            const bool click = ads.clicked(view, slot);
            const double d = logLossOf((*values)[at], click) - logLossOf(truth, click);
            difference += d;
            squares += d * d;
            expected += truth * logLossOf((*values)[at], true)
                        + (1 - truth) * logLossOf((*values)[at], false);
        }
    }
    const auto n = static_cast<double>(at);
    const double error = std::sqrt(squares) / n;
    // Paired with the truth on the same clicks: a model that beats it has seen the labels.
    QVERIFY2(difference / n > -2 * error, qPrintable(QString::number(difference / n)));
    const double way = (bounds.byPosition - expected / n) / (bounds.byPosition - bounds.bayes);
    qInfo("%.1f %% of the way from position only (%.4f) to the oracle (%.4f)", 100 * way,
          bounds.byPosition, bounds.bayes);
    QVERIFY(way > 0.5 && way < 1.0);
}

QTEST_GUILESS_MAIN(TestCtr)
#include "tst_ctr.moc"
