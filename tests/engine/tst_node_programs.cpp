// The real programs of a shop, each with an agent of this test: what they say, how they refuse,
// how they end, and that they work together.

#include "engine/base/clock.h"
#include "engine/metrics/window.h"
#include "engine/proto/kserve.grpc.pb.h"
#include "engine/proto/store.grpc.pb.h"
#include "engine/serving/node_config.h"
#include "tests/support/fake_agent.h"
#include "tests/support/http_get.h"
#include "tests/support/small_shop.h"

#include <QProcess>
#include <QtTest>
#include <fstream>
#include <grpcpp/create_channel.h>
#include <signal.h>

using Case = test::FakeAgent::Report::ReportCase;
using nlohmann::json;

class TestNodePrograms : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void aReplicaServesItsPackage();
    void aStandardClientIsServed();
    void aReplicaRefusesAForeignSignature();
    void aReplicaRefusesAnotherShopsItems();
    void aNodeEndsWithItsAgent();
    void theStoreKeepsWhatItAcknowledgedThroughKill();
    void aWrongConfigIsRefused();
    void theWholeChainServesTraffic();

private:
    test::SmallShop m_shop;
};

namespace {

const QString kBin = QStringLiteral(DRILLROOM_BIN_DIR);

/// One program with an agent of its own.
struct Node
{
    QTemporaryDir folder;
    std::string socket = folder.filePath(QStringLiteral("s")).toStdString();
    test::FakeAgent agent{socket};
    QProcess process;
    json config;

    Node(const test::SmallShop &shop, const std::string &target, const std::string &role,
         json options)
        : config{{"target", target},
                 {"role", role},
                 {"agent_socket", socket},
                 {"shop", shop.path.string()},
                 {"options", std::move(options)}}
    {
        process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    }
    ~Node()
    {
        process.kill();
        process.waitForFinished();
    }

    void start()
    {
        const auto file = folder.filePath(QStringLiteral("node.json"));
        std::ofstream(file.toStdString()) << config.dump();
        const auto role = QString::fromStdString(config["role"].get<std::string>());
        auto environment = QProcessEnvironment::systemEnvironment();
        environment.insert(QStringLiteral("DRILLROOM_HOME"), folder.path());
        process.setProcessEnvironment(environment);
        if (role == QStringLiteral("replica"))
            process.start(kBin + QStringLiteral("/drillroom-replica"),
                          {QStringLiteral("--config"), file});
        else
            process.start(kBin + QStringLiteral("/drillroom-node"),
                          {role, QStringLiteral("--config"), file});
    }

    /// The hello, or one without a port when none came in time.
    drillroom::v1::NodeHello waitForHello()
    {
        drillroom::v1::NodeHello hello;
        agent.waitFor([&](const auto &reports) {
            for (const auto &report : reports) {
                if (report.report_case() == Case::kHello)
                    hello = report.hello();
            }
            return hello.pid() != 0;
        });
        return hello;
    }
    std::string address() { return "127.0.0.1:" + std::to_string(waitForHello().port()); }

