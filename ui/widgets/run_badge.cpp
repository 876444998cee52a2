#include "ui/widgets/run_badge.h"

#include "ui/theme/theme.h"

#include <QPainter>

namespace ui {

RunBadge::RunBadge(QWidget *parent) : QWidget(parent)
{
    setFixedHeight(32);
    setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Fixed);
}

void RunBadge::show(Kind kind, const QString &title, const QString &since)
{
    if (kind == m_kind && title == m_title && since == m_since)
        return;
    const bool resized = kind != m_kind || title != m_title || since.size() != m_since.size();
    m_kind = kind;
    m_title = title;
    m_since = since;
    setVisible(kind != None);
    setAccessibleName(title + QLatin1Char(' ') + since);
    if (resized)
        updateGeometry();
    update();
}

QSize RunBadge::sizeHint() const
{
    const QFontMetricsF word(typeFont(Type::Body, QFont::Bold));
    const QFontMetricsF body(typeFont(Type::Body, QFont::DemiBold));
    const QString kind = m_kind == Drill ? tr("DRILL") : tr("PLAYBACK");
    const double width = word.horizontalAdvance(kind) + 20 + body.horizontalAdvance(m_title) + 34
                         + digitsWidth(body, m_since);
    return {static_cast<int>(std::min(440.0, width)), 32};
}

void RunBadge::paintEvent(QPaintEvent *)
{
    if (m_kind == None)
        return;
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const auto &t = tokens();
    const bool drill = m_kind == Drill;
    const QString word = drill ? tr("DRILL") : tr("PLAYBACK");
    const QColor edge = drill ? t.danger : t.accent;
    painter.setPen(QPen(edge, 1));
    painter.setBrush(t.surface);
    painter.drawRoundedRect(QRectF(0.5, 0.5, width() - 1.0, height() - 1.0), 4, 4);
    painter.setFont(typeFont(Type::Body, QFont::Bold));
    const double wordWidth = painter.fontMetrics().horizontalAdvance(word) + 20;
    painter.setPen(Qt::NoPen);
    painter.setBrush(drill ? t.dangerFill : t.select);
    painter.drawRoundedRect(QRectF(1, 1, wordWidth, height() - 2.0), 3, 3);
    painter.setPen(drill ? t.onDanger : t.accent);
    painter.drawText(QRectF(1, 0, wordWidth, height()), Qt::AlignCenter, word);
    painter.setFont(typeFont(Type::Body, QFont::DemiBold));
    painter.setPen(t.text);
    const double baseline = height() / 2.0 + 4;
    const double since = drawDigits(painter, {width() - 10.0, baseline}, m_since, true);
    painter.setFont(typeFont(Type::Body, QFont::Medium));
    const int room = static_cast<int>(width() - wordWidth - since - 30);
    painter.drawText(QPointF(wordWidth + 10, baseline),
                     painter.fontMetrics().elidedText(m_title, Qt::ElideRight, room));
}

} // namespace ui
