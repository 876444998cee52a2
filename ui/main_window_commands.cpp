// The window's commands: one ID serves menu, palette, shortcut and tests; and what they ask of the
// session.

#include "ui/main_window.h"
#include "ui/pages/home_page.h"
#include "ui/pages/live_page.h"
#include "ui/pages/models_page.h"
#include "ui/pages/playback_page.h"
#include "ui/session/background.h"
#include "ui/session/words.h"
#include "ui/theme/theme.h"
#include "ui/widgets/command_palette.h"
#include "ui/widgets/keys_help.h"

#include <QAction>
#include <QApplication>
#include <QFileDialog>
#include <QFileInfo>

namespace ui {

QAction *MainWindow::command(const char *id, const QString &text, const QKeySequence &keys,
                             const std::function<void()> &run)
{
    auto *action = new QAction(text, this);
    action->setObjectName(QString::fromLatin1(id));
    action->setShortcut(keys);
    connect(action, &QAction::triggered, this, run);
    addAction(action);
    return action;
}

void MainWindow::buildCommands()
{
    const auto keys = [](const char *text) { return QKeySequence(QString::fromLatin1(text)); };
    command("halt", tr("Halt all: undo every fault, start nothing new"), keys("Ctrl+Shift+X"),
            [this] { haltAll(); })
        ->setShortcutContext(Qt::ApplicationShortcut);
    command("halt.release", tr("Release the halt"), {}, [this] { halt(true); });
    command("page.home", tr("Home"), keys("Ctrl+1"), [this] { openPage(Home); });
    command("page.live", tr("Live"), keys("Ctrl+2"), [this] { openPage(Live); });
    command("page.playback", tr("Playback"), keys("Ctrl+3"), [this] { openPage(Playback); });
    command("page.models", tr("Models & training"), keys("Ctrl+4"), [this] { openPage(Models); });
    const auto training = [this](const char *id, const QString &text, void (ModelsPage::*act)()) {
        command(id, text, {}, [this, act] {
            openPage(Models);
            (m_models->*act)();
        });
    };
    training("training.new", tr("New training ..."), &ModelsPage::newTraining);
    training("training.pause", tr("Pause the chosen training"), &ModelsPage::pause);
    training("training.resume", tr("Resume the chosen training"), &ModelsPage::resume);
    training("training.stop", tr("Stop the chosen training"), &ModelsPage::stop);
    command("recording.open", tr("Open a recording ..."), keys("Ctrl+O"),
            [this] { chooseRecording(); });
    command("chart.table", tr("Charts as a table"), keys("F8"), [this] { page()->toggleTable(); });
    command("inspector.toggle", tr("Show or hide the inspector"), keys("F4"),
            [this] { m_live->toggleInspector(); });
    m_undo =
        command("drill.undo", tr("Undo every fault of this run now"), keys("Shift+F5"), [this] {
            m_session.operations().undoNow(0, [this](engine::Result<void> result) {
                if (!result)
                    say(qs(result.error().text()));
            });
        });
    command("theme.toggle", tr("Switch between dark and light"), {},
            [this] { setScheme(tokens().scheme == Scheme::Dark ? Scheme::Light : Scheme::Dark); });
    command("help.keys", tr("Keys of this page"), keys("F1"), [this] { showKeys(); });
    command("quit", tr("Quit"), keys("Ctrl+Q"), [this] { close(); });
    command("palette", tr("Commands"), {}, [this] {
        showPalette();
    })->setShortcuts({keys("Ctrl+K"), keys("Ctrl+Shift+P")});
}

void MainWindow::showPalette()
{
    auto *dialog = named(new CommandPalette(actions(), this), "commandPalette");
    dialog->move(mapToGlobal(QPoint(width() / 2 - 240, 56)));
    dialog->show();
}

void MainWindow::showKeys()
{
    const QString names[PageCount] = {tr("Home"), tr("Live"), tr("Playback"),
                                      tr("Models & training")};
    auto *help =
        named(new KeysHelp(names[currentPage()], page()->keys(), actions(), this), "keysHelp");
    help->show();
}

void MainWindow::halt(bool release)
{
    m_session.operations().halt(release);
    m_halted = !release;
    showStatus();
}

void MainWindow::startShop()
{
    say(tr("Starting the shop ..."));
    m_session.operations().startShop([this](engine::Result<void> result) {
        say(result ? tr("The shop is up.") : qs(result.error().text()));
        m_session.reloadShop();
    });
}

void MainWindow::startDrill(const QString &path)
{
    m_session.operations().startDrill(path.toStdString(), [this](engine::Result<void> result) {
        if (!result)
            say(qs(result.error().text()));
    });
    openPage(Live);
}

/// Playback starts nothing: it leads to the drill on Home, where it can be started.
void MainWindow::offerAgain(const QString &drillTitle)
{
    openPage(Home);
    if (!m_home->offerDrill(drillTitle))
        say(tr("No drill called \"%1\" is in the library; add its file to run it again.")
                .arg(drillTitle));
}

void MainWindow::chooseRecording()
{
    auto *dialog = named(
        new QFileDialog(this, tr("Open a recording"), {}, tr("Recordings (*.drl);;All files (*)")),
        "openRecordingDialog");
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFile);
    connect(dialog, &QFileDialog::fileSelected, this, &MainWindow::openRecording);
    dialog->open();
}

void MainWindow::openRecording(const QString &path)
{
    auto &operations = m_session.operations();
    using Opened = engine::Result<std::unique_ptr<engine::Timeline>>;
    runInBackground(
        this,
        [&operations, file = path.toStdString()]() -> Opened {
            auto *trainings = operations.trainings();
            if (trainings && trainings->addTraining(file))
                return std::unique_ptr<engine::Timeline>();
            return operations.openRecording(file);
        },
        [this, path](Opened timeline) {
            if (!timeline) {
                say(qs(timeline.error().text()));
            } else if (!*timeline) { // a training has no tracks of a shop: its page shows it
                openPage(Models);
                m_models->choose(path.toStdString());
            } else {
                m_playback->open(std::move(*timeline));
                openPage(Playback);
            }
        });
}

void MainWindow::exportReport(const QString &recording)
{
    const QFileInfo info(recording);
    auto *dialog =
        named(new QFileDialog(this, tr("Save the report"), info.path(), tr("HTML (*.html)")),
              "reportDialog");
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->selectFile(info.completeBaseName() + QStringLiteral(".html"));
    connect(dialog, &QFileDialog::fileSelected, this, [this, recording](const QString &path) {
        m_session.operations().exportReport(
            recording.toStdString(), path.toStdString(), [this, path](engine::Result<void> result) {
                say(result ? tr("Report written to %1").arg(path) : qs(result.error().text()));
            });
    });
    dialog->open();
}

void MainWindow::setScheme(Scheme scheme)
{
    applyTheme(*qApp, scheme);
    m_session.reloadLists();
}

} // namespace ui
