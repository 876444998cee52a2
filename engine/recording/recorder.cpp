#include "engine/recording/recorder.h"

#include "engine/base/files.h"
#include "engine/recording/writer.h"

#include <algorithm>
#include <concurrentqueue/concurrentqueue.h>
#include <future>
#include <mutex>
#include <thread>

namespace engine {
namespace {

constexpr Micros kPoll{20'000}, kCommitEvery{50'000}, kRetryEvery{1'000'000};
constexpr Micros kCheckpointEvery{60'000'000}, kMovedEvery{250'000};
/// A disk that takes longer than this over one call is named as hanging.
constexpr Micros kDiskHangs{500'000};
constexpr std::size_t kCommitEvents = 256;
constexpr Micros kReadersLetGo{2'000'000};

struct Attachment
{
    std::string name;
    Bytes data;
};
using Flush = std::shared_ptr<std::promise<Result<>>>;

struct Item
{
    MonoTime arrived{0};
    std::size_t bytes = 0;
    std::variant<Payload, Window, Attachment, Flush> what;
};

/// What producers could not hand over, because the queue was full.
struct Refusal
{
    std::int64_t from = INT64_MAX, to = INT64_MIN; ///< CLOCK_MONOTONIC us
    std::uint64_t count = 0;
};

struct Problem
{
    std::string text;
    std::int64_t since = 0;
    void set(const std::string &what, MonoTime now)
    {
        if (text.empty())
            since = now.count();
        text = what;
    }
    void clear() { *this = {}; }
};

std::size_t sizeOf(const Payload &payload)
{
    return sizeof(Item) + encodePayload(payload).size();
}

std::size_t sizeOf(const Window &window)
{
    std::size_t size = sizeof(Item);
    for (const auto &sample : window.samples)
        size += sizeof(Sample) + sample.series.size();
    for (const auto &sample : window.sketches)
        size += sizeof(SketchSample) + sample.series.size() + sample.sketch.size();
    return size;
}

} // namespace

struct Recorder::Impl
{
    Impl(RecordingWriter recordingWriter, RecorderOptions recorderOptions, const Clock &c)
        : writer(std::move(recordingWriter)), options(std::move(recorderOptions)), clock(c)
    {
    }

    RecordingWriter writer;
    RecorderOptions options;
    const Clock &clock;
    moodycamel::ConcurrentQueue<Item> queue;
    std::atomic<std::uint64_t> queued{0}; ///< bytes
    std::atomic<std::uint64_t> queuedEvents{0};
    std::atomic<std::int64_t> diskSince{0}; ///< when the call to the disk began that is not back

    mutable std::mutex mutex; ///< protects state and the refusals not yet given to the writer
    RecorderStatus state;
    Refusal refusedNews, refusedWindows;

    // The recorder's own thread only.
    RowAssembler assembler;
    std::optional<MonoTime> origin;
    std::vector<Item> early; ///< before the event that begins the file
    std::vector<Item> drained;
    MonoTime nextRow{0};
    MonoTime lastCommit{0}, lastCheckpoint{0}, lastLook{0}, retryAt{0};
    std::vector<Flush> flushes;
    Result<> result; ///< of the newest commit
    Problem disk, moved;

    std::mutex closing; ///< one close at a time; protects closeResult
    std::optional<Result<>> closeResult;
    std::atomic<std::int64_t> closeAt{INT64_MAX};
    std::jthread thread; ///< last member: stops before the rest goes

    void enqueue(Item item);
    void setOrigin(MonoTime start);
    void take(Item item);
    void drain();
    void writeRows(MonoTime now);
    void takeRefusals();
    void commit(MonoTime now);
    template <class Call>
    auto onDisk(Call call);
    void look(MonoTime now);
    void publish();
    void answer();
    void run(std::stop_token stop);
    Result<> finish();
};

void Recorder::Impl::enqueue(Item item)
{
    // Producers see the bound here, not in the queue: while the disk hangs, memory must not grow.
    item.arrived = clock.now();
    const bool isMetric = std::holds_alternative<Window>(item.what);
    const auto most = isMetric ? options.memory / 2 : options.memory;
    if (queued.load(std::memory_order_relaxed) + item.bytes > most) {
        const std::lock_guard lock(mutex);
        auto &refusal = isMetric ? refusedWindows : refusedNews;
        refusal.from = std::min(refusal.from, item.arrived.count());
        refusal.to = std::max(refusal.to, item.arrived.count());
        ++refusal.count;
        return;
    }
    queued.fetch_add(item.bytes, std::memory_order_relaxed);
    if (std::holds_alternative<Payload>(item.what))
        queuedEvents.fetch_add(1, std::memory_order_relaxed);
    queue.enqueue(std::move(item));
}

void Recorder::Impl::setOrigin(MonoTime start)
{
    origin = start;
    auto waiting = std::move(early);
    early.clear();
    for (auto &item : waiting)
        take(std::move(item));
}

void Recorder::Impl::take(Item item)
{
    if (auto *payload = std::get_if<Payload>(&item.what)) {
        if (!origin) {
            if (const auto begin = originOf(*payload)) {
                const MonoTime start(*begin);
                // The run's first event comes first, whatever arrived before it.
                const auto t = early.empty() ? item.arrived : early.front().arrived;
                writer.event(std::move(*payload), (t - start).count());
                setOrigin(start);
                return;
            }
            early.push_back(std::move(item));
            return;
        }
        writer.event(std::move(*payload), (item.arrived - *origin).count());
    } else if (const auto *window = std::get_if<Window>(&item.what)) {
        assembler.add(*window, item.arrived);
    } else if (const auto *attachment = std::get_if<Attachment>(&item.what)) {
        writer.attach(attachment->name, attachment->data);
    } else if (auto *flush = std::get_if<Flush>(&item.what)) {
        flushes.push_back(std::move(*flush));
    }
}

void Recorder::Impl::drain()
{
    // The queue keeps the order of one producer only; across producers the time of arrival does.
    Item item;
    while (queue.try_dequeue(item)) {
        queued.fetch_sub(item.bytes, std::memory_order_relaxed);
        if (std::holds_alternative<Payload>(item.what))
            queuedEvents.fetch_sub(1, std::memory_order_relaxed);
        drained.push_back(std::move(item));
    }
    std::stable_sort(drained.begin(), drained.end(),
                     [](const Item &a, const Item &b) { return a.arrived < b.arrived; });
    for (auto &waiting : drained) {
        take(std::move(waiting));
        if (writer.pendingEvents() >= kCommitEvents && disk.text.empty())
            commit(clock.now());
    }
    drained.clear();
}

void Recorder::Impl::takeRefusals()
{
    if (!origin)
        return;
    Refusal news, windows;
    {
        const std::lock_guard lock(mutex);
        std::swap(news, refusedNews);
        std::swap(windows, refusedWindows);
    }
    const auto tell = [this](const Refusal &refusal, schema::GapReason why) {
        if (refusal.count > 0)
            writer.noteLost(refusal.from - origin->count(), refusal.to - origin->count(), why,
                            refusal.count);
    };
    tell(news, schema::GapReason::NoMemory);
    tell(windows, schema::GapReason::Thinned);
}

void Recorder::Impl::writeRows(MonoTime now)
{
    while (origin && assembler.isComplete(nextRow, now)) {
        writer.row((nextRow - *origin).count(), assembler.take(nextRow));
        nextRow += kWindow;
    }
}

/// Everything that may wait for the disk goes through here, so that status() sees it wait.
template <class Call>
auto Recorder::Impl::onDisk(Call call)
{
    diskSince = clock.now().count();
    auto result_ = call();
    diskSince = 0;
    return result_;
}

void Recorder::Impl::commit(MonoTime now)
{
    if (now < retryAt)
        return; // `result` still says why
    lastCommit = now;
    auto done = onDisk([this] { return writer.commit(); });
    if (done) {
        disk.clear();
    } else {
        if (done.error().place.empty())
            done.error().place = options.path.string();
        disk.set(done.error().text(), now);
        retryAt = now + kRetryEvery;
    }
    result = std::move(done);
}

/// Says to those who wait what became of everything that came before their question.
void Recorder::Impl::answer()
{
    publish();
    for (const auto &flush : std::exchange(flushes, {}))
        flush->set_value(result);
}

void Recorder::Impl::look(MonoTime now)
{
    if (now - lastLook >= kMovedEvery) {
        lastLook = now;
        if (!writer.hasMoved())
            moved.clear();
        else
            moved.set("The recording was moved or deleted while it is being written; it is saved "
                      "again at its place when the run ends: "
                          + options.path.string(),
                      now);
    }
    if (now - lastCheckpoint >= kCheckpointEvery && disk.text.empty()) {
        lastCheckpoint = now;
        // A reader in the way only delays it.
        const auto done = onDisk([this] { return writer.checkpoint(); });
        if (!done && done.error().code != ErrorCode::Busy)
            disk.set(done.error().text(), now);
        if (const auto sealed = onDisk([this] { return writer.seal(); }); !sealed)
            disk.set(sealed.error().text(), now);
    }
}

void Recorder::Impl::publish()
{
    const std::lock_guard lock(mutex);
    const auto &problem = disk.text.empty() ? moved : disk;
    state.problem = problem.text;
    state.since = problem.since;
    state.heldBytes = writer.pendingBytes();
    state.heldEvents = writer.pendingEvents();
    state.committedSeq = writer.committedSeq();
    state.lost = writer.lost();
    state.thinned = writer.thinned();
    state.lateWindows = assembler.lateWindows();
    state.lastRow = writer.lastRow();
}

void Recorder::Impl::run(std::stop_token stop)
{
    // Waiting out the rows of a close is bounded; the token only ends sleeps early.
    while (true) {
        const bool isClosing = stop.stop_requested();
        drain();
        takeRefusals();
        const auto now = clock.now();
        writeRows(now);
        if (now - lastCommit >= kCommitEvery || !flushes.empty())
            commit(now);
        look(now);
        answer();
        if (isClosing) {
            const MonoTime end(closeAt.load());
            if (!origin || nextRow > end || now > end + 2 * RowAssembler::kHold)
                return;
            clock.waitUntil(now + kPoll, {});
        } else {
            clock.waitUntil(now + kPoll, stop);
        }
    }
}

Result<> Recorder::Impl::finish()
{
    closeAt = clock.now().count();
    thread.request_stop();
    if (thread.joinable())
        thread.join();
    drain();
    if (!origin) // no run ever started: what came is still worth keeping
        setOrigin(nextRow);
    takeRefusals();
    auto done = onDisk([this] { return writer.close(clock, kReadersLetGo); });
    result = done;
    moved.clear();
    disk.clear();
    if (!done)
        disk.set(done.error().text(), clock.now());
    answer();
    const std::lock_guard lock(mutex);
    state.closed = true;
    return done;
}

Recorder::Recorder(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}

Result<std::unique_ptr<Recorder>> Recorder::start(RecorderOptions options, const Clock &clock)
{
    // A folder of others that is there (say /tmp) is theirs to protect; ours is made private.
    std::error_code error;
    if (const auto folder = options.path.parent_path();
        !folder.empty() && !std::filesystem::exists(folder, error))
        DR_RETURN_IF_ERROR(makePrivateFolder(folder));
    auto writer = RecordingWriter::create(options.path, options.key, options.meta);
    if (!writer)
        return tl::unexpected(writer.error());
    writer->setMemory(options.memory);
    auto impl = std::make_unique<Impl>(std::move(*writer), std::move(options), clock);
    auto *self = impl.get();
    self->nextRow = alignUp(clock.now() + Micros{1});
    self->lastCheckpoint = clock.now();
    if (self->options.idle)
        self->origin = self->nextRow - kWindow;
    self->thread = std::jthread([self](std::stop_token stop) { self->run(std::move(stop)); });
    return std::unique_ptr<Recorder>(new Recorder(std::move(impl)));
}

Recorder::~Recorder()
{
    (void)close(); // status() is gone with us; whoever cares closes first
}

void Recorder::append(Payload payload)
{
    Item item;
    item.bytes = sizeOf(payload);
    item.what = std::move(payload);
    m_impl->enqueue(std::move(item));
}

void Recorder::append(Window window)
{
    Item item;
    item.bytes = sizeOf(window);
    item.what = std::move(window);
    m_impl->enqueue(std::move(item));
}

void Recorder::attach(std::string name, Bytes data)
{
    Item item;
    item.bytes = sizeof(Item) + name.size() + data.size();
    item.what = Attachment{std::move(name), std::move(data)};
    m_impl->enqueue(std::move(item));
}

Result<> Recorder::flush()
{
    {
        const std::lock_guard lock(m_impl->mutex);
        if (m_impl->state.closed)
            return {};
    }
    auto promise = std::make_shared<std::promise<Result<>>>();
    auto done = promise->get_future();
    Item item;
    item.what = promise;
    item.arrived = m_impl->clock.now();
    m_impl->queue.enqueue(std::move(item));
    return done.get();
}

Result<> Recorder::close()
{
    const std::lock_guard lock(m_impl->closing);
    if (!m_impl->closeResult)
        m_impl->closeResult = m_impl->finish();
    return *m_impl->closeResult;
}

RecorderStatus Recorder::status() const
{
    const auto now = m_impl->clock.now().count();
    const auto diskSince = m_impl->diskSince.load();
    RecorderStatus status;
    {
        const std::lock_guard lock(m_impl->mutex);
        status = m_impl->state;
        status.lost += m_impl->refusedNews.count;
        status.thinned += m_impl->refusedWindows.count;
    }
    status.heldBytes += m_impl->queued.load(std::memory_order_relaxed);
    status.heldEvents += m_impl->queuedEvents.load(std::memory_order_relaxed);
    if (status.problem.empty() && diskSince != 0 && now - diskSince > kDiskHangs.count()) {
        status.problem = "The disk does not answer; what happens is kept in memory until it does: "
                         + m_impl->options.path.string();
        status.since = diskSince;
    }
    return status;
}

const std::filesystem::path &Recorder::path() const
{
    return m_impl->options.path;
}

std::filesystem::path newRecordingPath(const std::filesystem::path &folder, std::string_view name,
                                       std::int64_t wallMicros)
{
    auto stamp = wallText(wallMicros); // colons are no good in file names
    std::erase(stamp, ':');
    stamp.pop_back();
    std::string stem = stamp + "-";
    for (const char c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                           || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        stem += plain ? c : '_';
    }
    std::error_code error;
    auto path = folder / (stem + ".drl");
    for (int i = 2; std::filesystem::exists(path, error); ++i)
        path = folder / (stem + "-" + std::to_string(i) + ".drl");
    return path;
}

} // namespace engine
