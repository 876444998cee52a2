#include "ui/widgets/live_number.h"

#include "ui/models/cell_delegate.h"
#include "ui/theme/theme.h"

#include <QPainter>

namespace ui {

LiveNumber::LiveNumber(Series colour, QWidget *parent) : QWidget(parent), m_colour(colour)
{
    setFixedHeight(56);
}

void LiveNumber::show(const Reading &reading, std::vector<float> spark)
{
    m_reading = reading;
    m_spark = std::move(spark);
    setAccessibleName(
        tr("%1 %2 %3, %4").arg(reading.name, reading.value, reading.unit, reading.state.word));
    update();
}

void LiveNumber::paintEvent(QPaintEvent *)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const auto &t = tokens();
    painter.setFont(typeFont(Type::Secondary));
    painter.setPen(t.textMuted);
    painter.drawText(QPointF(0, 13), m_reading.name);
    const QColor state = toneColour(m_reading.state.tone);
    painter.setFont(typeFont(Type::Secondary, QFont::Medium));
    painter.setPen(state);
    const double word = painter.fontMetrics().horizontalAdvance(m_reading.state.word);
    painter.drawText(QPointF(width() - word, 13), m_reading.state.word);
    drawIcon(painter, m_reading.state.icon, state, QRectF(width() - word - 18, 2, 13, 13));
    painter.setFont(typeFont(Type::Number));
    painter.setPen(t.text);
    const double number = drawDigits(painter, {0, 42}, m_reading.value, false);
    painter.setFont(typeFont(Type::Secondary));
    painter.setPen(t.textMuted);
    painter.drawText(QPointF(number + 6, 42), m_reading.unit);
    drawSpark(painter, QRectF(width() * 0.48, 24, width() * 0.52, 24), m_spark, t.series[m_colour]);
}

} // namespace ui
