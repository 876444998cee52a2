#pragma once
// One training: its curves, how far it is, what it noted, and what can be asked of it. What is
// shown is the state at the playhead of its recording; at the end of the slider it follows the
// newest. GUI thread.

#include "engine/cluster/trainings.h"

#include <QFrame>

class QLabel;
class QPushButton;
class QSlider;
class QStackedWidget;
class QTableWidget;

namespace ui {

class CurveChart;
class ShareBar;

class TrainingCard : public QFrame
{
    Q_OBJECT
public:
    explicit TrainingCard(QWidget *parent);

    /// Nothing is chosen.
    void clear(const QString &why);
    /// `summary` says what can be asked; `snapshot` (or null: not read yet) what is drawn.
    void show(const engine::TrainingSummary &summary,
              std::shared_ptr<const engine::TimelineSnapshot> snapshot);
    void toggleTable();
    [[nodiscard]] bool showsTable() const;

Q_SIGNALS:
    void pauseAsked();
    void resumeAsked();
    void stopAsked();
    /// Share of the recording, 0..1; 1 = follow the end.
    void seekAsked(double share);

protected:
    void changeEvent(QEvent *event) override;

private:
    void setIcons();
    void showActs(const engine::TrainingSummary &summary);
    void showFacts(const engine::TrainingView &view, const engine::TrainingSummary &summary);
    void fillTable(const engine::TrainingView &view);

    QLabel *m_title = nullptr, *m_about = nullptr, *m_mark = nullptr, *m_state = nullptr,
           *m_what = nullptr, *m_progress = nullptr, *m_facts = nullptr, *m_notes = nullptr,
           *m_moment = nullptr;
    ShareBar *m_bar = nullptr;
    QPushButton *m_pause = nullptr, *m_resume = nullptr, *m_stop = nullptr;
    CurveChart *m_loss = nullptr, *m_validation = nullptr;
    QStackedWidget *m_pages = nullptr;
    QTableWidget *m_table = nullptr;
    QSlider *m_slider = nullptr;
    std::shared_ptr<const engine::TimelineSnapshot> m_shown;
};

} // namespace ui