    std::vector<drillroom::v1::NodeState> states()
    {
        std::vector<drillroom::v1::NodeState> out;
        for (const auto &report : agent.reports()) {
            if (report.report_case() == Case::kState)
                out.push_back(report.state());
        }
        return out;
    }
    std::vector<engine::Window> windows()
    {
        std::vector<engine::Window> out;
        for (const auto &report : agent.reports()) {
            if (report.report_case() != Case::kWindow)
                continue;
            const auto &bytes = report.window();
            if (auto window = engine::decode<engine::Window>(
                    {reinterpret_cast<const std::uint8_t *>(bytes.data()), bytes.size()}))
                out.push_back(std::move(*window));
        }
        return out;
    }
    double sum(std::string_view series)
    {
        double total = 0;
        for (const auto &window : windows()) {
            for (const auto &sample : window.samples)
                total += sample.series == series ? sample.value : 0;
        }
        return total;
    }
    bool waitForWindows(std::size_t count)
    {
        return QTest::qWaitFor([&] { return windows().size() >= count; }, 30'000);
    }
};

std::shared_ptr<grpc::Channel> channelTo(const std::string &address)
{
    // Not shared: a restarted server must not meet the back-off of an earlier connection.
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

void setDeadline(grpc::ClientContext &context)
{
    context.set_deadline(
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(30, GPR_TIMESPAN)));
}

std::pair<grpc::Status, inference::ModelInferResponse>
infer(const std::string &address, const std::vector<std::int64_t> &history, int k)
{
    inference::ModelInferRequest request;
    request.set_model_name("recommend");
    auto &input = *request.add_inputs();
    input.set_name("history");
    input.set_datatype("INT64");
    input.add_shape(1);
    input.add_shape(static_cast<std::int64_t>(history.size()));
    input.mutable_contents()->mutable_int64_contents()->Add(history.begin(), history.end());
    auto &count = *request.add_inputs();
    count.set_name("k");
    count.set_datatype("INT32");
    count.add_shape(1);
    count.mutable_contents()->add_int_contents(k);
    grpc::ClientContext context;
    setDeadline(context);
    inference::ModelInferResponse reply;
    auto status = inference::GRPCInferenceService::NewStub(channelTo(address))
                      ->ModelInfer(&context, request, &reply);
    return {status, reply};
}

} // namespace

void TestNodePrograms::initTestCase()
{
    QVERIFY2(m_shop.error.empty(), m_shop.error.c_str());
    if (!QFile::exists(kBin + QStringLiteral("/drillroom-replica")))
        QSKIP("Built without LibTorch: there is no drillroom-replica");
}

void TestNodePrograms::aReplicaServesItsPackage()
{
    Node node(m_shop, "replica/1", "replica",
              {{"package", (m_shop.path / "packages/1").string()}, {"trusted", m_shop.trusted}});
    node.start();
    const auto hello = node.waitForHello();
    QCOMPARE(hello.target(), std::string("replica/1"));
    QCOMPARE(hello.version(), std::string("1"));
    QCOMPARE(hello.digest(), m_shop.digest);
    QVERIFY(hello.port() > 0);

    const auto order = engine::popularityOrder(engine::splitByTime(m_shop.data).train);
    const auto [status, reply] = infer(node.address(), {order[0], order[2]}, 3);
    QVERIFY2(status.ok(), status.error_message().c_str());
    const auto &items = reply.outputs(0).contents().int64_contents();
    QCOMPARE(std::vector<std::int64_t>(items.begin(), items.end()),
             (std::vector<std::int64_t>{order[1], order[3], order[4]}));
    QCOMPARE(reply.parameters().at("digest").string_param(), m_shop.digest);

    QVERIFY(node.waitForWindows(3));
    for (const auto &window : node.windows()) {
        QCOMPARE(window.source, std::string("replica/1"));
        QCOMPARE(window.end % engine::kWindow.count(), std::int64_t(0));
    }
    QVERIFY(QTest::qWaitFor([&] { return node.sum("replica/1.requests") == 1; }, 30'000));
    // The whole program, not the class alone: LibTorch leaves the server's threads little stack.
    QFile scraped(QString::fromStdString((m_shop.path / "metrics/replica-1.json").string()));
    QVERIFY(scraped.open(QIODevice::ReadOnly));
    const auto at =
        json::parse(scraped.readAll().toStdString())[0]["targets"][0].get<std::string>();
    const auto page = test::get(std::stoi(at.substr(at.rfind(':') + 1)), "/metrics");
    QVERIFY(page.contains("drillroom_replica_requests_total"));
    QCOMPARE(node.process.state(), QProcess::Running);

    test::FakeAgent::Command drain;
    drain.set_id(1);
    drain.mutable_drain();
    QVERIFY(node.agent.command(drain));
    QVERIFY(node.process.waitForFinished(30'000));
    QCOMPARE(node.process.exitCode(), 0);
    QVERIFY(!node.states().empty() && !node.states().back().serving());
}

void TestNodePrograms::aStandardClientIsServed()
{
    Node node(m_shop, "replica/1", "replica",
              {{"package", (m_shop.path / "packages/1").string()}, {"trusted", m_shop.trusted}});
    node.start();
    QProcess client;
    client.setProcessChannelMode(QProcess::MergedChannels);
    const auto python = qEnvironmentVariable("DRILLROOM_TEST_PYTHON", QStringLiteral("python3"));
    client.start(python, {QStringLiteral(DRILLROOM_SOURCE_DIR "/tests/flow/check_tritonclient.py"),
                          QString::fromStdString(node.address()), QStringLiteral("3"),
                          QStringLiteral("5"), QStringLiteral("8")});
    if (!client.waitForStarted())
        QSKIP("There is no Python here");
    QVERIFY(client.waitForFinished(60'000));
    const auto output = client.readAll();
    if (client.exitCode() == 77)
        QSKIP(output.constData());
    QVERIFY2(client.exitStatus() == QProcess::NormalExit && client.exitCode() == 0,
             output.constData());
}

void TestNodePrograms::aReplicaRefusesAForeignSignature()
{
    QVERIFY(m_shop.addPackage("2", "foreign.key"));
    Node node(m_shop, "replica/1", "replica",
              {{"package", (m_shop.path / "packages/2").string()}, {"trusted", m_shop.trusted}});
    node.start();
    QVERIFY(node.process.waitForFinished(60'000));
    QCOMPARE(node.process.exitCode(), 5);
    QCOMPARE(node.waitForHello().port(), 0);
    QVERIFY(QTest::qWaitFor([&] { return !node.states().empty(); }, 30'000));
    QVERIFY(!node.states()[0].serving());
    QVERIFY2(node.states()[0].detail().find("sign") != std::string::npos,
             node.states()[0].detail().c_str());
}

void TestNodePrograms::aReplicaRefusesAnotherShopsItems()
{
    test::SmallShop other;
    other.data.itemIds[0] = "something else";
    QVERIFY(engine::writeDataset(other.path / "history.bin", other.data));
    Node node(other, "replica/1", "replica",
              {{"package", (other.path / "packages/1").string()}, {"trusted", other.trusted}});
    node.start();
    QVERIFY(node.process.waitForFinished(60'000));
    QCOMPARE(node.process.exitCode(), 5);
}

void TestNodePrograms::aNodeEndsWithItsAgent()
{
    Node node(m_shop, "store", "store", json::object());
    node.start();
    QVERIFY(node.waitForHello().port() > 0);
    QVERIFY(!node.process.waitForFinished(300));
    node.agent.leave();
    QVERIFY(node.process.waitForFinished(30'000));
}

void TestNodePrograms::theStoreKeepsWhatItAcknowledgedThroughKill()
{
    test::SmallShop shop;
    const auto &row =
        *std::find_if(shop.trace.begin(), shop.trace.end(), [&](const engine::TraceRow &candidate) {
            return candidate.h + 1 == shop.data.of(candidate.shopper).size();
        });
    const auto history = [&](Node &node) {
        drillroom::v1::HistoryRequest request;
        drillroom::v1::HistoryReply reply;
        request.set_shopper(row.shopper);
        request.set_h(row.h + 1);
        grpc::ClientContext context;
        setDeadline(context);
        const auto status = drillroom::v1::Store::NewStub(channelTo(node.address()))
                                ->History(&context, request, &reply);
        return status.ok() ? reply.items_size() : -1;
    };
    {
        Node node(shop, "store", "store", json::object());
        node.start();
        // The label is not known before traffic brings it.
        QCOMPARE(history(node), int(row.h));
        drillroom::v1::AppendRequest request;
        drillroom::v1::AppendReply reply;
        request.set_shopper(row.shopper);
        request.set_h(row.h);
        request.set_item(row.label);
        grpc::ClientContext context;
        setDeadline(context);
        QVERIFY(drillroom::v1::Store::NewStub(channelTo(node.address()))
                    ->Append(&context, request, &reply)
                    .ok());
        QVERIFY(reply.seq() > 0);
        ::kill(static_cast<pid_t>(node.process.processId()), SIGKILL);
        QVERIFY(node.process.waitForFinished(30'000));
    }
    Node again(shop, "store", "store", json::object());
    again.start();
    QCOMPARE(history(again), int(row.h) + 1);
}

void TestNodePrograms::aWrongConfigIsRefused()
{
    Node node(m_shop, "store", "store", json::object());
    node.config["role"] = "gateway";
    std::ofstream(node.folder.filePath(QStringLiteral("x.json")).toStdString())
        << node.config.dump();
    node.process.start(kBin + QStringLiteral("/drillroom-node"),
                       {QStringLiteral("store"), QStringLiteral("--config"),
                        node.folder.filePath(QStringLiteral("x.json"))});
    QVERIFY(node.process.waitForFinished(30'000));
    QCOMPARE(node.process.exitCode(), 4);
}

void TestNodePrograms::theWholeChainServesTraffic()
{
    test::SmallShop shop;
    const json replica = {{"package", (shop.path / "packages/1").string()},
                          {"trusted", shop.trusted}};
    Node store(shop, "store", "store", json::object());
    Node first(shop, "replica/1", "replica", replica);
    Node second(shop, "replica/2", "replica", replica);
    store.start();
    first.start();
    second.start();
    Node gateway(shop, "gateway", "gateway",
                 {{"replicas",
                   {{{"target", "replica/1"}, {"address", first.address()}},
                    {{"target", "replica/2"}, {"address", second.address()}}}},
                  {"store", store.address()}});
    gateway.start();
    Node traffic(shop, "traffic", "traffic",
                 {{"gateway", gateway.address()}, {"store", store.address()}});
    traffic.start();
    QCOMPARE(traffic.waitForHello().target(), std::string("traffic"));

    test::FakeAgent::Command command;
    command.set_id(1);
    auto &load = *command.mutable_start_load();
    load.set_arrivals("constant");
    load.set_rate(100);
    load.set_deadline_us(250'000);
    load.set_seed(1);
    load.set_start_us(
        engine::alignUp(engine::systemClock().now() + engine::Micros{500'000}).count());
    QVERIFY(traffic.agent.command(command));
    QVERIFY(QTest::qWaitFor([&] { return traffic.sum("gateway.path.primary") >= 300; }, 60'000));
    // A machine that stands still for a second fails what was due in it, and no more.
    QVERIFY2(traffic.sum("gateway.failed") < 100,
             qPrintable(QString::number(traffic.sum("gateway.failed"))));
    QVERIFY(traffic.sum("gateway.earned") > 0);
    QVERIFY(QTest::qWaitFor(
        [&] {
            return first.sum("replica/1.requests") > 50 && second.sum("replica/2.requests") > 50;
        },
        30'000));
    // Labels arrive in the store and are durable.
    QVERIFY(QTest::qWaitFor([&] { return store.sum("store.acked") >= 250; }, 30'000));
}

QTEST_GUILESS_MAIN(TestNodePrograms)
#include "tst_node_programs.moc"
