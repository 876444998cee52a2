#include "app/train/job_monitor.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace app {
namespace {

constexpr engine::Micros kBetweenLines{100'000};

} // namespace

void sayLine(const nlohmann::json &line)
{
    const auto text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

JobMonitor::JobMonitor(JobControl &control, const engine::Clock &clock, Options options)
    : m_control(control), m_clock(clock), m_options(std::move(options)), m_start(clock.now()),
      m_saved(m_start), m_written(m_options.resumed.has_value())
{
}

void JobMonitor::progress(const std::string &what, double part)
{
    if (m_control.isPaused()) {
        sayLine({{"paused", true}});
        if (m_options.record)
            m_options.record->changed({engine::TrainingState::Paused, {}, {}, {}, {}, 0});
        m_control.waitWhilePaused();
        sayLine({{"paused", false}});
        if (m_options.record && !m_control.stop().stop_requested())
            m_options.record->changed({engine::TrainingState::Running, {}, {}, {}, {}, 0});
    }
    if (m_options.record)
        m_options.record->progress(what, part, seconds());
    const auto now = m_clock.now();
    if (what == m_what && now - m_said < kBetweenLines)
        return;
    m_what = what;
    m_said = now;
    sayLine({{"what", what}, {"part", std::isfinite(part) ? part : -1.0}});
}

void JobMonitor::metric(const std::string &name, std::int64_t step, double value)
{
    sayLine({{"metric", name},
             {"step", step},
             {"value", std::isfinite(value) ? nlohmann::json(value) : nlohmann::json()}});
    if (m_options.record)
        m_options.record->metric(name, step, value);
}

void JobMonitor::note(const std::string &sentence)
{
    m_notes.push_back(sentence);
    sayLine({{"note", sentence}});
    if (m_options.record)
        m_options.record->note(sentence);
}

engine::MonoTime JobMonitor::deadline() const
{
    const auto before =
        m_options.resumed ? static_cast<std::int64_t>(m_options.resumed->seconds * 1e6) : 0;
    return m_start + m_options.limit + m_control.paused() - engine::Micros{before};
}

std::optional<engine::Bytes> JobMonitor::resumeFrom()
{
    if (!m_options.resumed)
        return std::nullopt;
    return m_options.resumed->state;
}

bool JobMonitor::isCheckpointDue() const
{
    return !m_options.checkpoint.empty() && m_clock.now() - m_saved >= m_options.every;
}

engine::Result<> JobMonitor::checkpoint(const engine::Bytes &state)
{
    if (m_options.checkpoint.empty())
        return {};
    const auto recording = m_options.record ? m_options.record->path().string() : std::string();
    DR_RETURN_IF_ERROR(
        writeCheckpoint(m_options.checkpoint, {m_options.order, seconds(), recording, state}));
    m_saved = m_clock.now();
    m_written = true;
    sayLine({{"checkpoint", m_options.checkpoint.string()}});
    if (m_options.record)
        m_options.record->saved(m_options.checkpoint.string(), seconds());
    return {};
}

double JobMonitor::seconds() const
{
    const auto worked = m_clock.now() - m_start - m_control.paused();
    return static_cast<double>(worked.count()) / 1e6
           + (m_options.resumed ? m_options.resumed->seconds : 0);
}

} // namespace app
