#include "ui/pages/home_page.h"

#include "ui/models/cell_delegate.h"
#include "ui/models/runs_model.h"
#include "ui/session/session.h"
#include "ui/theme/theme.h"
#include "ui/widgets/live_number.h"
#include "ui/widgets/process_diagram.h"

#include <QClipboard>
#include <QDateTime>
#include <QGridLayout>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace ui {

namespace {

constexpr std::size_t kMostCards = 6;
constexpr double kSparkSeconds = 60;

QFrame *card(const char *name, QWidget *parent)
{
    auto *frame = named(new QFrame(parent), name);
    frame->setProperty("card", true);
    return frame;
}

std::vector<float> sparkOf(const std::vector<double> &values)
{
    std::vector<float> spark;
    spark.reserve(values.size());
    for (const double value : values)
        spark.push_back(static_cast<float>(value));
    return spark;
}

QString iconOf(const engine::DrillSummary &drill)
{
    const auto has = [&](std::string_view part) {
        return drill.id.find(part) != std::string::npos
               || std::any_of(drill.tags.begin(), drill.tags.end(),
                              [&](const auto &tag) { return tag.find(part) != std::string::npos; });
    };
    if (has("no-op"))
        return QStringLiteral("check");
    if (has("hang") || has("timeout"))
        return QStringLiteral("timeout");
    if (has("network"))
        return QStringLiteral("cut-network");
    if (has("data") || has("store"))
        return QStringLiteral("data-loss");
    if (has("crash"))
        return QStringLiteral("crash");
    return QStringLiteral("fault");
}

} // namespace

HomePage::HomePage(Session &session, QWidget *parent) : Page(parent), m_session(session)
{
    auto *layout = new QHBoxLayout(this);
    layout->setContentsMargins(12, 8, 12, 8);
    layout->setSpacing(8);
    auto *left = new QVBoxLayout;
    left->setSpacing(8);
    left->addWidget(buildRunning());
    left->addWidget(buildDrills());
    left->addWidget(buildRuns(), 1);
    layout->addLayout(left, 66);
    layout->addWidget(buildChecks(), 34);
    connect(&m_session, &Session::listsChanged, this, &HomePage::showLists);
    connect(&m_session, &Session::shopChanged, this, &HomePage::showShop);
    showShop();
}

QWidget *HomePage::buildRunning()
{
    auto *frame = card("runningCard", this);
    auto *outer = new QHBoxLayout(frame);
    outer->setContentsMargins(16, 12, 16, 12);
    outer->setSpacing(16);
    auto *left = new QVBoxLayout;
    auto *head = new QHBoxLayout;
    head->setSpacing(10);
    head->addWidget(makeLabel(tr("Running now"), "title", "runningTitleLabel", frame));
    m_runningDetail = makeLabel({}, "muted", "runningDetailLabel", frame);
    head->addWidget(m_runningDetail, 1);
    left->addLayout(head);
    m_diagram = named(new ProcessDiagram(frame), "processDiagram");
    left->addWidget(m_diagram, 1);
    m_runningEmpty = makeLabel({}, "muted", "runningEmptyLabel", frame);
    m_runningEmpty->setWordWrap(true);
    m_startShop = named(new QPushButton(tr("Start the shop"), frame), "startShopButton");
    left->addWidget(m_runningEmpty);
    left->addWidget(m_startShop, 0, Qt::AlignLeft);
    connect(m_startShop, &QPushButton::clicked, this, &HomePage::startShopAsked);
    outer->addLayout(left, 1);
    m_numbersBox = named(new QWidget(frame), "liveNumbers");
    m_numbersBox->setFixedWidth(196);
    auto *numbers = new QVBoxLayout(m_numbersBox);
    numbers->setContentsMargins(16, 0, 0, 0);
    const Series colours[3] = {P99, FailedShare, Quality};
    const char *names[3] = {"p99Number", "failedNumber", "qualityNumber"};
    for (std::size_t i = 0; i < 3; ++i) {
        m_numbers[i] = named(new LiveNumber(colours[i], m_numbersBox), names[i]);
        numbers->addWidget(m_numbers[i]);
    }
    outer->addWidget(m_numbersBox);
    return frame;
}

