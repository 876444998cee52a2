#pragma once
// Finds the event or fault before and after an instant in a list of any length, and how dense
// events lie over the recording. Reads the list in portions, so that millions of events never hold
// up the window. GUI thread.

#include "engine/event/timeline.h"

#include <optional>

namespace ui {

class EventIndex
{
public:
    static constexpr std::size_t kPortion = 200'000; ///< events looked at per call of read()
    static constexpr std::size_t kColumns = 600;

    /// Another recording begins with clear(). A list that does not begin as the one before is
    /// another part of the same recording: steps go by it, what was counted stays.
    void clear() { *this = {}; }
    /// True when there is more to read: call again.
    bool read(std::shared_ptr<const std::vector<engine::Event>> events, std::int64_t end);

    /// The next one after (direction > 0) or before `t`, at least half a millisecond away.
    [[nodiscard]] std::optional<std::int64_t> event(std::int64_t t, int direction) const;
    [[nodiscard]] std::optional<std::int64_t> fault(std::int64_t t, int direction) const;
    /// Events per column of [0, end); empty until something was read.
    [[nodiscard]] const std::vector<std::uint32_t> &density() const { return m_density; }

private:
    bool readOn();

    std::shared_ptr<const std::vector<engine::Event>> m_events;
    std::vector<std::int64_t> m_faults; ///< ascending
    std::vector<std::uint32_t> m_density;
    std::size_t m_read = 0;
    bool m_isPart = false;  ///< the lists are parts around the playhead
    std::int64_t m_end = 0; ///< that the columns of m_density lie over
};

} // namespace ui
