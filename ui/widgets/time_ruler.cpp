#include "ui/widgets/time_ruler.h"

#include "ui/theme/theme.h"

#include <QCoreApplication>
#include <QPainter>

#include <algorithm>

namespace ui {

namespace {

struct Words
{
    Q_DECLARE_TR_FUNCTIONS(TimeRuler)
};

struct Name
{
    QString text;
    QColor colour;
    double true_x, width, x;
    bool flag, expected;
};

/// Pushes names apart so that they never touch, keeping their order and staying inside.
void spread(std::vector<Name> &names, double left, double right)
{
    constexpr double kGapPx = 8;
    std::sort(names.begin(), names.end(),
              [](const Name &a, const Name &b) { return a.true_x < b.true_x; });
    for (auto &name : names)
        name.x = name.true_x - name.width / 2;
    for (int pass = 0; pass < 40; ++pass) {
        bool moved = false;
        for (std::size_t i = 1; i < names.size(); ++i) {
            const double overlap = names[i - 1].x + names[i - 1].width + kGapPx - names[i].x;
            if (overlap > 0.5) {
                names[i - 1].x -= overlap / 2;
                names[i].x += overlap / 2;
                moved = true;
            }
        }
        for (auto &name : names)
            name.x = std::clamp(name.x, left, std::max(left, right - name.width));
        if (!moved)
            break;
    }
}

} // namespace

PhaseRuler::PhaseRuler(QWidget *parent) : QWidget(parent)
{
    setFixedHeight(30);
    setAccessibleName(Words::tr("Phases"));
}

void PhaseRuler::show(const TimeAxis &axis, std::vector<PhaseMark> marks, double flagAt,
                      QString flag, QString corner)
{
    m_axis = axis;
    m_marks = std::move(marks);
    m_flagAt = flagAt;
    m_flag = std::move(flag);
    m_corner = std::move(corner);
    QStringList spoken;
    for (const auto &mark : m_marks)
        spoken << Words::tr("%1 at %2").arg(mark.name, sinceText(mark.t - m_axis.zero));
    setAccessibleDescription(spoken.join(QStringLiteral(", ")));
    update();
}

void PhaseRuler::paintEvent(QPaintEvent *)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const auto &t = tokens();
    const QFont nameFont = typeFont(Type::Axis, QFont::Medium);
    const QFont flagFont = typeFont(Type::Axis, QFont::DemiBold);
    std::vector<Name> names;
    for (const auto &mark : m_marks) {
        if (mark.t < m_axis.from || mark.t > m_axis.to)
            continue;
        const QColor colour = mark.expected ? t.textMuted : (mark.fault ? t.fault : t.text);
        names.push_back({mark.name, colour, m_axis.x(mark.t),
                         QFontMetricsF(nameFont).horizontalAdvance(mark.name), 0, false,
                         mark.expected});
    }
    if (!m_flag.isEmpty() && m_flagAt >= m_axis.from && m_flagAt <= m_axis.to)
        names.push_back({m_flag, t.onAccent, m_axis.x(m_flagAt),
                         digitsWidth(QFontMetricsF(flagFont), m_flag) + 14, 0, true, false});
    spread(names, m_axis.left - 40, m_axis.right + (m_corner.isEmpty() ? 8 : 0));
    for (const auto &name : names) {
        const QColor line = name.flag ? t.accent : name.colour;
        painter.setPen(QPen(line, 1));
        const double middle = name.x + name.width / 2;
        painter.drawPolyline(QPolygonF({QPointF(middle, 18), QPointF(middle, 21),
                                        QPointF(std::floor(name.true_x) + 0.5, 26),
                                        QPointF(std::floor(name.true_x) + 0.5, 30)}));
        if (name.flag) {
            painter.setPen(Qt::NoPen);
            painter.setBrush(t.accentFill);
            painter.drawRoundedRect(QRectF(name.x, 2, name.width, 16), 3, 3);
            painter.setFont(flagFont);
            painter.setPen(name.colour);
            drawDigits(painter, {name.x + 7, 14}, name.text, false);
        } else {
            painter.setFont(nameFont);
            painter.setPen(name.colour);
            painter.drawText(QPointF(name.x, 14), name.text);
        }
    }
    if (!m_corner.isEmpty()) {
        painter.setFont(typeFont(Type::Secondary));
        painter.setPen(t.textMuted);
        painter.drawText(QRectF(width() - 140, 4, 128, 16), Qt::AlignRight | Qt::AlignVCenter,
                         m_corner);
    }
}

TimeLabels::TimeLabels(QWidget *parent) : QWidget(parent)
{
    setFixedHeight(24);
    setAccessibleName(Words::tr("Time axis"));
}

void TimeLabels::show(const TimeAxis &axis, bool zeroIsInject)
{
    m_axis = axis;
    m_zeroIsInject = zeroIsInject;
    update();
}

void TimeLabels::paintEvent(QPaintEvent *)
{
    QPainter painter(this);
    painter.setFont(typeFont(Type::Axis));
    painter.setPen(tokens().textMuted);
    painter.drawText(QRectF(12, 0, kPlotLeft - 12, 22), Qt::AlignLeft | Qt::AlignVCenter,
                     m_zeroIsInject ? Words::tr("time from inject") : Words::tr("time from start"));
    const auto ticks = m_axis.ticks(11);
    const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : 1;
    for (const double tick : ticks) {
        const QString text = tickText(tick - m_axis.zero, step);
        const double width = digitsWidth(painter.fontMetrics(), text);
        const double x = m_axis.x(tick) - width / 2;
        if (x + width < this->width() && x > kPlotLeft - 20)
            drawDigits(painter, {x, 15}, text, false);
    }
}

} // namespace ui
