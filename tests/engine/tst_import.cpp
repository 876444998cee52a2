// Importing: what is read, what is dropped and counted, what is refused and where.

#include "engine/data/csv_reader.h"
#include "engine/data/field.h"
#include "engine/data/importer.h"
#include "engine/data/split.h"

#include <QTemporaryDir>
#include <QtTest>
#include <fstream>
#include <numeric>
#include <sys/stat.h>

using namespace engine;

class TestImport : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void brokenFilesAreRefused_data();
    void brokenFilesAreRefused();
    void oddButSoundFilesAreRead_data();
    void oddButSoundFilesAreRead();
    void uselessLinesAreDroppedAndCounted();
    void codesOfOtherShopsAreKept();
    void orderIsByTime();
    void repeatsCollapse();
    void pairsAndListsAreRead();
    void longLinesStopEarly();
    void badPlacesAreRefused();
    void columnsAreParsed_data();
    void columnsAreParsed();
    void timesAreRead_data();
    void timesAreRead();
    void identifiersSurviveSpreadsheets();
    void damagedTextBecomesClean();
    void repeatsGiveNoTraceRow();
    void progressReachesTheEnd();
    void retail();

private:
    std::filesystem::path file(const QByteArray &content);
    QTemporaryDir m_folder;
};

namespace {

constexpr const char *kBase = "user,item\n";

Result<Dataset> import(const std::filesystem::path &path, const QString &format = {},
                       const QString &columns = {})
{
    ImportOptions options;
    options.format = *importFormat(format.isEmpty() ? "csv" : format.toStdString());
    options.columns = *parseColumns(columns.toStdString());
    return importFile(path, options);
}

/// "shopper: item item; shopper: item", by outside names.
QString textOf(const Dataset &data)
{
    QString text;
    for (std::size_t shopper = 0; shopper < data.shoppers(); ++shopper) {
        text += (text.isEmpty() ? QString() : QStringLiteral("; "))
                + QString::fromStdString(data.shopperIds[shopper]) + QLatin1Char(':');
        for (const auto item : data.of(shopper))
            text += QLatin1Char(' ') + QString::fromStdString(data.itemIds[item]);
    }
    return text;
}

} // namespace

std::filesystem::path TestImport::file(const QByteArray &content)
{
    const std::filesystem::path path = m_folder.path().toStdString() + "/in.txt";
    std::ofstream(path, std::ios::binary) << content.toStdString();
    return path;
}

