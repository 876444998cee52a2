#include "ui/main_window.h"

#include "ui/pages/home_page.h"
#include "ui/pages/live_page.h"
#include "ui/pages/playback_page.h"
#include "ui/session/background.h"
#include "ui/session/run_facts.h"
#include "ui/theme/theme.h"
#include "ui/widgets/command_palette.h"
#include "ui/widgets/mode_bar.h"
#include "ui/widgets/run_badge.h"

#include <QAction>
#include <QApplication>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QPainter>
#include <QPushButton>
#include <QStackedWidget>
#include <QStatusBar>
#include <QThread>
#include <QVBoxLayout>

#include <algorithm>

namespace ui {

namespace {

constexpr int kProblemMillis = 12'000;

QFrame *separator(QWidget *parent)
{
    auto *line = named(new QFrame(parent), "statusRule");
    line->setProperty("rule", QStringLiteral("v"));
    line->setFixedHeight(14);
    return line;
}

} // namespace

MainWindow::MainWindow(engine::Operations &operations, QWidget *parent)
    : QMainWindow(parent), m_session(operations)
{
    setObjectName(QStringLiteral("mainWindow"));
    setWindowTitle(tr("Drillroom"));
    setWindowIcon(QIcon(QStringLiteral(":/icons/drillroom.svg")));
    setMinimumSize(1180, 720);
    resize(1440, 900);
    setAcceptDrops(true);
    auto *centre = named(new QWidget(this), "centreWidget");
    auto *row = new QHBoxLayout(centre);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(0);
    m_modes = named(new ModeBar(centre), "modeBar");
    row->addWidget(m_modes);
    auto *column = new QVBoxLayout;
    column->setSpacing(0);
    row->addLayout(column, 1);
    setCentralWidget(centre);
    buildTopBar();
    column->addWidget(m_topBar);
    m_haltBanner = named(new QWidget(centre), "haltBanner");
    auto *haltLayout = new QHBoxLayout(m_haltBanner);
    haltLayout->setContentsMargins(16, 6, 12, 6);
    haltLayout->addWidget(makeLabel(tr("Halted: every fault is undone and nothing new starts until "
                                       "you release it."),
                                    "danger", "haltBannerLabel", m_haltBanner),
                          1);
    auto *release = named(new QPushButton(tr("Release"), m_haltBanner), "releaseHaltButton");
    connect(release, &QPushButton::clicked, this, [this] { halt(true); });
    haltLayout->addWidget(release);
    m_haltBanner->hide();
    column->addWidget(m_haltBanner);
    buildPages();
    column->addWidget(m_stack, 1);
    buildStatusBar();
    buildCommands();
    connect(&m_session, &Session::runFinished, m_live, &LivePage::announceRun);
    connect(&m_session, &Session::shopChanged, this, &MainWindow::showStatus);
    connect(&m_timer, &QTimer::timeout, this, &MainWindow::pulse);
    m_problemTimer.setSingleShot(true);
    m_problemTimer.setInterval(kProblemMillis);
    connect(&m_problemTimer, &QTimer::timeout, this, [this] { m_statusMessage->clear(); });
    setRefreshRate(QThread::idealThreadCount() <= 2 ? 5 : 10);
    openPage(Home);
}

MainWindow::~MainWindow()
{
    m_timer.stop();
    // Answers that are still on their way belong to nobody from here on.
    QThreadPool::globalInstance()->waitForDone();
}

void MainWindow::setRefreshRate(int hertz)
{
    m_timer.setTimerType(Qt::CoarseTimer);
    m_timer.start(1000 / std::max(1, hertz));
}

void MainWindow::buildTopBar()
{
    m_topBar = named(new QWidget(this), "topBar");
    m_topBar->setFixedHeight(48);
    auto *layout = new QHBoxLayout(m_topBar);
    layout->setContentsMargins(12, 0, 12, 0);
    layout->setSpacing(12);
    auto *targetBox = named(new QFrame(m_topBar), "targetBox");
    targetBox->setProperty("card", QStringLiteral("inset"));
    auto *targetLayout = new QHBoxLayout(targetBox);
    targetLayout->setContentsMargins(10, 0, 12, 0);
    targetBox->setFixedHeight(32);
    auto *picture = named(new QLabel(targetBox), "targetIconLabel");
    picture->setPixmap(
        iconPixmap(QStringLiteral("cluster"), tokens().textMuted, 16, devicePixelRatioF()));
    m_target = makeLabel(tr("Local shop"), "item", "targetLabel", targetBox);
    targetLayout->addWidget(picture);
    targetLayout->addWidget(m_target);
    layout->addWidget(targetBox);
    m_badge = named(new RunBadge(m_topBar), "runBadge");
    m_badge->hide();
    layout->addWidget(m_badge);
    m_recIcon = named(new QLabel(m_topBar), "recordIconLabel");
    m_recIcon->setPixmap(
        iconPixmap(QStringLiteral("record"), tokens().danger, 14, devicePixelRatioF()));
    m_rec = makeLabel(tr("REC"), "strong", "recordLabel", m_topBar);
    layout->addWidget(m_recIcon);
    layout->addWidget(m_rec);
    layout->addStretch();
    m_commands = named(new QPushButton(tr("Commands   Ctrl+K"), m_topBar), "commandsButton");
    m_commands->setProperty("kind", QStringLiteral("bar"));
    m_commands->setIcon(icon(QStringLiteral("search")));
    layout->addWidget(m_commands);
    m_halt = named(new QPushButton(tr("HALT ALL"), m_topBar), "haltAllButton");
    m_halt->setProperty("kind", QStringLiteral("halt"));
    m_halt->setIcon(icon(QStringLiteral("halt"), tokens().onDanger));
    m_halt->setToolTip(tr("Undo every fault now and start nothing new (Ctrl+Shift+X)"));
    m_halt->setAccessibleDescription(m_halt->toolTip());
    layout->addWidget(m_halt);
    connect(m_halt, &QPushButton::clicked, this, [this] { halt(false); });
}

void MainWindow::buildPages()
{
    m_stack = named(new QStackedWidget(this), "pageStack");
    m_home = named(new HomePage(m_session, this), "homePage");
    m_live = named(new LivePage(m_session, this), "livePage");
    m_playback = named(new PlaybackPage(this), "playbackPage");
    for (QWidget *widget : std::initializer_list<QWidget *>{m_home, m_live, m_playback}) {
        widget->setFocusPolicy(Qt::ClickFocus);
        m_stack->addWidget(widget);
    }
    m_modes->addEntry("homeModeButton", QStringLiteral("home"), tr("Home"),
                      QStringLiteral("Ctrl+1"));
    m_modes->addEntry("liveModeButton", QStringLiteral("live"), tr("Live"),
                      QStringLiteral("Ctrl+2"));
    m_modes->addEntry("playbackModeButton", QStringLiteral("playback"), tr("Playback"),
                      QStringLiteral("Ctrl+3"));
    connect(m_modes, &ModeBar::chosen, this,
            [this](int index) { openPage(static_cast<PageIndex>(index)); });
    connect(m_home, &HomePage::startDrillAsked, this, &MainWindow::startDrill);
    connect(m_home, &HomePage::openRecordingAsked, this, &MainWindow::openRecording);
    connect(m_home, &HomePage::startShopAsked, this, [this] {
        sayProblem(tr("Starting the shop ..."));
        m_session.operations().startShop([this](engine::Result<void> result) {
            sayProblem(result ? tr("The shop is up.") : qs(result.error().text()));
            m_session.reloadShop();
        });
    });
    connect(m_live, &LivePage::openPlaybackAsked, this, &MainWindow::openRecording);
    connect(m_live, &LivePage::homeAsked, this, [this] { openPage(Home); });
    connect(m_live, &LivePage::problem, this, &MainWindow::sayProblem);
    connect(m_playback, &PlaybackPage::reportAsked, this, &MainWindow::exportReport);
    connect(m_playback, &PlaybackPage::rerunAsked, this, [this](const QString &title) {
        for (const auto &drill : m_session.drills())
            if (qs(drill.title) == title)
                return startDrill(qs(drill.path));
        sayProblem(tr("No drill called \"%1\" is in the library; add its file to run it again.")
                       .arg(title));
    });
}

void MainWindow::buildStatusBar()
{
    auto *bar = named(new QStatusBar(this), "statusBar");
    bar->setFixedHeight(24);
    bar->setSizeGripEnabled(false);
    bar->setContentsMargins(12, 0, 12, 0);
    m_statusFault = makeLabel(tr("0 faults on"), "secondary", "faultStatusLabel", bar);
    m_statusRecorder = makeLabel(tr("not recording"), "secondary", "recorderStatusLabel", bar);
    m_statusEngine = makeLabel(tr("engine: not loaded"), "secondary", "engineStatusLabel", bar);
    m_statusMessage = makeLabel({}, "warning", "messageStatusLabel", bar);
    bar->addWidget(m_statusFault);
    bar->addWidget(separator(bar));
    bar->addWidget(m_statusRecorder);
    bar->addWidget(separator(bar));
    bar->addWidget(m_statusEngine);
    bar->addWidget(separator(bar));
    bar->addWidget(m_statusMessage, 1);
    setStatusBar(bar);
}

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
    auto *haltAction =
        command("halt", tr("Halt all: undo every fault, start nothing new"),
                QKeySequence(QStringLiteral("Ctrl+Shift+X")), [this] { halt(false); });
    haltAction->setShortcutContext(Qt::ApplicationShortcut);
    command("halt.release", tr("Release the halt"), {}, [this] { halt(true); });
    command("page.home", tr("Home"), QKeySequence(QStringLiteral("Ctrl+1")),
            [this] { openPage(Home); });
    command("page.live", tr("Live"), QKeySequence(QStringLiteral("Ctrl+2")),
            [this] { openPage(Live); });
    command("page.playback", tr("Playback"), QKeySequence(QStringLiteral("Ctrl+3")),
            [this] { openPage(Playback); });
    command("recording.open", tr("Open a recording ..."), QKeySequence(QStringLiteral("Ctrl+O")),
            [this] {
                const QString path = QFileDialog::getOpenFileName(
                    this, tr("Open a recording"), {}, tr("Recordings (*.drl);;All files (*)"));
                if (!path.isEmpty())
                    openRecording(path);
            });
    command("chart.table", tr("Charts as a table"), QKeySequence(Qt::Key_F8),
            [this] { page()->toggleTable(); });
    command("inspector.toggle", tr("Show or hide the inspector"), QKeySequence(Qt::Key_F4),
            [this] { m_live->toggleInspector(); });
    command("drill.undo", tr("Undo every fault of this run now"),
            QKeySequence(QStringLiteral("Shift+F5")), [this] {
                m_session.operations().undoNow(0, [this](engine::Result<void> result) {
                    if (!result)
                        sayProblem(qs(result.error().text()));
                });
            });
    command("theme.toggle", tr("Switch between dark and light"), {},
            [this] { setScheme(tokens().scheme == Scheme::Dark ? Scheme::Light : Scheme::Dark); });
    command("quit", tr("Quit"), QKeySequence(QStringLiteral("Ctrl+Q")), [this] { close(); });
    auto *palette =
        command("palette", tr("Commands"), QKeySequence(QStringLiteral("Ctrl+K")), [this] {
            auto *dialog = named(new CommandPalette(actions(), this), "commandPalette");
            dialog->move(mapToGlobal(QPoint(width() / 2 - 240, 56)));
            dialog->show();
        });
    palette->setShortcuts(
        {QKeySequence(QStringLiteral("Ctrl+K")), QKeySequence(QStringLiteral("Ctrl+Shift+P"))});
    connect(m_commands, &QPushButton::clicked, palette, &QAction::trigger);
}

