// The gateway's settings as a file: the shipped one is the built-in one, and mistakes are named.
#include "engine/serving/canary_file.h"
#include "engine/serving/endpoints_file.h"
#include "engine/serving/gateway_settings.h"

#include <QtTest>
#include <nlohmann/json.hpp>

using namespace engine;

class TestGatewaySettings : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void theShippedFileSaysWhatIsBuiltIn();
    void everyValueCanBeWrittenAndIsReadBack();
    void mistakesAreNamedWithTheirPlace_data();
    void mistakesAreNamedWithTheirPlace();
    void endpointsAreReadAndMistakesNamed();
};

void TestGatewaySettings::theShippedFileSaysWhatIsBuiltIn()
{
    const auto shipped = parseGatewaySettings(defaultGatewaySettings(), "gateway.yaml");
    QVERIFY2(shipped, shipped ? "" : shipped.error().text().c_str());
    QCOMPARE(describe(*shipped).dump(), describe(GatewaySettings{}).dump());
    // Nothing can be set that the shipped file does not show.
    const std::string text(defaultGatewaySettings());
    const auto all = describe(*shipped);
    for (const auto &[section, values] : all.items()) {
        QVERIFY2(text.find("\n" + section + ":") != std::string::npos, section.c_str());
        for (const auto &[name, value] : values.items())
            QVERIFY2(text.find("\n  " + name + ":") != std::string::npos, name.c_str());
    }
}

void TestGatewaySettings::everyValueCanBeWrittenAndIsReadBack()
{
    const auto read = parseGatewaySettings("drillroom-gateway: 1\n"
                                           "retry: {budget: 25 %, jitter-least: 1.5ms}\n"
                                           "cache: {fresh: 2s, entries: 7}\n"
                                           "canary: {targets: [replica/3], share: 0.1}\n"
                                           "fallback: {chain: [cached]}\n"
                                           "switches: {hedging: off}\n",
                                           "g.yaml");
    QVERIFY2(read, read ? "" : read.error().text().c_str());
    QCOMPARE(read->retryRatio, 0.25);
    QCOMPARE(read->jitterLow.count(), std::int64_t{1'500});
    QCOMPARE(read->cache.fresh.count(), std::int64_t{2'000'000});
    QCOMPARE(read->cache.entries, 7);
    QCOMPARE(read->canary.targets.front(), std::string("replica/3"));
    QCOMPARE(read->canary.share, 0.1);
    QCOMPARE(read->chain.size(), std::size_t{1});
    QVERIFY(!read->switches.hedging && read->switches.retry);
    const auto told = describe(*read);
    QCOMPARE(told["retry"]["budget"].get<std::string>(), std::string("25 %"));
    QCOMPARE(told["switches"]["hedging"].get<std::string>(), std::string("off"));
}

void TestGatewaySettings::mistakesAreNamedWithTheirPlace_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("place");
    QTest::addColumn<QString>("words");
    const auto row = [](const char *name, const char *text, const char *place, const char *words) {
        QTest::newRow(name) << QStringLiteral("drillroom-gateway: 1\n") + QString::fromLatin1(text)
                            << QStringLiteral("g.yaml:") + QString::fromLatin1(place)
                            << QString::fromLatin1(words);
    };
    row("unknown section", "retrys: {}\n", "2:1", "did you mean `retry`");
    row("unknown setting", "retry:\n  bugdet: 5 %\n", "3:3", "did you mean `budget`");
    row("too much", "retry:\n  budget: 150 %\n", "3:11", "from 0 % to 100 %");
    row("no time", "tries:\n  time-out: 100\n", "3:13", "write a time from 1ms to 60s");
    row("no number", "breaker:\n  requests: many\n", "3:13", "write a whole number");
    row("not finite", "throttle:\n  k: nan\n", "3:6", "write a number from 1");
    row("no switch", "switches:\n  cache: 3\n", "3:10", "on or off");
    row("supervisor's", "switches:\n  restart: off\n", "3:3", "is no setting");
    row("no list", "canary:\n  targets: replica/3\n", "3:12", "list of names");
    row("wrong step", "fallback:\n  chain: [standbye]\n", "3:10", "did you mean `standby`");
    row("step twice", "fallback:\n  chain: [cached, cached]\n", "3:10", "at most once");
    row("canary of nobody", "canary: {share: 10 %}\n", "2:17", "needs `canary.targets`");
    row("jitter", "retry: {jitter-least: 5ms}\n", "", "more than `retry.jitter-least`");
    row("twice", "retry: {}\nretry: {}\n", "3:1", "");
    row("two mistakes", "retry: {budget: x}\ncache: {entries: y}\n", "2:17", "(and 1 more)");
    row("no map", "retry: 5\n", "2:8", "must be a map");
}

void TestGatewaySettings::mistakesAreNamedWithTheirPlace()
{
    QFETCH(QString, text);
    QFETCH(QString, place);
    QFETCH(QString, words);
    const auto read = parseGatewaySettings(text.toStdString(), "g.yaml");
    QVERIFY(!read);
    const auto &error = read.error();
    QVERIFY(error.code == ErrorCode::InvalidInput);
    if (place != QStringLiteral("g.yaml:"))
        QCOMPARE(QString::fromStdString(error.place), place);
    QVERIFY2(error.message.find(words.toStdString()) != std::string::npos, error.text().c_str());
}

void TestGatewaySettings::endpointsAreReadAndMistakesNamed()
{
    const auto read = parseEndpoints(R"({"replicas": [{"target": "replica/1", "address": "h:1"}],
                                         "standby": [{"target": "standby/1", "address": "h:2"}]})",
                                     "e.json");
    QVERIFY2(read, read ? "" : read.error().text().c_str());
    QCOMPARE(read->replicas.front().address, std::string("h:1"));
    QCOMPARE(read->standby.front().target, std::string("standby/1"));
    const std::string some = "{replicas: [{target: a, address: \"h:1\"}]";
    const auto none = parseCanary(some + "}", "e.json");
    QVERIFY(none && none->targets.empty());
    const auto canary = parseCanary(some + ", canary: {targets: [a], share: 0.25}}", "e.json");
    QVERIFY2(canary, canary ? "" : canary.error().text().c_str());
    QVERIFY(*canary == (GivenCanary{{"a"}, 0.25}));
    for (const char *wrong :
         {"{targets: [a], share: 2}", "{targets: a, share: 0.1}", "{share: 0.1}", "[a]"})
        QVERIFY2(!parseCanary(some + ", canary: " + wrong + "}", "e.json"), wrong);
    for (const char *text :
         {"", "[]", "{}", "{replicas: []}", "{replicas: [{target: a}]}",
          "{replicas: [{target: a, address: nowhere}]}",
          "{replicas: [{target: a, address: \"h:1\"}, {target: a, address: \"h:2\"}]}"})
        QVERIFY2(!parseEndpoints(text, "e.json"), text);
}

QTEST_GUILESS_MAIN(TestGatewaySettings)
#include "tst_gateway_settings.moc"
