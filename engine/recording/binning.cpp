#include "engine/recording/binning.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace engine {
namespace {

constexpr float kGapValue = std::numeric_limits<float>::quiet_NaN();
constexpr std::int64_t kSecond = 1'000'000;

std::int64_t floorTo(std::int64_t value, std::int64_t unit)
{
    const auto rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

/// "gateway.latency.p99" -> "gateway.latency", 0.99.
std::optional<std::pair<std::string, double>> sketchOf(const std::string &series)
{
    for (const auto &[suffix, q] :
         {std::pair{std::string_view(".p50"), 0.50}, std::pair{std::string_view(".p95"), 0.95},
          std::pair{std::string_view(".p99"), 0.99}})
        if (series.ends_with(suffix))
            return std::pair(series.substr(0, series.size() - suffix.size()), q);
    return std::nullopt;
}

/// One series on its way into bins.
struct Column
{
    SeriesBins bins;
    std::vector<double> sums;
    std::vector<std::uint32_t> counts;
    std::size_t index = 0; ///< into the row
    bool isThere = false;
    bool isPercentile = false;

    Column(const std::string &name, std::size_t count) : sums(count), counts(count)
    {
        bins.name = name;
        bins.min.assign(count, kGapValue);
        bins.max = bins.mean = bins.min;
    }
    void add(std::size_t bin, float value)
    {
        if (std::isnan(value))
            return;
        if (counts[bin]++ == 0) {
            bins.min[bin] = bins.max[bin] = value;
        } else {
            bins.min[bin] = std::min(bins.min[bin], value);
            bins.max[bin] = std::max(bins.max[bin], value);
        }
        sums[bin] += static_cast<double>(value);
    }
    void finish()
    {
        for (std::size_t i = 0; i < counts.size(); ++i) {
            if (counts[i] == 0)
                continue;
            // Percentiles are never averaged: where no sketch says better, the worst stands.
            bins.mean[i] = isPercentile
                               ? bins.max[i]
                               : static_cast<float>(sums[i] / static_cast<double>(counts[i]));
        }
    }
};

/// Percentiles of whole seconds and more, from merged sketches.
Result<> mergeSketches(RecordingReader &reader, const BinGrid &grid, std::vector<Column> &columns)
{
    std::map<std::string, std::vector<std::pair<double, Column *>>> wanted;
    for (auto &column : columns)
        if (const auto sketch = sketchOf(column.bins.name))
            wanted[sketch->first].emplace_back(sketch->second, &column);
    for (const auto &[base, quantiles] : wanted) {
        Sketch merged;
        std::optional<std::size_t> open;
        const auto flush = [&] {
            if (open && merged.count() > 0)
                for (const auto &[q, column] : quantiles)
                    column->bins.mean[*open] = static_cast<float>(merged.quantile(q));
            merged.clear();
        };
        DR_RETURN_IF_ERROR(reader.sketches(base, grid.from / kSecond, grid.to() / kSecond,
                                           [&](std::int64_t second, const Sketch &sketch) {
                                               const auto bin = static_cast<std::size_t>(
                                                   (second * kSecond - grid.from) / grid.width);
                                               if (bin >= grid.count)
                                                   return;
                                               if (open != bin) {
                                                   flush();
                                                   open = bin;
                                               }
                                               merged.merge(sketch);
                                           }));
        flush();
    }
    return {};
}

} // namespace

BinGrid gridFor(std::int64_t from, std::int64_t to, int most)
{
    static constexpr std::int64_t kWidths[] = {
        100'000,        kSecond,        2 * kSecond,    5 * kSecond,   10 * kSecond,
        30 * kSecond,   60 * kSecond,   120 * kSecond,  300 * kSecond, 600 * kSecond,
        1800 * kSecond, 3600 * kSecond, 21600 * kSecond};
    most = std::clamp(most, 1, 2000);
    constexpr std::int64_t kFarthest = 400LL * 86'400 * kSecond; // nobody records for a year
    from = std::clamp(from, -kFarthest, kFarthest);
    to = std::clamp(to, from, kFarthest);
    BinGrid grid;
    for (const auto width : kWidths) {
        grid.width = width;
        grid.from = floorTo(from, width);
        grid.count = static_cast<std::size_t>((to - grid.from + width - 1) / width);
        if (grid.count <= static_cast<std::size_t>(most))
            return grid;
    }
    grid.count = static_cast<std::size_t>(most);
    return grid;
}

void RowCache::add(const RowView &row)
{
    m_rows.push_back({row.t, {row.values.begin(), row.values.end()}});
    if (m_rows.size() > kMost) {
        m_rows.pop_front();
        m_dropped = true;
    }
}

bool RowCache::covers(std::int64_t from) const
{
    return !m_rows.empty() && (!m_dropped || m_rows.front().t - kWindow.count() <= from);
}

void RowCache::each(std::int64_t from, std::int64_t to,
                    const std::function<void(std::int64_t, std::span<const float>)> &use) const
{
    auto it = std::partition_point(m_rows.begin(), m_rows.end(),
                                   [&](const Row &row) { return row.t <= from; });
    for (; it != m_rows.end() && it->t <= to; ++it)
        use(it->t, it->values);
}

Result<std::vector<SeriesBins>> binSeries(RecordingReader &reader, const RowCache &cache,
                                          const BinGrid &grid,
                                          const std::vector<std::string> &series)
{
    std::vector<Column> columns;
    for (const auto &name : series) {
        auto &column = columns.emplace_back(name, grid.count);
        for (std::size_t i = 0; i < reader.columns().size(); ++i) {
            if (reader.columns()[i].name != name)
                continue;
            column.index = i;
            column.isThere = true;
            column.isPercentile = reader.columns()[i].fold == Fold::Percentile;
        }
    }
    const auto use = [&](std::int64_t t, std::span<const float> values) {
        // A window belongs to the bin that it starts in.
        const auto bin = static_cast<std::size_t>((t - kWindow.count() - grid.from) / grid.width);
        if (t - kWindow.count() < grid.from || bin >= grid.count)
            return;
        for (auto &column : columns)
            if (column.isThere && column.index < values.size())
                column.add(bin, values[column.index]);
    };
    if (cache.covers(grid.from))
        cache.each(grid.from, grid.to(), use);
    else
        DR_RETURN_IF_ERROR(
            reader.rows(grid.from, grid.to(), [&](const RowView &row) { use(row.t, row.values); }));
    for (auto &column : columns)
        column.finish();
    if (grid.width >= kSecond)
        DR_RETURN_IF_ERROR(mergeSketches(reader, grid, columns));
    std::vector<SeriesBins> out;
    for (auto &column : columns)
        out.push_back(std::move(column.bins));
    return out;
}

} // namespace engine
