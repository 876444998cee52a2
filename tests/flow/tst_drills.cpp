// Every shipped drill on a real shop, headless, as an operator would run it: it passes, the file
// says the same as the run did, and nothing is left behind; with the key response switched off it
// fails. Argument-free: the short forms (25 s), on one shop where they agree on it.
// DRILLROOM_TEST_PART=replicas|models|data: only what that breaks. DRILLROOM_SLOW=1: full length,
// ten of each, and the negative pairs.

#include "tests/support/program.h"

namespace {

struct Part
{
    const char *name;
    QStringList drills;
};

/// Those that want another shop than the one that is kept come last in their part.
const QList<Part> &parts()
{
    static const QList<Part> all{
        {"replicas",
         {QStringLiteral("00-no-op"), QStringLiteral("01-ranker-crash"),
          QStringLiteral("02-ranker-hang"), QStringLiteral("03-network-cut")}},
        {"models",
         {QStringLiteral("05-model-error"), QStringLiteral("07-model-corrupt"),
          QStringLiteral("04-model-timeout")}},
        {"data", {QStringLiteral("06-data-loss"), QStringLiteral("08-retrain")}}};
    return all;
}

/// Of the part that was asked for, else all.
QStringList drills()
{
    const auto part = qgetenv("DRILLROOM_TEST_PART");
    QStringList some;
    for (const auto &each : parts())
        if (part.isEmpty() || part == each.name)
            some += each.drills;
    return some;
}

} // namespace

class TestDrills : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void drillPasses_data();
    void drillPasses();
    void drillFailsWithoutItsKeyResponse_data();
    void drillFailsWithoutItsKeyResponse();
    void nothingIsLeftBehind();

private:
    /// The fast form keeps one shop up for all drills that agree on it.
    void keepShop(bool kept);
    [[nodiscard]] support::Outcome run(const QString &drill, const QStringList &more,
                                       const QString &record) const;
    /// The steps of the retraining are there in order, and the replicas name what it promoted.
    void newModelAnswers(const QString &record) const;
    support::Workplace m_place;
    bool m_kept = false;
    bool m_slow = qEnvironmentVariableIsSet("DRILLROOM_SLOW");
};

void TestDrills::initTestCase()
{
    QVERIFY2(!drills().isEmpty(), "no such part");
    const auto made = m_place.ctl({QStringLiteral("shop"), QStringLiteral("create"),
                                   QStringLiteral("t"), QStringLiteral("--from"),
                                   QStringLiteral("synthetic:tiny"), QStringLiteral("--json")});
    QVERIFY2(made.exit == 0, made.err);
    QCOMPARE(made.json()[QStringLiteral("synthetic")].toBool(), true);
}

