// A reply has the same bits alone and in a batch, offline and live, from the library and from the
// module; it is the ridge solution that the model promises.

#include "engine/base/random.h"
#include "engine/data/earned.h"
#include "engine/model/expected_quality.h"
#include "engine/model/popularity.h"
#include "engine/model/torch_module.h"
#include "engine/scoring/kernels.h"
#include "engine/scoring/open_scorer.h"

#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <cstring>
#include <thread>

using namespace engine;

class TestScoring : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void productIsTheDotProduct();
    void foldInSolvesTheRidgeSystem();
    void foldInRefusesSingularSystems();
    void batchAndSingleHaveTheSameBits();
    void orderAndRepeatsOfTheHistoryDoNotMatter();
    void historyIsRemovedAndUnknownNumbersIgnored();
    void tiesGoToTheLowerNumber();
    void askingForMoreThanThereIsGivesAll();
    void kBelowOneIsRefused();
    void newShopperGetsPopularity();
    void moduleScoresLikeTheLibrary();
    void missingModuleSaysWhatToDo();
    void brokenModelsAreRefused_data();
    void brokenModelsAreRefused();
    void expectedQualityIsWhatLiveTrafficEarns();
    void expectedQualityRefusesRowsOutside();
    void severalThreadsScoreAtOnce();

private:
    struct Parts
    {
        std::vector<float> items, gram;
        std::vector<std::int64_t> counts;
        std::int64_t n = 0, d = 0;
    };
    [[nodiscard]] Result<Package> packaged(const Parts &parts, const std::string &family = "mf",
                                           double lambda = 0.02);
    [[nodiscard]] std::vector<std::vector<std::int64_t>> histories(std::size_t count) const;
    QTemporaryDir m_dir;
    std::optional<SigningKey> m_key;
    Parts m_parts;
    int m_next = 0;
    std::unique_ptr<Scorer> m_scorer;
};

namespace {

constexpr std::int64_t kItems = 1003, kFactors = 64;

std::vector<float> gramOf(const std::vector<float> &items, std::size_t n, std::size_t d)
{
    std::vector<double> sum(d * d, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t a = 0; a < d; ++a) {
            for (std::size_t b = 0; b < d; ++b)
                sum[a * d + b] += static_cast<double>(items[i * d + a] * items[i * d + b]);
        }
    }
    return {sum.begin(), sum.end()};
}

bool sameBits(const TopItems &a, const TopItems &b)
{
    return a.items == b.items && a.scores.size() == b.scores.size()
           && std::memcmp(a.scores.data(), b.scores.data(), a.scores.size() * sizeof(float)) == 0;
}

/// Gauss-Jordan with pivoting: shares nothing with the code under test.
std::vector<double> solveDense(std::vector<std::vector<double>> a, std::vector<double> b)
{
    const auto n = b.size();
    for (std::size_t k = 0; k < n; ++k) {
        std::size_t pivot = k;
        for (std::size_t i = k; i < n; ++i) {
            if (std::abs(a[i][k]) > std::abs(a[pivot][k]))
                pivot = i;
        }
        std::swap(a[k], a[pivot]);
        std::swap(b[k], b[pivot]);
        for (std::size_t i = 0; i < n; ++i) {
            if (i == k)
                continue;
            const double factor = a[i][k] / a[k][k];
            for (std::size_t j = k; j < n; ++j)
                a[i][j] -= factor * a[k][j];
            b[i] -= factor * b[k];
        }
    }
    for (std::size_t k = 0; k < n; ++k)
        b[k] /= a[k][k];
    return b;
}

/// Earns the sum of a made-up value of each listed item by rank: any change of the list shows.
class ListEarned final : public Earned
{
public:
    double quality(const TraceRow &row, std::span<const std::int64_t> items) const override
    {
        double sum = row.label;
        for (std::size_t r = 0; r < items.size(); ++r)
            sum += static_cast<double>(items[r]) / static_cast<double>(r + 1);
        return sum;
    }
};

} // namespace

void TestScoring::initTestCase()
{
    auto key = SigningKey::loadOrCreate(m_dir.path().toStdString() + "/keys/signing.key");
    QVERIFY(key);
    m_key = *key;
    Random random(5, 1);
    m_parts.n = kItems;
    m_parts.d = kFactors;
    for (std::int64_t i = 0; i < kItems * kFactors; ++i)
        m_parts.items.push_back(static_cast<float>(random.normal() * 0.2));
    m_parts.gram = gramOf(m_parts.items, kItems, kFactors);
    for (std::int64_t i = 0; i < kItems; ++i)
        m_parts.counts.push_back(static_cast<std::int64_t>(random.below(20)));
    const auto package = packaged(m_parts);
    QVERIFY2(package, package ? "" : package.error().text().c_str());
    auto scorer = openScorer(*package);
    QVERIFY2(scorer, scorer ? "" : scorer.error().text().c_str());
    m_scorer = std::move(*scorer);
}

