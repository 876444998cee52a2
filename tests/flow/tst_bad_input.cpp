// What a hurried operator or a broken disk gives us: each gets one clear message with the place and
// the rule, the exit code of the design, no crash, no hang, and nothing half-written.

#include "tests/support/program.h"

class TestBadInput : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void drillFile_data();
    void drillFile();
    void dataFile_data();
    void dataFile();
    void lineOfTwoGigabytes();
    void damagedRecording_data();
    void damagedRecording();
    void flippedByteInAPackage();
    void readOnlyHome();
    void usage_data();
    void usage();
    void noDisplay();
    void namesWithSpacesAndChinese();

private:
    [[nodiscard]] QString write(const QString &name, const QByteArray &bytes) const;
    /// One clear message: on stderr, not empty, not a crash, in a few lines.
    static void checkMessage(const support::Outcome &outcome, int exit, const QByteArray &mentions);
    support::Workplace m_place;
};

QString TestBadInput::write(const QString &name, const QByteArray &bytes) const
{
    const auto path = m_place.home() + QLatin1Char('/') + name;
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size())
        qFatal("cannot write the test's own file");
    return path;
}

void TestBadInput::checkMessage(const support::Outcome &outcome, int exit,
                                const QByteArray &mentions)
{
    QVERIFY2(outcome.exit == exit,
             "exit " + QByteArray::number(outcome.exit) + ": " + outcome.out + outcome.err);
    QVERIFY2(outcome.err.contains(mentions), outcome.err);
    QVERIFY2(outcome.err.count('\n') <= 12, outcome.err);
}

void TestBadInput::drillFile_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("mentions");
    const QByteArray good =
        "drillroom: 1\ntitle: T\nload: {rate: 10/s, length: 40s}\nverdict: {rto: \"<= 10s\"}\n"
        "steady-state-hypothesis: {title: S, probes: [{type: probe, name: failed, tolerance: \"<= "
        "1 %\", "
        "provider: {type: series, series: gateway.failed}}]}\n";
    QTest::newRow("empty") << QByteArray() << QByteArray(".yaml");
    QTest::newRow("scalar") << QByteArray("5\n") << QByteArray(".yaml:1:");
    QTest::newRow("truncated") << QByteArray("drillroom: 1\ntitle: \"abc") << QByteArray(".yaml:");
    QTest::newRow("deep") << QByteArray("drillroom: 1\ntitle: ") + QByteArray(2000, '[')
                          << QByteArray(".yaml:");
    QTest::newRow("duplicate key") << good + "title: again\n" << QByteArray(".yaml:6:1");
    QTest::newRow("unknown field") << good + "colour: red\n" << QByteArray(".yaml:6:1");
    QTest::newRow("unknown fault") << good
                                          + "method:\n  - {type: action, name: a, at: 5s, "
                                            "provider: {type: fault, fault: process.kil, target: "
                                            "replica/2}}\n"
                                   << QByteArray("process.kill");
    QTest::newRow("target matches nothing")
        << good
               + "method:\n  - {type: action, name: a, at: 5s, provider: {type: fault, fault: "
                 "process.kill, target: "
                 "replica/9}}\n"
        << QByteArray("replica/9");
    QTest::newRow("negative duration") << good
                                              + "method:\n  - {type: action, name: a, at: 5s, "
                                                "duration: -3s, provider: {type: fault, fault: "
                                                "process.freeze, target: replica/2}}\n"
                                       << QByteArray("-3s");
    QTest::newRow("NUL") << good + QByteArray("description: a\0b\n", 17) << QByteArray(".yaml:");
    QTest::newRow("not UTF-8") << good + "description: \xff\xfe\n" << QByteArray(".yaml:");
}

void TestBadInput::drillFile()
{
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, mentions);
    const auto path = write(QStringLiteral("bad.yaml"), text);
    checkMessage(m_place.ctl({QStringLiteral("drill"), QStringLiteral("lint"), path}), 4, mentions);
}

