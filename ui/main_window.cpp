#include "ui/main_window.h"

#include "ui/pages/home_page.h"
#include "ui/pages/live_page.h"
#include "ui/pages/models_page.h"
#include "ui/pages/playback_page.h"
#include "ui/session/background.h"
#include "ui/session/run_facts.h"
#include "ui/session/troubles.h"
#include "ui/theme/theme.h"
#include "ui/widgets/mode_bar.h"
#include "ui/widgets/status_line.h"
#include "ui/widgets/top_bar.h"

#include <QApplication>
#include <QDragEnterEvent>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QMimeData>
#include <QPainter>
#include <QStackedWidget>
#include <QThread>
#include <QVBoxLayout>

#include <algorithm>

namespace ui {

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
    m_topBar = named(new TopBar(centre), "topBar");
    column->addWidget(m_topBar);
    m_banners = named(new BannerStack(centre), "bannerStack");
    column->addWidget(m_banners);
    buildPages();
    column->addWidget(m_stack, 1);
    m_status = named(new StatusLine(this), "statusBar");
    setStatusBar(m_status);
    buildCommands();
    connectPages();
    connect(&m_timer, &QTimer::timeout, this, &MainWindow::pulse);
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

void MainWindow::buildPages()
{
    m_stack = named(new QStackedWidget(this), "pageStack");
    m_home = named(new HomePage(m_session, this), "homePage");
    m_live = named(new LivePage(m_session, this), "livePage");
    m_playback = named(new PlaybackPage(this), "playbackPage");
    m_models = named(new ModelsPage(m_session.operations().trainings(), this), "modelsPage");
    for (QWidget *widget : std::initializer_list<QWidget *>{m_home, m_live, m_playback, m_models}) {
        widget->setFocusPolicy(Qt::ClickFocus);
        m_stack->addWidget(widget);
    }
    m_modes->addEntry("homeModeButton", QStringLiteral("home"), tr("Home"),
                      QStringLiteral("Ctrl+1"));
    m_modes->addEntry("liveModeButton", QStringLiteral("live"), tr("Live"),
                      QStringLiteral("Ctrl+2"));
    m_modes->addEntry("playbackModeButton", QStringLiteral("playback"), tr("Playback"),
                      QStringLiteral("Ctrl+3"));
    m_modes->addEntry("modelsModeButton", QStringLiteral("training"), tr("Models"),
                      QStringLiteral("Ctrl+4"));
}

void MainWindow::connectPages()
{
    connect(m_modes, &ModeBar::chosen, this,
            [this](int index) { openPage(static_cast<PageIndex>(index)); });
    connect(m_topBar, &TopBar::haltAsked, this, &MainWindow::haltAll);
    connect(m_topBar, &TopBar::commandsAsked, this, &MainWindow::showPalette);
    connect(m_banners, &BannerStack::actAsked, this, [this](const QString &key) {
        if (key == QLatin1String("halt"))
            halt(true);
    });
    connect(m_home, &HomePage::startDrillAsked, this, &MainWindow::startDrill);
    connect(m_home, &HomePage::openRecordingAsked, this, &MainWindow::openRecording);
    connect(m_home, &HomePage::startShopAsked, this, &MainWindow::startShop);
    connect(m_live, &LivePage::openPlaybackAsked, this, &MainWindow::openRecording);
    connect(m_live, &LivePage::homeAsked, this, [this] { openPage(Home); });
    connect(m_live, &LivePage::problem, this, &MainWindow::say);
    connect(m_models, &ModelsPage::problem, this, &MainWindow::say);
    connect(m_playback, &PlaybackPage::reportAsked, this, &MainWindow::exportReport);
    connect(m_playback, &PlaybackPage::rerunAsked, this, &MainWindow::offerAgain);
    connect(&m_session, &Session::runFinished, m_live, &LivePage::announceRun);
    connect(&m_session, &Session::shopChanged, this, &MainWindow::showStatus);
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
    m_undo->setEnabled(index != Playback); // what is past cannot be acted on
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
    if (m_topBar->setBadge(kind, title, since)) {
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
    QString clock;
    std::shared_ptr<const engine::TimelineSnapshot> snapshot;
    if (auto *timeline = m_session.live()) {
        snapshot = timeline->snapshot();
        for (const auto &[id, fault] : snapshot->state->faults)
            faults += fault.applied && !fault.undone ? 1 : 0;
        if (snapshot->state->ended)
            faults = 0;
        clock = clockText(toSeconds(snapshot->end)).mid(1);
        std::uint64_t lost = progress.recorder.lost;
        for (const auto &[source, link] : snapshot->state->links)
            lost += link.lost;
        recorder = tr("recording, %1 lost").arg(lost);
        m_halted = m_halted || snapshot->state->halted;
    }
    const bool inTrouble = !progress.recorder.problem.empty();
    if (inTrouble)
        recorder = tr("recording in memory");
    m_topBar->setRecording(progress.recording.empty() ? QString() : clock, inTrouble);
    m_status->setFaults(faults);
    m_status->setRecorder(recorder);
    if (const auto &shop = m_session.shop(); shop && !shop->name.empty())
        m_topBar->setTarget(qs(shop->name));
    m_banners->show(troubles(progress, snapshot.get(), m_halted));
}

void MainWindow::say(const QString &text)
{
    m_status->say(text);
}

void MainWindow::setEngineText(const QString &text)
{
    m_status->setEngine(text);
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
    painter.fillRect(QRect(0, 0, width(), TopBar::kHeight), t.surface);
    painter.fillRect(QRect(0, 0, 64, height()), t.surface);
    painter.fillRect(QRect(0, height() - 24, width(), 24), t.surface);
    painter.fillRect(QRect(63, 0, 1, height() - 24), t.border);
    painter.fillRect(QRect(0, height() - 25, width(), 1), t.border);
    const bool drill = m_topBar->badge() == RunBadge::Drill;
    painter.fillRect(QRect(64, drill ? 46 : 47, width() - 64, drill ? 2 : 1),
                     drill ? t.danger : t.border);
}

void MainWindow::changeEvent(QEvent *event)
{
    QMainWindow::changeEvent(event);
    if (event->type() == QEvent::PaletteChange)
        update();
}

} // namespace ui
