#pragma once
// Has model servers load their model anew, through the repository API, and raises an alarm when one
// refuses.

#include "engine/agent/news.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"

#include <functional>
#include <map>
#include <optional>
#include <thread>

namespace engine {

/// Thread-safe; nothing but the own thread waits for a server.
class ModelLoads
{
public:
    /// Port of a target, 0 when it does not run. Called on the own thread.
    using PortOf = std::function<std::uint16_t(const std::string &target)>;
    ModelLoads(const Clock &clock, NewsHub &hub, PortOf portOf);

    /// `version` "" = that of its start. A roll back is told as a response of `by`, when given.
    void load(const std::string &target, const std::string &version, const std::string &by = {});
    /// How the newest load ended; nothing while it is under way.
    [[nodiscard]] std::optional<Result<>> result(const std::string &target) const;

private:
    struct Order
    {
        std::string target, version, by;
    };
    void run(const std::stop_token &stop);
    void tell(const Order &order, const Result<> &loaded);

    const Clock &m_clock;
    NewsHub &m_hub;
    const PortOf m_portOf;
    mutable std::mutex m_mutex; // guards everything below but the thread
    std::condition_variable_any m_wake;
    std::deque<Order> m_orders;
    std::map<std::string, std::optional<Result<>>> m_results;
    std::map<std::string, bool> m_alarmed; // the own thread's
    std::jthread m_thread;
};

} // namespace engine
