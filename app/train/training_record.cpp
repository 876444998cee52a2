#include "app/train/training_record.h"

#include "engine/metrics/window.h"
#include "engine/recording/open.h"
#include "engine/recording/recorder.h"

#include <cmath>

namespace app {
namespace {

/// A step of some milliseconds needs no event of its own.
constexpr std::int64_t kBetween = 250'000;

} // namespace

TrainingRecord::TrainingRecord(engine::SigningKey key, const engine::Clock &clock)
    : m_key(std::move(key)), m_clock(clock)
{
}

engine::Result<std::unique_ptr<TrainingRecord>>
TrainingRecord::begin(const std::filesystem::path &file, const std::filesystem::path &key,
                      engine::TrainingStarted started, const engine::Clock &clock)
{
    auto signer = engine::SigningKey::loadOrCreate(key);
    if (!signer)
        return tl::unexpected(signer.error());
    std::error_code error;
    if (std::filesystem::exists(std::filesystem::symlink_status(file, error)))
        return engine::fail(engine::ErrorCode::InvalidInput,
                            "There is something here already; a recording is never overwritten",
                            file.string());
    std::unique_ptr<TrainingRecord> record(new TrainingRecord(std::move(*signer), clock));
    // Rows stand on whole windows of the host's clock; so does the zero that they are counted from.
    started.start = clock.now().count() - clock.now().count() % engine::kWindow.count();
    started.wall = clock.wallMicros();
    engine::RecorderOptions options;
    options.path = file;
    options.key = &record->m_key;
    options.meta = {{"title", started.name},
                    {"training", started.family},
                    {"run", started.name},
                    {"build", started.build}};
    auto recorder = engine::Recorder::start(std::move(options), clock);
    if (!recorder)
        return tl::unexpected(recorder.error());
    record->m_recorder = std::move(*recorder);
    record->m_recorder->append(engine::Payload{std::move(started)});
    return record;
}

TrainingRecord::~TrainingRecord()
{
    if (m_recorder && !m_isOver)
        changed(
            {engine::TrainingState::Failed, "The training ended without a word", {}, {}, {}, 0});
}

void TrainingRecord::continueFrom(const std::filesystem::path &earlier)
{
    const auto before = engine::foldFile(earlier, m_clock);
    if (!before)
        return note("the recording of the part before cannot be read, so the curves begin here ("
                    + before.error().text() + ")");
    std::size_t upTo = 0;
    const auto &events = before->events;
    for (std::size_t i = 0; i < events.size(); ++i)
        if (std::holds_alternative<engine::TrainingSaved>(events[i].payload))
            upTo = i;
    for (std::size_t i = 0; i < upTo; ++i) {
        if (const auto *point = std::get_if<engine::TrainingMetric>(&events[i].payload)) {
            auto copy = *point;
            copy.earlier = true;
            copy.at = 0;
            m_recorder->append(engine::Payload{std::move(copy)});
        }
    }
}

void TrainingRecord::progress(const std::string &what, double part, double worked)
{
    const auto at = now();
    if (at - m_said < kBetween)
        return;
    m_said = at;
    m_recorder->append(engine::Payload{
        engine::TrainingProgress{what, std::isfinite(part) ? part : -1, worked, at}});
}

void TrainingRecord::metric(const std::string &name, std::int64_t step, double value)
{
    m_recorder->append(engine::Payload{engine::TrainingMetric{name, step, value, false, now()}});
}

void TrainingRecord::note(const std::string &sentence)
{
    m_recorder->append(engine::Payload{engine::TrainingNoted{sentence, now()}});
}

void TrainingRecord::saved(const std::string &file, double worked)
{
    m_recorder->append(engine::Payload{engine::TrainingSaved{file, worked, now()}});
    // On the disk before the work goes on: what is killed next goes on from the same place as its
    // curves. A disk that refuses shows in the recorder's own file, not here.
    (void)m_recorder->flush();
}

void TrainingRecord::changed(engine::TrainingChanged change)
{
    change.at = now();
    m_isOver = m_isOver || change.state >= engine::TrainingState::Stopped;
    m_recorder->append(engine::Payload{std::move(change)});
}

engine::Result<> TrainingRecord::close()
{
    return m_recorder->close();
}

const std::filesystem::path &TrainingRecord::path() const
{
    return m_recorder->path();
}

} // namespace app
