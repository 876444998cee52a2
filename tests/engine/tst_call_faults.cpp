// Calls that are held or failed in front of a model server: which, how long, until when. The
// service behind is the real one; only its scorer can be checked by hand.

#include "engine/proto/health.grpc.pb.h"
#include "engine/proto/kserve.grpc.pb.h"
#include "engine/serving/call_faults.h"
#include "engine/serving/node_server.h"
#include "engine/serving/replica_service.h"
#include "tests/support/fake_scorer.h"

#include <QtTest>
#include <future>
#include <grpcpp/create_channel.h>

using engine::CallFault;
using engine::CallFaults;
using engine::Micros;
using engine::MonoTime;
namespace kserve = inference;

class TestCallFaults : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void sameRequestsAreHitEveryTime();
    void theShareIsKept();
    void callsFailWithTheStatusAndNothingIsScored();
    void callsAreHeldAndLetGoAtTheEnd();
    void healthIsNotTouched();
    void endsByItselfAtItsDeadline();
    void heldCallsEndWithTheServer();
};

namespace {

const engine::Clock &hostClock()
{
    return engine::systemClock();
}

MonoTime inAnHour()
{
    return hostClock().now() + Micros{3'600'000'000};
}

struct Server
{
    test::NextItems::Door door;
    engine::ReplicaService service{
        {"replica/1", "recommend", 1},
        [this](const std::string &) -> engine::Result<std::unique_ptr<engine::Scorer>> {
            return std::make_unique<test::NextItems>(door, "1");
        },
        hostClock()};
    CallFaults faults{hostClock()};
    std::unique_ptr<engine::NodeServer> server;
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<kserve::GRPCInferenceService::Stub> stub;

    Server()
    {
        if (!service.load(""))
            qFatal("The scorer of the test does not load");
        door.takeBatches();
        server = std::move(*engine::NodeServer::start(service.service(), faults.interceptor()));
        channel = grpc::CreateChannel(server->address(), grpc::InsecureChannelCredentials());
        stub = kserve::GRPCInferenceService::NewStub(channel);
    }

    grpc::Status infer(const std::string &id)
    {
        kserve::ModelInferRequest request;
        request.set_model_name("recommend");
        request.set_id(id);
        auto &history = *request.add_inputs();
        history.set_name("history");
        history.set_datatype("INT64");
        history.add_shape(1);
        history.add_shape(1);
        history.mutable_contents()->add_int64_contents(3);
        auto &k = *request.add_inputs();
        k.set_name("k");
        k.set_datatype("INT32");
        k.add_shape(1);
        k.mutable_contents()->add_int_contents(5);
        kserve::ModelInferResponse reply;
        grpc::ClientContext context;
        return stub->ModelInfer(&context, request, &reply);
    }
};

CallFault errors(double share, std::uint64_t seed = 1)
{
    CallFault fault;
    fault.id = 1;
    fault.status = grpc::StatusCode::UNAVAILABLE;
    fault.share = share;
    fault.seed = seed;
    fault.until = inAnHour();
    return fault;
}

std::string hits(CallFaults &faults, int count)
{
    std::string text;
    for (int i = 0; i < count; ++i)
        text += faults.suffers("request " + std::to_string(i)).status ? 'x' : '.';
    return text;
}

} // namespace

void TestCallFaults::sameRequestsAreHitEveryTime()
{
    CallFaults first(hostClock()), second(hostClock());
    first.set(errors(0.5));
    second.set(errors(0.5));
    (void)second.suffers(""); // what came before changes nothing
    const auto one = hits(first, 200);
    QCOMPARE(hits(second, 200), one);
    second.set(errors(0.5, 2));
    QVERIFY(hits(second, 200) != one); // but the seed does
}

void TestCallFaults::theShareIsKept()
{
    CallFaults faults(hostClock());
    faults.set(errors(0.2));
    const auto text = hits(faults, 10'000);
    const auto count = std::count(text.begin(), text.end(), 'x');
    QVERIFY2(count > 1850 && count < 2150, qPrintable(QString::number(count))); // sigma is 40
    faults.set(errors(1));
    QCOMPARE(hits(faults, 5), std::string("xxxxx"));
}

void TestCallFaults::callsFailWithTheStatusAndNothingIsScored()
{
    Server server;
    QVERIFY(server.infer("a").ok());
    server.door.takeBatches();
    server.faults.set(errors(1));
    for (int i = 0; i < 10; ++i)
        QCOMPARE(int(server.infer(std::to_string(i)).error_code()),
                 int(grpc::StatusCode::UNAVAILABLE));
    QVERIFY(server.door.takeBatches().empty());
    CallFault over;
    over.id = 1;
    server.faults.set(over);
    QVERIFY(server.infer("b").ok());
    QCOMPARE(server.door.takeBatches().size(), 1u);
}

void TestCallFaults::callsAreHeldAndLetGoAtTheEnd()
{
    Server server;
    CallFault fault;
    fault.id = 7;
    fault.delay = Micros{150'000};
    fault.until = inAnHour();
    server.faults.set(fault);
    const auto from = hostClock().now();
    QVERIFY(server.infer("a").ok());
    QVERIFY(hostClock().now() - from >= fault.delay);
    fault.delay = Micros{3'000'000'000};
    server.faults.set(fault);
    auto held = std::async(std::launch::async, [&] { return server.infer("b"); });
    QVERIFY(held.wait_for(std::chrono::milliseconds(100)) == std::future_status::timeout);
    QCOMPARE(server.door.takeBatches().size(), 1u); // only the first one was scored
    fault.until = MonoTime{0};
    server.faults.set(fault);
    QVERIFY(held.wait_for(std::chrono::seconds(30)) == std::future_status::ready);
    QVERIFY(held.get().ok());
}

void TestCallFaults::healthIsNotTouched()
{
    Server server;
    server.faults.set(errors(1));
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckResponse reply;
    const auto status =
        grpc::health::v1::Health::NewStub(server.channel)->Check(&context, {}, &reply);
    QVERIFY(status.ok());
    QCOMPARE(int(reply.status()), int(grpc::health::v1::HealthCheckResponse::SERVING));
}

void TestCallFaults::endsByItselfAtItsDeadline()
{
    Server server;
    auto fault = errors(1);
    fault.until = hostClock().now() + Micros{400'000};
    server.faults.set(fault);
    bool failed = false;
    while (hostClock().now() < fault.until - Micros{50'000})
        failed = !server.infer("a").ok() || failed;
    QVERIFY(failed);
    QTRY_VERIFY(server.infer("b").ok()); // though nobody ended it
    QVERIFY(hostClock().now() >= fault.until);
}

void TestCallFaults::heldCallsEndWithTheServer()
{
    auto server = std::make_unique<Server>();
    CallFault fault;
    fault.id = 7;
    fault.delay = Micros{500'000};
    fault.until = inAnHour();
    server->faults.set(fault);
    auto held = std::async(std::launch::async, [&] { return server->infer("b"); });
    QVERIFY(held.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
    server->server.reset(); // waits for what is held, and then is gone
    QVERIFY(held.wait_for(std::chrono::seconds(30)) == std::future_status::ready);
}

QTEST_GUILESS_MAIN(TestCallFaults)
#include "tst_call_faults.moc"
