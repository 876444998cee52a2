// Servers that are not ours: how they want to be asked is read from them, their answers come out in
// our form, the gateway looks after them as after its own, and what cannot be done is said.

#include "engine/agent/attached.h"
#include "engine/base/files.h"
#include "engine/drill/attached_targets.h"
#include "engine/drill/drill_file.h"
#include "engine/serving/model_inquiry.h"
#include "tests/support/foreign_server.h"
#include "tests/support/gateway_bed.h"

#include <QTemporaryDir>
#include <nlohmann/json.hpp>

using namespace engine;

class TestAttach : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void tensorsAreFoundByTypeAndShape_data();
    void tensorsAreFoundByTypeAndShape();
    void answersComeOutInOurForm();
    void badAnswersAreNotTaken_data();
    void badAnswersAreNotTaken();
    void foreignServersAreAsked();
    void ourOwnReplicaIsForeignToo();
    void mistakesAreNamed_data();
    void mistakesAreNamed();
    void gatewayServesFromThem();
    void notesSurviveTheWayToDisk();
    void faultsOnThemAreNotOffered();
};

namespace {

using inference::ModelInferResponse;
using inference::ModelMetadataResponse;

/// "name:type:shape name:type:shape", shapes as in -1,-1.
void addTensors(const QString &text, auto add)
{
    for (const auto &word : text.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
        const auto parts = word.split(QLatin1Char(':'));
        auto *tensor = add();
        tensor->set_name(parts[0].toStdString());
        tensor->set_datatype(parts[1].toStdString());
        for (const auto &side : parts[2].split(QLatin1Char(',')))
            tensor->add_shape(side.toLongLong());
    }
}

ModelDialect foreignDialect()
{
    ModelDialect dialect;
    dialect.model = "next_basket";
    dialect.history = {"basket", "INT32"};
    dialect.k = {};
    dialect.items = {"product", "INT32"};
    dialect.scores = {"confidence", "FP64"};
    dialect.asksServerReady = true;
    return dialect;
}

template <class T>
void put(ModelInferResponse &reply, const char *name, const char *type, std::vector<T> values)
{
    auto *output = reply.add_outputs();
    output->set_name(name);
    output->set_datatype(type);
    reply.add_raw_output_contents()->assign(reinterpret_cast<const char *>(values.data()),
                                            sizeof(T) * values.size());
}

} // namespace

void TestAttach::tensorsAreFoundByTypeAndShape_data()
{
    QTest::addColumn<QString>("inputs");
    QTest::addColumn<QString>("outputs");
    QTest::addColumn<QString>("found"); // history k items scores; "-" = none; "" = refused
    const auto row = [](const char *name, const char *inputs, const char *outputs,
                        const char *found) {
        QTest::newRow(name) << QString::fromLatin1(inputs) << QString::fromLatin1(outputs)
                            << QString::fromLatin1(found);
    };
    row("ours", "history:INT64:-1,-1 k:INT32:1", "items:INT64:-1,-1 scores:FP32:-1,-1",
        "history k items scores");
    row("other order", "n:INT32:1 seq:INT64:-1,50", "p:FP32:-1,20 ids:INT64:-1,20", "seq n ids p");
    row("no k", "IN0:INT32:-1,-1", "OUT0:INT32:-1,20", "IN0 - OUT0 -");
    row("k as a column", "seq:INT64:-1,-1 n:INT64:-1,1", "ids:INT64:-1,-1", "seq n ids -");
    row("one flat list", "seq:INT64:-1", "ids:INT64:-1", "seq - ids -");
    row("doubles", "seq:INT64:-1,-1", "ids:INT64:-1,10 p:FP64:-1,10", "seq - ids p");
    row("floats in", "x:FP32:-1,13", "ids:INT64:-1,10", "");
    row("text in", "q:BYTES:-1,1", "ids:INT64:-1,10", "");
    row("two histories", "a:INT64:-1,-1 b:INT64:-1,-1", "ids:INT64:-1,10", "");
    row("no items", "seq:INT64:-1,-1", "p:FP32:-1,10", "");
    row("nothing in", "", "ids:INT64:-1,10", "");
}

