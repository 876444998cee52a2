// A replica in this process: what a KServe client sees, and what the batcher does under pressure.

#include "engine/metrics/sketch.h"
#include "engine/proto/health.grpc.pb.h"
#include "engine/proto/kserve.grpc.pb.h"
#include "engine/serving/batcher.h"
#include "engine/serving/node_server.h"
#include "engine/serving/recommend_model.h"
#include "engine/serving/replica_service.h"
#include "tests/support/fake_scorer.h"

#include <QtTest>
#include <cstring>
#include <future>
#include <grpcpp/create_channel.h>
#include <set>
#include <thread>

namespace kserve = inference;
using engine::Micros;
using Infer = kserve::ModelInferRequest;
using Items = std::vector<std::int64_t>;

class TestReplica : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void typedTensorsAreAnswered();
    void rawTensorsAreAnsweredRaw();
    void onlyTheOutputsAskedForAreSent();
    void badRequestsNameTheInput_data();
    void badRequestsNameTheInput();
    void anUnknownModelOrVersionIsNotFound();
    void metadataDescribesTheModel();
    void requestsThatWaitAreBatched();
    void aPassedDeadlineIsNotScored();
    void aCancelledRequestIsNotScored();
    void aHopelessDeadlineIsRefusedUnlessIdle();
    void costFollowsAChangeAndForgivesAnOutlier();
    void scoresThatAreNotNumbersAreAnError();
    void aLoadSwapsTheModel();
    void aFailedLoadKeepsTheModel();
    void anUnloadedModelIsNotReady();
    void drainTurnsHealthOffFirst();
    void clientsMayPingEachSecond();
    void windowsCountRequests();
    void aLoadWarmsEveryBatchSize();
    void aCandidateIsTriedOnRecentRequests();
    void aCandidateWithUnsoundAnswersIsNotTaken();
    void theVersionBeforeComesBackAtOnce();
    void twoModelsServeSideBySide();
    void aStreamAnswersInOrderAndGoesOnAfterAMistake();
    void noMemoryIsOverloadAndNotTheEnd();
    void swapsUnderLoadLoseAndMixNothing();
};

namespace {

engine::ReplicaSettings settings()
{
    return {"replica/1", "recommend", 1};
}

/// A clock on which every wait lasts until it is released.
class HeldClock final : public engine::Clock
{
public:
    [[nodiscard]] engine::MonoTime now() const override { return engine::systemClock().now(); }
    [[nodiscard]] std::int64_t wallMicros() const override
    {
        return engine::systemClock().wallMicros();
    }
    bool waitUntil(engine::MonoTime, std::stop_token) const override
    {
        m_released.wait(false);
        return true;
    }
    void release() const
    {
        m_released = true;
        m_released.notify_all();
    }

private:
    mutable std::atomic<bool> m_released{false};
};

struct Replica
{
    test::NextItems::Door door;
    test::NextItems *scorer = nullptr; // the newest that was loaded
    engine::ReplicaService service{
        settings(),
        [this](const std::string &version) -> engine::Result<std::unique_ptr<engine::Scorer>> {
            if (version == "bad")
                return engine::fail(engine::ErrorCode::Untrusted, "The signature does not match");
            auto made = std::make_unique<test::NextItems>(door, version.empty() ? "1" : version);
            made->givesNan = version == "nan";
            scorer = made.get();
            return made;
        },
        engine::systemClock()};
    std::unique_ptr<engine::NodeServer> server;
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<kserve::GRPCInferenceService::Stub> stub;

    Replica()
    {
        if (!service.load(""))
            qFatal("The scorer of the test does not load");
        door.takeBatches(); // those of the warm-up
        server = std::move(*engine::NodeServer::start(service.service()));
        channel = grpc::CreateChannel(server->address(), grpc::InsecureChannelCredentials());
        stub = kserve::GRPCInferenceService::NewStub(channel);
    }
    ~Replica() { door.open(); }

