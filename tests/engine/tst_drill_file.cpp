// Drill files: what is read, and what each bad file is told, with its line and column.

#include "engine/drill/drill_file.h"
#include "engine/drill/known_faults.h"

#include <QFileInfo>
#include <QTemporaryDir>
#include <QtTest>

#include <ctime>
#include <fstream>
#include <set>

using namespace engine;

namespace {

const char *const kSound = R"(drillroom: 1
title: A ranker crashes
shop: {application: recommend, replicas: 3}
load: {rate: 200/s, length: 60s}
steady-state-hypothesis:
  probes:
    - {name: latency, tolerance: "<= 60 ms", provider: {series: gateway.latency.p99}}
method:
  - {name: crash, at: 20s, provider: {fault: process.kill, target: replica/2}}
verdict: {rto: "<= 10s"}
)";

/// The sound file with one text in it replaced.
std::string with(std::string_view from, std::string_view to)
{
    std::string text = kSound;
    const auto at = text.find(from);
    if (at == std::string::npos)
        qFatal("the sound file has no such text");
    return text.replace(at, from.size(), to);
}

QString str(const std::string &text)
{
    return QString::fromStdString(text);
}

std::filesystem::path library()
{
    return std::filesystem::path(DRILLROOM_SOURCE_DIR) / "drills";
}

} // namespace

class TestDrillFile : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void badFiles_data();
    void badFiles();
    void allProblemsAreNamedAtOnce();
    void rulesAndTimesInAllForms();
    void configurationAndOverrides();
    void mixLeavesTheRestToRecommend();
    void overridesThatNameNothing();
    void byteOrderMarkIsTakenOff();
    void libraryIsSound_data();
    void libraryIsSound();
    void libraryLintsClean();
    void canonicalJsonRoundTrips_data();
    void canonicalJsonRoundTrips();
    void everyTruncationOfADrillEndsWell();
    void everyFlippedByteEndsWell();
    void hugeFilesEndSoon();
    void lintSaysGuardUndoRadiusCap();
    void findsByNameAndPath();
};

