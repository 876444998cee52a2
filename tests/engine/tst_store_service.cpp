// The store's gRPC face: ages, features, backups on demand, and what it says to nonsense. Slow:
// 10,000 idle connections instead of 200.

#include "engine/proto/store.grpc.pb.h"
#include "engine/serving/node_server.h"
#include "engine/serving/store_service.h"
#include "engine/store/sqlite_event_store.h"

#include <QTemporaryDir>
#include <QtTest>
#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace engine;
namespace proto = drillroom::v1;

class TestStoreService : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void historiesAndFeaturesCarryTheirAge();
    void aBackupIsMadeOnDemand();
    void nonsenseIsNamed();
    void garbageAndIdleConnectionsHurtNobody();
    void windowsCarrySequenceNumbers();
};

namespace {

/// A real store behind a real port, in this process.
struct Bed
{
    QTemporaryDir folder;
    std::unique_ptr<SqliteEventStore> store;
    std::unique_ptr<StoreService> service;
    std::unique_ptr<NodeServer> server;
    std::unique_ptr<proto::Store::Stub> stub;

    explicit Bed(bool withBackups = true)
    {
        StoreOptions options;
        if (withBackups)
            options.backups = folder.filePath(QStringLiteral("backups")).toStdString();
        auto opened = SqliteEventStore::open(
            folder.filePath(QStringLiteral("store.db")).toStdString(),
            []() -> Result<StoreSeed> {
                return StoreSeed{100, {0, 3, 3}, {1, 2, 3}};
            },
            options);
        if (!opened)
            qFatal("%s", opened.error().text().c_str());
        store = std::move(*opened);
        service = std::make_unique<StoreService>(*store, systemClock());
        auto started = NodeServer::start(service->service());
        if (!started)
            qFatal("%s", started.error().text().c_str());
        server = std::move(*started);
        grpc::ChannelArguments arguments;
        arguments.SetMaxSendMessageSize(-1);
        stub = proto::Store::NewStub(grpc::CreateCustomChannel(
            server->address(), grpc::InsecureChannelCredentials(), arguments));
    }

    template <class Request, class Reply>
    grpc::Status call(grpc::Status (proto::Store::StubInterface::*what)(grpc::ClientContext *,
                                                                        const Request &, Reply *),
                      const Request &request, Reply &reply)
    {
        grpc::ClientContext context;
        context.set_deadline(
            gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(60, GPR_TIMESPAN)));
        return (stub.get()->*what)(&context, request, &reply);
    }
    grpc::Status append(std::uint32_t shopper, std::uint32_t h, std::uint32_t item)
    {
        proto::AppendRequest request;
        request.set_shopper(shopper);
        request.set_h(h);
        request.set_item(item);
        proto::AppendReply reply;
        return call(&proto::Store::StubInterface::Append, request, reply);
    }
    proto::HistoryReply history(std::uint32_t shopper, std::uint32_t h)
    {
        proto::HistoryRequest request;
        request.set_shopper(shopper);
        request.set_h(h);
        proto::HistoryReply reply;
        if (!call(&proto::Store::StubInterface::History, request, reply).ok())
            reply.set_age_ms(-99);
        return reply;
    }
    int connect() const
    {
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<std::uint16_t>(server->port()));
        if (fd >= 0 && ::connect(fd, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0) {
            ::close(fd);
            return -1;
        }
        return fd;
    }
};

} // namespace

