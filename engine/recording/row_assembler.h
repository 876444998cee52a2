#pragma once
// Lines the windows of all sources up into one row per 100 ms, and loses no count on the way.

#include "engine/base/clock.h"
#include "engine/metrics/sketch.h"
#include "engine/metrics/window.h"

#include <set>

namespace engine {

/// All values of one 100 ms window. A series that is not named is a gap.
struct AssembledRow
{
    MonoTime end{0};
    std::map<std::string, double> values;
    std::map<std::string, Sketch> sketches; ///< by series, e.g. "gateway.latency"
};

/// Rules (contracts 2.4): a row waits for every source heard in the last second, at most 300 ms
/// after its end. A level or percentile of a source that has not delivered stands for 300 ms, then
/// is a gap. Counts that come too late are added to the next row that is still open. One thread.
class RowAssembler
{
public:
    static constexpr Micros kHold{300'000};
    static constexpr Micros kKnown{1'000'000};

    /// `arrived`: when it was received. After a disk that hung, a minute of windows is added at
    /// once; only one that ends far after it arrived has a broken clock behind it.
    void add(const Window &window, MonoTime arrived);
    /// Nothing more will or may come for the row that ends at `end`.
    [[nodiscard]] bool isComplete(MonoTime end, MonoTime now) const;
    /// Rows are taken in order, each once.
    [[nodiscard]] AssembledRow take(MonoTime end);
    /// Windows that came after their row was taken.
    [[nodiscard]] std::uint64_t lateWindows() const { return m_lateWindows; }

private:
    struct Source
    {
        MonoTime heard{0}; ///< end of its newest window
        std::map<MonoTime, Window> waiting;
        std::map<std::string, double> levels; ///< of the newest window taken
        MonoTime levelsEnd{0};
        std::set<std::string> counts; ///< counted series it has sent
    };
    void addLate(Source &source, const Window &window);
    static void addTo(AssembledRow &row, const std::string &series, double value);
    static void addSketches(AssembledRow &row, const Window &window);
    static void rememberLevels(Source &source, const Window &window);

    std::map<std::string, Source> m_sources;
    AssembledRow m_late; ///< counts, maxima and sketches waiting for the next row
    MonoTime m_taken{INT64_MIN};
    std::uint64_t m_lateWindows = 0;
};

} // namespace engine
