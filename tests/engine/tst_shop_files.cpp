// The files of a shop: what is written comes back, what is damaged is refused with the byte.

#include "engine/base/digest.h"
#include "engine/base/files.h"
#include "engine/base/random.h"
#include "engine/data/shop_files.h"

#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <fstream>
#include <functional>

using namespace engine;

class TestShopFiles : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init();
    void infoComesBack();
    void brokenInfoIsRefused_data();
    void brokenInfoIsRefused();
    void datasetComesBack();
    void emptyDatasetComesBack();
    void traceComesBack();
    void expectedComesBack();
    void popularityComesBack();
    void itemsAreATable();
    void everyCutIsRefused_data();
    void everyCutIsRefused();
    void everyFlippedByteIsRefused_data();
    void everyFlippedByteIsRefused();
    void liesWithAGoodChecksumAreRefused_data();
    void liesWithAGoodChecksumAreRefused();
    void noiseNeverCrashes();
    void otherKindsAreRefused();
    void missingFilesAreNotFound();

private:
    std::filesystem::path m_path;
    std::unique_ptr<QTemporaryDir> m_folder;
};

namespace {

const std::string kDigest(64, 'a');

Dataset sample()
{
    Dataset data;
    data.items = 3;
    data.itemIds = {"85123A", "71053", "post\tcard"};
    data.itemTitles = {"WHITE HEART", "", "two\nlines"};
    data.shopperIds = {"17850", "13047"};
    data.offsets = {0, 3, 4};
    data.events = {0, 2, 1, 2};
    data.dropped = {{"no shopper", 7}, {"cancelled or returned", 2}};
    data.linesRead = 13;
    return data;
}

std::vector<TraceRow> sampleTrace()
{
    return {{0, 2, 1, -1.25f}, {1, 0, 2, 0}};
}

/// Every binary file: how it is written and what reading it says.
struct Kind
{
    const char *name;
    std::function<void(const std::filesystem::path &)> write;
    std::function<std::optional<Error>(const std::filesystem::path &)> read;
    const char *file;
};

template <class T>
std::optional<Error> errorOf(const Result<T> &result)
{
    return result ? std::nullopt : std::optional(result.error());
}

const std::vector<Kind> &kinds()
{
    static const std::vector<Kind> all{
        {"history",
         [](const auto &folder) { QVERIFY(writeDataset(folder / "history.bin", sample())); },
         [](const auto &folder) { return errorOf(readDataset(folder / "history.bin")); },
         "history.bin"},
        {"trace",
         [](const auto &folder) { QVERIFY(writeTrace(folder / "trace.bin", sampleTrace())); },
         [](const auto &folder) { return errorOf(readTrace(folder / "trace.bin")); }, "trace.bin"},
        {"expected",
         [](const auto &folder) {
             QVERIFY(writeExpected(folder, kDigest, std::vector{0.5f, 0.0f, 1.0f}));
         },
         [](const auto &folder) { return errorOf(readExpected(folder, kDigest)); },
         "expected-aaaaaaaaaaaaaaaa.bin"},
        {"popularity",
         [](const auto &folder) {
             QVERIFY(writePopularity(folder, std::vector<std::uint32_t>{2, 0, 1}));
         },
         [](const auto &folder) { return errorOf(readPopularity(folder)); }, "popularity.bin"}};
    return all;
}

void kindRows()
{
    QTest::addColumn<std::size_t>("kind");
    for (std::size_t i = 0; i < kinds().size(); ++i)
        QTest::newRow(kinds()[i].name) << i;
}

void put(Bytes &bytes, std::size_t at, std::uint64_t value, std::size_t size)
{
    for (std::size_t i = 0; i < size; ++i)
        bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

/// Without the care for power cuts: thousands of files are written here.
void overwrite(const std::filesystem::path &path, std::span<const std::uint8_t> bytes)
{
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char *>(bytes.data()), std::ptrdiff_t(bytes.size()));
}

/// Makes the checksum right again, as one who forges a file would.
void seal(Bytes &bytes)
{
    const auto sum = sha256(std::span(bytes).first(bytes.size() - 32));
    std::copy(sum.begin(), sum.end(), bytes.end() - 32);
}

} // namespace

void TestShopFiles::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
    m_path = m_folder->path().toStdString();
}

