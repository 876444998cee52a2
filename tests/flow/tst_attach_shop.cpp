// shop attach, as an operator would do it: our gateway in front of replicas that were started
// outside of the agent, a drill on the wire to them, what is not offered on them; then in front of
// servers of somebody else, and back.

#include "tests/support/foreign_server.h"
#include "tests/support/program.h"

#include <QJsonArray>
#include <csignal>

class TestAttachShop : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void mistakesAreNamed();
    void replicasStartedElsewhereAreServedFrom();
    void serversOfSomebodyElseAreServedFrom();
    void releasedItServesItself();
    void cleanupTestCase();

private:
    [[nodiscard]] support::Outcome ctl(const QString &words, int millis = 120'000) const
    {
        return m_place.ctl(words.split(QLatin1Char(' ')), millis);
    }
    [[nodiscard]] QJsonArray processes() const
    {
        return ctl(QStringLiteral("shop status t --json"))
            .json()[QStringLiteral("processes")]
            .toArray();
    }
    [[nodiscard]] QString stateOf(const QString &name) const
    {
        for (const auto &process : processes())
            if (process.toObject()[QStringLiteral("name")].toString() == name)
                return process.toObject()[QStringLiteral("state")].toString();
        return {};
    }
    /// A replica of the shop's own model, without any agent.
    QString startReplica(int number);

    support::Workplace m_place;
    std::vector<std::unique_ptr<QProcess>> m_replicas;
};

