// What the gateway costs and holds, in one run, so that the host's mood hits all alike. Every part
// is a process of its own: three replicas that answer at once, a store, the proxy that all edges of
// a shop go through, the door, and this one as traffic.
//   1. traffic alone: requests per second from one core, its own lag.
//   2. overhead: one request at a time to a replica, through the gateway, and through the gateway
//      with a read of the store; the medians and their differences.
//   3. the knee: for rising rates, latency and CPU time per request through the gateway and through
//      a bare relay that makes the same hops without any care (contracts 7.1).
//   bench_gateway [--rates 500,1000,...] [--seconds 4] [--rounds 3] [--no-proxies]

#include "engine/fault/proxy.h"
#include "engine/serving/gateway.h"
#include "engine/serving/gateway_channel.h"
#include "engine/serving/traffic.h"
#include "tests/bench/bench_part.h"
#include "tests/support/fake_shop.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fmt/ranges.h>
#include <grpcpp/security/server_credentials.h>
#include <sys/resource.h>

using namespace engine;
using bench::Part;
using bench::serveUntilClosed;

namespace {

/// The same hops as the gateway, and nothing else: no time-outs, no health, no choice.
class Relay final : public inference::GRPCInferenceService::CallbackService
{
public:
    Relay(const std::vector<std::string> &replicas, const std::string &store)
        : m_store(drillroom::v1::Store::NewStub(resilientChannel(store)))
    {
        for (const auto &address : replicas)
            m_replicas.push_back(
                inference::GRPCInferenceService::NewStub(resilientChannel(address)));
        grpc::ServerBuilder builder;
        builder.RegisterService(this);
        builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
        m_server = builder.BuildAndStart();
    }
    int port = 0;

