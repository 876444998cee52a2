#include "ui/widgets/step_bar.h"

#include "ui/theme/theme.h"

#include <QPainter>

#include <algorithm>

namespace ui {

StepBar::StepBar(QWidget *parent) : QWidget(parent)
{
    setFixedHeight(6);
}

void StepBar::show(int done, int of)
{
    if (done == m_done && of == m_of)
        return;
    m_done = done;
    m_of = of;
    update();
}

void StepBar::paintEvent(QPaintEvent *)
{
    QPainter painter(this);
    painter.setPen(Qt::NoPen);
    painter.setRenderHint(QPainter::Antialiasing);
    const double step = (width() - 16.0 + 4) / std::max(1, m_of);
    for (int i = 0; i < m_of; ++i) {
        painter.setBrush(i < m_done ? tokens().accent : tokens().raised);
        painter.drawRoundedRect(QRectF(8 + i * step, 1, step - 4, 4), 2, 2);
    }
}

} // namespace ui
