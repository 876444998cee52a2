// Where the gateway's knee is: for rising rates, latency and CPU time per request through the
// gateway and through a bare relay that makes the same two hops without any care (contracts 7.1),
// one after the other in the same run, so that the host's mood hits both. Every part is a process
// of its own: three replicas that answer at once, a store, the door, and this one as traffic.
//   bench_gateway [--rates 500,1000,...] [--seconds 4] [--rounds 3]

#include "engine/serving/gateway.h"
#include "engine/serving/gateway_channel.h"
#include "engine/serving/traffic.h"
#include "tests/support/fake_shop.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <grpcpp/security/server_credentials.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace engine;

extern char **environ;

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

/// Says the address to the parent and lives until the parent closes our standard input.
void serveUntilClosed(const std::string &address)
{
    fmt::print("{}\n", address);
    std::fflush(stdout);
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
}

int runPart(const std::string &part, const std::vector<std::string> &replicas,
            const std::string &store)
{
    setUpGrpcForDrills();
    if (part == "replica") {
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

/// This program again, as one part of the shop.
class Part
{
public:
    explicit Part(std::vector<std::string> args)
    {
        args.insert(args.begin(), "bench_gateway");
        std::vector<char *> argv;
        for (auto &arg : args)
            argv.push_back(arg.data());
        argv.push_back(nullptr);
        int in[2], out[2];
        if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0)
            std::exit(1);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
        if (::posix_spawn(&m_pid, "/proc/self/exe", &actions, nullptr, argv.data(), environ) != 0)
            std::exit(1);
        posix_spawn_file_actions_destroy(&actions);
        ::close(in[0]);
        ::close(out[1]);
        m_in = in[1];
        for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';)
            m_address += c;
        ::close(out[0]);
        if (m_address.empty())
            std::exit(1);
    }
    ~Part()
    {
        ::close(m_in);
        ::waitpid(m_pid, nullptr, 0);
    }
    Part(const Part &) = delete;
    Part &operator=(const Part &) = delete;
    [[nodiscard]] const std::string &address() const { return m_address; }
    /// User and system time so far, seconds.
    [[nodiscard]] double cpu() const
    {
        std::ifstream stat(fmt::format("/proc/{}/stat", m_pid));
        std::string skipped;
        std::getline(stat, skipped, ')');
        for (int i = 0; i < 11; ++i)
            stat >> skipped;
        double user = 0, system = 0;
        stat >> user >> system;
        return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    }

private:
    pid_t m_pid = 0;
    int m_in = -1;
    std::string m_address;
};

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

Figures measure(const Part &door, double rate, double seconds)
{
    TrafficTrace trace;
    for (std::uint32_t i = 0; i < 5000; ++i)
        trace.rows.push_back({i, 20 + i % 30, i % 100, 0});
    trace.earned = std::make_unique<NothingEarned>();
    TrafficOptions options;
    options.gateway = door.address();
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

} // namespace

int main(int argc, char **argv)
{
    CLI::App program("The gateway's knee, beside a bare relay of the same hops");
    std::string part, store;
    std::vector<std::string> replicas;
    std::vector<double> rates{500, 1000, 1500, 2000, 2500, 3000};
    double seconds = 4, limit = 25;
    int rounds = 3;
    program.add_option("--rates", rates, "requests per second")->delimiter(',');
    program.add_option("--seconds", seconds, "of each measurement, after 1.5 s of settling");
    program.add_option("--rounds", rounds, "of each rate; medians are shown");
    program.add_option("--limit", limit, "p99 in ms that the knee is judged by");
    program.add_option("--part", part)->group("");
    program.add_option("--replica", replicas)->group("");
    program.add_option("--store", store)->group("");
    CLI11_PARSE(program, argc, argv);
    if (!part.empty())
        return runPart(part, replicas, store);

    setUpGrpcForDrills();
    std::vector<std::unique_ptr<Part>> shop;
    const auto start = [&](std::vector<std::string> args) -> const Part & {
        return *shop.emplace_back(std::make_unique<Part>(std::move(args)));
    };
    std::vector<std::string> args{"--store", start({"--part", "store"}).address()};
    for (int i = 0; i < 3; ++i) {
        args.emplace_back("--replica");
        args.push_back(start({"--part", "replica"}).address());
    }
    const auto door = [&](const char *name) -> const Part & {
        auto all = args;
        all.insert(all.begin(), {"--part", name});
        return start(all);
    };
    const std::pair<const char *, const Part &> doors[] = {{"gateway", door("gateway")},
                                                           {"relay", door("relay")}};
    fmt::print("{:>7} {:>9} {:>9} {:>9} {:>9} {:>10} {:>8}\n", "rate/s", "door", "p50 ms", "p99 ms",
               "lag ms", "CPU us/req", "failed");
    double knee[2] = {0, 0};
    for (const auto rate : rates) {
        std::vector<Figures> all[2];
        for (int round = 0; round < rounds; ++round)
            for (const int i : {0, 1})
                all[i].push_back(measure(doors[i].second, rate, seconds));
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
    return 0;
}