void TestBadInput::dataFile_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("mentions");
    QTest::newRow("empty") << QByteArray() << QByteArray("bad.csv");
    QTest::newRow("missing column") << QByteArray("who,what\n1,2\n") << QByteArray("who");
    QTest::newRow("open quote") << QByteArray("user,item\n1,\"2\n3,4\n")
                                << QByteArray("bad.csv:2:");
    QTest::newRow("NUL") << QByteArray("user,item\n1,2\n3,\0004\n", 20) << QByteArray("bad.csv:3:");
    QTest::newRow("no rows") << QByteArray("user,item\n") << QByteArray("bad.csv");
    QTest::newRow("duplicated header")
        << QByteArray("user,item,item\n1,2,3\n") << QByteArray("item");
}

void TestBadInput::dataFile()
{
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, mentions);
    const auto path = write(QStringLiteral("bad.csv"), text);
    checkMessage(m_place.ctl({QStringLiteral("shop"), QStringLiteral("create"),
                              QStringLiteral("bad"), QStringLiteral("--from"), path}),
                 4, mentions);
    QVERIFY(QDir(m_place.home() + QStringLiteral("/shops"))
                .entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot)
                .isEmpty());
}

void TestBadInput::lineOfTwoGigabytes()
{
    // A sparse file: one line of 2 GB of NUL costs no disk; and one of letters just over the limit.
    const auto path = write(QStringLiteral("long.csv"), "user,item\n");
    QVERIFY(QFile::resize(path, 2'100'000'000));
    checkMessage(m_place.ctl({QStringLiteral("shop"), QStringLiteral("create"),
                              QStringLiteral("bad"), QStringLiteral("--from"), path},
                             30'000),
                 4, "long.csv:2:");
    const auto letters =
        write(QStringLiteral("letters.csv"), "user,item\n" + QByteArray(2'000'000, 'x'));
    checkMessage(m_place.ctl({QStringLiteral("shop"), QStringLiteral("create"),
                              QStringLiteral("bad"), QStringLiteral("--from"), letters}),
                 4, "letters.csv:2:");
}

void TestBadInput::damagedRecording_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("text") << QByteArray("this is no recording\n").repeated(100);
    QTest::newRow("only a header") << QByteArray("SQLite format 3\0", 16);
    QTest::newRow("SQLite, not ours")
        << QByteArray("SQLite format 3\0", 16) + QByteArray(8176, '\0');
}

void TestBadInput::damagedRecording()
{
    QFETCH(QByteArray, bytes);
    const auto path = write(QStringLiteral("bad.drl"), bytes);
    for (const char *command : {"verify", "verdict", "events"}) {
        const auto outcome =
            m_place.ctl({QStringLiteral("recording"), QString::fromLatin1(command), path});
        QVERIFY2(outcome.exit == 4, outcome.out + outcome.err);
        QVERIFY2((outcome.out + outcome.err).contains("bad.drl"), outcome.out + outcome.err);
    }
}

void TestBadInput::flippedByteInAPackage()
{
    const auto made =
        m_place.ctl({QStringLiteral("shop"), QStringLiteral("create"), QStringLiteral("flip"),
                     QStringLiteral("--from"), QStringLiteral("synthetic:tiny")});
    QVERIFY2(made.exit == 0, made.err);
    const QStringList verify{QStringLiteral("model"), QStringLiteral("verify"),
                             QStringLiteral("flip")};
    QCOMPARE(m_place.ctl(verify).exit, 0);
    QFile weights(m_place.home() + QStringLiteral("/shops/flip/packages/1/weights.safetensors"));
    QVERIFY(weights.open(QIODevice::ReadWrite));
    QVERIFY(weights.seek(weights.size() / 2));
    char byte = 0;
    QVERIFY(weights.getChar(&byte));
    QVERIFY(weights.seek(weights.size() / 2));
    QVERIFY(weights.putChar(static_cast<char>(byte ^ 4)));
    weights.close();
    checkMessage(m_place.ctl(verify), 5, "weights.safetensors");
    // A replica refuses it too, so the shop does not come up; the message names the package, and
    // nothing stays.
    const auto up = m_place.ctl({QStringLiteral("drill"), QStringLiteral("run"),
                                 QStringLiteral("01-ranker-crash"), QStringLiteral("--shop"),
                                 QStringLiteral("flip")});
    QVERIFY2(up.exit != 0 && up.exit != 1, up.err);
    QVERIFY2(up.err.contains("weights.safetensors"), up.err);
    QCOMPARE(m_place.processes(), QList<int>());
    QCOMPARE(m_place.ctl({QStringLiteral("shop"), QStringLiteral("delete"), QStringLiteral("flip")})
                 .exit,
             0);
}

void TestBadInput::readOnlyHome()
{
    support::Workplace place;
    QVERIFY(QFile::setPermissions(place.home(), QFile::ReadOwner | QFile::ExeOwner));
    const auto outcome =
        place.ctl({QStringLiteral("shop"), QStringLiteral("create"), QStringLiteral("t"),
                   QStringLiteral("--from"), QStringLiteral("synthetic:tiny")});
    QFile::setPermissions(place.home(), QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
    QVERIFY2(outcome.exit == 6 || outcome.exit == 4, outcome.err);
    QVERIFY2(outcome.err.contains(place.home().toLocal8Bit()), outcome.err);
}

void TestBadInput::usage_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("exit");
    QTest::newRow("nothing") << QStringList{} << 2;
    QTest::newRow("unknown command") << QStringList{QStringLiteral("explode")} << 2;
    QTest::newRow("unknown flag") << QStringList{QStringLiteral("doctor"), QStringLiteral("--fast")}
                                  << 2;
    QTest::newRow("missing value") << QStringList{QStringLiteral("shop"), QStringLiteral("create"),
                                                  QStringLiteral("x"), QStringLiteral("--from")}
                                   << 2;
    QTest::newRow("no such shop") << QStringList{
        QStringLiteral("drill"), QStringLiteral("run"), QStringLiteral("01-ranker-crash"),
        QStringLiteral("--shop"),
        QStringLiteral("nowhere")} << 4;
    QTest::newRow("no such drill") << QStringList{QStringLiteral("drill"), QStringLiteral("lint"),
                                                  QStringLiteral("77-nothing")}
                                   << 4;
    QTest::newRow("no such file") << QStringList{QStringLiteral("recording"),
                                                 QStringLiteral("verify"),
                                                 QStringLiteral("/nowhere.drl")}
                                  << 4;
    QTest::newRow("name with a slash")
        << QStringList{QStringLiteral("shop"), QStringLiteral("create"), QStringLiteral("../x"),
                       QStringLiteral("--from"), QStringLiteral("synthetic:tiny")}
        << 2;
    QTest::newRow("unknown size") << QStringList{QStringLiteral("shop"), QStringLiteral("create"),
                                                 QStringLiteral("x"), QStringLiteral("--from"),
                                                 QStringLiteral("synthetic:huge")}
                                  << 4;
}

void TestBadInput::usage()
{
    QFETCH(QStringList, arguments);
    QFETCH(int, exit);
    const auto outcome = m_place.ctl(arguments);
    QVERIFY2(outcome.exit == exit, outcome.out + outcome.err);
    QVERIFY(!(outcome.err + outcome.out).isEmpty());
}

void TestBadInput::noDisplay()
{
    QProcess process;
    m_place.prepare(process, "drillroom", {});
    auto variables = m_place.environment();
    for (const char *name : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"})
        variables.remove(QString::fromLatin1(name));
    process.setProcessEnvironment(variables);
    process.start();
    QVERIFY(process.waitForFinished(20'000));
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
    QCOMPARE(process.exitCode(), 6);
    QVERIFY(process.readAllStandardError().contains("display"));
}

void TestBadInput::namesWithSpacesAndChinese()
{
    const auto folder = m_place.home() + QStringLiteral("/我的 数据");
    QVERIFY(QDir().mkpath(folder));
    QFile file(folder + QStringLiteral("/订单 1.txt"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    for (int user = 0; user < 60; ++user) {
        QByteArray line = "买家" + QByteArray::number(user);
        for (int i = 0; i < 8; ++i)
            line += " 商品" + QByteArray::number((user % 4) * 12 + (user / 4 + i * 5) % 12);
        file.write(line + "\n");
    }
    file.close();
    const auto made =
        m_place.ctl({QStringLiteral("shop"), QStringLiteral("create"), QStringLiteral("cn"),
                     QStringLiteral("--from"), file.fileName(), QStringLiteral("--format"),
                     QStringLiteral("lists"), QStringLiteral("--json")});
    QVERIFY2(made.exit == 0, made.err);
    QCOMPARE(made.json()[QStringLiteral("items")].toInt(), 48);
}

QTEST_GUILESS_MAIN(TestBadInput)
#include "tst_bad_input.moc"
