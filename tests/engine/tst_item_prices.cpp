// Prices of a shop: read from the column of a file, the same after the way to disk, hostile files
// refused.

#include "engine/base/files.h"
#include "engine/data/item_prices.h"

#include <QTemporaryDir>
#include <QtTest>
#include <cmath>

using namespace engine;

class TestItemPrices : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void theMedianOfEachItem();
    void noColumnNoPrices();
    void theSameAfterTheWayToDisk();
    void hostileFilesAreRefused();

private:
    [[nodiscard]] std::filesystem::path file(const char *text)
    {
        const auto path = folder() / "in.csv";
        (void)writeTextAtomically(path, text);
        return path;
    }
    [[nodiscard]] std::filesystem::path folder() const { return m_folder.path().toStdString(); }
    QTemporaryDir m_folder;
};

void TestItemPrices::theMedianOfEachItem()
{
    const auto path = file("who,what,cost\n"
                           "1,a,2\n1,a,900\n1,a,2.5\n2,b,7\n2,a,2\n"
                           "3,b,-1\n3,b,none\n3,b\n4,c,x\n");
    ImportOptions options;
    options.columns = {{"user", "who"}, {"item", "what"}, {"price", "cost"}};
    Dataset data;
    data.items = 3;
    data.itemIds = {"a", "b", "c"};
    const auto prices = importPrices(path, options, data);
    QVERIFY2(prices, prices ? "" : prices.error().text().c_str());
    QCOMPARE(*prices, (std::vector<float>{2.5f, 7, 0})); // nobody knows what c costs
}

void TestItemPrices::noColumnNoPrices()
{
    const auto path = file("user,item\n1,a\n");
    Dataset data;
    data.items = 1;
    data.itemIds = {"a"};
    ImportOptions options;
    auto prices = importPrices(path, options, data);
    QVERIFY(prices && prices->empty());
    options.format = ImportFormat::Pairs;
    prices = importPrices(path, options, data);
    QVERIFY(prices && prices->empty());
    QVERIFY(writePrices(folder(), std::vector<float>{0, 0}));
    QVERIFY(!std::filesystem::exists(folder() / "prices.bin"));
    prices = readPrices(folder());
    QVERIFY(prices && prices->empty());
}

void TestItemPrices::theSameAfterTheWayToDisk()
{
    const std::vector<float> given{0, 1.5f, 1e6f, 0.01f};
    QVERIFY(writePrices(folder(), given));
    const auto read = readPrices(folder());
    QVERIFY(read);
    QCOMPARE(*read, given);
}

void TestItemPrices::hostileFilesAreRefused()
{
    for (const float bad : {-1.0f, std::nanf(""), INFINITY}) {
        QVERIFY(writePrices(folder(), std::vector<float>{3, bad}));
        const auto read = readPrices(folder());
        QVERIFY(!read);
        QVERIFY(read.error().text().find("item 1") != std::string::npos);
    }
    QVERIFY(writePrices(folder(), std::vector<float>{3, 4}));
    auto bytes = *readFile(folder() / "prices.bin", 1 << 20);
    bytes[20] ^= 1;
    QVERIFY(writeFileAtomically(folder() / "prices.bin", bytes));
    QVERIFY(!readPrices(folder()));
    QVERIFY(writeTextAtomically(folder() / "prices.bin", "no prices"));
    QVERIFY(!readPrices(folder()));
}

QTEST_GUILESS_MAIN(TestItemPrices)
#include "tst_item_prices.moc"
