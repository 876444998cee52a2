// HALT ALL while the GUI thread is stuck: a real X server, a window whose thread does nothing for
// up to 30 s, key and button pressed from outside. Judged by order: the stop is
// heard before the window answers again. Skips where Xvfb or xdotool is absent.

#include "app/console/halt_watch.h"
#include "tests/support/fake_operations.h"
#include "ui/main_window.h"
#include "ui/theme/theme.h"

#include <QApplication>
#include <QElapsedTimer>
#include <QProcess>
#include <QPushButton>
#include <QStandardPaths>
#include <QTest>

#include <cstdio>
#include <poll.h>
#include <unistd.h>

using namespace testing_support;

namespace {

constexpr int kStuckMillis = 30'000;
constexpr int kPatience = 60'000;

/// The window in a process of its own, whose GUI thread waits for a byte on stdin and for nothing
/// else.
int beStuck(int argc, char **argv)
{
    QApplication application(argc, argv);
    ui::applyTheme(application, ui::Scheme::Dark);
    FakeOperations operations;
    ui::MainWindow window(operations);
    window.show();
    if (!QTest::qWaitForWindowExposed(&window))
        return 3;
    console::HaltWatch key(static_cast<std::uint32_t>(window.winId()), [] {
        std::puts("halted");
        std::fflush(stdout);
    });
    if (!key.works())
        return 4;
    const auto *button = window.findChild<QPushButton *>(QStringLiteral("haltAllButton"));
    const auto at = button->mapTo(&window, QPoint(0, 0));
    key.setButton(at.x(), at.y(), button->width(), button->height());
    const auto middle = button->mapToGlobal(button->rect().center());
    std::printf("button %d %d\n", middle.x(), middle.y());
    std::puts("stuck");
    std::fflush(stdout);
    pollfd input{STDIN_FILENO, POLLIN, 0};
    (void)::poll(&input, 1, kStuckMillis);
    std::puts("answers");
    std::fflush(stdout);
    return operations.asked.empty() ? 0 : 5; // the GUI thread did nothing of it
}

} // namespace

class TestHaltWatch : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void keyAndButtonAreHeardWhileTheWindowIsStuck();
    void withoutAnXServerItSaysSo();
};

void TestHaltWatch::keyAndButtonAreHeardWhileTheWindowIsStuck()
{
    const QString xvfb = QStandardPaths::findExecutable(QStringLiteral("Xvfb"));
    const QString xdotool = QStandardPaths::findExecutable(QStringLiteral("xdotool"));
    if (xvfb.isEmpty() || xdotool.isEmpty())
        QSKIP("needs Xvfb and xdotool");
    QProcess server;
    server.start(xvfb,
                 {QStringLiteral("-displayfd"), QStringLiteral("1"), QStringLiteral("-screen"),
                  QStringLiteral("0"), QStringLiteral("1600x1000x24"), QStringLiteral("-nolisten"),
                  QStringLiteral("tcp")});
    QTRY_VERIFY_WITH_TIMEOUT(server.waitForReadyRead(1000) || server.canReadLine(), kPatience);
    const QString display = QStringLiteral(":") + QString::fromLatin1(server.readLine()).trimmed();
    auto environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("DISPLAY"), display);
    environment.insert(QStringLiteral("QT_QPA_PLATFORM"), QStringLiteral("xcb"));

    QProcess window;
    window.setProcessEnvironment(environment);
    window.start(QCoreApplication::applicationFilePath(), {QStringLiteral("--stuck")});
    QStringList said;
    const auto heard = [&](const QString &line, int times) {
        window.waitForReadyRead(100);
        while (window.canReadLine())
            said << QString::fromLatin1(window.readLine()).trimmed();
        return said.count(line) >= times || window.state() == QProcess::NotRunning;
    };
    QTRY_VERIFY_WITH_TIMEOUT(heard(QStringLiteral("stuck"), 1), kPatience);
    QVERIFY2(window.state() == QProcess::Running, qPrintable(said.join(u' ')));

    const auto poke = [&](const QStringList &words) {
        QProcess tool;
        tool.setProcessEnvironment(environment);
        tool.start(xdotool, words);
        QVERIFY(tool.waitForFinished(kPatience));
    };
    poke({QStringLiteral("mousemove"), QStringLiteral("400"), QStringLiteral("400")});
    poke({QStringLiteral("key"), QStringLiteral("ctrl+shift+x")});
    QTRY_VERIFY_WITH_TIMEOUT(heard(QStringLiteral("halted"), 1), kPatience);
    poke({QStringLiteral("key"), QStringLiteral("ctrl+x")}); // another key is not taken
    poke({QStringLiteral("key"), QStringLiteral("ctrl+shift+x")});
    QTRY_VERIFY_WITH_TIMEOUT(heard(QStringLiteral("halted"), 2), kPatience);
    // The button, beside it, and the other button of the mouse.
    const auto place = said.filter(QStringLiteral("button ")).value(0).split(u' ');
    QCOMPARE(place.size(), 3);
    poke({QStringLiteral("mousemove"), place[1], place[2]});
    poke({QStringLiteral("click"), QStringLiteral("1")});
    QTRY_VERIFY_WITH_TIMEOUT(heard(QStringLiteral("halted"), 3), kPatience);
    poke({QStringLiteral("click"), QStringLiteral("3")});
    poke({QStringLiteral("mousemove"), QStringLiteral("400"), QStringLiteral("400")});
    poke({QStringLiteral("click"), QStringLiteral("1")});
    window.write("\n");
    QTRY_VERIFY_WITH_TIMEOUT(heard(QStringLiteral("answers"), 1), kPatience);
    QTRY_COMPARE_WITH_TIMEOUT(window.state(), QProcess::NotRunning, kPatience);
    QCOMPARE(window.exitCode(), 0);
    // All were heard while the window was stuck, none after it, nothing else was taken.
    said.removeIf([](const QString &line) { return line.startsWith(QLatin1String("button")); });
    QCOMPARE(said.join(u' '), QStringLiteral("stuck halted halted halted answers"));
    server.terminate();
    server.waitForFinished(kPatience);
}

void TestHaltWatch::withoutAnXServerItSaysSo()
{
    const QByteArray before = qgetenv("DISPLAY");
    qputenv("DISPLAY", ":65000");
    const console::HaltWatch key(1, [] {});
    QVERIFY(!key.works());
    QVERIFY(!key.problem().empty());
    qputenv("DISPLAY", before);
}

int main(int argc, char **argv)
{
    if (argc > 1 && std::string_view(argv[1]) == "--stuck")
        return beStuck(argc, argv);
    QCoreApplication application(argc, argv);
    TestHaltWatch test;
    return QTest::qExec(&test, argc, argv);
}

#include "tst_halt_watch.moc"
