// Percentiles from sketches are within 1 %, whatever was merged into them and in whatever order.

#include "engine/base/random.h"
#include "engine/metrics/sketch.h"
#include "engine/metrics/window.h"

#include <QtTest>
#include <algorithm>
#include <cmath>

using namespace engine;

class TestSketch : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void quantilesAreWithinOnePercent_data();
    void quantilesAreWithinOnePercent();
    void mergedEqualsTogether();
    void emptyHasNoQuantile();
    void extremesAreClamped();
    void encodingRoundTripsAndIsSmall();
    void hostileSketchesAreRefused();
    void seriesAreKnownByName_data();
    void seriesAreKnownByName();
    void slowSeriesHasNoTrailingZeros();
};

namespace {

std::vector<double> values(int count, double spread)
{
    Random random(3, 9);
    std::vector<double> out;
    for (int i = 0; i < count; ++i)
        out.push_back(10.0 * std::exp(spread * random.normal()));
    return out;
}

} // namespace

void TestSketch::quantilesAreWithinOnePercent_data()
{
    QTest::addColumn<int>("count");
    QTest::addColumn<double>("spread");
    QTest::newRow("one value") << 1 << 0.5;
    QTest::newRow("few") << 20 << 0.5;
    QTest::newRow("many") << 20'000 << 0.5;
    QTest::newRow("wide") << 20'000 << 1.5;
}

void TestSketch::quantilesAreWithinOnePercent()
{
    QFETCH(int, count);
    QFETCH(double, spread);
    auto all = values(count, spread);
    Sketch sketch;
    for (const double v : all)
        sketch.add(v);
    std::sort(all.begin(), all.end());
    for (const double q : {0.0, 0.01, 0.5, 0.95, 0.99, 1.0}) {
        const auto rank = static_cast<std::size_t>(q * static_cast<double>(count - 1));
        const double exact = all[rank];
        QVERIFY2(std::abs(sketch.quantile(q) - exact) <= 0.0101 * exact,
                 qPrintable(QString::number(q)));
    }
}

void TestSketch::mergedEqualsTogether()
{
    Sketch together, left, right;
    int i = 0;
    for (const double v : values(5000, 1.0)) {
        together.add(v);
        (++i % 3 ? left : right).add(v);
    }
    right.merge(left);
    QVERIFY(right == together);
    QCOMPARE(right.encode(), together.encode());
    QCOMPARE(right.count(), std::uint64_t{5000});
}

void TestSketch::emptyHasNoQuantile()
{
    Sketch sketch;
    QVERIFY(std::isnan(sketch.quantile(0.5)));
    sketch.add(1.0, 0);
    QVERIFY(std::isnan(sketch.quantile(0.5)));
    QCOMPARE(Sketch::decode(sketch.encode())->count(), std::uint64_t{0});
}

void TestSketch::extremesAreClamped()
{
    Sketch sketch;
    sketch.add(-5.0);
    sketch.add(0.0);
    sketch.add(std::nan(""));
    QVERIFY(std::abs(sketch.quantile(1.0) - 0.01) < 0.0002);
    sketch.add(1e30);
    sketch.add(std::numeric_limits<double>::infinity());
    QVERIFY(std::abs(sketch.quantile(1.0) - 100'000) < 1'100);
    QCOMPARE(sketch.count(), std::uint64_t{5});
}

void TestSketch::encodingRoundTripsAndIsSmall()
{
    Sketch sketch;
    for (const double v : values(20, 0.3)) // 200 requests/s in 100 ms
        sketch.add(v);
    const auto bytes = sketch.encode();
    QVERIFY2(bytes.size() <= 80, qPrintable(QString::number(bytes.size())));
    const auto back = Sketch::decode(bytes);
    QVERIFY(back);
    QVERIFY(*back == sketch);
}

void TestSketch::hostileSketchesAreRefused()
{
    Sketch sketch;
    for (const double v : values(50, 0.5))
        sketch.add(v);
    const auto bytes = sketch.encode();
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
        QVERIFY(!Sketch::decode(std::span(bytes).first(cut)));
    const std::vector<Bytes> bad = {{1, 0, 0},                // a bucket with nothing in it
                                    {2, 5, 1, 0, 1},          // the same bucket twice
                                    {1, 0xFF, 0x7F, 1},       // beyond the last bucket
                                    {0x81, 0x00, 0, 1},       // a number not in its shortest form
                                    {1, 0, 1, 0},             // bytes behind the end
                                    {0xFF, 0xFF, 0xFF, 0x7F}, // a count of buckets that cannot be
                                    {1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F}};
    for (const auto &b : bad)
        QVERIFY(!Sketch::decode(b));
    Random random(1, 2);
    for (int i = 0; i < 20'000; ++i) {
        Bytes noise(random.below(12));
        for (auto &byte : noise)
            byte = static_cast<std::uint8_t>(random.below(i % 2 ? 8 : 256));
        if (const auto read = Sketch::decode(noise))
            QCOMPARE(read->encode(), noise); // what is taken has one form only
    }
}

void TestSketch::seriesAreKnownByName_data()
{
    QTest::addColumn<QString>("series");
    QTest::addColumn<int>("fold");
    QTest::addColumn<QString>("unit");
    const auto row = [](const char *series, Fold fold, const char *unit) {
        QTest::newRow(series) << QString::fromLatin1(series) << static_cast<int>(fold)
                              << QString::fromLatin1(unit);
    };
    row("gateway.requests", Fold::Sum, "requests");
    row("gateway.answered", Fold::Sum, "requests");
    row("gateway.failed", Fold::Sum, "requests");
    row("gateway.late", Fold::Sum, "requests");
    row("gateway.slow.60", Fold::Sum, "requests");
    row("gateway.earned", Fold::Sum, "");
    row("gateway.expected", Fold::Sum, "");
    row("gateway.quality", Fold::Last, "share");
    row("gateway.ndcg@10", Fold::Last, "share");
    row("gateway.latency.p99", Fold::Percentile, "ms");
    row("replica/2.latency.p99", Fold::Percentile, "ms");
    row("replica/2.requests", Fold::Sum, "requests");
    row("replica/2.up", Fold::Last, "");
    row("gateway.path.standby", Fold::Sum, "requests");
    row("traffic.lag.p99", Fold::Percentile, "ms");
    row("host.stall.max", Fold::Max, "ms");
    row("store.acked", Fold::Sum, "events");
    row("something.new", Fold::Last, "");
}

void TestSketch::seriesAreKnownByName()
{
    QFETCH(QString, series);
    QFETCH(int, fold);
    QFETCH(QString, unit);
    const auto info = seriesInfo(series.toStdString());
    QCOMPARE(static_cast<int>(info.fold), fold);
    QCOMPARE(QString::fromStdString(info.unit), unit);
}

void TestSketch::slowSeriesHasNoTrailingZeros()
{
    QCOMPARE(slowSeries(60.0), std::string("gateway.slow.60"));
    QCOMPARE(slowSeries(2.5), std::string("gateway.slow.2.5"));
    QCOMPARE(slowSeries(1000.0), std::string("gateway.slow.1000"));
}

QTEST_GUILESS_MAIN(TestSketch)
#include "tst_sketch.moc"
