// The synthetic shop: the same bytes everywhere, probabilities that are probabilities, and a shop
// worth learning.

#include "engine/base/digest.h"
#include "engine/base/exact_math.h"
#include "engine/data/earned.h"
#include "engine/data/fast_exp.h"
#include "engine/data/oracle.h"
#include "engine/data/split.h"
#include "engine/data/synthetic.h"

#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <set>
#include <thread>

using namespace engine;

class TestSynthetic : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void bytesAreTheSameOnEveryMachine();
    void threadsDoNotChangeTheBytes();
    void seedChangesTheBytes();
    void unknownSizeIsRefused();
    void catalogueIsNamedAndPriced();
    void nobodyTakesAnItemTwice();
    void historyLengthsFollowTheTable();
    void popularityFallsLikeTheRealShops();
    void probabilitiesSumToOne();
    void utilityIsTheSameAloneAndInBlocks();
    void eventsAreDrawnFromTheProbabilities();
    void momentNeedsOnlyTheHistory();
    void splitKeepsTheLastTwo();
    void traceKeepsTheOrderOfEachShopper();
    void oracleBeatsPopularity();
    void neighboursLieBetweenPopularityAndOracle();
    void earnedAgreesWithTheOracle();
    void earnedIgnoresWhatCannotBeTaken();
    void earnedOnRealDataIsTheLabel();
    void fastExpIsAccurate();

private:
    SyntheticRecipe m_recipe;
    std::unique_ptr<SyntheticShop> m_shop;
    Dataset m_data;
};

namespace {

QString hashOf(const Dataset &data)
{
    Writer out;
    out(data.items);
    out(data.itemIds);
    out(data.itemTitles);
    out(data.shopperIds);
    out(data.offsets);
    out(data.events);
    const auto sum = sha256(out.bytes());
    return QString::fromStdString(hex(sum));
}

std::vector<double> probabilities(const SyntheticShop &shop, std::uint32_t shopper,
                                  std::span<const std::uint32_t> history)
{
    std::vector<double> p;
    shop.utilities(shop.moment(shopper, history), p);
    const double normaliser = SyntheticShop::logNormaliser(p, history);
    for (auto &value : p)
        value = std::exp(value - normaliser);
    for (const auto item : history)
        p[item] = 0;
    return p;
}

} // namespace

void TestSynthetic::initTestCase()
{
    m_recipe = *syntheticRecipe("tiny");
    m_shop = std::make_unique<SyntheticShop>(m_recipe, 1);
    m_data = m_shop->generate(1);
}

void TestSynthetic::bytesAreTheSameOnEveryMachine()
{
    QCOMPARE(hashOf(m_data),
             QStringLiteral("dc1b01fb9a2fc9f48d7c27e74c2e2a45f57321d52ce9af9670880ba37d1fddc3"));
}

void TestSynthetic::threadsDoNotChangeTheBytes()
{
    double last = 0;
    const auto data =
        m_shop->generate(4, [&last, caller = std::this_thread::get_id()](double part) {
            QCOMPARE(std::this_thread::get_id(), caller);
            QVERIFY(part >= last && part <= 1);
            last = part;
        });
    QCOMPARE(last, 1.0);
    QCOMPARE(hashOf(data), hashOf(m_data));
    auto rows = splitByTime(m_data).test;
    auto same = rows;
    const auto one = oracleQuality(*m_shop, m_data, rows, 1);
    const auto four = oracleQuality(*m_shop, m_data, same, 4);
    QCOMPARE(one.expected, four.expected);
    for (std::size_t i = 0; i < rows.size(); ++i)
        QCOMPARE(rows[i].logNormaliser, same[i].logNormaliser);
}

void TestSynthetic::seedChangesTheBytes()
{
    QVERIFY(hashOf(SyntheticShop(m_recipe, 2).generate(1)) != hashOf(m_data));
}

void TestSynthetic::unknownSizeIsRefused()
{
    QCOMPARE(QString::fromStdString(*syntheticSize("synthetic:tiny")), QStringLiteral("tiny"));
    QCOMPARE(QString::fromStdString(*syntheticSize("synthetic")), QStringLiteral("demo"));
    QCOMPARE(syntheticSize("sales.csv").error().code, ErrorCode::NotFound);
    const auto huge = syntheticSize("synthetic:huge");
    QVERIFY(!huge);
    QCOMPARE(huge.error().code, ErrorCode::InvalidInput);
    QCOMPARE(QString::fromStdString(huge.error().text()),
             QStringLiteral("There is no synthetic shop \"huge\"; use tiny, demo or large"));
}