QString TestAttachShop::startReplica(int number)
{
    const auto shop = m_place.home() + QStringLiteral("/shops/t");
    const auto log = m_place.file(qPrintable(QStringLiteral("own-%1.log").arg(number)));
    const QJsonObject config{
        {QStringLiteral("target"), QStringLiteral("mine")},
        {QStringLiteral("role"), QStringLiteral("replica")},
        {QStringLiteral("agent_socket"), QString()},
        {QStringLiteral("shop"), shop},
        {QStringLiteral("log"), log},
        {QStringLiteral("options"),
         QJsonObject{{QStringLiteral("package"), shop + QStringLiteral("/packages/1")}}}};
    const auto name = m_place.file(qPrintable(QStringLiteral("own-%1.json").arg(number)));
    QFile file(name);
    if (!file.open(QIODevice::WriteOnly))
        return {};
    file.write(QJsonDocument(config).toJson());
    file.close();
    auto &process = *m_replicas.emplace_back(std::make_unique<QProcess>());
    m_place.prepare(process, "drillroom-replica", {QStringLiteral("--config"), name});
    process.start();
    QByteArray port;
    (void)QTest::qWaitFor(
        [&] {
            QFile text(log);
            if (!text.open(QIODevice::ReadOnly))
                return false;
            const auto all = text.readAll();
            const auto at = all.indexOf("event=serving port=");
            if (at >= 0)
                port = all.mid(at + 19, 5).split(' ').front();
            return at >= 0;
        },
        60'000);
    return QStringLiteral("127.0.0.1:") + QString::fromLatin1(port);
}

void TestAttachShop::initTestCase()
{
    const auto made = ctl(QStringLiteral("shop create t --from synthetic:tiny --json"));
    QVERIFY2(made.exit == 0, made.err);
}

void TestAttachShop::mistakesAreNamed()
{
    const auto says = [&](const QString &words, const char *text) {
        const auto outcome = ctl(words);
        return outcome.exit != 0 && outcome.err.contains(text);
    };
    QVERIFY(says(QStringLiteral("shop attach nowhere --replica 127.0.0.1:1"), "nowhere"));
    QVERIFY(says(QStringLiteral("shop attach t --replica 127.0.0.1"), "HOST:PORT"));
    QVERIFY(says(QStringLiteral("shop attach t --replica 127.0.0.1:1"), "127.0.0.1:1"));
    QVERIFY(says(QStringLiteral("shop attach t"), "--replica"));
    QVERIFY(says(QStringLiteral("shop attach t --release"), "not attached"));
    QVERIFY(!QFile::exists(m_place.home() + QStringLiteral("/shops/t/attached.json")));
}

void TestAttachShop::replicasStartedElsewhereAreServedFrom()
{
    QString words = QStringLiteral("shop attach t --json --replica");
    for (int i = 1; i <= 3; ++i)
        words += QLatin1Char(' ') + startReplica(i);
    const auto attached = ctl(words);
    QVERIFY2(attached.exit == 0, attached.err);
    int others = 0;
    for (const auto &process : processes()) {
        const auto object = process.toObject();
        if (!object[QStringLiteral("attached")].toBool())
            continue;
        ++others;
        QCOMPARE(object[QStringLiteral("state")].toString(), QStringLiteral("serving"));
        QCOMPARE(object[QStringLiteral("pid")].toInt(), 0);
    }
    QCOMPARE(others, 3);

    // What cannot be done is said before, by lint, by the doctor, and by the run.
    const auto lint = ctl(QStringLiteral("drill lint 01-ranker-crash --shop t"));
    QVERIFY2(lint.out.contains("not available on t") && lint.out.contains("network.cut"), lint.out);
    QVERIFY(
        !ctl(QStringLiteral("drill lint 03-network-cut --shop t")).out.contains("not available"));
    QVERIFY(ctl(QStringLiteral("doctor")).out.contains("Shop t is attached"));
    const auto crash = ctl(QStringLiteral("drill run 01-ranker-crash --shop t --json --record ")
                           + m_place.file("c.drl"));
    QVERIFY2(crash.exit != 0 && crash.err.contains("attached"), crash.out + crash.err);
    QCOMPARE(stateOf(QStringLiteral("replica/2")), QStringLiteral("serving"));

    const auto cut = ctl(QStringLiteral("drill run 03-network-cut --shop t --json --retry-noise 6 "
                                        "--set length=25s --set hold=5s --record ")
                             + m_place.file("n.drl"),
                         600'000);
    QVERIFY2(cut.exit == 0, cut.out + cut.err);
    QVERIFY(cut.json()[QStringLiteral("inject_confirmed")].toBool());
    QVERIFY(cut.json()[QStringLiteral("undo_verified")].toBool());
    QVERIFY(cut.json()[QStringLiteral("quality")].toDouble() > 0.99); // it is the same model

    // One that ends where it was started is down here, and comes back when it does.
    m_replicas[1]->kill();
    QTRY_COMPARE_WITH_TIMEOUT(stateOf(QStringLiteral("replica/2")), QStringLiteral("down"), 30'000);
    QVERIFY(ctl(QStringLiteral("shop down t")).exit == 0);
    // Ours end, theirs do not.
    QCOMPARE(m_replicas[0]->state(), QProcess::Running);
    for (auto &replica : m_replicas) {
        replica->kill();
        replica->waitForFinished();
    }
}

void TestAttachShop::serversOfSomebodyElseAreServedFrom()
{
    test::ForeignServer one(800), two(800);
    const auto addresses = QString::fromStdString(one.address() + " " + two.address());
    const auto unnamed = ctl(QStringLiteral("shop attach t --replica ") + addresses);
    QVERIFY2(unnamed.exit != 0 && unnamed.err.contains("--model"), unnamed.err);
    const auto attached =
        ctl(QStringLiteral("shop attach t --json --model next_basket --replica ") + addresses);
    QVERIFY2(attached.exit == 0, attached.err); // a correct reply came through the gateway
    QVERIFY(one.calls + two.calls > 0);
    QCOMPARE(one.wrong + two.wrong, 0);
    QVERIFY(ctl(QStringLiteral("shop down t")).exit == 0);
    // A drill for three replicas says that there are two.
    const auto drill =
        ctl(QStringLiteral("drill run 00-no-op --shop t --json --record ") + m_place.file("z.drl"));
    QVERIFY2(drill.exit != 0 && drill.err.contains("attached to 2 replicas"), drill.err);
}

void TestAttachShop::releasedItServesItself()
{
    QVERIFY(ctl(QStringLiteral("shop attach t --release")).exit == 0);
    const auto up = ctl(QStringLiteral("shop up t --replicas 1 --json"));
    QVERIFY2(up.exit == 0, up.err);
    for (const auto &process : processes()) {
        QVERIFY(!process.toObject()[QStringLiteral("attached")].toBool());
        QVERIFY(process.toObject()[QStringLiteral("pid")].toInt() > 0);
    }
    QVERIFY(ctl(QStringLiteral("shop down t")).exit == 0);
}

void TestAttachShop::cleanupTestCase()
{
    (void)ctl(QStringLiteral("shop down t"));
    m_replicas.clear();
    QTRY_COMPARE_WITH_TIMEOUT(m_place.processes(), QList<int>(), 10'000);
}

QTEST_GUILESS_MAIN(TestAttachShop)
#include "tst_attach_shop.moc"
