#include "ui/widgets/time_series_view.h"

#include "ui/theme/theme.h"
#include "ui/widgets/track_change.h"

#include <QChart>
#include <QLineSeries>
#include <QMouseEvent>
#include <QPainterPath>
#include <QSignalBlocker>
#include <QValueAxis>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>

namespace ui {

namespace {

QPen cosmetic(const QColor &colour, double width, const QList<qreal> &dashes = {})
{
    QPen pen(colour, width);
    pen.setCosmetic(true);
    pen.setCapStyle(Qt::FlatCap);
    if (!dashes.isEmpty())
        pen.setDashPattern(dashes);
    return pen;
}

double snap(double v)
{
    return std::floor(v) + 0.5;
}

} // namespace

TimeSeriesView::TimeSeriesView(TrackSpec spec, QWidget *parent)
    : QChartView(parent), m_spec(std::move(spec))
{
    setObjectName(m_spec.key);
    setAccessibleName(m_spec.title);
    setFrameShape(QFrame::NoFrame);
    setRubberBand(QChartView::NoRubberBand);
    setRenderHint(QPainter::Antialiasing);
    setViewportUpdateMode(QGraphicsView::FullViewportUpdate);
    setMouseTracking(true);
    viewport()->setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    auto *plotChart = chart();
    plotChart->setAnimationOptions(QChart::NoAnimation);
    plotChart->setBackgroundVisible(false);
    plotChart->setPlotAreaBackgroundVisible(false);
    plotChart->legend()->hide();
    plotChart->setMargins(QMargins(0, 0, 0, 0));
    // Both linear: a log axis drops a whole series at its first gap, so log tracks are given log10.
    m_xAxis = new QValueAxis(plotChart);
    m_yAxis = new QValueAxis(plotChart);
    plotChart->addAxis(m_xAxis, Qt::AlignBottom);
    plotChart->addAxis(m_yAxis, Qt::AlignLeft);
    for (std::size_t i = 0; i < m_spec.curves.size(); ++i) {
        auto *line = new QLineSeries(plotChart);
        line->setName(m_spec.curves[i].name);
        plotChart->addSeries(line);
        line->attachAxis(m_xAxis);
        line->attachAxis(m_yAxis);
        m_lines.push_back(line);
    }
    m_xAxis->setVisible(false);
    m_yAxis->setVisible(false);
    restyle();
}

void TimeSeriesView::setRightGutter(int width)
{
    m_gutter = width;
    placePlot();
}

QRectF TimeSeriesView::plot() const
{
    const QRectF area = viewport()->rect();
    return {double(kPlotLeft), 4.0, std::max(10.0, area.width() - kPlotLeft - m_gutter),
            std::max(10.0, area.height() - 8)};
}

void TimeSeriesView::placePlot()
{
    chart()->setPlotArea(plot());
}

void TimeSeriesView::restyle()
{
    setBackgroundBrush(tokens().surface);
    for (std::size_t i = 0; i < m_lines.size(); ++i) {
        const auto &spec = m_spec.curves[i];
        QPen pen = cosmetic(tokens().series[spec.colour], spec.width);
        pen.setJoinStyle(Qt::RoundJoin);
        m_lines[i]->setPen(pen);
    }
}

void TimeSeriesView::show(const TimeAxis &axis, TrackValues values, const Overlay &overlay)
{
    const QRectF area = plot();
    TimeAxis next = axis;
    next.left = area.left();
    next.right = area.right();
    const bool onlyMoved = next == m_axis && overlay.valuesInGutter
                           && differInPlayheadOnly(m_values, values, m_overlay, overlay);
    const Overlay before = m_overlay;
    m_axis = next;
    m_values = std::move(values);
    m_overlay = overlay;
    if (onlyMoved) {
        updateMoved(before);
        return;
    }

    // Series first with their signals held back, then the axes: one recalculation per refresh.
    const auto scaled = [&](double v) { return m_spec.log ? std::log10(v) : v; };
    for (std::size_t i = 0; i < m_lines.size(); ++i) {
        const auto y = m_spec.stacked ? stackedUpTo(i) : m_values.y.at(i);
        QList<QPointF> points;
        points.reserve(static_cast<qsizetype>(y.size()));
        for (std::size_t n = 0; n < std::min(y.size(), m_values.x.size()); ++n)
            points.append({m_values.x[n], scaled(y[n])});
        if (points.isEmpty()) {
            m_lines[i]
                ->clear(); // told at once: a moved axis leaves the old line of an empty series
            continue;
        }
        const QSignalBlocker blocker(m_lines[i]);
        m_lines[i]->replace(points);
    }
    const double low = scaled(m_values.low);
    const double high = scaled(m_values.high);
    const bool sameX = m_xAxis->min() == axis.from && m_xAxis->max() == axis.to;
    const bool sameY = m_yAxis->min() == low && m_yAxis->max() == high;
    m_xAxis->setRange(axis.from, axis.to);
    m_yAxis->setRange(low, high);
    if (sameX && sameY) // a moved axis already made the lines anew
        for (auto *line : m_lines)
            Q_EMIT line->pointsReplaced();
    setAccessibleDescription(m_values.sentence);
    viewport()->update();
}

/// Only what the playhead and the crosshair leave and reach, and the values in the gutter.
void TimeSeriesView::updateMoved(const Overlay &before)
{
    constexpr double kReach = 5; ///< of the dots on the playhead
    QRegion stale(
        QRectF(plot().right(), 0, viewport()->width() - plot().right(), viewport()->height())
            .toAlignedRect());
    for (const auto &t :
         {before.playhead, m_overlay.playhead, before.crosshair, m_overlay.crosshair})
        if (t)
            stale +=
                QRectF(m_axis.x(*t) - kReach, 0, 2 * kReach, viewport()->height()).toAlignedRect();
    viewport()->update(stale);
}

std::vector<double> TimeSeriesView::stackedUpTo(std::size_t curve) const
{
    std::vector<double> sum(m_values.x.size(), 0.0);
    for (std::size_t c = 0; c <= curve; ++c)
        for (std::size_t i = 0; i < std::min(sum.size(), m_values.y[c].size()); ++i)
            sum[i] += m_values.y[c][i];
    return sum;
}

double TimeSeriesView::yOf(double value) const
{
    const QRectF area = plot();
    double share = 0;
    if (m_spec.log)
        share =
            std::log(std::max(value, 0.01) / m_values.low) / std::log(m_values.high / m_values.low);
    else
        share = (value - m_values.low) / (m_values.high - m_values.low);
    return area.bottom() - share * area.height();
}

void TimeSeriesView::drawBackground(QPainter *painter, const QRectF &rect)
{
    QChartView::drawBackground(painter, rect);
    painter->save();
    painter->resetTransform();
    drawGrid(*painter);
    painter->setClipRect(plot());
    if (m_values.band) {
        QColor colour = tokens().series[Quality];
        colour.setAlphaF(0.20F);
        const double top = yOf(m_values.band->second);
        painter->fillRect(
            QRectF(plot().left(), top, plot().width(), yOf(m_values.band->first) - top), colour);
    }
    if (m_values.limit) {
        painter->setPen(cosmetic(tokens().warning, 1, {2, 3}));
        const double y = snap(yOf(*m_values.limit));
        painter->drawLine(QPointF(plot().left(), y), QPointF(plot().right(), y));
    }
    fillAreas(*painter);
    painter->restore();
}

void TimeSeriesView::drawGrid(QPainter &painter) const
{
    painter.setRenderHint(QPainter::Antialiasing, false);
    painter.setPen(cosmetic(tokens().grid, 1));
    const QRectF area = plot();
    for (const double t : m_axis.ticks(11)) {
        const double x = snap(m_axis.x(t));
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()));
    }
    for (const double tick : m_values.ticks) {
        const double y = snap(yOf(tick));
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y));
    }
    painter.setRenderHint(QPainter::Antialiasing, true);
}

