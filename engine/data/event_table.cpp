#include "engine/data/event_table.h"

#include <algorithm>
#include <unordered_set>

namespace engine {
namespace {

constexpr std::uint32_t kUnused = ~0u;

bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

/// Numbers the values that `used` names, in their old order; the others become kUnused.
std::vector<std::uint32_t> renumber(const std::vector<bool> &used)
{
    std::vector<std::uint32_t> numbers(used.size(), kUnused);
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < used.size(); ++i) {
        if (used[i])
            numbers[i] = next++;
    }
    return numbers;
}

std::vector<std::string> pick(std::vector<std::string> all,
                              const std::vector<std::uint32_t> &number)
{
    std::vector<std::string> picked;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (number[i] != kUnused)
            picked.push_back(std::move(all[i]));
    }
    return picked;
}

} // namespace

std::uint32_t EventTable::Names::of(std::string_view name)
{
    if (const auto known = numbers.find(name); known != numbers.end())
        return known->second;
    const auto number = static_cast<std::uint32_t>(numbers.size());
    numbers.emplace(std::string(name), number);
    return number;
}

std::vector<std::string> EventTable::Names::list() const
{
    std::vector<std::string> names(numbers.size());
    for (const auto &[name, number] : numbers)
        names[number] = name;
    return names;
}

void EventTable::add(std::string_view user, std::string_view item, double time,
                     std::string_view order, std::string_view title)
{
    Event event;
    event.time = time;
    event.user = m_users.of(user);
    event.item = m_items.of(item);
    event.order = order.empty() ? kNoOrder : m_orders.of(order);
    m_events.push_back(event);
    if (m_titles.size() <= event.item)
        m_titles.resize(event.item + 1);
    if (m_titles[event.item].empty())
        m_titles[event.item] = title;
}

void EventTable::dropNonGoods()
{
    const auto names = m_items.list();
    const auto isCode = [&names](const Event &event) { return isDigit(names[event.item].front()); };
    const auto codes =
        static_cast<std::size_t>(std::count_if(m_events.begin(), m_events.end(), isCode));
    if (codes < m_events.size() - m_events.size() / 10)
        return;
    if (const auto others = m_events.size() - codes; others > 0)
        drop("no goods (the code does not start with a digit)", others);
    std::erase_if(m_events, [&](const Event &event) { return !isCode(event); });
}

Dataset EventTable::finish(std::uint64_t linesRead)
{
    std::stable_sort(m_events.begin(), m_events.end(), [](const Event &a, const Event &b) {
        return a.user != b.user ? a.user < b.user : a.time < b.time;
    });
    std::vector<Event> kept;
    std::unordered_set<std::uint32_t> basket;
    std::uint64_t again = 0;
    for (const auto &event : m_events) {
        const bool same = !kept.empty() && kept.back().user == event.user
                          && kept.back().order == event.order && event.order != kNoOrder;
        if (!same)
            basket.clear();
        const bool repeated =
            event.order == kNoOrder
                ? !kept.empty() && kept.back().user == event.user && kept.back().item == event.item
                : basket.contains(event.item);
        if (repeated) {
            ++again;
            continue;
        }
        basket.insert(event.item);
        kept.push_back(event);
    }
    if (again > 0)
        drop(m_orders.numbers.empty() ? "same item again at once" : "same item again in one order",
             again);
    m_events = {};

    std::vector<bool> usedItem(m_items.numbers.size()), usedUser(m_users.numbers.size());
    for (const auto &event : kept) {
        usedItem[event.item] = true;
        usedUser[event.user] = true;
    }
    const auto itemNumber = renumber(usedItem);
    Dataset data;
    data.itemIds = pick(m_items.list(), itemNumber);
    data.itemTitles = pick(std::move(m_titles), itemNumber);
    data.shopperIds = pick(m_users.list(), renumber(usedUser));
    data.items = static_cast<std::uint32_t>(data.itemIds.size());
    data.events.reserve(kept.size());
    for (std::size_t i = 0; i < kept.size(); ++i) {
        if (i == 0 || kept[i].user != kept[i - 1].user)
            data.offsets.push_back(i);
        data.events.push_back(itemNumber[kept[i].item]);
    }
    data.offsets.push_back(kept.size());
    data.dropped = std::move(m_dropped);
    data.linesRead = linesRead;
    return data;
}

} // namespace engine
