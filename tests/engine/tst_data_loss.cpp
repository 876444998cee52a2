// What a loss of data cost, from sequence numbers alone.

#include "engine/drill/data_loss.h"

#include <QtTest>
#include <cmath>

using engine::DataLoss;

class TestDataLoss : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void nothingLostCostsNothing();
    void whatWasNotOpenedAgainIsLost();
    void theOldStoresLastWindowIsNotTheNewStores();
    void answersAfterTheLossDoNotCount();
    void withoutALossOrAReopeningThereIsNoCost();
};

namespace {

const double kNone = std::nan("");

/// 10 events a second, 100 ms rows, until the loss at 30 s.
DataLoss untilTheLoss()
{
    DataLoss loss;
    for (int i = 0; i <= 300; ++i)
        loss.row(i * 100'000, 1000.0 + i, 1000);
    loss.lost(30'000'000);
    return loss;
}

} // namespace

void TestDataLoss::nothingLostCostsNothing()
{
    auto loss = untilTheLoss();
    loss.row(32'000'000, kNone, 1300);
    QVERIFY(loss.cost());
    QCOMPARE(loss.cost()->events, 0.0);
    QCOMPARE(loss.cost()->seconds, 0.0);
}

void TestDataLoss::whatWasNotOpenedAgainIsLost()
{
    auto loss = untilTheLoss();
    loss.row(32'000'000, kNone, 1250);
    QVERIFY(loss.cost());
    QCOMPARE(loss.cost()->events, 50.0);
    QVERIFY(loss.cost()->seconds >= 5 && loss.cost()->seconds <= 6);
    auto all = untilTheLoss();
    all.row(32'000'000, kNone, 0);
    QCOMPARE(all.cost()->events, 1300.0);
    QCOMPARE(all.cost()->seconds, 30.0);
}

void TestDataLoss::theOldStoresLastWindowIsNotTheNewStores()
{
    auto loss = untilTheLoss();
    loss.row(30'300'000, kNone, 1000);
    QVERIFY(!loss.cost());
    loss.row(31'000'000, kNone, 1290);
    loss.row(45'000'000, kNone, 9999); // opened once more, later: not this loss
    QCOMPARE(loss.cost()->events, 10.0);
}

void TestDataLoss::answersAfterTheLossDoNotCount()
{
    auto loss = untilTheLoss();
    loss.row(30'100'000, 1305, kNone); // was on its way
    loss.row(33'000'000, 2000, 1300);
    QCOMPARE(loss.cost()->events, 5.0);
}

void TestDataLoss::withoutALossOrAReopeningThereIsNoCost()
{
    DataLoss calm;
    calm.row(100'000, 5, 0);
    QVERIFY(!calm.cost());
    QVERIFY(!untilTheLoss().cost());
}

QTEST_GUILESS_MAIN(TestDataLoss)
#include "tst_data_loss.moc"
