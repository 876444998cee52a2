// drillctl train, eval, recommend ... as a stranger drives them: files in, signed packages and
// files out, exit codes, and nothing half-written.

#include "engine/data/split.h"
#include "engine/data/synthetic.h"
#include "tests/support/program.h"

#include <QJsonArray>
#include <csignal>

class TestModelCommands : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void trainEvaluateRecommend();
    void finetuneGoesOn();
    void helpNamesFamiliesAndFormats();
    void damagedPackagesAreUntrusted();
    void foreignModelsAreRefused_data();
    void foreignModelsAreRefused();
    void badFiles_data();
    void badFiles();
    void badOrders_data();
    void badOrders();
    void hugeHistory_data();
    void hugeHistory();
    void otherFamiliesAreTold_data();
    void otherFamiliesAreTold();
    void resumedLikeUninterrupted_data();
    void resumedLikeUninterrupted();

private:
    QString file(const char *name) const { return m_place.file(name); }
    void write(const char *name, const QByteArray &text)
    {
        QFile out(file(name));
        QVERIFY(out.open(QIODevice::WriteOnly));
        QVERIFY(out.write(text) == text.size());
    }
    static QByteArray read(const QString &path)
    {
        QFile in(path);
        return in.open(QIODevice::ReadOnly) ? in.readAll() : QByteArray("(not there)");
    }
    support::Outcome ctl(const QStringList &words) const { return m_place.ctl(words); }
    /// Words with %NAME for files of ours.
    QStringList words(const char *line) const
    {
        QStringList list;
        for (const auto &word : QString::fromLatin1(line).split(QLatin1Char(' ')))
            list << (word.startsWith(QLatin1Char('%'))
                         ? m_place.home() + QLatin1Char('/') + word.mid(1)
                         : word);
        return list;
    }
    QByteArray lists(const engine::Dataset &data) const
    {
        QByteArray text;
        for (std::size_t s = 0; s < data.shoppers(); ++s) {
            if (data.of(s).empty())
                continue;
            text += "shopper" + QByteArray::number(qulonglong(s));
            for (const auto item : data.of(s))
                text += " 9000000000000000000" + QByteArray::number(item); // beyond int64
            text += '\n';
        }
        return text;
    }

    support::Workplace m_place;
};

void TestModelCommands::initTestCase()
{
    const auto whole = engine::SyntheticShop(*engine::syntheticRecipe("tiny"), 1).generate(1);
    const auto split = engine::splitByTime(whole);
    auto test = whole;
    test.events.clear();
    test.offsets = {0};
    std::size_t row = 0;
    for (std::size_t s = 0; s < whole.shoppers(); ++s) {
        for (; row < split.test.size() && split.test[row].shopper == s; ++row)
            test.events.push_back(split.test[row].label);
        test.offsets.push_back(test.events.size());
    }
    write("train.txt", lists(split.train));
    write("test.txt", lists(test));
    const auto made = ctl(words("train --family popularity --train %train.txt --out %pop --json"));
    QVERIFY2(made.exit == 0, made.err);
}