Result<Package> TestScoring::packaged(const Parts &parts, const std::string &family, double lambda)
{
    const auto bytes = [](const auto &values) {
        return std::span(reinterpret_cast<const std::uint8_t *>(values.data()),
                         values.size() * sizeof(values[0]));
    };
    const TensorSource tensors[] = {
        {"items", "F32", {parts.n, parts.d}, bytes(parts.items)},
        {"gram", "F32", {parts.d, parts.d}, bytes(parts.gram)},
        {"counts", "I64", {static_cast<std::int64_t>(parts.counts.size())}, bytes(parts.counts)}};
    Manifest manifest;
    manifest.family = family;
    manifest.version = "1";
    manifest.settings = {{"alpha0", 0.1}, {"lambda", lambda}, {"nu", 0.5}};
    const auto folder = m_dir.path().toStdString() + "/p" + std::to_string(m_next++);
    auto digest = writePackage(folder, manifest, tensors, *m_key);
    if (!digest)
        return tl::unexpected(digest.error());
    PackagePolicy policy;
    policy.trusted = m_key->publicKey();
    return readPackage(folder, policy);
}

std::vector<std::vector<std::int64_t>> TestScoring::histories(std::size_t count) const
{
    Random random(9, 2);
    std::vector<std::vector<std::int64_t>> all(count);
    for (auto &history : all) {
        const auto length = 1 + random.below(60);
        for (std::uint64_t i = 0; i < length; ++i)
            history.push_back(static_cast<std::int64_t>(random.below(kItems)));
    }
    return all;
}

void TestScoring::productIsTheDotProduct()
{
    for (const std::size_t n : {1u, 15u, 16u, 17u, 5000u}) {
        constexpr std::size_t d = 20;
        Random random(n, 3);
        std::vector<float> items(n * d), shoppers(7 * d);
        for (auto *values : {&items, &shoppers}) {
            for (auto &value : *values)
                value = static_cast<float>(random.normal());
        }
        const ItemPanels panels(items, n, d);
        std::vector<float> out(7 * panels.stride(), -1), row(d);
        panels.product(shoppers, out);
        for (std::size_t s = 0; s < 7; ++s) {
            for (std::size_t i = 0; i < n; ++i) {
                float sum = 0;
                for (std::size_t k = 0; k < d; ++k)
                    sum += shoppers[s * d + k] * items[i * d + k];
                QCOMPARE(out[s * panels.stride() + i], sum); // the promised order, bit for bit
            }
        }
        panels.row(n - 1, row);
        QVERIFY(std::equal(row.begin(), row.end(), items.end() - d));
    }
}

void TestScoring::foldInSolvesTheRidgeSystem()
{
    constexpr std::size_t d = 12, count = 5;
    Random random(3, 4);
    std::vector<float> rows(count * d), out(d);
    for (auto &value : rows)
        value = static_cast<float>(random.normal());
    std::vector<double> gram(d * d, 0.0), work;
    for (std::size_t r = 0; r < 40; ++r) {
        std::vector<double> v(d);
        for (auto &value : v)
            value = random.normal();
        for (std::size_t a = 0; a < d; ++a) {
            for (std::size_t b = 0; b < d; ++b)
                gram[a * d + b] += 0.1 * v[a] * v[b];
        }
    }
    QVERIFY(foldIn(rows, d, gram, 0.7, out, work));
    std::vector<std::vector<double>> a(d, std::vector<double>(d));
    std::vector<double> b(d, 0.0);
    for (std::size_t i = 0; i < d; ++i) {
        for (std::size_t j = 0; j < d; ++j) {
            a[i][j] = gram[i * d + j] + (i == j ? 0.7 : 0.0);
            for (std::size_t r = 0; r < count; ++r)
                a[i][j] +=
                    static_cast<double>(rows[r * d + i]) * static_cast<double>(rows[r * d + j]);
        }
        for (std::size_t r = 0; r < count; ++r)
            b[i] += static_cast<double>(rows[r * d + i]);
    }
    const auto expected = solveDense(a, b);
    for (std::size_t i = 0; i < d; ++i)
        QVERIFY(std::abs(static_cast<double>(out[i]) - expected[i]) < 1e-6);
}

void TestScoring::foldInRefusesSingularSystems()
{
    std::vector<float> row{1, 0, 0, 0}, out(4);
    std::vector<double> work;
    QVERIFY(!foldIn(row, 4, std::vector<double>(16, 0.0), 0.0, out, work));
}

