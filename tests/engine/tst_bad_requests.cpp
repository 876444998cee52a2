// Every field of every RPC with every hostile value of its type: each is refused by a named status
// with words, or is one that the list below calls good; and the server goes on answering. Slow
// streams, connections and floods are in tst_store_service and tst_exhaustion.

#include "engine/agent/agent_spawn.h"
#include "engine/agent/plain_line.h"
#include "engine/proto/agent.grpc.pb.h"
#include "engine/proto/gateway.grpc.pb.h"
#include "engine/serving/node_server.h"
#include "engine/serving/replica_service.h"
#include "engine/serving/store_service.h"
#include "engine/store/sqlite_event_store.h"
#include "tests/support/bad_values.h"
#include "tests/support/fake_scorer.h"
#include "tests/support/gateway_bed.h"

#include <QTemporaryDir>
#include <QtTest>
#include <fnmatch.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

using namespace engine;
namespace proto = drillroom::v1;

class TestBadRequests : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void theGatewaySaysWhatIsWrong();
    void theReplicaSaysWhatIsWrong();
    void theStoreSaysWhatIsWrong();
    void theAgentSaysWhatIsWrong();
    void aNodeThatIsNoneIsTurnedAway();
};

namespace {

using Message = google::protobuf::Message;

/// What may be answered with OK: "METHOD FIELD VALUE" as in fnmatch, and why.
using Good = std::vector<std::pair<const char *, const char *>>;

struct Answered
{
    grpc::Status status;
    grpc::ByteBuffer reply;
};

class Asker
{
public:
    explicit Asker(const std::string &address, std::string lease = {}) : m_lease(std::move(lease))
    {
        grpc::ChannelArguments arguments;
        arguments.SetMaxSendMessageSize(-1);
        arguments.SetInt("grpc.enable_http_proxy", 0);
        m_stub = std::make_unique<grpc::GenericStub>(
            grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
    }
    Answered ask(const std::string &method, const std::string &bytes)
    {
        grpc::ClientContext context;
        context.set_deadline(
            gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(30, GPR_TIMESPAN)));
        if (!m_lease.empty())
            context.AddMetadata("drillroom-lease", m_lease);
        const grpc::Slice slice(bytes);
        const grpc::ByteBuffer buffer(&slice, 1);
        Answered answered;
        grpc::CompletionQueue queue;
        const auto call = m_stub->PrepareUnaryCall(&context, method, buffer, &queue);
        call->StartCall();
        call->Finish(&answered.reply, &answered.status, this);
        void *tag = nullptr;
        bool ok = false;
        queue.Next(&tag, &ok);
        return answered;
    }

private:
    const std::string m_lease;
    std::unique_ptr<grpc::GenericStub> m_stub;
};

bool isListed(const Good &good, const std::string &text)
{
    return std::ranges::any_of(
        good, [&](const auto &one) { return ::fnmatch(one.first, text.c_str(), 0) == 0; });
}

/// The faults of an answer, or nothing. An agent refuses inside its Outcome.
std::string complaint(const Answered &answered, bool hasOutcome, const std::string &what,
                      const Good &good)
{
    using Code = grpc::StatusCode;
    auto code = answered.status.error_code();
    auto message = answered.status.error_message();
    if (code == Code::OK && hasOutcome) {
        grpc::Slice slice;
        proto::Outcome outcome;
        if (!answered.reply.DumpToSingleSlice(&slice).ok()
            || !outcome.ParseFromArray(slice.begin(), static_cast<int>(slice.size())))
            return "answers no outcome";
        if (!outcome.ok()) {
            code = Code::INVALID_ARGUMENT;
            message = outcome.message();
            if (outcome.code() == static_cast<std::uint32_t>(ErrorCode::Internal))
                return "fails inside: " + message;
        }
    }
    if (code == Code::OK)
        return isListed(good, what) ? "" : "is taken as good";
    // A message that is none is gRPC's own to refuse, without words.
    if (what.find("(message)") != std::string::npos)
        return "";
    const std::set<Code> named{Code::INVALID_ARGUMENT,   Code::NOT_FOUND,
                               Code::RESOURCE_EXHAUSTED, Code::FAILED_PRECONDITION,
                               Code::DEADLINE_EXCEEDED,  Code::UNAVAILABLE};
    if (!named.contains(code))
        return "ends with status " + std::to_string(code) + ": " + message;
    if (message.size() < 12 || message.find(' ') == std::string::npos)
        return "is refused without words: '" + message + "'";
    if (message.size() > 450)
        return "is refused with " + std::to_string(message.size()) + " bytes of words";
    return "";
}

/// All of one method. `good` must be answered before and after.
void tryMethod(Asker &asker, const std::string &method, const Message &good, const Good &listed,
               QStringList &complaints, int &tried)
{
    const auto name = method.substr(method.rfind('/') + 1);
    const bool hasOutcome = method.starts_with("/drillroom.v1.Agent/");
    const auto bytes = good.SerializeAsString();
    const auto before = asker.ask(method, bytes).status;
    if (!before.ok())
        complaints << QString::fromStdString(
            name + ": the good one is refused: " + before.error_message());
    for (const auto &bad : test::badRequests(good)) {
        const auto what = name + " " + bad.path + " " + bad.what;
        ++tried;
        const auto said = complaint(asker.ask(method, bad.bytes), hasOutcome, what, listed);
        if (!said.empty())
            complaints << QString::fromStdString(what + " " + said);
    }
    const auto after = asker.ask(method, bytes).status;
    if (!after.ok())
        complaints << QString::fromStdString(
            name + ": afterwards the good one is refused: " + after.error_message());
}

/// Compares the methods of the service with those tried: a new RPC must come into this test.
QStringList untried(const google::protobuf::ServiceDescriptor *service,
                    const std::set<std::string> &tried)
{
    QStringList names;
    for (int i = 0; i < service->method_count(); ++i)
        if (!tried.contains(service->method(i)->name()))
            names << QString::fromStdString(service->method(i)->name());
    return names;
}

std::string pathOf(const char *service, const std::string &method)
{
    return "/" + std::string(service) + "/" + method;
}

/// Of every KServe message.
const Good kCommon{
    {"ModelInfer id *", "the caller's own mark, given back as it came"},
    {"ModelInfer *parameters *", "parameters that nobody knows are passed over (KServe)"},
    {"ModelInfer *parameters?0?.key *", "then it is a parameter that nobody knows"},
    {"ModelInfer *parameters?1?.key *", "likewise"},
    {"ModelInfer parameters?[01]? twice", "the last one counts (protobuf's maps)"},
    {"ModelInfer parameters?[01]?.value.int64_param most", "a wish without an end"},
    {"ModelInfer parameters?[01]?.value.*_param missing", "the other kind of parameter"},
    {"ModelInfer inputs?0?.contents.int64_contents zero", "items count from 0"},
    {"ModelInfer inputs?0?.contents.int64_contents most", "an item nobody knows is passed over"},
    {"ModelInfer outputs missing", "then all are sent"},
    {"ModelInfer outputs?0? twice", "it is sent once"},
    {"* version empty", "any version"},
    {"* model_version empty", "any version"},
    {"Server* (message) cut short", "half of nothing is nothing"},
};

Good with(const Good &more)
{
    Good all = kCommon;
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

constexpr auto kKserve = "inference.GRPCInferenceService";

inference::ModelInferRequest goodInfer()
{
    auto request = test::historyRequest();
    request.set_id("1");
    request.add_outputs()->set_name("items");
    return request;
}

/// The KServe methods with a good request each.
std::map<std::string, std::unique_ptr<Message>> kserveRequests(const std::string &model)
{
    std::map<std::string, std::unique_ptr<Message>> all;
    all["ServerLive"] = std::make_unique<inference::ServerLiveRequest>();
    all["ServerReady"] = std::make_unique<inference::ServerReadyRequest>();
    all["ServerMetadata"] = std::make_unique<inference::ServerMetadataRequest>();
    auto ready = std::make_unique<inference::ModelReadyRequest>();
    ready->set_name(model);
    all["ModelReady"] = std::move(ready);
    auto metadata = std::make_unique<inference::ModelMetadataRequest>();
    metadata->set_name(model);
    all["ModelMetadata"] = std::move(metadata);
    all["ModelInfer"] = std::make_unique<inference::ModelInferRequest>(goodInfer());
    return all;
}

void report(const QStringList &complaints, int tried, int least)
{
    qInfo("%d hostile requests", tried);
    for (const auto &complaint : complaints)
        qInfo("%s", qPrintable(complaint.left(300)));
    QVERIFY2(complaints.isEmpty(), qPrintable(complaints.value(0)));
    QVERIFY2(tried >= least, "The test tries too few");
}

} // namespace

void TestBadRequests::theGatewaySaysWhatIsWrong()
{
    test::Bed bed(1);
    QVERIFY(bed.ready());
    Asker asker("127.0.0.1:" + std::to_string(bed.gateway->port()));
    const auto good = with({
        {"ModelInfer inputs?0?.contents.int64_contents negative", "below -1 is padding here"},
        {"ModelInfer inputs?0?.contents.int64_contents least", "likewise"},
        {"ModelInfer inputs?1?.contents.int_contents zero", "h of a shopper without a past"},
        {"ModelInfer inputs?1?.contents.int_contents most", "as many as there are"},
    });
    QStringList complaints;
    int tried = 0;
    for (const auto &[method, request] : kserveRequests("recommend"))
        tryMethod(asker, pathOf(kKserve, method), *request, good, complaints, tried);
    auto byShopper = test::shopperRequest(0, 1);
    (*byShopper.mutable_parameters())["timeout"].set_int64_param(1'000'000);
    (*byShopper.mutable_parameters())["priority"].set_string_param("search");
    tryMethod(asker, pathOf(kKserve, "ModelInfer"), byShopper, good, complaints, tried);
    report(complaints, tried, 60);
}

void TestBadRequests::theReplicaSaysWhatIsWrong()
{
    test::NextItems::Door door;
    ReplicaSettings settings;
    settings.target = "replica/1";
    ReplicaService service(
        settings,
        [&](const std::string &version) -> Result<std::unique_ptr<Scorer>> {
            if (!version.empty() && version != "1" && version != "2")
                return fail(ErrorCode::NotFound, "There is no version " + version);
            return std::make_unique<test::NextItems>(door, version.empty() ? "1" : version);
        },
        systemClock());
    QVERIFY(service.load(""));
    const auto server = NodeServer::start(service.service());
    QVERIFY(server);
    Asker asker((*server)->address());
    const auto good = with({
        {"Repository* repository_name *", "there is one, whatever it is called"},
        {"Repository* parameters *", "parameters that nobody knows are passed over"},
        {"RepositoryIndex (message) cut short", "half of nothing is nothing"},
    });
    auto requests = kserveRequests("recommend");
    requests["RepositoryIndex"] = std::make_unique<inference::RepositoryIndexRequest>();
    auto load = std::make_unique<inference::RepositoryModelLoadRequest>();
    load->set_model_name("recommend");
    requests["RepositoryModelLoad"] = std::move(load);
    auto unload = std::make_unique<inference::RepositoryModelUnloadRequest>();
    unload->set_model_name("standby");
    requests["RepositoryModelUnload"] = std::move(unload);
    QStringList complaints;
    int tried = 0;
    std::set<std::string> names{"ModelStreamInfer"}; // the same messages; tst_replica
    for (const auto &[method, request] : requests) {
        names.insert(method);
        tryMethod(asker, pathOf(kKserve, method), *request, good, complaints, tried);
    }
    const auto missing = untried(
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(kKserve), names);
    QVERIFY2(missing.isEmpty(), qPrintable(missing.join(QLatin1Char(' '))));
    report(complaints, tried, 60);
}

void TestBadRequests::theStoreSaysWhatIsWrong()
{
    QTemporaryDir folder;
    StoreOptions options;
    options.backups = folder.filePath(QStringLiteral("backups")).toStdString();
    auto store = SqliteEventStore::open(
        folder.filePath(QStringLiteral("store.db")).toStdString(),
        []() -> Result<StoreSeed> {
            return StoreSeed{100, {0, 3, 3}, {1, 2, 3}};
        },
        options);
    QVERIFY(store);
    StoreService service(**store, systemClock());
    const auto server = NodeServer::start(service.service());
    QVERIFY(server);
    Asker asker((*server)->address());
    constexpr auto kStore = "drillroom.v1.Store";
    std::map<std::string, std::unique_ptr<Message>> requests;
    auto history = std::make_unique<proto::HistoryRequest>();
    history->set_shopper(1);
    history->set_h(2);
    requests["History"] = std::move(history);
    auto append = std::make_unique<proto::AppendRequest>();
    append->set_shopper(1);
    append->set_h(0);
    append->set_item(5);
    requests["Append"] = std::move(append);
    requests["Stats"] = std::make_unique<proto::StatsRequest>();
    auto features = std::make_unique<proto::FeaturesRequest>();
    features->add_shoppers(1);
    features->set_recent(3);
    requests["Features"] = std::move(features);
    requests["Backup"] = std::make_unique<proto::BackupRequest>();
    const Good good{
        {"* shopper missing", "shoppers count from 0"},
        {"* shopper zero", "shoppers count from 0"},
        {"* item missing", "items count from 0"},
        {"* item zero", "items count from 0"},
        {"* h missing", "the first of a shopper"},
        {"* h zero", "the first of a shopper"},
        {"History h most", "as many as there are"},
        {"Features shoppers *", "none, the first, or the same again"},
        {"Features recent missing", "none"},
        {"Features recent zero", "none"},
        {"* (message) cut short", "whole fields are missing at the end: the first of a shopper"},
    };
    QStringList complaints;
    int tried = 0;
    std::set<std::string> names;
    for (const auto &[method, request] : requests) {
        names.insert(method);
        tryMethod(asker, pathOf(kStore, method), *request, good, complaints, tried);
    }
    const auto missing = untried(
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(kStore), names);
    QVERIFY2(missing.isEmpty(), qPrintable(missing.join(QLatin1Char(' '))));
    report(complaints, tried, 20);
}

namespace {

/// An agent as a process of its own, and the lease to order it about.
struct LoneAgent
{
    QTemporaryDir home{QStringLiteral("/tmp/drt-XXXXXX")},
        runtime{QStringLiteral("/tmp/drr-XXXXXX")};
    Paths paths;
    SpawnedAgent spawned;
    PlainLine line;
    std::string token;