QWidget *HomePage::buildDrills()
{
    auto *frame = card("breakItCard", this);
    auto *layout = new QVBoxLayout(frame);
    layout->setContentsMargins(16, 12, 16, 14);
    layout->setSpacing(10);
    auto *head = new QHBoxLayout;
    head->setSpacing(10);
    head->addWidget(makeLabel(tr("Break it"), "title", "breakItTitleLabel", frame));
    head->addWidget(makeLabel(tr("every drill is undone by itself; HALT ALL stops any of them"),
                              "muted", "breakItDetailLabel", frame),
                    1);
    layout->addLayout(head);
    m_drillsEmpty =
        makeLabel(tr("Reading the drill library ..."), "muted", "drillsEmptyLabel", frame);
    m_drillsEmpty->setWordWrap(true);
    layout->addWidget(m_drillsEmpty);
    m_drillGrid = new QGridLayout;
    m_drillGrid->setSpacing(12);
    layout->addLayout(m_drillGrid);
    return frame;
}

QWidget *HomePage::buildRuns()
{
    auto *frame = card("runsCard", this);
    auto *layout = new QVBoxLayout(frame);
    layout->setContentsMargins(8, 12, 8, 4);
    layout->setSpacing(4);
    auto *head = new QHBoxLayout;
    head->setContentsMargins(8, 0, 8, 0);
    head->addWidget(makeLabel(tr("Recent runs"), "title", "runsTitleLabel", frame));
    head->addStretch();
    head->addWidget(
        makeLabel(tr("drop a recording here to open it"), "muted", "runsHintLabel", frame));
    layout->addLayout(head);
    m_runsModel = new RunsModel(this);
    m_runs = named(new QTableView(frame), "runsTable");
    m_runs->setAccessibleName(tr("Recent runs"));
    m_runs->setModel(m_runsModel);
    setUpTable(m_runs, 36);
    m_runs->horizontalHeader()->setSectionResizeMode(RunsModel::Drill, QHeaderView::Stretch);
    const int widths[RunsModel::ColumnCount] = {116, 200, 124, 84, 84, 84, 110};
    for (int i = 0; i < RunsModel::ColumnCount; ++i)
        if (i != RunsModel::Drill)
            m_runs->horizontalHeader()->resizeSection(i, widths[i]);
    m_runsEmpty = makeLabel(tr("No runs yet. The first one is recorded from its first request; "
                               "it can be played back here at any time, without a shop."),
                            "muted", "runsEmptyLabel", frame);
    m_runsEmpty->setWordWrap(true);
    m_runsEmpty->setContentsMargins(8, 8, 8, 8);
    layout->addWidget(m_runsEmpty);
    layout->addWidget(m_runs, 1);
    layout->addStretch();
    m_runs->hide();
    const auto open = [this](const QModelIndex &index) {
        Q_EMIT openRecordingAsked(m_runsModel->path(index.row()));
    };
    connect(m_runs, &QTableView::doubleClicked, this, open);
    connect(m_runs, &QTableView::activated, this, open);
    return frame;
}

QWidget *HomePage::buildChecks()
{
    auto *frame = card("workstationCard", this);
    auto *layout = new QVBoxLayout(frame);
    layout->setContentsMargins(0, 12, 0, 8);
    layout->setSpacing(8);
    auto *head = new QHBoxLayout;
    head->setContentsMargins(16, 0, 16, 0);
    head->addWidget(makeLabel(tr("This workstation"), "title", "workstationTitleLabel", frame));
    head->addStretch();
    m_checksCount = makeLabel(tr("looking ..."), "muted", "checksCountLabel", frame);
    head->addWidget(m_checksCount);
    layout->addLayout(head);
    auto *rule = named(new QFrame(frame), "workstationRule");
    rule->setProperty("rule", QStringLiteral("h"));
    layout->addWidget(rule);
    auto *scroll = named(new QScrollArea(frame), "checksScrollArea");
    scroll->setWidgetResizable(true);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto *content = named(new QWidget(scroll), "checksContent");
    m_checkList = new QVBoxLayout(content);
    m_checkList->setContentsMargins(16, 0, 16, 0);
    m_checkList->setSpacing(0);
    m_checkList->addStretch();
    scroll->setWidget(content); // which would paint the window's colour over the card
    content->setAutoFillBackground(false);
    scroll->viewport()->setAutoFillBackground(false);
    layout->addWidget(scroll, 1);
    return frame;
}