void TestShopFiles::infoComesBack()
{
    ShopInfo info;
    info.name = "demo";
    info.source = "synthetic:demo";
    info.synthetic = "demo";
    info.seed = ~std::uint64_t{0};
    info.items = 4'000'000'000;
    info.shoppers = 5;
    info.events = 6;
    info.traceRows = 7;
    info.linesRead = 8;
    info.dropped = {{"no shopper", 9}};
    info.metrics = {{"ndcg10", 0.1234567890123}, {"popularity.ndcg10", 0.02}};
    QVERIFY(writeShopInfo(m_path, info));
    const auto back = readShopInfo(m_path);
    QVERIFY2(back, back ? "" : back.error().text().c_str());
    QCOMPARE(back->name, info.name);
    QCOMPARE(back->application, std::string("recommend"));
    QCOMPARE(back->source, info.source);
    QCOMPARE(back->synthetic, info.synthetic);
    QCOMPARE(back->seed, info.seed);
    QCOMPARE(back->items, info.items);
    QCOMPARE(back->shoppers, info.shoppers);
    QCOMPARE(back->events, info.events);
    QCOMPARE(back->traceRows, info.traceRows);
    QCOMPARE(back->linesRead, info.linesRead);
    QVERIFY(back->dropped == info.dropped);
    QVERIFY(back->metrics == info.metrics);
}

