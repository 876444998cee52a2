// The words and numbers of a track: its header, the ticks' values, the values at the playhead.

#include "ui/theme/theme.h"
#include "ui/widgets/time_series_view.h"

#include <algorithm>
#include <cmath>

namespace ui {

namespace {

constexpr double kLabelGap = 13; ///< least distance of two direct labels

} // namespace

void TimeSeriesView::drawHeader(QPainter &painter) const
{
    const auto &t = tokens();
    painter.setFont(typeFont(Type::Body, QFont::DemiBold));
    painter.setPen(t.text);
    const double top = 4;
    painter.drawText(QRectF(12, top, kHeaderWidth + 20, 16), Qt::AlignLeft | Qt::AlignVCenter,
                     m_spec.title);
    painter.setFont(typeFont(Type::Secondary));
    painter.setPen(t.textMuted);
    double y = top + 17;
    for (const QString &line : {m_spec.unit, m_values.note}) {
        if (line.isEmpty())
            continue;
        painter.drawText(
            QRectF(12, y, kPlotLeft - 12 - 34, 14), Qt::AlignLeft | Qt::AlignVCenter,
            painter.fontMetrics().elidedText(line, Qt::ElideRight, kPlotLeft - 12 - 34));
        y += 14;
    }
    painter.setFont(typeFont(Type::Axis));
    const QRectF area = plot();
    double lastY = 1e9;
    for (const double tick : m_values.ticks) {
        const double at = yOf(tick);
        if (lastY - at < 12)
            continue;
        lastY = at;
        const double baseline = std::clamp(at + 4, area.top() + 8, area.bottom());
        drawDigits(painter, {double(kPlotLeft - 7), baseline},
                   numberText(tick, m_values.tickDecimals), true);
    }
    if (m_values.limit && !m_values.limitText.isEmpty()) {
        const double limitY = yOf(*m_values.limit);
        const double textY = limitY - 4 > area.top() + 10 ? limitY - 4 : limitY + 12;
        painter.drawText(QPointF(area.left() + 6, textY), m_values.limitText);
    }
}

void TimeSeriesView::drawValueLabels(QPainter &painter) const
{
    if (m_values.now.empty() || !m_overlay.playhead)
        return;
    struct Label
    {
        double want, y;
        std::size_t curve;
    };
    std::vector<Label> labels;
    double sum = 0;
    for (std::size_t c = 0; c < m_values.now.size(); ++c) {
        const double value = m_values.now[c];
        if (std::isnan(value))
            continue;
        sum += value;
        const double y = yOf(m_spec.stacked ? sum - value / 2 : value);
        labels.push_back({y, y, c});
        if (m_overlay.valuesInGutter) {
            const double dotY = yOf(m_spec.stacked ? sum : value);
            painter.setPen(QPen(tokens().surface, 1));
            painter.setBrush(tokens().series[m_spec.curves[c].colour]);
            painter.drawEllipse(QPointF(m_axis.x(*m_overlay.playhead), dotY), 3, 3);
        }
    }
    if (labels.empty())
        return;
    std::sort(labels.begin(), labels.end(), [](const Label &a, const Label &b) {
        return a.want != b.want ? a.want < b.want : a.curve > b.curve;
    });
    const double lowest = viewport()->height() - 8.0;
    for (std::size_t i = 0; i < labels.size(); ++i)
        labels[i].y = std::max(labels[i].want, i ? labels[i - 1].y + kLabelGap : 8.0);
    for (std::size_t i = labels.size(); i-- > 0;)
        labels[i].y =
            std::min(labels[i].y, i + 1 < labels.size() ? labels[i + 1].y - kLabelGap : lowest);

    const QFont nameFont = typeFont(Type::Axis);
    const QFont valueFont = typeFont(Type::Axis, QFont::DemiBold);
    const QFontMetricsF nameMetrics(nameFont);
    const QFontMetricsF valueMetrics(valueFont);
    const bool gutter = m_overlay.valuesInGutter;
    for (const auto &label : labels) {
        const auto &curve = m_spec.curves[label.curve];
        const QString value = numberText(m_values.now[label.curve], curve.decimals);
        const double nameWidth = nameMetrics.horizontalAdvance(curve.name);
        const double width = 13 + nameWidth + 5 + digitsWidth(valueMetrics, value);
        double x = gutter ? plot().right() + 8 : m_axis.x(*m_overlay.playhead) + 6;
        if (!gutter && x + width > viewport()->width() - 4)
            x = m_axis.x(*m_overlay.playhead) - width - 8;
        if (!gutter) {
            QColor behind = tokens().surface;
            behind.setAlphaF(0.82F);
            painter.fillRect(QRectF(x - 2, label.y - 7, width + 4, 14), behind);
        }
        painter.fillRect(QRectF(x, label.y - 1, 9, 2.5), tokens().series[curve.colour]);
        painter.setFont(nameFont);
        painter.setPen(tokens().textMuted);
        painter.drawText(QPointF(x + 13, label.y + 4), curve.name);
        painter.setFont(valueFont);
        painter.setPen(tokens().text);
        drawDigits(painter, {x + 13 + nameWidth + 5, label.y + 4}, value, false);
    }
}

} // namespace ui
