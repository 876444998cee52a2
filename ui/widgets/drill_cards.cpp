#include "ui/widgets/drill_cards.h"

#include "ui/session/words.h"
#include "ui/theme/theme.h"

#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>

namespace ui {

namespace {

constexpr std::size_t kOpenCards = 6;

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

DrillCards::DrillCards(QWidget *parent) : QFrame(parent)
{
    setProperty("card", true);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(16, 12, 16, 14);
    layout->setSpacing(10);
    auto *head = new QHBoxLayout;
    head->setSpacing(10);
    head->addWidget(makeLabel(tr("Break it"), "title", "breakItTitleLabel", this));
    head->addWidget(makeLabel(tr("every drill is undone by itself; HALT ALL stops any of them"),
                              "muted", "breakItDetailLabel", this),
                    1);
    m_more = named(new QPushButton(this), "allDrillsButton");
    m_more->setProperty("kind", QStringLiteral("link"));
    m_more->hide();
    head->addWidget(m_more);
    layout->addLayout(head);
    m_empty = makeLabel(tr("Reading the drill library ..."), "muted", "drillsEmptyLabel", this);
    m_empty->setWordWrap(true);
    layout->addWidget(m_empty);
    m_grid = new QGridLayout;
    m_grid->setSpacing(12);
    layout->addLayout(m_grid);
    connect(m_more, &QPushButton::clicked, this, [this] {
        m_all = !m_all;
        rebuild();
    });
}

void DrillCards::show(std::vector<engine::DrillSummary> drills, bool known)
{
    m_drills = std::move(drills);
    // The no-op control drill proves calm; the eye should fall on a drill that breaks something.
    std::stable_partition(m_drills.begin(), m_drills.end(), [](const engine::DrillSummary &drill) {
        return drill.id.find("no-op") == std::string::npos;
    });
    m_empty->setVisible(m_drills.empty());
    if (known)
        m_empty->setText(tr("The drill library is empty. Put drill files (*.yaml) into the "
                            "drills folder beside the program, then start again."));
    rebuild();
}

void DrillCards::rebuild()
{
    while (auto *item = m_grid->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    m_startButtons.clear();
    auto drills = m_drills;
    std::stable_partition(drills.begin(), drills.end(), [this](const engine::DrillSummary &drill) {
        return !m_offered.isEmpty() && qs(drill.title) == m_offered;
    });
    const std::size_t count = m_all ? drills.size() : std::min(kOpenCards, drills.size());
    const int columns = count == 4 ? 4 : 3;
    for (std::size_t i = 0; i < count; ++i)
        m_grid->addWidget(drillCard(drills[i], i == 0), static_cast<int>(i) / columns,
                          static_cast<int>(i) % columns);
    for (int column = 0; column < 4; ++column)
        m_grid->setColumnStretch(column, column < columns ? 1 : 0);
    m_more->setVisible(drills.size() > kOpenCards);
    m_more->setText(m_all ? tr("Show fewer") : tr("All %1 drills").arg(drills.size()));
}

void DrillCards::setRunning(bool running)
{
    m_running = running;
    for (auto *button : m_startButtons) {
        button->setEnabled(!running && button->property("usable").toBool());
        button->setToolTip(running ? tr("A drill is running; one at a time") : QString());
    }
}

bool DrillCards::offer(const QString &title)
{
    if (std::none_of(m_drills.begin(), m_drills.end(),
                     [&](const engine::DrillSummary &drill) { return qs(drill.title) == title; }))
        return false;
    m_offered = title;
    rebuild();
    m_startButtons.front()->setFocus(Qt::OtherFocusReason);
    return true;
}

QWidget *DrillCards::drillCard(const engine::DrillSummary &drill, bool primary)
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
    start->setEnabled(drill.error.empty() && !m_running);
    start->setProperty("usable", drill.error.empty());
    const QString path = qs(drill.path);
    connect(start, &QPushButton::clicked, this, [this, path] { Q_EMIT startAsked(path); });
    m_startButtons.push_back(start);
    foot->addWidget(start);
    layout->addLayout(foot);
    return frame;
}

} // namespace ui