void TestShopFiles::brokenInfoIsRefused_data()
{
    QTest::addColumn<QByteArray>("content");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("no JSON") << QByteArray("{");
    QTest::newRow("a list") << QByteArray("[1]");
    QTest::newRow("no format") << QByteArray("{\"name\":\"x\"}");
    QTest::newRow("other format") << QByteArray("{\"format\":99}");
    QTest::newRow("field missing") << QByteArray("{\"format\":1,\"name\":\"x\"}");
    QTest::newRow("wrong kind") << QByteArray("{\"format\":1,\"name\":7}");
    QTest::newRow("deep") << QByteArray(100'000, '[');
    QTest::newRow("negative") << QByteArray(
        R"({"format":1,"name":"x","application":"recommend","source":"x","synthetic":"","seed":1,)"
        R"("items":-1,"shoppers":1,"events":1,"traceRows":1,"linesRead":1,"dropped":{},)"
        R"("metrics":{}})");
    QTest::newRow("path for a name") << QByteArray(
        R"({"format":1,"name":"../x","application":"recommend","source":"x","synthetic":"","seed":1,)"
        R"("items":1,"shoppers":1,"events":1,"traceRows":1,"linesRead":1,"dropped":{},)"
        R"("metrics":{}})");
}

void TestShopFiles::brokenInfoIsRefused()
{
    QFETCH(const QByteArray, content);
    QVERIFY(writeTextAtomically(m_path / "shop.json", content.toStdString()));
    const auto info = readShopInfo(m_path);
    QVERIFY(!info);
    QCOMPARE(info.error().code, ErrorCode::InvalidInput);
    QVERIFY(info.error().place.starts_with((m_path / "shop.json").string()));
}

void TestShopFiles::datasetComesBack()
{
    const auto data = sample();
    QVERIFY(writeDataset(m_path / "history.bin", data));
    const auto back = readDataset(m_path / "history.bin");
    QVERIFY2(back, back ? "" : back.error().text().c_str());
    QCOMPARE(back->items, data.items);
    QCOMPARE(back->itemIds, data.itemIds);
    QCOMPARE(back->itemTitles, data.itemTitles);
    QCOMPARE(back->shopperIds, data.shopperIds);
    QCOMPARE(back->offsets, data.offsets);
    QCOMPARE(back->events, data.events);
    QVERIFY(back->dropped == data.dropped);
    QCOMPARE(back->linesRead, data.linesRead);
    QCOMPARE(back->synthetic, data.synthetic);
}

void TestShopFiles::emptyDatasetComesBack()
{
    Dataset data;
    data.offsets = {0};
    QVERIFY(writeDataset(m_path / "history.bin", data));
    QCOMPARE(readDataset(m_path / "history.bin")->shoppers(), std::size_t{0});
    // A dataset that was never filled has no offsets at all; it is written as an empty one.
    QVERIFY(writeDataset(m_path / "history.bin", Dataset{}));
    QCOMPARE(readDataset(m_path / "history.bin")->shoppers(), std::size_t{0});
}

void TestShopFiles::traceComesBack()
{
    QVERIFY(writeTrace(m_path / "trace.bin", sampleTrace()));
    const auto back = readTrace(m_path / "trace.bin");
    QVERIFY(back);
    QCOMPARE(back->size(), std::size_t{2});
    QCOMPARE((*back)[0].h, 2u);
    QCOMPARE((*back)[0].label, 1u);
    QCOMPARE((*back)[0].logNormaliser, -1.25f);
    QCOMPARE((*back)[1].shopper, 1u);
}

void TestShopFiles::expectedComesBack()
{
    const std::vector<float> expected{0.5f, 0.0f, 1.0f};
    QVERIFY(writeExpected(m_path, kDigest, expected));
    QCOMPARE(*readExpected(m_path, kDigest), expected);
    // Another package whose digest starts alike must not be taken for it.
    const auto other = kDigest.substr(0, 32) + std::string(32, 'b');
    QCOMPARE(readExpected(m_path, other).error().code, ErrorCode::InvalidInput);
    QCOMPARE(readExpected(m_path, std::string(64, 'c')).error().code, ErrorCode::NotFound);
    QVERIFY(writeExpected(m_path, kDigest, std::vector{std::nanf("")}));
    QVERIFY(!readExpected(m_path, kDigest));
}

void TestShopFiles::popularityComesBack()
{
    const std::vector<std::uint32_t> order{2, 0, 1};
    QVERIFY(writePopularity(m_path, order));
    QCOMPARE(*readPopularity(m_path), order);
    for (const auto &bad : {std::vector<std::uint32_t>{0, 0, 1}, {0, 1, 3}}) {
        QVERIFY(writePopularity(m_path, bad));
        QVERIFY(!readPopularity(m_path));
    }
}

void TestShopFiles::itemsAreATable()
{
    QVERIFY(writeItems(m_path, sample()));
    QCOMPARE(*readText(m_path / "items.tsv", 1000),
             std::string("item\tid\ttitle\n0\t85123A\tWHITE HEART\n1\t71053\t\n"
                         "2\tpost card\ttwo lines\n"));
}

void TestShopFiles::everyCutIsRefused_data()
{
    kindRows();
}

void TestShopFiles::everyCutIsRefused()
{
    QFETCH(const std::size_t, kind);
    const auto &one = kinds()[kind];
    one.write(m_path);
    QVERIFY(!one.read(m_path));
    const auto bytes = *readFile(m_path / one.file, 1 << 20);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        overwrite(m_path / one.file, std::span(bytes).first(size));
        const auto error = one.read(m_path);
        QVERIFY(error);
        QCOMPARE(error->code, ErrorCode::InvalidInput);
        QVERIFY(error->place.starts_with((m_path / one.file).string() + ":byte "));
    }
    auto longer = bytes;
    longer.push_back(0);
    overwrite(m_path / one.file, longer);
    QVERIFY(one.read(m_path));
}

void TestShopFiles::everyFlippedByteIsRefused_data()
{
    kindRows();
}

void TestShopFiles::everyFlippedByteIsRefused()
{
    QFETCH(const std::size_t, kind);
    const auto &one = kinds()[kind];
    one.write(m_path);
    const auto bytes = *readFile(m_path / one.file, 1 << 20);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        for (const int flip : {0x01, 0x80, 0xFF}) {
            auto bad = bytes;
            bad[at] = static_cast<std::uint8_t>(bad[at] ^ flip);
            overwrite(m_path / one.file, bad);
            const auto error = one.read(m_path);
            QVERIFY2(error, qPrintable(QString::number(at)));
            QCOMPARE(error->code, ErrorCode::InvalidInput);
        }
    }
}

