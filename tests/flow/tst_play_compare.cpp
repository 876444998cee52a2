// drillctl compare and play on recordings made by hand: what they print, what they refuse.

#include "tests/engine/recording_run.h"
#include "tests/support/program.h"

#include <QJsonArray>

using namespace support;

class TestPlayCompare : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void compareShowsTheMeasuresSideBySide();
    void compareAsJsonCarriesDifferences();
    void compareNeedsTwoFilesThatAreThere();
    void playSaysWhyItCannot();

private:
    Workplace m_place;
    QString m_first, m_second;
};

namespace {

/// The run by hand, whole or ended before its fault.
bool writeRun(const QString &path, bool isWhole)
{
    auto writer = engine::RecordingWriter::create(path.toStdString(), nullptr,
                                                  {{"title", "A ranker crashes"}});
    if (!writer)
        return false;
    if (isWhole)
        recording_run::write(*writer);
    else
        writer->event(recording_run::started(), -200'000);
    return writer->close(engine::systemClock(), engine::Micros{2'000'000}).has_value();
}

} // namespace

void TestPlayCompare::initTestCase()
{
    m_first = m_place.file("first.drl");
    m_second = m_place.file("second.drl");
    QVERIFY(writeRun(m_first, true));
    QVERIFY(writeRun(m_second, false));
}

void TestPlayCompare::compareShowsTheMeasuresSideBySide()
{
    const auto same = m_place.ctl({QStringLiteral("compare"), m_first, m_first});
    QCOMPARE(same.exit, 0);
    QVERIFY(same.out.contains("rto"));
    QVERIFY(same.out.contains("A ranker crashes"));
    QVERIFY2(!same.out.contains("(+") && !same.out.contains("(-"), "a run equals itself");
    QVERIFY(same.out.contains("may be chance"));
    const auto other = m_place.ctl({QStringLiteral("compare"), m_first, m_second});
    QCOMPARE(other.exit, 0);
    QVERIFY(other.out.contains("first") && other.out.contains("second"));
    QVERIFY(other.out.contains("(-")); // fewer requests
}

void TestPlayCompare::compareAsJsonCarriesDifferences()
{
    const auto said = m_place.ctl(
        {QStringLiteral("compare"), m_first, m_second, m_first, QStringLiteral("--json")});
    QCOMPARE(said.exit, 0);
    const auto json = said.json();
    QCOMPARE(json[QStringLiteral("runs")].toArray().size(), 3);
    const auto measures = json[QStringLiteral("measures")].toArray();
    QVERIFY(measures.size() >= 10);
    for (const auto &measure : measures) {
        const auto values = measure[QStringLiteral("values")].toArray();
        const auto deltas = measure[QStringLiteral("deltas")].toArray();
        QCOMPARE(values.size(), 3);
        QCOMPARE(values[0], values[2]);
        if (!values[0].isNull())
            QCOMPARE(deltas[2].toDouble(), 0.0);
    }
}

void TestPlayCompare::compareNeedsTwoFilesThatAreThere()
{
    QCOMPARE(m_place.ctl({QStringLiteral("compare"), m_first}).exit, 2);
    const auto missing =
        m_place.ctl({QStringLiteral("compare"), m_first, QStringLiteral("/nowhere.drl")});
    QVERIFY(missing.exit != 0);
    QVERIFY(missing.err.contains("/nowhere.drl"));
}

void TestPlayCompare::playSaysWhyItCannot()
{
    const auto missing = m_place.ctl({QStringLiteral("play"), QStringLiteral("/nowhere.drl")});
    QVERIFY(missing.exit != 0);
    QVERIFY(missing.err.contains("/nowhere.drl") && missing.err.contains("recording list"));
    QFile junk(m_place.file("junk.drl"));
    QVERIFY(junk.open(QIODevice::WriteOnly));
    junk.write("this is no recording at all, only some words in a file\n");
    junk.close();
    const auto refused = m_place.ctl({QStringLiteral("play"), junk.fileName()});
    QCOMPARE(refused.exit, 4);
    QVERIFY(refused.err.contains("junk.drl"));
    // Readable, but nowhere to show it.
    QProcess process;
    m_place.prepare(process, "drillctl", {QStringLiteral("play"), m_first});
    auto environment = process.processEnvironment();
    for (const char *name : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"})
        environment.remove(QString::fromLatin1(name));
    process.setProcessEnvironment(environment);
    process.start();
    QVERIFY(process.waitForFinished(60'000));
    QVERIFY(process.exitCode() != 0);
    QVERIFY(process.readAllStandardError().contains("no display"));
}

QTEST_GUILESS_MAIN(TestPlayCompare)
#include "tst_play_compare.moc"
