// A report says what the recording says, keeps gaps, and nothing from a recording becomes markup.

#include "engine/recording/fold.h"
#include "engine/recording/open.h"
#include "engine/report/report_html.h"
#include "recording_run.h"

#include <QXmlStreamReader>
#include <QtTest>
#include <fstream>

using namespace engine;
namespace fs = std::filesystem;

class TestReport : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void pageSaysTheVerdict();
    void chartsAreWellFormedAndHaveEveryTrack();
    void gapBreaksTheLine();
    void textsOfTheRecordingNeverBecomeMarkup();
    void nothingIsFetchedFromOutside();
    void emptyRunStillGivesAPage();
    void tornRecordingSaysSo();

private:
    QTemporaryDir m_folder;
    ReportInput m_input;
};

namespace {

std::string svgOf(const std::string &page)
{
    const auto from = page.find("<svg xmlns=");
    return page.substr(from, page.find("</section>", from) - from);
}

int count(const std::string &text, const std::string &what)
{
    int n = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
        ++n;
    return n;
}

} // namespace

void TestReport::initTestCase()
{
    const auto path = fs::path(m_folder.path().toStdString()) / "run.drl";
    auto writer = RecordingWriter::create(path, nullptr, {});
    QVERIFY(writer);
    recording_run::write(*writer);
    QVERIFY(writer->close(systemClock(), Micros{0}));
    auto run = foldFile(path, systemClock());
    QVERIFY(run);
    const auto series = readSeries(path, systemClock(), 0, run->state.t, 100, reportSeries());
    QVERIFY(series);
    QCOMPARE(series->binWidth, 1'000'000);
    m_input.state = std::move(run->state);
    m_input.events = std::move(run->events);
    m_input.from = series->from;
    m_input.binWidth = series->binWidth;
    m_input.series = series->series;
    m_input.file = "run.drl";
    // DRILLROOM_REPORT=FILE keeps the page for the eye.
    if (const auto keep = qEnvironmentVariable("DRILLROOM_REPORT"); !keep.isEmpty())
        std::ofstream(keep.toStdString()) << reportHtml(m_input);
}

void TestReport::pageSaysTheVerdict()
{
    const auto page = reportHtml(m_input);
    const auto verdict = m_input.state.verdict();
    QVERIFY(page.find("</svg>" + std::string(name(verdict.word)) + "</p>") != std::string::npos);
    QVERIFY(page.find(escapeHtml(verdict.sentence)) != std::string::npos);
    QVERIFY(!verdict.measures.empty());
    for (const auto &measure : verdict.measures)
        QVERIFY(
            page.find("<td>" + escapeHtml(measure.name) + "</td><td>" + escapeHtml(measure.rule))
            != std::string::npos);
    QVERIFY(page.find("A ranker crashes") != std::string::npos);
    QVERIFY(page.find(hex(m_input.state.hash())) != std::string::npos);
    QVERIFY(page.find("synthetic</span>") != std::string::npos);
    QVERIFY(page.find("process.kill applied to replica/2") != std::string::npos);
    auto real = m_input;
    real.state.run.synthetic = false;
    QVERIFY(reportHtml(real).find("synthetic</span>") == std::string::npos);
}

void TestReport::chartsAreWellFormedAndHaveEveryTrack()
{
    const auto page = reportHtml(m_input);
    auto svg = svgOf(page);
    svg = svg.substr(0, svg.find("</svg>") + 6);
    QXmlStreamReader xml(QByteArray::fromStdString(svg));
    while (!xml.atEnd())
        xml.readNext();
    QVERIFY2(!xml.hasError(), qPrintable(xml.errorString()));
    for (const char *title : {"Latency", "Failed and late", "Quality", "Requests/s"})
        QVERIFY(svg.find(">" + std::string(title) + "<") != std::string::npos);
    QVERIFY(svg.find("class='band'") != std::string::npos);
    QVERIFY(svg.find(">inject<") != std::string::npos);
    QVERIFY(svg.find(">clear<") != std::string::npos);
    QVERIFY(svg.find("limit p99 60 ms") != std::string::npos);
    QVERIFY(svg.find("nan") == std::string::npos && svg.find("inf") == std::string::npos);
    // A fault that was never applied has no band.
    auto quiet = m_input;
    quiet.state = RunState();
    QVERIFY(svgOf(reportHtml(quiet)).find("class='band'") == std::string::npos);
}

void TestReport::gapBreaksTheLine()
{
    const auto lines = [](const ReportInput &input) {
        return count(svgOf(reportHtml(input)), "stroke='#7E8998'"); // p50
    };
    const int whole = lines(m_input);
    auto torn = m_input;
    for (auto &series : torn.series)
        if (series.name == "gateway.latency.p50")
            series.mean[10] = series.mean[11] = std::nanf("");
    QCOMPARE(lines(torn), whole + 1);
}

void TestReport::textsOfTheRecordingNeverBecomeMarkup()
{
    auto input = m_input;
    const std::string attack = "</td><script>alert(1)</script>'\"&";
    input.state.run.shop = attack;
    input.state.run.build = attack;
    input.state.run.reference = attack;
    input.file = attack;
    OperatorActed note;
    note.text = attack;
    input.events.push_back(Event{99, 1, note});
    const auto page = reportHtml(input);
    QCOMPARE(count(page, "<script"), 0);
    QVERIFY(count(page, "&lt;script&gt;alert(1)&lt;/script&gt;&#39;&quot;&amp;") >= 4);
    QCOMPARE(escapeHtml(std::string_view("a\0b\x1b", 4)), std::string("ab"));
}

void TestReport::nothingIsFetchedFromOutside()
{
    const auto page = reportHtml(m_input);
    for (const char *bad : {"src=", "href=", "url(", "@import", "<script", "<link", "<img"})
        QVERIFY2(page.find(bad) == std::string::npos, bad);
    QCOMPARE(count(page, "http"), 2); // the name space of SVG, and http-equiv
}

void TestReport::emptyRunStillGivesAPage()
{
    const auto page = reportHtml(ReportInput());
    QVERIFY(page.find("RUNNING") != std::string::npos);
    QVERIFY(page.find("Nothing was judged") != std::string::npos);
    QVERIFY(page.find("nan") == std::string::npos);
}

void TestReport::tornRecordingSaysSo()
{
    auto input = m_input;
    QVERIFY(reportHtml(input).find("not closed") == std::string::npos);
    input.closed = false;
    QVERIFY(reportHtml(input).find("not closed") != std::string::npos);
}

QTEST_GUILESS_MAIN(TestReport)
#include "tst_report.moc"
