#include "ui/theme/theme.h"

#include <QApplication>
#include <QDir>
#include <QTest>

class TestTheme : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void textHoldsItsContrast_data();
    void textHoldsItsContrast();
    void seriesStandOutFromTheSurface_data();
    void seriesStandOutFromTheSurface();
    void contrastIsMeasuredAsWcagSays();
    void everyIconIsInTheResources();
    void applyingAThemeChangesPaletteAndStyleSheet();
};

void TestTheme::textHoldsItsContrast_data()
{
    QTest::addColumn<QColor>("on");
    QTest::addColumn<QColor>("colour");
    QTest::addColumn<double>("least");
    for (const auto *t : {&ui::darkTokens(), &ui::lightTokens()}) {
        const QByteArray scheme = t->scheme == ui::Scheme::Dark ? "dark " : "light ";
        const std::pair<const char *, QColor> grounds[] = {{"window", t->window},
                                                           {"surface", t->surface},
                                                           {"raised", t->raised},
                                                           {"inset", t->inset},
                                                           {"select", t->select}};
        const std::pair<const char *, QColor> words[] = {
            {"text", t->text}, {"muted", t->textMuted}, {"accent", t->accent},
            {"ok", t->ok},     {"warning", t->warning}, {"danger", t->danger}};
        for (const auto &[groundName, ground] : grounds)
            for (const auto &[wordName, word] : words)
                QTest::newRow(scheme + wordName + " on " + groundName) << ground << word << 4.5;
        for (const auto &[groundName, ground] : {grounds[0], grounds[1], grounds[2], grounds[3]})
            QTest::newRow(scheme + "control on " + groundName) << ground << t->control << 3.0;
        QTest::newRow(scheme + "primary button") << t->accentFill << t->onAccent << 4.5;
        QTest::newRow(scheme + "halt button") << t->dangerFill << t->onDanger << 4.5;
    }
}

void TestTheme::textHoldsItsContrast()
{
    QFETCH(QColor, on);
    QFETCH(QColor, colour);
    QFETCH(double, least);
    QVERIFY2(ui::contrast(on, colour) >= least - 0.05,
             qPrintable(QString::number(ui::contrast(on, colour))));
}

void TestTheme::seriesStandOutFromTheSurface_data()
{
    QTest::addColumn<QColor>("on");
    QTest::addColumn<QColor>("colour");
    for (const auto *t : {&ui::darkTokens(), &ui::lightTokens()})
        for (std::size_t i = 0; i < t->series.size(); ++i)
            QTest::newRow(
                qPrintable(QStringLiteral("%1 series %2")
                               .arg(t->scheme == ui::Scheme::Dark ? QStringLiteral("dark")
                                                                  : QStringLiteral("light"))
                               .arg(i)))
                << t->surface << t->series[i];
}

void TestTheme::seriesStandOutFromTheSurface()
{
    QFETCH(QColor, on);
    QFETCH(QColor, colour);
    QVERIFY(ui::contrast(on, colour) >= 3.0);
}

void TestTheme::contrastIsMeasuredAsWcagSays()
{
    QCOMPARE(ui::contrast(Qt::black, Qt::white), 21.0);
    QCOMPARE(ui::contrast(Qt::white, Qt::white), 1.0);
    QVERIFY(std::abs(ui::contrast(QColor(0x767676), Qt::white) - 4.54) < 0.01);
}

void TestTheme::everyIconIsInTheResources()
{
    ui::applyTheme(*qApp, ui::Scheme::Dark);
    const auto files = QDir(QStringLiteral(DRILLROOM_SOURCE_DIR "/resources/icons"))
                           .entryList({QStringLiteral("*.svg")});
    QVERIFY(files.size() > 30);
    for (const auto &file : files) {
        const QString name = file.chopped(4);
        QVERIFY2(!ui::iconPixmap(name, Qt::white, 16).isNull(), qPrintable(name));
    }
    QVERIFY(ui::iconPixmap(QStringLiteral("no-such-icon"), Qt::white, 16).isNull());
}

void TestTheme::applyingAThemeChangesPaletteAndStyleSheet()
{
    ui::applyTheme(*qApp, ui::Scheme::Dark);
    const QString dark = qApp->styleSheet();
    QCOMPARE(qApp->palette().color(QPalette::Window), ui::darkTokens().window);
    ui::applyTheme(*qApp, ui::Scheme::Light);
    QCOMPARE(qApp->palette().color(QPalette::Window), ui::lightTokens().window);
    QVERIFY(dark != qApp->styleSheet());
    QVERIFY(!qApp->styleSheet().contains(QLatin1Char('$')));
}

QTEST_MAIN(TestTheme)
#include "tst_theme.moc"
