#include "engine/serving/settings_keeper.h"

#include "engine/serving/gateway_settings.h"

#include <spdlog/spdlog.h>

namespace engine {
namespace {

constexpr Micros kSettingsEvery{250'000};

} // namespace

SettingsKeeper::SettingsKeeper(GatewayCore &core)
    : m_core(core), m_ownCanary(core.settings()->canary)
{
    if (!core.options.settingsFile.empty())
        m_settings.emplace(core.options.settingsFile);
    if (!core.options.endpointsFile.empty())
        m_endpoints.emplace(core.options.endpointsFile);
    look();
}

void SettingsKeeper::look()
{
    const auto now = m_core.clock.now();
    if (m_settings && now >= m_nextSettings) {
        m_nextSettings = now + kSettingsEvery;
        if (const auto text = m_settings->look())
            takeSettings(*text);
    }
    if (m_endpoints && now >= m_nextEndpoints && m_core.switches().discovery) {
        m_nextEndpoints = now + m_core.settings()->discoveryEvery;
        if (const auto text = m_endpoints->look())
            takeEndpoints(*text);
    }
}

void SettingsKeeper::takeSettings(const Result<std::string> &text)
{
    if (!text && text.error().code == ErrorCode::NotFound && !m_wasThere)
        return; // none yet: the built-in ones hold
    m_wasThere = true;
    const auto settings = text ? parseGatewaySettings(*text, m_settings->path().string())
                               : Result<GatewaySettings>(tl::unexpected(text.error()));
    if (!settings) {
        ++m_core.counters.settingsRefused;
        return note(m_settingsProblem, settings.error().text());
    }
    m_ownCanary = settings->canary;
    apply(*settings);
    ++m_core.counters.settingsTaken;
    note(m_settingsProblem, {});
    spdlog::info("settings taken file=\"{}\"", m_settings->path().string());
}

void SettingsKeeper::takeEndpoints(const Result<std::string> &text)
{
    const auto endpoints = text ? parseEndpoints(*text, m_endpoints->path().string())
                                : Result<Endpoints>(tl::unexpected(text.error()));
    if (!endpoints || !m_core.setEndpoints(*endpoints)) {
        ++m_core.counters.discoveryKept;
        return note(m_endpointsProblem,
                    endpoints ? "The endpoints name no replica" : endpoints.error().text());
    }
    ++m_core.counters.discoveryChanged;
    note(m_endpointsProblem, {});
    takeCanary(*text);
}

void SettingsKeeper::takeCanary(const std::string &text)
{
    const auto given = parseCanary(text, m_endpoints->path().string());
    if (!given)
        return note(m_endpointsProblem, given.error().text());
    if (*given == m_given)
        return;
    m_given = *given;
    apply(*m_core.settings());
}

/// With the canary that holds: the one given with the endpoints goes first.
void SettingsKeeper::apply(GatewaySettings settings)
{
    settings.canary = m_ownCanary;
    if (!m_given.targets.empty()) {
        settings.canary.targets = m_given.targets;
        settings.canary.share = m_given.share;
    }
    m_core.setSettings(settings);
}

void SettingsKeeper::note(std::string &problem, std::string now)
{
    if (!now.empty())
        spdlog::error("kept what was there reason=\"{}\"", now);
    const std::lock_guard lock(m_mutex);
    problem = std::move(now);
}

std::string SettingsKeeper::problem() const
{
    const std::lock_guard lock(m_mutex);
    if (m_settingsProblem.empty() || m_endpointsProblem.empty())
        return m_settingsProblem + m_endpointsProblem;
    return m_settingsProblem + "; " + m_endpointsProblem;
}

} // namespace engine
