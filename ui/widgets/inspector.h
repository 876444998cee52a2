#pragma once
// What can I do? Steps, the fault with its proof, the countdown to automatic undo, the guard,
// responses, what is still expected, notes. Emits wishes; the page turns them into commands.

#include "ui/session/run_facts.h"

#include <QFrame>

class QLabel;
class QLineEdit;
class QPushButton;
class QVBoxLayout;

namespace ui {

class FactList;
class ShareBar;
class StepBar;

class Inspector : public QFrame
{
    Q_OBJECT
public:
    explicit Inspector(QWidget *parent = nullptr);
    void show(const engine::TimelineSnapshot &snapshot, const RunFacts &facts);
    void focusNote();

Q_SIGNALS:
    void undoAsked(unsigned faultId);
    void acknowledgeAsked();
    void noteEntered(const QString &text);
    void abortAsked();

private:
    QWidget *section(const QString &title, const char *name, QLabel **trail = nullptr);
    void showSteps(const engine::TimelineSnapshot &snapshot, const RunFacts &facts);
    void showFault(const engine::TimelineSnapshot &snapshot);
    void showGuard(const engine::RunState &state, const RunFacts &facts);
    void showNews(const engine::TimelineSnapshot &snapshot, const RunFacts &facts);

    QVBoxLayout *m_body = nullptr;
    StepBar *m_stepBar = nullptr;
    QLabel *m_stepLabel = nullptr, *m_countdown = nullptr, *m_countdownName = nullptr;
    QLabel *m_guardState = nullptr, *m_empty = nullptr;
    ShareBar *m_undoProgress = nullptr;
    QPushButton *m_undo = nullptr, *m_acknowledge = nullptr, *m_abort = nullptr;
    QWidget *m_undoBox = nullptr, *m_faultSection = nullptr, *m_guardSection = nullptr;
    QWidget *m_stepSection = nullptr, *m_responseSection = nullptr, *m_expectedSection = nullptr;
    QWidget *m_noteSection = nullptr;
    FactList *m_steps = nullptr, *m_fault = nullptr, *m_guards = nullptr, *m_responses = nullptr;
    FactList *m_expected = nullptr, *m_notes = nullptr;
    QLineEdit *m_note = nullptr;
    unsigned m_openFault = 0;
};

} // namespace ui
