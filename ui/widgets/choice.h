#pragma once
// A combo box with the theme's arrow: a style sheet takes pictures from files alone, and those do
// not follow the palette. GUI thread.

#include "ui/theme/theme.h"
#include "ui/theme/tokens.h"

#include <QComboBox>
#include <QPainter>

namespace ui {

class Choice final : public QComboBox
{
public:
    using QComboBox::QComboBox;

protected:
    void paintEvent(QPaintEvent *event) override
    {
        constexpr int kSize = 14, kRight = 8;
        QComboBox::paintEvent(event);
        QPainter painter(this);
        const auto colour = isEnabled() ? tokens().textMuted : tokens().textDisabled;
        painter.drawPixmap(
            width() - kRight - kSize, (height() - kSize) / 2,
            iconPixmap(QStringLiteral("chevron-down"), colour, kSize, devicePixelRatioF()));
    }
};

} // namespace ui
