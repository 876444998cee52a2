// The load generator against a fake gateway: what it sends, when, and how it counts the answers.
#include "engine/serving/gateway_channel.h"
#include "engine/serving/traffic.h"
#include "engine/serving/traffic_schedule.h"
#include "tests/support/fake_shop.h"

#include <QtTest>
#include <cmath>
#include <condition_variable>
#include <set>

using namespace engine;
using test::FakeReplica;
using test::FakeStore;
using test::Mood;

namespace {

/// Counts the lists it is shown; every answered request earns a half.
class HalfEarned final : public Earned
{
public:
    double quality(const TraceRow &, std::span<const std::int64_t> items) const override
    {
        return items.size() == 10 ? 0.5 : 0;
    }
};

/// A gateway door in the test's process. It answers every inference with items 100, 101, ...; a
/// gate can hold all answers back, as a stalled process would.
class Door final : public inference::GRPCInferenceService::CallbackService
{
public:
    Door()
    {
        grpc::ServerBuilder builder;
        builder.RegisterService(this);
        builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
        builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &m_port);
        m_server = builder.BuildAndStart();
    }
    ~Door() override { m_server->Shutdown(std::chrono::system_clock::now()); }
    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(m_port); }

    std::atomic<Mood> mood{Mood::Answers};
    std::atomic<std::int64_t> delayMicros{0};
    std::atomic<int> calls{0};
    /// Calls that come between the two are answered at the second.
    std::atomic<std::int64_t> gateFromMicros{0}, gateMicros{0};
    std::atomic<int> leastAsked{INT32_MAX}, mostAsked{0}, sessions{0}; ///< items
    std::atomic<std::int64_t> leastTimeout{INT64_MAX}, mostTimeout{0};

    grpc::ServerUnaryReactor *ModelInfer(grpc::CallbackServerContext *context,
                                         const inference::ModelInferRequest *request,
                                         inference::ModelInferResponse *reply) override
    {
        ++calls;
        const auto asked = request->inputs(2).contents().int_contents(0);
        leastAsked = std::min(leastAsked.load(), asked);
        mostAsked = std::max(mostAsked.load(), asked);
        sessions += asked > 10;
        const auto timeout = request->parameters().at("timeout").int64_param();
        leastTimeout = std::min(leastTimeout.load(), timeout);
        mostTimeout = std::max(mostTimeout.load(), timeout);
        if (mood == Mood::Silent)
            return new test::SilentCall;
        if (mood != Mood::Answers) {
            auto *reactor = context->DefaultReactor();
            reactor->Finish({grpc::StatusCode::UNAVAILABLE, "told to"});
            return reactor;
        }
        auto *items = reply->add_outputs();
        items->set_name("items");
        for (int i = 0; i < 10; ++i)
            items->mutable_contents()->add_int64_contents(100 + i);
        (*reply->mutable_parameters())["path"].set_string_param("primary");
        const auto now = systemClock().now().count();
        const auto wait =
            std::max(delayMicros.load(), now >= gateFromMicros ? gateMicros.load() - now : 0);
        if (wait > 0)
            return test::finishLater(context, Micros{wait});
        auto *reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }

private:
    int m_port = 0;
    std::unique_ptr<grpc::Server> m_server;
};

