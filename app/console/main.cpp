// drillroom: the console. Puts the window together with a real shop's operations.

#include "app/console/console_operations.h"
#include "app/console/halt_now.h"
#include "engine/drill/drill_file.h"
#include "engine/model/torch_module.h"
#include "ui/main_window.h"
#include "ui/session/background.h"
#include "ui/theme/theme.h"

#include <QApplication>
#include <QCommandLineParser>
#include <QFileInfo>
#include <QGuiApplication>
#include <QTimer>

#include <cstdio>

namespace {

constexpr int kExitUsage = 2;
constexpr int kExitErrored = 6;

/// Qt aborts without a word of its own where no screen can be reached; that must be one clear line.
bool hasDisplay()
{
    const QByteArray platform = qgetenv("QT_QPA_PLATFORM");
    if (!platform.isEmpty())
        return true; // the user chose: offscreen, vnc, xcb ...
    return !qgetenv("DISPLAY").isEmpty() || !qgetenv("WAYLAND_DISPLAY").isEmpty();
}

bool has(int argc, char **argv, const char *option)
{
    for (int i = 1; i < argc; ++i)
        if (std::string_view(argv[i]) == option)
            return true;
    return false;
}

struct Options
{
    std::string shop = "demo";
    QString open, page, screenshot, drill;
    bool benchStart = false;
    ui::Scheme scheme = ui::Scheme::Dark;
    int screenshotMillis = 3000;
};

std::optional<Options> parse(const QApplication &application)
{
    QCommandLineParser parser;
    parser.setApplicationDescription(
        QApplication::translate("main", "Disaster drills for recommendation and search serving"));
    const auto option = [&](const char *name, const char *text, const char *value,
                            const QString &standard = {}) {
        parser.addOption({QString::fromLatin1(name), QApplication::translate("main", text),
                          QString::fromLatin1(value), standard});
    };
    option("shop", "The shop to start and break", "name", QStringLiteral("demo"));
    option("open", "A recording to play", "file");
    option("page", "home, live, playback or models", "page");
    option("theme", "dark or light", "theme", QStringLiteral("dark"));
    option("start-drill", "A drill to start at once, by name or file", "drill");
    option("screenshot", "Save a picture of the window, then quit", "file");
    option("after", "Milliseconds before the picture is taken", "ms", QStringLiteral("3000"));
    parser.addOption(
        {QStringLiteral("bench-start"),
         QApplication::translate("main", "Print when the window was first painted, then quit")});
    parser.addPositionalArgument(QStringLiteral("recording"),
                                 QApplication::translate("main", "A recording to play"));
    parser.addHelpOption();
    parser.addVersionOption();
    if (!parser.parse(application.arguments())) {
        std::fprintf(stderr, "drillroom: %s\n", qPrintable(parser.errorText()));
        return std::nullopt;
    }
    if (parser.isSet(QStringLiteral("help")))
        parser.showHelp();
    Options options;
    options.shop = parser.value(QStringLiteral("shop")).toStdString();
    options.open = parser.value(QStringLiteral("open"));
    if (options.open.isEmpty() && !parser.positionalArguments().isEmpty())
        options.open = parser.positionalArguments().constFirst();
    options.page = parser.value(QStringLiteral("page"));
    options.drill = parser.value(QStringLiteral("start-drill"));
    options.screenshot = parser.value(QStringLiteral("screenshot"));
    options.screenshotMillis = parser.value(QStringLiteral("after")).toInt();
    options.benchStart = parser.isSet(QStringLiteral("bench-start"));
    const QString theme = parser.value(QStringLiteral("theme"));
    if (theme != QLatin1String("dark") && theme != QLatin1String("light")) {
        std::fprintf(stderr, "drillroom: --theme is dark or light, not \"%s\"\n",
                     qPrintable(theme));
        return std::nullopt;
    }
    options.scheme = theme == QLatin1String("light") ? ui::Scheme::Light : ui::Scheme::Dark;
    return options;
}

void openWanted(ui::MainWindow &window, const Options &options)
{
    if (options.page == QLatin1String("live"))
        window.openPage(ui::MainWindow::Live);
    else if (options.page == QLatin1String("playback"))
        window.openPage(ui::MainWindow::Playback);
    else if (options.page == QLatin1String("models"))
        window.openPage(ui::MainWindow::Models);
    if (!options.open.isEmpty())
        window.openRecording(QFileInfo(options.open).absoluteFilePath());
    if (!options.drill.isEmpty())
        window.startDrill(QFileInfo(options.drill).absoluteFilePath());
}

/// LibTorch takes 0.3 s and more to load, so never before the window is there; playback needs none.
void loadEngine(ui::MainWindow &window, const engine::Paths &paths)
{
    window.setEngineText(QApplication::translate("main", "engine: loading"));
    ui::runInBackground(
        &window,
        [paths] {
            return engine::TorchModule::load(engine::TorchModule::defaultFile(paths),
                                             engine::systemClock());
        },
        [&window](const engine::Result<engine::TorchModule> &module) {
            window.setEngineText(module
                                     ? QApplication::translate("main", "engine CPU, LibTorch %1")
                                           .arg(QString::fromStdString(module->torchVersion()))
                                     : QApplication::translate("main", "no engine: playback only"));
            if (!module)
                window.setToolTip({});
        });
}

} // namespace

int main(int argc, char **argv)
{
    const auto began = engine::systemClock().now();
    if (has(argc, argv, "--version")) {
        std::puts("drillroom " DRILLROOM_VERSION);
        return 0;
    }
    if (!hasDisplay()) {
        std::fputs("drillroom: There is no display (DISPLAY and WAYLAND_DISPLAY are empty). Start "
                   "it in a graphical session, or use drillctl, which does the same in a "
                   "terminal.\n",
                   stderr);
        return kExitErrored;
    }
    QApplication application(argc, argv);
    QApplication::setApplicationName(QStringLiteral("drillroom"));
    QApplication::setApplicationVersion(QStringLiteral(DRILLROOM_VERSION));
    auto options = parse(application);
    if (!options)
        return kExitUsage;
    ui::applyTheme(application, options->scheme);
    const auto paths = engine::Paths::fromEnvironment();
    if (!options->drill.isEmpty()) {
        const auto drill = engine::findDrill(options->drill.toStdString(), paths.drills);
        if (!drill) {
            std::fprintf(stderr, "drillroom: %s\n", drill.error().text().c_str());
            return engine::exitCode(drill.error().code);
        }
        options->drill = QString::fromStdString(drill->string());
    }
    console::ConsoleOperations operations(paths, options->shop, engine::systemClock());
    int result = 0;
    {
        ui::MainWindow window(operations);
        QObject::connect(&window, &ui::MainWindow::firstPainted, &window, [&] {
            if (options->benchStart) {
                const auto now = engine::systemClock().now();
                std::printf("{\"suite\": \"start\", \"main_to_painted_ms\": %.1f}\n",
                            static_cast<double>((now - began).count()) / 1000.0);
                return QApplication::exit(0);
            }
            loadEngine(window, paths);
            openWanted(window, *options);
        });
        if (!options->screenshot.isEmpty())
            QTimer::singleShot(options->screenshotMillis, &window, [&] {
                const bool saved = window.grab().save(options->screenshot);
                if (!saved)
                    std::fprintf(stderr, "drillroom: Cannot write the picture to %s\n",
                                 qPrintable(options->screenshot));
                QApplication::exit(saved ? 0 : kExitErrored);
            });
        window.show();
        const console::HaltNow haltNow(window, paths);
        result = QApplication::exec();
    }
    return result;
}
