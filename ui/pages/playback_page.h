#pragma once
// A recording on a playhead: verdict, tracks and timeline. Reads a Timeline and can do nothing to a
// shop: it knows no command type; wishes leave it as signals.

#include "ui/pages/page.h"
#include "ui/pages/time_window.h"
#include "ui/session/run_facts.h"

#include <QElapsedTimer>

class QLabel;

namespace ui {

class TimelinePanel;
class TrackStack;
class VerdictCard;

class PlaybackPage : public Page
{
    Q_OBJECT
public:
    explicit PlaybackPage(QWidget *parent = nullptr);

    void open(std::unique_ptr<engine::Timeline> timeline);
    [[nodiscard]] bool hasRecording() const { return m_timeline != nullptr; }
    [[nodiscard]] QString title() const { return m_title; }
    [[nodiscard]] QString sinceText() const;
    [[nodiscard]] double playhead() const { return m_playhead; }
    [[nodiscard]] bool isPlaying() const { return m_playing; }
    [[nodiscard]] const TimeWindow &window() const { return m_window; }

    void refresh() override;
    bool handleKey(int key, Qt::KeyboardModifiers modifiers) override;
    void toggleTable() override;

Q_SIGNALS:
    void reportAsked(const QString &recording);
    void rerunAsked(const QString &drillTitle);

private:
    void seekTo(double t);
    void stepEvent(int direction, bool faultsOnly);
    void setPlaying(bool playing);
    void advance();
    void placeWindow(const engine::TimelineSnapshot &snapshot, const RunFacts &facts);
    void showVerdict(const engine::TimelineSnapshot &snapshot);
    void askForWindow();
    void showRun(const std::shared_ptr<const engine::TimelineSnapshot> &snapshot,
                 const std::shared_ptr<const engine::TimelineSnapshot> &all, const RunFacts &facts);

    std::unique_ptr<engine::Timeline> m_timeline;
    std::shared_ptr<const engine::TimelineSnapshot> m_shown;
    FactReader m_reader;
    TimeWindow m_window;
    QElapsedTimer m_sinceTick;
    QString m_title;
    double m_playhead = 0, m_end = 0, m_zero = 0;
    std::shared_ptr<const engine::RunState> m_whole; ///< at the end: bands and lanes show it all
    bool m_playing = false, m_placed = false;
    QWidget *m_content = nullptr, *m_empty = nullptr;
    VerdictCard *m_verdict = nullptr;
    TrackStack *m_tracks = nullptr;
    TimelinePanel *m_panel = nullptr;
    std::optional<std::int64_t> m_reasonAt;
};

} // namespace ui
