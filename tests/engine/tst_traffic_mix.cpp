// A load of several applications: who is asked how often, with what, and how each is counted.
#include "engine/serving/ads_model.h"
#include "engine/serving/gateway_channel.h"
#include "engine/serving/inventory_model.h"
#include "engine/serving/search_model.h"
#include "engine/serving/traffic.h"
#include "engine/serving/traffic_mix.h"
#include "tests/support/fake_shop.h"

#include <QtTest>
#include <set>

using namespace engine;

namespace {

class Found final : public Earned
{
public:
    double quality(const TraceRow &, std::span<const std::int64_t>) const override { return 0.5; }
};

/// A gateway that knows every answer; `isGood` false: search finds nothing, the forecast is last
/// week's, ads come in the wrong order.
class Door final : public inference::GRPCInferenceService::CallbackService
{
public:
    Door()
    {
        grpc::ServerBuilder builder;
        builder.RegisterService(this);
        builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &m_port);
        m_server = builder.BuildAndStart();
    }
    ~Door() override { m_server->Shutdown(std::chrono::system_clock::now()); }
    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(m_port); }
    std::atomic<bool> isGood{true}, failsAds{false};

    grpc::ServerUnaryReactor *ModelInfer(grpc::CallbackServerContext *context,
                                         const inference::ModelInferRequest *request,
                                         inference::ModelInferResponse *reply) override
    {
        auto *reactor = context->DefaultReactor();
        (*reply->mutable_parameters())["path"].set_string_param("primary");
        if (request->model_name() == "search") {
            const auto question = *readSearch(*request);
            const std::vector<RankedProducts> lists{
                {{isGood ? question->queries.front() + "!" : "nothing"}, {1}}};
            writeSearch(*request, question->k, lists, *reply);
        } else if (request->model_name() == "ads") {
            if (failsAds) {
                reactor->Finish({grpc::StatusCode::UNAVAILABLE, "told to"});
                return reactor;
            }
            const auto question = *readAds(*request);
            std::vector<float> scores;
            for (const auto &row : question->rowTexts)
                scores.push_back(isGood ? std::stof(row[0]) : -std::stof(row[0]));
            writeAds(*request, scores, *reply);
        } else if (request->model_name() == "inventory") {
            const auto question = *readInventory(*request);
            const std::vector<double> mean{isGood ? 20.0 : 7.0}, quantiles(3, mean[0]);
            writeInventory(*request, quantiles, mean, *reply);
        } else {
            auto *items = reply->add_outputs();
            items->set_name("items");
            items->mutable_contents()->add_int64_contents(1);
        }
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }

private:
    int m_port = 0;
    std::unique_ptr<grpc::Server> m_server;
};

std::vector<ApplicationTrace> others()
{
    std::vector<ApplicationTrace> out(3);
    out[0].name = "search";
    out[0].share = 0.4;
    for (const char *query : {"lamp", "mug", "chair"}) {
        out[0].requests.search.push_back({query, {{std::string(query) + "!", 2}}});
        out[0].expected.push_back(1);
    }
    out[1].name = "ads";
    out[1].share = 0.2;
    out[1].requests.columns = {"ad"};
    out[1].requests.ads.push_back({{{"1"}, {"3"}, {"2"}}, {0.1, 0.3, 0.2}, 2});
    out[1].expected.push_back(0.4F); // 0.3 and half of 0.2
    out[2].name = "inventory";
    out[2].share = 0.2;
    DemandRequest demand;
    demand.query.series = "P";
    demand.query.start = "1";
    demand.query.values = {7, 7, 7, 7, 7, 7, 7};
    demand.sold = {20};
    out[2].requests.inventory.push_back(demand);
    out[2].expected.push_back(1);
    return out;
}

struct Bed
{
    Door door;
    std::map<std::string, double> sums, last;
    std::mutex mutex;