void TestModelCommands::trainEvaluateRecommend()
{
    const auto made = ctl(words("train --family popularity --train %train.txt --seed 7 --out "
                                "%sub/pop2 --json"));
    QVERIFY2(made.exit == 0, made.err);
    QCOMPARE(made.json()[QStringLiteral("family")].toString(), QStringLiteral("popularity"));
    QCOMPARE(made.json()[QStringLiteral("seed")].toInt(), 7);
    QVERIFY(!made.err.contains('\r')); // no bar where there is no terminal
    QVERIFY(!QFile::exists(file("sub/pop2.checkpoint")));
    const auto manifest = QJsonDocument::fromJson(read(file("sub/pop2/manifest.json"))).object();
    QCOMPARE(int(manifest[QStringLiteral("provenance")][QStringLiteral("data_sha256")]
                     .toString()
                     .size()),
             64);

    const auto judged =
        ctl(words("eval --model %pop --train %train.txt --test %test.txt --threads 2 --json"));
    QVERIFY2(judged.exit == 0, judged.err);
    const auto metrics = judged.json()[QStringLiteral("metrics")].toObject();
    // Popularity on tiny, seed 1, one list per shopper; the floor stands in engine/data/README.md.
    const double ndcg = metrics[QStringLiteral("ndcg@10")].toDouble();
    QVERIFY2(ndcg > 0.02 && ndcg < 0.08, judged.out);
    QVERIFY(judged.json()[QStringLiteral("users")].toInt() > 300);
    QVERIFY(judged.json()[QStringLiteral("segments")].toObject().contains(QStringLiteral("tail")));
    const auto interval = judged.json()[QStringLiteral("intervals")][QStringLiteral("ndcg@10")];
    QVERIFY(interval[0].toDouble() < ndcg && ndcg < interval[1].toDouble());

    const auto asked =
        ctl(words("recommend --model %pop --histories %train.txt --k 5 --out %lists.txt --json"));
    QVERIFY2(asked.exit == 0, asked.err);
    const auto histories = read(file("train.txt")).split('\n');
    const auto answers = read(file("lists.txt")).split('\n');
    QCOMPARE(answers.size(), histories.size());
    QCOMPARE(asked.json()[QStringLiteral("rows")].toInt(), int(answers.size()) - 1);
    for (int i = 0; i + 1 < answers.size(); ++i) {
        const auto answer = answers[i].split(' ');
        const auto history = histories[i].split(' ');
        QCOMPARE(answer[0], history[0]);
        QCOMPARE(int(answer.size()), 6);
        for (int k = 1; k < answer.size(); ++k)
            QVERIFY(!history.contains(answer[k]));
    }
}

void TestModelCommands::finetuneGoesOn()
{
    write("more.txt", "new " + read(file("pop/items.txt")).split('\n').first() + " brand-new\n");
    const auto made = ctl(words("finetune --from %pop --train %more.txt --out %pop-on --json"));
    QVERIFY2(made.exit == 0, made.err);
    QCOMPARE(made.json()[QStringLiteral("version")].toString(), QStringLiteral("2"));
    const auto old = read(file("pop/items.txt")), now = read(file("pop-on/items.txt"));
    QCOMPARE(now, old + "brand-new\n");
    const auto shown = ctl(words("model show %pop-on --json"));
    QVERIFY2(shown.exit == 0, shown.err);
    const auto before = ctl(words("model verify %pop --json"));
    QCOMPARE(shown.json()[QStringLiteral("lineage")].toString(),
             before.json()[QStringLiteral("digest")].toString());
    const auto other = ctl(words("finetune --from %pop --family mf --train %more.txt --out %x"));
    QCOMPARE(other.exit, 4);
}

void TestModelCommands::helpNamesFamiliesAndFormats()
{
    const auto help = ctl(words("train --help"));
    QCOMPARE(help.exit, 0);
    for (const char *word : {"popularity", "pairs", "lists", "csv", "--columns", "--recipe"})
        QVERIFY2(help.out.contains(word), word);
}

