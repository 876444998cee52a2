// What a node shows on /metrics: standard names, help, few labels; promtool finds nothing to
// complain about, and a real Prometheus scrapes it and evaluates the shipped rules.

#include "engine/base/clock.h"
#include "engine/metrics/metric_names.h"
#include "engine/metrics/sketch.h"
#include "engine/serving/node_metrics.h"
#include "tests/support/http_get.h"

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QtTest>

using namespace engine;

class TestNodeMetrics : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void countsAddUpAndLevelsDoNot();
    void promtoolFindsNothing();
    void labelSetsAreBounded();
    void garbageOnThePortIsHarmless();
    void wrongPortsAreNamed();
    void aRealPrometheusScrapesTheShop();
};

namespace {

struct Node
{
    QTemporaryDir folder;
    NodeConfig config{"traffic", "traffic", {}, folder.path().toStdString(), {}, {}};
    std::unique_ptr<NodeMetrics> metrics;

    Node()
    {
        config.options = nlohmann::json::object();
        auto started = NodeMetrics::start(config);
        if (!started)
            qFatal("%s", started.error().text().c_str());
        metrics = std::move(*started);
    }
    void feed(int windows, double failed = 0)
    {
        Sketch sketch;
        sketch.add(4, 15);
        sketch.add(300, 5);
        for (int i = 0; i < windows; ++i)
            metrics->take({"traffic",
                           0,
                           {{"gateway.requests", 20},
                            {"gateway.failed", failed},
                            {"gateway.quality", 0.9},
                            {"gateway.slow.60", 5},
                            {"gateway.path.primary", 20},
                            {"gateway.served.primary.7.answers", 20},
                            {"gateway.latency.p99", 300}},
                           {{"gateway.latency", sketch.encode()}}});
    }
};

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

} // namespace

void TestNodeMetrics::countsAddUpAndLevelsDoNot()
{
    Node node;
    node.feed(30);
    const auto page = test::get(node.metrics->port(), "/metrics");
    const auto has = [&page](const char *line) {
        QVERIFY2(page.contains(line), (QByteArray(line) + "\n" + page).constData());
    };
    has("# HELP drillroom_shop_requests_total Requests that were due");
    has("# TYPE drillroom_shop_requests_total counter");
    has("drillroom_shop_requests_total{target=\"traffic\"} 600");
    has("drillroom_shop_quality{target=\"traffic\"} 0.9");
    has("drillroom_shop_slow_total{limit_ms=\"60\",target=\"traffic\"} 150");
    has("drillroom_shop_served_total{path=\"primary\",target=\"traffic\"} 600");
    has("drillroom_model_answers_total{model_version=\"7\",path=\"primary\",target=\"traffic\"} "
        "600");
    has("# TYPE drillroom_shop_latency_seconds histogram");
    has("drillroom_shop_latency_seconds_count{target=\"traffic\"} 600");
    has("drillroom_shop_latency_seconds_bucket{target=\"traffic\",le=\"0.25\"} 450");
    has("drillroom_shop_latency_seconds_bucket{target=\"traffic\",le=\"0.5\"} 600");
    has("process_resident_memory_bytes{target=\"traffic\"}");
    has("process_cpu_seconds_total{target=\"traffic\"}");
    QVERIFY(!page.contains("p99"));
}

