// A tiny shop with four applications, made and run as an operator would: all of them earn what they
// should while their models answer, each falls back by itself when none does, and a drill passes.

#include "tests/support/program.h"

#include <QJsonArray>

class TestApplications : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void eachHasASignedModelAndRequests();
    void wrongApplicationsAreRefused();
    void aDrillPassesOnAllOfThem();
    void withoutModelsEachFallsBack();

private:
    /// Of a series of a recording between two seconds; -1 when it is not there.
    [[nodiscard]] double sum(const QString &record, const QString &series, double from, double to);
    support::Workplace m_place;
};

namespace {

const QStringList kAll{QStringLiteral("recommend"), QStringLiteral("search"), QStringLiteral("ads"),
                       QStringLiteral("inventory")};

} // namespace

void TestApplications::initTestCase()
{
    const auto made = m_place.ctl(
        {QStringLiteral("shop"), QStringLiteral("create"), QStringLiteral("four"),
         QStringLiteral("--from"), QStringLiteral("synthetic:tiny"),
         QStringLiteral("--applications"), kAll.join(QLatin1Char(',')), QStringLiteral("--json")},
        600'000);
    QVERIFY2(made.exit == 0, made.err);
}

void TestApplications::eachHasASignedModelAndRequests()
{
    for (const auto &name : kAll.mid(1)) {
        const QDir folder(m_place.home() + QStringLiteral("/shops/four/applications/") + name);
        for (const char *file :
             {"application.json", "requests.jsonl", "registry.json", "packages/1/manifest.sig"})
            QVERIFY2(folder.exists(QLatin1String(file)), qPrintable(name));
        QCOMPARE(folder.entryList({QStringLiteral("expected-*.bin")}).size(), 1);
        QVERIFY(!folder.exists(QStringLiteral("training")));
    }
    for (const auto &name : kAll) {
        const QStringList of{QStringLiteral("four"), QStringLiteral("--application"), name,
                             QStringLiteral("--json")};
        const auto list =
            m_place.ctl(QStringList{QStringLiteral("model"), QStringLiteral("list")} + of);
        QVERIFY2(list.exit == 0, list.err);
        const auto models = list.json()[QStringLiteral("models")].toArray();
        QCOMPARE(models.size(), 1);
        QCOMPARE(models[0][QStringLiteral("state")].toString(), QStringLiteral("serving"));
        const auto verified =
            m_place.ctl(QStringList{QStringLiteral("model"), QStringLiteral("verify")} + of);
        QCOMPARE(verified.exit, 0);
        QCOMPARE(verified.json()[QStringLiteral("digest")], models[0][QStringLiteral("digest")]);
    }
    const auto none =
        m_place.ctl({QStringLiteral("model"), QStringLiteral("list"), QStringLiteral("four"),
                     QStringLiteral("--application"), QStringLiteral("adverts")});
    QVERIFY(none.exit != 0);
    QVERIFY2(none.err.contains("it has recommend, search, ads, inventory"), none.err);
}

void TestApplications::wrongApplicationsAreRefused()
{
    for (const char *wrong : {"search", "recommend,adverts", "recommend,ads,ads"}) {
        const auto made =
            m_place.ctl({QStringLiteral("shop"), QStringLiteral("create"), QStringLiteral("no"),
                         QStringLiteral("--from"), QStringLiteral("synthetic:tiny"),
                         QStringLiteral("--applications"), QLatin1String(wrong)});
        QCOMPARE(made.exit, 2);
    }
}

double TestApplications::sum(const QString &record, const QString &series, double from, double to)
{
    const auto out = m_place.file("rows.csv");
    QFile::remove(out);
    const auto made = m_place.ctl(
        {QStringLiteral("recording"), QStringLiteral("export"), record, QStringLiteral("--format"),
         QStringLiteral("csv"), QStringLiteral("--out"), out, QStringLiteral("--series"), series,
         QStringLiteral("--range"), QStringLiteral("%1s..%2s").arg(from).arg(to)});
    QFile file(out);
    if (made.exit != 0 || !file.open(QIODevice::ReadOnly)) {
        qWarning().noquote() << made.err;
        return -1;
    }
    const auto lines =
        QString::fromUtf8(file.readAll()).split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    constexpr int kColumn = 2; // behind the two of the time; a unit may follow the name
    double sum = 0;
    for (const auto &line : lines.mid(1)) {
        bool isNumber = false;
        const auto value =
            line.trimmed().split(QLatin1Char(',')).value(kColumn).toDouble(&isNumber);
        sum += isNumber ? value : 0;
    }
    return lines.first().split(QLatin1Char(',')).value(kColumn).startsWith(series) ? sum : -1;
}

void TestApplications::aDrillPassesOnAllOfThem()
{
    const auto record = m_place.file("crash.drl");
    const auto run = m_place.ctl(
        {QStringLiteral("drill"), QStringLiteral("run"), QStringLiteral("01-ranker-crash"),
         QStringLiteral("--shop"), QStringLiteral("four"), QStringLiteral("--record"), record,
         QStringLiteral("--json"), QStringLiteral("--retry-noise"), QStringLiteral("6"),
         QStringLiteral("--set"), QStringLiteral("length=25s"), QStringLiteral("--set"),
         QStringLiteral("hold=5s")},
        600'000);
    QVERIFY2(run.exit == 0, run.out + run.err);
    QVERIFY(run.json()[QStringLiteral("quality")].toDouble() > 0.99);
    for (const auto &name : kAll) {
        const auto earned = sum(record, QStringLiteral("gateway.%1.earned").arg(name), 5, 25);
        const auto quality =
            earned / sum(record, QStringLiteral("gateway.%1.expected").arg(name), 5, 25);
        qInfo().noquote() << name << quality;
        QVERIFY2(quality > 0.99 && quality < 1.01, qPrintable(name + QString::number(quality)));
        QVERIFY(earned > 0);
    }
}

void TestApplications::withoutModelsEachFallsBack()
{
    const auto drill = m_place.file("gone.yaml");
    QFile file(drill);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(R"(drillroom: 1
title: No model answers
description: The only replica is stopped for ten seconds. Every application falls back by itself.
shop: {application: recommend, replicas: 1, standby: false}
load: {arrivals: poisson, rate: 100/s, mix: {search: 30 %, ads: 20 %, inventory: 10 %}, deadline: 250ms, warm-up: 5s, length: 25s}
steady-state-hypothesis:
  title: Shoppers are answered
  probes:
    - {type: probe, name: failed, tolerance: "<= 5 %", provider: {type: series, series: gateway.failed}}
method:
  - {type: action, name: freeze, at: 10s, duration: 12s, override: last-healthy, provider: {type: fault, fault: process.freeze, target: replica/1}}
guards:
  - {when: "gateway.failed > 90 % for 10s", do: halt}
verdict:
  hold: 2s
  series:
    - {series: gateway.inventory.failed, rule: "<= 20 %"}
)");
    file.close();
    const auto record = m_place.file("gone.drl");
    const auto run = m_place.ctl({QStringLiteral("drill"), QStringLiteral("run"), drill,
                                  QStringLiteral("--shop"), QStringLiteral("four"),
                                  QStringLiteral("--record"), record, QStringLiteral("--json")},
                                 600'000);
    QVERIFY2(run.exit != 4 && run.exit != 2 && run.exit != 6, run.out + run.err);
    const auto of = [&](const QString &name, const char *what, double from, double to) {
        return sum(record, QStringLiteral("gateway.%1.%2").arg(name, QLatin1String(what)), from,
                   to);
    };
    for (const auto &name : kAll) {
        const auto before = of(name, "earned", 5, 10) / of(name, "expected", 5, 10);
        const auto gone = of(name, "earned", 14, 20) / of(name, "expected", 14, 20);
        qInfo().noquote() << name << before << gone;
        QVERIFY2(before > 0.99, qPrintable(name + QString::number(before)));
        QVERIFY2(gone < 0.99, qPrintable(name + QString::number(gone)));
        QCOMPARE(of(name, "failed", 14, 20), 0.0);
    }
    const auto searches = of(kAll[1], "requests", 5, 10);
    QVERIFY2(searches > 100 && searches < 200, qPrintable(QString::number(searches))); // 150 of 500
    QVERIFY(of(kAll[1], "earned", 14, 20) > 0); // BM25 still finds
    QVERIFY(of(kAll[2], "earned", 14, 20) > 0);
}

QTEST_GUILESS_MAIN(TestApplications)
#include "tst_applications.moc"
