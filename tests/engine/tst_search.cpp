// The search family from text to ranked products: the words of a text, BM25 against numbers worked
// out by hand, other spellings, a ranker that learns what there is to learn and leaves noise alone,
// the same scores after a round trip, and files that are no good.

#include "engine/base/random.h"
#include "engine/model/bm25.h"
#include "engine/scoring/search_ranker.h"
#include "engine/training/search/click_model.h"
#include "engine/training/search/libsvm_reader.h"
#include "engine/training/search/search_family.h"
#include "engine/training/search/search_trainer.h"
#include "tests/support/quiet_monitor.h"

#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <fstream>

using namespace engine;
using Words = std::vector<std::string>;

class TestSearch : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void wordsOfAText_data();
    void wordsOfAText();
    void bm25AsWorkedOutByHand();
    void weightedFieldsAreOneText();
    void otherSpellingsAreFound();
    void wordsApartAndTogether();
    void damagedIndexIsRefused();
    void hugeQueryIsCut();
    void ndcgAsWorkedOutByHand();
    void treesLearnACurve();
    void rankerFindsWhatBm25Cannot();
    void noiseLeavesBm25();
    void packageGivesTheSameScores();
    void damagedPackageIsRefused();
    void productsAloneCanBeSearched();
    void libsvmLearnsAndPredicts();
    void clickModelTakesPositionOut();
    void badFilesAreNamed_data();
    void badFilesAreNamed();

private:
    [[nodiscard]] std::filesystem::path write(const std::string &name, const std::string &text);
    [[nodiscard]] Package packaged(const TrainedModel &model);
    /// 300 products of which a query word finds things and their cases alike; what is wanted is the
    /// thing: dear, with many attributes. `isNoise`: grades by chance.
    [[nodiscard]] TrainOrder shop(bool isNoise, const std::string &name);
    QTemporaryDir m_dir;
    int m_next = 0;
};

namespace {

ProductText product(const std::string &id, const std::string &title,
                    const std::string &description = {})
{
    ProductText out;
    out.id = id;
    out.fields[0] = title;
    out.fields[1] = description;
    return out;
}

SearchIndex indexOf(const std::vector<ProductText> &products, Plurals plurals = Plurals::English)
{
    SearchIndex::Builder builder(plurals);
    for (const auto &one : products)
        builder.add(one);
    return *builder.finish();
}

std::vector<double> scoresOf(const SearchIndex &index, const Bm25Settings &settings,
                             const std::string &query)
{
    std::vector<double> out(index.products(), 0);
    Bm25(index, settings).score(QueryReader(index, {}).read(query), out);
    return out;
}

Bm25Settings titles()
{
    Bm25Settings settings;
    settings.weights = {1, 0, 0, 0, 0, 0, 0};
    return settings;
}

std::string joined(const Words &words)
{
    std::string out;
    for (const auto &word : words)
        out += word + "|";
    return out;
}

std::string textOf(const std::filesystem::path &path)
{
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace

std::filesystem::path TestSearch::write(const std::string &name, const std::string &text)
{
    const std::filesystem::path path = m_dir.filePath(QString::fromStdString(name)).toStdString();
    std::ofstream(path) << text;
    return path;
}

Package TestSearch::packaged(const TrainedModel &model)
{
    const auto key = SigningKey::loadOrCreate(m_dir.filePath("keys/test.key").toStdString());
    std::vector<TensorSource> sources;
    for (const auto &tensor : model.tensors)
        sources.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.data});
    auto manifest = model.manifest;
    manifest.version = "1";
    const std::filesystem::path folder =
        m_dir.filePath("package" + QString::number(++m_next)).toStdString();
    if (const auto written = writePackage(folder, manifest, sources, *key, model.files); !written)
        qFatal("%s", written.error().text().c_str());
    PackagePolicy policy;
    policy.trusted = key->publicKey();
    auto package = readPackage(folder, policy);
    if (!package)
        qFatal("%s", package.error().text().c_str());
    return std::move(*package);
}

