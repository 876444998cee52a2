#pragma once
// Rows of any number into at most so many columns of pixels; percentiles through merged sketches.

#include "engine/event/timeline.h"
#include "engine/recording/reader.h"

#include <deque>

namespace engine {

/// Visible window after rounding to whole bins.
struct BinGrid
{
    std::int64_t from = 0, width = 100'000;
    std::size_t count = 0;
    [[nodiscard]] std::int64_t to() const
    {
        return from + static_cast<std::int64_t>(count) * width;
    }
};

/// The narrowest bins of 100 ms, 1 s, 5 s, 10 s ... of which `most` cover [from, to). Nothing
/// between 100 ms and 1 s: there would be no sketch to take a percentile from. All others are few
/// windows of the pyramid.
[[nodiscard]] BinGrid gridFor(std::int64_t from, std::int64_t to, int most);

/// The newest rows, kept so that a live page need not read them again. One thread.
class RowCache
{
public:
    static constexpr std::size_t kMost = 3000; ///< five minutes; the pyramid has the rest

    void add(const RowView &row);
    void clear() { m_rows.clear(); }
    /// All rows with windows that start at `from` or later are here.
    [[nodiscard]] bool covers(std::int64_t from) const;
    void each(std::int64_t from, std::int64_t to,
              const std::function<void(std::int64_t t, std::span<const float>)> &use) const;

private:
    struct Row
    {
        std::int64_t t;
        std::vector<float> values;
    };
    std::deque<Row> m_rows;
    bool m_dropped = false;
};

/// From the pyramid and, for what is younger than its finished chunks, from rows: those of `cache`
/// where it has them. `isStopped` is asked between the chunks; true ends it with Timeout.
[[nodiscard]] Result<std::vector<SeriesBins>>
binSeries(RecordingReader &reader, const RowCache &cache, const BinGrid &grid,
          const std::vector<std::string> &series, const std::function<bool()> &isStopped = {});

} // namespace engine