    void run(const std::map<std::string, double> &mix = {})
    {
        setUpGrpcForDrills();
        TrafficTrace trace;
        for (std::uint32_t i = 0; i < 20; ++i) {
            trace.rows.push_back({i, 1, 1, 0});
            trace.expected.push_back(0.5F);
        }
        trace.earned = std::make_unique<Found>();
        trace.others = others();
        TrafficOptions options;
        options.gateway = door.address();
        options.giveUp = Micros{30'000'000};
        Traffic traffic(options, std::move(trace), systemClock(), [this](const Window &window) {
            const std::lock_guard lock(mutex);
            for (const auto &sample : window.samples) {
                sums[sample.series] += sample.value;
                last[sample.series] = sample.value;
            }
        });
        LoadSpec spec;
        spec.load.rate = 400;
        spec.load.arrivals = Arrivals::Constant;
        spec.load.mix = mix;
        spec.load.deadline = Micros{30'000'000};
        spec.start = alignUp(systemClock().now() + Micros{100'000});
        auto unknown = spec;
        unknown.load.mix = {{"recommend", 0.5}, {"adverts", 0.5}};
        const auto refused = traffic.start(unknown);
        QVERIFY(!refused && refused.error().message.find("adverts") != std::string::npos);
        unknown.load.mix = {{"recommend", 0.5}, {"ads", 0.4}};
        QVERIFY(!traffic.start(unknown));
        QVERIFY(traffic.start(spec));
        systemClock().waitUntil(spec.start + Micros{1'500'000}, {});
        traffic.stop();
        traffic.wait();
    }
};

} // namespace

class TestTrafficMix : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void sharesAreKept();
    void everyRequestComesOncePerPass();
    void theSameSeedAsksTheSame();
    void worthIsByTheContract();
    void eachApplicationIsCountedByItself();
    void aDrillMayAskForOtherShares();
    void qualityFallsWithTheAnswers();
    void oneApplicationHasNoSeriesOfItsOwn();
};

void TestTrafficMix::sharesAreKept()
{
    TrafficMix mix({{0.2, 50}, {0.15, 10}, {0.05, 1}}, 3);
    std::map<int, int> counts;
    constexpr int kDraws = 100'000;
    for (int i = 0; i < kDraws; ++i) {
        const auto pick = mix.next();
        ++counts[pick ? static_cast<int>(pick->part) : -1];
    }
    for (const auto &[part, share] :
         std::map<int, double>{{-1, 0.6}, {0, 0.2}, {1, 0.15}, {2, 0.05}})
        QVERIFY(std::abs(counts[part] - kDraws * share) < 5 * std::sqrt(kDraws * share));
}

void TestTrafficMix::everyRequestComesOncePerPass()
{
    TrafficMix mix({{0.5, 40}}, 3);
    for (int pass = 0; pass < 3; ++pass) {
        std::set<std::size_t> seen;
        while (seen.size() < 40)
            if (const auto pick = mix.next())
                QVERIFY(seen.insert(pick->row).second);
    }
}

void TestTrafficMix::theSameSeedAsksTheSame()
{
    const auto asked = [](std::uint64_t seed) {
        TrafficMix mix({{0.3, 9}, {0.3, 9}}, seed);
        QList<int> out;
        for (int i = 0; i < 200; ++i) {
            const auto pick = mix.next();
            out.append(pick ? static_cast<int>(pick->part * 100 + pick->row) : -1);
        }
        return out;
    };
    QCOMPARE(asked(5), asked(5));
    QVERIFY(asked(5) != asked(6));
    TrafficMix none({}, 5);
    QVERIFY(!none.next());
}

void TestTrafficMix::worthIsByTheContract()
{
    // NDCG@10 by hand: gains 3, 1; ideal 3 + 1/log2 3.
    const SearchRequest search{"q", {{"a", 2}, {"b", 1}}};
    const double ideal = 3 + 1 / std::log2(3);
    QCOMPARE(search.worth(std::vector<std::string>{"b", "a"}), (1 + 3 / std::log2(3)) / ideal);
    QCOMPARE(search.worth(std::vector<std::string>{"a", "b", "c"}), 1.0);
    QCOMPARE(search.worth(std::vector<std::string>{"c"}), 0.0);
    const AdsRequest ads{{{"1"}, {"2"}, {"3"}}, {0.1, 0.2, 0.3}, 2};
    QCOMPARE(ads.worth(std::vector<float>{1, 2, 3}), 0.3 + 0.1);
    QCOMPARE(ads.worth(std::vector<float>{1, 1, 1}), 0.1 + 0.1); // ties: as they come
    QCOMPARE(ads.worth(std::vector<float>{1, 2}), 0.0);
    DemandRequest demand;
    demand.query.values = {7, 7, 7, 7, 7, 7, 7};
    demand.sold = {20};
    QCOMPARE(demand.worth(std::vector<double>{20, 20, 20}), 1.0);
    QCOMPARE(demand.worth(std::vector<double>{7, 7, 7}), 0.0);
    QCOMPARE(demand.worth(std::vector<double>{0, 0, 0}), 0.0); // worse than last week is no debt
    QCOMPARE(demand.worth(std::vector<double>{13.5, 13.5, 13.5}), 0.5);
}

