// Every family through a replica on a real socket: the same scores as the commands recommend, rank,
// predict and forecast give, tensors that say what they are, and words for wrong ones.
#include "engine/base/files.h"
#include "engine/data/synthetic.h"
#include "engine/data/synthetic_ads.h"
#include "engine/data/synthetic_demand.h"
#include "engine/data/synthetic_search.h"
#include "engine/model/popularity.h"
#include "engine/proto/kserve.grpc.pb.h"
#include "engine/scoring/ctr_scorer.h"
#include "engine/scoring/demand_forecaster.h"
#include "engine/scoring/open_scorer.h"
#include "engine/scoring/search_ranker.h"
#include "engine/serving/ads_model.h"
#include "engine/serving/gateway_channel.h"
#include "engine/serving/gateway_wire.h"
#include "engine/serving/inventory_model.h"
#include "engine/serving/node_server.h"
#include "engine/serving/replica_service.h"
#include "engine/serving/search_model.h"
#include "engine/training/families.h"
#include "tests/support/quiet_monitor.h"

#include <QtTest>
#include <grpcpp/create_channel.h>
#include <numeric>
#include <set>

using namespace engine;
namespace fs = std::filesystem;

namespace {

constexpr double kNear = 1e-5;

bool near(double a, double b)
{
    return std::abs(a - b) <= kNear * std::max(1.0, std::abs(b));
}

} // namespace

class TestServedFamilies : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void recommendersAnswerAsOffline_data();
    void recommendersAnswerAsOffline();
    void searchAnswersAsRank();
    void adsAnswerAsPredict();
    void inventoryAnswersAsForecast();
    void metadataNamesTheTensors();
    void wrongTensorsAreNamed_data();
    void wrongTensorsAreNamed();
    void anotherFamilyIsRefused();
    void aNewModelIsTriedOnWhatWasAsked();

private:
    [[nodiscard]] fs::path file(const std::string &name) const
    {
        return fs::path(m_folder.path().toStdString()) / name;
    }
    /// Trains, signs and reads back.
    Package trained(const char *family, TrainOrder order, std::vector<const char *> settings);
    /// The lines that the family's command writes for a file.
    QStringList answered(const Package &package, AnswerOrder order);
    struct Said
    {
        grpc::Status status;
        inference::ModelInferResponse reply;
    };
    Said ask(const inference::ModelInferRequest &request)
    {
        Said out;
        grpc::ClientContext context;
        context.set_deadline(grpcTime(systemClock().now() + Micros{60'000'000}));
        out.status = m_stub->ModelInfer(&context, request, &out.reply);
        return out;
    }
    static const inference::InferTensorContents &output(const Said &said, const char *name)
    {
        for (const auto &each : said.reply.outputs())
            if (each.name() == name)
                return each.contents();
        qFatal("there is no output %s", name);
    }
    void serve(const Package &recommend);

    QTemporaryDir m_folder;
    std::optional<SigningKey> m_key;
    std::optional<SyntheticAds> m_ads;
    std::optional<SyntheticDemand> m_demand;
    std::optional<SyntheticSearch> m_search;
    Dataset m_data;
    Package m_searchPackage, m_adsPackage, m_demandPackage, m_popularity;
    std::unique_ptr<ReplicaService> m_service;
    std::unique_ptr<NodeServer> m_server;
    std::unique_ptr<inference::GRPCInferenceService::Stub> m_stub;
    int m_next = 0;
};

Package TestServedFamilies::trained(const char *family, TrainOrder order,
                                    std::vector<const char *> settings)
{
    for (const auto *setting : settings)
        if (!setSetting(order.recipe, setting))
            qFatal("%s", setting);
    order.threads = 1;
    test::QuietMonitor monitor;
    const auto model = (*familyNamed(family))->train(order, monitor);
    if (!model)
        qFatal("%s: %s", family, model.error().text().c_str());
    std::vector<TensorSource> tensors;
    for (const auto &tensor : model->tensors)
        tensors.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.data});
    auto manifest = model->manifest;
    manifest.version = "1";
    manifest.family = family;
    const auto folder = file("package" + std::to_string(++m_next));
    if (const auto written = writePackage(folder, manifest, tensors, *m_key, model->files);
        !written)
        qFatal("%s", written.error().text().c_str());
    PackagePolicy policy;
    policy.trusted = m_key->publicKey();
    auto package = readPackage(folder, policy);
    if (!package)
        qFatal("%s", package.error().text().c_str());
    return std::move(*package);
}