void TestImport::brokenFilesAreRefused_data()
{
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QString>("format");
    QTest::addColumn<QString>("columns");
    QTest::addColumn<QString>("text"); // after the path

    const auto row = [](const char *name, const QByteArray &content, const char *text,
                        const char *format = "csv", const char *columns = "") {
        QTest::newRow(name) << content << QString::fromLatin1(format)
                            << QString::fromLatin1(columns) << QString::fromLatin1(text);
    };
    row("empty", "", ":1:1: The file is empty");
    row("mark only", "\xEF\xBB\xBF", ":1:1: The file is empty");
    row("header only", kBase, ": No line can be used; there is only a header");
    row("empty header", "\nuser,item\n",
        ":1:1: The first line is empty; a CSV starts with its column names");
    row("missing column", "a,b\n1,2\n",
        ":1:1: There is no column \"user\" for the role user; the columns are a, b; say which one "
        "it is with --columns user=NAME");
    row("missing named column", "who,item\n1,2\n",
        ":1:1: There is no column \"Who\" for the role user; the columns are who, item; did you "
        "mean who?",
        "csv", "user=Who");
    row("missing optional column", "user,item\n1,2\n",
        ":1:1: There is no column \"When\" for the role time; the columns are user, item", "csv",
        "time=When");
    row("column twice", "user,item,user\n1,2,3\n",
        ":1:1: The column \"user\" stands twice in the header");
    row("unused role", "user,item\n1,2\n",
        "The role \"query\" is not used for events; the roles are user, item, time, value, price, "
        "title, order",
        "csv", "query=item");
    row("open quote", QByteArray(kBase) + "1,\"2\n3,4\n",
        ":2:3: The quote that opens here is never closed");
    row("open quote in the header", "user,\"item\n1,2\n",
        ":1:1: A quote in the header is not closed");
    row("open quote swallows", QByteArray(kBase) + "1,\"" + QByteArray(2 << 20, 'x') + "\"\n",
        ":2:3: The quote that opens here is not closed within 1048576 bytes");
    row("text after a quote", QByteArray(kBase) + "1,\"2\"3\n",
        ":2:6: After a closing quote a separator or the end of the line must follow; write a quote "
        "inside a quoted field twice");
    row("NUL", QByteArray(kBase) + QByteArray("1,2\n3,\0004\n", 9),
        ":3:3: The file holds a NUL byte; it is no text, or it is damaged");
    row("NUL in quotes", QByteArray(kBase) + QByteArray("\"1\0\",2\n", 7),
        ":2:3: The file holds a NUL byte; it is no text, or it is damaged");
    row("long line", QByteArray(kBase) + "1,2\n" + QByteArray(2 << 20, 'x'),
        ":3:1: The row that starts here is longer than 1048576 bytes; is this a CSV with one row "
        "per line?");
    row("gzip", "\x1F\x8B\x08", ":1:1: The file is compressed (gzip); unpack it first: gunzip");
    row("UTF-16", "\xFF\xFEu", ":1:1: The file is UTF-16; save it as UTF-8");
    row("nothing usable", QByteArray(kBase) + "1\n,2\n",
        ": No line can be used; 2 lines dropped: 1 no shopper, 1 wrong number of fields");
    row("lists as pairs", "1 2\n1 2 3 4\n",
        ":2:1: A line of pairs is \"user item [time]\", but this one has 4 words; if these are "
        "items, use --format lists",
        "pairs");
    row("time sometimes", "1 2 3\n1 2\n",
        ":2:1: Some lines have a time and some have none; give all of them one", "pairs");
    row("NUL in pairs", QByteArray("1 2\n\0 3\n", 8),
        ":2:1: The file holds a NUL byte; it is no text, or it is damaged", "pairs");
    row("long line of pairs", "1 2\n" + QByteArray(2 << 20, 'x'),
        ":2:1: This line is longer than 1048576 bytes", "pairs");
    row("only a shopper", "7\n", ": No line can be used; 1 line dropped: 1 no item", "lists");
}

void TestImport::brokenFilesAreRefused()
{
    QFETCH(const QByteArray, content);
    QFETCH(const QString, format);
    QFETCH(const QString, columns);
    QFETCH(const QString, text);
    const auto path = file(content);
    const auto data = import(path, format, columns);
    QVERIFY(!data);
    QCOMPARE(data.error().code, ErrorCode::InvalidInput);
    auto message = QString::fromStdString(data.error().text());
    if (message.startsWith(QString::fromStdString(path.string())))
        message.remove(0, qsizetype(path.string().size()));
    QCOMPARE(message, text);
}

void TestImport::oddButSoundFilesAreRead_data()
{
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QString>("text");
    const auto row = [](const char *name, const QByteArray &content, const char *text) {
        QTest::newRow(name) << content << QString::fromLatin1(text);
    };
    row("plain", "user,item\n1,2\n", "1: 2");
    row("no end of line", "user,item\n1,2", "1: 2");
    row("byte order mark", "\xEF\xBB\xBFuser,item\n1,2\n", "1: 2");
    row("CRLF", "user,item\r\n1,2\r\n1,3\r\n", "1: 2 3");
    row("quoted header", "\"user\",\"item\"\n1,2\n", "1: 2");
    row("quoted later in the header", "user,\"x,y\",item\n1,0,2\n", "1: 2");
    row("separator in quotes", "user,item\n1,\"a,b\"\n", "1: a,b");
    row("quote in quotes", "user,item\n1,\"a\"\"b\"\n", "1: a\"b");
    row("line in quotes", "user,item,title\n1,2,\"a\nb\"\n1,3,c\n", "1: 2 3");
    row("quote inside", "user,item\n1,12\" pan\n", "1: 12\" pan");
    row("semicolons", "user;item\n1;2\n", "1: 2");
    row("tabs", "user\titem\n1\t2\n", "1: 2");
    row("empty lines", "user,item\n\n1,2\n\n\n", "1: 2");
    row("other columns", "x,item,y,user\n,2,,1\n", "1: 2");
    row("spaces", "user, item\n1, 2 \n", "1: 2");
    row("big numbers", "user,item\n99999999999999999999999,18446744073709551616\n",
        "99999999999999999999999: 18446744073709551616");
    row("spreadsheet", "user,item\n17850.0,2\n17850,3\n", "17850: 2 3");
}

