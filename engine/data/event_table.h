#pragma once
// Events as they stand in a file, in file order and by outside names, until they become a Dataset.

#include "engine/base/error.h"
#include "engine/data/dataset.h"

#include <limits>
#include <string_view>
#include <unordered_map>

namespace engine {

/// Collects the events of an import. One thread.
class EventTable
{
public:
    static constexpr std::uint32_t kNoOrder = ~0u;

    /// `time` only orders; equal times keep the order of the file. `order` groups what was bought
    /// together: within one order an item counts once.
    void add(std::string_view user, std::string_view item, double time, std::string_view order = {},
             std::string_view title = {});
    void drop(const char *reason, std::uint64_t lines = 1) { m_dropped[reason] += lines; }
    [[nodiscard]] std::size_t size() const { return m_events.size(); }

    /// In invoice lines, drops the codes that are no goods: when nine in ten lines have a code that
    /// starts with a digit, those that do not (POST, M, C2, BANK CHARGES, gift vouchers).
    void dropNonGoods();

    /// Orders by shopper and time, removes what was taken again at once, numbers shoppers and items
    /// in the order of the file. The table is used up.
    [[nodiscard]] Dataset finish(std::uint64_t linesRead);

private:
    struct Hash
    {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const
        {
            return std::hash<std::string_view>{}(text);
        }
    };
    /// Numbers names in the order in which they come.
    struct Names
    {
        std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> numbers;
        std::uint32_t of(std::string_view name);
        [[nodiscard]] std::vector<std::string> list() const;
    };
    struct Event
    {
        double time = 0;
        std::uint32_t user = 0, item = 0, order = kNoOrder;
    };

    std::vector<Event> m_events;
    Names m_users, m_items, m_orders;
    std::vector<std::string> m_titles; ///< by item: the first that is not empty
    std::map<std::string, std::uint64_t> m_dropped;
};

} // namespace engine