    struct Answer
    {
        grpc::Status status;
        kserve::ModelInferResponse reply;
    };
    Answer infer(const Infer &request, Micros timeout = Micros{30'000'000},
                 grpc::ClientContext *context = nullptr)
    {
        grpc::ClientContext own;
        auto &used = context ? *context : own;
        used.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                       gpr_time_from_micros(timeout.count(), GPR_TIMESPAN)));
        Answer answer;
        answer.status = stub->ModelInfer(&used, request, &answer.reply);
        return answer;
    }
    std::future<Answer> later(const Infer &request, Micros timeout = Micros{30'000'000},
                              grpc::ClientContext *context = nullptr)
    {
        return std::async(std::launch::async,
                          [=, this] { return infer(request, timeout, context); });
    }
    bool waitQueued(std::size_t count)
    {
        return QTest::qWaitFor(
            [&] {
                for (const auto &sample : service.takeWindow({}).samples) {
                    if (sample.series == "replica/1.queue")
                        return sample.value == static_cast<double>(count);
                }
                return false;
            },
            30'000);
    }
    int health(const std::string &name = {})
    {
        grpc::ClientContext context;
        grpc::health::v1::HealthCheckRequest request;
        grpc::health::v1::HealthCheckResponse reply;
        request.set_service(name);
        const auto status =
            grpc::health::v1::Health::NewStub(channel)->Check(&context, request, &reply);
        return status.ok() ? reply.status() : -1;
    }
};

Infer::InferInputTensor &addInput(Infer &request, const char *name, const char *datatype,
                                  const Items &shape)
{
    auto &input = *request.add_inputs();
    input.set_name(name);
    input.set_datatype(datatype);
    input.mutable_shape()->Add(shape.begin(), shape.end());
    return input;
}

Infer typed(const Items &shape, const Items &history, int k)
{
    Infer request;
    request.set_model_name("recommend");
    request.set_id("r1");
    addInput(request, "history", "INT64", shape)
        .mutable_contents()
        ->mutable_int64_contents()
        ->Add(history.begin(), history.end());
    addInput(request, "k", "INT32", {1}).mutable_contents()->add_int_contents(k);
    return request;
}

Infer simple()
{
    return typed({1, 2}, {4, 5}, 3);
}

Items typedItems(const kserve::ModelInferResponse &reply)
{
    const auto &values = reply.outputs(0).contents().int64_contents();
    return {values.begin(), values.end()};
}

} // namespace

void TestReplica::typedTensorsAreAnswered()
{
    Replica replica;
    const auto answer = replica.infer(typed({2, 3}, {4, 5, -1, -1, -1, -1}, 3));
    QVERIFY2(answer.status.ok(), answer.status.error_message().c_str());
    const auto &reply = answer.reply;
    QCOMPARE(reply.id(), std::string("r1"));
    QCOMPARE(reply.outputs_size(), 2);
    QCOMPARE(reply.outputs(0).name(), std::string("items"));
    QCOMPARE(reply.outputs(0).datatype(), std::string("INT64"));
    QCOMPARE(Items(reply.outputs(0).shape().begin(), reply.outputs(0).shape().end()),
             (Items{2, 3}));
    QCOMPARE(typedItems(reply), (Items{6, 7, 8, 0, 1, 2}));
    QCOMPARE(reply.outputs(1).datatype(), std::string("FP32"));
    QCOMPARE(reply.outputs(1).contents().fp32_contents(2), -2.0f);
    QCOMPARE(reply.parameters().at("version").string_param(), std::string("1"));
    QCOMPARE(reply.parameters().at("digest").string_param(), std::string("digest-1"));
    QCOMPARE(reply.raw_output_contents_size(), 0);
}

void TestReplica::rawTensorsAreAnsweredRaw()
{
    Replica replica;
    Infer request;
    request.set_model_name("recommend");
    addInput(request, "k", "INT32", {1}); // in another order than the model's
    addInput(request, "history", "INT64", {1, 2});
    const std::int32_t k = 2;
    const std::int64_t history[] = {98, -1};
    request.add_raw_input_contents(&k, sizeof k);
    request.add_raw_input_contents(history, sizeof history);
    const auto answer = replica.infer(request);
    QVERIFY2(answer.status.ok(), answer.status.error_message().c_str());
    QCOMPARE(answer.reply.raw_output_contents_size(), 2);
    std::int64_t items[2];
    QCOMPARE(answer.reply.raw_output_contents(0).size(), sizeof items);
    std::memcpy(items, answer.reply.raw_output_contents(0).data(), sizeof items);
    QCOMPARE(items[0], 99);
    QCOMPARE(items[1], 0);
    QCOMPARE(answer.reply.outputs(0).has_contents(), false);
    QCOMPARE(answer.reply.raw_output_contents(1).size(), 2 * sizeof(float));
}