QStringList TestServedFamilies::answered(const Package &package, AnswerOrder order)
{
    order.out = file("answers" + std::to_string(++m_next));
    test::QuietMonitor monitor;
    const auto done = (*familyNamed(package.manifest.family))->answer(package, order, monitor);
    if (!done)
        qFatal("%s", done.error().text().c_str());
    const auto text = readText(order.out, 1 << 26);
    return QString::fromStdString(*text).split(QLatin1Char('\n'), Qt::SkipEmptyParts);
}

void TestServedFamilies::serve(const Package &recommend)
{
    m_server.reset();
    m_service.reset();
    const auto again = [](const Package &package, auto open, auto make) -> ModelSource {
        return [&package, open, make](const std::string &) -> Result<std::unique_ptr<ServedModel>> {
            auto opened = open(package);
            if (!opened)
                return tl::unexpected(opened.error());
            return make(std::move(*opened));
        };
    };
    std::vector<ServedApplication> others{
        {"search", again(m_searchPackage, SearchRanker::open, searchModel)},
        {"ads", again(m_adsPackage, CtrScorer::open, adsModel)},
        {"inventory", again(m_demandPackage, DemandForecaster::open, inventoryModel)}};
    // The first one can also be asked for a model of another application.
    others[0].source = [this, plain = others[0].source](const std::string &version) {
        return version == "other" ? Result<std::unique_ptr<ServedModel>>(
                   adsModel(std::move(*CtrScorer::open(m_adsPackage))))
                                  : plain(version);
    };
    m_service = std::make_unique<ReplicaService>(
        ReplicaSettings{"replica/1", "recommend", 1},
        [&recommend](const std::string &) { return openScorer(recommend); }, systemClock(), others);
    const auto main = m_service->load("");
    QVERIFY2(main, main ? "" : main.error().text().c_str());
    const auto rest = m_service->loadOthers();
    QVERIFY2(rest, rest ? "" : rest.error().text().c_str());
    m_server = std::move(*NodeServer::start(m_service->service()));
    m_stub = inference::GRPCInferenceService::NewStub(
        grpc::CreateChannel(m_server->address(), grpc::InsecureChannelCredentials()));
}

void TestServedFamilies::initTestCase()
{
    setUpGrpcForDrills();
    m_key.emplace(std::move(*SigningKey::loadOrCreate(file("key"))));
    const SyntheticShop shop(*syntheticRecipe("tiny"), 1);
    m_data = shop.generate(1);
    std::vector<SyntheticSearch::Product> products;
    std::vector<std::uint32_t> popular(m_data.items);
    std::iota(popular.begin(), popular.end(), 0u);
    for (std::uint32_t item = 0; item < m_data.items; ++item)
        products.push_back({m_data.itemIds[item], m_data.itemTitles[item], shop.price(item)});
    m_search.emplace(std::move(products), popular, 1);
    m_ads.emplace(*syntheticAdsRecipe("tiny"), 1);
    m_demand.emplace(*demandSize("tiny"), 1);

    TrainOrder search;
    QVERIFY(writeTextAtomically(file("products.jsonl"), m_search->catalogue()));
    QVERIFY(writeTextAtomically(file("judgments.csv"), m_search->judgments(0, 80)));
    search.train.path = file("judgments.csv");
    search.products = file("products.jsonl");
    m_searchPackage = trained("search", search, {"ranker=trees", "trees=20"});

    TrainOrder ads;
    QVERIFY(writeTextAtomically(file("clicks.csv"), m_ads->csv(0, 600)));
    ads.train.path = file("clicks.csv");
    ads.train.columns["order"] = "view";
    m_adsPackage = trained("ctr", ads, {"folds=1"});

    TrainOrder demand;
    QVERIFY(m_demand->write(file("sales.csv"), 0, 200));
    demand.train.path = file("sales.csv");
    for (const auto &[role, column] : SyntheticDemand::columns())
        demand.train.columns[role] = column;
    m_demandPackage =
        trained("demand", demand, {"horizon=7", "trees=40", "leaves=15", "most_rows=10000"});

    const auto folder = file("popularity");
    Manifest manifest;
    manifest.version = "1";
    QVERIFY(writePopularityPackage(folder, m_data, manifest, *m_key));
    PackagePolicy policy;
    policy.trusted = m_key->publicKey();
    m_popularity = std::move(*readPackage(folder, policy));
    serve(m_popularity);
}

void TestServedFamilies::recommendersAnswerAsOffline_data()
{
    QTest::addColumn<QString>("family");
    for (const char *family : {"popularity", "mf", "sequence"})
        QTest::newRow(family) << family;
}

