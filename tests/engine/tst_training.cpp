// iALS solves what it claims to solve, beats popularity, never beats the oracle, repeats itself bit
// for bit, and stops when told.

#include "engine/base/random.h"
#include "engine/data/earned.h"
#include "engine/data/oracle.h"
#include "engine/data/split.h"
#include "engine/data/synthetic.h"
#include "engine/model/popularity.h"
#include "engine/scoring/open_scorer.h"
#include "engine/training/evaluate.h"
#include "engine/training/mf/ials.h"
#include "engine/training/mf/interactions.h"
#include "engine/training/rank_metrics.h"

#include <QTemporaryDir>
#include <QtTest>
#include <cmath>

using namespace engine;

class TestTraining : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void interactionsCountEachPairOnce();
    void ranksCountTiesAgainstTheModel();
    void oneEpochIsTheDenseSolution();
    void longRowsAreSolvedLikeShortOnes();
    void beatsPopularityAndNotTheOracle();
    void evaluationAgreesWithTheLists();
    void constantModelEarnsNothing();
    void sameSeedSameBytesWithAnyThreads();
    void otherSeedOtherBytes();
    void validationStopsEarly();
    void stopIsHeard();
    void timeLimitGivesWhatThereIs();
    void progressIsTold();
    void senselessOptionsAreRefused_data();
    void senselessOptionsAreRefused();

private:
    [[nodiscard]] std::unique_ptr<FullScorer> packaged(const IalsModel &model);
    std::optional<SyntheticShop> m_shop;
    Dataset m_all, m_test;
    Split m_split;
    QTemporaryDir m_dir;
    std::optional<SigningKey> m_key;
    int m_next = 0;
};

namespace {

Dataset toy(std::size_t shoppers, std::uint32_t items, std::uint64_t mostEvents)
{
    Dataset data;
    data.items = items;
    data.offsets = {0};
    Random random(11, 5);
    for (std::size_t s = 0; s < shoppers; ++s) {
        const auto count = 1 + random.below(mostEvents);
        for (std::uint64_t e = 0; e < count; ++e)
            data.events.push_back(static_cast<std::uint32_t>(random.below(items)));
        data.offsets.push_back(data.events.size());
    }
    for (std::uint32_t i = 0; i < items; ++i)
        data.itemIds.push_back("i" + std::to_string(i));
    data.itemTitles.resize(items);
    return data;
}

IalsOptions plainOptions(int factors, int epochs)
{
    IalsOptions options;
    options.factors = factors;
    options.epochs = epochs;
    options.patience = 0;
    options.alpha0 = 0.3;
    options.lambda = 0.05;
    options.nu = 0.7;
    return options;
}

using Matrix = std::vector<std::vector<double>>;

/// (alpha0 F^T F + sum f f^T + ridge I) w = sum f, by Gauss-Jordan in double, one row at a time.
Matrix denseHalfStep(const Matrix &fixed, const std::vector<std::vector<std::int64_t>> &rows,
                     const IalsOptions &options)
{
    const auto d = fixed.front().size();
    Matrix out(rows.size(), std::vector<double>(d, 0.0));
    for (std::size_t r = 0; r < rows.size(); ++r) {
        if (rows[r].empty())
            continue;
        Matrix a(d, std::vector<double>(d, 0.0));
        std::vector<double> b(d, 0.0);
        for (std::size_t f = 0; f < fixed.size(); ++f) {
            const bool isSeen =
                std::find(rows[r].begin(), rows[r].end(), static_cast<std::int64_t>(f))
                != rows[r].end();
            for (std::size_t i = 0; i < d; ++i) {
                for (std::size_t j = 0; j < d; ++j)
                    a[i][j] += (options.alpha0 + (isSeen ? 1 : 0)) * fixed[f][i] * fixed[f][j];
                b[i] += isSeen ? fixed[f][i] : 0;
            }
        }
        const double ridge = options.lambda
                             * std::pow(static_cast<double>(rows[r].size())
                                            + options.alpha0 * static_cast<double>(fixed.size()),
                                        options.nu);
        for (std::size_t i = 0; i < d; ++i)
            a[i][i] += ridge;
        for (std::size_t k = 0; k < d; ++k) {
            for (std::size_t i = 0; i < d; ++i) {
                if (i == k)
                    continue;
                const double factor = a[i][k] / a[k][k];
                for (std::size_t j = k; j < d; ++j)
                    a[i][j] -= factor * a[k][j];
                b[i] -= factor * b[k];
            }
        }
        for (std::size_t k = 0; k < d; ++k)
            out[r][k] = b[k] / a[k][k];
    }
    return out;
}

std::vector<std::vector<std::int64_t>> lists(const SparseRows &rows)
{
    std::vector<std::vector<std::int64_t>> all;
    for (std::size_t r = 0; r < rows.rows(); ++r)
        all.emplace_back(rows.of(r).begin(), rows.of(r).end());
    return all;
}

void compareWithDense(const Dataset &data, int factors)
{
    const auto before = trainIals(data, plainOptions(factors, 1), systemClock());
    const auto after = trainIals(data, plainOptions(factors, 2), systemClock());
    QVERIFY2(before, before ? "" : before.error().text().c_str());
    QVERIFY(after);
    const auto d = static_cast<std::size_t>(factors);
    Matrix items(data.items, std::vector<double>(d));
    for (std::size_t i = 0; i < data.items; ++i) {
        for (std::size_t k = 0; k < d; ++k)
            items[i][k] = static_cast<double>(before->itemFactors[i * d + k]);
    }
    const auto rows = shopperRows(data);
    const auto options = plainOptions(factors, 1);
    const auto shoppers = denseHalfStep(items, lists(rows), options);
    const auto expected = denseHalfStep(shoppers, lists(transposed(rows)), options);
    double most = 0;
    for (std::size_t i = 0; i < data.items; ++i) {
        for (std::size_t k = 0; k < d; ++k)
            most = std::max(most, std::abs(expected[i][k]
                                           - static_cast<double>(after->itemFactors[i * d + k])));
    }
    QVERIFY2(most < 2e-3, qPrintable(QString::number(most)));
    QVERIFY(std::abs(after->itemFactors[0]) > 1e-6f);
}

/// Everything scores the same: all ties, so nothing may be earned.
class ConstantScorer final : public FullScorer
{
public:
    explicit ConstantScorer(std::uint32_t items) : FullScorer(Package{}), m_items(items) {}
    Result<> scoreAll(std::span<const std::vector<std::int64_t>>,
                      std::span<float> out) const override
    {
        std::fill(out.begin(), out.end(), 1.0f);
        return {};
    }
    std::size_t stride() const override { return m_items; }
    std::uint32_t items() const override { return m_items; }

private:
    std::uint32_t m_items;
};

} // namespace