void TimeSeriesView::fillAreas(QPainter &painter) const
{
    const std::size_t size = m_values.x.size();
    std::vector<double> lower(size, m_spec.log ? m_values.low : 0.0);
    for (std::size_t c = 0; c < m_spec.curves.size() && c < m_values.y.size(); ++c) {
        const auto upper = m_spec.stacked ? stackedUpTo(c) : m_values.y[c];
        if (m_spec.curves[c].fillAlpha > 0) {
            QColor colour = tokens().series[m_spec.curves[c].colour];
            colour.setAlphaF(static_cast<float>(m_spec.curves[c].fillAlpha));
            // One polygon per stretch without a gap, so that nothing is filled where nothing was
            // read.
            for (std::size_t i = 0; i < size;) {
                if (i >= upper.size() || std::isnan(upper[i])) {
                    ++i;
                    continue;
                }
                std::size_t end = i;
                while (end < std::min(size, upper.size()) && !std::isnan(upper[end]))
                    ++end;
                QPolygonF polygon;
                for (std::size_t n = i; n < end; ++n)
                    polygon << QPointF(m_axis.x(m_values.x[n]), yOf(upper[n]));
                for (std::size_t n = end; n-- > i;)
                    polygon << QPointF(m_axis.x(m_values.x[n]),
                                       yOf(std::isnan(lower[n]) ? 0.0 : lower[n]));
                painter.setPen(Qt::NoPen);
                painter.setBrush(colour);
                painter.drawPolygon(polygon);
                i = end;
            }
        }
        if (m_spec.stacked)
            lower = upper;
    }
}

