#pragma once
// Joins the window's HALT ALL with HaltWatch: tells it where the button lies, and the agent and the
// window when it was asked for. GUI thread; destroy it before the window.

#include "app/console/halt_watch.h"
#include "engine/base/paths.h"
#include "ui/main_window.h"

#include <memory>

class QPushButton;

namespace console {

class HaltNow : public QObject
{
    Q_OBJECT
public:
    /// After the window is shown. Off an X server it does nothing.
    HaltNow(ui::MainWindow &window, const engine::Paths &paths);
    ~HaltNow() override;

protected:
    bool eventFilter(QObject *watched, QEvent *event) override;

private:
    void place();

    ui::MainWindow &m_window;
    QPushButton *m_button = nullptr;
    std::unique_ptr<HaltWatch> m_watch;
};

} // namespace console
