#pragma once
// Asks a timeline for a playhead and a window so that the newest wish wins and none starves: one
// seek is on its way at a time, what was wished meanwhile is replaced by what is wished now. While
// the wishes come fast the window is asked for coarsely, a moment later finely.
// GUI thread; `now` is any clock in milliseconds.

#include "engine/event/timeline.h"

#include <optional>

namespace ui {

class Seeker
{
public:
    static constexpr std::int64_t kPatience = 250; ///< ms after which a newer wish goes out anyway
    static constexpr std::int64_t kGivenUp = 3000; ///< ms after which an answer is not waited for
    static constexpr std::int64_t kRest = 120;     ///< ms without a wish before it is asked finely

    /// The timeline outlives the seeker's use of it; null = none.
    void attach(engine::Timeline *timeline);
    void wish(std::int64_t t, std::int64_t now);
    /// Call it often: lets the next wish out when the last one has arrived.
    void pulse(std::int64_t now);
    /// The window to read; `coarse` and `fine` are most bins.
    void show(std::int64_t from, std::int64_t to, int coarse, int fine,
              const std::vector<std::string> &series, std::int64_t now);
    /// Something is on its way or will be asked for finely: pulse again soon.
    [[nodiscard]] bool isBusy(std::int64_t now) const;

private:
    void send(std::int64_t t, std::int64_t now);
    [[nodiscard]] bool hasArrived() const;

    struct Shown
    {
        std::int64_t from = 0, to = 0;
        int bins = 0;
        std::vector<std::string> series;
        bool operator==(const Shown &) const = default;
    };
    engine::Timeline *m_timeline = nullptr;
    std::optional<std::int64_t> m_sent, m_wished;
    std::int64_t m_sentAt = 0, m_movedAt = -kRest;
    Shown m_shown;
};

} // namespace ui
