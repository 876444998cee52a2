#include "engine/agent/canary_run.h"

#include "engine/model/registry.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace engine {
namespace {

constexpr Micros kLook{50'000}, kSeen{15'000'000};

} // namespace

std::string textOf(const GoldenLook &look)
{
    return fmt::format("golden quality {:.3f} ({:.3f} to {:.3f})", look.quality, look.low,
                       look.high);
}

Result<GoldenLook> CanaryRun::show(const std::stop_token &stop, const std::string &version,
                                   const std::string &digest, std::optional<Micros> length)
{
    const auto replicas = m_world.replicas();
    if (replicas.empty())
        return fail(ErrorCode::Unavailable, "There is no replica to show the new model on");
    const auto &first = replicas.front();
    const auto queue = m_hub.watch();
    struct Leave
    {
        NewsHub &hub;
        const std::shared_ptr<NewsQueue> &queue;
        ~Leave() { hub.leave(queue); }
    } leave{m_hub, queue};
    m_world.deploy({first}, version);
    auto look = seen(stop, first, digest);
    DR_RETURN_IF_ERROR(look);
    if (look->isWorse)
        return fail(
            ErrorCode::InvalidInput,
            fmt::format("version {} is no better on the golden set ({}); it is not promoted",
                        version, textOf(*look)));
    DR_RETURN_IF_ERROR(m_setCanary({first}, kCanaryShare));
    const auto until = m_world.clock().now() + length.value_or(Micros{0});
    while ((!length || m_world.clock().now() < until) && !stop.stop_requested()) {
        const auto item = queue->pop();
        const auto *payload = item ? std::get_if<Payload>(item.get()) : nullptr;
        const auto *response = payload ? std::get_if<ResponseChanged>(payload) : nullptr;
        if (response && response->kind == "canary" && response->target == "gateway"
            && response->active)
            return fail(ErrorCode::InvalidInput, fmt::format("the gateway took version {} back: {}",
                                                             version, response->detail));
        if (queue->isOver())
            return fail(ErrorCode::Unavailable, "What the gateway says could not be read in time");
    }
    if (stop.stop_requested())
        return fail(ErrorCode::Halted, "Stopped before the new model was promoted");
    return look;
}

void CanaryRun::takeBack()
{
    (void)m_setCanary({}, 0);
    const auto replicas = m_world.replicas();
    const auto folder = m_world.shopFolder();
    if (replicas.empty() || folder.empty())
        return;
    if (const auto now = Registry::open(folder); now && !now->serving().empty())
        m_world.deploy({replicas.front()}, now->serving());
}

Result<GoldenLook> CanaryRun::seen(const std::stop_token &stop, const std::string &target,
                                   const std::string &digest) const
{
    const auto limit = m_world.clock().now() + kSeen;
    while (!stop.stop_requested() && m_world.clock().now() < limit) {
        if (const auto loaded = m_world.loaded(target); loaded && !*loaded)
            return tl::unexpected(loaded->error());
        if (auto look = m_world.golden(target); look && look->digest == digest)
            return *look;
        m_world.clock().waitUntil(m_world.clock().now() + kLook, stop);
    }
    if (stop.stop_requested())
        return fail(ErrorCode::Halted, "Stopped before the new model served everywhere");
    return fail(ErrorCode::Timeout, target + " was not seen with the new model within 15 s");
}

Result<> OperatorCanary::start(const std::string &version, const std::string &by)
{
    const auto folder = m_world.shopFolder();
    if (folder.empty())
        return fail(ErrorCode::NotFound, "No shop runs that a model could be shown in");
    const auto registry = Registry::open(folder);
    DR_RETURN_IF_ERROR(registry);
    const auto entry = registry->servable(version);
    DR_RETURN_IF_ERROR(entry);
    if (!(*entry)->gatePassed)
        return fail(ErrorCode::InvalidInput,
                    "Version " + version + " did not pass its gate; shoppers do not get it");
    if (registry->serving() == version)
        return fail(ErrorCode::InvalidInput, "Version " + version + " serves already");
    const auto replicas = m_world.replicas();
    if (replicas.size() < 2)
        return fail(ErrorCode::InvalidInput,
                    "A canary needs a second replica that serves the other shoppers");
    const std::lock_guard lock(m_mutex);
    if (m_busy.exchange(true))
        return fail(ErrorCode::Busy, "Another version is shown already; end or promote it first");
    m_promoted = false;
    tell(by,
         fmt::format("version {} goes to {} for {:.0f} % of the shoppers", version,
                     replicas.front(), 100 * kCanaryShare),
         true);
    m_thread = std::jthread([this, version, digest = (*entry)->digest,
                             by](const std::stop_token &stop) { run(stop, version, digest, by); });
    return {};
}

void OperatorCanary::end(bool promoted)
{
    const std::lock_guard lock(m_mutex);
    if (!m_busy)
        return;
    m_promoted = promoted;
    m_thread.request_stop();
}

void OperatorCanary::run(const std::stop_token &stop, const std::string &version,
                         const std::string &digest, const std::string &by)
{
    CanaryRun canary(m_world, m_hub, m_setCanary);
    const auto shown = canary.show(stop, version, digest, {});
    std::string how = shown ? std::string() : shown.error().text();
    if (stop.stop_requested()) {
        how = m_promoted ? "over: a version was promoted" : "ended by hand";
        if (m_promoted)
            (void)m_setCanary({}, 0);
    }
    if (!m_promoted)
        canary.takeBack();
    tell(by, fmt::format("version {}: {}", version, how), false);
    m_busy = false;
}

void OperatorCanary::tell(const std::string &by, const std::string &detail, bool active)
{
    spdlog::info("canary active={} detail=\"{}\"", active, detail);
    m_hub.publish(Payload{
        ResponseChanged{"canary", "shop", by, detail, active, m_world.clock().now().count()}});
}

} // namespace engine