void TestTraining::initTestCase()
{
    m_key = *SigningKey::loadOrCreate(m_dir.path().toStdString() + "/keys/signing.key");
    m_shop.emplace(*syntheticRecipe("tiny"), 1);
    m_all = m_shop->generate(2);
    m_split = splitByTime(m_all);
    m_test = testPart(m_all, m_split);
}

std::unique_ptr<FullScorer> TestTraining::packaged(const IalsModel &model)
{
    Manifest manifest;
    manifest.version = "1";
    const auto folder = m_dir.path().toStdString() + "/p" + std::to_string(m_next++);
    const auto digest = writeMfPackage(folder, model, m_split.train, manifest, *m_key);
    if (!digest)
        return nullptr;
    PackagePolicy policy;
    policy.trusted = m_key->publicKey();
    policy.featureSchema = featureSchema(m_split.train.itemIds);
    const auto package = readPackage(folder, policy);
    if (!package)
        return nullptr;
    auto scorer = openFullScorer(*package);
    return scorer ? std::move(*scorer) : nullptr;
}

void TestTraining::interactionsCountEachPairOnce()
{
    Dataset data;
    data.items = 5;
    data.offsets = {0, 4, 4, 6};
    data.events = {3, 1, 3, 0, 4, 1};
    const auto rows = shopperRows(data);
    QCOMPARE(lists(rows), (std::vector<std::vector<std::int64_t>>{{0, 1, 3}, {}, {1, 4}}));
    QCOMPARE(lists(transposed(rows)),
             (std::vector<std::vector<std::int64_t>>{{0}, {0, 2}, {}, {0}, {2}}));
    QCOMPARE(lists(shopperRows(data, {1, 0, 1})),
             (std::vector<std::vector<std::int64_t>>{{1, 3}, {}, {4}}));
}

