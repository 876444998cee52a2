// Full-ranking evaluation, its intervals and segments, and what recommenders do with files: proven
// with the popularity family, whose figures can be worked out by hand.

#include "engine/base/files.h"
#include "engine/base/random.h"
#include "engine/scoring/open_scorer.h"
#include "engine/training/bootstrap.h"
#include "engine/training/evaluate.h"
#include "engine/training/families.h"
#include "engine/training/rank_metrics.h"
#include "tests/support/quiet_monitor.h"

#include <QTemporaryDir>
#include <QtTest>
#include <algorithm>
#include <cmath>

using namespace engine;

class TestEvaluate : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void onePassRanksLikeOneByOne();
    void missedItemsCount();
    void intervalsHoldTheMean();
    void formatIsToldFromTheFile_data();
    void formatIsToldFromTheFile();
    void handMadeCase();
    void threadsChangeNothing();
    void unknownShoppersAndItems();
    void leakIsCounted();
    void validHasTheSameIds();
    void recommendLists();
    void namesWithSpacesGetTabs();
    void stopLeavesNothing();
    void otherKindsOfAnswersAreRefused();

private:
    std::filesystem::path write(const char *name, const QByteArray &text)
    {
        const auto path = std::filesystem::path(m_folder.path().toStdString()) / name;
        QFile file(QString::fromStdString(path.string()));
        [&] { QVERIFY(file.open(QIODevice::WriteOnly)); }();
        file.write(text);
        return path;
    }
    /// A popularity package of a training file, read back as a replica would.
    Result<Package> train(const InputFile &file, std::optional<InputFile> valid = {})
    {
        TrainOrder order;
        order.train = file;
        order.valid = std::move(valid);
        auto model = popularity().train(order, m_monitor);
        if (!model)
            return tl::unexpected(model.error());
        model->manifest.version = "1";
        std::vector<TensorSource> tensors;
        for (const auto &tensor : model->tensors)
            tensors.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.data});
        const std::filesystem::path home = m_folder.path().toStdString();
        const auto key = SigningKey::loadOrCreate(home / "keys" / "key");
        if (!key)
            return tl::unexpected(key.error());
        const auto folder = home / ("p" + std::to_string(++m_packages));
        const auto digest = writePackage(folder, model->manifest, tensors, *key, model->files);
        if (!digest)
            return tl::unexpected(digest.error());
        PackagePolicy policy;
        policy.trusted = key->publicKey();
        return readPackage(folder, policy);
    }
    static const Family &popularity() { return **familyNamed("popularity"); }
    QByteArray read(const std::filesystem::path &path)
    {
        QFile file(QString::fromStdString(path.string()));
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray("(not there)");
    }

    QTemporaryDir m_folder;
    test::QuietMonitor m_monitor;
    int m_packages = 0;
};

void TestEvaluate::onePassRanksLikeOneByOne()
{
    Random random(1, 2);
    for (int round = 0; round < 200; ++round) {
        // Few labels and many are ranked in different ways.
        const std::size_t count = round % 2 == 0 ? 30 : 301;
        std::vector<float> scores(count);
        for (auto &score : scores)
            score = random.below(20) == 0 ? NAN : static_cast<float>(random.below(8));
        std::vector<std::int64_t> masked;
        std::vector<std::uint32_t> labels;
        for (std::size_t i = 0; i < count; ++i) {
            if (random.below(4) == 0)
                masked.push_back(static_cast<std::int64_t>(i));
            else if (random.below(3) == 0)
                labels.push_back(static_cast<std::uint32_t>(i));
        }
        const auto ranks = ranksAgainstModel(scores, masked, labels);
        QCOMPARE(ranks.size(), labels.size());
        for (std::size_t l = 0; l < labels.size(); ++l) {
            std::size_t rank = 0;
            for (std::size_t i = 0; i < count; ++i) {
                const bool isMasked =
                    std::binary_search(masked.begin(), masked.end(), static_cast<std::int64_t>(i));
                rank += !isMasked && !(scores[i] < scores[labels[l]]) ? 1 : 0;
            }
            QCOMPARE(ranks[l], rank);
            QCOMPARE(rankAgainstModel(scores, masked, labels[l]), rank);
        }
    }
}

