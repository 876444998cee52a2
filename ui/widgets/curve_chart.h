#pragma once
// Curves of a training over its steps: one chart with the steps written under it. GUI thread.

#include "engine/event/training_view.h"

#include <QWidget>

class QVBoxLayout;

namespace ui {

class StepLabels;
class TimeSeriesView;

class CurveChart : public QWidget
{
    Q_OBJECT
public:
    /// `empty`: what is said while there is no curve.
    CurveChart(const char *name, const QString &title, const QString &empty, QWidget *parent);

    /// The curves with these names; a chart is made anew only when the names change.
    void show(const engine::TrainingView &view, const std::vector<std::string> &names);
    void clear();

private:
    void rebuild(const std::vector<std::string> &names);
    QString m_title, m_empty, m_key;
    std::vector<std::string> m_names;
    QVBoxLayout *m_layout = nullptr;
    TimeSeriesView *m_view = nullptr;
    StepLabels *m_labels = nullptr;
};

} // namespace ui