void TestModelCommands::damagedPackagesAreUntrusted()
{
    const auto ask = [this](const char *package) {
        return ctl({QStringLiteral("recommend"), QStringLiteral("--model"), file(package),
                    QStringLiteral("--histories"), file("train.txt"), QStringLiteral("--out"),
                    file("refused.txt")});
    };
    const auto copy = [this](const char *name) {
        QVERIFY(QDir(m_place.home()).mkpath(QString::fromLatin1(name)));
        for (const char *part :
             {"manifest.json", "manifest.sig", "weights.safetensors", "items.txt"})
            QVERIFY(QFile::copy(file("pop/") + QString::fromLatin1(part),
                                file(name) + QLatin1Char('/') + QString::fromLatin1(part)));
    };
    const auto change = [this](const char *path, auto how) {
        auto bytes = read(file(path));
        how(bytes);
        QFile out(file(path));
        QVERIFY(out.open(QIODevice::WriteOnly));
        out.write(bytes);
    };
    copy("flipped");
    change("flipped/weights.safetensors",
           [](QByteArray &b) { b[b.size() - 3] = static_cast<char>(b[b.size() - 3] ^ 1); });
    copy("renamed");
    change("renamed/items.txt", [](QByteArray &b) { b[0] = static_cast<char>(b[0] ^ 1); });
    copy("rewritten");
    change("rewritten/manifest.json", [](QByteArray &b) { b.replace("popularity", "sequencexx"); });
    copy("newer");
    change("newer/manifest.json",
           [](QByteArray &b) { b.replace("\"format\": 1", "\"format\": 2"); });
    for (const char *name : {"flipped", "renamed", "rewritten", "newer"}) {
        const auto refused = ask(name);
        QVERIFY2(refused.exit == 5, name + refused.err);
    }
    // Signed by another installation.
    support::Workplace other;
    const auto foreign = other.ctl({QStringLiteral("recommend"), QStringLiteral("--model"),
                                    file("pop"), QStringLiteral("--histories"), file("train.txt"),
                                    QStringLiteral("--out"), file("refused.txt")});
    QCOMPARE(foreign.exit, 5);
    QVERIFY(!QFile::exists(file("refused.txt")));
}

void TestModelCommands::foreignModelsAreRefused_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("says");
    QTest::newRow("TorchScript") << QByteArray("PK\x03\x04model/data.pkl")
                                 << QByteArray("TorchScript");
    QTest::newRow("pickle") << QByteArray("\x80\x02}q\x00.", 6) << QByteArray("pickle");
    QTest::newRow("something") << QByteArray("hello") << QByteArray("folder");
}

void TestModelCommands::foreignModelsAreRefused()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, says);
    write("model.pt", bytes);
    const auto refused = ctl(words("eval --model %model.pt --train %train.txt --test %test.txt"));
    QCOMPARE(refused.exit, 4);
    QVERIFY2(refused.err.contains(says), refused.err);
}

void TestModelCommands::badFiles_data()
{
    QTest::addColumn<QByteArray>("name");
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("says");
    QTest::newRow("empty") << QByteArray("e.txt") << QByteArray() << QByteArray("empty");
    QTest::newRow("NUL") << QByteArray("n.txt") << QByteArray("1 2\n1 \0 3\n", 10)
                         << QByteArray("NUL");
    QTest::newRow("compressed") << QByteArray("c.txt") << QByteArray("\x1F\x8B\x08 and so on")
                                << QByteArray("gunzip");
    QTest::newRow("no column") << QByteArray("m.csv") << QByteArray("who,item\n1,2\n")
                               << QByteArray("--columns user=NAME");
    QTest::newRow("twice") << QByteArray("t.csv") << QByteArray("user,item,item\n1,2,3\n")
                           << QByteArray("twice");
    QTest::newRow("header only") << QByteArray("h.csv") << QByteArray("user,item\n")
                                 << QByteArray("only a header");
    QTest::newRow("users only") << QByteArray("u.txt") << QByteArray("1\n2\n")
                                << QByteArray("no item");
}

void TestModelCommands::badFiles()
{
    QFETCH(QByteArray, name);
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, says);
    write(name.constData(), text);
    const auto refused = ctl({QStringLiteral("train"), QStringLiteral("--family"),
                              QStringLiteral("popularity"), QStringLiteral("--train"),
                              file(name.constData()), QStringLiteral("--out"), file("never")});
    QVERIFY2(refused.exit == 4, refused.err);
    QVERIFY2(refused.err.contains(says), refused.err);
    for (const auto &entry : QDir(m_place.home()).entryList())
        QVERIFY2(!entry.startsWith(QStringLiteral("never")), qPrintable(entry));
    if (name != "e.txt" && name != "n.txt" && name != "c.txt")
        return;
    const auto unanswered = ctl({QStringLiteral("recommend"), QStringLiteral("--model"),
                                 file("pop"), QStringLiteral("--histories"), file(name.constData()),
                                 QStringLiteral("--out"), file("never")});
    QCOMPARE(unanswered.exit, 4);
    QVERIFY(!QFile::exists(file("never")));
}