void TestTraining::ranksCountTiesAgainstTheModel()
{
    const std::vector<float> scores{5, 2, 2, 2, 1};
    const std::vector<std::int64_t> none, first{0}, tied{2};
    QCOMPARE(rankAgainstModel(scores, none, 0), std::size_t{1});
    QCOMPARE(rankAgainstModel(scores, none, 1), std::size_t{4});
    QCOMPARE(rankAgainstModel(scores, first, 1), std::size_t{3});
    QCOMPARE(rankAgainstModel(scores, tied, 1), std::size_t{3});
    QCOMPARE(rankAgainstModel(scores, tied, 2), std::size_t{6});
    const std::vector<float> broken{1, NAN, 3};
    QCOMPARE(rankAgainstModel(broken, none, 1), std::size_t{3});
    QCOMPARE(rankAgainstModel(broken, none, 2), std::size_t{2});
}

void TestTraining::oneEpochIsTheDenseSolution()
{
    compareWithDense(toy(30, 20, 8), 4);
    compareWithDense(toy(40, 25, 12), 8);
}

void TestTraining::longRowsAreSolvedLikeShortOnes()
{
    // Item 0 has thousands of shoppers, item 1 one: blocks of very different lengths.
    auto data = toy(3000, 12, 3);
    for (std::size_t s = 0; s < data.shoppers(); ++s)
        data.events[data.offsets[s]] = 0;
    compareWithDense(data, 8);
}

void TestTraining::beatsPopularityAndNotTheOracle()
{
    const auto model = trainIals(m_split.train, defaultIals(m_split.train), systemClock());
    QVERIFY2(model, model ? "" : model.error().text().c_str());
    const auto scorer = packaged(*model);
    QVERIFY(scorer);
    auto rows = m_split.test;
    const auto oracle = oracleQuality(*m_shop, m_all, rows, 2);
    const auto popular = popularityQuality(popularityOrder(m_split.train), m_all, rows, &*m_shop);
    double ndcg = 0;
    for (const auto &row : rows) {
        const auto events = m_all.of(row.shopper).first(row.h);
        const std::vector<std::vector<std::int64_t>> one{{events.begin(), events.end()}};
        const auto list = scorer->score(one, 10);
        QVERIFY(list);
        ndcg += Earned::ndcg10(row.label, list->front().items);
    }
    ndcg /= static_cast<double>(rows.size());
    qInfo("tiny: popularity %.4f, iALS %.4f, oracle %.4f +- %.4f, %.2f s, %d epochs", popular.ndcg,
          ndcg, oracle.ndcg, oracle.ndcgError, model->seconds, model->options.epochs);
    QVERIFY(ndcg > 1.3 * popular.ndcg);
    QVERIFY(ndcg < oracle.ndcg + 2 * oracle.ndcgError);
}

void TestTraining::evaluationAgreesWithTheLists()
{
    auto options = defaultIals(m_split.train);
    options.patience = 0;
    options.epochs = 3;
    const auto model = trainIals(m_split.train, options, systemClock());
    QVERIFY(model);
    const auto scorer = packaged(*model);
    QVERIFY(scorer);
    const auto evaluation = evaluate(*scorer, m_split.train, m_test, systemClock());
    QVERIFY2(evaluation, evaluation ? "" : evaluation.error().text().c_str());
    double hits = 0, ndcg = 0;
    std::size_t users = 0;
    for (std::size_t s = 0; s < m_all.shoppers(); ++s) {
        const auto labels = m_test.of(s);
        if (labels.empty())
            continue;
        ++users;
        const auto events = m_split.train.of(s);
        const std::vector<std::vector<std::int64_t>> one{{events.begin(), events.end()}};
        const auto list = scorer->score(one, 10)->front().items;
        double dcg = 0, ideal = 0;
        bool hit = false;
        for (std::size_t i = 0; i < labels.size(); ++i)
            ideal += 1 / std::log2(2.0 + static_cast<double>(i));
        for (std::size_t r = 0; r < list.size(); ++r) {
            if (std::find(labels.begin(), labels.end(), list[r]) == labels.end())
                continue;
            hit = true;
            dcg += 1 / std::log2(2.0 + static_cast<double>(r));
        }
        hits += hit ? 1 : 0;
        ndcg += dcg / ideal;
    }
    QCOMPARE(evaluation->users, users);
    QVERIFY(std::abs(evaluation->metrics.at("hr@10") - hits / static_cast<double>(users)) < 1e-9);
    QVERIFY(std::abs(evaluation->metrics.at("ndcg@10") - ndcg / static_cast<double>(users)) < 1e-9);
    QVERIFY(evaluation->metrics.at("recall@20") >= evaluation->metrics.at("recall@10"));
    QVERIFY(evaluation->standardErrors.at("ndcg@10") > 0);
}

