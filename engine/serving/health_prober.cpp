#include "engine/serving/health_prober.h"

namespace engine {
namespace {

/// How often suspicion is looked at; far below the time-out that it is to be faster than.
constexpr Micros kLook{10'000};
/// Before its first answer a replica is asked more often, so that a shop is up soon.
constexpr Micros kFirstInterval{100'000};

struct Probe
{
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    grpc::health::v1::HealthCheckResponse reply;
};

} // namespace

HealthProber::HealthProber(GatewayCore &core)
    : m_core(core), m_watched(core.replicas.size()),
      m_thread([this](std::stop_token stop) { run(stop); })
{
}

void HealthProber::run(std::stop_token stop)
{
    const auto &rules = m_core.options.health;
    do {
        const auto now = m_core.clock.now();
        for (std::size_t i = 0; i < m_watched.size(); ++i) {
            auto &watched = m_watched[i];
            if (m_core.suspected(i) && !watched.urgent->exchange(true))
                probe(i, rules.urgentTimeout, true);
            if (now < watched.next)
                continue;
            watched.next = now + (*watched.known ? rules.interval : kFirstInterval);
            probe(i, rules.timeout, false);
        }
        m_core.tick();
    } while (m_core.clock.waitUntil(m_core.clock.now() + kLook, stop));
}

void HealthProber::probe(std::size_t replica, Micros timeout, bool urgent)
{
    const auto started = m_core.clock.now();
    const auto due = started + timeout;
    auto probe = std::make_shared<Probe>();
    probe->context.set_deadline(grpcTime(due));
    auto &watched = m_watched[replica];
    m_core.replicas[replica]->health->async()->Check(
        &probe->context, &probe->request, &probe->reply,
        [probe, replica, urgent, started, due, flag = watched.urgent, known = watched.known,
         &core = m_core, held = m_core.hold()](const grpc::Status &status) {
            using Reply = grpc::health::v1::HealthCheckResponse;
            core.probeEnded(replica, status.ok(), probe->reply.status() == Reply::SERVING, started,
                            due);
            if (status.ok())
                *known = true;
            if (urgent)
                *flag = false;
        });
}

} // namespace engine
