// A replica whose memory or descriptors run out answers RESOURCE_EXHAUSTED or turns newcomers away,
// goes on serving, and is well again when the limit is lifted; idle and half-open connections hurt
// nobody, at the replica and at the gateway. DRILLROOM_SLOW=1: 10,000 of them.

#include "engine/proto/kserve.grpc.pb.h"
#include "engine/serving/gateway_channel.h"
#include "engine/serving/gateway_wire.h"
#include "tests/support/idle_crowd.h"
#include "tests/support/lone_node.h"

#include <atomic>
#include <condition_variable>
#include <mutex>

using namespace engine;
using nlohmann::json;

class TestExhaustion : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void memoryIsOverload();
    void descriptorsAreOverload();
    void idleConnectionsHurtNobody_data();
    void idleConnectionsHurtNobody();

private:
    test::IdleCrowd m_crowd; ///< first: it forks
    std::unique_ptr<test::SmallShop> m_shop;
    [[nodiscard]] json replicaOptions() const
    {
        return {{"package", (m_shop->path / "packages/1").string()},
                {"trusted", m_shop->trusted},
                {"threads", 1}};
    }
};

namespace {

using Stub = inference::GRPCInferenceService::Stub;

std::unique_ptr<Stub> client(const std::string &address)
{
    return inference::GRPCInferenceService::NewStub(resilientChannel(address));
}

inference::ModelInferRequest request(std::int64_t rows, std::int32_t k)
{
    GatewayRequest ask;
    ask.rows = rows;
    ask.columns = 2;
    for (std::int64_t row = 0; row < rows; ++row)
        ask.history.insert(ask.history.end(), {1, 2});
    ask.k = k;
    inference::ModelInferRequest out;
    writeInfer(ask, kRecommend, out);
    return out;
}

struct Asked
{
    int good = 0, exhausted = 0, other = 0;
    std::string said;
    std::vector<double> millis;
};

/// `count` equal requests, `together` at a time.
Asked ask(Stub &stub, const inference::ModelInferRequest &what, int count, int together)
{
    struct Call
    {
        grpc::ClientContext context;
        inference::ModelInferResponse reply;
    };
    Asked out;
    std::mutex mutex;
    std::condition_variable over;
    for (int done = 0; done < count; done += together) {
        int left = together;
        std::vector<std::unique_ptr<Call>> calls;
        for (int i = 0; i < together; ++i) {
            auto &call = *calls.emplace_back(std::make_unique<Call>());
            const auto from = systemClock().now();
            call.context.set_deadline(grpcTime(from + Micros{60'000'000}));
            call.context.set_wait_for_ready(true);
            stub.async()->ModelInfer(
                &call.context, &what, &call.reply, [&, from](const grpc::Status &status) {
                    const std::lock_guard lock(mutex);
                    const bool isExhausted =
                        status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
                    (status.ok() ? out.good : isExhausted ? out.exhausted : out.other) += 1;
                    if (!status.ok())
                        out.said =
                            std::to_string(status.error_code()) + " " + status.error_message();
                    out.millis.push_back(static_cast<double>((systemClock().now() - from).count())
                                         / 1000);
                    if (--left == 0)
                        over.notify_all();
                });
        }
        std::unique_lock lock(mutex);
        over.wait(lock, [&] { return left == 0; });
    }
    std::sort(out.millis.begin(), out.millis.end());
    return out;
}

double quantile(const Asked &asked, double q)
{
    return asked.millis[static_cast<std::size_t>(q * static_cast<double>(asked.millis.size() - 1))];
}

} // namespace

void TestExhaustion::initTestCase()
{
    setUpGrpcForDrills();
    m_shop = std::make_unique<test::SmallShop>();
    QVERIFY2(m_shop->error.empty(), m_shop->error.c_str());
}

void TestExhaustion::memoryIsOverload()
{
    test::LoneNode replica(*m_shop, "replica", replicaOptions());
    QVERIFY(replica.port() > 0);
    const auto stub = client(replica.address());
    // Every thread and every batch size is seen once before there is a limit.
    auto asked = ask(*stub, request(1, 10), 200, 20);
    QCOMPARE(asked.good, 200);
    const auto large = request(256, 700); // answers of 2 MB
    asked = ask(*stub, large, 20, 20);
    QVERIFY2(asked.good > 0, asked.said.c_str());
    QVERIFY(replica.limit(RLIMIT_AS, replica.size().first + (std::uint64_t{32} << 20)));
    asked = ask(*stub, large, 100, 50);
    QVERIFY2(replica.isAlive(), "the replica died of a lack of memory");
    QVERIFY2(asked.exhausted > 0, "no request was refused");
    QVERIFY2(asked.other == 0, asked.said.c_str());
    QVERIFY2(asked.said.find("memory") != std::string::npos, asked.said.c_str());
    QVERIFY(replica.limit(RLIMIT_AS, RLIM_INFINITY));
    asked = ask(*stub, request(1, 10), 50, 5);
    QVERIFY(replica.isAlive());
    QCOMPARE(asked.good, 50);
}