void TestSynthetic::catalogueIsNamedAndPriced()
{
    std::set<std::uint32_t> categories;
    for (std::uint32_t item = 0; item < m_data.items; ++item) {
        QVERIFY(m_data.itemTitles[item].find(' ') != std::string::npos);
        QVERIFY(m_shop->price(item) > 0.05 && m_shop->price(item) < 1000);
        categories.insert(m_shop->category(item));
    }
    QCOMPARE(categories.size(), std::size_t{m_shop->categories()});
}

void TestSynthetic::nobodyTakesAnItemTwice()
{
    for (std::size_t shopper = 0; shopper < m_data.shoppers(); ++shopper) {
        const auto events = m_data.of(shopper);
        QCOMPARE(std::set<std::uint32_t>(events.begin(), events.end()).size(), events.size());
    }
}

void TestSynthetic::historyLengthsFollowTheTable()
{
    std::vector<std::size_t> lengths;
    for (std::size_t shopper = 0; shopper < m_data.shoppers(); ++shopper)
        lengths.push_back(m_data.of(shopper).size());
    std::sort(lengths.begin(), lengths.end());
    const auto mean = static_cast<double>(m_data.events.size()) / double(lengths.size());
    QVERIFY(mean > 20 && mean < 30); // Gowalla 27
    QVERIFY(lengths[250] >= 17 && lengths[250] <= 22);
    QCOMPARE(lengths.front(), std::size_t{5});
}

void TestSynthetic::popularityFallsLikeTheRealShops()
{
    std::vector<double> count(m_data.items);
    for (const auto item : m_data.events)
        count[item] += 1;
    std::sort(count.rbegin(), count.rend());
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (std::size_t rank = 10; rank <= count.size() / 2; ++rank) {
        const double lx = std::log(double(rank)), ly = std::log(count[rank - 1]);
        n += 1, x += lx, y += ly, xx += lx * lx, xy += lx * ly;
    }
    const double slope = (xy - x * y / n) / (xx - x * x / n);
    QVERIFY2(slope < -0.45 && slope > -0.8, qPrintable(QString::number(slope)));
}

void TestSynthetic::probabilitiesSumToOne()
{
    for (std::uint32_t shopper = 0; shopper < 50; ++shopper) {
        for (const std::size_t h : {std::size_t{0}, std::size_t{1}, std::size_t{4}}) {
            double sum = 0;
            for (const double p : probabilities(*m_shop, shopper, m_data.of(shopper).first(h)))
                sum += p;
            QVERIFY(std::abs(sum - 1) < 1e-10);
        }
    }
}

void TestSynthetic::utilityIsTheSameAloneAndInBlocks()
{
    const auto moment = m_shop->moment(7, m_data.of(7).first(3));
    std::vector<double> all;
    m_shop->utilities(moment, all);
    QCOMPARE(all.size(), std::size_t{m_data.items});
    for (std::uint32_t item = 0; item < m_data.items; ++item)
        QVERIFY(std::abs(all[item] - m_shop->utility(moment, item)) < 1e-12);
}

// The generator draws by proposal and refusal; whatever it does, what comes out must be what the
// probabilities say. Categories of the event at step 3 over all shoppers of many shops.
void TestSynthetic::eventsAreDrawnFromTheProbabilities()
{
    double chi = 0;
    std::size_t cells = 0;
    constexpr std::size_t kBands = 10;
    std::vector<double> seen(kBands), due(kBands);
    double surprise = 0, entropy = 0, variance = 0;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        const SyntheticShop shop(m_recipe, seed);
        const auto data = shop.generate(1);
        for (std::uint32_t shopper = 0; shopper < data.shoppers(); ++shopper) {
            const auto history = data.of(shopper).first(4);
            const auto p = probabilities(shop, shopper, history);
            const auto taken = data.of(shopper)[4];
            double mean = 0, square = 0;
            for (std::uint32_t item = 0; item < p.size(); ++item) {
                due[item % kBands] += p[item];
                if (p[item] > 0) {
                    mean -= p[item] * std::log(p[item]);
                    square += p[item] * std::log(p[item]) * std::log(p[item]);
                }
            }
            seen[taken % kBands] += 1;
            surprise -= std::log(p[taken]);
            entropy += mean;
            variance += square - mean * mean;
        }
    }
    for (std::size_t i = 0; i < kBands; ++i, ++cells)
        chi += (seen[i] - due[i]) * (seen[i] - due[i]) / due[i];
    QVERIFY2(chi < 27.9, qPrintable(QString::number(chi))); // chi-square, 9 degrees: p = .001
    const double z = (surprise - entropy) / std::sqrt(variance);
    QVERIFY2(std::abs(z) < 3.3, qPrintable(QString::number(z)));
}