void TestReplica::onlyTheOutputsAskedForAreSent()
{
    Replica replica;
    auto request = simple();
    request.add_outputs()->set_name("scores");
    const auto answer = replica.infer(request);
    QCOMPARE(answer.reply.outputs_size(), 1);
    QCOMPARE(answer.reply.outputs(0).name(), std::string("scores"));
}

void TestReplica::badRequestsNameTheInput_data()
{
    QTest::addColumn<QByteArray>("request");
    QTest::addColumn<QString>("words");
    const auto row = [](const char *name, const Infer &request, const char *words) {
        QTest::newRow(name) << QByteArray::fromStdString(request.SerializeAsString())
                            << QString::fromLatin1(words);
    };
    auto request = simple();
    request.mutable_inputs()->RemoveLast();
    row("k missing", request, "\"k\" is missing");
    request = simple();
    request.mutable_inputs(0)->set_datatype("INT32");
    row("wrong type", request, "\"history\" must be INT64");
    row("wrong rank", typed({2}, {4, 5}, 3), "\"history\" must have the shape [b, n]");
    row("no rows", typed({0, 5}, {}, 3), "\"history\" must have the shape [b, n]");
    row("too many rows", typed({257, 0}, {}, 3), "\"history\" must have the shape [b, n]");
    row("negative shape", typed({-1, 2}, {4, 5}, 3), "\"history\" has the shape [-1, 2]");
    row("huge shape", typed({1 << 20, 1 << 20}, {4, 5}, 3), "\"history\" has the shape");
    row("too few values", typed({1, 3}, {4, 5}, 3), "\"history\" has 2 values");
    row("negative item", typed({1, 2}, {4, -7}, 3), "\"history\" holds -7 in row 0");
    row("k zero", typed({1, 2}, {4, 5}, 0), "\"k\" must be one number");
    row("k huge", typed({1, 2}, {4, 5}, 100'000), "\"k\" must be one number");
    request = simple();
    addInput(request, "query", "BYTES", {1});
    row("unknown input", request, "\"query\" is unknown");
    request = simple();
    *request.add_inputs() = request.inputs(0);
    row("input twice", request, "\"history\" is there twice");
    request = simple();
    request.add_raw_input_contents("12345678");
    row("raw and typed", request, "\"history\" is mixed");
    request = simple();
    for (auto &input : *request.mutable_inputs()) {
        input.clear_contents();
        request.add_raw_input_contents("1234");
    }
    row("raw too short", request, "\"history\" has 4 raw bytes");
    request = simple();
    request.add_outputs()->set_name("prices");
    row("unknown output", request, "\"prices\" is unknown");
}

void TestReplica::badRequestsNameTheInput()
{
    QFETCH(QByteArray, request);
    QFETCH(QString, words);
    Replica replica;
    Infer parsed;
    QVERIFY(parsed.ParseFromString(request.toStdString()));
    const auto status = replica.infer(parsed).status;
    QCOMPARE(int(status.error_code()), int(grpc::StatusCode::INVALID_ARGUMENT));
    QVERIFY2(QString::fromStdString(status.error_message()).contains(words),
             status.error_message().c_str());
    QVERIFY(replica.infer(simple()).status.ok()); // and it serves on
}

void TestReplica::anUnknownModelOrVersionIsNotFound()
{
    Replica replica;
    auto request = simple();
    request.set_model_name("search");
    QCOMPARE(int(replica.infer(request).status.error_code()), int(grpc::StatusCode::NOT_FOUND));
    request = simple();
    request.set_model_version("2");
    QCOMPARE(int(replica.infer(request).status.error_code()), int(grpc::StatusCode::NOT_FOUND));
    request.set_model_version("1");
    QVERIFY(replica.infer(request).status.ok());
}

void TestReplica::metadataDescribesTheModel()
{
    Replica replica;
    grpc::ClientContext context;
    kserve::ModelMetadataRequest request;
    kserve::ModelMetadataResponse reply;
    request.set_name("recommend");
    QVERIFY(replica.stub->ModelMetadata(&context, request, &reply).ok());
    QCOMPARE(reply.versions(0), std::string("1"));
    QCOMPARE(reply.inputs_size(), 2);
    QCOMPARE(reply.inputs(0).name(), std::string("history"));
    QCOMPARE(reply.outputs(1).datatype(), std::string("FP32"));
}

void TestReplica::requestsThatWaitAreBatched()
{
    Replica replica;
    replica.door.close();
    std::vector<std::future<Replica::Answer>> answers;
    answers.push_back(replica.later(simple()));
    QVERIFY(replica.door.waitInside());
    // Ten wait while the first is scored; with different k each still gets its own.
    for (int i = 1; i <= 10; ++i)
        answers.push_back(replica.later(typed({1, 1}, {i}, i)));
    QVERIFY(replica.waitQueued(10));
    replica.door.open();
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const auto answer = answers[i].get();
        QVERIFY(answer.status.ok());
        if (i > 0) {
            QCOMPARE(typedItems(answer.reply).size(), i);
            QCOMPARE(typedItems(answer.reply).front(), std::int64_t(i + 1));
        }
    }
    QCOMPARE(replica.door.takeBatches(), (std::vector<std::size_t>{1, 10}));
}

void TestReplica::aPassedDeadlineIsNotScored()
{
    Replica replica;
    replica.door.close();
    auto first = replica.later(simple());
    QVERIFY(replica.door.waitInside());
    QCOMPARE(int(replica.infer(simple(), Micros{100'000}).status.error_code()),
             int(grpc::StatusCode::DEADLINE_EXCEEDED));
    QVERIFY(replica.waitQueued(0)); // the deadline travels as a span: the server's is a bit later
    replica.door.open();
    QVERIFY(first.get().status.ok());
    QVERIFY(replica.infer(simple()).status.ok());
    QCOMPARE(replica.door.takeBatches(), (std::vector<std::size_t>{1, 1}));
}

void TestReplica::aCancelledRequestIsNotScored()
{
    Replica replica;
    replica.door.close();
    auto first = replica.later(simple());
    QVERIFY(replica.door.waitInside());
    grpc::ClientContext context;
    auto second = replica.later(simple(), Micros{30'000'000}, &context);
    QVERIFY(replica.waitQueued(1));
    context.TryCancel();
    QCOMPARE(int(second.get().status.error_code()), int(grpc::StatusCode::CANCELLED));
    // The client's answer does not wait for the server to hear of it; the queue tells when it has.
    QVERIFY(replica.waitQueued(0));
    replica.door.open();
    QVERIFY(first.get().status.ok());
    QVERIFY(replica.infer(simple()).status.ok());
    QCOMPARE(replica.door.takeBatches(), (std::vector<std::size_t>{1, 1}));
}

void TestReplica::aHopelessDeadlineIsRefusedUnlessIdle()
{
    test::NextItems::Door door;
    const std::shared_ptr<const engine::Scorer> scorer =
        std::make_shared<test::NextItems>(door, "1");
    engine::VirtualClock clock(engine::MonoTime{1'000'000});
    engine::Batcher batcher(
        clock, [model = engine::recommendModel(scorer)] { return model; }, 1);
    const auto submit = [&](std::optional<engine::MonoTime> deadline) {
        auto result = std::make_shared<std::promise<engine::Result<engine::Scored>>>();
        engine::ScoreJob job;
        const auto question = std::make_shared<engine::RecommendQuestion>();
        question->histories = {{1}};
        job.question = question;
        job.deadline = deadline;
        job.done = [result](auto scored) { result->set_value(std::move(scored)); };
        batcher.submit(std::move(job));
        return result->get_future();
    };
    // A batch of 50 ms teaches the cost. The clock moves only while the door is shut, so no
    // thread reads it meanwhile.
    for (int i = 0; i < 30; ++i) {
        door.close();
        auto taught = submit({});
        QVERIFY(door.waitInside());
        clock.advance(Micros{50'000});
        door.open();
        QVERIFY(taught.get());
        while (true) { // until the worker has learnt from it and waits again
            const std::scoped_lock lock(door.mutex);
            if (door.inside == 0)
                break;
        }
    }
    door.close();
    auto running = submit({});
    QVERIFY(door.waitInside());
    const auto now = clock.now();
    auto hopeless = submit(now + Micros{20'000});
    QVERIFY(hopeless.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
    QVERIFY(hopeless.get().error().code == engine::ErrorCode::Busy);
    auto fine = submit(now + Micros{500'000});
    QVERIFY(fine.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
    door.open();
    QVERIFY(running.get());
    QVERIFY(fine.get());
    // Once idle it takes the same deadline: a prediction that went wrong must be learnt anew.
    QVERIFY(QTest::qWaitFor([&] { return submit(clock.now() + Micros{20'000}).get().has_value(); },
                            30'000));
}

void TestReplica::costFollowsAChangeAndForgivesAnOutlier()
{
    engine::BatchCost cost;
    for (int i = 0; i < 50; ++i) {
        cost.learn(1, Micros{1100});
        cost.learn(20, Micros{3000});
    }
    QVERIFY(std::abs(cost.predict(10).count() - 2000) < 20);
    cost.learn(1, Micros{20'000'000}); // the process was stopped for 20 s
    QVERIFY(cost.predict(1).count() < 2000);
    for (int i = 0; i < 60; ++i)
        cost.learn(1, Micros{50'000});
    QVERIFY(cost.predict(1).count() > 40'000);
}

void TestReplica::scoresThatAreNotNumbersAreAnError()
{
    Replica replica;
    replica.scorer->givesNan = true;
    const auto status = replica.infer(simple()).status;
    QCOMPARE(int(status.error_code()), int(grpc::StatusCode::INTERNAL));
    replica.scorer->givesNan = false;
    QVERIFY(replica.infer(simple()).status.ok());
}

void TestReplica::aLoadSwapsTheModel()
{
    Replica replica;
    grpc::ClientContext context;
    kserve::RepositoryModelLoadRequest request;
    kserve::RepositoryModelLoadResponse reply;
    request.set_model_name("recommend");
    (*request.mutable_parameters())["version"].set_string_param("7");
    QVERIFY(replica.stub->RepositoryModelLoad(&context, request, &reply).ok());
    QCOMPARE(replica.infer(simple()).reply.parameters().at("version").string_param(),
             std::string("7"));
}

void TestReplica::aFailedLoadKeepsTheModel()
{
    Replica replica;
    grpc::ClientContext context, again;
    kserve::RepositoryModelLoadRequest request;
    kserve::RepositoryModelLoadResponse reply;
    request.set_model_name("recommend");
    (*request.mutable_parameters())["version"].set_string_param("bad");
    const auto status = replica.stub->RepositoryModelLoad(&context, request, &reply);
    QCOMPARE(int(status.error_code()), int(grpc::StatusCode::FAILED_PRECONDITION));
    QCOMPARE(replica.infer(simple()).reply.parameters().at("version").string_param(),
             std::string("1"));
    kserve::RepositoryIndexResponse index;
    QVERIFY(replica.stub->RepositoryIndex(&again, {}, &index).ok());
    QCOMPARE(index.models(0).state(), std::string("READY"));
    QCOMPARE(index.models(0).reason(), std::string("The signature does not match"));
}

void TestReplica::anUnloadedModelIsNotReady()
{
    Replica replica;
    const auto ready = [&] {
        grpc::ClientContext context;
        kserve::ModelReadyRequest request;
        kserve::ModelReadyResponse reply;
        request.set_name("recommend");
        return replica.stub->ModelReady(&context, request, &reply).ok() && reply.ready();
    };
    QVERIFY(ready());
    grpc::ClientContext context;
    kserve::RepositoryModelUnloadRequest request;
    kserve::RepositoryModelUnloadResponse reply;
    request.set_model_name("recommend");
    QVERIFY(replica.stub->RepositoryModelUnload(&context, request, &reply).ok());
    QVERIFY(!ready());
    QCOMPARE(int(replica.infer(simple()).status.error_code()), int(grpc::StatusCode::UNAVAILABLE));
}

void TestReplica::drainTurnsHealthOffFirst()
{
    using Health = grpc::health::v1::HealthCheckResponse;
    Replica replica;
    QCOMPARE(replica.health(), int(Health::SERVING));
    replica.door.close();
    auto underWay = replica.later(simple());
    QVERIFY(replica.door.waitInside());
    const HeldClock notice; // it is over when the test says so
    auto drained = std::async(std::launch::async, [&] {
        replica.server->drain(notice, Micros{2'000'000}, Micros{30'000'000});
    });
    const auto ended = qScopeGuard([&] { notice.release(); });
    QVERIFY(QTest::qWaitFor([&] { return replica.health() == int(Health::NOT_SERVING); }, 30'000));
    replica.door.open();
    // Within the notice calls still succeed, and what was under way is finished.
    QVERIFY(replica.infer(simple()).status.ok());
    QVERIFY(underWay.get().status.ok());
    notice.release();
    drained.get();
    QVERIFY(!replica.infer(simple(), Micros{300'000}).status.ok());
}

void TestReplica::clientsMayPingEachSecond()
{
    Replica replica;
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 200);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel = grpc::CreateCustomChannel(replica.server->address(),
                                                   grpc::InsecureChannelCredentials(), arguments);
    QVERIFY(channel->WaitForConnected(gpr_time_from_seconds(5, GPR_TIMESPAN)));
    // A server with gRPC's defaults sends such a client away at its third ping.
    QVERIFY(
        !channel->WaitForStateChange(GRPC_CHANNEL_READY, gpr_time_from_millis(2500, GPR_TIMESPAN)));
}

void TestReplica::windowsCountRequests()
{
    Replica replica;
    for (int i = 0; i < 3; ++i)
        QVERIFY(replica.infer(simple()).status.ok());
    auto bad = simple();
    bad.mutable_inputs(0)->set_datatype("FP32");
    QVERIFY(!replica.infer(bad).status.ok());
    const auto window = replica.service.takeWindow(engine::MonoTime{300'000});
    QCOMPARE(window.source, std::string("replica/1"));
    QCOMPARE(window.end, std::int64_t(300'000));
    std::map<std::string, double> values;
    for (const auto &sample : window.samples)
        values[sample.series] = sample.value;
    QCOMPARE(values["replica/1.requests"], 4.0);
    QCOMPARE(values["replica/1.failed"], 1.0);
    QCOMPARE(values["replica/1.queue"], 0.0);
    QVERIFY(values["replica/1.latency.p99"] > 0);
    QCOMPARE(window.sketches.size(), std::size_t(1));
    QCOMPARE(engine::Sketch::decode(window.sketches[0].sketch)->count(), std::uint64_t(4));
    QCOMPARE(replica.service.takeWindow({}).samples[0].value, 0.0);
}

namespace {

grpc::Status load(Replica &replica, const std::string &model, const std::string &version)
{
    grpc::ClientContext context;
    kserve::RepositoryModelLoadRequest request;
    kserve::RepositoryModelLoadResponse reply;
    request.set_model_name(model);
    (*request.mutable_parameters())["version"].set_string_param(version);
    return replica.stub->RepositoryModelLoad(&context, request, &reply);
}

std::string reason(Replica &replica)
{
    grpc::ClientContext context;
    kserve::RepositoryIndexResponse index;
    if (!replica.stub->RepositoryIndex(&context, {}, &index).ok())
        return "no answer";
    return index.models(0).reason();
}

std::string versionOf(const kserve::ModelInferResponse &reply)
{
    const auto at = reply.parameters().find("version");
    return at == reply.parameters().end() ? std::string() : at->second.string_param();
}

/// Its answers tell its version: item numbers begin at 1,000 times that.
class Numbered final : public engine::Scorer
{
public:
    explicit Numbered(int version) : m_version(version) {}
    engine::Result<std::vector<engine::TopItems>>
    score(std::span<const std::vector<std::int64_t>> histories, int k) const override
    {
        std::vector<engine::TopItems> out(histories.size());
        for (auto &list : out)
            for (int rank = 0; rank < k; ++rank) {
                list.items.push_back(m_version * 1000 + rank);
                list.scores.push_back(static_cast<float>(-rank));
            }
        return out;
    }
    std::uint32_t items() const override { return 1'000'000; }
    std::string version() const override { return std::to_string(m_version); }
    std::string digest() const override { return "digest-" + std::to_string(m_version); }
    std::string family() const override { return "test"; }

private:
    int m_version;
};

/// Runs out of memory when it is asked to score.
class Hungry final : public engine::Scorer
{
public:
    explicit Hungry(std::shared_ptr<std::atomic<bool>> hungry) : m_hungry(std::move(hungry)) {}
    engine::Result<std::vector<engine::TopItems>>
    score(std::span<const std::vector<std::int64_t>> histories, int k) const override
    {
        if (*m_hungry)
            throw std::bad_alloc();
        return Numbered(1).score(histories, k);
    }
    std::uint32_t items() const override { return 1'000'000; }
    std::string version() const override { return "1"; }
    std::string digest() const override { return "digest-1"; }
    std::string family() const override { return "test"; }

private:
    std::shared_ptr<std::atomic<bool>> m_hungry;
};

} // namespace

void TestReplica::aLoadWarmsEveryBatchSize()
{
    Replica replica;
    QVERIFY(load(replica, "recommend", "7").ok());
    QCOMPARE(replica.door.takeBatches(), (std::vector<std::size_t>{1, 2, 4, 8, 16, 32}));
}

void TestReplica::aCandidateIsTriedOnRecentRequests()
{
    Replica replica;
    for (int i = 0; i < 20; ++i)
        QVERIFY(replica.infer(typed({1, 1}, {i}, 5)).status.ok());
    (void)replica.door.takeBatches();
    QVERIFY(load(replica, "recommend", "7").ok());
    // After the warm-up: 8, 8 and 4 recent ones, each by the old and by the new model.
    const auto batches = replica.door.takeBatches();
    QCOMPARE(std::vector<std::size_t>(batches.begin() + 6, batches.end()),
             (std::vector<std::size_t>{8, 8, 8, 8, 4, 4}));
    QVERIFY2(reason(replica).starts_with("tried on 20 recent requests: 100 %"),
             reason(replica).c_str());
}

void TestReplica::aCandidateWithUnsoundAnswersIsNotTaken()
{
    Replica replica;
    const auto status = load(replica, "recommend", "nan");
    QCOMPARE(int(status.error_code()), int(grpc::StatusCode::INVALID_ARGUMENT));
    QVERIFY(status.error_message().find("not finite") != std::string::npos);
    QCOMPARE(versionOf(replica.infer(simple()).reply), std::string("1"));
}

void TestReplica::theVersionBeforeComesBackAtOnce()
{
    Replica replica;
    QVERIFY(load(replica, "recommend", "7").ok());
    (void)replica.door.takeBatches();
    QVERIFY(load(replica, "recommend", "1").ok());
    QVERIFY(replica.door.takeBatches().empty()); // nothing was opened or warmed for it
    QCOMPARE(versionOf(replica.infer(simple()).reply), std::string("1"));
    QVERIFY(load(replica, "recommend", "7").ok()); // and forth
    QCOMPARE(versionOf(replica.infer(simple()).reply), std::string("7"));
}

void TestReplica::twoModelsServeSideBySide()
{
    Replica replica;
    auto request = simple();
    request.set_model_name("standby");
    QCOMPARE(int(replica.infer(request).status.error_code()), int(grpc::StatusCode::NOT_FOUND));
    QVERIFY(load(replica, "standby", "9").ok());
    QCOMPARE(versionOf(replica.infer(request).reply), std::string("9"));
    QCOMPARE(versionOf(replica.infer(simple()).reply), std::string("1"));
    grpc::ClientContext context;
    kserve::RepositoryIndexResponse index;
    QVERIFY(replica.stub->RepositoryIndex(&context, {}, &index).ok());
    QCOMPARE(index.models_size(), 2);
    QCOMPARE(index.models(1).name(), std::string("standby"));
    QCOMPARE(int(load(replica, "other", "9").error_code()), int(grpc::StatusCode::NOT_FOUND));
}

void TestReplica::aStreamAnswersInOrderAndGoesOnAfterAMistake()
{
    Replica replica;
    grpc::ClientContext context;
    const auto stream = replica.stub->ModelStreamInfer(&context);
    for (int i = 1; i <= 5; ++i) {
        auto request = typed({1, 1}, {i}, 3);
        request.set_id(std::to_string(i));
        if (i == 3)
            request.mutable_inputs(0)->set_datatype("FP32");
        QVERIFY(stream->Write(request));
    }
    stream->WritesDone();
    kserve::ModelStreamInferResponse reply;
    for (int i = 1; i <= 5; ++i) {
        QVERIFY(stream->Read(&reply));
        QCOMPARE(reply.error_message().empty(), i != 3);
        if (i == 3)
            QVERIFY(reply.error_message().find("\"history\"") != std::string::npos);
        else
            QCOMPARE(reply.infer_response().id(), std::to_string(i));
    }
    QVERIFY(!stream->Read(&reply));
    QVERIFY(stream->Finish().ok());
}

void TestReplica::noMemoryIsOverloadAndNotTheEnd()
{
    const auto hungry = std::make_shared<std::atomic<bool>>(false);
    engine::ReplicaService service(
        settings(), [&](const std::string &) { return std::make_unique<Hungry>(hungry); },
        engine::systemClock());
    QVERIFY(service.load(""));
    auto server = std::move(*engine::NodeServer::start(service.service()));
    const auto stub = kserve::GRPCInferenceService::NewStub(
        grpc::CreateChannel(server->address(), grpc::InsecureChannelCredentials()));
    const auto ask = [&] {
        grpc::ClientContext context;
        kserve::ModelInferResponse reply;
        return stub->ModelInfer(&context, simple(), &reply);
    };
    QVERIFY(ask().ok());
    *hungry = true;
    QCOMPARE(int(ask().error_code()), int(grpc::StatusCode::RESOURCE_EXHAUSTED));
    QCOMPARE(service.load("2").error().code, engine::ErrorCode::Busy);
    *hungry = false;
    QVERIFY(ask().ok());
}

void TestReplica::swapsUnderLoadLoseAndMixNothing()
{
    const bool isLong = qEnvironmentVariableIsSet("DRILLROOM_SLOW");
    const int requests = isLong ? 100'000 : 4'000;
    constexpr int kSwaps = 20, kClients = 4;
    engine::ReplicaService service(
        settings(),
        [](const std::string &version) {
            return std::make_unique<Numbered>(version.empty() ? 1 : std::stoi(version));
        },
        engine::systemClock());
    QVERIFY(service.load(""));
    auto server = std::move(*engine::NodeServer::start(service.service()));
    const auto stub = kserve::GRPCInferenceService::NewStub(
        grpc::CreateChannel(server->address(), grpc::InsecureChannelCredentials()));
    std::atomic<int> newest{1}; ///< whose load was answered
    std::atomic<int> done{0}, failed{0}, mixed{0}, stale{0}, seen{0};
    const auto client = [&] {
        std::set<std::string> versions;
        while (done++ < requests) {
            const int atLeast = newest;
            grpc::ClientContext context;
            kserve::ModelInferResponse reply;
            if (!stub->ModelInfer(&context, simple(), &reply).ok()) {
                ++failed;
                continue;
            }
            const int version = std::stoi(versionOf(reply));
            const auto &parameters = reply.parameters();
            mixed +=
                typedItems(reply) != Items{version * 1000, version * 1000 + 1, version * 1000 + 2}
                || parameters.at("digest").string_param() != "digest-" + std::to_string(version)
                || reply.model_version() != std::to_string(version);
            stale += version < atLeast;
            versions.insert(std::to_string(version));
        }
        seen = std::max<int>(seen, static_cast<int>(versions.size()));
    };
    std::vector<std::jthread> clients;
    for (int i = 0; i < kClients; ++i)
        clients.emplace_back(client);
    int swaps = 0;
    for (int version = 2; version <= kSwaps + 1; ++version) {
        // Evenly over the requests, so that each lies in the middle of the load.
        while (done < (version - 1) * requests / (kSwaps + 2))
            std::this_thread::yield();
        const auto loaded = service.load(std::to_string(version));
        swaps += loaded.has_value();
        newest = version;
    }
    clients.clear();
    qInfo("%d swaps in %d requests: %d failed, %d mixed, %d stale", swaps, requests, failed.load(),
          mixed.load(), stale.load());
    QCOMPARE(swaps, kSwaps);
    QCOMPARE(failed.load(), 0);
    QCOMPARE(mixed.load(), 0);
    QCOMPARE(stale.load(), 0);
    QVERIFY(seen > kSwaps / 2); // the load really ran across the swaps
}

QTEST_GUILESS_MAIN(TestReplica)
#include "tst_replica.moc"
