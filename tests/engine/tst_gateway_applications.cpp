// Several applications through one gateway: each by its model's name, each with its own last word
// when no model answers.
#include "engine/base/files.h"
#include "engine/serving/ads_model.h"
#include "engine/serving/inventory_model.h"
#include "engine/serving/search_model.h"
#include "tests/support/gateway_bed.h"

#include <QTemporaryDir>

using namespace engine;
using namespace engine;
using test::Bed;

namespace {

const std::vector<std::string> kAll{"search", "ads", "inventory"};

/// A shop's folder with what the gateway needs of three applications.
struct Folder
{
    QTemporaryDir folder;
    std::filesystem::path shop = folder.path().toStdString();

    Folder()
    {
        for (const auto &name : kAll)
            std::filesystem::create_directories(shop / "applications" / name);
        SearchIndex::Builder builder(Plurals::English);
        for (const auto &[id, title] :
             {std::pair{"a", "red lamp"}, std::pair{"b", "blue lamp"}, std::pair{"c", "mug"}}) {
            ProductText product;
            product.id = id;
            product.fields[static_cast<std::size_t>(SearchField::Title)] = title;
            builder.add(product);
        }
        const auto index = builder.finish()->encode();
        const auto search = shop / "applications" / "search";
        const std::vector<std::string> popular{"c", "b", "a"};
        BaseRates rates;
        for (int i = 0; i < 100; ++i) {
            rates.learn("seldom", 1, i % 20 == 0);
            rates.learn("often", 1, i % 2 == 0);
        }
        const bool good =
            writeTextAtomically(search / "search.index",
                                {reinterpret_cast<const char *>(index.data()), index.size()})
            && writePlainSearch(search, popular) && rates.save(shop / "applications" / "ads");
        if (!good)
            qFatal("the folder cannot be written");
    }
    [[nodiscard]] PlainDesk desk() const
    {
        auto desk = PlainDesk::open(shop, kAll);
        if (!desk)
            qFatal("%s", desk.error().text().c_str());
        return std::move(*desk);
    }
};

inference::ModelInferRequest search(const std::string &query, std::int32_t k = 2)
{
    inference::ModelInferRequest out;
    askSearch(query, k, out);
    return out;
}

inference::ModelInferRequest ads()
{
    const std::vector<std::string> columns{"ad", "slot", "device"};
    const std::vector<std::vector<std::string>> rows{
        {"seldom", "1", "phone"}, {"often", "1", "phone"}, {"never seen", "1", "phone"}};
    inference::ModelInferRequest out;
    askAds(columns, rows, out);
    return out;
}

inference::ModelInferRequest inventory()
{
    DemandQuery query;
    query.series = "P1";
    query.start = "2020-01-01";
    query.values = {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 15, 16, 17};
    query.horizon = 3;
    inference::ModelInferRequest out;
    askInventory(query, DemandRequest::kLevels, out);
    return out;
}

QStringList products(const test::Reply &reply)
{
    QStringList out;
    for (const auto &id : reply.reply.outputs(0).contents().bytes_contents())
        out.append(QString::fromStdString(id));
    return out;
}

std::string fallbackOf(const test::Reply &reply)
{
    return textOf(reply.reply, "fallback");
}

} // namespace

class TestGatewayApplications : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void aHealthyReplicaAnswersThemAll();
    void eachHasItsOwnLastWord();
    void theStandbyComesFirst();
    void theChainIsASetting();
    void withoutFallbackTheyFail();
    void wrongRequestsAreNamed();
    void aShopWithoutThemKnowsThemNot();
};

void TestGatewayApplications::aHealthyReplicaAnswersThemAll()
{
    const Folder folder;
    Bed bed(2, test::patient(), false, folder.desk());
    QVERIFY(bed.ready());
    for (const auto &request : {search("lamp"), ads(), inventory()}) {
        const auto said = bed.ask(request);
        QVERIFY2(said.status.ok(), said.status.error_message().c_str());
        QCOMPARE(said.path(), std::string("primary"));
    }
    QCOMPARE(bed.replicas[0]->calls + bed.replicas[1]->calls, 3);
    QCOMPARE(bed.total("gateway.self.fallback"), 0.0);
    QVERIFY(bed.ask(test::historyRequest()).status.ok());
}

