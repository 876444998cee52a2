#pragma once
// What is happening now: strip, tracks, processes, timeline, inspector, all from the newest
// snapshot of the recording that is being written; and the acts of the operator.

#include "ui/pages/page.h"
#include "ui/pages/time_window.h"
#include "ui/session/run_facts.h"

class QLabel;
class QPushButton;
class QTableView;

namespace ui {

class IndicatorStrip;
class Inspector;
class ProcessModel;
class Session;
class TimelinePanel;
class TrackStack;

class LivePage : public Page
{
    Q_OBJECT
public:
    explicit LivePage(Session &session, QWidget *parent = nullptr);

    void refresh() override;
    bool handleKey(int key, Qt::KeyboardModifiers modifiers) override;
    [[nodiscard]] std::vector<KeyHelp> keys() const override;
    void toggleTable() override;
    void toggleInspector();
    [[nodiscard]] bool isFollowing() const { return m_following; }
    /// Shows the end of a run with the way to its playback.
    void announceRun(const QString &recording, const QString &error);

Q_SIGNALS:
    void openPlaybackAsked(const QString &recording);
    void homeAsked();
    void problem(const QString &text);

private:
    void buildLayout();
    void connectActs();
    void showEmpty();
    void setFollowing(bool following);
    void seekTo(double t);
    void restartRow(int row);
    void openProcessMenu(const QPoint &at);
    void layOutColumns();
    void resizeEvent(QResizeEvent *event) override;

    Session &m_session;
    FactReader m_reader;
    TimeWindow m_window;
    std::shared_ptr<const engine::TimelineSnapshot> m_shown;
    bool m_following = true, m_windowTouched = false;
    int m_shownEpoch = 0;
    IndicatorStrip *m_strip = nullptr;
    TrackStack *m_tracks = nullptr;
    QTableView *m_table = nullptr;
    ProcessModel *m_model = nullptr;
    TimelinePanel *m_panel = nullptr;
    Inspector *m_inspector = nullptr;
    QWidget *m_content = nullptr, *m_empty = nullptr, *m_banner = nullptr;
    QLabel *m_emptyLabel = nullptr, *m_bannerLabel = nullptr;
    QPushButton *m_bannerButton = nullptr;
    QString m_finishedRecording;
};

} // namespace ui
