#include "engine/recording/timeline.h"

#include "engine/recording/timeline_impl.h"

namespace engine {
namespace {

constexpr std::chrono::milliseconds kPoll{50};
constexpr Micros kOverviewEvery{1'000'000};
constexpr int kOverviewBins = 600;

constexpr std::size_t kFewEvents = 5000;
constexpr Micros kListEvery{1'000'000};

/// However fast requests come, a picture is finished this often.
constexpr Micros kPictureEvery{40'000};
/// How often the background check shows how far it is.
constexpr Micros kSayEvery{200'000};

/// Numbers from which on a first picture is drawn with fewer bins.
constexpr std::size_t kManyNumbers = 4000;
constexpr int kCoarser = 8;

} // namespace

SqliteTimeline::Impl::Impl(std::filesystem::path file, bool living, const Clock &c)
    : path(std::move(file)), isLiving(living), clock(c)
{
    auto start = std::make_shared<TimelineSnapshot>();
    start->state = tipState;
    start->endState = tipState;
    start->events = sharedEvents;
    start->live = living;
    published = std::move(start);
}

bool SqliteTimeline::Impl::takeRequest()
{
    const std::lock_guard lock(requestMutex);
    hasRequest = false;
    now = request;
    return now.seekNumber != seekDone || now.showNumber != showDone || now.pinned != wasPinned;
}

bool SqliteTimeline::Impl::hasNewer()
{
    const std::lock_guard lock(requestMutex);
    return hasRequest;
}

/// Work for an older request is dropped, but not all of it for ever.
bool SqliteTimeline::Impl::mayAbort()
{
    return hasNewer() && clock.now() - publishedAt < kPictureEvery;
}

bool SqliteTimeline::Impl::isLarge() const
{
    const auto grid = gridFor(now.from, now.to, now.bins);
    return grid.width > kWindow.count() && !cache.covers(grid.from)
           && grid.count * now.series.size() > kManyNumbers;
}

/// False: a newer request cut it short.
bool SqliteTimeline::Impl::bin(bool isCoarse)
{
    const auto grid = gridFor(now.from, now.to, isCoarse ? now.bins / kCoarser : now.bins);
    const auto stop = [this] { return mayAbort(); };
    auto bins = binSeries(*reader, cache, grid, now.series, stop);
    if (!bins) {
        if (bins.error().code == ErrorCode::Timeout && hasNewer())
            return false;
        if (bins.error().code != ErrorCode::Busy)
            say(bins.error().text());
        return true;
    }
    next.from = grid.from;
    next.to = grid.to();
    next.binWidth = grid.width;
    next.series = std::move(*bins);
    next.coarse = isCoarse;
    return true;
}

void SqliteTimeline::Impl::overview()
{
    if (last == INT64_MIN)
        return;
    const auto grid = gridFor(first, last, kOverviewBins);
    if (auto bins = binSeries(*reader, cache, grid, {std::string(series::kP99)}))
        next.overview = std::move(*bins);
    overviewAt = clock.now();
    hasOverview = true;
}

void SqliteTimeline::Impl::publish()
{
    // Copying a long list for each new event would cost more than all else.
    const std::pair range(eventsFrom, eventsTo);
    const bool isDue = events.size() <= kFewEvents || clock.now() - sharedAt >= kListEvery
                       || (isClosed && eventsTo == newestSeq());
    if (range != sharedRange && isDue) {
        sharedEvents = std::make_shared<std::vector<Event>>(events);
        sharedRange = range;
        sharedAt = clock.now();
    }
    next.events = sharedEvents;
    next.eventCount = newestSeq();
    next.end = last == INT64_MIN ? 0 : last;
    next.playhead = now.pinned ? next.end : now.seek;
    next.closed = isComplete && isClosed;
    next.live = now.pinned && !isClosed;
    next.endState = tipState;
    next.marks = tipState->verdict().marks;
    next.problem = problem;
    const auto verified = check ? check->verifiedTo : tip.verifiedTo;
    next.verifiedTo = verified == INT64_MIN ? 0 : verified;
    next.isChecking = check.has_value();
    auto snapshot = std::make_shared<const TimelineSnapshot>(next);
    publishedAt = clock.now();
    const std::lock_guard lock(snapshotMutex);
    published = std::move(snapshot);
}

/// False: a newer request is waiting.
bool SqliteTimeline::Impl::refresh(bool isAsked, bool isShown, bool hasNews, std::stop_token stop)
{
    if (now.pinned)
        next.state = tipState;
    else if (isAsked && reader && !seekTo(now.seek, stop))
        return false;
    seekDone = now.seekNumber;
    wasPinned = now.pinned;
    if (reader && isShown && isLarge()) {
        // First something to look at; what is still too fine for it follows.
        if (!bin(true))
            return false;
        publish();
    }
    if (reader && (isShown || hasNews) && !bin(false))
        return false;
    showDone = now.showNumber;
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
            const bool isShown = isNew || now.showNumber != showDone;
            if (!refresh(isAsked || isNew, isShown, hasNews, stop))
                continue;
            if (reader && newestSeq() - eventsTo < kFewEvents / 10)
                (void)loadEvents();
            publish();
        }
        bool hasMore = false;
        if (reader && last != INT64_MIN && !hasNewer()) {
            const bool isDue = clock.now() - overviewAt >= kOverviewEvery || (isClosed && isAtEnd);
            if (!hasOverview || (hasNews && isDue)) {
                overview();
                publish();
            }
        }
        if (reader && !hasNewer() && loadEvents()) {
            hasMore = true;
            publish();
        }
        if (reader && !hasNewer() && check) {
            const bool isOver = verifyOn(stop);
            hasMore = true;
            if (isOver || clock.now() - publishedAt >= kSayEvery)
                publish();
        }
        if (hasMore || (reader && isClosed && !isAtEnd))
            continue;
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