void TestServedFamilies::recommendersAnswerAsOffline()
{
    QFETCH(QString, family);
    Package package = m_popularity;
    if (family != QStringLiteral("popularity")) {
        std::string text;
        for (std::size_t s = 0; s < m_data.shoppers(); ++s) {
            text += m_data.shopperIds[s];
            for (const auto item : m_data.of(s))
                text += " " + m_data.itemIds[item];
            text += "\n";
        }
        QVERIFY(writeTextAtomically(file("lists"), text));
        TrainOrder order;
        order.train = {file("lists"), "lists", {}};
        package = family == QStringLiteral("mf")
                      ? trained("mf", order, {"factors=8", "epochs=2"})
                      : trained("sequence", order, {"factors=16", "blocks=1", "steps=5"});
    }
    serve(package);
    const auto scorer = openScorer(package);
    QVERIFY(scorer);
    GatewayRequest request;
    request.rows = 6;
    request.columns = 12;
    request.k = 15;
    std::vector<std::vector<std::int64_t>> histories;
    for (std::size_t s = 0; s < 6; ++s) {
        const auto events = m_data.of(s).first(std::min<std::size_t>(2 * s, m_data.of(s).size()));
        histories.emplace_back(events.begin(), events.end());
        for (std::size_t i = 0; i < 12; ++i)
            request.history.push_back(i < events.size() ? std::int64_t{events[i]} : -1);
    }
    inference::ModelInferRequest wire;
    writeInfer(request, kRecommend, wire);
    const auto said = ask(wire);
    QVERIFY2(said.status.ok(), said.status.error_message().c_str());
    const auto twin = (*scorer)->score(histories, request.k);
    QVERIFY(twin);
    for (int row = 0; row < 6; ++row)
        for (int i = 0; i < request.k; ++i) {
            const auto &list = (*twin)[static_cast<std::size_t>(row)];
            const auto at = static_cast<std::size_t>(i);
            QCOMPARE(output(said, "items").int64_contents(row * request.k + i), list.items[at]);
            QVERIFY(
                near(static_cast<double>(output(said, "scores").fp32_contents(row * request.k + i)),
                     static_cast<double>(list.scores[at])));
        }
    QCOMPARE(textOf(said.reply, "digest"), package.digest);
}

void TestServedFamilies::searchAnswersAsRank()
{
    constexpr int kQueries = 40, kK = 20;
    std::string text;
    inference::ModelInferRequest request;
    request.set_model_name("search");
    std::vector<std::string> queries;
    for (std::uint64_t i = 0; i < kQueries; ++i)
        if (const auto query = m_search->query(1000 + i);
            std::ranges::find(queries, query) == queries.end())
            queries.push_back(query);
    for (const auto &query : queries)
        text += query + "\n";
    QVERIFY(writeTextAtomically(file("queries.txt"), text));
    AnswerOrder order;
    order.kind = Answer::Rank;
    order.in.path = file("queries.txt");
    order.k = kK;
    std::map<QString, QList<QPair<QString, double>>> twin;
    for (const auto &line : answered(m_searchPackage, order)) {
        const auto words = line.split(QLatin1Char('\t'));
        QCOMPARE(words.size(), 3);
        twin[words[0]].append({words[1], words[2].toDouble()});
    }
    const std::int32_t k = kK;
    addInput(request, "query", {static_cast<std::int64_t>(queries.size())},
             std::span<const std::string>(queries));
    addInput(request, "k", {1}, std::span<const std::int32_t>(&k, 1));
    const auto said = ask(request);
    QVERIFY2(said.status.ok(), said.status.error_message().c_str());
    int compared = 0;
    for (int q = 0; q < static_cast<int>(queries.size()); ++q) {
        const auto &list = twin[QString::fromStdString(queries[static_cast<std::size_t>(q)])];
        for (int i = 0; i < kK; ++i) {
            const auto product =
                QString::fromStdString(output(said, "products").bytes_contents(q * kK + i));
            if (i >= list.size()) {
                QCOMPARE(product, QString());
                continue;
            }
            QCOMPARE(product, list[i].first);
            QVERIFY(near(static_cast<double>(output(said, "scores").fp32_contents(q * kK + i)),
                         list[i].second));
            ++compared;
        }
    }
    QVERIFY(compared > 200);
    QCOMPARE(textOf(said.reply, "digest"), m_searchPackage.digest);
}