void TestModelCommands::badOrders_data()
{
    QTest::addColumn<QByteArray>("line");
    QTest::addColumn<int>("exit");
    QTest::addColumn<QByteArray>("says");
    QTest::newRow("no family") << QByteArray("train --train %train.txt --out %x") << 2
                               << QByteArray("--family");
    QTest::newRow("unknown family")
        << QByteArray("train --family magic --train %train.txt --out %x") << 2
        << QByteArray("popularity");
    QTest::newRow("no recipe") << QByteArray(
        "train --family popularity --recipe nothing --train %train.txt --out %x")
                               << 4 << QByteArray("no recipe");
    QTest::newRow("unknown setting")
        << QByteArray("train --family popularity --set colour=red --train %train.txt --out %x") << 4
        << QByteArray("colour");
    QTest::newRow("--set without =")
        << QByteArray("train --family popularity --set colour --train %train.txt --out %x") << 2
        << QByteArray("--set");
    QTest::newRow("taken") << QByteArray("train --family popularity --train %train.txt --out %pop")
                           << 4 << QByteArray("already");
    QTest::newRow("no GPU word") << QByteArray(
        "train --family popularity --device gpu --train %train.txt --out %x")
                                 << 2 << QByteArray("cuda:0");
    QTest::newRow("time") << QByteArray("train --family popularity --time-limit soon --train "
                                        "%train.txt --out %x")
                          << 2 << QByteArray("--time-limit");
    QTest::newRow("no file") << QByteArray("train --family popularity --train %nowhere --out %x")
                             << 4 << QByteArray("nowhere");
    QTest::newRow("must resume") << QByteArray(
        "train --family popularity --resume --train %train.txt --out %x")
                                 << 4 << QByteArray("checkpoint");
    QTest::newRow("no package") << QByteArray(
        "eval --model %nowhere --train %train.txt --test %test.txt")
                                << 4 << QByteArray("package");
    QTest::newRow("no history") << QByteArray("eval --model %pop --test %test.txt") << 2
                                << QByteArray("--train");
    QTest::newRow("wrong family") << QByteArray("predict --model %pop --in %test.txt --out %x") << 4
                                  << QByteArray("drillctl recommend");
    QTest::newRow("k") << QByteArray("recommend --model %pop --histories %test.txt --k 0 --out %x")
                       << 2 << QByteArray("--k");
}

void TestModelCommands::badOrders()
{
    QFETCH(QByteArray, line);
    QFETCH(int, exit);
    QFETCH(QByteArray, says);
    const auto refused = ctl(words(line.constData()));
    QVERIFY2(refused.exit == exit, QByteArray::number(refused.exit) + refused.err);
    QVERIFY2((refused.err + refused.out).contains(says), refused.err);
    QVERIFY(!QFile::exists(file("x")));
}

void TestModelCommands::hugeHistory_data()
{
    QTest::addColumn<QString>("family");
    for (const char *family : {"popularity", "mf", "sequence"})
        QTest::newRow(family) << QString::fromLatin1(family);
}

