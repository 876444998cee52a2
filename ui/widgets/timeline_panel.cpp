#include "ui/widgets/timeline_panel.h"

#include "ui/theme/theme.h"
#include "ui/widgets/lanes_view.h"
#include "ui/widgets/minimap.h"

#include <QVBoxLayout>

#include <algorithm>

namespace ui {

namespace {

QFrame *rule(const char *name, QWidget *parent)
{
    auto *line = named(new QFrame(parent), name);
    line->setProperty("rule", QStringLiteral("h"));
    return line;
}

} // namespace

TimelinePanel::TimelinePanel(QWidget *parent) : QFrame(parent)
{
    setProperty("card", true);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(1, 1, 1, 1);
    layout->setSpacing(0);
    m_transport = named(new TransportBar(this), "transportBar");
    m_lanes = named(new LanesView(this), "lanesView");
    m_minimap = named(new Minimap(this), "minimapView");
    layout->addWidget(m_transport);
    layout->addWidget(rule("transportRule", this));
    layout->addWidget(m_lanes);
    layout->addWidget(rule("minimapRule", this));
    layout->addWidget(m_minimap);
    connect(m_lanes, &LanesView::seekAsked, this, &TimelinePanel::seekAsked);
    connect(m_minimap, &Minimap::seekAsked, this, &TimelinePanel::seekAsked);
    connect(m_minimap, &Minimap::windowAsked, this, &TimelinePanel::windowAsked);
}

void TimelinePanel::setRightGutter(int width)
{
    // The tracks lie in a card with the same border, so both gutters end at the same pixel.
    m_lanes->setRightGutter(width);
    m_minimap->setRightGutter(width);
}

void TimelinePanel::show(const std::shared_ptr<const engine::TimelineSnapshot> &snapshot,
                         const RunFacts &facts, const std::vector<std::uint32_t> &density)
{
    m_lanes->show(*snapshot, facts);
    m_minimap->show(snapshot, facts, density);
}

std::vector<TransportBar::Chip> measureChips(const engine::Verdict &verdict,
                                             const engine::Marks &marks, double now, bool ended)
{
    std::vector<TransportBar::Chip> chips;
    const auto seconds = [](double s) { return TimelinePanel::tr("%1 s").arg(numberText(s, 1)); };
    if (!marks.inject)
        return chips;
    if (marks.detect)
        chips.push_back(
            {TimelinePanel::tr("detect"), seconds(toSeconds(*marks.detect - *marks.inject)), {}});
    if (marks.mitigate)
        chips.push_back({TimelinePanel::tr("mitigate"),
                         seconds(toSeconds(*marks.mitigate - *marks.inject)),
                         {}});
    if (ended && verdict.rtoSeconds)
        chips.push_back({TimelinePanel::tr("RTO"), seconds(*verdict.rtoSeconds), {}});
    else if (!ended && marks.impact && !marks.steady)
        chips.push_back({TimelinePanel::tr("RTO"),
                         seconds(std::max(0.0, now - toSeconds(*marks.impact))),
                         TimelinePanel::tr("counting")});
    chips.push_back({TimelinePanel::tr("failed"), QString::number(verdict.failed), {}});
    chips.push_back({TimelinePanel::tr("late"), QString::number(verdict.late), {}});
    return chips;
}

} // namespace ui
