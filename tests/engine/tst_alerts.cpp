// Alert rules: the shipped file is understood here and by Prometheus, conditions hold and end as
// written, and alerts leave by log, command and webhook; a real Alertmanager takes them.

#include "engine/agent/alert_delivery.h"
#include "engine/agent/alerting.h"

#include <QDir>
#include <QElapsedTimer>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QtTest>
#include <arpa/inet.h>
#include <set>
#include <sys/socket.h>
#include <unistd.h>

using namespace engine;

class TestAlerts : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void theShippedRulesAreUnderstood();
    void prometheusUnderstandsTheShippedRules();
    void wrongExpressionsAreNamed_data();
    void wrongExpressionsAreNamed();
    void anErrorRateFiresAfterItsTimeAndIsResolved();
    void latencyComesFromMergedSketches();
    void aReplicaThatIsDownIsNamed();
    void stalenessNeedsActiveShoppers();
    void wrongSettingsAreNamed_data();
    void wrongSettingsAreNamed();
    void alertsLeaveByLogAndCommand();
    void aWebhookThatRefusesIsAnError();
    void aRealAlertmanagerTakesThem();
};

namespace {

Window window(const std::string &source, std::int64_t end, std::vector<Sample> samples)
{
    return {source, end, std::move(samples), {}};
}

std::vector<AlertRule> shipped()
{
    auto rules = shippedAlertRules();
    if (!rules)
        qFatal("%s", rules.error().text().c_str());
    return std::move(*rules);
}

/// Feeds `seconds` of windows of traffic and returns what changed.
struct Bed
{
    AlertEngine engine{shipped()};
    std::int64_t now = 0;
    std::vector<Alert> news;

    void run(int seconds, double requests, double failed)
    {
        for (int i = 0; i < 10 * seconds; ++i) {
            now += kWindow.count();
            engine.take(window("traffic", now,
                               {{"gateway.requests", requests}, {"gateway.failed", failed}}));
            if (now % 1'000'000 == 0)
                for (auto &alert : engine.evaluate(MonoTime{now}))
                    news.push_back(std::move(alert));
        }
    }
};

/// A port that was free a moment ago.
int freePort()
{
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(fd, reinterpret_cast<sockaddr *>(&address), size) != 0
        || ::getsockname(fd, reinterpret_cast<sockaddr *>(&address), &size) != 0)
        qFatal("No port is free");
    ::close(fd);
    return ntohs(address.sin_port);
}

Alert someAlert(bool firing)
{
    Alert alert{"HighErrorRate", "More than 1 % fail", {{"severity", "critical"}}, firing, 0.5,
                MonoTime{0}};
    return alert;
}

} // namespace

void TestAlerts::theShippedRulesAreUnderstood()
{
    std::set<std::string> names;
    for (const auto &rule : shipped()) {
        names.insert(rule.name);
        QVERIFY(!rule.summary.empty());
        QVERIFY(rule.labels.contains("severity"));
    }
    for (const char *name :
         {"HighErrorRate", "HighLatency", "LowQuality", "StaleData", "ReplicaDown"})
        QVERIFY2(names.contains(name), name);
}

