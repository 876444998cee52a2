#pragma once
// Which share of the catalogue the answers of the last ten seconds showed.

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace engine {

/// Fed window by window; one thread. 2 bytes per item of the catalogue.
class Coverage
{
public:
    static constexpr std::size_t kWindows = 100;

    /// `items`: size of the catalogue; 0: unknown, then there is no share.
    explicit Coverage(std::uint32_t items) : m_shownIn(items) {}
    /// The items of the next window, in any order, repeats allowed; others than the catalogue's are
    /// left out.
    void add(std::vector<std::uint32_t> shown);
    [[nodiscard]] bool isKnown() const { return !m_shownIn.empty(); }
    [[nodiscard]] double share() const
    {
        return static_cast<double>(m_covered) / static_cast<double>(m_shownIn.size());
    }

private:
    std::vector<std::uint16_t> m_shownIn; ///< by item: in how many windows it was shown
    std::deque<std::vector<std::uint32_t>> m_windows;
    std::uint32_t m_covered = 0;
};

} // namespace engine
