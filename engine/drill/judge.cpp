#include "engine/drill/judge.h"

#include "engine/drill/judge_state.h"
#include "engine/metrics/window.h"

namespace engine {
namespace {

constexpr std::int64_t kLeastBaseline = 5 * kSecond;

std::shared_ptr<const JudgeConfig> readConfig(const std::string &json)
{
    auto drill = fromCanonicalJson(json);
    if (!drill)
        return nullptr;
    auto config = std::make_shared<JudgeConfig>();
    config->drill = std::move(*drill);
    for (const auto &indicator : config->drill.steadyState)
        config->gauges.emplace_back(indicator);
    config->steadyCount = config->gauges.size();
    for (const auto &indicator : config->drill.verdict.series)
        config->gauges.emplace_back(indicator);
    for (std::size_t i = 0; i < config->gauges.size(); ++i) {
        const auto &gauge = config->gauges[i];
        if (i < config->steadyCount && gauge.kind() == Gauge::Kind::Quality)
            config->readsQuality = true;
        if (gauge.kind() != Gauge::Kind::Latency)
            continue;
        const double limit = gauge.indicator().rule.value * 0.1;
        config->lagLimit = std::min(config->lagLimit.value_or(limit), limit);
    }
    return config;
}

} // namespace

double RowView::value(std::string_view series) const
{
    for (std::size_t i = 0; i < names.size() && i < values.size(); ++i)
        if (names[i] == series)
            return values[i];
    return kNoReading;
}

void Judge::State::configure()
{
    config = readConfig(drillJson);
    if (!config)
        return;
    const auto &gauges = config->gauges;
    limits.clear();
    for (const auto &gauge : gauges)
        limits.push_back(gauge.indicator().rule.ofBaseline ? kNoReading
                                                           : gauge.indicator().rule.value);
    baseline = judged = block = emptyTally();
    worstGauge.assign(gauges.size(), Worst{0, -1});
    newest.assign(gauges.size(), kNoReading);
    // A drill that breaks nothing is judged from the end of the shortest baseline.
    if (config->drill.method.empty())
        beginJudging(config->drill.load.warmUp.count() + kLeastBaseline);
}

Excursions Judge::State::excursionsToDate() const
{
    auto result = excursions;
    for (const auto &window : tail)
        result.feed(window, config->drill.verdict.hold.count());
    return result;
}

std::string Judge::State::indicatorNames(std::uint32_t bits) const
{
    std::string names;
    for (std::size_t i = 0; config && i < config->steadyCount; ++i)
        if (bits & (1u << i))
            names += (names.empty() ? "" : ", ") + config->gauges[i].indicator().name;
    return names;
}

Judge::Judge() : m_state(std::make_unique<State>()) {}
Judge::~Judge() = default;
Judge::Judge(const Judge &other)
    : m_state(std::make_unique<State>(other.m_state ? *other.m_state : State{}))
{
}
Judge &Judge::operator=(const Judge &other)
{
    if (this != &other)
        m_state = std::make_unique<State>(other.m_state ? *other.m_state : State{});
    return *this;
}
Judge::Judge(Judge &&) noexcept = default;
Judge &Judge::operator=(Judge &&) noexcept = default;

void Judge::apply(const Event &event)
{
    m_state->apply(event);
}

void Judge::apply(const RowView &row)
{
    m_state->apply(row);
}

Verdict Judge::verdict() const
{
    return m_state->verdict();
}

std::vector<std::string> Judge::outside() const
{
    std::vector<std::string> names;
    const auto bits = m_state->outsideNow | m_state->qualityNow;
    for (std::size_t i = 0; m_state->config && i < m_state->config->steadyCount; ++i)
        if (bits & (1u << i))
            names.push_back(m_state->config->gauges[i].indicator().name);
    return names;
}

double Judge::reading(std::string_view indicator) const
{
    const auto &config = m_state->config;
    for (std::size_t i = 0; config && i < config->steadyCount; ++i)
        if (config->gauges[i].indicator().name == indicator)
            return m_state->newest[i];
    return kNoReading;
}

bool Judge::settled() const
{
    const auto &config = m_state->config;
    if (!config || !m_state->judgedFrom)
        return false;
    const auto seen = m_state->excursionsToDate();
    const auto &drill = config->drill;
    return seen.observedTo() + kSecond > drill.load.length.count() && !seen.open()
           && !seen.isPending()
           && seen.observedTo() - *m_state->judgedFrom >= drill.verdict.hold.count();
}

void Judge::fields(Writer &archive)
{
    m_state->fields(archive);
}

void Judge::fields(Reader &archive)
{
    m_state->fields(archive);
    m_state->config.reset();
    if (!m_state->started || !archive.ok())
        return;
    m_state->config = readConfig(m_state->drillJson);
    // Hostile bytes: lists that do not fit the drill would be read past their ends.
    if (!m_state->config)
        return;
    const auto size = m_state->config->gauges.size();
    const auto fits = [size](const auto &list) { return list.size() == size; };
    bool ok = m_state->cursor >= 0 && m_state->cursor <= m_state->latest() + kSecond;
    for (const auto *tally : {&m_state->baseline, &m_state->judged, &m_state->block})
        ok = ok && fits(tally->counts) && fits(tally->levels);
    ok = ok && fits(m_state->limits) && fits(m_state->worstGauge) && fits(m_state->newest);
    for (const auto &row : m_state->rows)
        ok = ok && fits(row.counts) && fits(row.levels);
    if (!ok)
        *m_state = State{};
}

} // namespace engine