void TestGatewayApplications::eachHasItsOwnLastWord()
{
    const Folder folder;
    Bed bed(2, test::patient(), false, folder.desk());
    QVERIFY(bed.ready());
    for (auto &replica : bed.replicas)
        replica->mood = test::Mood::Fails;
    const auto found = bed.ask(search("red lamp"));
    QVERIFY2(found.status.ok(), found.status.error_message().c_str());
    QCOMPARE(found.path(), std::string("popularity"));
    QCOMPARE(fallbackOf(found), std::string("list"));
    QCOMPARE(products(found), (QStringList{QStringLiteral("a"), QStringLiteral("b")}));
    const auto none = bed.ask(search("zebra"));
    QCOMPARE(fallbackOf(none), std::string("popular"));
    QCOMPARE(products(none), (QStringList{QStringLiteral("c"), QStringLiteral("b")}));
    const auto shown = bed.ask(ads());
    QCOMPARE(fallbackOf(shown), std::string("base-rate"));
    const auto &scores = shown.reply.outputs(0).contents().fp32_contents();
    QCOMPARE(scores.size(), 3);
    QVERIFY(scores[1] > scores[2] && scores[2] > scores[0]);
    const auto ordered = bed.ask(inventory());
    QCOMPARE(fallbackOf(ordered), std::string("seasonal-naive"));
    const auto &quantiles = ordered.reply.outputs(0).contents().fp64_contents();
    QCOMPARE(quantiles.size(), 9);
    QCOMPARE(quantiles[0], 11.0);
    QCOMPARE(quantiles[8], 13.0);
    // Recommend goes its own way.
    QCOMPARE(fallbackOf(bed.ask(test::historyRequest())), std::string());
}

void TestGatewayApplications::theStandbyComesFirst()
{
    const Folder folder;
    Bed bed(1, test::patient(), true, folder.desk());
    QVERIFY(bed.ready());
    bed.replicas[0]->mood = test::Mood::Fails;
    const auto said = bed.ask(search("lamp"));
    QCOMPARE(said.path(), std::string("standby"));
    QCOMPARE(said.target(), std::string("standby/1"));
    bed.spare->mood = test::Mood::Fails;
    QCOMPARE(fallbackOf(bed.ask(search("lamp"))), std::string("list"));
}

void TestGatewayApplications::theChainIsASetting()
{
    const Folder folder;
    auto options = test::patient();
    options.applications.search = {"popular"};
    options.applications.ads = {};
    Bed bed(1, options, false, folder.desk());
    QVERIFY(bed.ready());
    bed.replicas[0]->mood = test::Mood::Fails;
    QCOMPARE(fallbackOf(bed.ask(search("red lamp"))), std::string("popular"));
    QCOMPARE(int(bed.ask(ads()).status.error_code()), int(grpc::StatusCode::UNAVAILABLE));
}

void TestGatewayApplications::withoutFallbackTheyFail()
{
    const Folder folder;
    Bed bed(1, test::patient(), false, folder.desk());
    QVERIFY(bed.ready());
    bed.replicas[0]->mood = test::Mood::Fails;
    bed.setSwitch("fallback", false);
    for (const auto &request : {search("lamp"), ads(), inventory()})
        QCOMPARE(int(bed.ask(request).status.error_code()), int(grpc::StatusCode::UNAVAILABLE));
}

void TestGatewayApplications::wrongRequestsAreNamed()
{
    const Folder folder;
    Bed bed(1, test::patient(), false, folder.desk());
    QVERIFY(bed.ready());
    inference::ModelInferRequest empty;
    empty.set_model_name("search");
    auto said = bed.ask(empty);
    QCOMPARE(int(said.status.error_code()), int(grpc::StatusCode::INVALID_ARGUMENT));
    auto urgent = search("lamp");
    (*urgent.mutable_parameters())["priority"].set_string_param("king");
    said = bed.ask(urgent);
    QCOMPARE(int(said.status.error_code()), int(grpc::StatusCode::INVALID_ARGUMENT));
    QCOMPARE(bed.replicas[0]->calls.load(), 0);
    // A wrong tensor is the caller's fault also when only the gateway is left to see it.
    bed.replicas[0]->mood = test::Mood::Fails;
    said = bed.ask(search("lamp", 0));
    QCOMPARE(int(said.status.error_code()), int(grpc::StatusCode::INVALID_ARGUMENT));
    QVERIFY(QString::fromStdString(said.status.error_message()).contains(QLatin1String("\"k\"")));
}

void TestGatewayApplications::aShopWithoutThemKnowsThemNot()
{
    Bed bed(1);
    QVERIFY(bed.ready());
    QCOMPARE(int(bed.ask(search("lamp")).status.error_code()), int(grpc::StatusCode::NOT_FOUND));
}

QTEST_GUILESS_MAIN(TestGatewayApplications)
#include "tst_gateway_applications.moc"
