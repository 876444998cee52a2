// What the gateway promises, on real replicas and real signals, judged by counts: a kill fails no
// more than what was under way, a freeze is over for shoppers within seconds, an overload with
// retries ends with its cause. DRILLROOM_SLOW=1: 50 kills, 10 freezes, 30 s of overload.

#include "engine/base/files.h"
#include "engine/fault/stall_meter.h"
#include "tests/support/gateway_bed.h"
#include "tests/support/given_time.h"
#include "tests/support/lone_node.h"

#include <atomic>
#include <csignal>
#include <deque>

using namespace engine;
using nlohmann::json;

class TestMustShow : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void aKillFailsNoMoreThanWasUnderWay();
    void aFreezeIsOverWithinSeconds();
    void overloadEndsWithItsCause();

private:
    std::unique_ptr<test::SmallShop> m_shop;
    const bool m_slow = qEnvironmentVariableIsSet("DRILLROOM_SLOW");
};

namespace {

constexpr Micros kGap{5'000}; ///< 200 requests/s
constexpr double kLimit = 60; ///< ms, as the drills'

struct Sent
{
    MonoTime due{0}, ended{0};
    bool good = false;
    std::string path;
};

/// Requests in an open loop on a thread of its own until it is stopped.
class Callers
{
public:
    Callers(int port, Micros gap, Micros deadline)
        : m_stub(inference::GRPCInferenceService::NewStub(
            resilientChannel("127.0.0.1:" + std::to_string(port)))),
          m_request(test::historyRequest()), m_deadline(deadline), m_gap(gap),
          m_thread([this](const std::stop_token &stop) { run(stop); })
    {
    }
    ~Callers() { (void)finish(); }
    void setGap(Micros gap) { m_gap = gap; }
    /// Due and not yet ended.
    [[nodiscard]] int underWay() const { return m_open; }
    [[nodiscard]] std::size_t sent() const
    {
        const std::lock_guard lock(m_mutex);
        return m_sent.size();
    }
    /// Stops, waits for the last answer, gives all in the order they were due.
    const std::deque<Sent> &finish()
    {
        m_thread.request_stop();
        if (m_thread.joinable())
            m_thread.join();
        std::unique_lock lock(m_mutex);
        m_quiet.wait(lock, [this] { return m_open == 0; });
        return m_sent;
    }

private:
    struct Call
    {
        grpc::ClientContext context;
        inference::ModelInferResponse reply;
    };
    void run(const std::stop_token &stop)
    {
        auto due = systemClock().now();
        while (systemClock().waitUntil(due, stop)) {
            Sent *at = nullptr;
            {
                const std::lock_guard lock(m_mutex);
                at = &m_sent.emplace_back(); // a deque's elements stay where they are
                at->due = due;
                ++m_open;
            }
            auto call = std::make_shared<Call>();
            call->context.set_deadline(grpcTime(due + m_deadline));
            m_stub->async()->ModelInfer(&call->context, &m_request, &call->reply,
                                        [this, call, at](const grpc::Status &status) {
                                            const std::lock_guard lock(m_mutex);
                                            at->ended = systemClock().now();
                                            at->good = status.ok();
                                            at->path = test::Reply{status, call->reply}.path();
                                            if (--m_open == 0)
                                                m_quiet.notify_all();
                                        });
            due += m_gap.load();
        }
    }

    const std::unique_ptr<inference::GRPCInferenceService::Stub> m_stub;
    const inference::ModelInferRequest m_request;
    const Micros m_deadline;
    std::atomic<Micros> m_gap;
    mutable std::mutex m_mutex; ///< guards m_sent and its elements
    std::condition_variable m_quiet;
    std::deque<Sent> m_sent;
    std::atomic<int> m_open{0};
    std::jthread m_thread; ///< last: it uses the others
};

/// Three real replicas behind a gateway that finds them by a file.
class Shop
{
public:
    explicit Shop(const test::SmallShop &data) : m_data(data)
    {
        for (int i = 0; i < 3; ++i)
            replicas.push_back(replica());
        GatewayOptions options;
        options.endpointsFile = m_folder.filePath(QStringLiteral("endpoints")).toStdString();
        options.replicas = tell();
        std::vector<std::uint32_t> popular(50);
        auto started = Gateway::start(options, PopularityList(popular), systemClock(), {});
        if (started)
            gateway = std::move(*started);
    }
    [[nodiscard]] bool ready()
    {
        return gateway
               && QTest::qWaitFor(
                   [this] {
                       double up = 0;
                       for (const auto &sample :
                            gateway->collect(alignUp(systemClock().now())).samples)
                           up += sample.series.ends_with(".up") ? sample.value : 0;
                       return up == 3;
                   },
                   60'000);
    }
    /// Another process in its place, at another port.
    void replace(std::size_t index)
    {
        replicas[index] = replica();
        (void)tell();
    }
    std::vector<std::unique_ptr<test::LoneNode>> replicas;
    std::unique_ptr<Gateway> gateway;

private:
    std::unique_ptr<test::LoneNode> replica() const
    {
        return std::make_unique<test::LoneNode>(
            m_data, "replica",
            json{{"package", (m_data.path / "packages/1").string()},
                 {"trusted", m_data.trusted},
                 {"threads", 1}});
    }
    std::vector<NodeAddress> tell()
    {
        std::vector<NodeAddress> out;
        auto list = json::array();
        for (std::size_t i = 0; i < replicas.size(); ++i) {
            out.push_back({"replica/" + std::to_string(i + 1), replicas[i]->address()});
            list.push_back({{"target", out.back().target}, {"address", out.back().address}});
        }
        (void)writeTextAtomically(m_folder.filePath(QStringLiteral("endpoints")).toStdString(),
                                  json{{"replicas", list}}.dump());
        return out;
    }
    const test::SmallShop &m_data;
    QTemporaryDir m_folder;
};

int failed(const std::deque<Sent> &sent)
{
    return static_cast<int>(std::ranges::count_if(sent, [](const Sent &one) { return !one.good; }));
}

/// Answers of the span by `due`: slower than the limit (or failed), and all.
std::pair<int, int> slow(const std::deque<Sent> &sent, MonoTime from, MonoTime to)
{
    int slow = 0, all = 0;
    for (const auto &one : sent) {
        if (one.due < from || one.due >= to)
            continue;
        ++all;
        slow += !one.good || static_cast<double>((one.ended - one.due).count()) / 1000 > kLimit;
    }
    return {slow, all};
}

} // namespace

void TestMustShow::initTestCase()
{
    setUpGrpcForDrills();
    m_shop = std::make_unique<test::SmallShop>();
    QVERIFY2(m_shop->error.empty(), m_shop->error.c_str());
}

void TestMustShow::aKillFailsNoMoreThanWasUnderWay()
{
    Shop shop(*m_shop);
    QVERIFY(shop.ready());
    const int kills = m_slow ? 50 : 3;
    int underWay = 0, lost = 0, answered = 0;
    for (int i = 0; i < kills; ++i) {
        const auto victim = static_cast<std::size_t>(i) % 3;
        Callers load(shop.gateway->port(), kGap, Micros{1'000'000});
        QTRY_VERIFY_WITH_TIMEOUT(load.sent() > 200, 30'000);
        const int open = load.underWay();
        QCOMPARE(::kill(shop.replicas[victim]->pid(), SIGKILL), 0);
        QTRY_VERIFY_WITH_TIMEOUT(load.sent() > 600, 30'000);
        const auto &sent = load.finish();
        const int bad = failed(sent);
        // A request that was due in the moment between the count and the kill may be hit, too.
        QVERIFY2(
            bad <= open + 1,
            qPrintable(
                QStringLiteral("kill %1: %2 failed, %3 under way").arg(i + 1).arg(bad).arg(open)));
        underWay += open;
        lost += bad;
        answered += static_cast<int>(sent.size()) - bad;
        shop.replace(victim);
        QVERIFY(shop.ready());
    }
    qInfo("%d kills at 200/s: %d under way, %d failed, %d answered", kills, underWay, lost,
          answered);
}

void TestMustShow::aFreezeIsOverWithinSeconds()
{
    Shop shop(*m_shop);
    QVERIFY(shop.ready());
    const int freezes = m_slow ? 10 : 1;
    std::vector<double> back;
    int spoilt = 0;
    for (int i = 0; i < freezes; ++i) {
        const auto pid = shop.replicas[static_cast<std::size_t>(i) % 3]->pid();
        Callers load(shop.gateway->port(), kGap, Micros{1'000'000});
        QTRY_VERIFY_WITH_TIMEOUT(load.sent() > 400, 30'000);
        const support::GivenTime given;
        const auto frozen = systemClock().now();
        QCOMPARE(::kill(pid, SIGSTOP), 0);
        (void)QTest::qWaitFor([&] { return systemClock().now() - frozen > Micros{11'000'000}; },
                              60'000);
        const auto lost = (systemClock().now() - frozen).count() / 1000 - given.elapsed();
        QCOMPARE(::kill(pid, SIGCONT), 0);
        const auto &sent = load.finish();
        // The first instant from which on 5 s hold at most one slow answer in a hundred.
        auto from = frozen;
        while (from - frozen < Micros{6'000'000}) {
            const auto [late, all] = slow(sent, from, from + Micros{5'000'000});
            if (100 * late <= all)
                break;
            from += Micros{50'000};
        }
        const auto seconds = static_cast<double>((from - frozen).count()) / 1e6;
        back.push_back(seconds);
        // A host that ran nobody for a while is no fault of the gateway's.
        spoilt += seconds > 5 && lost > 200;
        QVERIFY2(seconds <= 5 || lost > 200, qPrintable(QString::number(seconds)));
        QVERIFY(shop.ready());
    }
    std::ranges::sort(back);
    qInfo("%d freezes: back after %.2f s (median), %.2f s at most; %d spoilt by the host", freezes,
          back[back.size() / 2], back.back(), spoilt);
    QVERIFY(spoilt <= freezes / 2);
}

namespace {

/// What came of one overload.
struct Overload
{
    double before = 0, during = 0; ///< goodput per second
    int late = 0, all = 0;         ///< from 5 s after its end on
    int stalls = 0;                ///< times that the host ran nobody in that while
};

/// Replicas that take three requests each at a time, 30 ms for each: 300/s in all.
void overloadOnce(bool isSlow, Overload &out)
{
    GatewayOptions options;
    test::Bed bed(3, options);
    QVERIFY(bed.ready());
    for (auto &replica : bed.replicas) {
        replica->delayMicros = 30'000;
        replica->mostAtOnce = 3;
    }
    const auto capacity = 3.0 * 3 / 0.03;
    const auto gapOf = [&](double share) {
        return Micros{static_cast<std::int64_t>(1e6 / (share * capacity))};
    };
    const auto second = Micros{1'000'000};
    const auto overload = isSlow ? 30 : 6;
    const auto phase = [](Micros length) {
        const auto from = systemClock().now();
        (void)QTest::qWaitFor([&] { return systemClock().now() - from >= length; },
                              static_cast<int>(length.count() / 1000) + 10'000);
        return std::pair(from, systemClock().now());
    };
    std::atomic<int> stalls{0};
    Callers load(bed.gateway->port(), gapOf(0.9), Micros{250'000});
    (void)phase(2 * second);
    const auto peak = phase(5 * second);
    load.setGap(gapOf(2));
    (void)phase(second);
    const auto over = phase(overload * second);
    load.setGap(gapOf(0.8));
    const StallMeter meter(systemClock(), [&](const Stall &) { ++stalls; });
    const auto after = phase(12 * second);
    out.stalls = stalls;
    const auto &sent = load.finish();
    const auto isGood = [](const Sent &one) {
        return one.good && one.path == "primary" && one.ended - one.due <= Micros{250'000};
    };
    // Goodput: answers of a model in time, by when they came.
    const auto goodput = [&](std::pair<MonoTime, MonoTime> span) {
        int good = 0;
        for (const auto &one : sent)
            good += isGood(one) && one.ended >= span.first && one.ended < span.second;
        return good / (static_cast<double>((span.second - span.first).count()) / 1e6);
    };
    out.before = goodput(peak);
    out.during = goodput(over);
    // Normal again: the last request that was not answered by a model in time.
    MonoTime last = after.first;
    int bad = 0;
    for (const auto &one : sent) {
        if (one.due < after.first || one.due >= after.second)
            continue;
        const bool isSettled = one.due >= after.first + 5 * second;
        out.all += isSettled;
        if (isGood(one))
            continue;
        out.late += isSettled;
        last = one.due;
        ++bad;
    }
    const auto normal = static_cast<double>((last - after.first).count()) / 1e6;
    qInfo("capacity %.0f/s: goodput %.0f/s at 0.9, %.0f/s at 2 times it (%.0f %%); back to 0.8: "
          "%d not well answered, the last after %.1f s; %.0f retries, %.0f throttled; the host "
          "stalled %d times",
          capacity, out.before, out.during, 100 * out.during / out.before, bad, normal,
          bed.total("gateway.self.retries"), bed.total("gateway.self.throttled"), out.stalls);
}

} // namespace

void TestMustShow::overloadEndsWithItsCause()
{
    // A host that ran nobody for a while is no fault of the gateway's: such a try is made again.
    constexpr int kTries = 3;
    for (int i = 1;; ++i) {
        Overload seen;
        overloadOnce(m_slow, seen);
        if (QTest::currentTestFailed())
            return;
        const bool holds = seen.during >= 0.9 * seen.before && 100 * seen.late <= 2 * seen.all;
        if (!holds && seen.stalls > 0 && i < kTries)
            continue;
        QVERIFY(seen.during >= 0.9 * seen.before);
        QVERIFY2(100 * seen.late <= 2 * seen.all,
                 qPrintable(QStringLiteral("%1 of %2").arg(seen.late).arg(seen.all)));
        return;
    }
}

QTEST_GUILESS_MAIN(TestMustShow)
#include "tst_must_show.moc"
