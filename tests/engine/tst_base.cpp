// The ground the rest stands on: encoding, chance, exact arithmetic, rules of time.

#include "engine/base/bytes.h"
#include "engine/base/clock.h"
#include "engine/base/digest.h"
#include "engine/base/exact_math.h"
#include "engine/base/random.h"

#include <QtTest>
#include <cmath>

class TestBase : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void encodingRoundTrips();
    void hostileBytesNeverOverRead();
    void randomIsTheSameEverywhere();
    void exactMathIsAccurate();
    void windowsAlign();
};

namespace {
struct Sampled
{
    std::string name;
    std::vector<double> values;
    std::optional<std::int64_t> mark;
    template <class A>
    void fields(A &a)
    {
        a(name);
        a(values);
        a(mark);
    }
};
} // namespace

void TestBase::encodingRoundTrips()
{
    const Sampled in{"p99", {1.5, -0.25}, 42};
    const auto bytes = engine::encode(in);
    const auto out = engine::decode<Sampled>(bytes);
    QVERIFY(out);
    QCOMPARE(out->name, in.name);
    QCOMPARE(out->values, in.values);
    QCOMPARE(*out->mark, 42);
    QCOMPARE(engine::encode(*out), bytes);
}

void TestBase::hostileBytesNeverOverRead()
{
    const auto bytes = engine::encode(Sampled{"p99", {1.5, -0.25}, 42});
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
        QVERIFY(!engine::decode<Sampled>(std::span(bytes).first(cut)));
    for (std::size_t i = 0; i < 4; ++i) {
        auto bad = bytes;
        bad[i] = 0xFF;
        QVERIFY(!engine::decode<Sampled>(bad));
    }
}

void TestBase::randomIsTheSameEverywhere()
{
    engine::Hasher hasher;
    engine::Random random(7, 3);
    for (int i = 0; i < 1000; ++i) {
        const auto bytes = engine::encode(random.normal());
        hasher.add(bytes);
    }
    const auto digest = hasher.finish();
    QCOMPARE(
        QString::fromStdString(engine::hex(digest)),
        QString::fromLatin1("0256dd38db6108237cf88e5b8c456b8ecc0e978d15bb9dc6a26b57a6f27d4949"));
}

void TestBase::exactMathIsAccurate()
{
    for (double x = -700; x < 700; x += 0.37) {
        QVERIFY(std::abs(engine::exact::exp(x) / std::exp(x) - 1) < 1e-13);
        const double y = std::exp(x / 10);
        QVERIFY(std::abs(engine::exact::log(y) - std::log(y))
                < 1e-13 * (1 + std::abs(std::log(y))));
        QVERIFY(std::abs(engine::exact::cos2pi(x)
                         - std::cos(2 * 3.141592653589793 * (x - std::floor(x))))
                < 1e-12);
    }
}

void TestBase::windowsAlign()
{
    QCOMPARE(engine::alignUp(engine::MonoTime{100'000}).count(), 100'000);
    QCOMPARE(engine::alignUp(engine::MonoTime{100'001}).count(), 200'000);
}

QTEST_GUILESS_MAIN(TestBase)
#include "tst_base.moc"
