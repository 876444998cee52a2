#pragma once
// The strips over and under the tracks: names of the phase marks with leaders to their true place,
// the flag of now or the playhead; and the time labels.

#include "ui/session/run_facts.h"
#include "ui/widgets/time_axis.h"

#include <QWidget>

namespace ui {

class PhaseRuler : public QWidget
{
public:
    explicit PhaseRuler(QWidget *parent = nullptr);
    /// `flag` stands on `flagAt`; empty = none. `corner` is written over the right gutter.
    void show(const TimeAxis &axis, std::vector<PhaseMark> marks, double flagAt, QString flag,
              QString corner);

protected:
    void paintEvent(QPaintEvent *event) override;

private:
    TimeAxis m_axis;
    std::vector<PhaseMark> m_marks;
    double m_flagAt = 0;
    QString m_flag, m_corner;
};

class TimeLabels : public QWidget
{
public:
    explicit TimeLabels(QWidget *parent = nullptr);
    void show(const TimeAxis &axis, bool zeroIsInject);

protected:
    void paintEvent(QPaintEvent *event) override;

private:
    TimeAxis m_axis;
    bool m_zeroIsInject = false;
};

} // namespace ui