void TestServedFamilies::adsAnswerAsPredict()
{
    QVERIFY(writeTextAtomically(file("new.csv"), m_ads->csv(5000, 5020)));
    AnswerOrder order;
    order.kind = Answer::Predict;
    order.in.path = file("new.csv");
    order.in.columns["order"] = "view";
    const auto lines = answered(m_adsPackage, order);
    std::vector<std::vector<std::string>> rows;
    for (std::uint64_t number = 5000; number < 5020; ++number) {
        const auto view = m_ads->view(number);
        for (std::uint32_t slot = 1; slot <= m_ads->recipe().slots; ++slot)
            rows.push_back(m_ads->row(view, view.candidates[slot - 1], slot));
    }
    inference::ModelInferRequest request;
    askAds(SyntheticAds::columns(), rows, request);
    const auto said = ask(request);
    QVERIFY2(said.status.ok(), said.status.error_message().c_str());
    std::vector<double> twin;
    for (const auto &line : lines) {
        bool isNumber = false;
        const auto value = line.split(QLatin1Char(',')).last().toDouble(&isNumber);
        if (isNumber)
            twin.push_back(value);
    }
    QCOMPARE(twin.size(), rows.size());
    QCOMPARE(output(said, "score").fp32_contents_size(), static_cast<int>(rows.size()));
    for (std::size_t i = 0; i < rows.size(); ++i)
        QVERIFY(near(static_cast<double>(output(said, "score").fp32_contents(static_cast<int>(i))),
                     twin[i]));
    QVERIFY(*std::ranges::max_element(twin) > *std::ranges::min_element(twin));
}

void TestServedFamilies::inventoryAnswersAsForecast()
{
    constexpr int kDay = 200, kHorizon = 7, kProducts = 12;
    QVERIFY(m_demand->write(file("history.csv"), 0, kDay));
    QVERIFY(m_demand->write(file("plan.csv"), kDay, kDay + kHorizon, true));
    auto history = *readText(file("history.csv"), 1 << 26);
    auto plan = *readText(file("plan.csv"), 1 << 26);
    history += plan.substr(plan.find('\n') + 1);
    QVERIFY(writeTextAtomically(file("asked.csv"), history));
    AnswerOrder order;
    order.kind = Answer::Forecast;
    order.in.path = file("asked.csv");
    order.horizon = kHorizon;
    std::map<QString, QStringList> twin; // series -> lines, by time
    for (const auto &line : answered(m_demandPackage, order))
        twin[line.section(QLatin1Char(','), 0, 0)].append(line);
    int compared = 0;
    for (int product = 0; product < kProducts; ++product) {
        DemandQuery query;
        query.series = m_demand->product(product);
        query.start = SyntheticDemand::dateText(0);
        query.horizon = kHorizon;
        std::vector<float> price, promotion;
        for (int d = 0; d < kDay + kHorizon; ++d) {
            if (d < kDay)
                query.values.push_back(static_cast<float>(m_demand->sold(product, d)));
            price.push_back(static_cast<float>(m_demand->day(product, d).priceCents) / 100.0F);
            promotion.push_back(m_demand->day(product, d).isPromoted ? 1 : 0);
        }
        query.plan["price"] = price;
        query.plan["promotion"] = promotion;
        // Known of the past only.
        std::vector<float> stockOut;
        for (int d = 0; d < kDay; ++d)
            stockOut.push_back(m_demand->day(product, d).stock < DemandDay::kFull ? 1 : 0);
        query.plan["stock_out"] = stockOut;
        query.plan["category"] = std::vector<std::string>(static_cast<std::size_t>(kDay + kHorizon),
                                                          m_demand->category(product));
        inference::ModelInferRequest request;
        askInventory(query, DemandRequest::kLevels, request);
        const auto said = ask(request);
        QVERIFY2(said.status.ok(), said.status.error_message().c_str());
        const auto &lines = twin[QString::fromStdString(query.series)];
        QCOMPARE(lines.size(), kHorizon);
        for (int step = 0; step < kHorizon; ++step) {
            const auto fields = lines[step].split(QLatin1Char(',')); // series,time,p10,p50,p90,mean
            for (int level = 0; level < 3; ++level)
                QVERIFY2(near(output(said, "quantiles").fp64_contents(step * 3 + level),
                              fields[2 + level].toDouble()),
                         qPrintable(lines[step]));
            QVERIFY2(near(output(said, "mean").fp64_contents(step), fields[5].toDouble()),
                     qPrintable(lines[step]));
            ++compared;
        }
    }
    QCOMPARE(compared, kProducts * kHorizon);
}