void TestShopFiles::liesWithAGoodChecksumAreRefused_data()
{
    QTest::addColumn<std::size_t>("kind");
    QTest::addColumn<std::size_t>("at");
    QTest::addColumn<quint64>("value");
    QTest::addColumn<std::size_t>("size");
    QTest::addColumn<QString>("text");
    const auto row = [](const char *name, std::size_t kind, std::size_t at, quint64 value,
                        std::size_t size, const char *text) {
        QTest::newRow(name) << kind << at << value << size << QString::fromLatin1(text);
    };
    // history: magic 8, items 4, synthetic 4, shoppers 8, events 8, lines 8, reasons 8, offsets 24
    // from 48, events 16 from 72.
    row("more items than names", 0, 8, ~0u, 4, "values follow");
    row("fewer items", 0, 8, 2, 4, ":byte 76: The file is damaged: event 1 names item 2 of 2");
    row("endless shoppers", 0, 16, ~0ull, 8, ":byte 48: ");
    row("too many shoppers", 0, 16, 1ull << 61, 8, ":byte 48: ");
    row("endless events", 0, 24, ~0ull, 8, ":byte ");
    row("endless reasons", 0, 40, ~0ull, 8, ":byte ");
    row("first offset", 0, 48, 1, 8, ":byte 48: The file is damaged: shopper 0 starts");
    row("offset beyond", 0, 56, 5, 8, ":byte 56: The file is damaged: shopper 1 starts");
    row("last offset short", 0, 64, 3, 8, ":byte 64: ");
    row("endless text", 0, 88, ~0u, 4, ":byte 92: ");
    row("endless trace", 1, 8, ~0ull, 8, ":byte 16: ");
    row("normaliser NaN", 1, 28, 0x7FC00000, 4, ":byte 28: ");
    row("endless expected", 2, 76, 1ull << 62, 8, ":byte 84: ");
    row("expected above 1", 2, 84, 0x40000000, 4, ":byte 84: ");
    row("item twice", 3, 20, 2, 4, ":byte 20: ");
    row("item beyond", 3, 24, 3, 4, ":byte 24: ");
}

void TestShopFiles::liesWithAGoodChecksumAreRefused()
{
    QFETCH(const std::size_t, kind);
    QFETCH(const std::size_t, at);
    QFETCH(const quint64, value);
    QFETCH(const std::size_t, size);
    QFETCH(const QString, text);
    const auto &one = kinds()[kind];
    one.write(m_path);
    auto bytes = *readFile(m_path / one.file, 1 << 20);
    put(bytes, at, value, size);
    seal(bytes);
    overwrite(m_path / one.file, bytes);
    const auto error = one.read(m_path);
    QVERIFY(error);
    QCOMPARE(error->code, ErrorCode::InvalidInput);
    const auto message = QString::fromStdString(error->text());
    QVERIFY2(message.contains(text), qPrintable(message));
}

void TestShopFiles::noiseNeverCrashes()
{
    Random random(1, 1);
    for (const auto &one : kinds()) {
        one.write(m_path);
        const auto bytes = *readFile(m_path / one.file, 1 << 20);
        for (int i = 0; i < 300; ++i) {
            auto bad = bytes;
            for (std::uint64_t hits = 1 + random.below(8); hits > 0; --hits)
                bad[8 + random.below(bad.size() - 40)] = static_cast<std::uint8_t>(random.bits());
            if (std::equal(bad.begin(), bad.end(), bytes.begin()))
                continue;
            overwrite(m_path / one.file, bad);
            QVERIFY(one.read(m_path)); // the checksum
            seal(bad);
            overwrite(m_path / one.file, bad);
            (void)one.read(m_path); // a well sealed other file may be sound
        }
    }
}

void TestShopFiles::otherKindsAreRefused()
{
    QVERIFY(writeTrace(m_path / "history.bin", sampleTrace()));
    const auto data = readDataset(m_path / "history.bin");
    QVERIFY(!data);
    QVERIFY(data.error().text().ends_with(":byte 0: This is no file of the kind DRHIST01; create "
                                          "the shop again with this version"));
}

void TestShopFiles::missingFilesAreNotFound()
{
    QCOMPARE(readShopInfo(m_path).error().code, ErrorCode::NotFound);
    QCOMPARE(readDataset(m_path / "history.bin").error().code, ErrorCode::NotFound);
    QCOMPARE(readTrace(m_path / "trace.bin").error().code, ErrorCode::NotFound);
    QCOMPARE(readPopularity(m_path).error().code, ErrorCode::NotFound);
    QVERIFY(!writeTrace(m_path / "no" / "trace.bin", sampleTrace()));
}

QTEST_GUILESS_MAIN(TestShopFiles)
#include "tst_shop_files.moc"