struct Bed
{
    /// Giving up and waiting for labels is generous, where a test is not about that: a machine
    /// that is busy elsewhere must not turn a late answer into a failed one.
    explicit Bed(bool withStore = false, Micros giveUp = Micros{30'000'000})
    {
        setUpGrpcForDrills();
        TrafficTrace trace;
        for (std::uint32_t i = 0; i < kRows; ++i) {
            trace.rows.push_back({i, i % 7, 100 + i % 20, 0});
            trace.expected.push_back(0.625F);
        }
        trace.earned = std::make_unique<HalfEarned>();
        TrafficOptions options;
        options.gateway = door.address();
        options.giveUp = giveUp;
        options.appendGrace = Micros{30'000'000};
        if (withStore)
            options.store = store.address();
        traffic = std::make_unique<Traffic>(options, std::move(trace), systemClock(),
                                            [this](const Window &window) { note(window); });
    }
    static LoadSpec spec(double rate, Arrivals arrivals = Arrivals::Constant)
    {
        LoadSpec out;
        out.load.rate = rate;
        out.load.arrivals = arrivals;
        out.latencyLimits = {60, 200};
        out.start = alignUp(systemClock().now() + Micros{100'000});
        return out;
    }
    /// A busy machine may let the start pass before the load hears of it: then a later one is
    /// asked for, and put into `spec`.
    void start(LoadSpec &spec)
    {
        for (int i = 0; i < 100; ++i) {
            const auto started = traffic->start(spec);
            if (started)
                return;
            if (started.error().message.find("past") == std::string::npos)
                qFatal("%s", started.error().text().c_str());
            spec.start = alignUp(systemClock().now() + Micros{200'000});
        }
        qFatal("The load could not be started");
    }
    /// Until the windows reach `length` from the start: all that was scheduled in it is sent then,
    /// however late this machine was.
    void waitFor(const LoadSpec &spec, Micros length)
    {
        std::unique_lock lock(mutex);
        if (!changed.wait_for(lock, std::chrono::seconds(60), [&] {
                return !windows.empty() && windows.back().end >= (spec.start + length).count();
            }))
            qFatal("The windows do not come");
    }
    /// Runs a load for `length` from its start and collects every window.
    void run(LoadSpec &given, Micros length)
    {
        start(given);
        waitFor(given, length);
        traffic->stop();
        traffic->wait();
    }
    void run(LoadSpec &&given, Micros length) { run(given, length); }
    /// Requests due before `length` from the start.
    double dueBefore(const LoadSpec &spec, Micros length)
    {
        double out = 0;
        for (const auto &window : windows)
            for (const auto &sample : window.samples)
                if (sample.series == series::kRequests
                    && window.end <= (spec.start + length).count())
                    out += sample.value;
        return out;
    }
    double sum(std::string_view series)
    {
        double out = 0;
        for (const auto &window : windows)
            for (const auto &sample : window.samples)
                if (sample.series == series)
                    out += sample.value;
        return out;
    }
    Sketch latencies()
    {
        Sketch out;
        for (const auto &window : windows)
            for (const auto &sketch : window.sketches)
                if (const auto decoded = Sketch::decode(sketch.sketch))
                    out.merge(*decoded);
        return out;
    }
    void note(const Window &window)
    {
        const std::scoped_lock lock(mutex);
        windows.push_back(window);
        changed.notify_all();
    }

    static constexpr std::uint32_t kRows = 300;
    Door door;
    FakeStore store;
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<Window> windows; ///< under the mutex until wait() has returned
    std::unique_ptr<Traffic> traffic;
};

} // namespace

class TestTraffic : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void poissonGapsAreExponential();
    void constantGapsAreEqual();
    void everyRowComesOncePerPassInAnOrderOfTheSeed();
    void ledgerCountsLateFailedAndSlow();
    void whatComesTooLateForItsWindowIsNotLost();
    void windowsSumToTheTotals();
    void latencyCountsFromTheScheduleWhenTheGatewayStalls();
    void answersAfterTheDeadlineAreLateAndEarn();
    void silenceIsFailedAfterASecond();
    void errorsFailAtOnce();
    void theGatewayIsToldTheDeadline();
    void labelsAreAppendedUntilTheStoreTakesThem();
    void theRateChangesWhileTheLoadRuns();
    void labelsAreScoredByPathAndModelVersion();
    void sharesCarryTheirInterval();
    void revenueIsThePriceOfWhatWasFound();
    void coverageForgetsAfterTenSeconds();
    void versionsAreBounded();
    void sessionsAskForThreePages();
    void aSecondLoadIsRefusedWhileOneRuns();
    void wrongLoadsAreRefused();
};

void TestTraffic::poissonGapsAreExponential()
{
    TrafficSchedule schedule(Arrivals::Poisson, 200, 7, MonoTime{0}, 10);
    QCOMPARE(schedule.due().count(), 0); // the first request is t = 0
    constexpr int kCount = 200'000;
    int aboveMean = 0;
    auto last = schedule.due();
    double square = 0;
    for (int i = 0; i < kCount; ++i) {
        schedule.advance();
        const auto gap = static_cast<double>((schedule.due() - last).count()) / 5000; // means
        last = schedule.due();
        aboveMean += gap > 1;
        square += gap * gap;
    }
    QVERIFY(std::abs(static_cast<double>(last.count()) / kCount / 5000 - 1) < 0.01);
    QVERIFY(std::abs(static_cast<double>(aboveMean) / kCount - std::exp(-1)) < 0.005);
    QVERIFY(std::abs(square / kCount - 2) < 0.05); // E[x^2] of an exponential of mean 1
}

void TestTraffic::constantGapsAreEqual()
{
    TrafficSchedule schedule(Arrivals::Constant, 3, 7, MonoTime{1'000'000}, 10);
    for (int i = 0; i < 3000; ++i)
        schedule.advance();
    QVERIFY(std::abs(static_cast<double>((schedule.due() - MonoTime{1'001'000'000}).count())) < 10);
}

void TestTraffic::everyRowComesOncePerPassInAnOrderOfTheSeed()
{
    const auto order = [](std::uint64_t seed) {
        TrafficSchedule schedule(Arrivals::Poisson, 100, seed, MonoTime{0}, 50);
        std::vector<std::size_t> rows;
        for (int i = 0; i < 100; ++i) {
            rows.push_back(schedule.row());
            schedule.advance();
        }
        return rows;
    };
    const auto rows = order(1);
    for (const int pass : {0, 1}) {
        const std::set<std::size_t> seen(rows.begin() + pass * 50, rows.begin() + pass * 50 + 50);
        QCOMPARE(seen.size(), 50u);
    }
    QVERIFY(order(1) == rows);
    QVERIFY(order(2) != rows);
}

void TestTraffic::ledgerCountsLateFailedAndSlow()
{
    TrafficLedger ledger(MonoTime{0}, Micros{250'000}, {60, 2.5});
    const auto answer = [&](std::int64_t scheduled, std::int64_t latency, bool failed) {
        ledger.due(MonoTime{scheduled});
        ledger.answered({MonoTime{scheduled}, MonoTime{scheduled + latency}, failed, 0.5, 0.6, 0,
                         ServingPath::Popularity});
    };
    answer(0, 2'000, false);
    answer(10'000, 60'000, false); // exactly the limit is not slower
    answer(20'000, 60'001, false);
    answer(50'000, 260'000, false); // ends in (300, 400]: late
    answer(99'999, 1, true);        // ends on the boundary: belongs to the next window
    const auto windows = ledger.take(MonoTime{400'000});
    QCOMPARE(windows.size(), 4u);
    const auto value = [&](std::size_t window, std::string_view series) {
        for (const auto &sample : windows[window].samples)
            if (sample.series == series)
                return sample.value;
        return std::nan("");
    };
    QCOMPARE(value(0, "gateway.requests"), 5.0);
    QCOMPARE(value(0, "gateway.answered"), 3.0);
    QCOMPARE(value(0, "gateway.slow.60"), 1.0);
    QCOMPARE(value(0, "gateway.slow.2.5"), 2.0);
    QCOMPARE(value(0, "gateway.late"), 0.0);
    QCOMPARE(value(0, "gateway.path.popularity"), 3.0);
    QCOMPARE(value(0, "gateway.earned"), 1.5);
    QCOMPARE(value(1, "gateway.failed"), 1.0);
    QCOMPARE(value(1, "gateway.earned"), 0.0); // failed earns nothing, but was expected to
    QCOMPARE(value(1, "gateway.expected"), 0.6);
    QCOMPARE(value(3, "gateway.late"), 1.0);
    QCOMPARE(value(3, "gateway.earned"), 0.5);
    QVERIFY(std::isnan(value(2, "gateway.quality"))); // nothing expected = no reading
    QCOMPARE(windows[3].end, 400'000);
    QCOMPARE(ledger.open(), 0u);
}

void TestTraffic::whatComesTooLateForItsWindowIsNotLost()
{
    TrafficLedger ledger(MonoTime{0}, Micros{250'000}, {});
    ledger.due(MonoTime{50'000});
    (void)ledger.take(MonoTime{200'000});
    ledger.answered({MonoTime{50'000}, MonoTime{190'000}});
    const auto windows = ledger.take(MonoTime{300'000});
    QCOMPARE(windows.size(), 1u);
    QCOMPARE(windows[0].samples[1].series, std::string(series::kAnswered));
    QCOMPARE(windows[0].samples[1].value, 1.0);
}

void TestTraffic::windowsSumToTheTotals()
{
    Bed bed;
    auto spec = Bed::spec(500, Arrivals::Poisson);
    bed.run(spec, Micros{2'000'000});
    const auto due = bed.sum(series::kRequests);
    // What did not reach the door failed: its connection broke, on a machine that stood still.
    QVERIFY(bed.door.calls <= due && due - bed.door.calls <= bed.sum(series::kFailed));
    TrafficSchedule schedule(Arrivals::Poisson, 500, spec.seed, spec.start, Bed::kRows);
    double planned = 0;
    for (; schedule.due() < spec.start + Micros{2'000'000}; schedule.advance())
        ++planned;
    QCOMPARE(bed.dueBefore(spec, Micros{2'000'000}), planned);
    QVERIFY(std::abs(planned - 1000) < 5 * std::sqrt(1000)); // Poisson: 5 sigma
    QCOMPARE(bed.sum(series::kAnswered), due);
    QCOMPARE(bed.sum(series::kPathPrimary) + bed.sum(series::kFailed), due);
    QCOMPARE(bed.sum(series::kEarned), 0.5 * bed.sum(series::kPathPrimary));
    QCOMPARE(bed.sum(series::kExpected), 0.625 * due);
    QCOMPARE(static_cast<double>(bed.latencies().count()), bed.sum(series::kPathPrimary));
    for (std::size_t i = 0; i < bed.windows.size(); ++i) { // no gap, every boundary once
        QCOMPARE(bed.windows[i].end % kWindow.count(), 0);
        QCOMPARE(bed.windows[i].end,
                 bed.windows[0].end + static_cast<std::int64_t>(i) * kWindow.count());
    }
    QVERIFY(bed.windows.size() >= 20);
}

void TestTraffic::latencyCountsFromTheScheduleWhenTheGatewayStalls()
{
    Bed bed;
    auto spec = Bed::spec(100);
    spec.start = alignUp(systemClock().now() + Micros{1'000'000});
    const auto stall = spec.start + Micros{500'000};
    bed.door.gateFromMicros = stall.count();
    bed.door.gateMicros = (stall + Micros{400'000}).count();
    if (const auto started = bed.traffic->start(spec); !started)
        QSKIP("This machine stood still for a second");
    bed.waitFor(spec, Micros{1'500'000});
    bed.traffic->stop();
    bed.traffic->wait();
    // The load did not wait for the stall: 40 requests fell into it, evenly spread over 0-400 ms.
    QCOMPARE(bed.dueBefore(spec, Micros{1'500'000}), 150.0);
    // Of them, 20 waited for more than 200 ms and 15 for more than 250 ms. A slow machine adds
    // some, but cannot take any away.
    const auto slow = bed.sum("gateway.slow.200"), late = bed.sum(series::kLate);
    const auto failed = bed.sum(series::kFailed); // its connection broke
    QVERIFY2(slow + failed >= 19, qPrintable(QString::number(slow)));
    QVERIFY2(late + failed >= 14, qPrintable(QString::number(late)));
    QVERIFY(late <= slow);
}

void TestTraffic::answersAfterTheDeadlineAreLateAndEarn()
{
    Bed bed;
    bed.door.delayMicros = 350'000;
    bed.run(Bed::spec(50), Micros{500'000});
    const auto due = bed.sum(series::kRequests);
    QVERIFY(due >= 24);
    // On a machine that stands still a connection may break; what was answered was late.
    const auto reached = due - bed.sum(series::kFailed);
    QVERIFY(reached > 0);
    QCOMPARE(bed.sum(series::kLate), reached);
    QCOMPARE(bed.sum(series::kEarned), 0.5 * reached);
    QCOMPARE(bed.sum("gateway.slow.60"), reached);
}

void TestTraffic::silenceIsFailedAfterASecond()
{
    Bed bed(false, Micros{1'000'000});
    bed.door.mood = Mood::Silent;
    auto spec = Bed::spec(50);
    bed.run(spec, Micros{300'000});
    const auto due = bed.sum(series::kRequests);
    QVERIFY(due >= 14);
    QCOMPARE(bed.sum(series::kFailed), due);
    QCOMPARE(bed.sum(series::kEarned), 0.0);
    QCOMPARE(bed.sum(series::kExpected), 0.625 * due);
    double early = 0; // given up in their own windows, a second later
    for (const auto &window : bed.windows) {
        const auto failed = window.samples[2];
        QCOMPARE(failed.series, std::string(series::kFailed));
        if (window.end <= (spec.start + Micros{1'000'000}).count())
            early += failed.value;
    }
    // What fails at once never reached the door.
    QVERIFY(early <= due - bed.door.calls);
}

void TestTraffic::errorsFailAtOnce()
{
    Bed bed;
    bed.door.mood = Mood::Fails;
    bed.run(Bed::spec(50), Micros{300'000});
    QVERIFY(bed.sum(series::kRequests) >= 14);
    QCOMPARE(bed.sum(series::kFailed), bed.sum(series::kRequests));
    // The load was over long before a request is given up (30 s).
    QVERIFY(bed.windows.size() < 150);
}

void TestTraffic::theGatewayIsToldTheDeadline()
{
    Bed bed;
    auto spec = Bed::spec(100);
    spec.load.deadline = Micros{120'000};
    bed.run(spec, Micros{300'000});
    QVERIFY(bed.door.mostTimeout <= 120'000);
    QVERIFY(bed.door.leastTimeout > 0);
}

void TestTraffic::labelsAreAppendedUntilTheStoreTakesThem()
{
    Bed bed(true);
    bed.store.mood = Mood::Fails;
    auto spec = Bed::spec(400);
    bed.start(spec);
    bed.waitFor(spec, Micros{500'000});
    QVERIFY(bed.store.events().empty());
    bed.store.mood = Mood::Answers;
    bed.waitFor(spec, Micros{1'600'000}); // twice through the 300 rows
    bed.traffic->stop();
    bed.traffic->wait();
    QCOMPARE(bed.store.events().size(), std::size_t{Bed::kRows}); // the wrap added nothing
    for (const auto &[key, item] : bed.store.events()) {
        QCOMPARE(key.second, key.first % 7);
        QCOMPARE(item, 100 + key.first % 20);
    }
    QCOMPARE(bed.sum("traffic.appended"), bed.sum(series::kRequests));
    QCOMPARE(bed.sum("traffic.append.missed"), 0.0);
    QVERIFY(bed.store.appends() > static_cast<int>(bed.sum(series::kRequests)));
}

void TestTraffic::theRateChangesWhileTheLoadRuns()
{
    Bed bed;
    auto spec = Bed::spec(50);
    QCOMPARE(bed.traffic->setRate(400).error().code, ErrorCode::NotFound);
    bed.start(spec);
    bed.waitFor(spec, Micros{500'000});
    for (const double wrong : {0.0, -1.0, std::nan(""), 1e9})
        QCOMPARE(bed.traffic->setRate(wrong).error().code, ErrorCode::InvalidInput);
    QVERIFY(bed.traffic->setRate(400));
    // Windows are counted by the schedule: full ones have exactly 5 requests, then 40.
    const auto most = [&] {
        const std::scoped_lock lock(bed.mutex);
        double out = 0;
        for (const auto &window : bed.windows)
            out = std::max(out, window.samples[0].value);
        return out;
    };
    QCOMPARE(bed.windows[0].samples[0].series, std::string(series::kRequests));
    QTRY_VERIFY_WITH_TIMEOUT(most() >= 40, 60'000);
    QVERIFY(most() <= 41);
    bed.traffic->stop();
    bed.traffic->wait();
    QCOMPARE(bed.sum(series::kAnswered), bed.sum(series::kRequests));
}

void TestTraffic::labelsAreScoredByPathAndModelVersion()
{
    TrafficLedger ledger(MonoTime{0}, Micros{250'000}, {}, 100);
    const std::vector<std::int64_t> shown{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    const auto answer = [&](ServingPath path, const char *version, int rank) {
        ledger.due(MonoTime{0});
        TrafficAnswer one{MonoTime{0}, MonoTime{1000},          false, 0.5,
                          0.5,         1 / std::log2(1 + rank), path};
        one.version = version;
        one.rank = rank;
        one.shown = shown;
        ledger.answered(one);
    };
    answer(ServingPath::Primary, "7", 1);
    answer(ServingPath::Primary, "7", 4);
    answer(ServingPath::Primary, "8", 12); // beyond the first page: no hit
    answer(ServingPath::Popularity, "", 2);
    const auto window = ledger.take(MonoTime{100'000}).at(0);
    const auto value = [&](std::string_view name) {
        for (const auto &sample : window.samples)
            if (sample.series == name)
                return sample.value;
        return std::nan("");
    };
    QCOMPARE(value("gateway.served.primary.7.answers"), 2.0);
    QCOMPARE(value("gateway.served.primary.7.hits"), 2.0);
    QCOMPARE(value("gateway.served.primary.7.reciprocal"), 1.25);
    QCOMPARE(value("gateway.served.primary.7.ndcg"), 1 + 1 / std::log2(5));
    QCOMPARE(value("gateway.served.primary.8.hits"), 0.0);
    QCOMPARE(value("gateway.served.popularity.none.hits"), 1.0);
    QCOMPARE(value("gateway.hr@10"), 0.75);
    QCOMPARE(value("gateway.mrr"), 1.75 / 4);
    QCOMPARE(value("gateway.coverage"), 0.1);
    QCOMPARE(value("gateway.served.primary.7.coverage"), 0.1);
    QCOMPARE(value("gateway.served.popularity.none.coverage"), 0.1);
    QVERIFY(std::isnan(value("gateway.served.cached.7.coverage")));
    QCOMPARE(seriesInfo("gateway.served.primary.7.coverage").fold, Fold::Last);
    QVERIFY(std::isnan(value("gateway.revenue-per-request"))); // nobody knows the prices
    // Sums over answers: they merge over windows by adding.
    QCOMPARE(seriesInfo("gateway.served.primary.7.ndcg").fold, Fold::Sum);
}

void TestTraffic::sharesCarryTheirInterval()
{
    const auto interval = shareInterval(8, 10); // Wilson's own form: 0.490 to 0.943
    QVERIFY(std::abs(interval.low - 0.4902) < 0.0005);
    QVERIFY(std::abs(interval.high - 0.9433) < 0.0005);
    QCOMPARE(shareInterval(0, 0).high, 1.0);
    TrafficLedger ledger(MonoTime{0}, Micros{250'000}, {});
    for (int i = 0; i < 10; ++i) {
        ledger.due(MonoTime{0});
        TrafficAnswer one{MonoTime{0}, MonoTime{1000}, i >= 8};
        one.rank = i < 4 ? 1 : 0;
        ledger.answered(one);
    }
    const auto window = ledger.take(MonoTime{100'000}).at(0);
    for (const auto &sample : window.samples) {
        if (sample.series == "gateway.click-through") // of all ten: two saw nothing
            QCOMPARE(sample.value, 0.4);
        if (sample.series == "gateway.click-through.low")
            QCOMPARE(sample.value, shareInterval(4, 10).low);
    }
}

void TestTraffic::revenueIsThePriceOfWhatWasFound()
{
    TrafficLedger ledger(MonoTime{0}, Micros{250'000}, {}, 100, true);
    const double prices[] = {10, 30, 20, 5, 100};
    for (int i = 0; i < 5; ++i) {
        ledger.due(MonoTime{0});
        TrafficAnswer one{MonoTime{0}, MonoTime{1000}, i == 4};
        one.version = "7";
        one.path = ServingPath::Primary;
        one.rank = i < 3 ? i + 1 : i == 3 ? 11 : 0; // the fourth is on the second page
        one.price = prices[i];
        one.isSession = true;
        ledger.answered(one);
    }
    const auto window = ledger.take(MonoTime{100'000}).at(0);
    std::map<std::string, double> values;
    for (const auto &sample : window.samples)
        values[sample.series] = sample.value;
    QCOMPARE(values.at("gateway.revenue-per-request"), 60.0 / 5); // who got nothing bought nothing
    const auto interval = meanInterval(60, 100 + 900 + 400, 5);
    QCOMPARE(values.at("gateway.revenue-per-request.low"), interval.low);
    QCOMPARE(values.at("gateway.revenue-per-request.high"), interval.high);
    QVERIFY(interval.low < 12 && interval.high > 12);
    QCOMPARE(values.at("gateway.served.primary.7.revenue"), 60.0);
    QCOMPARE(values.at("gateway.served.primary.7.sessions"), 4.0);
    QCOMPARE(values.at("gateway.served.primary.7.found"), 4.0);
    // 2, 3, 4: mean 3, standard deviation 1.
    const auto three = meanInterval(9, 4 + 9 + 16, 3);
    QVERIFY(std::abs(three.high - (3 + 1.959964 * 1 / std::sqrt(3.0))) < 1e-9);
}

void TestTraffic::coverageForgetsAfterTenSeconds()
{
    Coverage coverage(10);
    coverage.add({1, 1, 2, 99});
    QCOMPARE(coverage.share(), 0.2);
    coverage.add({2, 3});
    QCOMPARE(coverage.share(), 0.3);
    for (std::size_t i = 2; i < Coverage::kWindows; ++i)
        coverage.add({});
    QCOMPARE(coverage.share(), 0.3);
    coverage.add({});
    QCOMPARE(coverage.share(), 0.2); // 1 was in the first window alone
    coverage.add({});
    QCOMPARE(coverage.share(), 0.0);
}

void TestTraffic::versionsAreBounded()
{
    TrafficLedger ledger(MonoTime{0}, Micros{250'000}, {});
    for (int i = 0; i < 50; ++i) {
        ledger.due(MonoTime{0});
        TrafficAnswer one{MonoTime{0}, MonoTime{1000}};
        one.version = i == 0 ? "a b\n{}" : std::to_string(i);
        ledger.answered(one);
    }
    std::set<std::string> versions;
    const auto window = ledger.take(MonoTime{100'000}).at(0);
    for (const auto &sample : window.samples)
        if (sample.series.starts_with("gateway.served.") && sample.series.ends_with(".answers"))
            versions.insert(sample.series);
    QCOMPARE(versions.size(), 9u); // eight and "other"
}

void TestTraffic::sessionsAskForThreePages()
{
    Bed bed;
    bed.run(Bed::spec(200), Micros{500'000});
    QCOMPARE(bed.door.mostAsked.load(), 30);
    QCOMPARE(bed.door.leastAsked.load(), 10);
    // Every tenth shopper; the door answers ten items whatever is asked for.
    QVERIFY(bed.door.sessions * 8 <= bed.door.calls && bed.door.sessions * 12 >= bed.door.calls);
    bool isThere = false;
    for (const auto &window : bed.windows)
        for (const auto &sample : window.samples)
            isThere = isThere || sample.series == "gateway.satisfaction";
    QVERIFY(isThere);
}

void TestTraffic::aSecondLoadIsRefusedWhileOneRuns()
{
    Bed bed;
    auto spec = Bed::spec(50);
    bed.start(spec);
    auto later = Bed::spec(50);
    later.start += Micros{10'000'000};
    const auto second = bed.traffic->start(later);
    QVERIFY(!second);
    QCOMPARE(second.error().code, ErrorCode::Busy);
    bed.traffic->stop();
    bed.traffic->wait();
    QVERIFY(!bed.traffic->isRunning());
    spec = Bed::spec(50);
    bed.start(spec);
    bed.traffic->stop();
}

void TestTraffic::wrongLoadsAreRefused()
{
    Bed bed;
    auto spec = Bed::spec(0);
    QCOMPARE(bed.traffic->start(spec).error().code, ErrorCode::InvalidInput);
    spec = Bed::spec(100);
    spec.load.deadline = Micros{31'000'000};
    QCOMPARE(bed.traffic->start(spec).error().code, ErrorCode::InvalidInput);
    spec = Bed::spec(100);
    spec.start = systemClock().now() - Micros{1'000'000};
    QCOMPARE(bed.traffic->start(spec).error().code, ErrorCode::InvalidInput);
    QVERIFY(bed.windows.empty());
}

QTEST_GUILESS_MAIN(TestTraffic)
#include "tst_traffic.moc"
