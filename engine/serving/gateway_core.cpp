#include "engine/serving/gateway_core.h"

#include "engine/serving/gateway_channel.h"
#include "engine/serving/gateway_settings.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

namespace engine {
namespace {

constexpr Micros kFallbackSpan{1'000'000};
constexpr Micros kQuietAfter{1'000'000};
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

Upstream::Upstream(const NodeAddress &at) : target(at.target), address(at.address)
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
                         News news, PlainDesk desk)
    : options(given), clock(time), popularity(std::move(list)), plain(std::move(desk)),
      retries(given.retryRatio, kMostTokens, kFirstTokens),
      hedges(given.hedgeRatio, kMostTokens / 2, kFirstTokens / 2),
      jitter(given.seed, given.jitterLow, given.jitterHigh), queue(given.queue, given.priority),
      cache(given.cache, given.seed), m_news(std::move(news)),
      m_settings(std::make_shared<const GatewaySettings>(given)),
      m_rotation(targets(given.replicas), given.ejection), m_canary(given.canary),
      m_throttle(given.throttle, given.seed), m_switches(given.switches)
{
    for (const auto &address : options.replicas) {
        m_replicas.push_back(std::make_shared<Upstream>(address));
        m_breakers.emplace_back(given.breaker);
    }
    for (const auto &address : options.standby)
        m_standby.push_back({std::make_shared<Upstream>(address)});
    if (!options.store.empty())
        store = drillroom::v1::Store::NewStub(resilientChannel(options.store));
    std::vector<ResponseChanged> none;
    applySwitches(clock.now(), none);
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

std::shared_ptr<const GatewaySettings> GatewayCore::settings() const
{
    const std::lock_guard lock(m_mutex);
    return m_settings;
}

void GatewayCore::setSettings(const GatewaySettings &settings)
{
    std::vector<ResponseChanged> news;
    {
        const std::lock_guard lock(m_mutex);
        m_settings = std::make_shared<const GatewaySettings>(settings);
        m_rotation.setRules(settings.ejection);
        for (auto &breaker : m_breakers)
            breaker.setRules(settings.breaker);
        m_canary.setRules(settings.canary);
        m_throttle.setRules(settings.throttle);
        retries.setRatio(settings.retryRatio);
        hedges.setRatio(settings.hedgeRatio);
        jitter.setRange(settings.jitterLow, settings.jitterHigh);
        queue.setRules(settings.queue, settings.priority);
        cache.setRules(settings.cache);
        applySwitches(clock.now(), news);
    }
    tell(std::move(news));
}

Switches GatewayCore::switches() const
{
    const std::lock_guard lock(m_mutex);
    return m_switches;
}

Switches GatewayCore::asked() const
{
    const std::lock_guard lock(m_mutex);
    return m_asked;
}

void GatewayCore::setSwitches(const Switches &switches)
{
    std::vector<ResponseChanged> news;
    {
        const std::lock_guard lock(m_mutex);
        m_asked = switches;
        applySwitches(clock.now(), news);
    }
    tell(std::move(news));
}

void GatewayCore::applySwitches(MonoTime now, std::vector<ResponseChanged> &news)
{
    m_switches = m_asked & m_settings->switches;
    m_rotation.setEnabled(m_switches.ejection, now);
    m_rotation.setProbed(m_switches.health);
    for (auto &item : m_rotation.takeNews())
        news.push_back(std::move(item));
    for (std::size_t i = 0; i < m_breakers.size() && !m_switches.breaker; ++i) {
        if (!m_breakers[i].isOpen())
            continue;
        m_breakers[i].reset();
        news.push_back(change("breaker", m_rotation.target(i), "switched off", false, now));
    }
}

bool GatewayCore::setEndpoints(const Endpoints &endpoints)
{
    if (endpoints.replicas.empty())
        return false;
    const std::lock_guard lock(m_mutex);
    for (std::size_t i = 0; i < m_rotation.size(); ++i) {
        const auto stays =
            std::ranges::find(endpoints.replicas, m_rotation.target(i), &NodeAddress::target);
        if (stays == endpoints.replicas.end() && !m_rotation.isRetired(i))
            m_rotation.retire(i);
    }
    for (const auto &address : endpoints.replicas) {
        const auto at = m_rotation.add(address.target);
        if (!at)
            continue; // 64 are there; the file's reader cannot know
        if (*at == m_replicas.size()) {
            m_replicas.push_back(std::make_shared<Upstream>(address));
            m_breakers.emplace_back(m_settings->breaker);
        } else if (m_replicas[*at]->address != address.address) {
            m_replicas[*at] = std::make_shared<Upstream>(address);
            m_breakers[*at].reset();
            m_rotation.forget(*at);
        }
    }
    std::vector<Standby> standby;
    for (const auto &address : endpoints.standby) {
        const auto known = std::ranges::find_if(m_standby, [&](const Standby &each) {
            return each.upstream->target == address.target
                   && each.upstream->address == address.address;
        });
        standby.push_back(known != m_standby.end() ? *known
                                                   : Standby{std::make_shared<Upstream>(address)});
    }
    m_standby = std::move(standby);
    return true;
}

/// A bit per replica that is not of this group; none when the group has nobody to offer. A canary
/// that was rolled back gets nothing while there are others.
std::uint64_t GatewayCore::groupMask(bool canary) const
{
    if (!m_switches.canary || (!m_canary.isOn() && !m_canary.isRolledBack()))
        return 0;
    canary = canary && !m_canary.isRolledBack();
    std::uint64_t mask = 0;
    bool any = false;
    for (std::size_t i = 0; i < m_rotation.size(); ++i) {
        if (m_canary.isTarget(m_rotation.target(i)) != canary)
            mask |= std::uint64_t{1} << i;
        else
            any = any || m_rotation.inRotation(i);
    }
    return any ? mask : 0;
}

std::optional<GatewayCore::Chosen> GatewayCore::startTry(std::uint64_t tried, bool first,
                                                         bool canary)
{
    m_lastTry = clock.now().count();
    if (m_waits.exchange(false)) {
        const std::lock_guard lock(m_workMutex);
        m_work.notify_all();
    }
    std::vector<ResponseChanged> news;
    std::optional<Chosen> chosen;
    {
        const std::lock_guard lock(m_mutex);
        const auto now = clock.now();
        std::uint64_t shut = 0;
        std::optional<Rotation::Ticket> ticket;
        for (std::size_t i = 0; i < m_breakers.size() && m_switches.breaker; ++i) {
            if (!m_breakers[i].isOpen() || m_rotation.isRetired(i))
                continue;
            shut |= std::uint64_t{1} << i;
            // Only a first try may be a probe: it has a second one left.
            if (first && !ticket && m_breakers[i].admits(now))
                ticket = m_rotation.startOn(i, now);
        }
        const bool isProbe = ticket.has_value();
        if (!ticket)
            ticket = m_rotation.start(now, tried | shut | groupMask(canary), first);
        if (!ticket && groupMask(canary) != 0)
            ticket = m_rotation.start(now, tried | shut, first);
        if (!ticket && shut != 0 && first)
            ++counters.breakerSkipped;
        if (ticket)
            chosen = Chosen{*ticket, m_replicas[ticket->replica],
                            m_canary.isTarget(m_rotation.target(ticket->replica)), isProbe};
        news = m_rotation.takeNews();
    }
    tell(std::move(news));
    return chosen;
}

void GatewayCore::endTry(const Chosen &chosen, TryEnd how, bool isOverload, MonoTime due)
{
    std::vector<ResponseChanged> news;
    {
        const std::lock_guard lock(m_mutex);
        const auto now = clock.now();
        const auto index = chosen.ticket.replica;
        m_rotation.end(chosen.ticket, how, now, due);
        news = m_rotation.takeNews();
        const bool ownStall = how == TryEnd::TimedOut && now - due > m_settings->ejection.ownStall;
        const bool counts = how == TryEnd::Answered || how == TryEnd::Failed
                            || (how == TryEnd::TimedOut && !ownStall);
        if (isOverload)
            m_overloadedAt = now;
        m_throttle.ended(!isOverload, now);
        auto &breaker = m_breakers[index];
        // What was under way when it opened says nothing new.
        if (m_switches.breaker && counts && (!breaker.isOpen() || chosen.isProbe)) {
            const bool was = breaker.isOpen();
            breaker.answered(now, how == TryEnd::Answered);
            if (was != breaker.isOpen()) {
                news.push_back(change("breaker", m_rotation.target(index),
                                      was ? "it answers again"
                                          : "most of its tries of the last two seconds failed",
                                      !was, now));
                counters.breakerOpened += !was;
            }
        }
        if (m_switches.canary && counts) {
            m_canary.ended(chosen.canary, how == TryEnd::Answered);
            if (const auto why = m_canary.judge()) {
                news.push_back(change("canary", "gateway", "rolled back: " + *why, true, now));
                ++counters.canaryRolledBack;
            }
        }
    }
    tell(std::move(news));
}

bool GatewayCore::isUsable(const Standby &standby) const
{
    constexpr int kMisses = 3;
    return !m_switches.health || !standby.known || (standby.serving && standby.misses < kMisses);
}

std::shared_ptr<Upstream> GatewayCore::healthyStandby() const
{
    const std::lock_guard lock(m_mutex);
    if (!m_switches.standby)
        return nullptr;
    const auto found = std::ranges::find_if(
        m_standby, [this](const Standby &standby) { return isUsable(standby); });
    return found == m_standby.end() ? nullptr : found->upstream;
}

std::optional<Micros> GatewayCore::hedgeDelay()
{
    const std::lock_guard lock(m_mutex);
    if (!m_switches.hedging)
        return std::nullopt;
    const auto &rules = m_settings->hedge;
    const auto usual = m_rotation.latency(rules.quantile);
    if (!usual)
        return std::nullopt;
    return std::clamp(*usual, rules.least, rules.most);
}

bool GatewayCore::mayHedge()
{
    {
        const std::lock_guard lock(m_mutex);
        const auto now = clock.now();
        // Twice the work is the last thing that a shop under overload needs.
        if (!m_switches.hedging || m_rotation.usableCount() < 2 || queue.waiting() > 0
            || m_throttle.share(now) > 0
            || now - m_overloadedAt < m_settings->hedge.quietAfterOverload)
            return false;
    }
    if (hedges.spend())
        return true;
    ++counters.hedgesRefused;
    return false;
}

bool GatewayCore::throttled()
{
    const std::lock_guard lock(m_mutex);
    if (!m_switches.throttle || !m_throttle.refuses(clock.now()))
        return false;
    ++counters.throttled;
    return true;
}

std::size_t GatewayCore::usableReplicas() const
{
    const std::lock_guard lock(m_mutex);
    return m_rotation.usableCount();
}

bool GatewayCore::isCanary(std::uint64_t shopper) const
{
    const std::lock_guard lock(m_mutex);
    return m_switches.canary && m_canary.wants(shopper);
}

void GatewayCore::canaryServed(std::uint32_t shopper, std::uint32_t h, bool canary,
                               std::span<const std::int64_t> items)
{
    const std::lock_guard lock(m_mutex);
    m_canary.served(shopper, h, canary, items);
}

void GatewayCore::canaryHappened(std::uint32_t shopper, std::span<const std::int64_t> history)
{
    const std::lock_guard lock(m_mutex);
    m_canary.happened(shopper, history);
}

std::vector<GatewayCore::Probed> GatewayCore::probed()
{
    const std::lock_guard lock(m_mutex);
    std::vector<Probed> out;
    const auto now = clock.now();
    for (std::size_t i = 0; i < m_replicas.size(); ++i)
        if (!m_rotation.isRetired(i))
            out.push_back({m_replicas[i], i, false, m_rotation.suspected(i, now)});
    for (std::size_t i = 0; i < m_standby.size(); ++i)
        out.push_back({m_standby[i].upstream, i, true, false});
    return out;
}

void GatewayCore::probeEnded(const Probed &who, bool answered, bool serving, MonoTime started,
                             MonoTime due)
{
    std::vector<ResponseChanged> news;
    {
        const std::lock_guard lock(m_mutex);
        const auto now = clock.now();
        const bool missed = !answered && now - due <= m_settings->ejection.ownStall;
        counters.probesMissed += missed;
        if (who.standby) {
            if (who.index < m_standby.size() && m_standby[who.index].upstream == who.upstream) {
                auto &standby = m_standby[who.index];
                standby.known = standby.known || answered;
                standby.serving = answered ? serving : standby.serving;
                standby.misses = answered ? 0 : standby.misses + missed;
            }
        } else if (m_replicas[who.index] == who.upstream) {
            if (answered)
                m_rotation.probeAnswered(who.index, serving, now);
            else if (missed && m_switches.health)
                m_rotation.probeMissed(who.index, started, now);
        }
        news = m_rotation.takeNews();
    }
    tell(std::move(news));
}

bool GatewayCore::anyReady() const
{
    const std::lock_guard lock(m_mutex);
    return m_rotation.anyReady();
}

std::shared_ptr<Upstream> GatewayCore::anyReplica() const
{
    const std::lock_guard lock(m_mutex);
    for (std::size_t i = 0; i < m_rotation.size(); ++i)
        if (!m_rotation.isRetired(i) && m_rotation.inRotation(i))
            return m_replicas[i];
    return nullptr;
}

void GatewayCore::fallbackServed(std::string_view by)
{
    std::vector<ResponseChanged> news;
    {
        const std::lock_guard lock(m_mutex);
        const auto now = clock.now();
        if (m_fallback.served(now))
            news.push_back(
                change("fallback", "gateway", fmt::format("the {} answers", by), true, now));
    }
    tell(std::move(news));
}

void GatewayCore::tick()
{
    queue.sweep(clock.now());
    std::vector<ResponseChanged> news;
    {
        const std::lock_guard lock(m_mutex);
        const auto now = clock.now();
        if (m_fallback.quiet(now))
            news.push_back(change("fallback", "gateway", "the primaries answer again", false, now));
    }
    tell(std::move(news));
}

bool GatewayCore::isQuiet() const
{
    return clock.now() - MonoTime{m_lastTry} > kQuietAfter;
}

void GatewayCore::waitForWork(MonoTime until, const std::stop_token &stop)
{
    std::unique_lock lock(m_workMutex);
    m_waits = true;
    const auto seen = m_lastTry.load();
    const auto left = std::max(Micros{0}, until - clock.now());
    m_work.wait_for(lock, stop, left, [&] { return m_lastTry != seen; });
    m_waits = false;
}

Window GatewayCore::collect(MonoTime end)
{
    counters.queueDropped += queue.takeDropped();
    counters.queueEvicted += queue.takeEvicted();
    auto window = counters.take(end.count());
    window.samples.push_back({"gateway.self.queue.waiting", static_cast<double>(queue.waiting())});
    const std::lock_guard lock(m_mutex);
    for (std::size_t i = 0; i < m_rotation.size(); ++i)
        if (!m_rotation.isRetired(i))
            window.samples.push_back(
                {m_rotation.target(i) + ".up", m_rotation.inRotation(i) ? 1.0 : 0.0});
    for (const auto &standby : m_standby)
        window.samples.push_back(
            {standby.upstream->target + ".up", standby.known && isUsable(standby) ? 1.0 : 0.0});
    return window;
}

nlohmann::ordered_json GatewayCore::view() const
{
    nlohmann::ordered_json out;
    const std::lock_guard lock(m_mutex);
    out["settings"] = describe(*m_settings);
    for (const auto &[name, on] : m_switches.all())
        if (name != "restart")
            out["on"][std::string(name)] = on;
    auto &replicas = out["replicas"] = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < m_rotation.size(); ++i)
        if (!m_rotation.isRetired(i))
            replicas.push_back({{"target", m_rotation.target(i)},
                                {"address", m_replicas[i]->address},
                                {"in_rotation", m_rotation.inRotation(i)},
                                {"breaker", m_breakers[i].isOpen() ? "open" : "closed"},
                                {"canary", m_canary.isTarget(m_rotation.target(i))}});
    for (const auto &standby : m_standby)
        replicas.push_back({{"target", standby.upstream->target},
                            {"address", standby.upstream->address},
                            {"in_rotation", standby.known && isUsable(standby)},
                            {"breaker", "closed"},
                            {"canary", false}});
    const auto group = [&](bool canary) {
        const auto &counts = m_canary.group(canary);
        return nlohmann::ordered_json{{"requests", counts.requests},
                                      {"failed", counts.failed},
                                      {"judged", counts.judged},
                                      {"earned", counts.earned}};
    };
    out["canary"] = {{"state", m_canary.isRolledBack() ? "rolled back"
                               : m_canary.isOn()       ? "on"
                                                       : "off"},
                     {"base", group(false)},
                     {"canary", group(true)}};
    out["counts"] = nlohmann::ordered_json::object();
    for (const auto &[name, count] : counters.totals())
        out["counts"][name] = count;
    return out;
}

void GatewayCore::tell(ResponseChanged news)
{
    tell(std::vector<ResponseChanged>{std::move(news)});
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