void TestAlerts::prometheusUnderstandsTheShippedRules()
{
    const auto promtool = QStandardPaths::findExecutable(QStringLiteral("promtool"));
    if (promtool.isEmpty())
        QSKIP("There is no promtool here (Debian: prometheus)");
    QProcess process;
    process.setProcessChannelMode(QProcess::MergedChannels);
    process.start(promtool, {QStringLiteral("check"), QStringLiteral("rules"),
                             QStringLiteral(DRILLROOM_SOURCE_DIR
                                            "/resources/prometheus/drillroom.rules.yml")});
    QVERIFY(process.waitForFinished(60'000));
    QVERIFY2(process.exitCode() == 0, process.readAll().constData());
}

void TestAlerts::wrongExpressionsAreNamed_data()
{
    QTest::addColumn<QByteArray>("text");
    for (const char *text :
         {"", "a", "a >", "a > b", "sum(rate(a)) > 1", "sum(rate(a[10h])) > 1",
          "avg(rate(a[10s])) > 1", "a{b} > 1", "a{b=\"c} > 1", "a > 1 or b > 1",
          "histogram_quantile(2, sum by (le) (rate(a_bucket[10s]))) > 1", "a > 1 )", "a > inf"})
        QTest::newRow(text) << QByteArray(text);
}

void TestAlerts::wrongExpressionsAreNamed()
{
    QFETCH(QByteArray, text);
    const auto parsed = AlertExpression::parse(text.toStdString());
    QVERIFY(!parsed);
    QCOMPARE(parsed.error().code, ErrorCode::InvalidInput);
    QVERIFY(parsed.error().message.find("column") != std::string::npos);
}

void TestAlerts::anErrorRateFiresAfterItsTimeAndIsResolved()
{
    Bed bed;
    bed.run(20, 20, 0);
    QVERIFY(bed.news.empty());
    bed.run(2, 20, 10); // shorter than its `for`
    QVERIFY(bed.news.empty());
    bed.run(20, 20, 10);
    QCOMPARE(bed.news.size(), 1u);
    QCOMPARE(bed.news[0].rule, std::string("HighErrorRate"));
    QVERIFY(bed.news[0].firing);
    QCOMPARE(bed.news[0].labels.at("severity"), std::string("critical"));
    QVERIFY(bed.news[0].value > 0.01);
    bed.run(20, 20, 0);
    QCOMPARE(bed.news.size(), 2u);
    QVERIFY(!bed.news[1].firing);
    QVERIFY(bed.engine.firing().empty());
}

void TestAlerts::latencyComesFromMergedSketches()
{
    AlertEngine engine(shipped());
    std::vector<Alert> news;
    // 2 % of the answers are slow, in one of ten windows: averaged percentiles would not see it.
    for (std::int64_t i = 1; i <= 300; ++i) {
        Sketch sketch;
        sketch.add(5, i % 10 == 0 ? 80 : 100);
        if (i % 10 == 0)
            sketch.add(400, 20);
        Window one{"traffic", i * kWindow.count(), {}, {{"gateway.latency", sketch.encode()}}};
        engine.take(one);
        if (i % 10 == 0)
            for (auto &alert : engine.evaluate(MonoTime{one.end}))
                news.push_back(alert);
    }
    QCOMPARE(news.size(), 1u);
    QCOMPARE(news[0].rule, std::string("HighLatency"));
    QVERIFY(std::abs(news[0].value - 0.4) < 0.01);
}

void TestAlerts::aReplicaThatIsDownIsNamed()
{
    AlertEngine engine(shipped());
    std::vector<Alert> news;
    for (std::int64_t i = 1; i <= 50; ++i) {
        engine.take(window("agent", i * kWindow.count(),
                           {{"replica/1.up", 1}, {"replica/2.up", i > 20 ? 0.0 : 1.0}}));
        if (i % 10 == 0)
            for (auto &alert : engine.evaluate(MonoTime{i * kWindow.count()}))
                news.push_back(alert);
    }
    QCOMPARE(news.size(), 1u);
    QCOMPARE(news[0].rule, std::string("ReplicaDown"));
    QCOMPARE(news[0].labels.at("target"), std::string("replica/2"));
}

void TestAlerts::stalenessNeedsActiveShoppers()
{
    for (const bool isActive : {false, true}) {
        Bed bed;
        for (int i = 0; i < 30; ++i) {
            bed.engine.take(window("store", bed.now, {{"store.append.age", 60}}));
            bed.run(1, isActive ? 20 : 0, 0);
        }
        QCOMPARE(bed.news.size(), isActive ? 1u : 0u);
    }
}

void TestAlerts::wrongSettingsAreNamed_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<bool>("good");
    QTest::newRow("empty") << QByteArray("{}") << true;
    QTest::newRow("all") << QByteArray(
        R"({"log": "/l", "command": ["a"], "webhooks": [{"url": "http://x", "format": "slack"}]})")
                         << true;
    QTest::newRow("not JSON") << QByteArray("{") << false;
    QTest::newRow("key") << QByteArray(R"({"hook": 1})") << false;
    QTest::newRow("format") << QByteArray(R"({"webhooks": [{"url": "x", "format": "y"}]})")
                            << false;
    QTest::newRow("rules") << QByteArray(R"({"rules": "/nowhere"})") << false;
}

void TestAlerts::wrongSettingsAreNamed()
{
    QFETCH(QByteArray, text);
    QFETCH(bool, good);
    QTemporaryDir folder;
    Paths paths;
    paths.home = folder.path().toStdString();
    QFile file(folder.filePath(QStringLiteral("alerts.json")));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(text);
    file.close();
    const auto settings = readAlertSettings(paths);
    QVERIFY2(settings.has_value() == good, settings ? "taken" : settings.error().text().c_str());
    if (settings)
        QVERIFY(!settings->rules.empty());
}

void TestAlerts::alertsLeaveByLogAndCommand()
{
    QTemporaryDir folder;
    NewsHub hub;
    AlertSettings settings;
    settings.rules = shipped();
    settings.log = folder.filePath(QStringLiteral("alerts.log")).toStdString();
    const auto copy = folder.filePath(QStringLiteral("copy"));
    settings.command = {"sh", "-c", "cat > '" + copy.toStdString() + "'"};
    const auto watcher = hub.watch();
    const Alerting alerting(hub, systemClock(), settings, [] { return std::string("demo"); });
    QElapsedTimer limit;
    limit.start();
    while (alerting.delivered() < 2 && !limit.hasExpired(60'000)) {
        hub.publish(window("agent", alignUp(systemClock().now()).count(), {{"replica/1.up", 0}}));
        QTest::qWait(50);
    }
    QVERIFY(alerting.delivered() >= 2);
    QFile log(QString::fromStdString(settings.log)), file(copy);
    QVERIFY(log.open(QIODevice::ReadOnly) && file.open(QIODevice::ReadOnly));
    const auto line = log.readLine();
    const auto sent = QJsonDocument::fromJson(line).array()[0].toObject();
    QCOMPARE(sent[QStringLiteral("labels")][QStringLiteral("alertname")].toString(),
             QStringLiteral("ReplicaDown"));
    QCOMPARE(line.trimmed(), file.readAll().trimmed());
    bool isEvent = false;
    for (int i = 0; i < 10'000 && !isEvent; ++i) {
        const auto item = watcher->pop();
        const auto *payload = item ? std::get_if<Payload>(item.get()) : nullptr;
        const auto *event = payload ? std::get_if<ResponseChanged>(payload) : nullptr;
        isEvent = event && event->kind == "alert" && event->target == "replica/1" && event->active;
    }
    QVERIFY(isEvent);
    hub.leave(watcher);
}

void TestAlerts::aWebhookThatRefusesIsAnError()
{
    QVERIFY(!postJson("http://127.0.0.1:1/", "{}"));
    QVERIFY(!postJson("file:///etc/passwd", "{}"));
    QVERIFY(!postJson("nonsense", "{}"));
    QVERIFY(!runCommand({"sh", "-c", "exit 3"}, "", systemClock()));
    QVERIFY(!runCommand({"/nowhere/program"}, "", systemClock()));
    QVERIFY(!appendLine("/nowhere/file", "x"));
    const auto slack =
        QJsonDocument::fromJson(QByteArray::fromStdString(slackMessage(someAlert(true), "demo")));
    QVERIFY(slack[QStringLiteral("text")].toString().startsWith(QStringLiteral("[FIRING]")));
}

void TestAlerts::aRealAlertmanagerTakesThem()
{
    const auto program = QStandardPaths::findExecutable(QStringLiteral("prometheus-alertmanager"));
    if (program.isEmpty())
        QSKIP("There is no Alertmanager here (Debian: prometheus-alertmanager)");
    QTemporaryDir folder;
    QFile config(folder.filePath(QStringLiteral("a.yml")));
    QVERIFY(config.open(QIODevice::WriteOnly));
    config.write("route: {receiver: none}\nreceivers: [{name: none}]\n");
    config.close();
    const auto address = QStringLiteral("127.0.0.1:%1").arg(freePort());
    QProcess process;
    process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    process.start(program, {QStringLiteral("--config.file=") + config.fileName(),
                            QStringLiteral("--storage.path=") + folder.path(),
                            QStringLiteral("--web.listen-address=") + address,
                            QStringLiteral("--cluster.listen-address=")});
    const auto url = "http://" + address.toStdString() + "/api/v2/alerts";
    const auto now = systemClock().now();
    auto alert = someAlert(true);
    alert.since = now;
    Result<> posted;
    for (int i = 0; i < 600; ++i) {
        posted = postJson(url, alertmanagerMessage({alert}, "demo", systemClock().wallMicros(),
                                                   systemClock().now()));
        if (posted || process.state() == QProcess::NotRunning)
            break;
        QTest::qWait(100);
    }
    QVERIFY2(posted, posted ? "" : posted.error().text().c_str());
    QProcess amtool;
    amtool.start(QStringLiteral("amtool"),
                 {QStringLiteral("--alertmanager.url=http://") + address, QStringLiteral("alert"),
                  QStringLiteral("query"), QStringLiteral("-o"), QStringLiteral("json")});
    if (amtool.waitForStarted()) {
        QVERIFY(amtool.waitForFinished(60'000));
        const auto output = amtool.readAllStandardOutput();
        QVERIFY2(output.contains("HighErrorRate") && output.contains("demo"), output.constData());
    }
    process.kill();
    process.waitForFinished();
}

QTEST_GUILESS_MAIN(TestAlerts)
#include "tst_alerts.moc"