void TestScoring::batchAndSingleHaveTheSameBits()
{
    const auto all = histories(64);
    const auto batch = m_scorer->score(all, 10);
    QVERIFY(batch);
    QCOMPARE(batch->size(), std::size_t{64});
    for (std::size_t h = 0; h < all.size(); ++h) {
        const auto single = m_scorer->score({&all[h], 1}, 10);
        QVERIFY(single);
        QVERIFY(sameBits(single->front(), (*batch)[h]));
        QCOMPARE(single->front().items.size(), std::size_t{10});
        QVERIFY(std::is_sorted(single->front().scores.rbegin(), single->front().scores.rend()));
    }
    // Odd batch sizes take other paths through the kernel.
    for (const std::size_t size : {2u, 3u, 5u, 63u}) {
        const auto part = m_scorer->score(std::span(all).first(size), 10);
        QVERIFY(part);
        for (std::size_t h = 0; h < size; ++h)
            QVERIFY(sameBits((*part)[h], (*batch)[h]));
    }
    const auto wide = m_scorer->score(all, 500);
    QVERIFY(wide);
    QVERIFY(
        std::equal((*batch)[7].items.begin(), (*batch)[7].items.end(), (*wide)[7].items.begin()));
}

void TestScoring::orderAndRepeatsOfTheHistoryDoNotMatter()
{
    const std::vector<std::vector<std::int64_t>> same{{4, 9, 700}, {700, 4, 9, 4, 4}};
    const auto lists = m_scorer->score(same, 10);
    QVERIFY(lists);
    QVERIFY(sameBits((*lists)[0], (*lists)[1]));
}

void TestScoring::historyIsRemovedAndUnknownNumbersIgnored()
{
    auto all = histories(20);
    const auto lists = m_scorer->score(all, 30);
    QVERIFY(lists);
    for (std::size_t h = 0; h < all.size(); ++h) {
        for (const auto item : (*lists)[h].items)
            QVERIFY(std::find(all[h].begin(), all[h].end(), item) == all[h].end());
    }
    for (auto &history : all)
        history.insert(history.end(), {-1, kItems, INT64_MAX, INT64_MIN});
    const auto padded = m_scorer->score(all, 30);
    QVERIFY(padded);
    for (std::size_t h = 0; h < all.size(); ++h)
        QVERIFY(sameBits((*padded)[h], (*lists)[h]));
}

void TestScoring::tiesGoToTheLowerNumber()
{
    const std::vector<float> scores{1, 3, 2, 3, 1, 3};
    const std::vector<std::int64_t> known{3};
    QCOMPARE(bestOf(scores, known, 4).items, (std::vector<std::int64_t>{1, 5, 2, 0}));
    QCOMPARE(bestOf(scores, {}, 2).items, (std::vector<std::int64_t>{1, 3}));
}

void TestScoring::askingForMoreThanThereIsGivesAll()
{
    const std::vector<std::vector<std::int64_t>> one{{1, 2, 3}};
    const auto lists = m_scorer->score(one, 5000);
    QVERIFY(lists);
    QCOMPARE(lists->front().items.size(), static_cast<std::size_t>(kItems - 3));
}

void TestScoring::kBelowOneIsRefused()
{
    const std::vector<std::vector<std::int64_t>> one{{1}};
    QVERIFY(!m_scorer->score(one, 0));
    QVERIFY(!m_scorer->score(one, -3));
}

void TestScoring::newShopperGetsPopularity()
{
    const std::vector<std::vector<std::int64_t>> nobody{{}, {-1, -1}, {5}};
    const auto lists = m_scorer->score(nobody, 10);
    QVERIFY(lists);
    std::vector<float> counts(m_parts.counts.begin(), m_parts.counts.end());
    QCOMPARE((*lists)[0].items, bestOf(counts, {}, 10).items);
    QVERIFY(sameBits((*lists)[0], (*lists)[1]));
    QVERIFY((*lists)[2].items != (*lists)[0].items);
    auto package = packaged(m_parts, "popularity");
    QVERIFY(package);
    const auto popular = openScorer(*package);
    QVERIFY(popular);
    QCOMPARE((*(*popular)->score(nobody, 10))[0].items, (*lists)[0].items);
    QCOMPARE((*popular)->family(), std::string("popularity"));
}

