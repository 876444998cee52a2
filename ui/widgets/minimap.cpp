#include "ui/widgets/minimap.h"

#include "ui/theme/theme.h"

#include <QMouseEvent>
#include <QPainter>

#include <algorithm>
#include <cmath>

namespace ui {

namespace {

constexpr std::int64_t kRedrawMicros = 1'000'000; ///< growth after which the still part is redrawn
constexpr double kRegion = 3;                     ///< height of the line that says how users fared
constexpr double kDensity = 5;                    ///< height of the densest column of events

} // namespace

Minimap::Minimap(QWidget *parent) : QWidget(parent)
{
    setFixedHeight(36);
    setAccessibleName(tr("Whole recording"));
    setToolTip(tr("The whole recording: p99 as a silhouette, faults as bands, alerts as diamonds, "
                  "events as bars at the foot.\nLine on top: how users fared - before the fault, "
                  "outside the limits, steady again.\nPale part: not verified yet.\nDrag moves "
                  "the playhead, Shift+drag the window."));
}

void Minimap::setRightGutter(int width)
{
    m_gutter = width;
}

QRectF Minimap::strip() const
{
    return {double(kPlotLeft), 5, std::max(10.0, double(width() - kPlotLeft - m_gutter)), 26};
}

void Minimap::show(std::shared_ptr<const engine::TimelineSnapshot> snapshot, const RunFacts &facts,
                   const std::vector<std::uint32_t> &density)
{
    m_snapshot = std::move(snapshot);
    m_facts = facts;
    m_density = density;
    const QRectF area = strip();
    m_axis.from = 0;
    m_axis.to = std::max(1.0, toSeconds(m_snapshot->end));
    m_axis.left = area.left();
    m_axis.right = area.right();
    std::uint64_t events = 0;
    for (const auto count : m_density)
        events += count;
    // The still part is drawn anew about once a second: it costs more than the rest of the strip.
    const auto step = std::max(kRedrawMicros, m_snapshot->end / 200);
    if (m_drawnSize != size() || m_drawnEnd < 0 || m_drawnEvents != events
        || m_drawnBands != m_facts.bands.size() || std::abs(m_snapshot->end - m_drawnEnd) >= step
        || std::abs(m_snapshot->verifiedTo - m_drawnVerified) >= step) {
        m_drawnEvents = events;
        renderStill();
    }
    update();
}

/// How the users fared, from the marks: nothing before inject, outside from impact to steady.
std::vector<Minimap::Region> Minimap::regions() const
{
    const auto &marks = m_snapshot->marks;
    const auto &t = tokens();
    const double end = toSeconds(m_snapshot->end);
    std::vector<Region> found;
    if (!marks.inject)
        return found;
    found.push_back({0, toSeconds(*marks.inject), t.control});
    const double impact = marks.impact ? toSeconds(*marks.impact) : end;
    found.push_back({toSeconds(*marks.inject), impact, t.ok});
    if (marks.impact) {
        const double steady = marks.steady ? toSeconds(*marks.steady) : end;
        found.push_back({impact, steady, t.danger});
        found.push_back({steady, end, t.ok});
    }
    return found;
}

void Minimap::renderStill()
{
    m_drawnSize = size();
    m_drawnEnd = m_snapshot->end;
    m_drawnVerified = m_snapshot->verifiedTo;
    m_drawnBands = m_facts.bands.size();
    const QRectF place = strip();
    const auto ratio = devicePixelRatioF();
    m_still = QPixmap((place.size() * ratio).toSize());
    m_still.setDevicePixelRatio(ratio);
    m_still.fill(tokens().inset);
    QPainter painter(&m_still);
    painter.setRenderHint(QPainter::Antialiasing);
    const QRectF area(QPointF(0, 0), place.size());
    drawSilhouette(painter, area);
    drawDensity(painter, area);
    painter.translate(-place.topLeft()); // the axis counts from the widget's left
    drawWhatHappened(painter, place);
}

void Minimap::drawSilhouette(QPainter &painter, const QRectF &area) const
{
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
    QColor fill = tokens().textMuted;
    fill.setAlphaF(0.5F);
    const double step = area.width() / static_cast<double>(std::max<std::size_t>(1, bins.size()));
    const double span = std::max(0.7, high - low);
    for (std::size_t i = 0; i < bins.size(); ++i) {
        if (std::isnan(bins[i]) || bins[i] <= 0)
            continue;
        const double share = 0.12 + 0.75 * (std::log(double(bins[i])) - low) / span;
        painter.fillRect(QRectF(static_cast<double>(i) * step, area.height() * (1 - share), step,
                                area.height() * share),
                         fill);
    }
}

void Minimap::drawDensity(QPainter &painter, const QRectF &area) const
{
    if (m_density.empty())
        return;
    const auto most = *std::max_element(m_density.begin(), m_density.end());
    if (most == 0)
        return;
    const double step = area.width() / static_cast<double>(m_density.size());
    const double scale = kDensity / std::log1p(double(most));
    for (std::size_t i = 0; i < m_density.size(); ++i) {
        if (m_density[i] == 0)
            continue;
        const double height = std::max(1.5, scale * std::log1p(double(m_density[i])));
        painter.fillRect(QRectF(static_cast<double>(i) * step, area.height() - height,
                                std::max(1.0, step), height),
                         tokens().accent);
    }
}

void Minimap::drawWhatHappened(QPainter &painter, const QRectF &area) const
{
    const auto &t = tokens();
    QColor band = t.fault;
    band.setAlphaF(0.3F);
    for (const auto &fault : m_facts.bands)
        painter.fillRect(QRectF(m_axis.x(fault.from), area.top(),
                                std::max(2.0, m_axis.x(fault.to) - m_axis.x(fault.from)),
                                area.height()),
                         band);
    for (const auto &region : regions())
        painter.fillRect(QRectF(m_axis.x(region.from), area.top(),
                                m_axis.x(region.to) - m_axis.x(region.from), kRegion),
                         region.colour);
    painter.setPen(Qt::NoPen);
    painter.setBrush(t.warning);
    for (const auto &alert : m_snapshot->state->alerts) {
        const double x = m_axis.x(toSeconds(alert.from));
        const double y = area.top() + kRegion + 4;
        painter.drawPolygon(QPolygonF(
            {QPointF(x, y - 3), QPointF(x + 3, y), QPointF(x, y + 3), QPointF(x - 3, y)}));
    }
    // States are checked at keyframes: the last ten seconds of a whole file hold none.
    if (!m_snapshot->live && m_snapshot->verifiedTo + 10'000'000 < m_snapshot->end) {
        QColor veil = t.window;
        veil.setAlphaF(0.6F);
        const double from = m_axis.x(toSeconds(m_snapshot->verifiedTo));
        painter.fillRect(QRectF(from, area.top(), area.right() - from, area.height()), veil);
    }
}

void Minimap::paintEvent(QPaintEvent *)
{
    QPainter painter(this);
    const auto &t = tokens();
    painter.setFont(typeFont(Type::Secondary, QFont::Medium));
    painter.setPen(t.text);
    painter.drawText(QPointF(12, 22), tr("Whole recording"));
    const QRectF area = strip();
    if (!m_snapshot)
        return;
    painter.drawPixmap(area.topLeft(), m_still);
    painter.setRenderHint(QPainter::Antialiasing);
    if (m_facts.loopFrom && m_facts.loopTo) {
        QColor wash = t.accent;
        wash.setAlphaF(0.25F);
        const double from = m_axis.x(*m_facts.loopFrom);
        painter.fillRect(QRectF(from, area.top(), std::max(2.0, m_axis.x(*m_facts.loopTo) - from),
                                area.height()),
                         wash);
    }
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