void TestImport::oddButSoundFilesAreRead()
{
    QFETCH(const QByteArray, content);
    QFETCH(const QString, text);
    const auto data = import(file(content));
    QVERIFY2(data, data ? "" : data.error().text().c_str());
    QCOMPARE(textOf(*data), text);
    QCOMPARE(data->itemIds.size(), std::size_t{data->items});
    QCOMPARE(data->itemTitles.size(), std::size_t{data->items});
}

void TestImport::uselessLinesAreDroppedAndCounted()
{
    QByteArray content = "order,item,title,value,time,price,user\n";
    for (int i = 0; i < 40; ++i)
        content += "1,1000" + QByteArray::number(i) + ",good,1,2011-01-01 10:00,1.5,7.0\n";
    content += "C2,10000,back,-1,2011-01-02 10:00,1.5,7.0\n" // cancelled
               "3,10000,back,-1,2011-01-02 10:00,1.5,7.0\n"  // returned
               "4,10000,who,1,2011-01-02 10:00,1.5,\n"       // no shopper
               "5,,what,1,2011-01-02 10:00,1.5,7.0\n"        // no item
               "6,10000,free,1,2011-01-02 10:00,0.0,7.0\n"   // price
               "6,10000,free,1,2011-01-02 10:00,\"1,5\",7\n" // price
               "7,10000,odd,many,2011-01-02 10:00,1.5,7.0\n" // value
               "8,10000,late,1,2011-02-30 10:00,1.5,7.0\n"   // time
               "9,POST,post,1,2011-01-02 10:00,1.5,7.0\n"    // no goods
               "order,item,title,value,time,price,user\n"    // header
               "10,10000,short\n"                            // fields
               "\n";                                         // empty
    const auto data = import(file(content));
    QVERIFY2(data, data ? "" : data.error().text().c_str());
    QCOMPARE(data->linesRead, std::uint64_t{52});
    QCOMPARE(data->events.size(), std::size_t{40});
    QCOMPARE(QString::fromStdString(droppedText(*data)),
             QStringLiteral("12 lines dropped: 2 cancelled or returned, "
                            "2 price not above 0, or no number, 1 empty line, "
                            "1 no goods (the code does not start with a digit), 1 no item, "
                            "1 no shopper, 1 the header again, 1 time cannot be read, "
                            "1 value is no number, 1 wrong number of fields"));
    QCOMPARE(QString::fromStdString(data->itemTitles[0]), QStringLiteral("good"));
}

void TestImport::codesOfOtherShopsAreKept()
{
    // Where the goods themselves have codes of letters, letters are no sign of anything.
    const auto named = import(file("order,user,item\n1,a,MUG\n1,a,POST\n2,b,12\n"));
    QCOMPARE(textOf(*named), QStringLiteral("a: MUG POST; b: 12"));
    // And without invoices there is no such rule at all.
    QByteArray content = kBase;
    for (int i = 0; i < 40; ++i)
        content += "a," + QByteArray::number(i) + "\n";
    content += "a,POST\n";
    QCOMPARE(import(file(content))->events.size(), std::size_t{41});
}

void TestImport::orderIsByTime()
{
    const auto data = import(file("user,item,time\n1,c,2011-03-01\n2,x,5\n1,a,2010-12-01 "
                                  "08:26:00\n1,b,2010-12-01 08:26:00\n"));
    QCOMPARE(textOf(*data), QStringLiteral("1: a b c; 2: x"));
}

void TestImport::repeatsCollapse()
{
    const auto orders = import(file("user,item,order\n1,5,A\n1,6,A\n1,5,A\n1,5,B\n2,5,A\n"));
    QCOMPARE(textOf(*orders), QStringLiteral("1: 5 6 5; 2: 5"));
    QCOMPARE(orders->dropped.at("same item again in one order"), std::uint64_t{1});
    const auto clicks = import(file("user,item\n1,5\n1,5\n1,6\n1,5\n"));
    QCOMPARE(textOf(*clicks), QStringLiteral("1: 5 6 5"));
    QCOMPARE(clicks->dropped.at("same item again at once"), std::uint64_t{1});
}