void TestExhaustion::descriptorsAreOverload()
{
    test::LoneNode replica(*m_shop, "replica", replicaOptions());
    QVERIFY(replica.port() > 0);
    const auto early = client(replica.address());
    QCOMPARE(ask(*early, request(1, 10), 10, 1).good, 10);
    constexpr rlim_t kLimit = 128;
    QVERIFY(replica.limit(RLIMIT_NOFILE, kLimit));
    QCOMPARE(m_crowd.hold(replica.port(), 500), 500); // the kernel takes them all
    // Who was there before is served.
    auto asked = ask(*early, request(1, 10), 50, 5);
    QVERIFY(replica.isAlive());
    QVERIFY2(asked.good == 50, asked.said.c_str());
    // Who comes now is told: a status that says why, not silence.
    {
        const auto late = client(replica.address());
        grpc::ClientContext context;
        context.set_deadline(grpcTime(systemClock().now() + Micros{20'000'000}));
        inference::ModelInferResponse reply;
        const auto status = late->ModelInfer(&context, request(1, 10), &reply);
        QVERIFY2(status.error_code() == grpc::StatusCode::UNAVAILABLE
                     || status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED,
                 status.error_message().c_str());
    }
    // The crowd goes; newcomers are welcome, under the same limit.
    QCOMPARE(m_crowd.hold(replica.port(), 0), 0);
    const auto late = client(replica.address());
    asked = ask(*late, request(1, 10), 20, 2);
    QVERIFY2(asked.good == 20, asked.said.c_str());
    QVERIFY(replica.isAlive());
}

void TestExhaustion::idleConnectionsHurtNobody_data()
{
    QTest::addColumn<QString>("role");
    QTest::newRow("replica") << QStringLiteral("replica");
    QTest::newRow("gateway") << QStringLiteral("gateway");
}

void TestExhaustion::idleConnectionsHurtNobody()
{
    QFETCH(QString, role);
    const int idle = qEnvironmentVariableIsSet("DRILLROOM_SLOW") ? 10'000 : 400;
    test::LoneNode replica(*m_shop, "replica", replicaOptions());
    QVERIFY(replica.port() > 0);
    std::unique_ptr<test::LoneNode> gateway;
    if (role == QLatin1String("gateway"))
        gateway = std::make_unique<test::LoneNode>(
            *m_shop, "gateway",
            json{{"replicas", {{{"target", "replica/1"}, {"address", replica.address()}}}}});
    auto &node = gateway ? *gateway : replica;
    QVERIFY(node.port() > 0);
    const auto stub = client(node.address());
    const auto what = request(1, 10);
    (void)ask(*stub, what, 100, 4);
    const auto before = ask(*stub, what, 1000, 4);
    const auto sizeBefore = node.size().second;
    QCOMPARE(m_crowd.hold(node.port(), idle), idle);
    const auto during = ask(*stub, what, 1000, 4);
    const auto grown = static_cast<double>(node.size().second - sizeBefore);
    const auto newcomer = client(node.address());
    const auto late = ask(*newcomer, what, 50, 2);
    qInfo("%s: %d idle connections, %.1f MB for them; p50 %.2f -> %.2f ms, p99 %.2f -> %.2f ms",
          qPrintable(role), idle, grown / (1 << 20), quantile(before, 0.5), quantile(during, 0.5),
          quantile(before, 0.99), quantile(during, 0.99));
    QCOMPARE(m_crowd.hold(node.port(), 0), 0);
    QVERIFY(node.isAlive());
    QVERIFY2(during.good == 1000, during.said.c_str());
    QVERIFY2(late.good == 50, late.said.c_str());
    // Bounded: what gRPC keeps of a connection, and no more.
    QVERIFY2(grown < idle * 65536.0 + (64 << 20), qPrintable(QString::number(grown / idle)));
    const auto after = ask(*stub, what, 200, 4);
    QCOMPARE(after.good, 200);
}

QTEST_GUILESS_MAIN(TestExhaustion)
#include "tst_exhaustion.moc"
