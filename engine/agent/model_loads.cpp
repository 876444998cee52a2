#include "engine/agent/model_loads.h"

#include "engine/agent/asking.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace engine {
namespace {

constexpr Micros kLimit{20'000'000};

} // namespace

ModelLoads::ModelLoads(const Clock &clock, NewsHub &hub, PortOf portOf)
    : m_clock(clock), m_hub(hub), m_portOf(std::move(portOf)),
      m_thread([this](const std::stop_token &stop) { run(stop); })
{
}

void ModelLoads::load(const std::string &target, const std::string &version, const std::string &by)
{
    const std::lock_guard lock(m_mutex);
    m_results[target].reset();
    m_orders.push_back({target, version, by});
    m_wake.notify_all();
}

std::optional<Result<>> ModelLoads::result(const std::string &target) const
{
    const std::lock_guard lock(m_mutex);
    const auto found = m_results.find(target);
    return found == m_results.end() ? std::nullopt : found->second;
}

void ModelLoads::run(const std::stop_token &stop)
{
    for (;;) {
        Order order;
        {
            std::unique_lock lock(m_mutex);
            if (!m_wake.wait(lock, stop, [this] { return !m_orders.empty(); }))
                return;
            order = std::move(m_orders.front());
            m_orders.pop_front();
        }
        const auto port = m_portOf(order.target);
        const auto loaded =
            port != 0 ? askToLoad(port, order.version, kLimit)
                      : Result<>(fail(ErrorCode::Unavailable, order.target + " does not run"));
        tell(order, loaded);
        const std::lock_guard lock(m_mutex);
        const bool isNewest = std::none_of(m_orders.begin(), m_orders.end(), [&](const auto &one) {
            return one.target == order.target;
        });
        if (isNewest)
            m_results[order.target] = loaded;
    }
}

void ModelLoads::tell(const Order &order, const Result<> &loaded)
{
    spdlog::info("load target={} version=\"{}\" outcome=\"{}\"", order.target, order.version,
                 loaded ? "loaded" : loaded.error().text());
    const auto now = m_clock.now().count();
    if (!order.by.empty())
        m_hub.publish(Payload{ResponseChanged{
            "rollback", order.target, order.by,
            loaded ? "version " + order.version + " serves" : loaded.error().text(), false, now}});
    const bool refused = !loaded && loaded.error().code == ErrorCode::Untrusted;
    auto &alarmed = m_alarmed[order.target];
    if (refused == alarmed || (!loaded && !refused))
        return;
    alarmed = refused;
    AlertChanged alert;
    alert.indicator = "model of " + order.target;
    alert.rule = "the model in the registry can be trusted";
    alert.firing = refused;
    alert.value = refused ? 1 : 0;
    alert.at = now;
    m_hub.publish(Payload{std::move(alert)});
}

} // namespace engine