Page *MainWindow::page() const
{
    return static_cast<Page *>(m_stack->currentWidget());
}

MainWindow::PageIndex MainWindow::currentPage() const
{
    return static_cast<PageIndex>(m_stack->currentIndex());
}

void MainWindow::openPage(PageIndex index)
{
    m_stack->setCurrentIndex(index);
    m_modes->setCurrent(index);
    page()->setFocus(Qt::OtherFocusReason);
    page()->refresh();
    showBadge();
}

void MainWindow::pulse()
{
    m_session.pulse();
    if (isVisible() && !isMinimized())
        page()->refresh();
    showStatus();
    showBadge();
}

void MainWindow::showBadge()
{
    RunBadge::Kind kind = RunBadge::None;
    QString title;
    QString since;
    if (currentPage() == Playback) {
        if (m_playback->hasRecording()) {
            kind = RunBadge::Playback;
            title = m_playback->title();
            since = m_playback->sinceText();
        }
    } else if (m_session.progress().running) {
        kind = RunBadge::Drill;
        title = qs(m_session.progress().drill);
        if (auto *timeline = m_session.live()) {
            const auto snapshot = timeline->snapshot();
            const auto &marks = snapshot->marks;
            since = marks.inject ? clockText(toSeconds(snapshot->end - *marks.inject))
                                 : qs(m_session.progress().message);
        }
    }
    const auto before = m_badge->kind();
    m_badge->show(kind, title, since);
    if (before != kind) {
        m_topBar->update();
        update();
    }
    setWindowTitle(kind == RunBadge::Drill ? tr("DRILL %1 - Drillroom").arg(title)
                                           : tr("Drillroom"));
}