    grpc::ServerUnaryReactor *ModelInfer(grpc::CallbackServerContext *context,
                                         const inference::ModelInferRequest *request,
                                         inference::ModelInferResponse *reply) override
    {
        auto *reactor = context->DefaultReactor();
        auto hops = std::make_shared<Hops>();
        hops->ask.set_shopper(
            static_cast<std::uint32_t>(request->inputs(0).contents().int64_contents(0)));
        hops->ask.set_h(static_cast<std::uint32_t>(request->inputs(1).contents().int_contents(0)));
        m_store->async()->History(
            &hops->first, &hops->ask, &hops->history,
            [this, hops, reactor, reply,
             k = request->inputs(2).contents().int_contents(0)](const grpc::Status &) {
                GatewayRequest to;
                to.rows = 1;
                to.columns = hops->history.items_size();
                to.history.assign(hops->history.items().begin(), hops->history.items().end());
                to.k = k;
                writeInfer(to, kRecommend, hops->infer);
                auto &stub = m_replicas[m_next++ % m_replicas.size()];
                stub->async()->ModelInfer(
                    &hops->second, &hops->infer, reply,
                    [hops, reactor](const grpc::Status &status) { reactor->Finish(status); });
            });
        return reactor;
    }

private:
    struct Hops
    {
        grpc::ClientContext first, second;
        drillroom::v1::HistoryRequest ask;
        drillroom::v1::HistoryReply history;
        inference::ModelInferRequest infer;
    };
    std::unique_ptr<drillroom::v1::Store::Stub> m_store;
    std::vector<std::unique_ptr<inference::GRPCInferenceService::Stub>> m_replicas;
    std::atomic<std::size_t> m_next{0};
    std::unique_ptr<grpc::Server> m_server;
};

int runPart(const std::string &part, const std::vector<std::string> &replicas,
            const std::string &store)
{
    setUpGrpcForDrills();
    if (part == "proxy") { // `replicas` are what the edges lead to
        Proxy proxy;
        std::string addresses;
        for (const auto &address : replicas) {
            const auto edge = proxy.addEdge(address);
            if (!edge)
                return 1;
            (*edge)->setUpstream(
                static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
            addresses +=
                fmt::format("{}127.0.0.1:{}", addresses.empty() ? "" : " ", (*edge)->port());
        }
        serveUntilClosed(addresses);
    } else if (part == "replica") {
        test::FakeReplica replica("bench");
        serveUntilClosed(replica.address());
    } else if (part == "store") {
        test::FakeStore fake;
        serveUntilClosed(fake.address());
    } else if (part == "relay") {
        const Relay relay(replicas, store);
        serveUntilClosed(fmt::format("127.0.0.1:{}", relay.port));
    } else {
        GatewayOptions options;
        for (const auto &address : replicas)
            options.replicas.push_back(
                {fmt::format("replica/{}", options.replicas.size() + 1), address});
        options.store = store;
        std::vector<std::uint32_t> popular(100);
        auto gateway = Gateway::start(options, PopularityList(popular), systemClock(), {});
        if (!gateway)
            return 1;
        serveUntilClosed(fmt::format("127.0.0.1:{}", (*gateway)->port()));
    }
    // The figures are out; a slow goodbye of gRPC would only take time.
    std::_Exit(0);
}

class NothingEarned final : public Earned
{
public:
    double quality(const TraceRow &, std::span<const std::int64_t>) const override { return 0; }
};

struct Figures
{
    double p50 = 0, p99 = 0, lag = 0, cpuMicros = 0;
    std::uint64_t answered = 0, failed = 0;
};

/// `address`: of the door, or of the proxy's edge to it.
Figures measure(const Part &door, const std::string &address, double rate, double seconds)
{
    TrafficTrace trace;
    for (std::uint32_t i = 0; i < 5000; ++i)
        trace.rows.push_back({i, 20 + i % 30, i % 100, 0});
    trace.earned = std::make_unique<NothingEarned>();
    TrafficOptions options;
    options.gateway = address;
    Figures out;
    Sketch latency;
    const auto settled = systemClock().now() + Micros{1'500'000};
    Traffic traffic(options, std::move(trace), systemClock(), [&](const Window &window) {
        if (window.end <= settled.count())
            return;
        for (const auto &sample : window.samples) {
            if (sample.series == series::kAnswered)
                out.answered += static_cast<std::uint64_t>(sample.value);
            else if (sample.series == series::kFailed)
                out.failed += static_cast<std::uint64_t>(sample.value);
            else if (sample.series == series::kTrafficLag)
                out.lag = std::max(out.lag, sample.value);
        }
        for (const auto &sketch : window.sketches)
            if (const auto decoded = Sketch::decode(sketch.sketch))
                latency.merge(*decoded);
    });
    LoadSpec spec;
    spec.load.rate = rate;
    spec.start = alignUp(systemClock().now() + Micros{100'000});
    if (const auto started = traffic.start(spec); !started) {
        fmt::print(stderr, "{}\n", started.error().text());
        std::exit(1);
    }
    systemClock().waitUntil(settled, {});
    const auto cpu = door.cpu();
    systemClock().waitUntil(settled + Micros{static_cast<std::int64_t>(seconds * 1e6)}, {});
    traffic.stop();
    out.cpuMicros = (door.cpu() - cpu) * 1e6 / (rate * seconds);
    traffic.wait();
    out.p50 = latency.quantile(0.5);
    out.p99 = latency.quantile(0.99);
    return out;
}

double median(std::vector<double> values)
{
    std::ranges::sort(values);
    return values[values.size() / 2];
}

std::vector<std::string> words(const std::string &text)
{
    std::vector<std::string> out;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find(' ', at), text.size());
        out.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

double ownCpu()
{
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec)
           + static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/// All of our threads, those to come too.
void pinSelf(const cpu_set_t &cores)
{
    for (const auto &thread : std::filesystem::directory_iterator("/proc/self/task"))
        ::sched_setaffinity(std::stoi(thread.path().filename()), sizeof cores, &cores);
}

/// Traffic on one core, what it asks on the others.
void measureTraffic(const Part &server, double rate, double seconds)
{
    cpu_set_t all, one;
    ::sched_getaffinity(0, sizeof all, &all);
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    pinSelf(one);
    if (CPU_COUNT(&all) > 1)
        server.pin(1);
    const auto cpu = ownCpu();
    const auto begun = systemClock().now();
    const auto figures = measure(server, server.address(), rate, seconds);
    const auto took = static_cast<double>((systemClock().now() - begun).count()) / 1e6;
    pinSelf(all);
    fmt::print("traffic on one core, {:.0f}/s asked for: {:.0f}/s answered, {} failed, lag p99 "
               "{:.2f} ms at most in a window, p50 {:.2f} ms, {:.0f} % of that core\n",
               rate, static_cast<double>(figures.answered) / seconds, figures.failed, figures.lag,
               figures.p50, 100 * (ownCpu() - cpu) / took);
    std::fflush(stdout);
}

inference::ModelInferRequest oneRequest(bool byShopper)
{
    inference::ModelInferRequest out;
    if (!byShopper) {
        GatewayRequest request;
        request.rows = 1;
        request.columns = 30;
        for (int i = 0; i < 30; ++i)
            request.history.push_back(i);
        request.k = 10;
        writeInfer(request, kRecommend, out);
        return out;
    }
    out.set_model_name("recommend");
    const auto input = [&](const char *name, const char *type) {
        auto *added = out.add_inputs();
        added->set_name(name);
        added->set_datatype(type);
        added->add_shape(1);
        return added->mutable_contents();
    };
    input("shopper", "INT64")->add_int64_contents(1);
    input("h", "INT32")->add_int_contents(30);
    input("k", "INT32")->add_int_contents(10);
    return out;
}

/// One at a time, in turns of a hundred, so that the host's mood hits all three.
void measureOverhead(const std::string &replica, const std::string &gateway)
{
    constexpr int kTurns = 20, kEach = 100;
    struct Way
    {
        const char *name;
        std::unique_ptr<inference::GRPCInferenceService::Stub> stub;
        inference::ModelInferRequest request;
        std::vector<double> millis = {};
    };
    const auto stub = [](const std::string &address) {
        return inference::GRPCInferenceService::NewStub(resilientChannel(address));
    };
    Way ways[] = {{"a replica, directly", stub(replica), oneRequest(false)},
                  {"through the gateway", stub(gateway), oneRequest(false)},
                  {"... which reads the history", stub(gateway), oneRequest(true)}};
    for (int turn = 0; turn < kTurns; ++turn)
        for (auto &way : ways)
            for (int i = 0; i < kEach; ++i) {
                grpc::ClientContext context;
                context.set_wait_for_ready(true);
                inference::ModelInferResponse reply;
                const auto from = systemClock().now();
                const auto status = way.stub->ModelInfer(&context, way.request, &reply);
                if (status.ok() && turn > 0) // the first turn connects
                    way.millis.push_back(static_cast<double>((systemClock().now() - from).count())
                                         / 1000);
            }
    const auto direct = median(ways[0].millis);
    for (const auto &way : ways) {
        const auto p50 = median(way.millis);
        fmt::print("{:<28} p50 {:.3f} ms, {:+.3f} ms\n", way.name, p50, p50 - direct);
    }
    std::fflush(stdout);
}

} // namespace

int main(int argc, char **argv)
{
    CLI::App program("The gateway's knee, beside a bare relay of the same hops");
    std::string part, store;
    std::vector<std::string> replicas;
    std::vector<double> rates{500, 1000, 1500, 2000, 2500, 3000};
    double seconds = 4, limit = 25;
    int rounds = 3;
    double trafficRate = 5000;
    bool noProxies = false;
    program.add_option("--rates", rates, "requests per second")->delimiter(',');
    program.add_option("--seconds", seconds, "of each measurement, after 1.5 s of settling");
    program.add_option("--rounds", rounds, "of each rate; medians are shown");
    program.add_option("--limit", limit, "p99 in ms that the knee is judged by");
    program.add_option("--traffic", trafficRate, "requests per second of the first part");
    program.add_flag("--no-proxies", noProxies, "edges lead straight to where they lead");
    program.add_option("--part", part)->group("");
    program.add_option("--replica", replicas)->group("");
    program.add_option("--store", store)->group("");
    CLI11_PARSE(program, argc, argv);
    if (!part.empty())
        return runPart(part, replicas, store);

    setUpGrpcForDrills();
    std::vector<std::unique_ptr<Part>> shop;
    const auto start = [&shop](std::vector<std::string> args) -> const Part & {
        return *shop.emplace_back(std::make_unique<Part>(std::move(args)));
    };
    const auto behind = [&](const std::vector<std::string> &addresses) {
        if (noProxies)
            return addresses;
        std::vector<std::string> args{"--part", "proxy"};
        for (const auto &address : addresses)
            args.insert(args.end(), {"--replica", address});
        return words(start(args).address());
    };
    const auto &storePart = start({"--part", "store"});
    std::vector<std::string> servers;
    const Part *first = nullptr;
    for (int i = 0; i < 3; ++i) {
        const auto &replica = start({"--part", "replica"});
        first = first ? first : &replica;
        servers.push_back(replica.address());
    }
    const auto direct = servers.front();
    servers.push_back(storePart.address());
    // One proxy process serves the edges of gateway and relay alike, as an agent does.
    auto edges = behind(servers);
    std::vector<std::string> args{"--store", edges.back()};
    edges.pop_back();
    for (const auto &edge : edges)
        args.insert(args.end(), {"--replica", edge});
    const auto door = [&](const char *name) -> const Part & {
        auto all = args;
        all.insert(all.begin(), {"--part", name});
        return start(all);
    };
    const std::pair<const char *, const Part &> doors[] = {{"gateway", door("gateway")},
                                                           {"relay", door("relay")}};
    const auto ways = behind({doors[0].second.address(), doors[1].second.address()});
    fmt::print("proxies in the path: {}\n", noProxies ? "none" : "on every edge");
    measureTraffic(*first, trafficRate, seconds);
    measureOverhead(direct, doors[0].second.address());
    fmt::print("{:>7} {:>9} {:>9} {:>9} {:>9} {:>10} {:>8}\n", "rate/s", "door", "p50 ms", "p99 ms",
               "lag ms", "CPU us/req", "failed");
    double knee[2] = {0, 0};
    for (const auto rate : rates) {
        std::vector<Figures> all[2];
        for (int round = 0; round < rounds; ++round)
            for (const int i : {0, 1})
                all[i].push_back(
                    measure(doors[i].second, ways[static_cast<std::size_t>(i)], rate, seconds));
        for (const int i : {0, 1}) {
            const auto middle = [&](auto member) {
                std::vector<double> values;
                for (const auto &figures : all[i])
                    values.push_back(figures.*member);
                return median(values);
            };
            std::uint64_t failed = 0;
            for (const auto &figures : all[i])
                failed += figures.failed;
            const auto p99 = middle(&Figures::p99);
            if (p99 <= limit && failed == 0)
                knee[i] = rate;
            fmt::print("{:>7.0f} {:>9} {:>9.2f} {:>9.2f} {:>9.2f} {:>10.0f} {:>8}\n", rate,
                       doors[i].first, middle(&Figures::p50), p99, middle(&Figures::lag),
                       middle(&Figures::cpuMicros), failed);
            std::fflush(stdout);
        }
    }
    fmt::print(
        "highest rate with p99 <= {} ms and nothing failed: gateway {:.0f}/s, relay {:.0f}/s\n",
        limit, knee[0], knee[1]);
    fmt::print("ratio {:.2f}; resident: gateway {:.0f} MiB, relay {:.0f} MiB\n",
               knee[1] > 0 ? knee[0] / knee[1] : 0, doors[0].second.residentMiB(),
               doors[1].second.residentMiB());
    return 0;
}
