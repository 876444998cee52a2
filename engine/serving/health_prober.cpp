#include "engine/serving/health_prober.h"

#include <algorithm>

namespace engine {
namespace {

/// How often suspicion is looked at; far below the time-out that it is to be faster than.
constexpr Micros kLook{10'000};
/// While nobody asks there is no silence to be suspected.
constexpr Micros kQuietLook{100'000};
/// Before its first answer a replica is asked more often, so that a shop is up soon.
constexpr Micros kFirstInterval{100'000};

struct Probe
{
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    grpc::health::v1::HealthCheckResponse reply;
};

struct ReadyProbe
{
    grpc::ClientContext context;
    inference::ServerReadyRequest request;
    inference::ServerReadyResponse reply;
};

} // namespace

HealthProber::HealthProber(GatewayCore &core, std::function<void()> each)
    : m_core(core), m_each(std::move(each)), m_thread([this](std::stop_token stop) { run(stop); })
{
}

void HealthProber::run(std::stop_token stop)
{
    do {
        const auto rules = m_core.settings()->health;
        const auto now = m_core.clock.now();
        const auto all = m_core.probed();
        for (const auto &who : all) {
            auto &watched = m_watched[who.upstream.get()];
            if (who.isSuspect && !watched.urgent->exchange(true))
                probe(who, watched, rules.urgentTimeout, true);
            if (now < watched.next)
                continue;
            watched.next = now + (*watched.known ? rules.interval : kFirstInterval);
            probe(who, watched, rules.timeout, false);
        }
        if (m_watched.size() > all.size()) // addresses that are gone
            std::erase_if(m_watched, [&](const auto &entry) {
                return std::ranges::none_of(all, [&](const GatewayCore::Probed &who) {
                    return who.upstream.get() == entry.first;
                });
            });
        m_core.tick();
        m_each();
        if (m_core.isQuiet())
            m_core.waitForWork(m_core.clock.now() + kQuietLook, stop);
        else
            m_core.clock.waitUntil(m_core.clock.now() + kLook, stop);
    } while (!stop.stop_requested());
}

void HealthProber::probe(const GatewayCore::Probed &who, Watched &watched, Micros timeout,
                         bool urgent)
{
    const auto started = m_core.clock.now();
    const auto due = started + timeout;
    if (m_core.options.dialect && m_core.options.dialect->asksServerReady)
        return askServerReady(who, watched, started, due, urgent);
    auto probe = std::make_shared<Probe>();
    probe->context.set_deadline(grpcTime(due));
    who.upstream->health->async()->Check(
        &probe->context, &probe->request, &probe->reply,
        [probe, who, urgent, started, due, flag = watched.urgent, known = watched.known,
         &core = m_core, held = m_core.hold()](const grpc::Status &status) {
            using Reply = grpc::health::v1::HealthCheckResponse;
            core.probeEnded(who, status.ok(), probe->reply.status() == Reply::SERVING, started,
                            due);
            if (status.ok())
                *known = true;
            if (urgent)
                *flag = false;
        });
}

/// The same question in KServe's words, for servers without grpc.health.v1.
void HealthProber::askServerReady(const GatewayCore::Probed &who, Watched &watched,
                                  MonoTime started, MonoTime due, bool urgent)
{
    auto probe = std::make_shared<ReadyProbe>();
    probe->context.set_deadline(grpcTime(due));
    who.upstream->infer->async()->ServerReady(
        &probe->context, &probe->request, &probe->reply,
        [probe, who, urgent, started, due, flag = watched.urgent, known = watched.known,
         &core = m_core, held = m_core.hold()](const grpc::Status &status) {
            core.probeEnded(who, status.ok(), probe->reply.ready(), started, due);
            if (status.ok())
                *known = true;
            if (urgent)
                *flag = false;
        });
}

} // namespace engine