void TestTrafficMix::eachApplicationIsCountedByItself()
{
    Bed bed;
    bed.door.failsAds = true;
    bed.run();
    auto &sums = bed.sums;
    double requests = 0, failed = 0;
    for (const char *name : {"recommend", "search", "ads", "inventory"}) {
        const auto prefix = std::string("gateway.") + name;
        QVERIFY2(sums[prefix + ".requests"] > 30, name);
        QCOMPARE(sums[prefix + ".answered"], sums[prefix + ".requests"]);
        requests += sums[prefix + ".requests"];
        failed += sums[prefix + ".failed"];
    }
    QCOMPARE(requests, sums["gateway.requests"]);
    QCOMPARE(failed, sums["gateway.failed"]);
    QCOMPARE(sums["gateway.ads.failed"], sums["gateway.ads.requests"]);
    QCOMPARE(sums["gateway.search.failed"], 0.0);
    QCOMPARE(bed.last["gateway.ads.quality"], 0.0);
    for (const char *name : {"recommend", "search", "inventory"})
        QVERIFY(std::abs(bed.last[std::string("gateway.") + name + ".quality"] - 1) < 1e-6);
}

void TestTrafficMix::aDrillMayAskForOtherShares()
{
    Bed bed;
    bed.run({{"recommend", 0.2}, {"search", 0.8}});
    const auto all = bed.sums["gateway.requests"];
    QVERIFY(all > 300);
    QVERIFY(std::abs(bed.sums["gateway.search.requests"] / all - 0.8) < 0.08); // 3.9 sigma of 400
    QVERIFY(std::abs(bed.sums["gateway.recommend.requests"] / all - 0.2) < 0.08);
    QCOMPARE(bed.sums["gateway.ads.requests"] + bed.sums["gateway.inventory.requests"], 0.0);
}

void TestTrafficMix::qualityFallsWithTheAnswers()
{
    Bed good;
    good.run();
    QVERIFY(std::abs(good.sums["gateway.earned"] / good.sums["gateway.expected"] - 1) < 1e-6);
    QVERIFY(std::abs(good.last["gateway.ads.quality"] - 1) < 1e-6);
    Bed bad;
    bad.door.isGood = false;
    bad.run();
    QCOMPARE(bad.last["gateway.search.quality"], 0.0);
    QCOMPARE(bad.last["gateway.inventory.quality"], 0.0);
    QVERIFY(std::abs(bad.last["gateway.ads.quality"] - 0.5) < 1e-6); // 0.1 and half of 0.2
    QVERIFY(std::abs(bad.last["gateway.recommend.quality"] - 1) < 1e-6);
    QCOMPARE(bad.sums["gateway.failed"], 0.0);
    QVERIFY(bad.sums["gateway.earned"] < 0.7 * bad.sums["gateway.expected"]);
}

void TestTrafficMix::oneApplicationHasNoSeriesOfItsOwn()
{
    TrafficLedger ledger(MonoTime{0}, Micros{250'000}, {});
    ledger.due(MonoTime{0});
    ledger.answered({MonoTime{0}, MonoTime{1'000}});
    for (const auto &sample : ledger.take(MonoTime{100'000})[0].samples)
        QVERIFY(!sample.series.starts_with("gateway.recommend."));
}

QTEST_GUILESS_MAIN(TestTrafficMix)
#include "tst_traffic_mix.moc"
