#include "engine/recording/timeline.h"

#include "engine/recording/binning.h"
#include "engine/recording/fold.h"

#include <condition_variable>
#include <fmt/format.h>
#include <mutex>
#include <thread>

namespace engine {
namespace {

constexpr std::chrono::milliseconds kPoll{50};
constexpr std::size_t kRowsAtOnce = 500;
/// A background scan gives way to seeks this often.
constexpr Micros kScanSlice{20'000};
constexpr Micros kOverviewEvery{1'000'000};
constexpr Micros kWriterLeaves{3'000'000};
constexpr int kOverviewBins = 600;

constexpr std::size_t kFewEvents = 5000;
constexpr Micros kListEvery{1'000'000};

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

std::string seconds(std::int64_t t)
{
    return fmt::format("{:.1f} s", static_cast<double>(t) / 1e6);
}

} // namespace

struct SqliteTimeline::Impl
{
    Impl(std::filesystem::path file, bool living, const Clock &c)
        : path(std::move(file)), isLiving(living), clock(c)
    {
        auto start = std::make_shared<TimelineSnapshot>();
        start->state = std::make_shared<RunState>();
        start->events = std::make_shared<std::vector<Event>>();
        start->live = living;
        published = std::move(start);
    }

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
    FoldCursor scan; ///< from the start; the tip of a living file
    RunState tip;    ///< scan and the events after its last row
    bool scanIsAtEnd = false;
    std::optional<FoldCursor> play; ///< rows folded up to the playhead
    std::vector<Event> events;
    std::shared_ptr<const std::vector<Event>> sharedEvents = std::make_shared<std::vector<Event>>();
    std::uint64_t sharedSeq = 0;
    MonoTime sharedAt{0};
    RowCache cache;
    std::int64_t first = 0, last = INT64_MIN;
    bool isClosed = false;                  ///< nobody adds to what is read
    bool isComplete = false;                ///< and its writer finished it
    std::optional<MonoTime> writerLeavesBy; ///< complete, but still being made one file
    MonoTime overviewAt{0};
    std::string problem;
    TimelineSnapshot next;
    std::uint64_t seekDone = 0, showDone = 0;
    bool wasPinned = true;

    std::jthread thread; ///< last member: stops before the rest goes

