#pragma once
// Takes changes of the gateway's two files, its settings and its endpoints, while it runs. What
// cannot be taken leaves everything as it was and says why.

#include "engine/serving/canary_file.h"
#include "engine/serving/gateway_core.h"
#include "engine/serving/watched_file.h"

namespace engine {

/// look() is one thread's; problem() any thread's.
class SettingsKeeper
{
public:
    /// Takes what is in the files now.
    explicit SettingsKeeper(GatewayCore &core);
    /// Looks at the files when it is time.
    void look();
    [[nodiscard]] std::string problem() const;

private:
    void takeSettings(const Result<std::string> &text);
    void takeEndpoints(const Result<std::string> &text);
    void takeCanary(const std::string &text);
    void apply(GatewaySettings settings);
    void note(std::string &problem, std::string now);

    GatewayCore &m_core;
    std::optional<WatchedFile> m_settings, m_endpoints;
    MonoTime m_nextSettings{0}, m_nextEndpoints{0};
    bool m_wasThere = false;
    CanaryRules m_ownCanary; ///< of the settings, while the endpoints give another
    GivenCanary m_given;

    mutable std::mutex m_mutex; ///< guards what follows
    std::string m_settingsProblem, m_endpointsProblem;
};

} // namespace engine