void TestModelCommands::hugeHistory()
{
    // One shopper alone, with a million events.
    QFETCH(QString, family);
    QByteArray line = "one";
    for (int i = 0; i < 1'000'000; ++i)
        line += ' ' + QByteArray::number(i % 50'000);
    write("huge.txt", line + "\n");
    const auto package = QStringLiteral("huge-") + family;
    const auto made = ctl(words("train --train %huge.txt --time-limit 4s --json")
                          << QStringLiteral("--family") << family << QStringLiteral("--out")
                          << file(qPrintable(package)));
    QVERIFY2(made.exit == 0, made.err);
    const auto asked = ctl(words("recommend --histories %huge.txt --out %huge.out")
                           << QStringLiteral("--model") << file(qPrintable(package)));
    QVERIFY2(asked.exit == 0, asked.err);
    QCOMPARE(read(file("huge.out")), QByteArray("one\n")); // everything was taken
}

void TestModelCommands::otherFamiliesAreTold_data()
{
    QTest::addColumn<QByteArray>("line");
    QTest::addColumn<QByteArray>("says");
    QTest::newRow("rank") << QByteArray("rank --queries %train.txt") << QByteArray("recommend");
    QTest::newRow("predict") << QByteArray("predict --in %train.txt") << QByteArray("recommend");
    QTest::newRow("forecast") << QByteArray("forecast --in %train.txt --horizon 2")
                              << QByteArray("recommend");
    for (const char *family : {"mf", "sequence", "search", "ctr", "demand"})
        QTest::newRow(family) << QByteArray("finetune --train %train.txt --family ") + family
                              << QByteArray("of the family popularity");
}

void TestModelCommands::otherFamiliesAreTold()
{
    QFETCH(QByteArray, line);
    QFETCH(QByteArray, says);
    const auto model = line.startsWith("finetune") ? "--from" : "--model";
    const auto refused = ctl(words(line.constData()) << QString::fromLatin1(model) << file("pop")
                                                     << QStringLiteral("--out") << file("x"));
    QVERIFY2(refused.exit == 4, QByteArray::number(refused.exit) + refused.err);
    QVERIFY2(refused.err.contains(says), refused.err);
    QVERIFY(!QFile::exists(file("x")));
}

void TestModelCommands::resumedLikeUninterrupted_data()
{
    QTest::addColumn<QByteArray>("line");
    QTest::newRow("mf") << QByteArray("train --family mf --train %train.txt");
    QTest::newRow("sequence") << QByteArray(
        "train --family sequence --train %train.txt --set epochs=6 --set factors=16");
    QTest::newRow("demand") << QByteArray("train --family demand --train %days.csv --set trees=60");
}

void TestModelCommands::resumedLikeUninterrupted()
{
    QFETCH(QByteArray, line);
    const QString name = QString::fromLatin1(QTest::currentDataTag());
    if (name == QStringLiteral("demand")) {
        QByteArray rows = "series,time,value\n";
        for (int s = 0; s < 40; ++s) {
            for (int day = 1; day <= 150; ++day)
                rows += QByteArray("s%1,%2,%3\n")
                            .replace("%1", QByteArray::number(s))
                            .replace("%2", QByteArray::number(day))
                            .replace("%3", QByteArray::number((s * day + day % 7) % 11));
        }
        write("days.csv", rows);
    }
    const auto order = [&](const QString &out) {
        return words(line.constData())
               << QStringLiteral("--json") << QStringLiteral("--checkpoint-every")
               << QStringLiteral("0") << QStringLiteral("--out") << out;
    };
    const auto straight = file(qPrintable(name + QStringLiteral("-straight")));
    const auto whole = ctl(order(straight));
    QVERIFY2(whole.exit == 0, whole.err);
    const auto parts = file(qPrintable(name + QStringLiteral("-parts")));
    QProcess process;
    m_place.prepare(process, "drillctl", order(parts));
    process.start();
    QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(parts + QStringLiteral(".checkpoint")), 60'000);
    ::kill(static_cast<pid_t>(process.processId()), SIGINT);
    QVERIFY(process.waitForFinished(60'000));
    QVERIFY2(process.exitCode() != 0, "it was over before it could be stopped");
    QVERIFY(!QFile::exists(parts));
    const auto rest = ctl(order(parts) << QStringLiteral("--resume"));
    QVERIFY2(rest.exit == 0, rest.err);
    QVERIFY(rest.json()[QStringLiteral("resumed")].toBool());
    QVERIFY(!QFile::exists(parts + QStringLiteral(".checkpoint")));
    for (const auto &entry : QDir(straight).entryList(QDir::Files)) {
        if (!entry.startsWith(QStringLiteral("manifest"))) // it tells the seconds
            QVERIFY2(read(straight + QLatin1Char('/') + entry)
                         == read(parts + QLatin1Char('/') + entry),
                     qPrintable(entry));
    }
}

QTEST_GUILESS_MAIN(TestModelCommands)
#include "tst_model_commands.moc"
