#include "ui/pages/live_page.h"

#include "ui/models/cell_delegate.h"
#include "ui/models/process_model.h"
#include "ui/session/session.h"
#include "ui/session/track_data.h"
#include "ui/theme/theme.h"
#include "ui/widgets/indicator_strip.h"
#include "ui/widgets/inspector.h"
#include "ui/widgets/timeline_panel.h"
#include "ui/widgets/track_stack.h"

#include <QDesktopServices>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QPushButton>
#include <QTableView>
#include <QUrl>
#include <QVBoxLayout>

#include <cmath>

namespace ui {

namespace {

std::string operatorName()
{
    const QString user = qEnvironmentVariable("USER", LivePage::tr("operator"));
    return user.toStdString();
}

} // namespace

LivePage::LivePage(Session &session, QWidget *parent) : Page(parent), m_session(session)
{
    buildLayout();
    connectActs();
    showEmpty();
}

void LivePage::buildLayout()
{
    auto *outer = new QHBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->setSpacing(0);

    m_empty = named(new QWidget(this), "liveEmpty");
    auto *emptyLayout = new QVBoxLayout(m_empty);
    m_emptyLabel = makeLabel({}, "muted", "liveEmptyLabel", m_empty);
    m_emptyLabel->setAlignment(Qt::AlignCenter);
    auto *toHome = named(new QPushButton(tr("Go to Home"), m_empty), "goHomeButton");
    emptyLayout->addStretch();
    emptyLayout->addWidget(m_emptyLabel);
    emptyLayout->addSpacing(12);
    emptyLayout->addWidget(toHome, 0, Qt::AlignHCenter);
    emptyLayout->addStretch();
    connect(toHome, &QPushButton::clicked, this, &LivePage::homeAsked);
    outer->addWidget(m_empty, 1);

    m_content = named(new QWidget(this), "liveContent");
    auto *column = new QVBoxLayout(m_content);
    column->setContentsMargins(12, 8, 12, 8);
    column->setSpacing(8);
    m_banner = named(new QFrame(m_content), "runBanner");
    m_banner->setProperty("card", true);
    auto *bannerLayout = new QHBoxLayout(m_banner);
    bannerLayout->setContentsMargins(12, 6, 6, 6);
    m_bannerLabel = makeLabel({}, "item", "runBannerLabel", m_banner);
    m_bannerButton = named(new QPushButton(tr("Open playback"), m_banner), "openPlaybackButton");
    m_bannerButton->setProperty("kind", QStringLiteral("primary"));
    auto *dismiss = named(new QPushButton(m_banner), "dismissBannerButton");
    dismiss->setProperty("kind", QStringLiteral("icon"));
    dismiss->setIcon(icon(QStringLiteral("cross")));
    dismiss->setAccessibleName(tr("Dismiss"));
    bannerLayout->addWidget(m_bannerLabel, 1);
    bannerLayout->addWidget(m_bannerButton);
    bannerLayout->addWidget(dismiss);
    connect(dismiss, &QPushButton::clicked, m_banner, &QWidget::hide);
    m_banner->hide();
    column->addWidget(m_banner);

    m_strip = named(new IndicatorStrip(m_content), "indicatorStrip");
    column->addWidget(m_strip);
    auto *trackCard = named(new QFrame(m_content), "trackCard");
    trackCard->setProperty("card", true);
    auto *trackLayout = new QVBoxLayout(trackCard);
    trackLayout->setContentsMargins(1, 1, 1, 1);
    m_tracks = named(new TrackStack(trackCard), "trackStack");
    trackLayout->addWidget(m_tracks);
    column->addWidget(trackCard, 1);

    auto *tableCard = named(new QFrame(m_content), "processCard");
    tableCard->setProperty("card", true);
    auto *tableLayout = new QVBoxLayout(tableCard);
    tableLayout->setContentsMargins(4, 1, 4, 1);
    m_model = new ProcessModel(true, this);
    m_table = named(new QTableView(tableCard), "processTable");
    m_table->setAccessibleName(tr("Processes of the shop"));
    m_table->setModel(m_model);
    setUpTable(m_table, 23);
    m_table->setContextMenuPolicy(Qt::CustomContextMenu);
    m_table->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    tableLayout->addWidget(m_table);
    column->addWidget(tableCard);

    m_panel = named(new TimelinePanel(m_content), "timelinePanel");
    column->addWidget(m_panel);
    outer->addWidget(m_content, 1);
    m_inspector = named(new Inspector(this), "inspectorPanel");
    m_inspector->setFixedWidth(324);
    outer->addWidget(m_inspector);
}

void LivePage::connectActs()
{
    const auto failed = [this](engine::Result<void> result) {
        if (!result)
            Q_EMIT problem(QString::fromStdString(result.error().text()));
    };
    connect(m_inspector, &Inspector::undoAsked, this,
            [this, failed](unsigned id) { m_session.operations().undoNow(id, failed); });
    connect(m_inspector, &Inspector::abortAsked, this,
            [this, failed] { m_session.operations().abortDrill(failed); });
    connect(m_inspector, &Inspector::acknowledgeAsked, this,
            [this] { m_session.operations().acknowledge(operatorName()); });
    connect(m_inspector, &Inspector::noteEntered, this, [this](const QString &text) {
        m_session.operations().note(operatorName(), text.toStdString());
    });
    connect(m_tracks, &TrackStack::seekAsked, this, &LivePage::seekTo);
    connect(m_panel, &TimelinePanel::seekAsked, this, &LivePage::seekTo);
    connect(m_tracks, &TrackStack::zoomAsked, this, [this](double factor, double around) {
        m_windowTouched = true;
        m_window.zoom(factor, around, 3600);
    });
    auto &transport = m_panel->transport();
    connect(&transport, &TransportBar::playToggled, this, [this] { setFollowing(!m_following); });
    connect(&transport, &TransportBar::followAsked, this, [this] { setFollowing(true); });
    connect(&transport, &TransportBar::stepAsked, this, [this](int direction) {
        handleKey(direction < 0 ? Qt::Key_Comma : Qt::Key_Period, Qt::NoModifier);
    });
    connect(m_table, &QTableView::clicked, this, [this](const QModelIndex &index) {
        if (index.column() == ProcessModel::Act)
            restartRow(index.row());
    });
    connect(m_table, &QTableView::customContextMenuRequested, this, &LivePage::openProcessMenu);
    connect(m_bannerButton, &QPushButton::clicked, this, [this] {
        m_banner->hide();
        Q_EMIT openPlaybackAsked(m_finishedRecording);
    });
    connect(&m_session, &Session::liveChanged, this, [this] {
        m_shown.reset();
        m_following = true;
        m_windowTouched = false;
        m_window = {};
    });
}

void LivePage::showEmpty()
{
    m_content->hide();
    m_inspector->hide();
    m_empty->show();
    const auto &progress = m_session.progress();
    m_emptyLabel->setText(
        progress.running ? tr("The run is starting: %1").arg(qs(progress.message))
                         : tr("Nothing is running and nothing is being recorded.\n"
                              "Start the shop or a drill from Home; its recording appears here."));
}

void LivePage::refresh()
{
    auto *timeline = m_session.live();
    if (!timeline) {
        showEmpty();
        return;
    }
    const auto snapshot = timeline->snapshot();
    if (m_empty->isVisible() || !m_content->isVisible()) {
        m_empty->hide();
        m_content->show();
        m_inspector->setVisible(true);
        layOutColumns();
    }
    const RunFacts facts = m_reader.read(*snapshot, false);
    const double now = toSeconds(snapshot->playhead);
    if (m_following) {
        // Room on the right only while something is still expected there.
        const bool expecting = facts.drill && !snapshot->state->ended;
        m_window.follow(now, expecting ? 0.72 : 0.9);
    }
    timeline->show(toMicros(m_window.from), toMicros(m_window.to()), binsFor(m_window.span),
                   seriesFor(*snapshot->state));
    if (snapshot == m_shown || snapshot->to <= snapshot->from)
        return; // nothing new, or no window was read yet
    m_shown = snapshot;

    const QString since = sinceText(now - facts.zero);
    m_tracks->show(*snapshot, facts,
                   m_following ? tr("now %1").arg(since) : tr("paused %1").arg(since), {});
    const auto &curves = m_tracks->data();
    m_strip->show(readingsOf(*snapshot, facts, curves), servedShares(curves, now));
    m_model->show(*snapshot);
    // A low window keeps the tracks readable: the table scrolls instead.
    const int most = height() < 800 ? 4 : 8;
    m_table->setFixedHeight(27 + 23 * std::clamp(m_model->rowCount(), 1, most));
    m_panel->show(snapshot, facts);
    auto &transport = m_panel->transport();
    transport.setLive(true, m_following);
    transport.setPlaying(m_following);
    transport.setClock({}, wallClockText(*snapshot->state, now));
    const auto verdict = snapshot->state->verdict();
    transport.setChips(
        measureChips(verdict, snapshot->marks, now, snapshot->state->ended.has_value()));
    m_inspector->show(*snapshot, facts);
}

void LivePage::setFollowing(bool following)
{
    auto *timeline = m_session.live();
    if (!timeline)
        return;
    m_following = following;
    if (following)
        timeline->pinToEnd();
    else
        timeline->seek(timeline->snapshot()->playhead);
    m_shown.reset();
}

void LivePage::seekTo(double t)
{
    auto *timeline = m_session.live();
    if (!timeline)
        return;
    m_following = false;
    const auto end = timeline->snapshot()->end;
    timeline->seek(std::clamp<std::int64_t>(toMicros(t), 0, end));
    m_shown.reset();
}

bool LivePage::handleKey(int key, Qt::KeyboardModifiers)
{
    auto *timeline = m_session.live();
    if (!timeline)
        return false;
    const auto snapshot = timeline->snapshot();
    switch (key) {
    case Qt::Key_Space:
    case Qt::Key_K:
        setFollowing(!m_following);
        return true;
    case Qt::Key_End:
        setFollowing(true);
        return true;
    case Qt::Key_Home:
        seekTo(snapshot->marks.inject ? toSeconds(*snapshot->marks.inject) : 0);
        m_window.reveal(toSeconds(snapshot->marks.inject.value_or(0)));
        return true;
    case Qt::Key_Comma:
    case Qt::Key_Period: {
        const bool forward = key == Qt::Key_Period;
        std::optional<std::int64_t> found;
        if (snapshot->events)
            for (const auto &event : *snapshot->events) {
                if (forward && event.t > snapshot->playhead) {
                    found = event.t;
                    break;
                }
                if (!forward && event.t < snapshot->playhead)
                    found = event.t;
            }
        if (found) {
            seekTo(toSeconds(*found));
            m_window.reveal(toSeconds(*found));
        }
        return true;
    }
    case Qt::Key_A:
    case Qt::Key_D:
        if (m_following)
            setFollowing(false);
        m_window.pan(key == Qt::Key_A ? -0.2 : 0.2);
        return true;
    case Qt::Key_W:
    case Qt::Key_S:
        m_window.zoom(key == Qt::Key_W ? 0.8 : 1.25, toSeconds(snapshot->playhead), 3600);
        return true;
    case Qt::Key_M:
        m_inspector->focusNote();
        return true;
    default:
        return false;
    }
}

std::vector<KeyHelp> LivePage::keys() const
{
    return {{tr("Space, K"), tr("Hold the picture, or follow again")},
            {tr("End"), tr("Back to the newest moment")},
            {tr("Home"), tr("To inject")},
            {QStringLiteral(", ."), tr("Previous, next event")},
            {QStringLiteral("A, D"), tr("Move the window left, right")},
            {QStringLiteral("W, S"), tr("Zoom in, out")},
            {QStringLiteral("M"), tr("Write a note at the playhead")},
            {tr("Click, drag"), tr("On a chart or a lane: hold the picture there")},
            {QStringLiteral("F8"), tr("Charts as a table")}};
}

void LivePage::toggleTable()
{
    m_tracks->toggleTable();
}

void LivePage::toggleInspector()
{
    m_inspector->setVisible(!m_inspector->isVisible());
}

void LivePage::announceRun(const QString &recording, const QString &error)
{
    m_finishedRecording = recording;
    m_bannerLabel->setText(error.isEmpty()
                               ? tr("The run is over and recorded. Its verdict is in Playback.")
                               : tr("The run ended with an error: %1").arg(error));
    m_bannerButton->setVisible(!recording.isEmpty());
    m_banner->show();
}

void LivePage::restartRow(int row)
{
    const QString target = m_model->target(row);
    if (target.isEmpty())
        return;
    m_session.operations().restart(target.toStdString(), [this](engine::Result<void> result) {
        if (!result)
            Q_EMIT problem(QString::fromStdString(result.error().text()));
    });
}

void LivePage::openProcessMenu(const QPoint &at)
{
    const int row = m_table->indexAt(at).row();
    const QString target = m_model->target(row);
    if (target.isEmpty())
        return;
    auto *menu = named(new QMenu(this), "processMenu");
    menu->setAttribute(Qt::WA_DeleteOnClose);
    menu->addAction(tr("Restart %1").arg(target), this, [this, row] { restartRow(row); });
    QString log;
    if (m_session.shop())
        for (const auto &process : m_session.shop()->processes)
            if (qs(process.name) == target)
                log = qs(process.log);
    auto *openLog = menu->addAction(tr("Open its log"), this,
                                    [log] { QDesktopServices::openUrl(QUrl::fromLocalFile(log)); });
    openLog->setEnabled(!log.isEmpty());
    menu->popup(m_table->viewport()->mapToGlobal(at));
}

void LivePage::layOutColumns()
{
    const bool narrow = width() < 1260;
    m_inspector->setFixedWidth(narrow ? 288 : 324);
    m_table->setColumnHidden(ProcessModel::Spark, narrow);
    auto *header = m_table->horizontalHeader();
    header->setMinimumSectionSize(40);
    const int widths[ProcessModel::ColumnCount] = {92, 112, 118, 62, 140, 66, 130, 70, 116, 84};
    for (int i = 0; i < m_model->columnCount(); ++i)
        header->resizeSection(i, widths[i]);
    header->setSectionResizeMode(ProcessModel::Share, QHeaderView::Stretch);
    header->setSectionResizeMode(ProcessModel::Spark, QHeaderView::Stretch);
}

void LivePage::resizeEvent(QResizeEvent *event)
{
    Page::resizeEvent(event);
    layOutColumns();
}

} // namespace ui