QWidget *HomePage::drillCard(const engine::DrillSummary &drill, bool primary)
{
    auto *frame = named(new QFrame(this), "drillCard");
    frame->setProperty("card", QStringLiteral("inset"));
    auto *layout = new QVBoxLayout(frame);
    layout->setContentsMargins(12, 10, 12, 10);
    layout->setSpacing(6);
    auto *head = new QHBoxLayout;
    head->setSpacing(10);
    auto *picture = named(new QLabel(frame), "drillIconLabel");
    picture->setPixmap(iconPixmap(iconOf(drill), tokens().danger, 20, devicePixelRatioF()));
    head->addWidget(picture, 0, Qt::AlignTop);
    auto *words = new QVBoxLayout;
    words->setSpacing(0);
    auto *title = makeLabel(qs(drill.title.empty() ? drill.id : drill.title), "item",
                            "drillTitleLabel", frame);
    title->setWordWrap(true);
    words->addWidget(title);
    const QString length =
        drill.seconds > 0 ? tr("%1 s").arg(numberText(drill.seconds, 0)) : QString();
    words->addWidget(makeLabel(length, "secondary", "drillLengthLabel", frame));
    head->addLayout(words, 1);
    layout->addLayout(head);
    const QString said = drill.error.empty() ? qs(drill.description) : qs(drill.error);
    auto *description =
        makeLabel(said, drill.error.empty() ? "muted" : "danger", "drillDescriptionLabel", frame);
    description->setWordWrap(true);
    description->setMinimumHeight(34);
    description->setAlignment(Qt::AlignTop | Qt::AlignLeft);
    layout->addWidget(description, 1);
    auto *foot = new QHBoxLayout;
    foot->addStretch();
    auto *start = named(new QPushButton(tr("Start"), frame), "startDrillButton");
    start->setMinimumWidth(84);
    start->setAccessibleName(tr("Start %1").arg(qs(drill.title)));
    if (primary)
        start->setProperty("kind", QStringLiteral("primary"));
    start->setEnabled(drill.error.empty());
    start->setProperty("usable", drill.error.empty());
    const QString path = qs(drill.path);
    connect(start, &QPushButton::clicked, this, [this, path] { Q_EMIT startDrillAsked(path); });
    m_startButtons.push_back(start);
    foot->addWidget(start);
    layout->addLayout(foot);
    return frame;
}