TrainOrder TestSearch::shop(bool isNoise, const std::string &name)
{
    Random random(7, isNoise ? 2 : 1);
    std::string products, judgments = "query,item,grade\n";
    constexpr int kKinds = 30;
    int number = 0;
    for (int kind = 0; kind < kKinds; ++kind) {
        const auto word = "thing" + std::string(1, static_cast<char>('a' + kind % 26))
                          + std::string(1, static_cast<char>('a' + kind / 26)) + "x";
        for (int i = 0; i < 10; ++i) {
            const bool isCase = i % 2 == 0;
            const auto id = "p" + std::to_string(number++);
            products += R"({"id": ")" + id + R"(", "title": ")"
                        + (isCase ? word + " case" : "Brand " + word + " black") + R"(", "price": )"
                        + std::to_string(isCase ? 10 + i : 500 + i) + R"(, "attributes": {)"
                        + (isCase ? R"("t_for": ")" + word + '"'
                                  : R"("t_size": "big", "n_power": 3, "b_new": true)")
                        + "}}\n";
            const auto grade = isNoise ? static_cast<int>(random.below(4)) : isCase ? 0 : 3;
            judgments += word + "," + id + "," + std::to_string(grade) + "\n";
        }
    }
    TrainOrder order;
    order.products = write(name + ".jsonl", products);
    order.train.path = write(name + ".csv", judgments);
    for (const char *set : {"trees=40", "forests=2", "net-steps=40", "leaf-rows=10",
                            "latent-dims=4", "latent-per-group=20"})
        if (!setSetting(order.recipe, set))
            qFatal("setting");
    return order;
}

void TestSearch::wordsOfAText_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<bool>("isQuery");
    QTest::addColumn<QString>("words");
    QTest::newRow("case and marks")
        << "HP LaserJet-Pro, 15.6\"" << false << "hp|laserjet|pro|15|6|";
    QTest::newRow("plurals") << "Batteries cables glass bus USB ies" << false
                             << "battery|cable|glass|bus|usb|ies|";
    QTest::newRow("accents") << "Café ÜBER straße Łódź" << false << "cafe|uber|strase|lodz|";
    QTest::newRow("greek, cyrillic") << "ΛΑΜΠΑ Лампа" << false << "λαμπα|лампа|";
    QTest::newRow("full width") << "ＡＢＣ１２" << false << "abc12|";
    QTest::newRow("han in a product") << "蓝牙耳机" << false << "蓝|蓝牙|牙|牙耳|耳|耳机|机|";
    QTest::newRow("han in a query") << "蓝牙耳机" << true << "蓝牙|牙耳|耳机|";
    QTest::newRow("one character") << "茶" << true << "茶|";
    QTest::newRow("mixed") << "USB充电器 5V" << true << "usb|充电|电器|5v|";
    QTest::newRow("punctuation") << "耳机，黑色" << true << "耳机|黑色|";
    QTest::newRow("nothing") << " ,.! " << false << "";
}

void TestSearch::wordsOfAText()
{
    QFETCH(QString, text);
    QFETCH(bool, isQuery);
    QFETCH(QString, words);
    QCOMPARE(QString::fromStdString(joined(wordsOf(text.toStdString(), Plurals::English, isQuery))),
             words);
    // What is no UTF-8 separates words and never reads beyond the end.
    QCOMPARE(joined(wordsOf("ab\xFF"
                            "cd\xE4\xBD",
                            Plurals::Keep)),
             std::string("ab|cd|"));
}

void TestSearch::bm25AsWorkedOutByHand()
{
    // Lengths 2, 4, 3: mean 3. "red" in a and b, twice in b; "shoe" in a and c.
    const auto index = indexOf({product("a", "red shoes"), product("b", "red dress red silk"),
                                product("c", "blue shoe big")});
    const auto red = scoresOf(index, titles(), "red");
    const double idf = std::log(1 + (3 - 2 + 0.5) / (2 + 0.5));
    QVERIFY(std::abs(red[0] - idf * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / 3))) < 1e-12);
    QVERIFY(std::abs(red[1] - idf * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 4 / 3))) < 1e-12);
    QCOMPARE(red[2], 0.0);
    const auto both = scoresOf(index, titles(), "Red SHOE");
    QVERIFY(both[0] > both[1] && both[1] > 0 && both[2] > 0);
    // A word that stands twice in the query counts once.
    QCOMPARE(scoresOf(index, titles(), "red red"), red);
}

void TestSearch::weightedFieldsAreOneText()
{
    // A title that counts twice is a title written twice.
    auto settings = titles();
    settings.weights = {2, 1, 0, 0, 0, 0, 0};
    const auto twoFields = indexOf({product("a", "red", "old car"), product("b", "car", "new red"),
                                    product("c", "bus", "very long text of it")});
    const auto oneField = indexOf({product("a", "red red old car"), product("b", "car car new red"),
                                   product("c", "bus bus very long text of it")});
    const auto weighted = scoresOf(twoFields, settings, "red car");
    const auto written = scoresOf(oneField, titles(), "red car");
    for (std::size_t i = 0; i < 3; ++i)
        QVERIFY(std::abs(weighted[i] - written[i]) < 1e-12);
}

