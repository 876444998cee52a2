#include "engine/serving/traffic_mix.h"

#include <numeric>
#include <utility>

namespace engine {
namespace {

constexpr std::uint64_t kMixStream = 0x4D495858, kOrderStream = 0x4F524452; // "MIXX", "ORDR"

} // namespace

TrafficMix::TrafficMix(const std::vector<Part> &parts, std::uint64_t seed)
    : m_random(seed, kMixStream)
{
    double sum = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        Order order{sum += parts[i].rows > 0 ? parts[i].share : 0, Random(seed, kOrderStream + i),
                    std::vector<std::uint32_t>(parts[i].rows), 0};
        std::iota(order.rows.begin(), order.rows.end(), 0u);
        shuffle(order);
        m_orders.push_back(std::move(order));
    }
}

std::optional<TrafficMix::Pick> TrafficMix::next()
{
    if (m_orders.empty())
        return std::nullopt;
    const auto draw = m_random.uniform();
    for (std::size_t part = 0; part < m_orders.size(); ++part) {
        auto &order = m_orders[part];
        if (order.rows.empty() || draw >= order.upTo)
            continue;
        const Pick pick{part, order.rows[order.at]};
        if (++order.at == order.rows.size()) {
            order.at = 0;
            shuffle(order);
        }
        return pick;
    }
    return std::nullopt;
}

void TrafficMix::shuffle(Order &order)
{
    for (auto left = order.rows.size(); left > 1; --left)
        std::swap(order.rows[left - 1], order.rows[order.random.below(left)]);
}

} // namespace engine
