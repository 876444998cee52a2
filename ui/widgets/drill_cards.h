#pragma once
// "Break it": a card for each drill of the library, the first one recommended. The first six stand
// open, the others unfold. GUI thread.

#include "engine/cluster/operations.h"

#include <QFrame>

class QGridLayout;
class QLabel;
class QPushButton;

namespace ui {

class DrillCards : public QFrame
{
    Q_OBJECT
public:
    explicit DrillCards(QWidget *parent = nullptr);
    /// `known`: the library was read, so that an empty list means an empty library.
    void show(std::vector<engine::DrillSummary> drills, bool known);
    /// One drill at a time: while one runs no other can be started.
    void setRunning(bool running);
    /// Brings the drill of this title to the front and its button into focus; false: there is none.
    bool offer(const QString &title);

Q_SIGNALS:
    void startAsked(const QString &path);

private:
    void rebuild();
    QWidget *drillCard(const engine::DrillSummary &drill, bool primary);

    std::vector<engine::DrillSummary> m_drills;
    std::vector<QPushButton *> m_startButtons;
    QGridLayout *m_grid = nullptr;
    QLabel *m_empty = nullptr;
    QPushButton *m_more = nullptr;
    QString m_offered;
    bool m_all = false, m_running = false;
};

} // namespace ui
