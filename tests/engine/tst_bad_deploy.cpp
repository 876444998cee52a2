// A bad model past its gate, and the golden set that finds it: promoted and taken back in a real
// registry, the replicas played; rows, strata and bands of the golden set as numbers.

#include "engine/base/random.h"
#include "engine/data/golden.h"
#include "engine/data/synthetic.h"
#include "engine/fault/bad_model.h"
#include "engine/fault/fault.h"
#include "engine/model/registry.h"

#include <QTemporaryDir>
#include <QtTest>
#include <set>

namespace {

/// Two replicas that load what they are told at once, and a shop folder with three versions: 1 and
/// 3 passed their gate, 2 did not.
class World final : public engine::FaultWorld
{
public:
    World()
    {
        auto registry = engine::Registry::open(folder());
        for (const auto &[version, good] : {std::pair{"1", true}, {"2", false}, {"3", true}}) {
            std::filesystem::create_directories(folder() / "packages" / version);
            (void)registry->add({version, digestOf(version), "mf", good, false, {}});
        }
        (void)registry->promote("1");
        (void)engine::noteBadModel(folder(), "shuffled", "2");
    }
    [[nodiscard]] static std::string digestOf(const std::string &version)
    {
        return "digest of " + version;
    }
    [[nodiscard]] std::filesystem::path folder() const { return m_folder.path().toStdString(); }
    [[nodiscard]] engine::Registry registry() const { return *engine::Registry::open(folder()); }