void TestTraining::constantModelEarnsNothing()
{
    const ConstantScorer constant(m_all.items);
    const auto evaluation = evaluate(constant, m_split.train, m_test, systemClock());
    QVERIFY(evaluation);
    QCOMPARE(evaluation->metrics.at("ndcg@20"), 0.0);
    QCOMPARE(evaluation->metrics.at("hr@10"), 0.0);
}

void TestTraining::sameSeedSameBytesWithAnyThreads()
{
    const auto options = defaultIals(m_split.train);
    const auto a = trainIals(m_split.train, options, systemClock());
    auto threaded = options;
    threaded.threads = 3;
    const auto b = trainIals(m_split.train, threaded, systemClock());
    QVERIFY(a && b);
    QVERIFY(a->itemFactors == b->itemFactors);
    QCOMPARE(packaged(*a)->digest(), packaged(*b)->digest());
}

void TestTraining::otherSeedOtherBytes()
{
    auto options = defaultIals(m_split.train);
    options.epochs = 1;
    const auto a = trainIals(m_split.train, options, systemClock());
    options.seed = 2;
    const auto b = trainIals(m_split.train, options, systemClock());
    QVERIFY(a && b);
    QVERIFY(a->itemFactors != b->itemFactors);
}

void TestTraining::validationStopsEarly()
{
    auto options = defaultIals(m_split.train);
    options.epochs = 200;
    options.lambda = 1e-4; // over-fits soon
    options.alpha0 = 0.01;
    const auto model = trainIals(m_split.train, options, systemClock());
    QVERIFY(model);
    QVERIFY(model->options.epochs < 100);
    QVERIFY(model->validation > 0);
}

void TestTraining::stopIsHeard()
{
    std::stop_source source;
    int calls = 0;
    auto options = plainOptions(32, 1000);
    const auto model = trainIals(
        m_split.train, options, systemClock(),
        [&](const IalsProgress &) {
            if (++calls == 2)
                source.request_stop();
        },
        source.get_token());
    QVERIFY(!model);
    QCOMPARE(model.error().code, ErrorCode::Halted);
    QCOMPARE(calls, 2);
}

void TestTraining::timeLimitGivesWhatThereIs()
{
    auto options = plainOptions(32, 100000);
    options.timeLimit = Micros{300'000};
    const auto model = trainIals(m_split.train, options, systemClock());
    QVERIFY(model);
    QVERIFY(model->options.epochs >= 1 && model->options.epochs < 100000);
}

void TestTraining::progressIsTold()
{
    std::vector<IalsProgress> told;
    auto options = defaultIals(m_split.train);
    options.epochs = 3;
    options.patience = 5;
    const auto model = trainIals(m_split.train, options, systemClock(),
                                 [&](const IalsProgress &progress) { told.push_back(progress); });
    QVERIFY(model);
    QVERIFY(told.size() >= 4);
    QVERIFY(told.front().validation > 0);
    QVERIFY(told.back().refit);
    QCOMPARE(told.back().epoch, told.back().epochs);
    QVERIFY(told.back().seconds >= told.front().seconds);
    QVERIFY(told.back().secondsLeft == 0.0);
}

void TestTraining::senselessOptionsAreRefused_data()
{
    QTest::addColumn<QString>("which");
    for (const char *name :
         {"factors", "odd factors", "lambda", "nan", "epochs", "threads", "data"})
        QTest::newRow(name) << QString::fromLatin1(name);
}

void TestTraining::senselessOptionsAreRefused()
{
    QFETCH(QString, which);
    auto options = plainOptions(8, 1);
    auto data = toy(5, 5, 3);
    if (which == QLatin1String("factors"))
        options.factors = 0;
    if (which == QLatin1String("odd factors"))
        options.factors = 13;
    if (which == QLatin1String("lambda"))
        options.lambda = 0;
    if (which == QLatin1String("nan"))
        options.alpha0 = NAN;
    if (which == QLatin1String("epochs"))
        options.epochs = 0;
    if (which == QLatin1String("threads"))
        options.threads = 0;
    if (which == QLatin1String("data"))
        data = {};
    const auto model = trainIals(data, options, systemClock());
    QVERIFY(!model);
    QCOMPARE(model.error().code, ErrorCode::InvalidInput);
}

QTEST_GUILESS_MAIN(TestTraining)
#include "tst_training.moc"
