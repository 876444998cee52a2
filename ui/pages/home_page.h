#pragma once
// Where one lands: what runs now, drills to start, recent runs, what this workstation can do.

#include "ui/pages/page.h"
#include "ui/session/run_facts.h"

class QGridLayout;
class QLabel;
class QPushButton;
class QTableView;
class QVBoxLayout;

namespace engine {
struct DrillSummary;
}

namespace ui {

class LiveNumber;
class ProcessDiagram;
class RunsModel;
class Session;

class HomePage : public Page
{
    Q_OBJECT
public:
    explicit HomePage(Session &session, QWidget *parent = nullptr);
    void refresh() override;
    bool handleKey(int key, Qt::KeyboardModifiers modifiers) override;

Q_SIGNALS:
    void startDrillAsked(const QString &path);
    void startShopAsked();
    void openRecordingAsked(const QString &path);

private:
    QWidget *buildRunning();
    QWidget *buildDrills();
    QWidget *buildRuns();
    QWidget *buildChecks();
    QWidget *drillCard(const engine::DrillSummary &drill, bool primary);
    void showLists();
    void showShop();
    void showNumbers();
    void resizeEvent(QResizeEvent *event) override;

    Session &m_session;
    FactReader m_reader;
    ProcessDiagram *m_diagram = nullptr;
    QLabel *m_runningDetail = nullptr, *m_runningEmpty = nullptr, *m_checksCount = nullptr;
    QLabel *m_runsEmpty = nullptr, *m_drillsEmpty = nullptr;
    QPushButton *m_startShop = nullptr;
    LiveNumber *m_numbers[3] = {};
    QWidget *m_numbersBox = nullptr;
    QGridLayout *m_drillGrid = nullptr;
    QVBoxLayout *m_checkList = nullptr;
    QTableView *m_runs = nullptr;
    RunsModel *m_runsModel = nullptr;
    std::vector<QPushButton *> m_startButtons;
    std::shared_ptr<const engine::TimelineSnapshot> m_shown;
    int m_ticks = 0;
};

} // namespace ui
