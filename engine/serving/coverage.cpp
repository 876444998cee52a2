#include "engine/serving/coverage.h"

#include <algorithm>

namespace engine {

void Coverage::add(std::vector<std::uint32_t> shown)
{
    std::erase_if(shown, [this](std::uint32_t item) { return item >= m_shownIn.size(); });
    std::sort(shown.begin(), shown.end());
    shown.erase(std::unique(shown.begin(), shown.end()), shown.end());
    for (const auto item : shown)
        m_covered += m_shownIn[item]++ == 0;
    m_windows.push_back(std::move(shown));
    if (m_windows.size() <= kWindows)
        return;
    for (const auto item : m_windows.front())
        m_covered -= --m_shownIn[item] == 0;
    m_windows.pop_front();
}

} // namespace engine
