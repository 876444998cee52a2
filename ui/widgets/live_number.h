#pragma once
// One live measure: name, state, big value with unit, sparkline.

#include "ui/widgets/indicator_strip.h"

#include <QWidget>

namespace ui {

class LiveNumber : public QWidget
{
    Q_OBJECT
public:
    explicit LiveNumber(Series colour, QWidget *parent = nullptr);
    void show(const Reading &reading, std::vector<float> spark);

protected:
    void paintEvent(QPaintEvent *event) override;

private:
    Series m_colour;
    Reading m_reading;
    std::vector<float> m_spark;
};

} // namespace ui