void TestScoring::moduleScoresLikeTheLibrary()
{
    Paths paths;
    paths.binaries = DRILLROOM_BIN_DIR;
    const auto module = TorchModule::load(TorchModule::defaultFile(paths), systemClock());
    QVERIFY2(module, module ? "" : module.error().text().c_str());
    QVERIFY(module->loadTime().count() > 0);
    QVERIFY(module->torchVersion().starts_with("2."));
    auto package = packaged(m_parts);
    QVERIFY(package);
    const auto scorer = module->openScorer(std::move(*package));
    QVERIFY(scorer);
    const auto all = histories(8);
    const auto live = (*scorer)->score(all, 10), here = m_scorer->score(all, 10);
    QVERIFY(live && here);
    for (std::size_t h = 0; h < all.size(); ++h)
        QVERIFY(sameBits((*live)[h], (*here)[h]));
    QCOMPARE((*scorer)->items(), static_cast<std::uint32_t>(kItems));
    QVERIFY(!module->openScorer({})); // a failure comes back as a value
}

void TestScoring::missingModuleSaysWhatToDo()
{
    const auto module = TorchModule::load("/nowhere/drillroom_torch.so", systemClock());
    QVERIFY(!module);
    QCOMPARE(module.error().code, ErrorCode::Unavailable);
    QVERIFY(module.error().text().find("installer/start") != std::string::npos);
}

void TestScoring::brokenModelsAreRefused_data()
{
    QTest::addColumn<QString>("what");
    for (const char *what : {"nan", "infinity", "gram", "counts", "family", "lambda", "shape"})
        QTest::newRow(what) << QString::fromLatin1(what);
}

void TestScoring::brokenModelsAreRefused()
{
    QFETCH(QString, what);
    auto parts = m_parts;
    std::string family = "mf";
    double lambda = 0.02;
    if (what == QLatin1String("nan"))
        parts.items[77] = NAN;
    if (what == QLatin1String("infinity"))
        parts.items[5] = INFINITY;
    if (what == QLatin1String("gram"))
        parts.gram[0] += 5;
    if (what == QLatin1String("counts"))
        parts.counts.pop_back();
    if (what == QLatin1String("family"))
        family = "unheard-of";
    if (what == QLatin1String("lambda"))
        lambda = -1;
    if (what == QLatin1String("shape"))
        std::swap(parts.n, parts.d);
    const auto package = packaged(parts, family, lambda);
    if (package)
        QVERIFY(!openScorer(*package));
    else
        QCOMPARE(what, QStringLiteral("shape")); // the writer refuses what fits no shape
}

void TestScoring::expectedQualityIsWhatLiveTrafficEarns()
{
    Dataset data;
    data.items = kItems;
    data.offsets = {0};
    for (const auto &history : histories(150)) {
        for (const auto item : history)
            data.events.push_back(static_cast<std::uint32_t>(item));
        data.offsets.push_back(data.events.size());
    }
    std::vector<TraceRow> rows;
    for (std::uint32_t s = 0; s < 150; ++s) {
        const auto length = static_cast<std::uint32_t>(data.of(s).size());
        rows.push_back({s, length / 2, s, 0});
        rows.push_back({s, length, s, 0});
    }
    const ListEarned earned;
    ExpectedOptions two;
    two.threads = 2;
    const auto expected = expectedQuality(*m_scorer, data, rows, earned);
    const auto again = expectedQuality(*m_scorer, data, rows, earned, two);
    QVERIFY(expected && again);
    QCOMPARE(*expected, *again);
    for (std::size_t r = 0; r < rows.size(); ++r) {
        const auto events = data.of(rows[r].shopper).first(rows[r].h);
        const std::vector<std::vector<std::int64_t>> one{{events.begin(), events.end()}};
        const auto live = m_scorer->score(one, 10);
        QVERIFY(live);
        QCOMPARE(static_cast<float>(earned.quality(rows[r], live->front().items)), (*expected)[r]);
    }
}

void TestScoring::expectedQualityRefusesRowsOutside()
{
    Dataset data;
    data.items = kItems;
    data.offsets = {0, 2};
    data.events = {1, 2};
    const ListEarned earned;
    const TraceRow late{0, 3, 1, 0}, nobody{1, 0, 1, 0}, good{0, 2, 1, 0};
    QVERIFY(!expectedQuality(*m_scorer, data, {&late, 1}, earned));
    QVERIFY(!expectedQuality(*m_scorer, data, {&nobody, 1}, earned));
    QVERIFY(expectedQuality(*m_scorer, data, {&good, 1}, earned));
}

void TestScoring::severalThreadsScoreAtOnce()
{
    const auto all = histories(30);
    const auto alone = m_scorer->score(all, 10);
    QVERIFY(alone);
    std::atomic<int> differences{0};
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (std::size_t h = 0; h < all.size(); ++h) {
                    const auto list = m_scorer->score({&all[h], 1}, 10);
                    if (!list || !sameBits(list->front(), (*alone)[h]))
                        ++differences;
                }
            });
        }
    }
    QCOMPARE(differences.load(), 0);
}

QTEST_GUILESS_MAIN(TestScoring)
#include "tst_scoring.moc"
