#include "engine/serving/traffic.h"

#include "engine/serving/traffic_load.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace engine {
namespace {

constexpr double kMostPerSecond = 100'000;
/// A start that has just passed is met with lag, not refused.
constexpr Micros kStartSlack{50'000};

Result<> checkRate(double rate)
{
    if (!(rate > 0) || rate > kMostPerSecond)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("The rate is {}/s; ask for more than 0, {}/s at most", rate,
                                kMostPerSecond));
    return {};
}

Result<> checkMix(const std::map<std::string, double> &mix, const TrafficTrace &trace)
{
    double sum = 0;
    for (const auto &[name, share] : mix) {
        const bool isHere = name == "recommend"
                            || std::any_of(trace.others.begin(), trace.others.end(),
                                           [&](const auto &other) { return other.name == name; });
        if (!isHere && share > 0)
            return fail(ErrorCode::InvalidInput,
                        fmt::format("The load asks for {}, which this shop does not serve; make "
                                    "one with `drillctl shop create --applications`",
                                    name));
        if (!(share >= 0))
            return fail(
                ErrorCode::InvalidInput,
                fmt::format("The share of {} in the load is {}; ask for 0 to 1", name, share));
        sum += share;
    }
    if (!mix.empty() && !(std::abs(sum - 1) <= 1e-6))
        return fail(ErrorCode::InvalidInput,
                    fmt::format("The shares of the load make {}, not 1", sum));
    return {};
}

} // namespace

Traffic::Traffic(const TrafficOptions &options, TrafficTrace trace, const Clock &clock,
                 SendWindow window)
    : m_options(options), m_trace(std::move(trace)), m_clock(clock), m_window(std::move(window))
{
}

Traffic::~Traffic() = default;

Result<> Traffic::setRate(double rate)
{
    DR_RETURN_IF_ERROR(checkRate(rate));
    const std::lock_guard lock(m_mutex);
    if (!m_load || m_load->isOver())
        return fail(ErrorCode::NotFound,
                    "No load runs whose rate could change; start a drill first");
    m_load->setRate(rate);
    return {};
}

Result<> Traffic::start(const LoadSpec &spec)
{
    DR_RETURN_IF_ERROR(checkRate(spec.load.rate));
    if (spec.load.deadline <= Micros{0} || spec.load.deadline > m_options.giveUp)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("The deadline is {} ms; ask for more than 0, {} ms at most",
                                spec.load.deadline.count() / 1000,
                                m_options.giveUp.count() / 1000));
    DR_RETURN_IF_ERROR(checkMix(spec.load.mix, m_trace));
    if (m_trace.rows.empty())
        return fail(ErrorCode::InvalidInput,
                    "The trace of the shop is empty; make the shop anew with `drillctl shop "
                    "create`");
    if (spec.start < m_clock.now() - kStartSlack)
        return fail(ErrorCode::InvalidInput, "The start of the load lies in the past");
    const std::lock_guard lock(m_mutex);
    if (m_load && !m_load->isOver())
        return fail(ErrorCode::Busy, "A load runs already; stop it first");
    m_load = std::make_unique<Load>(spec, m_options, m_trace, m_clock, m_window);
    return {};
}

void Traffic::stop()
{
    const std::lock_guard lock(m_mutex);
    if (m_load)
        m_load->stop();
}

void Traffic::wait()
{
    const std::lock_guard lock(m_mutex);
    if (m_load)
        m_load->wait();
}

bool Traffic::isRunning() const
{
    const std::lock_guard lock(m_mutex);
    return m_load && !m_load->isOver();
}

} // namespace engine
