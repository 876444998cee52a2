#pragma once
// What SqliteTimeline's reader thread knows and does. Private to this folder.

#include "engine/recording/binning.h"
#include "engine/recording/fold.h"
#include "engine/recording/timeline.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace engine {

struct SqliteTimeline::Impl
{
    struct Request
    {
        bool pinned = true;
        std::int64_t seek = 0;
        std::uint64_t seekNumber = 0; ///< the latest seek wins
        std::int64_t from = 0, to = 0;
        int bins = 600;
        std::vector<std::string> series;
        std::uint64_t showNumber = 0;
    };

    Impl(std::filesystem::path file, bool living, const Clock &c);

    const std::filesystem::path path;
    const bool isLiving;
    const Clock &clock;

    mutable std::mutex snapshotMutex; ///< protects published
    std::shared_ptr<const TimelineSnapshot> published;

    std::mutex requestMutex; ///< protects request and hasRequest
    std::condition_variable_any wake;
    Request request;
    bool hasRequest = false;

    // The reader thread only.
    std::optional<RecordingReader> reader;
    Request now;
    /// Follows the end. In a file that was there before us it starts at the newest keyframe; then
    /// `check` folds from the first event, in the background, until it has come as far.
    FoldCursor tip;
    std::optional<FoldCursor> check;
    bool isPlaced = false;                                                   ///< tip has its start
    std::shared_ptr<const RunState> tipState = std::make_shared<RunState>(); ///< with what is newer
    bool isAtEnd = false;           ///< tip has all that a closed file holds
    std::optional<FoldCursor> play; ///< rows folded up to the playhead
    std::vector<Event> events;      ///< eventsFrom ... eventsTo, by seq
    std::uint64_t eventsFrom = 1, eventsTo = 0;
    std::shared_ptr<const std::vector<Event>> sharedEvents = std::make_shared<std::vector<Event>>();
    std::pair<std::uint64_t, std::uint64_t> sharedRange{1, 0};
    MonoTime sharedAt{0};
    RowCache cache;
    std::int64_t first = 0, last = INT64_MIN;
    bool isClosed = false;                  ///< nobody adds to what is read
    bool isComplete = false;                ///< and its writer finished it
    std::optional<MonoTime> writerLeavesBy; ///< complete, but still being made one file
    MonoTime overviewAt{0}, publishedAt{0};
    std::string problem;
    TimelineSnapshot next;
    std::uint64_t seekDone = 0, showDone = 0;
    bool wasPinned = true, hasOverview = false;

    std::jthread thread; ///< last member: stops before the rest goes

    void run(std::stop_token stop);
    // timeline.cpp: requests, pictures
    bool takeRequest();
    bool hasNewer();
    bool mayAbort();
    bool refresh(bool isAsked, bool isShown, bool hasNews, std::stop_token stop);
    bool bin(bool isCoarse);
    bool isLarge() const;
    void overview();
    void publish();
    // timeline_follow.cpp: the file
    bool open();
    void place();
    bool poll(std::stop_token stop);
    void letGo();
    bool seekTo(std::int64_t t, std::stop_token stop);
    bool loadEvents();
    bool verifyOn(std::stop_token stop);
    void endCheck(const FoldCursor &whole);
    [[nodiscard]] std::uint64_t newestSeq() const { return tipState->seq; }
    void say(const std::string &text) { problem = problem.empty() ? text : problem; }
    void sayDiffers(std::int64_t t);
};

} // namespace engine
