#pragma once
// One short bar per step of the run, filled up to the current one. GUI thread.

#include <QWidget>

namespace ui {

class StepBar : public QWidget
{
    Q_OBJECT
public:
    explicit StepBar(QWidget *parent);
    void show(int done, int of);

protected:
    void paintEvent(QPaintEvent *event) override;

private:
    int m_done = 0, m_of = 0;
};

} // namespace ui
