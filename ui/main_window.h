#pragma once
// The window: mode bar, top bar, banners, pages, status line, and the commands that reach
// everywhere. It arranges pages and carries wishes between them; what is shown is decided in the
// pages.
// GUI thread. Operations outlive the window.

#include "ui/session/session.h"
#include "ui/theme/tokens.h"

#include <QMainWindow>
#include <QTimer>

class QStackedWidget;

namespace ui {

class BannerStack;
class HomePage;
class LivePage;
class ModeBar;
class ModelsPage;
class Page;
class PlaybackPage;
class StatusLine;
class TopBar;

class MainWindow : public QMainWindow
{
    Q_OBJECT
public:
    enum PageIndex { Home, Live, Playback, Models, PageCount };

    explicit MainWindow(engine::Operations &operations, QWidget *parent = nullptr);
    ~MainWindow() override;

    void openPage(PageIndex page);
    [[nodiscard]] PageIndex currentPage() const;
    /// Reads the file in the background, then opens Playback on it.
    void openRecording(const QString &path);
    void startDrill(const QString &path);
    /// 5 Hz on two cores or fewer, else 10 Hz; `hertz` overrides (benchmarks).
    void setRefreshRate(int hertz);
    /// As by the button: for who heard the emergency key elsewhere.
    void haltAll() { halt(false); }
    /// A sentence of the engine module's state for the status bar.
    void setEngineText(const QString &text);

Q_SIGNALS:
    void firstPainted();

protected:
    bool event(QEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;
    void dragEnterEvent(QDragEnterEvent *event) override;
    void dropEvent(QDropEvent *event) override;
    void paintEvent(QPaintEvent *event) override;
    void changeEvent(QEvent *event) override;

private:
    void buildPages();
    void connectPages();
    void buildCommands();
    QAction *command(const char *id, const QString &text, const QKeySequence &keys,
                     const std::function<void()> &run);
    void pulse();
    void showStatus();
    void showBadge();
    void say(const QString &text);
    void halt(bool release);
    void startShop();
    void offerAgain(const QString &drillTitle);
    void chooseRecording();
    void exportReport(const QString &recording);
    void showKeys();
    void showPalette();
    void setScheme(Scheme scheme);
    [[nodiscard]] Page *page() const;

    Session m_session;
    QTimer m_timer;
    ModeBar *m_modes = nullptr;
    TopBar *m_topBar = nullptr;
    BannerStack *m_banners = nullptr;
    QStackedWidget *m_stack = nullptr;
    HomePage *m_home = nullptr;
    LivePage *m_live = nullptr;
    PlaybackPage *m_playback = nullptr;
    ModelsPage *m_models = nullptr;
    StatusLine *m_status = nullptr;
    QAction *m_undo = nullptr; ///< acts on the run that is on, so not while Playback is open
    bool m_painted = false, m_halted = false;
};

} // namespace ui
