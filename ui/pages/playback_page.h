#pragma once
// A recording on a playhead: verdict, tracks and timeline. Reads a Timeline and can do nothing to a
// shop: it knows no command type; wishes leave it as signals.

#include "ui/pages/page.h"
#include "ui/pages/playhead.h"
#include "ui/pages/time_window.h"
#include "ui/session/event_index.h"
#include "ui/session/run_facts.h"
#include "ui/session/seeker.h"

#include <QElapsedTimer>
#include <QTimer>

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
    ~PlaybackPage() override;

    void open(std::unique_ptr<engine::Timeline> timeline);
    [[nodiscard]] bool hasRecording() const { return m_timeline != nullptr; }
    [[nodiscard]] QString title() const { return m_title; }
    [[nodiscard]] QString sinceText() const;
    [[nodiscard]] double playhead() const { return m_playhead.at(); }
    [[nodiscard]] bool isPlaying() const { return m_playhead.isPlaying(); }
    [[nodiscard]] const Playhead &head() const { return m_playhead; }
    [[nodiscard]] const TimeWindow &window() const { return m_window; }
    /// "" or how far the file was checked: "verified to +12:03.4 of +24:00:00.0".
    [[nodiscard]] QString verifiedText() const;

    void refresh() override;
    bool handleKey(int key, Qt::KeyboardModifiers modifiers) override;
    [[nodiscard]] std::vector<KeyHelp> keys() const override;
    void toggleTable() override;

Q_SIGNALS:
    void reportAsked(const QString &recording);
    void rerunAsked(const QString &drillTitle);
    /// Something was shown for the first time or anew (benchmarks count them).
    void shown();

protected:
    void hideEvent(QHideEvent *event) override;

private:
    struct KeyAct;
    [[nodiscard]] static const std::vector<KeyAct> &keyActs();

    void buildLayout();
    void connectParts();
    void seekTo(double t);
    void goTo(double t); ///< and brings it into the window
    void stepEvent(int direction);
    void stepFault(int direction);
    void setPlaying(bool playing);
    void changeSpeed(int steps);
    void setLoop(bool isEnd);
    void toggleLoop();
    void clearLoop();
    void showLoop();
    void goToReason();
    void advance();
    void keepMoving();
    void placeWindow(const engine::TimelineSnapshot &snapshot);
    bool place(const std::shared_ptr<const engine::TimelineSnapshot> &snapshot);
    void readFacts(const engine::TimelineSnapshot &snapshot);
    void showSeal(const engine::TimelineSnapshot &snapshot);
    void askForWindow();
    void showRun(const engine::TimelineSnapshot &snapshot);
    void showProblem(const QString &problem);

    std::unique_ptr<engine::Timeline> m_timeline;
    std::shared_ptr<const engine::TimelineSnapshot> m_shown;
    FactReader m_reader;
    RunFacts m_facts; ///< of the whole recording; changes only while it is still being read
    std::int64_t m_factsEnd = -1;
    engine::Marks m_factsMarks;
    EventIndex m_index;
    Seeker m_seeker;
    Playhead m_playhead;
    TimeWindow m_window;
    QElapsedTimer m_clock;
    QTimer m_fast; ///< runs while the playhead moves, so that it moves smoothly
    std::int64_t m_lastTick = 0;
    QString m_title;
    std::shared_ptr<const engine::RunState> m_whole; ///< at the end: bands and lanes show it all
    engine::Marks m_wholeMarks;                      ///< likewise
    bool m_placed = false, m_stale = false;
    QWidget *m_content = nullptr;
    QLabel *m_empty = nullptr;
    VerdictCard *m_verdict = nullptr;
    TrackStack *m_tracks = nullptr;
    TimelinePanel *m_panel = nullptr;
    std::optional<std::int64_t> m_reasonAt;
};

} // namespace ui
