// What the store holds on this machine: acknowledged appends per second in an open loop while reads
// go on, the latency of both, and what sharing a commit is worth (the same store asked for one
// append after the other). The store is a process of its own; this one is its client.
//   bench_store [--appends 5000] [--reads 2000] [--seconds 10]

#include "engine/metrics/sketch.h"
#include "engine/proto/store.grpc.pb.h"
#include "engine/serving/gateway_channel.h"
#include "engine/serving/node_server.h"
#include "engine/serving/store_service.h"
#include "engine/store/sqlite_event_store.h"

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <mutex>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace engine;
namespace proto = drillroom::v1;

namespace {

constexpr std::uint32_t kShoppers = 20'000, kItems = 10'000, kKnown = 40;

Result<StoreSeed> seed()
{
    StoreSeed out;
    out.items = kItems;
    for (std::uint32_t shopper = 0; shopper < kShoppers; ++shopper) {
        for (std::uint32_t i = 0; i < kKnown; ++i)
            out.events.push_back((shopper + i) % kItems);
        out.offsets.push_back(out.events.size());
    }
    return out;
}

/// The store until its end of the pipe is closed; its port goes through `out`.
int serve(const std::filesystem::path &folder, bool withLog, int in, int out)
{
    StoreOptions options;
    if (withLog)
        options.backups = folder / "backups";
    const auto store = SqliteEventStore::open(folder / "store.db", seed, options);
    if (!store) {
        std::fprintf(stderr, "%s\n", store.error().text().c_str());
        return 1;
    }
    StoreService service(**store, systemClock());
    const auto server = NodeServer::start(service.service());
    if (!server)
        return 1;
    const int port = (*server)->port();
    char end = 0;
    if (::write(out, &port, sizeof port) != sizeof port || ::read(in, &end, 1) != 0)
        return 1;
    return 0;
}

double residentMiB(pid_t pid)
{
    std::ifstream file(fmt::format("/proc/{}/statm", pid));
    double pages = 0, resident = 0;
    file >> pages >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

class Child
{
public:
    Child(const std::filesystem::path &folder, bool withLog)
    {
        int down[2], up[2];
        if (::pipe(down) != 0 || ::pipe(up) != 0)
            std::abort();
        pid = ::fork();
        if (pid == 0) {
            ::close(down[1]);
            ::_exit(serve(folder, withLog, down[0], up[1]));
        }
        ::close(down[0]);
        ::close(up[1]);
        if (::read(up[0], &port, sizeof port) != sizeof port)
            std::abort();
        m_end = down[1];
    }
    ~Child()
    {
        ::close(m_end);
        ::waitpid(pid, nullptr, 0);
    }
    pid_t pid = 0;
    int port = 0;

private:
    int m_end = -1;
};

struct Tally
{
    std::mutex mutex;
    Sketch latency;
    std::atomic<std::uint64_t> good{0}, bad{0}, open{0};
    void done(bool ok, Micros took)
    {
        ++(ok ? good : bad);
        const std::scoped_lock lock(mutex);
        latency.add(static_cast<double>(took.count()) / 1000);
        --open;
    }
};

class Client
{
public:
    explicit Client(int port)
        : m_stub(proto::Store::NewStub(resilientChannel(fmt::format("127.0.0.1:{}", port))))
    {
    }
    void append(std::uint32_t n, MonoTime due, Tally &tally)
    {
        struct Call
        {
            grpc::ClientContext context;
            proto::AppendRequest request;
            proto::AppendReply reply;
        };
        auto call = std::make_shared<Call>();
        call->request.set_shopper(n % kShoppers);
        call->request.set_h(kKnown + n / kShoppers);
        call->request.set_item(n % kItems);
        ++tally.open;
        m_stub->async()->Append(&call->context, &call->request, &call->reply,
                                [call, due, &tally](const grpc::Status &status) {
                                    tally.done(status.ok(), systemClock().now() - due);
                                });
    }
    void read(std::uint32_t n, MonoTime due, Tally &tally)
    {
        struct Call
        {
            grpc::ClientContext context;
            proto::HistoryRequest request;
            proto::HistoryReply reply;
        };
        auto call = std::make_shared<Call>();
        call->request.set_shopper(n * 7919 % kShoppers);
        call->request.set_h(kKnown);
        ++tally.open;
        m_stub->async()->History(&call->context, &call->request, &call->reply,
                                 [call, due, &tally](const grpc::Status &status) {
                                     tally.done(status.ok(), systemClock().now() - due);
                                 });
    }

private:
    std::unique_ptr<proto::Store::Stub> m_stub;
};

std::string line(Tally &tally, double seconds)
{
    return fmt::format("{:6.0f}/s, failed {}, p50 {:.2f} ms, p99 {:.2f} ms",
                       static_cast<double>(tally.good) / seconds, tally.bad.load(),
                       tally.latency.quantile(0.5), tally.latency.quantile(0.99));
}

/// Returns appends per second.
double openLoop(const Child &store, double appends, double reads, double seconds)
{
    Client client(store.port);
    Tally written, read;
    const auto &clock = systemClock();
    const auto begun = clock.now();
    const auto at = [&](double n, double rate) {
        return begun + Micros{static_cast<std::int64_t>(n / rate * 1e6)};
    };
    std::uint32_t a = 0, r = 0;
    while (true) {
        const auto nextAppend = at(a, appends), nextRead = at(r, reads);
        const auto next = std::min(nextAppend, nextRead);
        if (next - begun > Micros{static_cast<std::int64_t>(seconds * 1e6)})
            break;
        clock.waitUntil(next, {});
        if (nextAppend <= nextRead)
            client.append(a++, nextAppend, written);
        else
            client.read(r++, nextRead, read);
    }
    while (written.open + read.open > 0)
        clock.waitUntil(clock.now() + Micros{1000}, {});
    const auto took = static_cast<double>((clock.now() - begun).count()) / 1e6;
    fmt::print("  appends {}\n  reads   {}\n  resident {:.0f} MiB\n", line(written, took),
               line(read, took), residentMiB(store.pid));
    std::fflush(stdout);
    return static_cast<double>(written.good) / took;
}

/// One append after the other: every one pays for its own commit.
double closedLoop(const Child &store, double seconds)
{
    Client client(store.port);
    Tally written;
    const auto &clock = systemClock();
    const auto begun = clock.now();
    const auto until = begun + Micros{static_cast<std::int64_t>(seconds * 1e6)};
    for (std::uint32_t n = 1'000'000; clock.now() < until; ++n) {
        client.append(n, clock.now(), written);
        while (written.open > 0)
            std::this_thread::yield();
    }
    const auto took = static_cast<double>((clock.now() - begun).count()) / 1e6;
    fmt::print("  appends {}\n", line(written, took));
    return static_cast<double>(written.good) / took;
}

} // namespace

int main(int argc, char **argv)
{
    CLI::App app("Acknowledged appends and reads of the store");
    double appends = 5000, reads = 2000, seconds = 10;
    app.add_option("--appends", appends, "per second");
    app.add_option("--reads", reads, "per second");
    app.add_option("--seconds", seconds, "of each part");
    CLI11_PARSE(app, argc, argv);
    std::string name = (std::filesystem::temp_directory_path() / "bench_store.XXXXXX").string();
    if (!::mkdtemp(name.data()))
        return 1;
    const std::filesystem::path folder(name);
    for (const bool withLog : {true, false}) {
        std::filesystem::create_directories(folder / (withLog ? "log" : "plain"));
    }
    {
        // Both children before gRPC starts here: a fork beside its threads is not safe.
        const Child withLog(folder / "log", true), plain(folder / "plain", false);
        fmt::print("durable and in the shipped log, open loop\n");
        const auto shipped = openLoop(withLog, appends, reads, seconds);
        fmt::print("durable only (no log, no backups), open loop\n");
        const auto durable = openLoop(plain, appends, reads, seconds);
        fmt::print("durable and in the shipped log, one append after the other\n");
        const auto single = closedLoop(withLog, seconds / 2);
        fmt::print("ratio: with the log {:.2f} of without; shared commits {:.1f} times one by "
                   "one\n",
                   shipped / durable, shipped / single);
    }
    std::filesystem::remove_all(folder);
    return 0;
}