void TestImport::pairsAndListsAreRead()
{
    QCOMPARE(textOf(*import(file("1 5\n2\t6\n1 7\n"), QStringLiteral("pairs"))),
             QStringLiteral("1: 5 7; 2: 6"));
    QCOMPARE(textOf(*import(file("1 5 20\r\n2 6 0\r\n1 7 10\r\n"), QStringLiteral("pairs"))),
             QStringLiteral("1: 7 5; 2: 6"));
    const auto lists = import(file("1 5 6 7\n\n2 6 5\n1 9\n"), QStringLiteral("lists"));
    QCOMPARE(textOf(*lists), QStringLiteral("1: 5 6 7 9; 2: 6 5"));
    QCOMPARE(lists->linesRead, std::uint64_t{4});
    QCOMPARE(lists->dropped.at("empty line"), std::uint64_t{1});
}

void TestImport::longLinesStopEarly()
{
    // 64 MB without an end of line; a reader that collects the line first would take them all.
    auto csv = CsvReader::open(file(QByteArray(kBase) + QByteArray(64 << 20, 'x')), 1 << 20);
    QVERIFY(csv);
    std::vector<std::string> row;
    QVERIFY(!csv->next(row));
    QVERIFY(csv->source().bytesRead() < 2 << 20);
}

void TestImport::badPlacesAreRefused()
{
    const std::filesystem::path folder = m_folder.path().toStdString();
    QCOMPARE(import(folder / "nowhere").error().code, ErrorCode::NotFound);
    QVERIFY(import(folder).error().text().ends_with(": This is a folder; name one file in it"));
    const auto fifo = folder / "fifo";
    QCOMPARE(::mkfifo(fifo.c_str(), 0600), 0);
    QVERIFY(import(fifo).error().text().ends_with(": This is not a regular file"));
    QVERIFY(!import("/dev/zero"));
}

void TestImport::columnsAreParsed_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("error");
    QTest::newRow("good") << QStringLiteral("user=A, item=B b,time=C=c") << QString();
    QTest::newRow("none") << QString() << QString();
    QTest::newRow("no equals") << QStringLiteral("user")
                               << QStringLiteral("\"user\" in --columns is not role=name");
    QTest::newRow("no name") << QStringLiteral("user=,item=B")
                             << QStringLiteral("\"user=\" in --columns is not role=name");
    QTest::newRow("unknown") << QStringLiteral("customer=A")
                             << QStringLiteral("There is no role \"customer\"; use user, item, "
                                               "time, value, price, title, order");
    QTest::newRow("twice") << QStringLiteral("user=A,user=B")
                           << QStringLiteral("The role \"user\" is given twice in --columns");
}

void TestImport::columnsAreParsed()
{
    QFETCH(const QString, text);
    QFETCH(const QString, error);
    const auto columns = parseColumns(text.toStdString());
    QCOMPARE(columns ? QString() : QString::fromStdString(columns.error().text()), error);
    if (columns && !columns->empty()) {
        QCOMPARE(columns->at("item"), std::string("B b"));
        QCOMPARE(columns->at("time"), std::string("C=c"));
    }
    QCOMPARE(importFormat("gz").error().code, ErrorCode::Usage);
    QCOMPARE(import(file("1 2\n"), QStringLiteral("pairs"), QStringLiteral("user=a")).error().code,
             ErrorCode::Usage);
}

void TestImport::timesAreRead_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<bool>("good");
    QTest::addColumn<double>("time");
    const auto row = [](const char *text, bool good, double time = 0) {
        QTest::newRow(text) << QString::fromLatin1(text) << good << time;
    };
    row("1291191960", true, 1291191960);
    row("-1.5", true, -1.5);
    row("1970-01-02", true, 86400e6);
    row("1970/01/02", true, 86400e6);
    row("1970-01-01 00:01", true, 60e6);
    row("1970-01-01T00:00:01.5Z", true, 1.5e6);
    row("1970-01-01T01:00:00+01:00", true, 0);
    row("1969-12-31T19:00:00-0500", true, 0);
    row("2010-12-01 08:26:00", true, 1291191960e6);
    row("", false);
    row("12/1/2010 8:26", false);
    row("2011-02-29", false);
    row("2010-13-01", false);
    row("2010-12-01 25:00", false);
    row("2010-12-01x", false);
    row("2010-12-01 08:26:00.", false);
    row("nan", false);
    row("inf", false);
    row("1e999", false);
}