    std::optional<engine::TargetProcess> process(const std::string &) const override { return {}; }
    std::shared_ptr<engine::ProxyEdge> edge(const std::string &) const override { return {}; }
    bool answersCorrectly(const std::string &) override { return true; }
    std::optional<engine::AskedModel> ask(const std::string &target, engine::Micros) override
    {
        return engine::AskedModel{true, 0, engine::Micros{1'000}, digestOf(serves[target])};
    }
    engine::CallTeller callFaults(const std::string &) override { return {}; }
    std::filesystem::path dataFile(const std::string &) const override { return {}; }
    std::filesystem::path modelFile(const std::string &) const override { return {}; }
    void reload(const std::string &) override {}
    std::optional<engine::Result<>> loaded(const std::string &) const override
    {
        return engine::Result<>();
    }
    std::filesystem::path shopFolder() const override { return folder(); }
    std::vector<std::string> replicas() const override { return {"replica/1", "replica/2"}; }
    void deploy(const std::vector<std::string> &targets, const std::string &version) override
    {
        for (const auto &target : targets)
            if (target != stuck)
                serves[target] = version;
    }
    std::optional<engine::GoldenLook> golden(const std::string &target) const override
    {
        const bool isBad = serves.at(target) == "2" && seesIt;
        return engine::GoldenLook{digestOf(serves.at(target)), isBad ? 0.3 : 1.0,
                                  isBad ? 0.2 : 0.99, isBad ? 0.4 : 1.01, isBad};
    }
    const engine::Clock &clock() const override { return engine::systemClock(); }

    std::map<std::string, std::string> serves{{"replica/1", "1"}, {"replica/2", "1"}};
    std::string stuck;
    bool seesIt = true;

private:
    QTemporaryDir m_folder;
};

std::unique_ptr<engine::Fault> prepared(World &world)
{
    engine::FaultRequest request;
    request.target = "shop";
    auto fault = engine::makeFault(world, "model.bad-deploy", request);
    return fault && (*fault)->prepare() ? std::move(*fault) : nullptr;
}

} // namespace

class TestBadDeploy : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void badModelServesAndIsTakenBack();
    void replicaThatDoesNotLoadIsNotConfirmed();
    void effectThatNobodySeesIsNotConfirmed();
    void whatWasPromotedMeanwhileStays();
    void crashIsRepaired();
    void missingModelIsSaid();
    void unknownKindIsRefused();
    void aModelWithoutGateIsNothingToGoBackTo();
    void goldenRowsAreOfEveryStratum();
    void equalModelsAreInsideTheBand();
    void worseModelIsOutside();
};

void TestBadDeploy::badModelServesAndIsTakenBack()
{
    World world;
    const auto fault = prepared(world);
    QVERIFY(fault);
    QVERIFY(!fault->isConfirmed());
    QVERIFY(fault->apply());
    QVERIFY(fault->isConfirmed());
    QVERIFY(!fault->isCleared());
    QCOMPARE(world.registry().serving(), std::string("2"));
    QCOMPARE(world.registry().reference(), std::string("1")); // contracts 4.4
    fault->undo();
    QVERIFY(fault->isCleared());
    QVERIFY(!fault->isConfirmed());
    QCOMPARE(world.registry().serving(), std::string("1"));
    QCOMPARE(world.registry().previous(), std::string());
    fault->undo();
    QVERIFY(fault->isCleared());
}

void TestBadDeploy::replicaThatDoesNotLoadIsNotConfirmed()
{
    World world;
    const auto fault = prepared(world);
    world.stuck = "replica/2";
    QVERIFY(fault->apply());
    QVERIFY(!fault->isConfirmed());
    world.stuck.clear();
    world.deploy({"replica/2"}, "2");
    QVERIFY(fault->isConfirmed());
    world.stuck = "replica/1";
    fault->undo();
    QVERIFY(!fault->isCleared());
}

void TestBadDeploy::effectThatNobodySeesIsNotConfirmed()
{
    World world;
    world.seesIt = false; // a "bad" model that is as good as the other
    const auto fault = prepared(world);
    QVERIFY(fault->apply());
    QVERIFY(!fault->isConfirmed());
}

void TestBadDeploy::whatWasPromotedMeanwhileStays()
{
    World world;
    const auto fault = prepared(world);
    QVERIFY(fault->apply());
    QVERIFY(world.registry().promote("3"));
    world.deploy(world.replicas(), "3");
    QVERIFY(fault->isCleared());
    fault->undo();
    QVERIFY(fault->isCleared());
    QCOMPARE(world.registry().serving(), std::string("3"));
    QCOMPARE(world.registry().previous(), std::string("1")); // not the bad one
    QCOMPARE(world.serves["replica/1"], std::string("3"));
}

void TestBadDeploy::crashIsRepaired()
{
    World world;
    const auto fault = prepared(world);
    auto intent = fault->intent();
    intent.fault = "model.bad-deploy";
    // Before it was applied: nothing changes.
    QVERIFY(!engine::repairFault(intent, world.clock()).starts_with("failed"));
    QCOMPARE(world.registry().serving(), std::string("1"));
    QVERIFY(fault->apply());
    const auto outcome = engine::repairFault(intent, world.clock());
    QVERIFY2(outcome == "version 1 serves again", outcome.c_str());
    QCOMPARE(world.registry().serving(), std::string("1"));
    QVERIFY(engine::repairFault(intent, world.clock()).ends_with("not the bad one"));
}

void TestBadDeploy::missingModelIsSaid()
{
    World world;
    std::filesystem::remove(world.folder() / "bad-deploy.json");
    engine::FaultRequest request;
    request.target = "shop";
    const auto fault = engine::makeFault(world, "model.bad-deploy", request);
    const auto refused = (*fault)->prepare();
    QVERIFY(!refused);
    QVERIFY(refused.error().message.find("trains it") != std::string::npos);
}

void TestBadDeploy::unknownKindIsRefused()
{
    World world;
    const engine::FaultRequest request{"shop", {{"model", "cursed"}}};
    const auto fault = engine::makeFault(world, "model.bad-deploy", request);
    QVERIFY(!fault);
    QVERIFY(fault.error().message.find("under-trained") != std::string::npos);
}

void TestBadDeploy::aModelWithoutGateIsNothingToGoBackTo()
{
    World world;
    auto registry = world.registry();
    QVERIFY(registry.promote("2"));
    QCOMPARE(registry.previous(), std::string("1"));
    QVERIFY(registry.promote("3"));
    QCOMPARE(registry.previous(), std::string("1"));
    QVERIFY(registry.rollback());
    QCOMPARE(registry.serving(), std::string("1"));
    QCOMPARE(registry.previous(), std::string("3"));
}

void TestBadDeploy::goldenRowsAreOfEveryStratum()
{
    const auto recipe = engine::syntheticRecipe("tiny");
    const auto data = engine::SyntheticShop(*recipe, 1).generate(1);
    const auto split = engine::splitByTime(data);
    const auto golden = engine::makeGolden(split, engine::kGoldenRows, 1);
    QVERIFY(golden.size() >= 1000);
    std::map<engine::GoldenStratum, int> count;
    for (const auto stratum : engine::goldenStrata(split, golden))
        ++count[stratum];
    for (const auto &[stratum, rows] : count)
        qInfo() << static_cast<int>(stratum) << rows;
    QVERIFY(count[engine::GoldenStratum::Head] >= 100);
    QVERIFY(count[engine::GoldenStratum::Torso] >= 100);
    QVERIFY(count[engine::GoldenStratum::Tail] >= 20);
    QVERIFY(count[engine::GoldenStratum::Cold] >= 20);
    std::set<std::pair<std::uint32_t, std::uint32_t>> distinct;
    for (const auto &row : golden) {
        distinct.insert({row.shopper, row.h});
        QCOMPARE(row.label, data.of(row.shopper)[row.h]);
    }
    QCOMPARE(distinct.size(), golden.size());
    const auto again = engine::makeGolden(split, engine::kGoldenRows, 1);
    QVERIFY(std::equal(
        golden.begin(), golden.end(), again.begin(), again.end(),
        [](const auto &a, const auto &b) { return a.shopper == b.shopper && a.h == b.h; }));
}

namespace {

std::vector<float> earnings(std::uint64_t seed, double scale, double noise)
{
    engine::Random random(seed, 1);
    engine::Random common(9, 2);
    std::vector<float> values(1024);
    for (auto &value : values)
        value =
            static_cast<float>(scale * 0.1 * common.uniform() + noise * (random.uniform() - 0.5));
    return values;
}

} // namespace

void TestBadDeploy::equalModelsAreInsideTheBand()
{
    const auto good = earnings(1, 1, 0);
    const auto same = engine::pairedQuality(good, good, 1);
    QCOMPARE(same.quality, 1.0);
    QCOMPARE(same.low, 1.0);
    QCOMPARE(same.high, 1.0);
    // Another training of the same recipe: the same on average, another row by row.
    int outside = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const auto other = engine::pairedQuality(earnings(seed, 1, 0.02), good, seed);
        QVERIFY(other.low < other.quality && other.quality < other.high);
        outside += other.high < engine::kGoldenFloor;
    }
    QCOMPARE(outside, 0);
}

void TestBadDeploy::worseModelIsOutside()
{
    const auto good = earnings(1, 1, 0);
    const auto worse = engine::pairedQuality(earnings(3, 0.9, 0.02), good, 1);
    QVERIFY(worse.high < engine::kGoldenFloor);
    QVERIFY(std::abs(worse.quality - 0.9) < 0.03);
    QCOMPARE(engine::pairedQuality({}, {}, 1).quality, 0.0);
}

QTEST_GUILESS_MAIN(TestBadDeploy)
#include "tst_bad_deploy.moc"