void TimeSeriesView::drawForeground(QPainter *painter, const QRectF &rect)
{
    QChartView::drawForeground(painter, rect);
    painter->save();
    painter->resetTransform();
    const QRectF area = plot();
    painter->setClipRect(area.adjusted(0, -4, 1, 4));
    for (const auto &band : m_overlay.bands) {
        const double from = m_axis.x(band.from);
        const double to = m_axis.x(band.to);
        painter->fillRect(QRectF(from, 0, to - from, viewport()->height()), tokens().band());
        if (band.expectedTo)
            painter->fillRect(QRectF(to, 0, m_axis.x(*band.expectedTo) - to, viewport()->height()),
                              tokens().expectedBand());
    }
    const int height = viewport()->height();
    for (const auto &mark : m_overlay.marks) {
        const QColor colour =
            mark.fault ? tokens().fault : (mark.expected ? tokens().textMuted : tokens().text);
        painter->setPen(
            cosmetic(colour, 1, mark.expected ? QList<qreal>{1, 3} : QList<qreal>{4, 3}));
        const double x = snap(m_axis.x(mark.t));
        painter->drawLine(QPointF(x, 0), QPointF(x, height));
    }
    if (m_overlay.loopFrom && m_overlay.loopTo) {
        QColor wash = tokens().accent;
        wash.setAlphaF(0.10F);
        const double from = m_axis.x(*m_overlay.loopFrom);
        painter->fillRect(QRectF(from, 0, m_axis.x(*m_overlay.loopTo) - from, height), wash);
    }
    for (const auto &end : {m_overlay.loopFrom, m_overlay.loopTo}) {
        if (!end)
            continue;
        painter->setPen(cosmetic(tokens().accent, 1, {1, 2}));
        const double x = snap(m_axis.x(*end));
        painter->drawLine(QPointF(x, 0), QPointF(x, height));
    }
    if (m_overlay.crosshair) {
        painter->setPen(cosmetic(tokens().control, 1));
        const double x = snap(m_axis.x(*m_overlay.crosshair));
        painter->drawLine(QPointF(x, 0), QPointF(x, height));
    }
    if (m_spec.dots) {
        painter->setPen(Qt::NoPen);
        for (std::size_t c = 0; c < m_values.y.size(); ++c) {
            painter->setBrush(tokens().series[m_spec.curves[c].colour]);
            double last = -10;
            for (std::size_t i = 0; i < m_values.y[c].size(); ++i) {
                const double x = m_axis.x(m_values.x[i]);
                if (std::isnan(m_values.y[c][i]) || x - last < 9)
                    continue;
                last = x;
                painter->drawEllipse(QPointF(x, yOf(m_values.y[c][i])), 1.8, 1.8);
            }
        }
    }
    if (m_overlay.playhead) {
        painter->setPen(cosmetic(tokens().accent, 1));
        const double x = snap(m_axis.x(*m_overlay.playhead));
        painter->drawLine(QPointF(x, 0), QPointF(x, height));
    }
    painter->setClipping(false);
    drawHeader(*painter);
    drawValueLabels(*painter);
    painter->restore();
}

void TimeSeriesView::resizeEvent(QResizeEvent *event)
{
    QChartView::resizeEvent(event);
    placePlot();
    const QRectF area = plot();
    m_axis.left = area.left();
    m_axis.right = area.right();
}

void TimeSeriesView::changeEvent(QEvent *event)
{
    QChartView::changeEvent(event);
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange)
        restyle();
}

// The chart's own mouse handling is never reached: clicks on items crashed in Qt 6.4.
void TimeSeriesView::mousePressEvent(QMouseEvent *event)
{
    setFocus(Qt::MouseFocusReason);
    if (event->button() == Qt::LeftButton && plot().contains(event->position()))
        Q_EMIT pressedAt(m_axis.t(event->position().x()));
    event->accept();
}

void TimeSeriesView::mouseMoveEvent(QMouseEvent *event)
{
    const double t = m_axis.t(event->position().x());
    if (event->buttons() & Qt::LeftButton)
        Q_EMIT draggedTo(t);
    else if (plot().contains(event->position()))
        Q_EMIT hoveredAt(t);
    else
        Q_EMIT left();
    event->accept();
}

void TimeSeriesView::mouseReleaseEvent(QMouseEvent *event)
{
    event->accept();
}

void TimeSeriesView::leaveEvent(QEvent *event)
{
    QChartView::leaveEvent(event);
    Q_EMIT left();
}

void TimeSeriesView::keyPressEvent(QKeyEvent *event)
{
    event->ignore(); // arrows move the playhead; a view of graphics would scroll by them
}

void TimeSeriesView::wheelEvent(QWheelEvent *event)
{
    const double steps = event->angleDelta().y() / 120.0;
    if (steps != 0)
        Q_EMIT zoomed(std::pow(0.8, steps), m_axis.t(event->position().x()));
    event->accept();
}

} // namespace ui