void TestAttach::tensorsAreFoundByTypeAndShape()
{
    QFETCH(QString, inputs);
    QFETCH(QString, outputs);
    QFETCH(QString, found);
    ModelMetadataResponse metadata;
    metadata.set_name("m");
    addTensors(inputs, [&] { return metadata.add_inputs(); });
    addTensors(outputs, [&] { return metadata.add_outputs(); });
    const auto dialect = dialectOf(metadata);
    QCOMPARE(dialect.has_value(), !found.isEmpty());
    if (!dialect) {
        QVERIFY(dialect.error().message.find("\"m\"") != std::string::npos);
        return;
    }
    const auto orNone = [](const TensorName &tensor) {
        return tensor.name.empty() ? QStringLiteral("-") : QString::fromStdString(tensor.name);
    };
    QCOMPARE(QStringList({orNone(dialect->history), orNone(dialect->k), orNone(dialect->items),
                          orNone(dialect->scores)})
                 .join(QLatin1Char(' ')),
             found);
    const auto again = dialectFrom(toJson(*dialect));
    QVERIFY(again);
    QCOMPARE(toJson(*again), toJson(*dialect));
}

void TestAttach::answersComeOutInOurForm()
{
    ModelInferResponse reply;
    reply.set_model_version("7");
    put<double>(reply, "confidence", "FP64", {.9, .8, .7, .6, .5, .4});
    put<std::int32_t>(reply, "product", "INT32", {1, 2, 3, 4, 5, 6});
    QVERIFY(takeAnswer(foreignDialect(), 2, 2, reply));
    QVERIFY(isComplete(reply, 2, 2));
    const auto &items = reply.outputs(0).contents().int64_contents();
    QCOMPARE(std::vector<std::int64_t>(items.begin(), items.end()),
             (std::vector<std::int64_t>{1, 2, 4, 5}));
    QCOMPARE(reply.outputs(1).contents().fp32_contents(2), 0.6f);
    QCOMPARE(textOf(reply, "version"), std::string("7"));
    QCOMPARE(textOf(reply, "digest"), std::string("next_basket/7"));
    auto silent = foreignDialect();
    silent.scores = {};
    ModelInferResponse bare;
    put<std::int32_t>(bare, "product", "INT32", {1, 2, 3});
    QVERIFY(takeAnswer(silent, 1, 3, bare));
    QCOMPARE(bare.outputs(1).contents().fp32_contents(2), -2.0f);
}

void TestAttach::badAnswersAreNotTaken_data()
{
    QTest::addColumn<QString>("what");
    for (const char *what : {"too few", "other name", "other type", "odd bytes", "uneven rows",
                             "fewer scores than items"})
        QTest::newRow(what) << QString::fromLatin1(what);
}

void TestAttach::badAnswersAreNotTaken()
{
    QFETCH(QString, what);
    ModelInferResponse reply;
    const bool isOther = what == QLatin1String("other name");
    put<std::int32_t>(reply, isOther ? "x" : "product",
                      what == QLatin1String("other type") ? "FP16" : "INT32", {1, 2, 3, 4});
    put<double>(reply, "confidence", "FP64", {.4, .3, .2, .1});
    int rows = 1, k = 4;
    if (what == QLatin1String("too few"))
        k = 5;
    if (what == QLatin1String("odd bytes"))
        reply.mutable_raw_output_contents(0)->pop_back();
    if (what == QLatin1String("uneven rows"))
        rows = 3;
    if (what == QLatin1String("fewer scores than items"))
        reply.mutable_raw_output_contents(1)->resize(16);
    QVERIFY(!takeAnswer(foreignDialect(), rows, k, reply));
}