support::Outcome TestDrills::run(const QString &drill, const QStringList &more,
                                 const QString &record) const
{
    QStringList arguments{QStringLiteral("drill"),
                          QStringLiteral("run"),
                          drill,
                          QStringLiteral("--shop"),
                          QStringLiteral("t"),
                          QStringLiteral("--record"),
                          record,
                          QStringLiteral("--json"),
                          QStringLiteral("--retry-noise"),
                          QStringLiteral("6")};
    // 08 trains in the middle of the run; without backups 06's store takes seconds to begin anew,
    // and RPO is read when it has.
    QString length = QStringLiteral("25s");
    if (drill == QStringLiteral("08-retrain"))
        length = QStringLiteral("75s");
    else if (drill == QStringLiteral("06-data-loss") && !more.isEmpty())
        length = QStringLiteral("40s");
    if (!m_slow)
        arguments += {QStringLiteral("--set"), QStringLiteral("length=") + length,
                      QStringLiteral("--set"), QStringLiteral("hold=5s")};
    return m_place.ctl(arguments + more, m_slow ? 1'200'000 : 600'000);
}

void TestDrills::drillPasses_data()
{
    QTest::addColumn<QString>("drill");
    for (const auto &drill : drills())
        for (int i = 0; i < (m_slow ? 10 : 1); ++i)
            QTest::newRow(qPrintable(drill + QStringLiteral(" #%1").arg(i + 1))) << drill;
}

void TestDrills::keepShop(bool kept)
{
    if (m_slow || kept == m_kept)
        return;
    QStringList words{QStringLiteral("shop"), kept ? QStringLiteral("up") : QStringLiteral("down"),
                      QStringLiteral("t")};
    if (kept)
        words += {QStringLiteral("--replicas"), QStringLiteral("3")};
    const auto done = m_place.ctl(words);
    QVERIFY2(done.exit == 0, done.err);
    m_kept = kept;
}

void TestDrills::drillPasses()
{
    QFETCH(QString, drill);
    keepShop(drill != QStringLiteral("04-model-timeout"));
    const auto record = m_place.file("r.drl");
    QFile::remove(record);
    const auto live = run(drill, {}, record);
    qInfo().noquote() << live.err;
    QVERIFY2(live.exit == 0, live.out + live.err);
    const auto verdict = live.json();
    QCOMPARE(verdict[QStringLiteral("verdict")].toString(), QStringLiteral("PASS"));
    if (drill != QStringLiteral("00-no-op")) {
        QVERIFY(verdict[QStringLiteral("inject_confirmed")].toBool());
        QVERIFY(verdict[QStringLiteral("undo_verified")].toBool());
    }
    const auto file = m_place.ctl(
        {QStringLiteral("recording"), QStringLiteral("verdict"), record, QStringLiteral("--json")});
    QCOMPARE(file.out, live.out); // byte for byte
    QCOMPARE(file.exit, 0);
    QCOMPARE(m_place.ctl({QStringLiteral("recording"), QStringLiteral("verify"), record}).exit, 0);
    if (drill == QStringLiteral("08-retrain"))
        newModelAnswers(record);
    if (drill == QStringLiteral("06-data-loss"))
        QCOMPARE(verdict[QStringLiteral("rpo_events")].toDouble(-1), 0.0);
    if (!m_kept)
        QCOMPARE(m_place.processes(), QList<int>());
}

void TestDrills::newModelAnswers(const QString &record) const
{
    const auto events = m_place.ctl(
        {QStringLiteral("recording"), QStringLiteral("events"), record, QStringLiteral("--json")});
    QCOMPARE(events.exit, 0);
    QStringList steps;
    QString version;
    QMap<QString, QString> serves;
    for (const auto &line : events.out.split('\n')) {
        const auto event = QJsonDocument::fromJson(line).object();
        if (event[QStringLiteral("kind")] == QStringLiteral("response")
            && event[QStringLiteral("response")] == QStringLiteral("retrain")
            && event[QStringLiteral("active")].toBool())
            steps << event[QStringLiteral("detail")].toString();
        if (event[QStringLiteral("kind")] == QStringLiteral("process")
            && event[QStringLiteral("role")] == QStringLiteral("replica"))
            serves[event[QStringLiteral("target")].toString()] =
                event[QStringLiteral("version")].toString();
    }
    qInfo().noquote() << steps.join(QLatin1Char('\n'));
    QCOMPARE(steps.size(), 5);
    QVERIFY(steps[0].startsWith(QStringLiteral("training on")));
    QVERIFY(steps[1].contains(QStringLiteral("trained, signed and evaluated")));
    QVERIFY(steps[2].contains(QStringLiteral("of the shoppers")));
    QVERIFY(steps[3].contains(QStringLiteral("is promoted")));
    QVERIFY(steps[4].contains(QStringLiteral("serves on 3 replicas")));
    version = steps[4].section(QLatin1Char(' '), 1, 1);
    for (const auto &each : serves)
        QCOMPARE(each, version);
}

void TestDrills::drillFailsWithoutItsKeyResponse_data()
{
    QTest::addColumn<QString>("drill");
    // One in the fast form.
    for (const auto &drill : drills())
        if (m_slow ? drill != QStringLiteral("00-no-op")
                   : drill == QStringLiteral("01-ranker-crash"))
            QTest::newRow(qPrintable(drill)) << drill;
    if (!m_slow && !drills().contains(QStringLiteral("01-ranker-crash")))
        QTest::newRow("none here") << QString();
}

void TestDrills::drillFailsWithoutItsKeyResponse()
{
    QFETCH(QString, drill);
    if (drill.isEmpty())
        QSKIP("in another part");
    keepShop(false);
    const auto record = m_place.file("f.drl");
    QFile::remove(record);
    const auto outcome =
        run(drill, {QStringLiteral("--without"), QStringLiteral("key"), QStringLiteral("--unsafe")},
            record);
    QVERIFY2(outcome.exit == 1, outcome.out + outcome.err);
    QCOMPARE(outcome.json()[QStringLiteral("verdict")].toString(), QStringLiteral("FAIL"));
}

void TestDrills::nothingIsLeftBehind()
{
    keepShop(false);
    QCOMPARE(m_place.processes(), QList<int>());
}

QTEST_GUILESS_MAIN(TestDrills)
#include "tst_drills.moc"
