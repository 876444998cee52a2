#pragma once
// Asks every replica's and standby's health service whether it serves, and suspected ones at once.

#include "engine/serving/gateway_core.h"

#include <thread>

namespace engine {

/// One thread that starts probes; answers go to the core from gRPC's threads. The destructor ends
/// the thread; probes in flight end by their time-out. `each` is called on it every 10 ms.
class HealthProber
{
public:
    HealthProber(GatewayCore &core, std::function<void()> each);

private:
    struct Watched
    {
        MonoTime next{0};
        /// Owned by the probe in flight, too: it may answer when this object is gone.
        std::shared_ptr<std::atomic<bool>> urgent = std::make_shared<std::atomic<bool>>(false);
        std::shared_ptr<std::atomic<bool>> known = std::make_shared<std::atomic<bool>>(false);
    };
    void run(std::stop_token stop);
    void probe(const GatewayCore::Probed &who, Watched &watched, Micros timeout, bool urgent);
    void askServerReady(const GatewayCore::Probed &who, Watched &watched, MonoTime started,
                        MonoTime due, bool urgent);

    GatewayCore &m_core;
    const std::function<void()> m_each;
    std::map<const Upstream *, Watched> m_watched; ///< of the thread
    std::jthread m_thread;                         ///< last: it uses the others
};

} // namespace engine