void TestStoreService::historiesAndFeaturesCarryTheirAge()
{
    Bed bed;
    QCOMPARE(bed.history(0, 3).age_ms(), std::int64_t(-1)); // older than the store
    QVERIFY(bed.append(0, 3, 7).ok());
    QTest::qWait(20);
    const auto history = bed.history(0, 4);
    QCOMPARE(history.items_size(), 4);
    QVERIFY(history.age_ms() >= 15 && history.age_ms() < 600'000);
    QCOMPARE(bed.history(0, 3).age_ms(), std::int64_t(-1)); // the newest of those asked for

    proto::FeaturesRequest request;
    request.add_shoppers(1);
    request.add_shoppers(0);
    request.set_recent(2);
    proto::FeaturesReply reply;
    QVERIFY(bed.call(&proto::Store::StubInterface::Features, request, reply).ok());
    QCOMPARE(reply.shoppers_size(), 2);
    QCOMPARE(reply.shoppers(0).events(), 0u);
    QCOMPARE(reply.shoppers(0).age_ms(), std::int64_t(-1));
    QCOMPARE(reply.shoppers(1).events(), 4u);
    QCOMPARE(reply.shoppers(1).recent(0), 7u);
    QCOMPARE(reply.shoppers(1).recent(1), 3u);
    QVERIFY(reply.shoppers(1).age_ms() >= 15);
}

void TestStoreService::aBackupIsMadeOnDemand()
{
    proto::BackupReply reply;
    Bed bed;
    QVERIFY(bed.append(1, 0, 7).ok());
    QVERIFY(bed.call(&proto::Store::StubInterface::Backup, proto::BackupRequest(), reply).ok());
    QCOMPARE(reply.seq(), std::uint64_t(4));
    QVERIFY(std::filesystem::file_size(reply.file()) == reply.bytes());
    proto::StatsReply stats;
    QVERIFY(bed.call(&proto::Store::StubInterface::Stats, proto::StatsRequest(), stats).ok());
    QCOMPARE(stats.backed_up_seq(), std::uint64_t(4));
    QCOMPARE(stats.shipped_seq(), std::uint64_t(4));
    QVERIFY(stats.backup_age_ms() >= 0);
    Bed without(false);
    const auto refused =
        without.call(&proto::Store::StubInterface::Backup, proto::BackupRequest(), reply);
    QCOMPARE(refused.error_code(), grpc::StatusCode::NOT_FOUND);
}

void TestStoreService::nonsenseIsNamed()
{
    Bed bed;
    QCOMPARE(bed.append(2, 0, 1).error_code(), grpc::StatusCode::NOT_FOUND);
    QCOMPARE(bed.append(UINT32_MAX, 0, 1).error_code(), grpc::StatusCode::NOT_FOUND);
    QCOMPARE(bed.append(0, 3, 100).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    QCOMPARE(bed.append(0, UINT32_MAX, 1).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    QVERIFY(bed.append(0, 3, 100).error_message().find("0 to 99") != std::string::npos);
    QCOMPARE(bed.history(0, UINT32_MAX).items_size(), 3);
    proto::FeaturesRequest request;
    proto::FeaturesReply reply;
    request.set_recent(UINT32_MAX);
    QCOMPARE(bed.call(&proto::Store::StubInterface::Features, request, reply).error_code(),
             grpc::StatusCode::INVALID_ARGUMENT);
    request.set_recent(1);
    for (std::uint32_t i = 0; i < 1'000'000; ++i)
        request.add_shoppers(0);
    QCOMPARE(bed.call(&proto::Store::StubInterface::Features, request, reply).error_code(),
             grpc::StatusCode::INVALID_ARGUMENT);
    for (std::uint32_t i = 0; i < 5'000'000; ++i) // more than a message may have
        request.add_shoppers(UINT32_MAX);
    QCOMPARE(bed.call(&proto::Store::StubInterface::Features, request, reply).error_code(),
             grpc::StatusCode::RESOURCE_EXHAUSTED);
    QVERIFY(bed.append(0, 3, 7).ok());
}

void TestStoreService::garbageAndIdleConnectionsHurtNobody()
{
    Bed bed;
    std::size_t idle = 200;
    if (qEnvironmentVariableIsSet("DRILLROOM_SLOW")) {
        idle = 10'000;
        rlimit limit{2 * idle + 1000, 2 * idle + 1000}; // both ends lie in this process
        if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            ::getrlimit(RLIMIT_NOFILE, &limit);
            limit.rlim_cur = limit.rlim_max;
            ::setrlimit(RLIMIT_NOFILE, &limit);
            idle = std::min<std::size_t>(idle, (limit.rlim_cur - 500) / 2);
        }
        qInfo("%zu idle connections", idle);
    }
    std::vector<int> open;
    const QByteArray preface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), zeros(9, '\0');
    for (std::size_t i = 0; i < idle; ++i) {
        const int fd = bed.connect();
        QVERIFY2(fd >= 0, qPrintable(QString::number(i)));
        open.push_back(fd);
        if (i % 4 == 1) { // garbage
            const QByteArray garbage(300, static_cast<char>(i * 37 + 1));
            (void)!::send(fd, garbage.data(), 300, MSG_NOSIGNAL);
        } else if (i % 4 == 2) { // half a greeting
            (void)!::send(fd, preface.data(), 10, MSG_NOSIGNAL);
        } else if (i % 4 == 3) { // a greeting, and a frame that never ends
            (void)!::send(fd, preface.data(), static_cast<std::size_t>(preface.size()),
                          MSG_NOSIGNAL);
            const char frame[] = {0, 0x40, 0, 1, 0, 0, 0, 0, 1};
            (void)!::send(fd, frame, sizeof frame, MSG_NOSIGNAL);
        }
    }
    for (std::uint32_t i = 0; i < 50; ++i)
        QVERIFY(bed.append(1, i, i).ok());
    QCOMPARE(bed.history(1, 100).items_size(), 50);
    for (const int fd : open)
        ::close(fd);
    QVERIFY(bed.append(1, 50, 7).ok());
}

void TestStoreService::windowsCarrySequenceNumbers()
{
    Bed bed;
    QVERIFY(bed.append(1, 0, 7).ok());
    const auto window = bed.service->takeWindow(MonoTime{systemClock().now()});
    std::map<std::string, double> values;
    for (const auto &sample : window.samples)
        values[sample.series] = sample.value;
    QCOMPARE(values.at("store.seq"), 4.0);
    QCOMPARE(values.at("store.shipped"), 4.0);
    QCOMPARE(values.at("store.acked"), 1.0);
    QVERIFY(values.at("store.disk") > 4096);
    QVERIFY(values.at("store.append.age") >= 0);
}

QTEST_GUILESS_MAIN(TestStoreService)
#include "tst_store_service.moc"