void TestSynthetic::momentNeedsOnlyTheHistory()
{
    // A shop made afresh, as the traffic process does, knows the same probabilities.
    const SyntheticShop again(m_recipe, 1);
    const auto history = m_data.of(11).first(4);
    QCOMPARE(probabilities(again, 11, history), probabilities(*m_shop, 11, history));
    QVERIFY(probabilities(again, 12, history) != probabilities(*m_shop, 11, history));
}

void TestSynthetic::splitKeepsTheLastTwo()
{
    Dataset data;
    data.items = 9;
    data.itemIds.resize(9);
    data.itemTitles.resize(9);
    data.shopperIds = {"long", "short"};
    data.offsets = {0, 5, 9};
    data.events = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    const auto split = splitByTime(data);
    QCOMPARE(split.train.events, (std::vector<std::uint32_t>{0, 1, 2, 5, 6, 7, 8}));
    QCOMPARE(split.test.size(), std::size_t{2});
    QCOMPARE(split.test[0].h, 3u);
    QCOMPARE(split.test[0].label, 3u);
    QCOMPARE(split.test[1].label, 4u);
    QCOMPARE(split.validation.size(), std::size_t{1});
    QCOMPARE(split.validation[0].label, 2u);
    QCOMPARE(withoutRows(split.train, split.validation).events,
             (std::vector<std::uint32_t>{0, 1, 5, 6, 7, 8}));
    QCOMPARE(popularityOrder(split.train).front(), 0u);
}

void TestSynthetic::traceKeepsTheOrderOfEachShopper()
{
    const auto test = splitByTime(m_data).test;
    const auto trace = makeTrace(test, 600, 1);
    QCOMPARE(trace.size(), std::size_t{600});
    std::map<std::uint32_t, std::uint32_t> last;
    std::size_t moved = 0;
    for (std::size_t i = 0; i < trace.size(); ++i) {
        QVERIFY(last[trace[i].shopper] < trace[i].h);
        last[trace[i].shopper] = trace[i].h;
        moved += trace[i].shopper != test[i].shopper;
        QCOMPARE(m_data.of(trace[i].shopper)[trace[i].h], trace[i].label);
    }
    QVERIFY(moved > 500);
    QVERIFY(makeTrace(test, 600, 2).front().shopper != trace.front().shopper);
}

void TestSynthetic::oracleBeatsPopularity()
{
    const auto split = splitByTime(m_data);
    auto rows = split.test;
    const auto oracle = oracleQuality(*m_shop, m_data, rows, 2);
    const auto popularity =
        popularityQuality(popularityOrder(split.train), m_data, rows, m_shop.get());
    QVERIFY(oracle.expected > 3 * popularity.expected);
    QVERIFY(oracle.ndcg > 3 * popularity.ndcg);
    QVERIFY(std::abs(oracle.ndcg - oracle.expected) < 4 * oracle.ndcgError);
    QVERIFY(std::abs(popularity.ndcg - popularity.expected) < 4 * popularity.ndcgError);
    QCOMPARE(regret(oracle.expected, popularity.expected, oracle.expected), 0.0);
    QCOMPARE(regret(popularity.expected, popularity.expected, oracle.expected), 1.0);
}

// A model that only counts who took what along with what: what is there must be learnable.
void TestSynthetic::neighboursLieBetweenPopularityAndOracle()
{
    const auto split = splitByTime(m_data);
    auto rows = split.test;
    const auto oracle = oracleQuality(*m_shop, m_data, rows, 2);
    const auto popularity =
        popularityQuality(popularityOrder(split.train), m_data, rows, m_shop.get());
    const std::size_t items = m_data.items;
    std::vector<double> together(items * items), count(items);
    for (std::size_t shopper = 0; shopper < split.train.shoppers(); ++shopper) {
        for (const auto a : split.train.of(shopper)) {
            count[a] += 1;
            for (const auto b : split.train.of(shopper))
                together[a * items + b] += 1;
        }
    }
    double ndcg = 0;
    for (const auto &row : rows) {
        std::vector<double> score(items);
        const auto history = m_data.of(row.shopper).first(row.h);
        for (const auto a : history) {
            for (std::size_t b = 0; b < items; ++b)
                score[b] += together[a * items + b] / std::sqrt((count[a] + 3) * (count[b] + 3));
        }
        for (const auto a : history)
            score[a] = -1;
        std::vector<std::int64_t> list;
        for (int i = 0; i < 10; ++i) {
            list.push_back(std::max_element(score.begin(), score.end()) - score.begin());
            score[std::size_t(list.back())] = -1;
        }
        ndcg += Earned::ndcg10(row.label, list) / double(rows.size());
    }
    QVERIFY2(ndcg > 1.5 * popularity.ndcg, qPrintable(QString::number(ndcg)));
    QVERIFY(ndcg < oracle.ndcg);
}