void HomePage::showLists()
{
    while (auto *item = m_drillGrid->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    m_startButtons.clear();
    auto drills = m_session.drills();
    // The no-op control drill proves calm; the eye should fall on a drill that breaks something.
    std::stable_partition(drills.begin(), drills.end(), [](const engine::DrillSummary &drill) {
        return drill.id.find("no-op") == std::string::npos;
    });
    const std::size_t count = std::min(kMostCards, drills.size());
    const int columns = count == 4 ? 4 : 3;
    for (std::size_t i = 0; i < count; ++i)
        m_drillGrid->addWidget(drillCard(drills[i], i == 0), static_cast<int>(i) / columns,
                               static_cast<int>(i) % columns);
    for (int column = 0; column < 4; ++column)
        m_drillGrid->setColumnStretch(column, column < columns ? 1 : 0);
    m_drillsEmpty->setVisible(drills.empty());
    if (m_session.listsKnown())
        m_drillsEmpty->setText(tr("The drill library is empty. Put drill files (*.yaml) into the "
                                  "drills folder beside the program, then start again."));

    m_runsModel->show(m_session.recordings(), QDateTime::currentMSecsSinceEpoch() * 1000);
    m_runsEmpty->setVisible(m_session.recordings().empty());
    m_runs->setVisible(!m_session.recordings().empty());

    while (m_checkList->count() > 1) {
        auto *item = m_checkList->takeAt(0);
        delete item->widget();
        delete item;
    }
    int fine = 0;
    int row = 0;
    for (const auto &check : m_session.checks()) {
        fine += check.ok ? 1 : 0;
        auto *line = named(new QWidget(this), "checkRow");
        auto *grid = new QGridLayout(line);
        grid->setContentsMargins(0, 8, 0, 8);
        grid->setHorizontalSpacing(12);
        grid->setVerticalSpacing(2);
        auto *picture = named(new QLabel(line), "checkIconLabel");
        picture->setPixmap(
            iconPixmap(check.ok ? QStringLiteral("check") : QStringLiteral("warning"),
                       check.ok ? tokens().ok : tokens().warning, 16, devicePixelRatioF()));
        picture->setAccessibleName(check.ok ? tr("fine") : tr("to look at"));
        grid->addWidget(picture, 0, 0, 2, 1);
        grid->addWidget(makeLabel(qs(check.name), "strong", "checkNameLabel", line), 0, 1, 1, 2);
        auto *detail = makeLabel(qs(check.detail), "secondary", "checkDetailLabel", line);
        detail->setWordWrap(true);
        grid->addWidget(detail, 1, 1, 1, 2);
        if (!check.ok && !check.fix.empty()) {
            auto *fix = makeLabel(qs(check.fix), "fix", "checkFixLabel", line);
            fix->setTextInteractionFlags(Qt::TextSelectableByMouse);
            fix->setWordWrap(true);
            auto *copy = named(new QPushButton(tr("Copy"), line), "copyFixButton");
            copy->setProperty("kind", QStringLiteral("link"));
            const QString text = qs(check.fix);
            connect(copy, &QPushButton::clicked, line,
                    [text] { QGuiApplication::clipboard()->setText(text); });
            grid->addWidget(fix, 2, 1);
            grid->addWidget(copy, 2, 2, Qt::AlignLeft);
        }
        grid->setColumnStretch(1, 1);
        m_checkList->insertWidget(row++, line);
        if (row / 2 + 1 < static_cast<int>(m_session.checks().size())) {
            auto *rule = named(new QFrame(this), "checkRule");
            rule->setProperty("rule", QStringLiteral("h"));
            m_checkList->insertWidget(row++, rule);
        }
    }
    const int look = static_cast<int>(m_session.checks().size()) - fine;
    m_checksCount->setText(look ? tr("%1 fine, %2 to look at").arg(fine).arg(look)
                                : tr("%1 fine").arg(fine));
}

void HomePage::showShop()
{
    const auto &shop = m_session.shop();
    const bool up = shop && !shop->processes.empty();
    m_diagram->setVisible(up);
    m_numbersBox->setVisible(up);
    m_runningEmpty->setVisible(!up);
    const bool starting = shop && shop->state == "starting";
    m_startShop->setVisible(!up && !starting);
    if (!up) {
        m_runningDetail->setText({});
        QString text = starting ? tr("The shop is starting: models are loaded and signatures "
                                     "checked.")
                                : tr("Nothing is running. A drill starts the shop by itself; or "
                                     "start it now and watch it serve.");
        if (!m_session.shopProblem().isEmpty())
            text = m_session.shopProblem();
        m_runningEmpty->setText(text);
        return;
    }
    m_runningDetail->setText(tr("%1: %2 real processes on this workstation; nothing leaves it")
                                 .arg(qs(shop->name))
                                 .arg(shop->processes.size()));
}

void HomePage::showNumbers()
{
    auto *timeline = m_session.live();
    const auto &shop = m_session.shop();
    if (!shop || shop->processes.empty())
        return;
    std::map<std::string, double> rates;
    if (timeline) {
        const auto snapshot = timeline->snapshot();
        const double now = toSeconds(snapshot->playhead);
        timeline->show(toMicros(now - kSparkSeconds), toMicros(now + 0.5), binsFor(kSparkSeconds),
                       seriesFor(*snapshot->state));
        const RunFacts facts = m_reader.read(*snapshot, false);
        const TrackData curves = trackData(*snapshot);
        const auto readings = readingsOf(*snapshot, facts, curves);
        m_numbers[0]->show(readings[0], sparkOf(curves.p99));
        m_numbers[1]->show(readings[1], sparkOf(curves.failed));
        m_numbers[2]->show(readings[2], sparkOf(curves.quality));
        const double answered = valueAt(curves.x, curves.primary, now, 2);
        if (!std::isnan(answered))
            rates["traffic"] = answered;
        for (const auto &process : shop->processes) {
            if (const auto *bins = findSeries(*snapshot, process.name + ".requests")) {
                std::vector<double> values(bins->mean.begin(), bins->mean.end());
                const double value = valueAt(curves.x, values, now, 2);
                if (!std::isnan(value))
                    rates[process.name] = value * 10;
            }
        }
    }
    m_diagram->show(processBoxes(*shop, rates));
}

void HomePage::refresh()
{
    if (m_ticks++ % 5 == 0) {
        m_session.reloadShop();
        const bool running = m_session.progress().running;
        for (auto *button : m_startButtons) {
            button->setEnabled(!running && button->property("usable").toBool());
            button->setToolTip(running ? tr("A drill is running; one at a time") : QString());
        }
    }
    showNumbers();
}

bool HomePage::handleKey(int, Qt::KeyboardModifiers)
{
    return false;
}

void HomePage::resizeEvent(QResizeEvent *event)
{
    Page::resizeEvent(event);
    m_runs->setColumnHidden(RunsModel::Run, width() < 1230);
}

} // namespace ui
