#pragma once
// Where one lands: what runs now, drills to start, recent runs, what this workstation can do.

#include "ui/pages/page.h"
#include "ui/session/run_facts.h"

class QLabel;
class QPushButton;

namespace ui {

class ChecksCard;
class DrillCards;
class LiveNumber;
class ProcessDiagram;
class RunsCard;
class Session;

class HomePage : public Page
{
    Q_OBJECT
public:
    explicit HomePage(Session &session, QWidget *parent = nullptr);
    /// Brings a drill to the front, for who wants to run it again; false: not in the library.
    bool offerDrill(const QString &title);
    void refresh() override;
    bool handleKey(int key, Qt::KeyboardModifiers modifiers) override;

Q_SIGNALS:
    void startDrillAsked(const QString &path);
    void startShopAsked();
    void openRecordingAsked(const QString &path);

private:
    QWidget *buildRunning();
    void showLists();
    void showShop();
    void showNumbers();

    Session &m_session;
    FactReader m_reader;
    ProcessDiagram *m_diagram = nullptr;
    QLabel *m_runningDetail = nullptr, *m_runningEmpty = nullptr;
    QPushButton *m_startShop = nullptr;
    LiveNumber *m_numbers[3] = {};
    QWidget *m_numbersBox = nullptr;
    DrillCards *m_drills = nullptr;
    RunsCard *m_runs = nullptr;
    ChecksCard *m_checks = nullptr;
    std::shared_ptr<const engine::TimelineSnapshot> m_shown;
    int m_ticks = 0;
};

} // namespace ui
