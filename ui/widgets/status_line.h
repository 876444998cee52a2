#pragma once
// The foot of the window: faults on, recorder, engine, and one message that fades. GUI thread.

#include <QStatusBar>
#include <QTimer>

class QLabel;

namespace ui {

class StatusLine : public QStatusBar
{
    Q_OBJECT
public:
    explicit StatusLine(QWidget *parent = nullptr);
    void setFaults(int on);
    void setRecorder(const QString &text);
    void setEngine(const QString &text);
    /// Stays for twelve seconds.
    void say(const QString &text);

private:
    QLabel *m_faults = nullptr, *m_recorder = nullptr, *m_engine = nullptr, *m_message = nullptr;
    QTimer m_fade;
};

} // namespace ui
