#pragma once
// Asks every replica's health service whether it serves, and suspected ones at once.

#include "engine/serving/gateway_core.h"

#include <thread>

namespace engine {

/// One thread that starts probes; answers go to the core from gRPC's threads. The destructor ends
/// the thread; probes in flight end by their time-out.
class HealthProber
{
public:
    explicit HealthProber(GatewayCore &core);

private:
    struct Watched
    {
        MonoTime next{0};
        /// Owned by the probe in flight, too: it may answer when this object is gone.
        std::shared_ptr<std::atomic<bool>> urgent = std::make_shared<std::atomic<bool>>(false);
        std::shared_ptr<std::atomic<bool>> known = std::make_shared<std::atomic<bool>>(false);
    };
    void run(std::stop_token stop);
    void probe(std::size_t replica, Micros timeout, bool urgent);

    GatewayCore &m_core;
    std::vector<Watched> m_watched;
    std::jthread m_thread; ///< last: it uses the others
};

} // namespace engine
