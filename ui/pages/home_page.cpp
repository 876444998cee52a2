#include "ui/pages/home_page.h"

#include "ui/session/session.h"
#include "ui/session/track_data.h"
#include "ui/theme/theme.h"
#include "ui/widgets/checks_card.h"
#include "ui/widgets/drill_cards.h"
#include "ui/widgets/live_number.h"
#include "ui/widgets/process_diagram.h"
#include "ui/widgets/runs_card.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include <cmath>

namespace ui {

namespace {

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

} // namespace

HomePage::HomePage(Session &session, QWidget *parent) : Page(parent), m_session(session)
{
    auto *layout = new QHBoxLayout(this);
    layout->setContentsMargins(12, 8, 12, 8);
    layout->setSpacing(8);
    auto *left = new QVBoxLayout;
    left->setSpacing(8);
    left->addWidget(buildRunning());
    m_drills = named(new DrillCards(this), "breakItCard");
    left->addWidget(m_drills);
    m_runs = named(new RunsCard(this), "runsCard");
    left->addWidget(m_runs, 1);
    layout->addLayout(left, 66);
    m_checks = named(new ChecksCard(this), "workstationCard");
    layout->addWidget(m_checks, 34);
    connect(m_drills, &DrillCards::startAsked, this, &HomePage::startDrillAsked);
    connect(m_runs, &RunsCard::openAsked, this, &HomePage::openRecordingAsked);
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

bool HomePage::offerDrill(const QString &title)
{
    return m_drills->offer(title);
}

void HomePage::showLists()
{
    m_drills->show(m_session.drills(), m_session.listsKnown());
    m_runs->show(m_session.recordings());
    m_checks->show(m_session.checks());
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
        m_drills->setRunning(m_session.progress().running);
    }
    showNumbers();
}

bool HomePage::handleKey(int, Qt::KeyboardModifiers)
{
    return false;
}

} // namespace ui