void TestAttach::foreignServersAreAsked()
{
    const test::ForeignServer one(100), two(100);
    const auto attached = inquire({one.address(), two.address()}, {}, "next_basket");
    QVERIFY2(attached, attached ? "" : attached.error().text().c_str());
    QCOMPARE(toJson(attached->dialect), toJson(foreignDialect()));
}

void TestAttach::ourOwnReplicaIsForeignToo()
{
    const test::FakeReplica replica("a");
    const auto dialect = askDialect(replica.address(), "", Micros{5'000'000});
    // The fake has no ModelMetadata: it is named as what it is.
    QVERIFY(!dialect);
    QVERIFY2(dialect.error().message.find("not KServe v2") != std::string::npos,
             dialect.error().text().c_str());
    // A gateway of ours is a KServe server like any other.
    test::Bed bed(1);
    const auto ours =
        askDialect("127.0.0.1:" + std::to_string(bed.gateway->port()), "", Micros{5'000'000});
    QVERIFY2(ours, ours ? "" : ours.error().text().c_str());
    QCOMPARE(toJson(*ours), toJson(ModelDialect{}));
}

void TestAttach::mistakesAreNamed_data()
{
    QTest::addColumn<QString>("address");
    QTest::addColumn<QString>("says");
    QTest::newRow("no port") << QStringLiteral("localhost") << QStringLiteral("HOST:PORT");
    QTest::newRow("not a port") << QStringLiteral("localhost:http") << QStringLiteral("HOST:PORT");
    QTest::newRow("port 0") << QStringLiteral("localhost:0") << QStringLiteral("HOST:PORT");
    QTest::newRow("nothing") << QString() << QStringLiteral("HOST:PORT");
    QTest::newRow("twice") << QStringLiteral("SAME") << QStringLiteral("twice");
    QTest::newRow("another model") << QStringLiteral("OURS") << QStringLiteral("another model");
}

void TestAttach::mistakesAreNamed()
{
    QFETCH(QString, address);
    QFETCH(QString, says);
    const test::ForeignServer server(100);
    test::Bed bed(1);
    auto second = address.toStdString();
    if (second == "SAME")
        second = server.address();
    if (second == "OURS")
        second = "127.0.0.1:" + std::to_string(bed.gateway->port());
    const auto model = address == QLatin1String("OURS") ? "" : "next_basket";
    const auto attached = inquire({server.address(), second}, {}, model);
    QVERIFY(!attached);
    if (address == QLatin1String("OURS")) // the foreign one lists no models: it must be named
        QVERIFY(attached.error().message.find("--model") != std::string::npos);
    else
        QVERIFY2(attached.error().message.find(says.toStdString()) != std::string::npos,
                 attached.error().text().c_str());
}