void TestSearch::otherSpellingsAreFound()
{
    const auto index = indexOf({product("a", "wireless headphones"), product("b", "wired mouse"),
                                product("c", "charger"), product("d", "Müller tea")});
    const QueryReader reader(index, {});
    const auto meant = [&](const std::string &word) {
        const auto query = reader.read(word);
        return query.parts.front().words.empty()
                   ? std::string()
                   : index.word(query.parts.front().words.front().word);
    };
    QCOMPARE(meant("headphnes"), std::string("headphone")); // left out
    QCOMPARE(meant("mouuse"), std::string("mouse"));        // one too many
    QCOMPARE(meant("wirdd"), std::string("wired"));         // another letter
    QCOMPARE(meant("chragers"), std::string("charger"));    // two changed places
    QCOMPARE(meant("wirelezz"), std::string("wireless"));   // two edits in a long word
    QCOMPARE(meant("mulller"), std::string("muller"));
    QCOMPARE(meant("moxyz"), std::string()); // too far
    QCOMPARE(meant("te"), std::string());    // too short to guess
    QCOMPARE(reader.read("headphnes").corrected, std::size_t{1});
    QCOMPARE(reader.read("qqqqqq").unknown, std::size_t{1});
    const QueryReader strict(index, {false, false});
    QVERIFY(strict.read("headphnes").parts.front().words.empty());
    QCOMPARE(editDistance(U"abcd", U"acbd", 2), 1);
    QCOMPARE(editDistance(U"kitten", U"sitting", 5), 3);
    QCOMPARE(editDistance(U"kitten", U"sitting", 2), 3);
}

void TestSearch::wordsApartAndTogether()
{
    const auto index = indexOf({product("a", "smartwatch black"), product("b", "watch strap"),
                                product("c", "desk lamp"), product("d", "headset"),
                                product("e", "head band"), product("f", "tea set")});
    const auto scores = scoresOf(index, titles(), "smart watch");
    QVERIFY(scores[0] > scores[1] && scores[1] > 0 && scores[2] == 0);
    // Both parts are words of their own here: the thing beats what has one of them.
    const auto head = scoresOf(index, titles(), "head set");
    QVERIFY(head[3] > head[4] && head[3] > head[5] && head[4] > 0 && head[5] > 0);
    const auto split = scoresOf(index, titles(), "desklamp");
    QVERIFY(split[2] > 0 && split[0] == 0);
}

void TestSearch::damagedIndexIsRefused()
{
    auto one = product("a", "red shoes", "蓝牙");
    one.fields[6] = "size\ncolour\n";
    const auto index = indexOf({one, product("b", "red dress")});
    const auto bytes = index.encode();
    const auto again = SearchIndex::decode(bytes, "x");
    QVERIFY(again);
    QCOMPARE(again->encode(), bytes);
    QCOMPARE(scoresOf(*again, titles(), "red shoe"), scoresOf(index, titles(), "red shoe"));
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
        QVERIFY(!SearchIndex::decode({bytes.data(), cut}, "x"));
    auto longer = bytes;
    longer.push_back(0);
    QVERIFY(!SearchIndex::decode(longer, "x"));
    // Whatever stands in them, bytes are refused or are an index that can be used.
    Random random(3, 4);
    for (int i = 0; i < 3000; ++i) {
        auto damaged = bytes;
        damaged[random.below(damaged.size())] ^= static_cast<std::uint8_t>(1 + random.below(255));
        if (const auto read = SearchIndex::decode(damaged, "x"))
            QVERIFY(scoresOf(*read, {}, "red").size() == read->products());
    }
    // A count that no file can hold asks for no memory.
    Bytes huge(bytes.begin(), bytes.begin() + 10);
    for (const int byte : {1, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 1})
        huge.push_back(static_cast<std::uint8_t>(byte));
    QVERIFY(!SearchIndex::decode(huge, "x"));
}

