#include "ui/widgets/fact_list.h"

#include "ui/theme/theme.h"

#include <QPainter>

#include <algorithm>

namespace ui {

namespace {

constexpr int kRowHeight = 22;

} // namespace

FactList::FactList(QWidget *parent) : QWidget(parent)
{
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setFixedHeight(0);
}

void FactList::show(std::vector<Fact> facts, std::size_t most)
{
    if (facts.size() > most) {
        const auto hidden = facts.size() - most + 1;
        facts.erase(facts.begin(), facts.begin() + static_cast<std::ptrdiff_t>(hidden));
        facts.insert(facts.begin(),
                     Fact{.text = tr("%n earlier", nullptr, int(hidden)), .tone = Tone::Muted});
    }
    if (facts == m_facts)
        return;
    if (facts.size() != m_facts.size())
        setFixedHeight(static_cast<int>(facts.size()) * kRowHeight);
    m_facts = std::move(facts);
    QStringList spoken;
    for (const auto &fact : m_facts)
        spoken << QStringList{fact.lead, fact.text, fact.trail}.join(QLatin1Char(' ')).trimmed();
    setAccessibleDescription(spoken.join(QStringLiteral("; ")));
    update();
}

void FactList::paintEvent(QPaintEvent *)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const auto &t = tokens();
    double top = 0;
    for (const auto &fact : m_facts) {
        const double baseline = top + 15;
        if (fact.current) {
            painter.setPen(Qt::NoPen);
            painter.setBrush(t.select);
            painter.drawRoundedRect(QRectF(0, top, width(), kRowHeight), 4, 4);
        }
        double x = 8;
        if (m_leadWidth > 0) {
            painter.setFont(typeFont(Type::Secondary));
            painter.setPen(t.textMuted);
            drawDigits(painter, {double(m_leadWidth), baseline}, fact.lead, true);
            x = m_leadWidth + 10;
        }
        if (!fact.icon.isEmpty())
            drawIcon(painter, fact.icon, toneColour(fact.iconTone), QRectF(x, top + 4, 14, 14));
        if (!fact.icon.isEmpty() || m_leadWidth == 0)
            x += 22;
        double right = width() - 8;
        painter.setFont(typeFont(Type::Secondary));
        painter.setPen(t.textMuted);
        if (!fact.trail.isEmpty()) {
            right -= digitsWidth(painter.fontMetrics(), fact.trail);
            drawDigits(painter, {right, baseline}, fact.trail, false);
            right -= 8;
        }
        painter.setFont(typeFont(Type::Body, fact.current ? QFont::DemiBold : 0));
        painter.setPen(toneColour(fact.tone));
        painter.drawText(QPointF(x, baseline),
                         painter.fontMetrics().elidedText(fact.text, Qt::ElideRight,
                                                          static_cast<int>(right - x)));
        top += kRowHeight;
    }
}

} // namespace ui