void TestEvaluate::missedItemsCount()
{
    const auto whole = rankMetrics({1});
    QCOMPARE(whole[0], 1.0); // ndcg@10
    QCOMPARE(whole[6], 1.0); // mrr
    const auto half = rankMetrics({1}, 1);
    QCOMPARE(half[2], 0.5); // recall@10
    QVERIFY(std::abs(half[0] - 1 / (1 + 1 / std::log2(3.0))) < 1e-12);
    for (const auto value : rankMetrics({}, 3))
        QCOMPARE(value, 0.0);
}

void TestEvaluate::intervalsHoldTheMean()
{
    Random random(3, 4);
    std::vector<double> rows(2 * 4000);
    for (std::size_t i = 0; i < rows.size(); i += 2) {
        rows[i] = random.uniform();
        rows[i + 1] = 5;
    }
    const auto intervals = bootstrapMeans(rows, 2, 1, 1);
    QCOMPARE(intervals.size(), std::size_t{2});
    // Standard error of a uniform mean: sqrt(1/12/4000) = .00456; 95 % = +- 1.96 of it.
    const double width = intervals[0].high - intervals[0].low;
    QVERIFY2(std::abs(width - 2 * 1.96 * 0.004564) < 0.003, std::to_string(width).c_str());
    QVERIFY(intervals[0].low < 0.5 + 0.01 && intervals[0].high > 0.5 - 0.01);
    QCOMPARE(intervals[1].low, 5.0);
    QCOMPARE(intervals[1].high, 5.0);
    const auto threaded = bootstrapMeans(rows, 2, 1, 3);
    QCOMPARE(threaded[0].low, intervals[0].low);
    QVERIFY(bootstrapMeans(rows, 2, 2, 1)[0].low != intervals[0].low);
}

void TestEvaluate::formatIsToldFromTheFile_data()
{
    QTest::addColumn<QByteArray>("name");
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<int>("format");
    const auto pairs = static_cast<int>(ImportFormat::Pairs);
    const auto lists = static_cast<int>(ImportFormat::Lists);
    const auto csv = static_cast<int>(ImportFormat::Csv);
    QTest::newRow("pairs") << QByteArray("a.txt") << QByteArray("1 2\n1 3\n2 9\n") << pairs;
    QTest::newRow("timed") << QByteArray("b.txt") << QByteArray("1 2 7\n1 3 8\n") << pairs;
    QTest::newRow("three words, no time")
        << QByteArray("g.txt") << QByteArray("1 a b\n2 b c\n") << lists;
    QTest::newRow("three numbers, each user once")
        << QByteArray("h.txt") << QByteArray("1 2 7\n2 3 9\n") << lists;
    QTest::newRow("three numbers, a second of time")
        << QByteArray("i.txt") << QByteArray("1 2 964982703\n2 3 964982931\n") << pairs;
    QTest::newRow("lists") << QByteArray("c.txt") << QByteArray("1 2 7 8\n2 3\n") << lists;
    QTest::newRow("two and three") << QByteArray("d.txt") << QByteArray("1 2 7\n2 3\n") << lists;
    QTest::newRow("a name") << QByteArray("e.csv") << QByteArray("user item\n1 2\n") << csv;
    QTest::newRow("commas") << QByteArray("f.dat") << QByteArray("user,item\n1,2\n") << csv;
}

void TestEvaluate::formatIsToldFromTheFile()
{
    QFETCH(QByteArray, name);
    QFETCH(QByteArray, text);
    QFETCH(int, format);
    const auto told = toldFormat(write(name.constData(), text), "");
    QVERIFY(told);
    QCOMPARE(static_cast<int>(*told), format);
    QCOMPARE(static_cast<int>(*toldFormat("nowhere", "lists")),
             static_cast<int>(ImportFormat::Lists));
}

