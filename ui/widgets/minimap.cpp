#include "ui/widgets/minimap.h"

#include "ui/theme/theme.h"

#include <QMouseEvent>
#include <QPainter>

#include <algorithm>
#include <cmath>

namespace ui {

Minimap::Minimap(QWidget *parent) : QWidget(parent)
{
    setFixedHeight(30);
    setAccessibleName(tr("Whole recording"));
}

void Minimap::setRightGutter(int width)
{
    m_gutter = width;
}

QRectF Minimap::strip() const
{
    return {double(kPlotLeft), 5, std::max(10.0, double(width() - kPlotLeft - m_gutter)), 20};
}

void Minimap::show(std::shared_ptr<const engine::TimelineSnapshot> snapshot, const RunFacts &facts)
{
    m_snapshot = std::move(snapshot);
    m_facts = facts;
    const QRectF area = strip();
    m_axis.from = 0;
    m_axis.to = std::max(1.0, toSeconds(m_snapshot->end));
    m_axis.left = area.left();
    m_axis.right = area.right();
    // The silhouette is drawn anew about once a second: it costs more than the rest of the strip.
    if (m_drawnSize != size() || m_drawnEnd < 0
        || std::abs(m_snapshot->end - m_drawnEnd) >= 1'000'000)
        renderSilhouette();
    update();
}

void Minimap::renderSilhouette()
{
    m_drawnSize = size();
    m_drawnEnd = m_snapshot->end;
    const QRectF area = strip();
    const auto ratio = devicePixelRatioF();
    m_silhouette = QPixmap((area.size() * ratio).toSize());
    m_silhouette.setDevicePixelRatio(ratio);
    m_silhouette.fill(tokens().inset);
    if (m_snapshot->overview.empty())
        return;
    const auto &bins = m_snapshot->overview.front().max;
    double low = 1e9;
    double high = 0;
    for (const float value : bins) {
        if (std::isnan(value) || value <= 0)
            continue;
        low = std::min(low, std::log(double(value)));
        high = std::max(high, std::log(double(value)));
    }
    QPainter painter(&m_silhouette);
    painter.setRenderHint(QPainter::Antialiasing);
    QColor fill = tokens().textMuted;
    fill.setAlphaF(0.5F);
    const double step = area.width() / static_cast<double>(std::max<std::size_t>(1, bins.size()));
    const double span = std::max(0.7, high - low);
    for (std::size_t i = 0; i < bins.size(); ++i) {
        if (std::isnan(bins[i]) || bins[i] <= 0)
            continue;
        const double share = 0.12 + 0.85 * (std::log(double(bins[i])) - low) / span;
        painter.fillRect(QRectF(static_cast<double>(i) * step, area.height() * (1 - share), step,
                                area.height() * share),
                         fill);
    }
}

void Minimap::paintEvent(QPaintEvent *)
{
    QPainter painter(this);
    const auto &t = tokens();
    painter.setFont(typeFont(Type::Secondary, QFont::Medium));
    painter.setPen(t.text);
    painter.drawText(QPointF(12, 19), tr("Whole recording"));
    const QRectF area = strip();
    if (!m_snapshot)
        return;
    painter.drawPixmap(area.topLeft(), m_silhouette);
    painter.setClipRect(area);
    QColor band = t.fault;
    band.setAlphaF(0.3F);
    for (const auto &fault : m_facts.bands)
        painter.fillRect(QRectF(m_axis.x(fault.from), area.top(),
                                std::max(2.0, m_axis.x(fault.to) - m_axis.x(fault.from)),
                                area.height()),
                         band);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(t.warning);
    for (const auto &alert : m_snapshot->state->alerts) {
        const double x = m_axis.x(toSeconds(alert.from));
        const double y = area.top() + 4;
        painter.drawPolygon(QPolygonF(
            {QPointF(x, y - 3), QPointF(x + 3, y), QPointF(x, y + 3), QPointF(x - 3, y)}));
    }
    painter.setClipping(false);
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(t.border, 1));
    painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5));
    const double left = std::max(area.left(), m_axis.x(toSeconds(m_snapshot->from)));
    const double right = std::min(area.right(), m_axis.x(toSeconds(m_snapshot->to)));
    painter.setPen(QPen(t.accent, 1.5));
    painter.drawRoundedRect(
        QRectF(left, area.top() - 1, std::max(4.0, right - left), area.height() + 2), 2, 2);
    const double x = std::floor(m_axis.x(toSeconds(m_snapshot->playhead)));
    painter.setPen(QPen(t.accent, 2));
    painter.drawLine(QPointF(x, area.top() - 3), QPointF(x, area.bottom() + 3));
}

void Minimap::mousePressEvent(QMouseEvent *event)
{
    if (!m_snapshot || event->button() != Qt::LeftButton
        || !strip().adjusted(-4, -5, 4, 5).contains(event->position()))
        return;
    const double t = m_axis.t(event->position().x());
    m_dragsWindow = event->modifiers() & Qt::ShiftModifier;
    m_grab = t - toSeconds(m_snapshot->from);
    if (!m_dragsWindow)
        Q_EMIT seekAsked(t);
}

void Minimap::mouseMoveEvent(QMouseEvent *event)
{
    if (!m_snapshot || !(event->buttons() & Qt::LeftButton))
        return;
    const double t = m_axis.t(event->position().x());
    if (m_dragsWindow)
        Q_EMIT windowAsked(t - m_grab);
    else
        Q_EMIT seekAsked(t);
}

void Minimap::changeEvent(QEvent *event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange)
        m_drawnEnd = -1;
}

} // namespace ui
