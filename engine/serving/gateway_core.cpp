#include "engine/serving/gateway_core.h"

#include "engine/serving/gateway_channel.h"

#include <utility>

namespace engine {
namespace {

constexpr Micros kFallbackSpan{1'000'000};
constexpr double kMostTokens = 100, kFirstTokens = 20;

std::vector<std::string> targets(const std::vector<NodeAddress> &addresses)
{
    std::vector<std::string> out;
    for (const auto &address : addresses)
        out.push_back(address.target);
    return out;
}

ResponseChanged change(std::string kind, std::string target, std::string detail, bool active,
                       MonoTime now)
{
    return {std::move(kind), std::move(target), "gateway", std::move(detail), active, now.count()};
}

} // namespace

Upstream::Upstream(const NodeAddress &at) : target(at.target)
{
    const auto channel = resilientChannel(at.address);
    infer = inference::GRPCInferenceService::NewStub(channel);
    health = grpc::health::v1::Health::NewStub(channel);
}

bool FallbackMeter::served(MonoTime now)
{
    m_recent.push_back(now);
    while (m_recent.size() > kEnough)
        m_recent.pop_front();
    if (m_on || m_recent.size() < kEnough || now - m_recent.front() > kFallbackSpan)
        return false;
    m_on = true;
    return true;
}

bool FallbackMeter::quiet(MonoTime now)
{
    if (!m_on || now - m_recent.back() < kFallbackSpan)
        return false;
    m_on = false;
    m_recent.clear();
    return true;
}

GatewayCore::GatewayCore(const GatewayOptions &given, PopularityList list, const Clock &time,
                         News news)
    : options(given), clock(time), popularity(std::move(list)),
      retries(given.retryRatio, kMostTokens, kFirstTokens),
      hedges(given.hedgeRatio, kMostTokens / 2, kFirstTokens / 2),
      jitter(given.seed, given.jitterLow, given.jitterHigh), m_news(std::move(news)),
      m_rotation(targets(given.replicas), given.ejection), m_breaker(given.breaker)
{
    for (const auto &address : options.replicas)
        replicas.push_back(std::make_unique<Upstream>(address));
    for (const auto &address : options.standby)
        standby.push_back(std::make_unique<Upstream>(address));
    if (!options.store.empty())
        store = drillroom::v1::Store::NewStub(resilientChannel(options.store));
}

GatewayCore::~GatewayCore()
{
    std::unique_lock lock(m_holdMutex);
    m_released.wait(lock, [this] { return m_held == 0; });
}

std::shared_ptr<void> GatewayCore::hold()
{
    {
        const std::lock_guard lock(m_holdMutex);
        ++m_held;
    }
    return {nullptr, [this](std::nullptr_t) {
                // Notified under the lock: the destructor must not go on before this is over.
                const std::lock_guard lock(m_holdMutex);
                --m_held;
                m_released.notify_all();
            }};
}

Switches GatewayCore::switches() const
{
    const std::lock_guard lock(m_mutex);
    return m_switches;
}

void GatewayCore::setSwitches(const Switches &switches)
{
    std::vector<ResponseChanged> news;
    {
        const std::lock_guard lock(m_mutex);
        const auto now = clock.now();
        m_switches = switches;
        m_rotation.setEnabled(switches.ejection, now);
        news = m_rotation.takeNews();
        if (!switches.breaker && m_breaker.isOpen()) {
            m_breaker.reset();
            news.push_back(change("breaker", "gateway", "switched off", false, now));
        }
    }
    tell(std::move(news));
}

std::optional<Rotation::Ticket> GatewayCore::startTry(std::uint64_t tried, bool first)
{
    std::vector<ResponseChanged> news;
    std::optional<Rotation::Ticket> ticket;
    {
        const std::lock_guard lock(m_mutex);
        const auto now = clock.now();
        if (m_switches.breaker && m_breaker.isOpen() && (!first || !m_breaker.admits(now))) {
            if (first)
                ++counters.breakerSkipped;
            return std::nullopt;
        }
        ticket = m_rotation.start(now, tried);
        news = m_rotation.takeNews();
    }
    tell(std::move(news));
    return ticket;
}

void GatewayCore::endTry(const Rotation::Ticket &ticket, TryEnd how, MonoTime due)
{
    std::vector<ResponseChanged> news;
    {
        const std::lock_guard lock(m_mutex);
        const auto now = clock.now();
        m_rotation.end(ticket, how, now, due);
        news = m_rotation.takeNews();
        const bool ownStall = how == TryEnd::TimedOut && now - due > options.ejection.ownStall;
        if (m_switches.breaker && how != TryEnd::Void && !ownStall) {
            const bool was = m_breaker.isOpen();
            m_breaker.answered(now, how == TryEnd::Answered);
            if (was != m_breaker.isOpen())
                news.push_back(change("breaker", "gateway",
                                      was ? "the primaries answer again"
                                          : "most tries of the last two seconds failed",
                                      !was, now));
        }
    }
    tell(std::move(news));
}

void GatewayCore::probeEnded(std::size_t replica, bool answered, bool serving, MonoTime started,
                             MonoTime due)
{
    std::vector<ResponseChanged> news;
    {
        const std::lock_guard lock(m_mutex);
        const auto now = clock.now();
        if (answered)
            m_rotation.probeAnswered(replica, serving, now);
        else if (now - due <= options.ejection.ownStall)
            m_rotation.probeMissed(replica, started, now);
        news = m_rotation.takeNews();
    }
    tell(std::move(news));
}

bool GatewayCore::suspected(std::size_t replica)
{
    const std::lock_guard lock(m_mutex);
    return m_rotation.suspected(replica, clock.now());
}

bool GatewayCore::anyReady() const
{
    const std::lock_guard lock(m_mutex);
    return m_rotation.anyReady();
}

void GatewayCore::fallbackServed()
{
    ++counters.fallback;
    std::vector<ResponseChanged> news;
    {
        const std::lock_guard lock(m_mutex);
        const auto now = clock.now();
        if (m_fallback.served(now))
            news.push_back(change("fallback", "gateway", "the popularity list answers", true, now));
    }
    tell(std::move(news));
}

void GatewayCore::tick()
{
    std::vector<ResponseChanged> news;
    {
        const std::lock_guard lock(m_mutex);
        const auto now = clock.now();
        if (m_fallback.quiet(now))
            news.push_back(change("fallback", "gateway", "a model answers again", false, now));
    }
    tell(std::move(news));
}

Window GatewayCore::collect(MonoTime end)
{
    auto window = counters.take(end.count());
    const std::lock_guard lock(m_mutex);
    for (std::size_t i = 0; i < m_rotation.size(); ++i)
        window.samples.push_back(
            {m_rotation.target(i) + ".up", m_rotation.inRotation(i) ? 1.0 : 0.0});
    return window;
}

void GatewayCore::tell(std::vector<ResponseChanged> news)
{
    for (auto &item : news) {
        if (item.kind == "ejection" && item.active)
            ++counters.ejected;
        if (m_news)
            m_news(std::move(item));
    }
}

} // namespace engine