void TestEvaluate::handMadeCase()
{
    // Counts: a 3, b 2, c 1, d 1.
    const InputFile train{write("train", "u a b c\nv a b d\nw a\n"), "lists", {}};
    const auto package = this->train(train);
    QVERIFY2(package, package ? "" : package.error().text().c_str());
    EvalOrder order;
    order.train = train;
    // u: d is left alone, rank 1. w: c ties with d behind b, so rank 3; b rank 1.
    order.test = {write("test", "u d\nw b c\n"), "lists", {}};
    const auto result = popularity().evaluate(*package, order, m_monitor);
    QVERIFY2(result, result ? "" : result.error().text().c_str());
    QCOMPARE(result->users, std::size_t{2});
    const double second = (1 + 1 / std::log2(4.0)) / (1 + 1 / std::log2(3.0));
    QVERIFY(std::abs(result->metrics.at("ndcg@10") - (1 + second) / 2) < 1e-12);
    QCOMPARE(result->metrics.at("recall@20"), 1.0);
    QCOMPARE(result->metrics.at("mrr"), 1.0);
    QCOMPARE(result->metrics.at("coverage@20"), 0.75); // a is everybody's, and masked
    QCOMPARE(result->segments.at("cold").users, std::size_t{2});
    QCOMPARE(result->segments.at("torso").users, std::size_t{1}); // b
    QCOMPARE(result->segments.at("tail").users, std::size_t{2});
    QVERIFY(!result->segments.contains("head"));
    QVERIFY(result->intervals.at("ndcg@10").low <= result->metrics.at("ndcg@10"));
}

void TestEvaluate::threadsChangeNothing()
{
    QByteArray train, test;
    Random random(5, 6);
    for (int user = 0; user < 300; ++user) {
        train += "u" + QByteArray::number(user);
        test += "u" + QByteArray::number(user);
        // Six different items at least, so that nobody is cold.
        for (int i = 0; i < 8; ++i)
            (i < 6 ? train : test) +=
                " i"
                + QByteArray::number(qulonglong(15 * static_cast<unsigned>(i % 6))
                                     + qulonglong(random.below(15)));
        train += '\n';
        test += '\n';
    }
    const InputFile file{write("many", train), "lists", {}};
    const auto package = this->train(file);
    QVERIFY(package);
    EvalOrder order;
    order.train = file;
    order.test = {write("many-test", test), "lists", {}};
    const auto one = popularity().evaluate(*package, order, m_monitor);
    order.threads = 3;
    const auto three = popularity().evaluate(*package, order, m_monitor);
    QVERIFY(one && three);
    QVERIFY(one->metrics == three->metrics);
    QVERIFY(one->standardErrors == three->standardErrors);
    QCOMPARE(one->intervals.at("mrr").high, three->intervals.at("mrr").high);
    QCOMPARE(one->segments.size(), std::size_t{3}); // nobody is cold
}

void TestEvaluate::unknownShoppersAndItems()
{
    const InputFile train{write("known", "u a b\nv a\n"), "lists", {}};
    const auto package = this->train(train);
    QVERIFY(package);
    EvalOrder order;
    order.train = train;
    // x is new: the list of best-sellers, a first. u's only test item is unknown: missed, not left
    // out.
    order.test = {write("unknown", "x a\nu zzz\nv b yyy\n"), "lists", {}};
    const auto result = popularity().evaluate(*package, order, m_monitor);
    QVERIFY(result);
    QCOMPARE(result->users, std::size_t{3});
    QCOMPARE(result->counts.at("users without a history"), std::uint64_t{1});
    QCOMPARE(result->counts.at("unknown test items"), std::uint64_t{2});
    QVERIFY(std::abs(result->metrics.at("recall@10") - (1 + 0 + 0.5) / 3) < 1e-12);
    order.train.reset();
    const auto without = popularity().evaluate(*package, order, m_monitor);
    QVERIFY(!without);
    QVERIFY(without.error().message.find("--train") != std::string::npos);
}

void TestEvaluate::leakIsCounted()
{
    const InputFile train{write("leak-train", "u a b c\nv a c\n"), "lists", {}};
    const auto package = this->train(train);
    QVERIFY(package);
    EvalOrder order;
    order.train = train;
    order.test = {write("leak-test", "u a b\nv a b\n"), "lists", {}};
    test::QuietMonitor monitor;
    const auto result = popularity().evaluate(*package, order, monitor);
    QVERIFY(result);
    QCOMPARE(result->users, std::size_t{1});
    QCOMPARE(result->counts.at("test items already in the history"), std::uint64_t{3});
    QVERIFY(!monitor.notes.empty() && monitor.notes.back().starts_with("warning: 3 pairs"));
    order.test = {write("all-leaked", "u a b\n"), "lists", {}};
    const auto none = popularity().evaluate(*package, order, monitor);
    QVERIFY(!none);
    QVERIFY(none.error().message.starts_with("Nothing is left to judge"));
}

