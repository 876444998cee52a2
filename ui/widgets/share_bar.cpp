#include "ui/widgets/share_bar.h"

#include "ui/theme/theme.h"

#include <QPainter>

#include <algorithm>

namespace ui {

ShareBar::ShareBar(QWidget *parent) : QWidget(parent)
{
    setFixedHeight(4);
}

void ShareBar::setShare(double share)
{
    const double next = std::clamp(share, 0.0, 1.0);
    if (next == m_share)
        return;
    m_share = next;
    update();
}

void ShareBar::paintEvent(QPaintEvent *)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(tokens().raised);
    painter.drawRoundedRect(QRectF(rect()), 2, 2);
    painter.setBrush(tokens().accent);
    painter.drawRoundedRect(QRectF(0, 0, width() * m_share, height()), 2, 2);
}

} // namespace ui