void TestDrillFile::badFiles_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QString>("place");
    QTest::addColumn<QString>("says");
    QTest::addColumn<bool>("json");
    const auto row = [](const char *tag, const std::string &text, const char *place,
                        const char *says, bool json = false) {
        QTest::newRow(tag) << QByteArray::fromStdString(text) << QString::fromLatin1(place)
                           << QString::fromUtf8(says) << json;
    };
    row("empty", "", "1:1", "The file is empty. A drill starts with");
    row("blank", " \n\n", "1:1", "The file is empty");
    row("comments only", "# nothing\n", "1:1", "nothing but comments");
    row("a word", "hello", "1:1", "A drill is a map");
    row("a list", "- a\n- b\n", "1:1", "A drill is a map");
    row("NUL", with("A ranker", std::string("A\0r", 3)), "2:9", "A NUL byte");
    row("invalid UTF-8", with("A ranker", "A \xC3\x28"), "2:10", "is not UTF-8");
    row("UTF-16", std::string("\xFF\xFE") + "d", "1:1", "UTF-16");
    row("truncated map", "drillroom: 1\nshop: {application: recommend\n", "3:1", "Not YAML");
    row("tab indent", with("  probes:", "\tprobes:"), "6:8", "Not YAML");
    row("open quote", with("\"<= 60 ms\"", "\"<= 60 ms"), "", "Not YAML");
    row("deep brackets", "title: " + std::string(5000, '['), "1:40", "Nested deeper than 32");
    row(
        "deep maps",
        "title: " +
            [] {
                std::string deep;
                for (int i = 0; i < 5000; ++i)
                    deep += "{a: ";
                return deep;
            }(),
        "1:", "Nested deeper than 32");
    row(
        "deep indents",
        [] {
            std::string deep;
            for (int i = 0; i < 200; ++i)
                deep += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
            return deep;
        }(),
        "33:33", "Nested deeper than 32");
    row("duplicate key", with("shop:", "title: Again\nshop:"), "3:1",
        "The key `title` stands here twice; the first is in line 2");
    row("duplicate key inside", with("replicas: 3", "replicas: 3, replicas: 2"), "3:45",
        "The key `replicas` stands here twice");
    row("alias bomb",
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n", "1:4",
        "Anchors (`&name`) are not allowed");
    row("alias", "a: x\nb: *a\n", "2:4", "");
    row("tag", with("A ranker crashes", "!!binary aGVsbG8="), "2:8", "is not allowed in a drill");
    row("second document", std::string(kSound) + "---\ntitle: x\n", "11:1", "A second document");
    row("unknown key", with("title:", "titel: x\ntitle:"), "2:1",
        "Unknown key `titel` in the drill (did you mean `title`?)");
    row("unknown key inside", with("replicas: 3", "replica: 3"), "3:32",
        "Unknown key `replica` in `shop` (did you mean `replicas`?");
    row("unknown fault", with("process.kill", "process.kil"), "9:46",
        "Unknown fault `process.kil` (did you mean `process.kill`?");
    row("unknown setting", with("target: replica/2", "target: replica/2, speed: 3"), "9:79",
        "Unknown key `speed` in the provider of process.kill");
    row("no target", with(", target: replica/2", ""), "9:38", "lacks `target`");
    row("target matches nothing", with("replica/2", "replica/4"), "9:68",
        "The target `replica/4` matches nothing that process.kill can break in this shop (did you "
        "mean `replica/1`?");
    row("an edge for a process fault", with("target: replica/2", "target: gateway->replica/2"),
        "9:68", "matches nothing that process.kill can break");
    row("negative at", with("at: 20s", "at: -20s"), "9:23", "`at: -20s` is negative");
    const auto mix = [](const std::string &shares) {
        return with("rate: 200/s", "rate: 200/s, mix: {" + shares + "}");
    };
    row("mix of an unknown application", mix("serch: 20 %"), "4:27",
        "Unknown key `serch` in `mix` (did you mean `search`?)");
    row("mix of too much", mix("search: 60 %, ads: 60 %"), "4:26", "make 120 %");
    row("mix of too little", mix("recommend: 50 %, ads: 20 %"), "4:26", "make 70 %");
    row("mix without recommend", mix("search: 70 %, ads: 30 %"), "4:26", "leaves nothing for");
    row("mix of words", mix("search: half"), "4:35", "must be a share of the requests");
    row("negative mix", mix("search: -20 %"), "4:35", "must be a share of the requests");
    row("negative length", with("length: 60s", "length: -60s"), "4:29", "is negative");
    row("time without unit", with("at: 20s", "at: 20"), "9:23",
        "`at: 20` is not a time; write a number with ms, s or min");
    row("endless time", with("length: 60s", "length: 1e300s"), "4:29", "is not a time");
    row("a day and more", with("length: 60s", "length: 2000min"), "4:29", "out of range");
    row("at after the end", with("at: 20s", "at: 70s"), "9:23", "when the load of 60s is over");
    row("at in the warm-up", with("at: 20s", "at: 12s"), "9:23", "Write `at: 15s` or later");
    row("no steady state",
        with("  probes:\n    - {name: latency, tolerance: \"<= 60 ms\", "
             "provider: {series: gateway.latency.p99}}\n",
             "  title: x\n"),
        "6:3", "The steady state has no probes");
    row("not a rule", with("<= 60 ms", "60 ms"), "7:34", "is not a rule");
    row("wrong unit", with("<= 60 ms", "<= 60 %"), "7:34", "has a unit that does not fit");
    row("latency of baseline", with("<= 60 ms", "<= 3 ms of baseline"), "7:34",
        "A latency limit must be absolute");
    row("unknown series", with("gateway.latency.p99", "gateway.latency.p98"), "7:65",
        "did you mean `gateway.latency.p9");
    row("verdict asks nothing", with("{rto: \"<= 10s\"}", "{hold: 5s}"), "10:10",
        "asks for nothing");
    row("no verdict", with("verdict: {rto: \"<= 10s\"}\n", ""), "1:1", "lacks `verdict`");
    row("unknown version", with("drillroom: 1", "drillroom: 2"), "1:12", "reads `drillroom: 1`");
    row("unknown variable", with("200/s", "\"${rat}/s\""), "4:14", "names nothing in");
    row("zero replicas", with("replicas: 3", "replicas: 0"), "3:42", "whole number from 1 to 16");
    row("last healthy",
        with("replicas: 3", "replicas: 1")
            .replace(with("replicas: 3", "replicas: 1").find("replica/2"), 9, "replica/1"),
        "9:68", "last healthy replica");
    row("more than half",
        with("verdict:", "  - {name: again, at: 21s, provider: {fault: process.kill, target: "
                         "replica/1}}\nverdict:"),
        "10:68", "2 of 3 replicas at once, more than half");
    row("guard without time",
        with("verdict:", "guards: [{when: gateway.failed > 20 %, do: halt}]\nverdict:"), "10:17",
        "is not a guard");
    row("rollbacks", with("verdict:", "rollbacks: [x]\nverdict:"), "10:12", "must be empty");
    row("key-response of nothing", with("verdict:", "key-response: [ejektion]\nverdict:"), "",
        "did you mean `ejection`?");
    row("json: empty", "", "1:1", "The file is empty", true);
    row("json: truncated", "{\"drillroom\": 1,\n \"title\": \"x", "2:", "Not JSON", true);
    row("json: duplicate", "{\"drillroom\": 1,\n \"drillroom\": 1}", "2:2", "stands here twice",
        true);
    row("json: deep", std::string(100'000, '['), "1:33", "Nested deeper", true);
    row("json: unknown", "{\"drillroom\": 1,\n  \"titel\": \"x\"}", "1:1", "lacks `title`", true);
    row("json: invalid escape", "{\"a\": \"\\x\"}", "1:", "Not JSON", true);
}

void TestDrillFile::badFiles()
{
    QFETCH(QByteArray, text);
    QFETCH(QString, place);
    QFETCH(QString, says);
    QFETCH(bool, json);
    const std::string file = json ? "bad.json" : "bad.yaml";
    const auto drill = parseDrill(text.toStdString(), file);
    QVERIFY(!drill);
    QCOMPARE(exitCode(drill.error().code), 4);
    const auto said = str(drill.error().text());
    QVERIFY2(said.contains(says), qPrintable(said));
    QVERIFY2(said.startsWith(str(file) + (place.isEmpty() ? QString() : QLatin1Char(':') + place)),
             qPrintable(said));
}

void TestDrillFile::allProblemsAreNamedAtOnce()
{
    auto text = with("process.kill", "process.kil");
    text.replace(text.find("<= 60 ms"), 8, "60 ms");
    text.replace(text.find("title:"), 6, "titel:");
    const auto drill = parseDrill(text, "bad.yaml");
    QVERIFY(!drill);
    const auto lines = str(drill.error().text()).split(QLatin1Char('\n'));
    QCOMPARE(lines.size(), 4);
    QVERIFY(lines[0].startsWith(QLatin1String("bad.yaml:1:1: ")));
    QVERIFY(lines[1].startsWith(QLatin1String("bad.yaml:2:1: ")));
    QVERIFY(lines[2].startsWith(QLatin1String("bad.yaml:7:")));
    QVERIFY(lines[3].startsWith(QLatin1String("bad.yaml:9:")));
}

void TestDrillFile::rulesAndTimesInAllForms()
{
    auto text = with("{rto: \"<= 10s\"}",
                     "{rto: \"<= 9500ms\", budget: \"<=0.5%\", quality: \">= 99 % of baseline\", "
                     "rpo: \"<= 5 events\", detect: \"< 1 min\", alarms: \"== 0\", hold: 0.25 min, "
                     "series: [{series: gateway.path.primary, rule: \"> 90 %\"}]}");
    const auto drill = parseDrill(text, "x.yaml");
    QVERIFY2(drill.has_value(), drill ? "" : qPrintable(str(drill.error().text())));
    const auto &rules = drill->verdict;
    QCOMPARE(rules.rto->value, 9.5);
    QCOMPARE(str(rules.rto->text()), QLatin1String("<= 9.5 s"));
    QCOMPARE(rules.budget->value, 0.005);
    QVERIFY(rules.budget->unit == Unit::Share);
    QVERIFY(rules.quality->ofBaseline);
    QCOMPARE(str(rules.quality->text()), QLatin1String(">= 99 % of baseline"));
    QCOMPARE(rules.detect->value, 60.0);
    QVERIFY(rules.alarms->compare == Compare::Equal);
    QCOMPARE(rules.hold.count(), 15'000'000);
    QCOMPARE(rules.series.front().rule.value, 0.9);
    QVERIFY(rules.rto->holds(9.5) && !rules.rto->holds(9.51));
    QVERIFY(rules.alarms->holds(0) && !rules.alarms->holds(1));
}

void TestDrillFile::configurationAndOverrides()
{
    auto text = with("rate: 200/s", "rate: \"${rate}/s\"");
    text = "configuration: {rate: 150, spare: 1}\n" + text;
    QCOMPARE(parseDrill(text, "x.yaml")->load.rate, 150.0);
    Overrides overrides;
    for (const char *set : {"rate=400", "length=40s", "hold=5s", "warm-up=8s", "deadline=200ms"})
        QVERIFY(addOverride(overrides, set));
    const auto drill = parseDrill(text, "x.yaml", overrides);
    QVERIFY(drill);
    QCOMPARE(drill->load.rate, 400.0);
    QCOMPARE(drill->load.length.count(), 40'000'000);
    QCOMPARE(drill->verdict.hold.count(), 5'000'000);
    QCOMPARE(drill->load.warmUp.count(), 8'000'000);
    QCOMPARE(drill->load.deadline.count(), 200'000);
    QVERIFY(drill->load.mix.empty());
    // Without a configuration key of that name, rate is the load's.
    QCOMPARE(parseDrill(kSound, "x.yaml", {{"rate", "300/s"}})->load.rate, 300.0);
}

void TestDrillFile::mixLeavesTheRestToRecommend()
{
    const auto drill =
        parseDrill(with("rate: 200/s", "rate: 200/s, mix: {search: 30 %, ads: 0.2}"), "x.yaml");
    QVERIFY2(drill.has_value(), drill ? "" : qPrintable(str(drill.error().text())));
    QCOMPARE(drill->load.mix.size(), 3u);
    QCOMPARE(drill->load.mix.at("search"), 0.3);
    QCOMPARE(drill->load.mix.at("ads"), 0.2);
    QVERIFY(std::abs(drill->load.mix.at("recommend") - 0.5) < 1e-12);
    const auto again = fromCanonicalJson(toCanonicalJson(*drill));
    QVERIFY(again);
    QCOMPARE(again->load.mix.at("search"), 0.3);
    QCOMPARE(str(drillHash(*again)), str(drillHash(*drill)));
    QVERIFY(drillHash(*drill) != drillHash(*parseDrill(kSound, "x.yaml")));
}

void TestDrillFile::overridesThatNameNothing()
{
    Overrides overrides;
    QVERIFY(!addOverride(overrides, "length"));
    QVERIFY(!addOverride(overrides, "=5"));
    const auto unknown = parseDrill(kSound, "x.yaml", {{"lenght", "25s"}});
    QVERIFY(!unknown);
    QVERIFY(str(unknown.error().text()).contains(QLatin1String("did you mean `length`?")));
    QVERIFY(!parseDrill(kSound, "x.yaml", {{"length", "soon"}}));
    QVERIFY(!parseDrill(kSound, "x.yaml", {{"length", "-5s"}}));
}

void TestDrillFile::byteOrderMarkIsTakenOff()
{
    QVERIFY(parseDrill(std::string("\xEF\xBB\xBF") + kSound, "x.yaml"));
}

void TestDrillFile::libraryIsSound_data()
{
    QTest::addColumn<QString>("path");
    const auto drills = listDrills(library());
    QVERIFY(drills.size() >= 4);
    for (const auto &listed : drills)
        QTest::newRow(listed.id.c_str()) << str(listed.path);
}

void TestDrillFile::libraryIsSound()
{
    QFETCH(QString, path);
    const auto drill = readDrill(path.toStdString());
    QVERIFY2(drill.has_value(), drill ? "" : qPrintable(str(drill.error().text())));
    QVERIFY(!drill->description.empty());
    if (QFileInfo(path).fileName() < QStringLiteral("04"))
        QVERIFY(!drill->shop.standby); // contracts 4.6
    // Contracts 7.3: the quick form of every drill is a drill too.
    const auto quick = readDrill(path.toStdString(), {{"length", "25s"}, {"hold", "5s"}});
    QVERIFY2(quick.has_value(), quick ? "" : qPrintable(str(quick.error().text())));
}

void TestDrillFile::libraryLintsClean()
{
    // What these mean to do: all primaries at once; an RTO far longer than the run; a model that
    // every replica serves, and whose undo is there for the negative pair alone.
    const std::set<std::string> meant{"04-model-timeout radius", "06-data-loss length",
                                      "08-retrain length", "08-retrain radius"};
    for (const auto &listed : listDrills(library()))
        for (const auto &line : lint(listed.drill))
            QVERIFY2(line.ok || meant.contains(listed.id + " " + line.subject),
                     (listed.id + ": " + line.subject + ": " + line.text).c_str());
}

void TestDrillFile::canonicalJsonRoundTrips_data()
{
    libraryIsSound_data();
}

void TestDrillFile::canonicalJsonRoundTrips()
{
    QFETCH(QString, path);
    const auto drill = readDrill(path.toStdString());
    QVERIFY(drill);
    const auto json = toCanonicalJson(*drill);
    QVERIFY(json.find('\n') == std::string::npos);
    const auto again = fromCanonicalJson(json);
    QVERIFY2(again.has_value(), again ? "" : qPrintable(str(again.error().text())));
    QCOMPARE(str(toCanonicalJson(*again)), str(json));
    QCOMPARE(str(drillHash(*again)), str(drillHash(*drill)));
    // A canonical drill is a drill file: what the editor and re-runs write.
    const auto file = parseDrill(json, "x.json");
    QVERIFY2(file.has_value(), file ? "" : qPrintable(str(file.error().text())));
    QCOMPARE(str(toCanonicalJson(*file)), str(json));
    // The hash sees every change.
    auto other = *drill;
    other.load.rate += 1;
    QVERIFY(drillHash(other) != drillHash(*drill));
}

void TestDrillFile::everyTruncationOfADrillEndsWell()
{
    const auto drill = readDrill(library() / "02-ranker-hang.yaml");
    QVERIFY(drill);
    const auto &text = drill->sourceText;
    const auto json = toCanonicalJson(*drill);
    for (std::size_t cut = 0; cut < text.size(); cut += 3)
        (void)parseDrill(std::string_view(text).substr(0, cut), "x.yaml");
    for (std::size_t cut = 0; cut < json.size(); ++cut)
        QVERIFY(!fromCanonicalJson(std::string_view(json).substr(0, cut)));
}

void TestDrillFile::everyFlippedByteEndsWell()
{
    const auto drill = readDrill(library() / "03-network-cut.yaml");
    QVERIFY(drill);
    for (std::size_t i = 0; i < drill->sourceText.size(); ++i) {
        auto text = drill->sourceText;
        text[i] = static_cast<char>(text[i] ^ (1 << (i % 8)));
        const auto read = parseDrill(text, "x.yaml");
        if (!read)
            QVERIFY(!read.error().message.empty() && !read.error().place.empty());
    }
}

void TestDrillFile::hugeFilesEndSoon()
{
    const auto before = std::clock();
    QVERIFY(!parseDrill(std::string(5u << 20, 'a'), "x.yaml"));
    std::string wide = "tags: [";
    while (wide.size() < 2'000'000)
        wide += "a, ";
    QVERIFY(!parseDrill(wide + "a]\n", "x.yaml"));
    QVERIFY(!parseDrill(std::string(2'000'000, '-'), "x.yaml"));
    QVERIFY(!parseDrill("a: " + std::string(2'000'000, '{'), "x.yaml"));
    QVERIFY(std::clock() - before < 5 * CLOCKS_PER_SEC);
}

void TestDrillFile::lintSaysGuardUndoRadiusCap()
{
    auto text = with("process.kill", "process.freeze");
    text.replace(text.find("length: 60s"), 11, "length: 40s");
    const auto drill = parseDrill(text, "x.yaml");
    QVERIFY(drill);
    QStringList good, bad;
    for (const auto &line : lint(*drill))
        (line.ok ? good : bad).append(str(line.subject));
    QCOMPARE(good, QStringList({QStringLiteral("undo"), QStringLiteral("radius")}));
    QCOMPARE(bad,
             QStringList({QStringLiteral("guard"), QStringLiteral("cap"), QStringLiteral("length"),
                          QStringLiteral("key-response"), QStringLiteral("description")}));
}

void TestDrillFile::findsByNameAndPath()
{
    QVERIFY(findDrill("01-ranker-crash", library()));
    QVERIFY(findDrill((library() / "00-no-op.yaml").string(), "/nowhere"));
    const auto missing = findDrill("01-ranker-crush", library());
    QVERIFY(!missing);
    QVERIFY(
        str(missing.error().message).contains(QLatin1String("did you mean `01-ranker-crash`?")));
    QTemporaryDir folder;
    std::ofstream(folder.filePath(QStringLiteral("bad.yaml")).toStdString()) << "title: [";
    const auto list = listDrills(folder.path().toStdString());
    QCOMPARE(list.size(), 1u);
    QVERIFY(str(list.front().error).contains(QLatin1String("bad.yaml:")));
}

QTEST_GUILESS_MAIN(TestDrillFile)
#include "tst_drill_file.moc"
