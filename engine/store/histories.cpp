#include "engine/store/histories.h"

#include <algorithm>
#include <fmt/format.h>
#include <mutex>

namespace engine {
namespace {

constexpr std::uint32_t kMaxHistory = 1'000'000; // far above any shopper; bounds hostile numbers

std::uint64_t key(std::uint32_t shopper, std::uint32_t h)
{
    return (std::uint64_t{shopper} << 32) | h;
}

} // namespace

void Histories::start(std::uint32_t items, std::vector<std::vector<std::uint32_t>> seed)
{
    const std::unique_lock lock(m_mutex);
    m_items = items;
    m_known = std::move(seed);
    m_seedOffsets.assign(1, 0);
    m_seedOffsets.reserve(m_known.size() + 1);
    for (const auto &known : m_known)
        m_seedOffsets.push_back(m_seedOffsets.back() + known.size());
    m_seq = m_seedOffsets.back();
}

void Histories::add(const StoreEvent &event)
{
    const std::unique_lock lock(m_mutex);
    const auto shopper = event.shopper;
    m_live[key(shopper, event.h)] = {event.item, event.seq, event.at};
    m_seq = std::max(m_seq, event.seq);
    auto &known = m_known[shopper];
    for (auto next = m_live.find(key(shopper, static_cast<std::uint32_t>(known.size())));
         next != m_live.end();
         next = m_live.find(key(shopper, static_cast<std::uint32_t>(known.size()))))
        known.push_back(next->second.item);
}

Result<EventStore::History> Histories::read(std::uint32_t shopper, std::uint32_t h) const
{
    const std::shared_lock lock(m_mutex);
    if (shopper >= m_known.size())
        return tl::unexpected(unknownShopper(shopper));
    const auto &known = m_known[shopper];
    const auto count = std::min<std::size_t>(h, known.size());
    return EventStore::History{{known.begin(), known.begin() + static_cast<std::ptrdiff_t>(count)},
                               m_seq,
                               timeOf(shopper, count)};
}

Result<EventStore::Features> Histories::features(std::uint32_t shopper, std::uint32_t recent) const
{
    const std::shared_lock lock(m_mutex);
    if (shopper >= m_known.size())
        return tl::unexpected(unknownShopper(shopper));
    const auto &known = m_known[shopper];
    const auto count = static_cast<std::ptrdiff_t>(std::min<std::size_t>(recent, known.size()));
    return EventStore::Features{static_cast<std::uint32_t>(known.size()),
                                {known.rbegin(), known.rbegin() + count},
                                timeOf(shopper, known.size())};
}

std::int64_t Histories::timeOf(std::uint32_t shopper, std::size_t h) const
{
    if (h == 0)
        return 0;
    const auto at = m_live.find(key(shopper, static_cast<std::uint32_t>(h - 1)));
    return at == m_live.end() ? 0 : at->second.at;
}

std::optional<std::uint64_t> Histories::find(std::uint32_t shopper, std::uint32_t h) const
{
    const std::shared_lock lock(m_mutex);
    const auto seeded = m_seedOffsets[shopper + 1] - m_seedOffsets[shopper];
    if (h < seeded)
        return m_seedOffsets[shopper] + h + 1;
    const auto at = m_live.find(key(shopper, h));
    if (at == m_live.end())
        return std::nullopt;
    return at->second.seq;
}

Result<> Histories::check(std::uint32_t shopper, std::uint32_t h, std::uint32_t item) const
{
    const std::shared_lock lock(m_mutex);
    if (shopper >= m_known.size())
        return tl::unexpected(unknownShopper(shopper));
    if (item >= m_items)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("Item {} is unknown; the shop has items 0 to {}", item,
                                std::int64_t{m_items} - 1));
    if (h >= kMaxHistory)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("Event number {} is too high; the limit is {}", h, kMaxHistory));
    return {};
}

std::uint64_t Histories::events() const
{
    const std::shared_lock lock(m_mutex);
    return m_seedOffsets.back() + m_live.size();
}

std::uint64_t Histories::seq() const
{
    const std::shared_lock lock(m_mutex);
    return m_seq;
}

Error Histories::unknownShopper(std::uint32_t shopper) const
{
    return {ErrorCode::NotFound,
            fmt::format("Shopper {} is unknown; the shop has shoppers 0 to {}", shopper,
                        static_cast<std::int64_t>(m_known.size()) - 1),
            {}};
}

} // namespace engine