void MainWindow::showStatus()
{
    const auto &progress = m_session.progress();
    int faults = 0;
    QString recorder = tr("not recording");
    if (auto *timeline = m_session.live()) {
        const auto snapshot = timeline->snapshot();
        for (const auto &[id, fault] : snapshot->state->faults)
            faults += fault.applied && !fault.undone ? 1 : 0;
        if (snapshot->state->ended)
            faults = 0;
        const double seconds = toSeconds(snapshot->end);
        m_rec->setText(tr("REC  %1").arg(clockText(seconds).mid(1)));
        std::uint64_t lost = 0;
        for (const auto &[source, link] : snapshot->state->links)
            lost += link.lost;
        recorder = tr("recording, %1 lost").arg(lost);
        if (!snapshot->problem.empty())
            recorder = qs(snapshot->problem);
        m_halted = m_halted || snapshot->state->halted;
    }
    const bool recording = !progress.recording.empty();
    m_rec->setVisible(recording);
    m_recIcon->setVisible(recording);
    m_statusFault->setText(faults == 1 ? tr("1 fault on") : tr("%1 faults on").arg(faults));
    setRole(m_statusFault, faults ? "danger" : "secondary");
    m_statusRecorder->setText(recorder);
    if (const auto &shop = m_session.shop(); shop && !shop->name.empty())
        m_target->setText(tr("Local shop: %1").arg(qs(shop->name)));
    m_haltBanner->setVisible(m_halted);
}