void TestNodeMetrics::promtoolFindsNothing()
{
    const auto promtool = QStandardPaths::findExecutable(QStringLiteral("promtool"));
    if (promtool.isEmpty())
        QSKIP("There is no promtool here (Debian: prometheus)");
    Node node;
    node.feed(3);
    node.metrics->take({"store", 0, {{"store.seq", 3}, {"store.disk", 9}, {"store.acked", 1}}, {}});
    QProcess process;
    process.setProcessChannelMode(QProcess::MergedChannels);
    process.start(promtool, {QStringLiteral("check"), QStringLiteral("metrics")});
    process.write(test::get(node.metrics->port(), "/metrics"));
    process.closeWriteChannel();
    QVERIFY(process.waitForFinished(60'000));
    QVERIFY2(process.exitCode() == 0, process.readAll().constData());
}

void TestNodeMetrics::labelSetsAreBounded()
{
    Node node;
    for (int i = 0; i < 5000; ++i)
        node.metrics->take({"traffic", 0, {{"gateway.slow." + std::to_string(i), 1.0}}, {}});
    const auto page = test::get(node.metrics->port(), "/metrics");
    QVERIFY(page.contains("drillroom_shop_slow_total"));
    QVERIFY(page.count("drillroom_shop_slow_total{") <= 200);
}

void TestNodeMetrics::garbageOnThePortIsHarmless()
{
    Node node;
    node.feed(1);
    std::vector<int> open;
    for (int i = 0; i < 20; ++i) { // half-open and garbage
        open.push_back(test::connectTo(node.metrics->port()));
        const QByteArray garbage(1000, static_cast<char>(i * 13));
        if (i % 2)
            (void)!::send(open.back(), garbage.data(), 1000, MSG_NOSIGNAL);
    }
    for (const int fd : open)
        ::close(fd);
    QTRY_VERIFY_WITH_TIMEOUT(
        test::get(node.metrics->port(), "/metrics").contains("drillroom_shop_requests_total"),
        60'000);
    QVERIFY(!test::get(node.metrics->port(), "/other").contains("drillroom_shop"));
}

void TestNodeMetrics::wrongPortsAreNamed()
{
    Node node;
    auto config = node.config;
    config.options["metrics_port"] = node.metrics->port();
    const auto taken = NodeMetrics::start(config);
    QVERIFY(!taken);
    QVERIFY(taken.error().message.find("metrics_port") != std::string::npos);
    config.options["metrics_port"] = 70'000;
    QCOMPARE(NodeMetrics::start(config).error().code, ErrorCode::InvalidInput);
    config.options["metrics_port"] = -1;
    QCOMPARE((*NodeMetrics::start(config))->port(), 0);
}

void TestNodeMetrics::aRealPrometheusScrapesTheShop()
{
    const auto program = QStandardPaths::findExecutable(QStringLiteral("prometheus"));
    if (program.isEmpty())
        QSKIP("There is no Prometheus here (Debian: prometheus)");
    Node node;
    QFile shipped(QStringLiteral(DRILLROOM_SOURCE_DIR "/resources/prometheus/prometheus.yml"));
    QVERIFY(shipped.open(QIODevice::ReadOnly));
    QFile config(node.folder.filePath(QStringLiteral("prometheus.yml")));
    QVERIFY(config.open(QIODevice::WriteOnly));
    config.write(shipped.readAll()
                     .replace("SHOP", node.folder.path().toUtf8())
                     .replace("drillroom.rules.yml",
                              DRILLROOM_SOURCE_DIR "/resources/prometheus/drillroom.rules.yml"));
    config.close();
    const auto port = freePort();
    QProcess process;
    process.setProcessChannelMode(QProcess::MergedChannels);
    process.start(program, {QStringLiteral("--config.file=") + config.fileName(),
                            QStringLiteral("--storage.tsdb.path=")
                                + node.folder.filePath(QStringLiteral("d")),
                            QStringLiteral("--web.listen-address=127.0.0.1:%1").arg(port)});
    const auto query = [port](const char *path) {
        return QJsonDocument::fromJson(test::get(port, path))[QStringLiteral("data")];
    };
    // Half of the requests fail while it looks: both the counts and the alert must come through.
    // The alert takes its rule's ten seconds, so it is waited for in the slow form.
    bool isScraped = false, isFiring = !qEnvironmentVariableIsSet("DRILLROOM_SLOW");
    bool isLoaded = false;
    for (int i = 0; i < 900 && !(isScraped && isFiring && isLoaded); ++i) {
        node.feed(1, 10);
        QTest::qWait(100);
        const auto results =
            query("/api/v1/query?query=drillroom_shop_requests_total")[QStringLiteral("result")]
                .toArray();
        isScraped = !results.isEmpty()
                    && results[0][QStringLiteral("metric")][QStringLiteral("role")].toString()
                           == QStringLiteral("traffic");
        // Not parsed: a long reply comes in chunks.
        isLoaded = isLoaded || test::get(port, "/api/v1/rules").contains("HighErrorRate");
        for (const auto alert : query("/api/v1/alerts")[QStringLiteral("alerts")].toArray())
            isFiring =
                isFiring
                || (alert[QStringLiteral("labels")][QStringLiteral("alertname")].toString()
                        == QStringLiteral("HighErrorRate")
                    && alert[QStringLiteral("state")].toString() == QStringLiteral("firing"));
    }
    process.kill();
    process.waitForFinished();
    QVERIFY2(isScraped, process.readAll().constData());
    QVERIFY(isLoaded);
    QVERIFY(isFiring);
}

QTEST_GUILESS_MAIN(TestNodeMetrics)
#include "tst_node_metrics.moc"