    LoneAgent()
    {
        paths.home = home.path().toStdString();
        paths.runtime = runtime.path().toStdString();
        paths.binaries = DRILLROOM_BIN_DIR;
        qputenv("DRILLROOM_HOME", home.path().toLocal8Bit());
        qputenv("XDG_RUNTIME_DIR", runtime.path().toLocal8Bit());
        paths = Paths::fromEnvironment();
        paths.binaries = DRILLROOM_BIN_DIR;
        auto started = spawnAgent(paths);
        if (!started)
            qFatal("%s", started.error().text().c_str());
        spawned = std::move(*started);
        (void)QTest::qWaitFor(
            [this] {
                auto connected = PlainLine::connect(paths.leaseSocket());
                if (!connected)
                    return false;
                line = std::move(*connected);
                const auto answer = line.ask(systemClock(), "lease test", Micros{5'000'000});
                if (answer && answer->starts_with("ok "))
                    token = answer->substr(3);
                return !token.empty();
            },
            20'000);
    }
    /// It ends with its controller; before its folders go.
    ~LoneAgent()
    {
        line.close();
        spawned.pipe.reset();
        (void)QTest::qWaitFor([this] { return spawned.hasEnded(); }, 10'000);
    }
    [[nodiscard]] std::string address() const { return "unix:" + paths.agentSocket().string(); }
};

} // namespace

void TestBadRequests::theAgentSaysWhatIsWrong()
{
    LoneAgent agent;
    QVERIFY(!agent.token.empty());
    Asker asker(agent.address(), agent.token);
    std::map<std::string, std::unique_ptr<Message>> requests;
    const auto add = [&](const char *name, auto request) {
        requests[name] = std::make_unique<decltype(request)>(std::move(request));
    };
    proto::ShopUpRequest up;
    up.set_name("nowhere");
    up.set_replicas(3);
    add("ShopUp", up);
    add("ShopDown", proto::Empty{});
    add("ShopStatus", proto::Empty{});
    proto::StartLoadRequest load;
    load.set_arrivals("poisson");
    load.set_rate(100);
    load.set_deadline_us(250'000);
    load.add_latency_limits_ms(60);
    (*load.mutable_mix())["recommend"] = 1;
    add("StartLoad", load);
    add("StopLoad", proto::Empty{});
    proto::SetRateRequest rate;
    rate.set_rate(10);
    rate.set_who("test");
    add("SetRate", rate);
    proto::SwitchesRequest switches;
    const auto encoded = encode(Switches{});
    switches.set_fields(std::string(encoded.begin(), encoded.end()));
    add("SetSwitches", switches);
    proto::ApplyFaultRequest fault;
    fault.set_id(1);
    fault.set_fault("process.kill");
    fault.set_target("replica/1");
    (*fault.mutable_settings())["signal"] = "9";
    add("ApplyFault", fault);
    proto::UndoFaultRequest undo;
    undo.set_id(1);
    add("UndoFault", undo);
    proto::TargetRequest target;
    target.set_target("replica/1");
    target.set_verb("restart");
    add("Restart", target);
    add("SetSafeguards", proto::SafeguardsRequest{});
    const Good good{
        {"ShopDown *", "ends whatever runs"},
        {"ShopStatus *", "takes nothing"},
        {"StopLoad *", "ends whatever runs"},
        {"ApplyFault id *", "0 makes ready what the fault needs: here nothing"},
        {"UndoFault id *", "0 is all, and none runs"},
    };
    QStringList complaints;
    int tried = 0;
    // Describe and Watch take nothing; Stop ends the agent of this test.
    std::set<std::string> names{"Describe", "Watch", "Stop"};
    for (const auto &[method, request] : requests) {
        names.insert(method);
        tryMethod(asker, pathOf("drillroom.v1.Agent", method), *request, good, complaints, tried);
    }
    const auto missing = untried(
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName("drillroom.v1.Agent"),
        names);
    QVERIFY2(missing.isEmpty(), qPrintable(missing.join(QLatin1Char(' '))));
    std::string why;
    QVERIFY2(!agent.spawned.hasEnded(&why), why.c_str());
    // Nobody orders it about without the lease.
    Asker stranger(agent.address(), "0123456789abcdef0123456789abcdef");
    const auto refused = stranger.ask("/drillroom.v1.Agent/ShopDown", "").status;
    QCOMPARE(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    report(complaints, tried, 60);
}

void TestBadRequests::aNodeThatIsNoneIsTurnedAway()
{
    LoneAgent agent;
    QVERIFY(!agent.token.empty());
    const auto stub = proto::Nodes::NewStub(
        grpc::CreateChannel(agent.address(), grpc::InsecureChannelCredentials()));
    const auto first = [&](const proto::NodeReport &report) {
        grpc::ClientContext context;
        const auto stream = stub->Connect(&context);
        stream->Write(report);
        proto::NodeCommand command;
        while (stream->Read(&command)) {
        }
        return stream->Finish();
    };
    proto::NodeReport window;
    window.set_window("garbage");
    auto status = first(window);
    QCOMPARE(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    QVERIFY(!status.error_message().empty());
    proto::NodeReport hello;
    hello.mutable_hello()->set_target("replica/1");
    hello.mutable_hello()->set_pid(::getpid());
    hello.mutable_hello()->set_port(-4);
    QCOMPARE(first(hello).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    hello.mutable_hello()->set_port(80);
    status = first(hello); // a process that the agent did not start
    QCOMPARE(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
    QVERIFY(QString::fromStdString(status.error_message()).contains(QLatin1String("not started")));
    std::string why;
    QVERIFY2(!agent.spawned.hasEnded(&why), why.c_str());
}

QTEST_GUILESS_MAIN(TestBadRequests)
#include "tst_bad_requests.moc"
