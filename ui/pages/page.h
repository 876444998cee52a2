#pragma once
// What the window asks of every page.

#include <QWidget>

#include <vector>

namespace ui {

/// One line of the help on keys.
struct KeyHelp
{
    QString keys, what;
};

class Page : public QWidget
{
    Q_OBJECT
public:
    using QWidget::QWidget;
    /// From the one timer, only while the page is visible: read the newest snapshot, repaint what
    /// changed.
    virtual void refresh() = 0;
    /// Keys of the timeline; true when the page took it. Called only while no text is being edited.
    virtual bool handleKey(int key, Qt::KeyboardModifiers modifiers) = 0;
    /// What handleKey() takes, for the help.
    [[nodiscard]] virtual std::vector<KeyHelp> keys() const { return {}; }
    /// F8.
    virtual void toggleTable() {}
};

} // namespace ui