void TestImport::timesAreRead()
{
    QFETCH(const QString, text);
    QFETCH(const bool, good);
    QFETCH(const double, time);
    const auto read = timeOf(text.toStdString());
    QCOMPARE(read.has_value(), good);
    QCOMPARE(read.value_or(0), time);
}

void TestImport::identifiersSurviveSpreadsheets()
{
    const std::pair<const char *, const char *> rows[] = {{"17850.0", "17850"}, {" 12.00 ", "12"},
                                                          {"12.5", "12.5"},     {".0", ".0"},
                                                          {"12.", "12."},       {"a.0", "a.0"}};
    for (const auto &[in, out] : rows)
        QCOMPARE(std::string(identifier(in)), std::string(out));
}

void TestImport::damagedTextBecomesClean()
{
    QCOMPARE(cleanText(" a\tb\x01"), std::string("a b "));
    QCOMPARE(cleanText("caf\xE9"), std::string("caf\xEF\xBF\xBD"));
    QCOMPARE(cleanText("caf\xC3\xA9"), std::string("caf\xC3\xA9"));
    QCOMPARE(cleanText("\xED\xA0\x80"), std::string("\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"));
    const auto data = import(file("user,item,title\n1,2,\n1,3,\xFF\n2,2,later\n"));
    QCOMPARE(data->itemTitles[0], std::string("later"));
    QCOMPARE(data->itemTitles[1], std::string("\xEF\xBF\xBD"));
}

void TestImport::repeatsGiveNoTraceRow()
{
    // Lists leave the history out, so a label that was taken before could never be earned.
    const auto data = import(file("1 a b c d b e\n2 a b c d e\n"), QStringLiteral("lists"));
    const auto split = splitByTime(*data);
    QCOMPARE(split.test.size(), std::size_t{3});
    QCOMPARE(split.test[0].shopper, 0u);
    QCOMPARE(split.test[0].h, 5u);
    QCOMPARE(split.test[1].shopper, 1u);
}

void TestImport::progressReachesTheEnd()
{
    QByteArray content;
    for (int i = 0; i < 100'000; ++i)
        content += QByteArray::number(i) + " 5\n";
    ImportOptions options;
    options.format = ImportFormat::Pairs;
    std::vector<std::uint64_t> seen;
    options.progress = [&seen](std::uint64_t done, std::uint64_t total) {
        QVERIFY(done <= total);
        seen.push_back(done);
    };
    QVERIFY(importFile(file(content), options));
    QVERIFY(seen.size() > 3);
    QVERIFY(std::is_sorted(seen.begin(), seen.end()));
    QCOMPARE(seen.back(), std::uint64_t(content.size()));
}

// DRILLROOM_DATA = folder with the unpacked data sets.
void TestImport::retail()
{
    const auto folder = qEnvironmentVariable("DRILLROOM_DATA");
    const std::filesystem::path path = folder.toStdString() + "/retail/transactions.csv";
    if (folder.isEmpty() || !std::filesystem::exists(path))
        QSKIP("DRILLROOM_DATA does not name a folder with retail/transactions.csv");
    const auto data = import(path, {},
                             QStringLiteral("user=CustomerID,item=StockCode,time=InvoiceDate,value="
                                            "Quantity,price=UnitPrice,title=Description,"
                                            "order=InvoiceNo"));
    QVERIFY2(data, data ? "" : data.error().text().c_str());
    QCOMPARE(data->linesRead, std::uint64_t{370'931});
    QCOMPARE(data->dropped.at("cancelled or returned"), std::uint64_t{7'675});
    const auto dropped =
        std::accumulate(data->dropped.begin(), data->dropped.end(), std::uint64_t{0},
                        [](std::uint64_t sum, const auto &reason) { return sum + reason.second; });
    QCOMPARE(data->events.size() + dropped, std::size_t{370'931});
    QVERIFY(data->shoppers() > 3'500 && data->shoppers() <= 3'658);
    QVERIFY(std::find(data->itemIds.begin(), data->itemIds.end(), "POST") == data->itemIds.end());
    QCOMPARE(data->shopperIds.front(), std::string("17850"));
    QVERIFY(splitByTime(*data).test.size() > 4'000);
}

QTEST_GUILESS_MAIN(TestImport)
#include "tst_import.moc"