    void run(std::stop_token stop);
    bool takeRequest();
    bool isInterrupted();
    bool open();
    bool poll(std::stop_token stop);
    void addEvents(const Slice &slice);
    void letGo();
    bool seekTo(std::int64_t t, std::stop_token stop);
    bool refresh(bool isAsked, bool hasNews, std::stop_token stop);
    void bin();
    void overview();
    void publish();
    void say(const std::string &text) { problem = problem.empty() ? text : problem; }
};

bool SqliteTimeline::Impl::takeRequest()
{
    const std::lock_guard lock(requestMutex);
    hasRequest = false;
    now = request;
    return now.seekNumber != seekDone || now.showNumber != showDone || now.pinned != wasPinned;
}

bool SqliteTimeline::Impl::isInterrupted()
{
    const std::lock_guard lock(requestMutex);
    return hasRequest && request.seekNumber != now.seekNumber;
}

bool SqliteTimeline::Impl::open()
{
    using Access = RecordingReader::Access;
    const bool beside = isLiving && !isClosed;
    if (writerLeavesBy) {
        // Until the writer has made one file of it, or is known to fail at that.
        std::error_code error;
        const std::filesystem::path wal(path.string() + "-wal");
        if (std::filesystem::exists(wal, error) && clock.now() < *writerLeavesBy)
            return false;
        writerLeavesBy.reset();
    }
    auto opened = RecordingReader::open(path, clock, beside ? Access::Living : Access::File);
    if (!opened) {
        // A writer that is just beginning has no file or no tables yet.
        const bool isYoung = beside && scan.row == INT64_MIN && events.empty();
        if (!isYoung)
            say(opened.error().text());
        return false;
    }
    reader.emplace(std::move(*opened));
    if (reader->isTrimmed() && scan.row == INT64_MIN) {
        if (auto start = foldStart(*reader))
            scan = std::move(*start);
        else
            say(start.error().text());
    }
    if (!beside)
        isClosed = true; // nobody adds to what we read, be it complete or the copy of a torn one
    return true;
}

/// Frees the file for its writer, which turns it into one without WAL.
void SqliteTimeline::Impl::letGo()
{
    reader.reset();
    isClosed = true;
    writerLeavesBy = clock.now() + kWriterLeaves;
}

void SqliteTimeline::Impl::addEvents(const Slice &slice)
{
    const auto newest = events.empty() ? 0 : events.back().seq;
    for (const auto &event : slice.events)
        if (event.seq > newest)
            events.push_back(event);
}

/// Folds what is new; true when anything was.
bool SqliteTimeline::Impl::poll(std::stop_token stop)
{
    if (scanIsAtEnd && isClosed)
        return false;
    const auto until = clock.now() + kScanSlice;
    bool changed = false;
    while (!stop.stop_requested()) {
        // Asked before reading: what is read after a yes is all there will ever be.
        const auto closed = reader->isClosed();
        auto slice = reader->read(scan.seq, scan.row, INT64_MAX, kRowsAtOnce);
        if (!closed || !slice) {
            const auto &error = closed ? slice.error() : closed.error();
            if (error.code == ErrorCode::Busy)
                return changed; // the writer is at a checkpoint; the next poll sees it
            say(error.text());
            scanIsAtEnd = isClosed; // no further than this
            return true;
        }
        isComplete = *closed;
        for (const auto &row : slice->rows)
            cache.add(reader->view(*slice, row));
        const auto seqBefore = events.empty() ? 0 : events.back().seq;
        addEvents(*slice);
        const auto tail = foldSlice(scan, *reader, *slice);
        const bool isNew =
            !slice->rows.empty() || (!events.empty() && events.back().seq != seqBefore);
        changed = changed || isNew;
        last = std::max(last, scan.row);
        if (!slice->more && (isNew || !scanIsAtEnd)) {
            FoldCursor whole = scan;
            foldTail(whole, *slice, tail);
            tip = whole.state;
            scan.differsAt = whole.differsAt;
            scan.verifiedTo = whole.verifiedTo;
        }
        if (scan.differsAt != INT64_MIN)
            say("The state at " + seconds(scan.differsAt)
                + " does not come out as recorded; the file is changed, or was made by another "
                  "version");
        if (!slice->more) {
            scanIsAtEnd = true;
            if (*closed && !isClosed) {
                letGo();
                changed = true;
            }
            return changed;
        }
        if (clock.now() >= until || isInterrupted())
            return changed;
    }
    return changed;
}

/// False when a newer request or the end of the thread cut it short.
bool SqliteTimeline::Impl::seekTo(std::int64_t t, std::stop_token stop)
{
    constexpr std::int64_t kForward = 10'000'000; // as far as the next keyframe
    if (!play || play->row > t || play->row < t - kForward) {
        auto keyframe = reader->keyframe(t);
        if (!keyframe) {
            say(keyframe.error().text());
            keyframe = std::optional<Keyframe>();
        }
        play.emplace();
        if (auto start = foldStart(*reader); start && !*keyframe)
            play = std::move(*start);
        if (*keyframe) {
            play->state = std::move((*keyframe)->state);
            play->seq = (*keyframe)->seq;
            play->row = (*keyframe)->t;
        }
    }
    while (true) {
        if (stop.stop_requested() || isInterrupted())
            return false;
        auto slice = reader->read(play->seq, play->row, t, kRowsAtOnce);
        if (!slice) {
            say(slice.error().text());
            next.state = std::make_shared<RunState>(play->state);
            return true;
        }
        const auto tail = foldSlice(*play, *reader, *slice);
        if (slice->more)
            continue;
        FoldCursor shown = *play;
        foldTail(shown, *slice, tail);
        next.state = std::make_shared<RunState>(std::move(shown.state));
        return true;
    }
}

void SqliteTimeline::Impl::bin()
{
    const auto grid = gridFor(now.from, now.to, now.bins);
    auto bins = binSeries(*reader, cache, grid, now.series);
    if (!bins) {
        if (bins.error().code != ErrorCode::Busy)
            say(bins.error().text());
        return;
    }
    next.from = grid.from;
    next.to = grid.to();
    next.binWidth = grid.width;
    next.series = std::move(*bins);
}

void SqliteTimeline::Impl::overview()
{
    if (last == INT64_MIN)
        return;
    const auto grid = gridFor(first, last, kOverviewBins);
    if (auto bins = binSeries(*reader, cache, grid, {std::string(series::kP99)}))
        next.overview = std::move(*bins);
    overviewAt = clock.now();
}

void SqliteTimeline::Impl::publish()
{
    const auto newest = events.empty() ? 0 : events.back().seq;
    // Copying a long list for each new event would cost more than all else.
    const bool isDue = events.size() < kFewEvents || clock.now() - sharedAt >= kListEvery
                       || (isClosed && scanIsAtEnd);
    if (newest != sharedSeq && isDue) {
        sharedEvents = std::make_shared<std::vector<Event>>(events);
        sharedSeq = newest;
        sharedAt = clock.now();
    }
    next.events = sharedEvents;
    next.end = last == INT64_MIN ? 0 : last;
    next.playhead = now.pinned ? next.end : now.seek;
    next.closed = isComplete && isClosed;
    next.live = now.pinned && !isClosed;
    next.marks = tip.verdict().marks;
    next.problem = problem;
    next.verifiedTo = scan.verifiedTo == INT64_MIN ? 0 : scan.verifiedTo;
    auto snapshot = std::make_shared<const TimelineSnapshot>(next);
    const std::lock_guard lock(snapshotMutex);
    published = std::move(snapshot);
}

/// False: a newer seek is waiting.
bool SqliteTimeline::Impl::refresh(bool isAsked, bool hasNews, std::stop_token stop)
{
    if (now.pinned && (scanIsAtEnd || !isClosed))
        next.state = std::make_shared<RunState>(tip);
    else if (isAsked && reader && !seekTo(now.pinned ? INT64_MAX : now.seek, stop))
        return false;
    if (!reader)
        return true;
    if (isAsked || hasNews)
        bin();
    const bool isDue = clock.now() - overviewAt >= kOverviewEvery || (isClosed && scanIsAtEnd);
    if (next.overview.empty() || (hasNews && isDue))
        overview();
    seekDone = now.seekNumber;
    showDone = now.showNumber;
    wasPinned = now.pinned;
    return true;
}

void SqliteTimeline::Impl::run(std::stop_token stop)
{
    next = *published;
    while (!stop.stop_requested()) {
        const bool isAsked = takeRequest();
        const auto problemBefore = problem;
        const bool isNew = !reader && open();
        const bool hasNews = reader && poll(stop);
        if (reader && (isNew || hasNews))
            if (const auto span = reader->span(); span && *span) {
                first = (*span)->first - kWindow.count();
                last = std::max(last, (*span)->second);
            }
        if (isAsked || isNew || hasNews || problem != problemBefore) {
            if (!refresh(isAsked || isNew, hasNews, stop))
                continue;
            publish();
        }
        if (reader && isClosed && !scanIsAtEnd)
            continue; // the background scan goes on
        std::unique_lock lock(requestMutex);
        wake.wait_for(lock, stop, kPoll, [this] { return hasRequest; });
    }
}

SqliteTimeline::SqliteTimeline(std::filesystem::path path, bool isLiving, const Clock &clock)
    : m_impl(std::make_unique<Impl>(std::move(path), isLiving, clock))
{
    auto *self = m_impl.get();
    self->thread = std::jthread([self](std::stop_token stop) { self->run(std::move(stop)); });
}

SqliteTimeline::~SqliteTimeline() = default;

std::shared_ptr<const TimelineSnapshot> SqliteTimeline::snapshot() const
{
    const std::lock_guard lock(m_impl->snapshotMutex);
    return m_impl->published;
}

void SqliteTimeline::pinToEnd()
{
    const std::lock_guard lock(m_impl->requestMutex);
    m_impl->request.pinned = true;
    m_impl->request.seekNumber++;
    m_impl->hasRequest = true;
    m_impl->wake.notify_one();
}

void SqliteTimeline::seek(std::int64_t t)
{
    const std::lock_guard lock(m_impl->requestMutex);
    m_impl->request.pinned = false;
    m_impl->request.seek = t;
    m_impl->request.seekNumber++;
    m_impl->hasRequest = true;
    m_impl->wake.notify_one();
}

void SqliteTimeline::show(std::int64_t from, std::int64_t to, int bins,
                          std::vector<std::string> series)
{
    const std::lock_guard lock(m_impl->requestMutex);
    m_impl->request.from = from;
    m_impl->request.to = to;
    m_impl->request.bins = bins;
    m_impl->request.series = std::move(series);
    m_impl->request.showNumber++;
    m_impl->hasRequest = true;
    m_impl->wake.notify_one();
}

std::string SqliteTimeline::path() const
{
    return m_impl->path.string();
}

} // namespace engine
