#pragma once
// The bar over every page: target, run badge, REC, commands, HALT ALL at the same place always.
// GUI thread.

#include "ui/widgets/run_badge.h"

#include <QWidget>

class QLabel;
class QPushButton;

namespace ui {

class TopBar : public QWidget
{
    Q_OBJECT
public:
    static constexpr int kHeight = 48;

    explicit TopBar(QWidget *parent = nullptr);
    void setTarget(const QString &name);
    /// True when the kind of badge changed.
    bool setBadge(RunBadge::Kind kind, const QString &title, const QString &since);
    [[nodiscard]] RunBadge::Kind badge() const { return m_badge->kind(); }
    /// Seconds recorded, empty = nothing is being recorded; in trouble it says so.
    void setRecording(const QString &clock, bool inTrouble);

Q_SIGNALS:
    void haltAsked();
    void commandsAsked();

protected:
    void changeEvent(QEvent *event) override;

private:
    RunBadge *m_badge = nullptr;
    QLabel *m_target = nullptr, *m_recIcon = nullptr, *m_rec = nullptr;
    QPushButton *m_halt = nullptr, *m_commands = nullptr;
};

} // namespace ui