void TestEvaluate::validHasTheSameIds()
{
    const InputFile train{write("tv", "u a b\nv a\n"), "lists", {}};
    test::QuietMonitor monitor;
    TrainOrder order;
    order.train = train;
    order.valid = InputFile{write("va", "u c a\nq b\n"), "lists", {}};
    const auto fine = popularity().train(order, monitor);
    QVERIFY(fine);
    QCOMPARE(monitor.notes.size(), std::size_t{3}); // an item, a shopper, a pair in both
    order.valid = InputFile{write("vb", "q z\n"), "lists", {}};
    const auto foreign = popularity().train(order, monitor);
    QVERIFY(!foreign);
    QVERIFY(foreign.error().place.ends_with("vb"));
}

void TestEvaluate::recommendLists()
{
    const auto package = train({write("rt", "u a b c d\nv a b c\nw a b\nx a\n"), "lists", {}});
    QVERIFY(package);
    AnswerOrder order;
    order.in = {
        write("histories", "p b\nq\n\nr nothing a a\n99999999999999999999999 d c b a\n"), "", {}};
    order.out = std::filesystem::path(m_folder.path().toStdString()) / "lists.out";
    order.k = 2;
    order.threads = 2;
    const auto answered = popularity().answer(*package, order, m_monitor);
    QVERIFY2(answered, answered ? "" : answered.error().text().c_str());
    QCOMPARE(read(order.out), QByteArray("p a c\nq a b\nr b c\n99999999999999999999999\n"));
    QCOMPARE(answered->rows, std::uint64_t{4});
    QCOMPARE(answered->notes.at("unknown items ignored"), std::uint64_t{1});
    QCOMPARE(answered->notes.at("users without a known item, answered by popularity"),
             std::uint64_t{1});
    QCOMPARE(answered->notes.at("users with fewer items left than asked for"), std::uint64_t{1});
    // The same as a table in the order of time.
    order.in = {write("histories.csv", "who,what,when\nq,d,2\np,b,1\nq,a,1\n"),
                "",
                {{"user", "who"}, {"item", "what"}, {"time", "when"}}};
    QVERIFY(popularity().answer(*package, order, m_monitor));
    QCOMPARE(read(order.out), QByteArray("q b c\np a c\n"));
}

void TestEvaluate::namesWithSpacesGetTabs()
{
    const InputFile file{
        write("spaces.csv", "user,item\n1,red lamp\n1,\"blue\nlamp\"\n2,lamp\n"), "csv", {}};
    const auto package = train(file);
    QVERIFY2(package, package ? "" : package.error().text().c_str());
    AnswerOrder order;
    order.in = {write("spaces-in.csv", "user,item\n3,\"blue\nlamp\"\n"), "", {}};
    order.out = std::filesystem::path(m_folder.path().toStdString()) / "spaces.out";
    const auto answered = popularity().answer(*package, order, m_monitor);
    QVERIFY(answered);
    QVERIFY(!answered->notes.contains("unknown items ignored"));
    QCOMPARE(read(order.out), QByteArray("3\tred lamp\tlamp\n"));
}

void TestEvaluate::stopLeavesNothing()
{
    const auto package = train({write("st", "u a b\nv a\n"), "lists", {}});
    QVERIFY(package);
    QByteArray many;
    for (int i = 0; i < 20'000; ++i)
        many += "u" + QByteArray::number(i) + " a\n";
    AnswerOrder order;
    order.in = {write("many-histories", many), "", {}};
    order.out = std::filesystem::path(m_folder.path().toStdString()) / "never.out";
    test::QuietMonitor monitor;
    monitor.onProgress = [](test::QuietMonitor &m) { m.stopper.request_stop(); };
    const auto stopped = popularity().answer(*package, order, monitor);
    QVERIFY(!stopped);
    QCOMPARE(stopped.error().code, ErrorCode::Halted);
    for (const auto &name : QDir(m_folder.path()).entryList())
        QVERIFY(!name.startsWith(QStringLiteral("never")));
}

void TestEvaluate::otherKindsOfAnswersAreRefused()
{
    const auto package = train({write("ok", "u a b\n"), "lists", {}});
    QVERIFY(package);
    AnswerOrder order;
    order.kind = Answer::Predict;
    const auto answered = popularity().answer(*package, order, m_monitor);
    QVERIFY(!answered);
    QVERIFY(answered.error().message.find("drillctl recommend") != std::string::npos);
}

QTEST_GUILESS_MAIN(TestEvaluate)
#include "tst_evaluate.moc"
