// The ads of the synthetic shop: the same bytes everywhere, clicks that follow the probabilities,
// and clicks that fall by slot as in real logs.

#include "engine/base/digest.h"
#include "engine/data/synthetic_ads.h"

#include <QtTest>
#include <algorithm>
#include <cmath>
#include <set>

using namespace engine;

class TestSyntheticAds : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void bytesAreTheSameOnEveryMachine();
    void anyPartOfTheLogIsTheSameAlone();
    void unknownSizeIsRefused();
    void candidatesAreDistinctAds();
    void clicksFallBySlotLikeRealLogs();
    void clicksAreDrawnFromTheProbabilities();
    void oracleBeatsPositionAlone();
    void bestOrderEarnsMoreThanTheLoggedOne();
    void rowsHaveTheColumns();

private:
    SyntheticAds m_ads{*syntheticAdsRecipe("tiny"), 1};
};

void TestSyntheticAds::bytesAreTheSameOnEveryMachine()
{
    const auto text = m_ads.csv(0, 300);
    QCOMPARE(QString::fromStdString(hex(sha256(text))),
             QStringLiteral("e598d21cd15a70f7a1dbcbc96be8d4e737a15327dec6b5957929d5505709e067"));
    QVERIFY(SyntheticAds(m_ads.recipe(), 2).csv(0, 300) != text);
}

void TestSyntheticAds::anyPartOfTheLogIsTheSameAlone()
{
    const auto whole = m_ads.csv(0, 20), part = m_ads.csv(10, 20);
    const auto header = part.substr(0, part.find('\n') + 1);
    QVERIFY(whole.starts_with(header));
    QVERIFY(whole.ends_with(part.substr(header.size())));
}

void TestSyntheticAds::unknownSizeIsRefused()
{
    const auto recipe = syntheticAdsRecipe("huge");
    QVERIFY(!recipe);
    QVERIFY(recipe.error().message.find("tiny, demo or large") != std::string::npos);
}

void TestSyntheticAds::candidatesAreDistinctAds()
{
    for (std::uint64_t number = 0; number < 200; ++number) {
        const auto view = m_ads.view(number);
        QCOMPARE(view.candidates.size(), std::size_t{m_ads.recipe().candidates});
        QCOMPARE(std::set(view.candidates.begin(), view.candidates.end()).size(),
                 view.candidates.size());
        QVERIFY(*std::max_element(view.candidates.begin(), view.candidates.end())
                < m_ads.recipe().ads);
        QVERIFY(view.shopper < m_ads.recipe().shoppers);
    }
}

void TestSyntheticAds::clicksFallBySlotLikeRealLogs()
{
    const auto bounds = m_ads.bounds(0, 3'000);
    QCOMPARE(bounds.clickRate.size(), std::size_t{10});
    double x = 0, y = 0, xx = 0, xy = 0;
    for (std::size_t slot = 1; slot <= 10; ++slot) {
        const double lx = std::log(static_cast<double>(slot)),
                     ly = std::log(bounds.clickRate[slot - 1]);
        x += lx, y += ly, xx += lx * lx, xy += lx * ly;
    }
    const double slope = (10 * xy - x * y) / (10 * xx - x * x);
    QVERIFY2(slope < -1.0 && slope > -1.25, qPrintable(QString::number(slope)));
    QVERIFY(bounds.clickRate[0] > 0.18 && bounds.clickRate[0] < 0.30);
}

void TestSyntheticAds::clicksAreDrawnFromTheProbabilities()
{
    double expected = 0, variance = 0, clicks = 0;
    for (std::uint64_t number = 0; number < 2'000; ++number) {
        const auto view = m_ads.view(number);
        for (std::uint32_t slot = 1; slot <= 10; ++slot) {
            const double p = m_ads.clickProbability(view, view.candidates[slot - 1], slot);
            QVERIFY(p > 0 && p < 1);
            expected += p;
            variance += p * (1 - p);
            clicks += m_ads.clicked(view, slot) ? 1 : 0;
        }
    }
    QVERIFY(std::fabs(clicks - expected) < 4 * std::sqrt(variance));
}

void TestSyntheticAds::oracleBeatsPositionAlone()
{
    const auto bounds = m_ads.bounds(0, 3'000);
    QVERIFY(bounds.bayes < bounds.byPosition - 0.02);
    QVERIFY(bounds.byPosition < bounds.constant - 0.02);
    // The drawn clicks lie around the entropy: 30,000 rows with a deviation of about .5 each.
    QVERIFY(std::fabs(bounds.drawn - bounds.bayes) < 4 * 0.5 / std::sqrt(30'000.0));
}

void TestSyntheticAds::bestOrderEarnsMoreThanTheLoggedOne()
{
    double logged = 0, best = 0, worst = 0;
    for (std::uint64_t number = 0; number < 200; ++number) {
        auto view = m_ads.view(number);
        logged += m_ads.expectedClicks(view, std::span(view.candidates).first(10));
        auto order = view.candidates;
        std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
            return m_ads.appeal(view, a) > m_ads.appeal(view, b);
        });
        best += m_ads.expectedClicks(view, std::span(order).first(10));
        std::reverse(order.begin(), order.end());
        worst += m_ads.expectedClicks(view, std::span(order).first(10));
    }
    QVERIFY(best > 1.3 * logged);
    QVERIFY(worst < logged / 1.3);
}

void TestSyntheticAds::rowsHaveTheColumns()
{
    const auto view = m_ads.view(7);
    const auto row = m_ads.row(view, view.candidates[2], 3);
    QCOMPARE(row.size(), SyntheticAds::columns().size());
    QCOMPARE(row[7], std::string("3"));
    const auto csv = m_ads.csv(7, 8);
    std::string joined;
    for (const auto &field : row)
        joined += "," + field;
    QVERIFY(csv.find(",7" + joined + "\n") != std::string::npos);
}

QTEST_GUILESS_MAIN(TestSyntheticAds)
#include "tst_synthetic_ads.moc"