void TestSearch::hugeQueryIsCut()
{
    const auto index = indexOf({product("a", "red shoes"), product("b", "lamp")});
    const QueryReader reader(index, {});
    QCOMPARE(reader.read(std::string(1'000'000, 'x')).parts.size(), std::size_t{1});
    std::string words;
    for (int i = 0; i < 100'000; ++i)
        words += "word" + std::to_string(i) + " ";
    const auto query = reader.read(words);
    QVERIFY(query.isCut && query.parts.size() <= kMostQueryWords);
    QVERIFY(reader.read("").parts.empty());
}

void TestSearch::ndcgAsWorkedOutByHand()
{
    const std::vector<double> scores{3, 2, 1};
    const std::vector<float> grades{0, 3, 1};
    const double got = 7 / std::log2(3.0) + 1 / std::log2(4.0), best = 7 + 1 / std::log2(3.0);
    QVERIFY(std::abs(ndcgOf(scores, grades, 10, 0) - got / best) < 1e-9);
    QCOMPARE(ndcgOf(scores, std::vector<float>{0, 0, 0}, 10, 1), 1.0);
    const auto folds = foldsOf(17, 5, 3);
    std::vector<std::size_t> all;
    for (std::size_t f = 0; f < 5; ++f) {
        all.insert(all.end(), folds[f].begin(), folds[f].end());
        QCOMPARE(withoutFold(folds, f).size() + folds[f].size(), std::size_t{17});
    }
    std::sort(all.begin(), all.end());
    QCOMPARE(all.size(), std::size_t{17});
    QCOMPARE(all.back(), std::size_t{16});
    const std::vector<double> better(40, 1.0), worse(40, 0.5);
    QCOMPARE(pairedBootstrap(better, worse, 1), 0.0);
    QCOMPARE(pairedBootstrap(worse, better, 1), 1.0);
}

void TestSearch::treesLearnACurve()
{
    // The grade depends on one of four features, and not monotonously.
    RankingRows rows;
    rows.features = 4;
    Random random(5, 6);
    for (int q = 0; q < 60; ++q) {
        for (int d = 0; d < 20; ++d) {
            for (int f = 0; f < 4; ++f)
                rows.values.push_back(static_cast<float>(random.uniform()));
            const float x = rows.values[rows.values.size() - 2];
            rows.grades.push_back(x > 0.4f && x < 0.6f ? 2.0f : 0.0f);
            rows.weights.push_back(1);
        }
        rows.starts.push_back(rows.grades.size());
    }
    for (const bool isLambda : {false, true}) {
        RankTreeOptions options;
        options.isLambda = isLambda;
        options.trees = 60;
        options.forests = 2;
        options.featureShare = 1;
        const auto trees = trainTrees(rows, options);
        QCOMPARE(trees.roots.size(), std::size_t{120});
        const auto at = [&](float x) {
            return trees.score(std::vector<float>{0.5f, 0.5f, x, 0.5f});
        };
        QVERIFY(at(0.5f) > at(0.2f) + 0.3 && at(0.5f) > at(0.8f) + 0.3);
        QCOMPARE(trainTrees(rows, options).score(rows.row(3)), trees.score(rows.row(3)));
    }
}

void TestSearch::rankerFindsWhatBm25Cannot()
{
    test::QuietMonitor monitor;
    const auto model = searchFamily().train(shop(false, "real"), monitor);
    QVERIFY2(model, model ? "" : model.error().text().c_str());
    const auto package = packaged(*model);
    EvalOrder order;
    // Queries that the training never saw: two words, found by what the things have in common.
    std::string text = "query,item,grade\n";
    for (int kind = 0; kind < 10; ++kind) {
        for (int i = 0; i < 10; ++i)
            text += "brand thing" + std::string(1, static_cast<char>('a' + kind)) + "ax,p"
                    + std::to_string(kind * 10 + i) + (i % 2 == 0 ? ",0\n" : ",3\n");
    }
    order.test.path = write("unseen.csv", text);
    const auto seen = searchFamily().evaluate(package, order, monitor);
    QVERIFY2(seen, seen ? "" : seen.error().text().c_str());
    QCOMPARE(seen->users, std::size_t{10});
    QVERIFY(seen->metrics.at("ndcg@10") > 0.95);
    QVERIFY(model->manifest.metrics.at("validation ndcg@10")
            > model->manifest.metrics.at("validation bm25 ndcg@10") + 0.1);
}

void TestSearch::noiseLeavesBm25()
{
    test::QuietMonitor monitor;
    const auto model = searchFamily().train(shop(true, "noise"), monitor);
    QVERIFY(model);
    QCOMPARE(model->manifest.settings.at("rank.trees"), 0.0);
    QCOMPARE(model->manifest.settings.at("rank.nets"), 0.0);
    QVERIFY(std::any_of(monitor.notes.begin(), monitor.notes.end(), [](const auto &note) {
        return note.find("BM25 alone") != std::string::npos;
    }));
}

void TestSearch::packageGivesTheSameScores()
{
    test::QuietMonitor monitor;
    const auto model = searchFamily().train(shop(false, "trip"), monitor);
    QVERIFY(model);
    const auto package = packaged(*model);
    const auto ranker = SearchRanker::open(package);
    QVERIFY2(ranker, ranker ? "" : ranker.error().text().c_str());
    const std::vector<std::string> queries{"thingaax", "brand thingcax black", "", "case"};
    const auto lists = (*ranker)->rank(queries, 7);
    QVERIFY(lists);
    QVERIFY((*lists)[2].products.empty());
    for (std::size_t q = 0; q < queries.size(); ++q) {
        const auto alone = (*ranker)->rank({&queries[q], 1}, 500);
        const auto given = (*ranker)->scores(queries[q], (*lists)[q].products);
        QVERIFY(alone && given);
        QCOMPARE(*given, (*lists)[q].scores);
        for (std::size_t i = 0; i < (*lists)[q].products.size(); ++i) {
            QCOMPARE(alone->front().products[i], (*lists)[q].products[i]);
            QCOMPARE(alone->front().scores[i], (*lists)[q].scores[i]);
        }
    }
    const std::vector<std::string> nobody{"no such product"};
    QVERIFY(std::isnan((*ranker)->scores("thingaax", nobody)->front()));
    // The file of `rank` says the same.
    AnswerOrder answer;
    answer.kind = Answer::Rank;
    answer.in.path = write("queries.txt", "thingaax\n\nqqqqqqqqq\n");
    answer.out = write("ranked.txt", "");
    answer.k = 3;
    const auto answered = searchFamily().answer(package, answer, monitor);
    QVERIFY(answered);
    QCOMPARE(answered->rows, std::uint64_t{3});
    QCOMPARE(answered->notes.at("empty queries"), std::uint64_t{1});
    const auto text = textOf(answer.out);
    QVERIFY(text.starts_with("thingaax\t" + (*lists)[0].products[0] + "\t"));
    QCOMPARE(std::stof(text.substr(text.find('\t', 10) + 1)), (*lists)[0].scores[0]);
}

void TestSearch::damagedPackageIsRefused()
{
    test::QuietMonitor monitor;
    const auto model = searchFamily().train(shop(false, "damage"), monitor);
    QVERIFY(model);
    auto package = packaged(*model);
    QVERIFY(SearchRanker::open(package));
    const auto refuses = [](Package broken) { return !SearchRanker::open(broken).has_value(); };
    auto broken = package;
    broken.manifest.family = "mf";
    QVERIFY(refuses(broken));
    broken = package;
    broken.files.at("search.index")[20] ^= 0xFF;
    broken.files.at("search.index").resize(100);
    QVERIFY(refuses(broken));
    broken = package;
    broken.files.erase("search.index");
    QVERIFY(refuses(broken));
    broken = package;
    broken.manifest.settings.erase("bm25.b");
    QVERIFY(refuses(broken));
    for (const char *name : {"trees.left", "trees.feature", "text.group"}) {
        broken = package;
        const auto *entry = broken.find(name);
        QVERIFY(entry != nullptr);
        const std::int32_t wrong = 1 << 30;
        std::memcpy(broken.weights.data() + entry->offset, &wrong, sizeof wrong);
        QVERIFY2(refuses(broken), name);
    }
    broken = package;
    const float nan = std::nanf("");
    std::memcpy(broken.weights.data() + broken.find("text.products")->offset, &nan, sizeof nan);
    QVERIFY(refuses(broken));
    broken = package;
    std::erase_if(broken.tensors, [](const auto &t) { return t.name == "products.numbers"; });
    QVERIFY(refuses(broken));
}

void TestSearch::productsAloneCanBeSearched()
{
    test::QuietMonitor monitor;
    TrainOrder order;
    order.train.path =
        write("catalogue.csv", "upc;name;colour\n1;Red shoe;red\n2;Blue lamp;blue\n1;Again;x\n");
    const auto model = searchFamily().train(order, monitor);
    QVERIFY2(model, model ? "" : model.error().text().c_str());
    const auto package = packaged(*model);
    const auto ranker = SearchRanker::open(package);
    QVERIFY(ranker);
    QCOMPARE((*ranker)->productIds().size(), std::size_t{2});
    const std::vector<std::string> queries{"lamps", "reed shoes"};
    const auto lists = (*ranker)->rank(queries, 5);
    QCOMPARE((*lists)[0].products, Words{"2"});
    QCOMPARE((*lists)[1].products, Words{"1"});
}

void TestSearch::libsvmLearnsAndPredicts()
{
    test::QuietMonitor monitor;
    Random random(9, 9);
    const auto made = [&](int queries) {
        std::string text;
        for (int q = 0; q < queries; ++q) {
            for (int d = 0; d < 15; ++d) {
                const double x = random.uniform();
                text += std::to_string(x > 0.7   ? 2
                                       : x > 0.4 ? 1
                                                 : 0)
                        + " qid:" + std::to_string(q) + " 1:" + std::to_string(random.uniform())
                        + " 7:" + std::to_string(x) + " # document\n";
            }
        }
        return text;
    };
    TrainOrder order;
    order.train.path = write("rows.libsvm", made(60));
    for (const char *set : {"trees=40", "forests=2", "net-steps=40"})
        QVERIFY(setSetting(order.recipe, set));
    const auto model = searchFamily().train(order, monitor);
    QVERIFY2(model, model ? "" : model.error().text().c_str());
    const auto package = packaged(*model);
    EvalOrder eval;
    eval.test.path = write("test.libsvm", made(20) + "0 qid:99 1:1\n0 qid:99 1:2\n");
    const auto quality = searchFamily().evaluate(package, eval, monitor);
    QVERIFY(quality);
    QVERIFY(quality->metrics.at("ndcg@3") > 0.9);
    AnswerOrder answer;
    answer.kind = Answer::Predict;
    answer.in.path = write("ask.libsvm", "0 qid:1 7:0.95\n1 qid:1 7:0.05 999:3\n");
    answer.out = write("scores.txt", "old");
    const auto answered = searchFamily().answer(package, answer, monitor);
    QVERIFY2(answered, answered ? "" : answered.error().text().c_str());
    QCOMPARE(answered->rows, std::uint64_t{2});
    QCOMPARE(answered->notes.size(), std::size_t{1});
    std::ifstream in(answer.out);
    float good = 0, bad = 0;
    in >> good >> bad;
    QVERIFY(good > bad);
    // A ranker of rows has no products.
    answer.kind = Answer::Rank;
    QVERIFY(!searchFamily().answer(package, answer, monitor));
    answer.kind = Answer::Forecast;
    QVERIFY(!searchFamily().answer(package, answer, monitor));
}

void TestSearch::clickModelTakesPositionOut()
{
    // Four documents; b is twice as attractive as a but mostly shown below.
    const std::vector<double> attraction{0.3, 0.6, 0.2, 0.1}, examined{1, 0.5, 0.25, 0.1};
    Impressions data;
    data.queries = {"q"};
    data.documents = {"a", "b", "c", "d"};
    Random random(2, 2);
    for (int session = 0; session < 20'000; ++session) {
        std::vector<std::uint32_t> order{0, 1, 2, 3};
        if (random.uniform() < 0.3)
            std::swap(order[0], order[1]);
        if (random.uniform() < 0.3)
            std::swap(order[1], order[3]);
        for (std::size_t r = 0; r < 4; ++r)
            data.rows.push_back({0, order[r], static_cast<std::uint16_t>(r + 1),
                                 random.uniform() < examined[r] * attraction[order[r]]});
    }
    const auto model = PositionModel::train(data, {});
    const double a = *model.attraction("q", "a"), b = *model.attraction("q", "b");
    QVERIFY2(std::abs(b / a - 2) < 0.2, qPrintable(QString::number(b / a)));
    QVERIFY(std::abs(model.examined()[1] / model.examined()[0] - 0.5) < 0.06);
    const auto grades = model.grades();
    QCOMPARE(grades.front().grades[1].second, 3.0f);
    TrainedModel saved;
    saved.manifest.family = "search";
    model.save(saved);
    const auto opened = PositionModel::open(packaged(saved));
    QVERIFY(opened);
    QVERIFY(std::abs(opened->click("q", "b", 2) - model.click("q", "b", 2)) < 1e-6);
    QVERIFY(opened->click("never", "seen", 99) > 0);
}

void TestSearch::badFilesAreNamed_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("says");
    QTest::newRow("NaN grade") << "bad.csv"
                               << "query,item,grade\na,p1,nan\n"
                               << "bad.csv:2";
    QTest::newRow("grade below 0") << "bad.csv"
                                   << "query,item,grade\na,p1,1\na,p2,-1\n"
                                   << "bad.csv:3";
    QTest::newRow("no grade column") << "bad.csv"
                                     << "query,item\na,p1\n"
                                     << "grade";
    QTest::newRow("no query column") << "bad.csv"
                                     << "words,item,grade\na,p1,2\n"
                                     << "--columns query=";
    QTest::newRow("header again") << "bad.csv"
                                  << "query,item,grade\na,p1,2\nquery,item,grade\n"
                                  << "bad.csv:3";
    QTest::newRow("compressed") << "bad.csv"
                                << "PK\x03\x04 and so on"
                                << "unzip";
    QTest::newRow("feature beyond int64") << "bad.libsvm"
                                          << "1 qid:1 99999999999999999999:2\n0 qid:1 1:3\n"
                                          << "bad.libsvm:1";
    QTest::newRow("two catalogues") << "bad.jsonl"
                                    << "{\"id\": \"p1\", \"title\": \"red shoe\"}\n"
                                    << "second catalogue";
    QTest::newRow("no item column") << "bad.csv"
                                    << "query,thing,grade\na,p1,2\n"
                                    << "item";
    QTest::newRow("header twice") << "bad.csv"
                                  << "query,item,grade,grade\na,p1,2,2\n"
                                  << "twice";
    QTest::newRow("empty") << "bad.csv"
                           << "query,item,grade\n"
                           << "no judgments";
    QTest::newRow("no clicks") << "bad.csv"
                               << "query,item,rank,clicked\na,p1,1,0\n"
                               << "clicked";
    QTest::newRow("rank 0") << "bad.csv"
                            << "query,item,rank,clicked\na,p1,0,1\n"
                            << "bad.csv:2";
    QTest::newRow("one class") << "bad.libsvm"
                               << "1 qid:1 1:2\n1 qid:2 1:3\n"
                               << "same grade";
    QTest::newRow("libsvm NaN") << "bad.libsvm"
                                << "nan qid:1 1:2\n"
                                << "bad.libsvm:1";
    QTest::newRow("libsvm value") << "bad.libsvm"
                                  << "1 qid:1 1:2\n0 qid:1 1:inf\n"
                                  << "bad.libsvm:2";
    QTest::newRow("feature twice") << "bad.libsvm"
                                   << "1 qid:1 1:2 1:3\n"
                                   << "twice";
    QTest::newRow("no queries") << "bad.libsvm"
                                << "1 1:2\n0 1:3\n"
                                << "qid";
    QTest::newRow("one query") << "bad.libsvm"
                               << "1 qid:1 1:2\n0 qid:1 1:3\n"
                               << "one query";
}