void TestServedFamilies::metadataNamesTheTensors()
{
    using Names = std::set<std::string>;
    const auto tensors = [&](const char *model) {
        inference::ModelMetadataRequest request;
        request.set_name(model);
        inference::ModelMetadataResponse reply;
        grpc::ClientContext context;
        if (!m_stub->ModelMetadata(&context, request, &reply).ok())
            return Names{};
        Names out{reply.platform()};
        for (const auto *list : {&reply.inputs(), &reply.outputs()})
            for (const auto &tensor : *list)
                out.insert(tensor.name() + ":" + tensor.datatype());
        return out;
    };
    QVERIFY(
        tensors("search")
        == (Names{"drillroom_search", "query:BYTES", "k:INT32", "products:BYTES", "scores:FP32"}));
    Names ads{"drillroom_ctr", "score:FP32"};
    for (const auto &column : SyntheticAds::columns())
        ads.insert(column + ":BYTES");
    QVERIFY(tensors("ads") == ads);
    const auto inventory = tensors("inventory");
    for (const char *tensor : {"series:BYTES", "start:BYTES", "values:FP32", "horizon:INT32",
                               "levels:FP64", "plan.category:BYTES", "quantiles:FP64", "mean:FP64"})
        QVERIFY2(inventory.contains(tensor), tensor);
}

void TestServedFamilies::wrongTensorsAreNamed_data()
{
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("input");
    QTest::addColumn<QString>("words");
    QTest::newRow("search: no query") << "search"
                                      << "k"
                                      << "Input \"query\" is missing";
    QTest::newRow("search: numbers") << "search"
                                     << "query"
                                     << "Input \"query\" must be BYTES";
    QTest::newRow("ads: a column less") << "ads"
                                        << "ad"
                                        << "is missing; send it as BYTES";
    QTest::newRow("ads: unknown") << "ads"
                                  << "colour"
                                  << "Input \"colour\" is unknown";
    QTest::newRow("inventory: no start") << "inventory"
                                         << "series"
                                         << "Input \"start\" is missing";
    QTest::newRow("inventory: unknown") << "inventory"
                                        << "colour"
                                        << "Input \"colour\" is unknown";
}

void TestServedFamilies::wrongTensorsAreNamed()
{
    QFETCH(QString, model);
    QFETCH(QString, input);
    QFETCH(QString, words);
    inference::ModelInferRequest request;
    request.set_model_name(model.toStdString());
    const std::string text = "x";
    const std::int32_t number = 10;
    if (input == QStringLiteral("query") || input == QStringLiteral("k"))
        addInput(request, input.toStdString(), {1}, std::span<const std::int32_t>(&number, 1));
    else
        addInput(request, input.toStdString(), {1}, std::span<const std::string>(&text, 1));
    const auto said = ask(request);
    QCOMPARE(int(said.status.error_code()), int(grpc::StatusCode::INVALID_ARGUMENT));
    QVERIFY2(QString::fromStdString(said.status.error_message()).contains(words),
             said.status.error_message().c_str());
}

void TestServedFamilies::anotherFamilyIsRefused()
{
    inference::RepositoryModelLoadRequest request;
    request.set_model_name("search");
    (*request.mutable_parameters())["version"].set_string_param("other");
    inference::RepositoryModelLoadResponse reply;
    grpc::ClientContext context;
    const auto status = m_stub->RepositoryModelLoad(&context, request, &reply);
    QCOMPARE(int(status.error_code()), int(grpc::StatusCode::INVALID_ARGUMENT));
    QVERIFY2(QString::fromStdString(status.error_message())
                 .contains(QStringLiteral("here search is served")),
             status.error_message().c_str());
    searchAnswersAsRank(); // the one before still does
}

void TestServedFamilies::aNewModelIsTriedOnWhatWasAsked()
{
    for (const char *model : {"search", "ads", "inventory"}) {
        inference::RepositoryModelLoadRequest request;
        request.set_model_name(model);
        inference::RepositoryModelLoadResponse reply;
        grpc::ClientContext context;
        QVERIFY(m_stub->RepositoryModelLoad(&context, request, &reply).ok());
    }
    inference::RepositoryIndexResponse index;
    grpc::ClientContext context;
    QVERIFY(m_stub->RepositoryIndex(&context, {}, &index).ok());
    int tried = 0;
    for (const auto &model : index.models()) {
        const auto reason = QString::fromStdString(model.reason());
        if (model.name() != "recommend") {
            QVERIFY2(reason.contains(QStringLiteral("recent requests: 100 %")),
                     model.reason().c_str());
            ++tried;
        }
    }
    QCOMPARE(tried, 3);
}

QTEST_GUILESS_MAIN(TestServedFamilies)
#include "tst_served_families.moc"
