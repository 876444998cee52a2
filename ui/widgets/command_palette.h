#pragma once
// Ctrl+K: every command of the window by its name, filtered while typing.

#include <QDialog>

class QAction;
class QLineEdit;
class QListWidget;

namespace ui {

class CommandPalette : public QDialog
{
    Q_OBJECT
public:
    CommandPalette(const QList<QAction *> &commands, QWidget *parent = nullptr);

protected:
    bool eventFilter(QObject *watched, QEvent *event) override;

private:
    void filter(const QString &text);
    void runCurrent();
    QList<QAction *> m_commands;
    QLineEdit *m_edit = nullptr;
    QListWidget *m_list = nullptr;
};

} // namespace ui
