#pragma once
// What every test of the window needs: no warnings, a way to keep a picture as evidence.

#include <QDir>
#include <QRegularExpression>
#include <QTest>
#include <QWidget>

namespace testing_support {

/// In init(): any qWarning fails the test, except the offscreen platform's lines about what it
/// lacks (size hints, raising, grabbing the keyboard).
inline void refuseWarnings()
{
    QTest::failOnWarning(
        QRegularExpression(QStringLiteral("^(?!This plugin does not support ).*")));
}

/// Saved under $DRILLROOM_TEST_PICTURES when that is set.
inline void keepPicture(QWidget &widget, const QString &name)
{
    const QString folder = qEnvironmentVariable("DRILLROOM_TEST_PICTURES");
    if (!folder.isEmpty() && QDir().mkpath(folder))
        widget.grab().save(folder + QLatin1Char('/') + name + QStringLiteral(".png"));
}

} // namespace testing_support