void MainWindow::sayProblem(const QString &text)
{
    m_statusMessage->setText(text);
    m_problemTimer.start();
}

void MainWindow::setEngineText(const QString &text)
{
    m_statusEngine->setText(text);
}

void MainWindow::halt(bool release)
{
    m_session.operations().halt(release);
    m_halted = !release;
    m_haltBanner->setVisible(m_halted);
}

void MainWindow::startDrill(const QString &path)
{
    m_session.operations().startDrill(path.toStdString(), [this](engine::Result<void> result) {
        if (!result)
            sayProblem(qs(result.error().text()));
    });
    openPage(Live);
}

void MainWindow::openRecording(const QString &path)
{
    auto &operations = m_session.operations();
    runInBackground(
        this, [&operations, file = path.toStdString()] { return operations.openRecording(file); },
        [this](engine::Result<std::unique_ptr<engine::Timeline>> timeline) {
            if (!timeline) {
                sayProblem(qs(timeline.error().text()));
                return;
            }
            m_playback->open(std::move(*timeline));
            openPage(Playback);
        });
}

void MainWindow::exportReport(const QString &recording)
{
    const QFileInfo info(recording);
    const QString path = QFileDialog::getSaveFileName(
        this, tr("Save the report"),
        info.path() + QLatin1Char('/') + info.completeBaseName() + QStringLiteral(".html"),
        tr("HTML (*.html)"));
    if (path.isEmpty())
        return;
    m_session.operations().exportReport(
        recording.toStdString(), path.toStdString(), [this, path](engine::Result<void> result) {
            sayProblem(result ? tr("Report written to %1").arg(path) : qs(result.error().text()));
        });
}

void MainWindow::setScheme(Scheme scheme)
{
    applyTheme(*qApp, scheme);
    m_session.reloadLists();
}

bool MainWindow::event(QEvent *event)
{
    const bool handled = QMainWindow::event(event);
    if (event->type() == QEvent::Paint && !m_painted) {
        m_painted = true;
        QTimer::singleShot(0, this, [this] {
            m_session.reloadLists();
            m_session.reloadShop();
            Q_EMIT firstPainted();
        });
    }
    return handled;
}

void MainWindow::keyPressEvent(QKeyEvent *event)
{
    const bool typing = qobject_cast<QLineEdit *>(QApplication::focusWidget()) != nullptr;
    if (!typing && page()->handleKey(event->key(), event->modifiers())) {
        event->accept();
        return;
    }
    QMainWindow::keyPressEvent(event);
}

void MainWindow::dragEnterEvent(QDragEnterEvent *event)
{
    if (event->mimeData()->hasUrls())
        event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent *event)
{
    const auto urls = event->mimeData()->urls();
    if (!urls.isEmpty() && urls.first().isLocalFile())
        openRecording(urls.first().toLocalFile());
}

void MainWindow::paintEvent(QPaintEvent *event)
{
    QMainWindow::paintEvent(event);
    QPainter painter(this);
    const auto &t = tokens();
    // Bars lie on the surface colour; a red line under the top bar says "this is real".
    painter.fillRect(QRect(0, 0, width(), 48), t.surface);
    painter.fillRect(QRect(0, 0, 64, height()), t.surface);
    painter.fillRect(QRect(0, height() - 24, width(), 24), t.surface);
    painter.fillRect(QRect(63, 0, 1, height() - 24), t.border);
    painter.fillRect(QRect(0, height() - 25, width(), 1), t.border);
    const bool drill = m_badge->kind() == RunBadge::Drill;
    painter.fillRect(QRect(64, drill ? 46 : 47, width() - 64, drill ? 2 : 1),
                     drill ? t.danger : t.border);
}

void MainWindow::changeEvent(QEvent *event)
{
    QMainWindow::changeEvent(event);
    if (event->type() != QEvent::PaletteChange || !m_halt)
        return;
    m_halt->setIcon(icon(QStringLiteral("halt"), tokens().onDanger));
    m_commands->setIcon(icon(QStringLiteral("search")));
    update();
}

} // namespace ui