void TestSearch::badFilesAreNamed()
{
    QFETCH(QString, name);
    QFETCH(QString, text);
    QFETCH(QString, says);
    test::QuietMonitor monitor;
    TrainOrder order;
    order.train.path = write(name.toStdString(), text.toStdString());
    order.products = write("few.jsonl", "{\"id\": \"p1\", \"title\": \"red shoe\"}\n");
    const auto model = searchFamily().train(order, monitor);
    QVERIFY(!model);
    const auto error = QString::fromStdString(model.error().text());
    QVERIFY2(error.contains(says), qPrintable(error));
    // Judgments that fit, but a broken catalogue.
    order.train.path = write("good.csv", "query,item,grade\nred,p1,3\n");
    order.products = write("broken.jsonl", "{\"id\": \"p1\", \"title\": \"red\"}\n{\"id\": \n");
    const auto broken = searchFamily().train(order, monitor);
    QVERIFY(!broken);
    QVERIFY(broken.error().text().find("broken.jsonl:2") != std::string::npos);
    // One judged query is too few for a ranker, and its product may be missing: BM25 answers.
    order.products = write("few.jsonl", "{\"id\": \"p2\", \"title\": \"red shoe\"}\n");
    QVERIFY(searchFamily().train(order, monitor));
}

QTEST_GUILESS_MAIN(TestSearch)
#include "tst_search.moc"