void TestAttach::gatewayServesFromThem()
{
    setUpGrpcForDrills();
    std::vector<std::unique_ptr<test::ForeignServer>> servers;
    auto options = test::patient();
    options.dialect = foreignDialect();
    for (int i = 1; i <= 3; ++i) {
        servers.push_back(std::make_unique<test::ForeignServer>(100));
        options.replicas.push_back({"replica/" + std::to_string(i), servers.back()->address()});
    }
    std::vector<std::uint32_t> popular(50);
    auto gateway = Gateway::start(options, PopularityList(popular), systemClock(), {});
    QVERIFY(gateway);
    const auto up = [&] {
        double sum = 0;
        for (const auto &sample : (*gateway)->collect(alignUp(systemClock().now())).samples)
            sum += sample.series.ends_with(".up") ? sample.value : 0;
        return sum;
    };
    QTRY_COMPARE_WITH_TIMEOUT(up(), 3.0, 30'000);
    const auto stub = inference::GRPCInferenceService::NewStub(
        resilientChannel("127.0.0.1:" + std::to_string((*gateway)->port())));
    const auto ask = [&] {
        grpc::ClientContext context;
        context.set_deadline(grpcTime(systemClock().now() + Micros{30'000'000}));
        ModelInferResponse reply;
        const auto status = stub->ModelInfer(&context, test::historyRequest(), &reply);
        return status.ok() ? std::move(reply) : ModelInferResponse();
    };
    for (int i = 0; i < 30; ++i) {
        const auto reply = ask();
        QVERIFY(isComplete(reply, 1, 10));
        QCOMPARE(textOf(reply, "path"), std::string("primary"));
        QCOMPARE(textOf(reply, "version"), std::string("7"));
        QCOMPARE(reply.outputs(0).contents().int64_contents(0), std::int64_t{3}); // after 1, 2
    }
    for (const auto &server : servers) {
        QVERIFY(server->calls > 0);
        QCOMPARE(server->wrong.load(), 0);
    }
    // NOT_SERVING in KServe's words takes it out, as grpc.health.v1 would.
    servers[1]->ready = false;
    QTRY_COMPARE_WITH_TIMEOUT(up(), 2.0, 30'000);
    const int before = servers[1]->calls;
    for (int i = 0; i < 12; ++i)
        QVERIFY(isComplete(ask(), 1, 10));
    QCOMPARE(servers[1]->calls.load(), before);
    servers[1]->ready = true;
    QTRY_COMPARE_WITH_TIMEOUT(up(), 3.0, 30'000);
    servers[0]->stop();
    QTRY_COMPARE_WITH_TIMEOUT(up(), 2.0, 30'000);
    for (int i = 0; i < 12; ++i)
        QCOMPARE(textOf(ask(), "path"), std::string("primary"));
}

void TestAttach::notesSurviveTheWayToDisk()
{
    QTemporaryDir folder;
    const std::filesystem::path shop = folder.path().toStdString();
    QVERIFY(!*readAttached(shop));
    QVERIFY(!removeAttached(shop));
    const AttachedShop given{{"127.0.0.1:8001", "127.0.0.1:8011"}, {}, foreignDialect()};
    QVERIFY(writeAttached(shop, given));
    const auto read = readAttached(shop);
    QVERIFY(read && *read);
    QCOMPARE((*read)->replicas, given.replicas);
    QCOMPARE(toJson((*read)->dialect), toJson(given.dialect));
    for (const char *text : {"", "[]", "{}", R"({"replicas": ["x"], "standby": [], "dialect": {}})",
                             R"({"replicas": [], "standby": [], "dialect": 5})"}) {
        QVERIFY(writeTextAtomically(shop / "attached.json", text));
        const auto bad = readAttached(shop);
        QVERIFY(!bad);
        QCOMPARE(bad.error().code, ErrorCode::InvalidInput);
    }
    QVERIFY(removeAttached(shop));
    QVERIFY(!*readAttached(shop));
}

void TestAttach::faultsOnThemAreNotOffered()
{
    const auto read = [](const char *name) {
        return readDrill(std::filesystem::path(DRILLROOM_SOURCE_DIR "/drills") / name);
    };
    const std::set<std::string> attached{"replica/1", "replica/2", "replica/3"};
    const auto crash = read("01-ranker-crash.yaml"), cut = read("03-network-cut.yaml"),
               loss = read("06-data-loss.yaml");
    QVERIFY(crash && cut && loss);
    const auto steps = unreachableSteps(*crash, attached);
    QCOMPARE(steps.size(), std::size_t{1});
    QVERIFY(steps[0].why.find("network.cut") != std::string::npos);
    QVERIFY(steps[0].step->place.line > 0);
    QVERIFY(unreachableSteps(*cut, attached).empty());
    QVERIFY(unreachableSteps(*loss, attached).empty()); // the store is ours
    QVERIFY(unreachableSteps(*crash, {}).empty());
}

QTEST_GUILESS_MAIN(TestAttach)
#include "tst_attach.moc"