void TestSynthetic::earnedAgreesWithTheOracle()
{
    QTemporaryDir folder;
    const std::filesystem::path path = folder.path().toStdString();
    QVERIFY(writeDataset(path / "history.bin", m_data));
    ShopInfo info;
    info.synthetic = "tiny";
    info.seed = 1;
    const auto earned = Earned::open(path, info);
    QVERIFY(earned);

    const auto split = splitByTime(m_data);
    auto rows = split.test;
    const auto oracle = oracleQuality(*m_shop, m_data, rows, 2);
    double sum = 0;
    for (const auto &row : rows) {
        const auto history = m_data.of(row.shopper).first(row.h);
        auto p = probabilities(*m_shop, row.shopper, history);
        std::vector<std::int64_t> best;
        for (int i = 0; i < 12; ++i) { // two more than count
            best.push_back(std::max_element(p.begin(), p.end()) - p.begin());
            p[std::size_t(best.back())] = -1;
        }
        sum += (*earned)->quality(row, best);
    }
    QVERIFY(std::abs(sum / double(rows.size()) - oracle.expected) < 1e-5);

    info.seed = 2;
    QCOMPARE(Earned::open(path, info).error().code, ErrorCode::InvalidInput);
    info.synthetic = "demo";
    QCOMPARE(Earned::open(path, info).error().code, ErrorCode::InvalidInput);
}

void TestSynthetic::earnedIgnoresWhatCannotBeTaken()
{
    QTemporaryDir folder;
    const std::filesystem::path path = folder.path().toStdString();
    QVERIFY(writeDataset(path / "history.bin", m_data));
    ShopInfo info;
    info.synthetic = "tiny";
    const auto earned = *Earned::open(path, info);
    std::vector<TraceRow> rows{splitByTime(m_data).test.front()};
    (void)oracleQuality(*m_shop, m_data, rows, 1);
    const auto &row = rows.front();
    const std::int64_t label = row.label;
    const auto one = earned->quality(row, std::vector{label});
    QVERIFY(one > 0 && one < 1);
    QCOMPARE(earned->quality(row, std::vector{label, label}), one);
    QCOMPARE(earned->quality(row, std::vector<std::int64_t>{}), 0.0);
    QCOMPARE(earned->quality(row, std::vector<std::int64_t>{-1, 1'000'000}), 0.0);
    QCOMPARE(earned->quality(row, std::vector{std::int64_t{m_data.of(row.shopper)[0]}}), 0.0);
    QVERIFY(earned->quality(row, std::vector{std::int64_t{-1}, label}) < one);
    QCOMPARE(earned->quality(TraceRow{9'999, 1, 0, 0}, std::vector{label}), 0.0);
    QCOMPARE(earned->quality(TraceRow{0, 9'999, 0, 0}, std::vector{label}), 0.0);
}

void TestSynthetic::earnedOnRealDataIsTheLabel()
{
    const auto earned = *Earned::open("nowhere", ShopInfo{});
    const std::vector<std::int64_t> list{4, 5, 6};
    QCOMPARE(earned->quality(TraceRow{0, 1, 4, 0}, list), 1.0);
    QVERIFY(std::abs(earned->quality(TraceRow{0, 1, 6, 0}, list) - 0.5) < 1e-12);
    QCOMPARE(earned->quality(TraceRow{0, 1, 7, 0}, list), 0.0);
    QCOMPARE(Earned::ndcg10(11, std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11}), 0.0);
}

void TestSynthetic::fastExpIsAccurate()
{
    for (double x = -700; x < 700; x += 0.173)
        QVERIFY(std::abs(fastExp(x) / std::exp(x) - 1) < 1e-12);
    QCOMPARE(fastExp(0.0), 1.0);
}

QTEST_GUILESS_MAIN(TestSynthetic)
#include "tst_synthetic.moc"
