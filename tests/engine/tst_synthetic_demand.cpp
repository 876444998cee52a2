// The synthetic demand: the same bytes everywhere, draws that follow the law they are said to
// follow, and series as lumpy as real ones.

#include "engine/base/digest.h"
#include "engine/base/files.h"
#include "engine/data/synthetic_demand.h"

#include <QTemporaryDir>
#include <QtTest>
#include <algorithm>
#include <cmath>

using namespace engine;

class TestSyntheticDemand : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void bytesAreTheSameOnEveryMachine();
    void seedChangesTheBytes();
    void unknownSizeIsRefused();
    void drawsFollowTheQuantiles();
    void drawsFollowTheMean();
    void stockOutsCutSales();
    void priceAndPromotionMoveDemand();
    void seriesAreAsLumpyAsRealOnes();
    void planHasNoUnits();

private:
    QTemporaryDir m_dir;
};

namespace {

std::string written(const SyntheticDemand &demand, const QString &path)
{
    if (!demand.write(path.toStdString(), 0, demand.size().days))
        return {};
    return readText(path.toStdString(), 1 << 26).value_or("");
}

} // namespace

void TestSyntheticDemand::bytesAreTheSameOnEveryMachine()
{
    const SyntheticDemand demand(demandSize("tiny").value(), 1);
    const auto text = written(demand, m_dir.filePath("a.csv"));
    QCOMPARE(hex(sha256(text)),
             std::string("db43d71c3f1b5cd47f5d9ab496e1891456d62c6ef9c7e5b8974b0e7099db21d6"));
}

void TestSyntheticDemand::seedChangesTheBytes()
{
    const auto size = demandSize("tiny").value();
    const auto one = written(SyntheticDemand(size, 1), m_dir.filePath("b.csv"));
    QCOMPARE(written(SyntheticDemand(size, 1), m_dir.filePath("c.csv")), one);
    QVERIFY(written(SyntheticDemand(size, 2), m_dir.filePath("d.csv")) != one);
}

void TestSyntheticDemand::unknownSizeIsRefused()
{
    const auto size = demandSize("huge");
    QVERIFY(!size);
    QVERIFY(size.error().message.find("tiny, demo, large") != std::string::npos);
}

void TestSyntheticDemand::drawsFollowTheQuantiles()
{
    // P(sold <= q(level)) is at least the level, P(sold < q(level)) at most: over all days their
    // shares lie on either side, up to the noise of the draws.
    const SyntheticDemand demand(demandSize("tiny").value(), 3);
    for (const double level : {0.5, 0.8, 0.9, 0.95}) {
        double atMost = 0, below = 0, count = 0;
        for (int p = 0; p < demand.size().products; ++p) {
            for (int d = 0; d < demand.size().days; ++d) {
                const auto q = SyntheticDemand::quantile(demand.day(p, d), level);
                const auto sold = static_cast<double>(demand.sold(p, d));
                atMost += sold <= q ? 1 : 0;
                below += sold < q ? 1 : 0;
                ++count;
            }
        }
        const double error = std::sqrt(level * (1 - level) / count);
        QVERIFY2(atMost / count > level - 4 * error, qPrintable(QString::number(atMost / count)));
        QVERIFY2(below / count < level + 4 * error, qPrintable(QString::number(below / count)));
    }
}

void TestSyntheticDemand::drawsFollowTheMean()
{
    const SyntheticDemand demand(demandSize("tiny").value(), 4);
    double sold = 0, expected = 0, squares = 0;
    for (int p = 0; p < demand.size().products; ++p) {
        for (int d = 0; d < demand.size().days; ++d) {
            const double mean = SyntheticDemand::mean(demand.day(p, d));
            const auto drawn = static_cast<double>(demand.sold(p, d));
            sold += drawn;
            expected += mean;
            squares += (drawn - mean) * (drawn - mean);
        }
    }
    QVERIFY2(std::abs(sold - expected) < 4 * std::sqrt(squares),
             qPrintable(QString("%1 %2").arg(sold).arg(expected)));
}

void TestSyntheticDemand::stockOutsCutSales()
{
    const SyntheticDemand demand(demandSize("tiny").value(), 5);
    int outs = 0, cut = 0;
    for (int p = 0; p < demand.size().products; ++p) {
        for (int d = 0; d < demand.size().days; ++d) {
            const auto law = demand.day(p, d);
            if (law.stock >= DemandDay::kFull)
                continue;
            ++outs;
            QVERIFY(demand.sold(p, d) <= law.stock);
            cut += demand.sold(p, d) == law.stock ? 1 : 0;
        }
    }
    const int days = demand.size().products * demand.size().days;
    QVERIFY(outs > days / 50 && outs < days / 25);
    QVERIFY(cut > 0);
}

void TestSyntheticDemand::priceAndPromotionMoveDemand()
{
    const SyntheticDemand demand(demandSize("tiny").value(), 6);
    double promoted = 0, promotedDays = 0, plain = 0, plainDays = 0;
    for (int p = 0; p < demand.size().products; ++p) {
        for (int d = 0; d < demand.size().days; ++d) {
            const auto law = demand.day(p, d);
            (law.isPromoted ? promoted : plain) += law.mean;
            (law.isPromoted ? promotedDays : plainDays) += 1;
        }
    }
    QVERIFY(promoted / promotedDays > 1.3 * plain / plainDays);
}

void TestSyntheticDemand::seriesAreAsLumpyAsRealOnes()
{
    const SyntheticDemand demand(DemandSize{"test", 300, 365}, 7);
    double intervals = 0, counted = 0;
    std::vector<double> variation;
    for (int p = 0; p < demand.size().products; ++p) {
        double sum = 0, squares = 0, days = 0;
        for (int d = 0; d < demand.size().days; ++d) {
            if (const auto sold = static_cast<double>(demand.sold(p, d)); sold > 0) {
                sum += sold;
                squares += sold * sold;
                ++days;
            }
        }
        if (days < 30) // as the calibration set was counted
            continue;
        intervals += demand.size().days / days;
        ++counted;
        variation.push_back(squares / days / (sum / days) / (sum / days) - 1);
    }
    std::sort(variation.begin(), variation.end());
    const double interval = intervals / counted, cv2 = variation[variation.size() / 2];
    qInfo("mean interval %.2f, median squared variation %.2f of %.0f series", interval, cv2,
          counted);
    QVERIFY(interval > 3.5 && interval < 4.5);
    QVERIFY(cv2 > 1.6 && cv2 < 2.2);
}

void TestSyntheticDemand::planHasNoUnits()
{
    const SyntheticDemand demand(demandSize("tiny").value(), 1);
    const auto path = m_dir.filePath("plan.csv").toStdString();
    QVERIFY(demand.write(path, 10, 12, true));
    const auto text = readText(path, 1 << 20).value_or("");
    QVERIFY(text.find("P0000,2010-01-14,,") != std::string::npos);
}

QTEST_GUILESS_MAIN(TestSyntheticDemand)
#include "tst_synthetic_demand.moc"
