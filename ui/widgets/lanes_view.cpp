#include "ui/widgets/lanes_view.h"

#include "ui/theme/theme.h"

#include <QHelpEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>

#include <algorithm>

namespace ui {

namespace {

constexpr double kRow = 18;
constexpr int kMostResponseRows = 3;

} // namespace

LanesView::LanesView(QWidget *parent) : QWidget(parent)
{
    setAccessibleName(tr("Timeline"));
    setFocusPolicy(Qt::StrongFocus);
    setMouseTracking(true);
    setFixedHeight(static_cast<int>(laneTop(LaneCount)) + 2);
}

void LanesView::setRightGutter(int width)
{
    m_gutter = width;
}

double LanesView::laneTop(int lane) const
{
    double top = 2;
    for (int i = 0; i < lane; ++i)
        top += (i == ResponseLane ? m_responseRows * kRow : kRow) + 1;
    return top;
}

void LanesView::show(const engine::TimelineSnapshot &snapshot, const RunFacts &facts)
{
    // While only the playhead moves over a whole run, nothing else is laid out anew.
    const bool isOpen =
        std::any_of(m_items.begin(), m_items.end(), [](const Item &item) { return item.open; });
    const TimeAxis before = m_axis;
    const int bandsBefore = static_cast<int>(m_facts.bands.size());
    m_facts = facts;
    m_playhead = toSeconds(snapshot.playhead);
    m_axis.from = toSeconds(snapshot.from);
    m_axis.to = std::max(m_axis.from + 1, toSeconds(snapshot.to));
    m_axis.zero = facts.zero;
    m_axis.left = kPlotLeft;
    m_axis.right = width() - m_gutter;
    if (!isOpen && before == m_axis && m_collected == snapshot.state
        && bandsBefore == static_cast<int>(facts.bands.size())) {
        update();
        return;
    }
    m_collected = snapshot.state;
    collect(snapshot);
    // Long recordings hold thousands: only what the window can show is laid out and drawn.
    std::erase_if(m_items, [this](const Item &item) {
        return item.to < m_axis.from - (m_axis.to - m_axis.from) || item.from > m_axis.to;
    });
    layOutRows();
    QStringList spoken;
    for (const auto &item : m_items)
        spoken << item.tip;
    setAccessibleDescription(
        spoken.mid(std::max<qsizetype>(0, spoken.size() - 8)).join(QStringLiteral("; ")));
    update();
}

void LanesView::collect(const engine::TimelineSnapshot &snapshot)
{
    const auto &state = *snapshot.state;
    const auto &t = tokens();
    m_items.clear();
    const auto since = [&](double at) { return sinceText(at - m_axis.zero); };
    if (m_facts.drill) {
        const auto &load = m_facts.drill->load;
        const double end = state.ended ? toSeconds(snapshot.end) : toSeconds(load.length.count());
        const QString text =
            tr("%1, %2 requests/s, seed %3")
                .arg(load.arrivals == engine::Arrivals::Poisson ? tr("Poisson") : tr("constant"))
                .arg(numberText(load.rate, 0))
                .arg(state.run.seed);
        m_items.push_back({LoadLane, 0, 0, end, text, {}, text, t.textMuted, false});
    }
    for (const auto &band : m_facts.bands)
        m_items.push_back(
            {FaultLane, 0, band.from, band.to, band.text, band.icon,
             tr("%1 from %2 to %3")
                 .arg(band.text, since(band.from), band.open ? tr("now") : since(band.to)),
             t.fault, band.open});
    for (const auto &response : state.responses) {
        const QString text = responseText(response.first);
        const double from = toSeconds(response.from);
        const double to = response.to ? toSeconds(*response.to) : m_playhead;
        m_items.push_back({ResponseLane, 0, from, to, text, responseIcon(response.first.kind),
                           tr("%1 at %2, by %3").arg(text, since(from), qs(response.first.by)),
                           t.ok, !response.to});
    }
    for (const auto &alert : state.alerts) {
        const QString text = tr("%1 %2").arg(qs(alert.first.indicator), qs(alert.first.rule));
        m_items.push_back({AlertLane, 0, toSeconds(alert.from), toSeconds(alert.from), text,
                           QStringLiteral("diamond"),
                           tr("alert: %1 outside at %2").arg(text, since(toSeconds(alert.from))),
                           t.warning, false});
        if (alert.to)
            m_items.push_back({AlertLane, 0, toSeconds(*alert.to), toSeconds(*alert.to),
                               tr("inside again"), QStringLiteral("check"),
                               tr("%1 inside again at %2").arg(text, since(toSeconds(*alert.to))),
                               t.ok, false});
    }
    if (state.ended && state.ended->reason != engine::EndReason::Completed) {
        const double at = toSeconds(state.ended->at - state.run.start);
        const QString text = (state.ended->reason == engine::EndReason::Aborted ? tr("aborted: %1")
                                                                                : tr("error: %1"))
                                 .arg(qs(state.ended->detail));
        m_items.push_back({OperatorLane, 0, at, at, text, QStringLiteral("circle"),
                           tr("%1 at %2").arg(text, since(at)), t.danger, false});
    }
    for (const auto &note : state.acts) {
        const double at = toSeconds(note.t);
        QString text = qs(engine::name(note.act.act));
        if (note.act.act == engine::Act::Note)
            text = tr("note: %1").arg(qs(note.act.text));
        else if (!note.act.target.empty())
            text += QLatin1Char(' ') + qs(note.act.target);
        else if (!note.act.who.empty())
            text += QStringLiteral(", ") + qs(note.act.who);
        m_items.push_back({OperatorLane, 0, at, at, text, QStringLiteral("circle"),
                           tr("%1 at %2").arg(text, since(at)), t.text, false});
    }
}

void LanesView::layOutRows()
{
    double free[kMostResponseRows];
    std::fill(std::begin(free), std::end(free), -1e9);
    int used = 1;
    for (auto &item : m_items) {
        if (item.lane != ResponseLane)
            continue;
        const double left = m_axis.x(item.from);
        const double textEnd =
            left + 30 + QFontMetricsF(typeFont(Type::Axis)).horizontalAdvance(item.text);
        int row = 0;
        while (row < kMostResponseRows && free[row] > left)
            ++row;
        if (row == kMostResponseRows) // no room anywhere: where the least is covered
            row = static_cast<int>(std::min_element(std::begin(free), std::end(free)) - free);
        item.row = row;
        free[row] = std::max({free[row], m_axis.x(item.to), textEnd}) + 4;
        used = std::max(used, row + 1);
    }
    if (used != m_responseRows) {
        m_responseRows = used;
        setFixedHeight(static_cast<int>(laneTop(LaneCount)) + 2);
    }
}

QRectF LanesView::box(const Item &item) const
{
    const double top = laneTop(item.lane) + item.row * kRow + 1.5;
    return {m_axis.x(item.from), top, std::max(3.0, m_axis.x(item.to) - m_axis.x(item.from)),
            kRow - 3};
}

double LanesView::roomTo(std::size_t i) const
{
    double room = m_axis.right;
    const auto &item = m_items[i];
    for (std::size_t other = i + 1; other < m_items.size(); ++other) {
        const auto &next = m_items[other];
        if (next.lane == item.lane && next.row == item.row && next.from >= item.from)
            room = std::min(room, m_axis.x(next.from) - 4);
    }
    return room;
}

void LanesView::drawBar(QPainter &painter, const Item &item, double textTo) const
{
    const auto &t = tokens();
    const QRectF bar = box(item);
    const bool load = item.lane == LoadLane;
    painter.setPen(load ? QPen(Qt::NoPen) : QPen(item.colour, 1));
    painter.setBrush(load ? t.raised : t.surface);
    painter.drawRoundedRect(bar.adjusted(0.5, 0.5, -0.5, -0.5), 2, 2);
    if (!load) {
        painter.fillRect(bar.adjusted(1, 1, -1, -1), t.tint(item.colour));
        painter.fillRect(QRectF(bar.left(), bar.top(), 3, bar.height()), item.colour);
    }
    // The text may run past a short bar: what happened must be readable at any zoom.
    double x = std::max(bar.left(), m_axis.left) + 8;
    if (!item.icon.isEmpty() && bar.width() > 16) {
        drawIcon(painter, item.icon, item.colour, QRectF(x - 2, bar.top() + 1, 13, 13));
        x += 14;
    } else if (bar.width() <= 24) {
        x = bar.right() + 5;
    }
    painter.setFont(typeFont(Type::Axis));
    painter.setPen(load ? t.textMuted : t.text);
    const double room = textTo - x;
    if (room > 20)
        painter.drawText(QPointF(x, bar.top() + 11.5),
                         painter.fontMetrics().elidedText(item.text, Qt::ElideRight, int(room)));
}

void LanesView::drawInstant(QPainter &painter, const Item &item, double textTo) const
{
    const auto &t = tokens();
    const double x = m_axis.x(item.from);
    const double y = laneTop(item.lane) + kRow / 2;
    painter.setPen(QPen(item.colour, 1.5));
    if (item.icon == QLatin1String("diamond")) {
        painter.setBrush(item.colour);
        painter.drawPolygon(QPolygonF(
            {QPointF(x, y - 4), QPointF(x + 4, y), QPointF(x, y + 4), QPointF(x - 4, y)}));
    } else if (item.icon == QLatin1String("check")) {
        drawIcon(painter, item.icon, item.colour, QRectF(x - 6, y - 6, 12, 12));
    } else {
        painter.setBrush(t.surface);
        painter.drawEllipse(QPointF(x, y), 3.5, 3.5);
    }
    painter.setFont(typeFont(Type::Axis));
    const double room = textTo - x - 14;
    if (room < 18)
        return;
    const QString text =
        painter.fontMetrics().elidedText(item.text, Qt::ElideRight, static_cast<int>(room));
    const double width = painter.fontMetrics().horizontalAdvance(text);
    painter.setPen(Qt::NoPen);
    painter.setBrush(t.raised);
    painter.drawRoundedRect(QRectF(x + 7, y - 7.5, width + 6, 15), 2, 2);
    painter.setPen(t.text);
    painter.drawText(QPointF(x + 10, y + 4), text);
}

void LanesView::paintEvent(QPaintEvent *)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const auto &t = tokens();
    m_axis.right = width() - m_gutter;
    static constexpr const char *kIcons[LaneCount] = {"live", "fault", "standby", "alert", "note"};
    const QString names[LaneCount] = {tr("Load"), tr("Faults"), tr("Responses"), tr("Alerts"),
                                      tr("Operator")};
    painter.setFont(typeFont(Type::Secondary, QFont::Medium));
    for (int lane = 0; lane < LaneCount; ++lane) {
        const double top = laneTop(lane);
        drawIcon(painter, QString::fromLatin1(kIcons[lane]), t.textMuted,
                 QRectF(12, top + 2, 14, 14));
        painter.setPen(t.text);
        painter.drawText(QPointF(32, top + 13), names[lane]);
        painter.setPen(t.grid);
        if (lane)
            painter.drawLine(QPointF(12, top - 0.5), QPointF(width() - 12, top - 0.5));
    }
    painter.setClipRect(QRectF(m_axis.left, 0, m_axis.right - m_axis.left + 1, height()));
    for (const double tick : m_axis.ticks(11))
        painter.drawLine(QPointF(std::floor(m_axis.x(tick)) + 0.5, 0),
                         QPointF(std::floor(m_axis.x(tick)) + 0.5, height()));
    for (const auto &band : m_facts.bands) {
        const double from = m_axis.x(band.from);
        const double to = m_axis.x(band.to);
        painter.fillRect(QRectF(from, 0, to - from, height()), t.band());
        if (band.expectedTo)
            painter.fillRect(QRectF(to, 0, m_axis.x(*band.expectedTo) - to, height()),
                             t.expectedBand());
    }
    for (const auto &mark : m_facts.marks) {
        QPen pen(mark.fault ? t.fault : (mark.expected ? t.textMuted : t.text), 1);
        pen.setCapStyle(Qt::FlatCap);
        pen.setDashPattern(mark.expected ? QList<qreal>{1, 3} : QList<qreal>{4, 3});
        painter.setPen(pen);
        const double x = std::floor(m_axis.x(mark.t)) + 0.5;
        painter.drawLine(QPointF(x, 0), QPointF(x, height()));
    }
    const double playX = std::floor(m_axis.x(m_playhead)) + 0.5;
    painter.setPen(QPen(t.accent, 1));
    painter.drawLine(QPointF(playX, 0), QPointF(playX, height()));
    for (std::size_t i = 0; i < m_items.size(); ++i) {
        const auto &item = m_items[i];
        if (item.lane != AlertLane && item.lane != OperatorLane)
            drawBar(painter, item, roomTo(i));
        else
            drawInstant(painter, item, roomTo(i));
    }
    if (hasFocus()) {
        painter.setClipping(false);
        painter.setPen(QPen(t.accent, 2));
        painter.setBrush(Qt::NoBrush);
        painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), 4, 4);
    }
}

void LanesView::mousePressEvent(QMouseEvent *event)
{
    setFocus(Qt::MouseFocusReason);
    if (event->button() == Qt::LeftButton && event->position().x() >= m_axis.left)
        Q_EMIT seekAsked(m_axis.t(event->position().x()));
}

void LanesView::mouseMoveEvent(QMouseEvent *event)
{
    if (event->buttons() & Qt::LeftButton)
        Q_EMIT seekAsked(m_axis.t(event->position().x()));
}

bool LanesView::event(QEvent *event)
{
    if (event->type() == QEvent::PaletteChange)
        m_collected.reset(); // items carry colours
    if (event->type() != QEvent::ToolTip)
        return QWidget::event(event);
    const auto *help = static_cast<QHelpEvent *>(event);
    for (const auto &item : m_items) {
        if (box(item).adjusted(-5, -1, 5, 1).contains(help->pos())) {
            QToolTip::showText(help->globalPos(), item.tip, this);
            return true;
        }
    }
    QToolTip::hideText();
    return true;
}

} // namespace ui
