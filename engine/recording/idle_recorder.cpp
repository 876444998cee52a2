#include "engine/recording/idle_recorder.h"

#include <algorithm>
#include <mutex>

namespace engine {
namespace {

constexpr std::string_view kPrefix = "idle-";

void removeRecording(const std::filesystem::path &path)
{
    std::error_code error; // what cannot be deleted now is tried again with the next roll
    for (const char *suffix : {"", "-wal", "-shm"})
        std::filesystem::remove(path.string() + suffix, error);
}

} // namespace

struct IdleRecorder::Impl
{
    Impl(IdleOptions idleOptions, const Clock &c) : options(std::move(idleOptions)), clock(c) {}

    IdleOptions options;
    const Clock &clock;
    mutable std::mutex mutex; ///< protects current; held for an enqueue, never for the disk
    std::shared_ptr<Recorder> current;
    std::mutex rolling; ///< one roll at a time; protects rollAt and number
    MonoTime rollAt{0};
    int number = 0;
    std::jthread thread; ///< last member: stops before the rest goes

    std::shared_ptr<Recorder> recorder() const
    {
        const std::lock_guard lock(mutex);
        return current;
    }
    Result<std::filesystem::path> roll();
    void removeOld(const std::filesystem::path &newest) const;
    void run(std::stop_token stop);
};

/// Starts a new file and closes the old one, whose path it returns ("" the first time).
Result<std::filesystem::path> IdleRecorder::Impl::roll()
{
    auto stamp = wallText(clock.wallMicros());
    std::erase(stamp, ':');
    RecorderOptions recording;
    // The number keeps names of one second apart, and in order.
    recording.path =
        options.folder
        / (std::string(kPrefix) + stamp + "-" + std::to_string(1000 + number++) + ".drl");
    recording.idle = true;
    recording.meta = {{"idle", "1"}, {"title", "No run"}};
    rollAt = clock.now() + options.roll;
    auto started = Recorder::start(recording, clock);
    if (!started)
        return tl::unexpected(started.error());
    std::shared_ptr<Recorder> old = std::move(*started);
    {
        const std::lock_guard lock(mutex);
        std::swap(old, current);
    }
    std::filesystem::path oldPath;
    if (old) {
        oldPath = old->path();
        // A page that still reads it keeps its WAL beside it: readable all the same.
        if (const auto closed = old->close(); !closed && closed.error().code != ErrorCode::Busy)
            return tl::unexpected(closed.error());
    }
    removeOld(recording.path);
    return oldPath;
}

void IdleRecorder::Impl::removeOld(const std::filesystem::path &newest) const
{
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator(options.folder, error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
        const auto name = it->path().filename().string();
        if (name.starts_with(kPrefix) && it->path().extension() == ".drl" && it->path() != newest)
            files.push_back(it->path());
    }
    std::sort(files.begin(), files.end());
    while (files.size() + 1 > std::max<std::size_t>(options.kept, 1)) {
        removeRecording(files.front());
        files.erase(files.begin());
    }
}

void IdleRecorder::Impl::run(std::stop_token stop)
{
    while (true) {
        MonoTime next{0};
        {
            const std::lock_guard lock(rolling);
            next = rollAt;
        }
        if (!clock.waitUntil(next, stop))
            return;
        const std::lock_guard lock(rolling);
        if (clock.now() >= rollAt)
            (void)roll(); // a full disk shows in status(); the old file goes on until then
    }
}

IdleRecorder::IdleRecorder(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}

Result<std::unique_ptr<IdleRecorder>> IdleRecorder::start(IdleOptions options, const Clock &clock)
{
    auto impl = std::make_unique<Impl>(std::move(options), clock);
    if (auto first = impl->roll(); !first)
        return tl::unexpected(first.error());
    auto *self = impl.get();
    self->thread = std::jthread([self](std::stop_token stop) { self->run(std::move(stop)); });
    return std::unique_ptr<IdleRecorder>(new IdleRecorder(std::move(impl)));
}

IdleRecorder::~IdleRecorder() = default;

void IdleRecorder::append(Payload payload)
{
    m_impl->recorder()->append(std::move(payload));
}

void IdleRecorder::append(Window window)
{
    m_impl->recorder()->append(std::move(window));
}

void IdleRecorder::attach(std::string name, Bytes data)
{
    m_impl->recorder()->attach(std::move(name), std::move(data));
}

std::filesystem::path IdleRecorder::path() const
{
    return m_impl->recorder()->path();
}

RecorderStatus IdleRecorder::status() const
{
    return m_impl->recorder()->status();
}

Result<> IdleRecorder::keep(const std::filesystem::path &to)
{
    const std::lock_guard lock(m_impl->rolling);
    std::error_code error;
    if (std::filesystem::exists(to, error))
        return fail(ErrorCode::Busy, "There is a file already; choose another name", to.string());
    const auto old = m_impl->roll();
    if (!old)
        return tl::unexpected(old.error());
    for (const char *suffix : {"", "-wal"}) {
        const std::filesystem::path from(old->string() + suffix);
        if (std::filesystem::exists(from, error))
            std::filesystem::rename(from, to.string() + suffix, error);
        if (error)
            return fail(ErrorCode::Io, "Cannot keep the recording: " + error.message(),
                        to.string());
    }
    return {};
}

} // namespace engine
