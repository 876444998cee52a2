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
    /// A finished window of the pyramid.
    void add(std::size_t bin, const pyramid::WindowView &view, std::size_t i, int level)
    {
        const auto count = view.count(i, level);
        if (count == 0)
            return;
        const bool isFirst = counts[bin] == 0;
        bins.min[bin] = isFirst ? view.min(i) : std::min(bins.min[bin], view.min(i));
        bins.max[bin] = isFirst ? view.max(i) : std::max(bins.max[bin], view.max(i));
        counts[bin] += count;
        if (view.hasMean())
            sums[bin] += static_cast<double>(view.mean(i)) * count;
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

/// The coarsest level whose windows make whole bins; -1: raw rows.
int levelFor(std::int64_t binWidth)
{
    int level = pyramid::kLevels - 1;
    while (level >= 0 && binWidth % pyramid::width(level) != 0)
        --level;
    return level;
}

/// Chunks of a level end here at the latest: what is younger comes from the next finer level.
std::int64_t finishedTo(const RecordingReader &reader, std::int64_t last, int level,
                        std::int64_t bins)
{
    const auto span = pyramid::width(level) * bins;
    return reader.hasPyramid() ? pyramid::floorDiv(last, span) * span : INT64_MIN;
}

tl::unexpected<Error> interrupted()
{
    return fail(ErrorCode::Timeout, "A newer request came");
}

class Filler
{
public:
    Filler(RecordingReader &reader, const RowCache &cache, const BinGrid &grid,
           const std::function<bool()> &isStopped, std::vector<Column> &columns)
        : m_reader(reader), m_cache(cache), m_grid(grid), m_isStopped(isStopped), m_columns(columns)
    {
    }

    Result<> run()
    {
        const auto span = m_reader.span();
        if (!span)
            return tl::unexpected(span.error());
        if (!*span)
            return {};
        m_last = (*span)->second;
        const auto first = floorTo((*span)->first - kWindow.count(), m_grid.width);
        const auto from = std::max(m_grid.from, first), to = std::min(m_grid.to(), m_last);
        if (from >= to)
            return {};
        const auto level = levelFor(m_grid.width);
        if (m_cache.covers(from) && (to - from) / kWindow.count() <= kRowsBeatChunks)
            DR_RETURN_IF_ERROR(rows(from, to));
        else
            DR_RETURN_IF_ERROR(windows(from, to, level));
        for (auto &column : m_columns)
            column.finish();
        if (level < 0)
            return {};
        collectSketches();
        DR_RETURN_IF_ERROR(m_sketches.empty() ? Result<>() : sketches(from, to, level));
        for (auto &sketch : m_sketches)
            flush(sketch);
        return {};
    }

private:
    static constexpr std::int64_t kRowsBeatChunks = 3000;

    /// A sketch that percentile columns are read from.
    struct Source
    {
        std::string series;
        std::int64_t id = -1;
        std::vector<std::pair<double, Column *>> quantiles;
        Sketch merged;
        std::size_t bin = 0;
    };

    Result<> rows(std::int64_t from, std::int64_t to)
    {
        const auto use = [&](std::int64_t t, std::span<const float> values) {
            // A window belongs to the bin that it starts in.
            const auto start = t - kWindow.count();
            const auto bin = static_cast<std::size_t>((start - m_grid.from) / m_grid.width);
            if (start < from || bin >= m_grid.count)
                return;
            for (auto &column : m_columns)
                if (column.isThere && column.index < values.size())
                    column.add(bin, values[column.index]);
        };
        if (m_cache.covers(from)) {
            m_cache.each(from, to, use);
            return {};
        }
        return m_reader.rows(from, to, [&](const RowView &row) { use(row.t, row.values); });
    }

    /// From the coarsest level that is finished, what is younger from the finer ones.
    Result<> windows(std::int64_t from, std::int64_t to, int level)
    {
        if (from >= to)
            return {};
        if (level < 0)
            return rows(from, to);
        const auto width = pyramid::width(level), span = width * pyramid::kBins;
        const auto upTo = std::min(to, finishedTo(m_reader, m_last, level, pyramid::kBins));
        if (upTo <= from)
            return windows(from, to, level - 1);
        for (auto &column : m_columns) {
            if (m_isStopped && m_isStopped())
                return interrupted();
            if (!column.isThere)
                continue;
            DR_RETURN_IF_ERROR(m_reader.windows(
                level, static_cast<std::int64_t>(column.index), pyramid::floorDiv(from, span),
                pyramid::floorDiv(upTo - 1, span) + 1,
                [&](std::int64_t bucket, const pyramid::WindowView &view) {
                    for (std::size_t i = 0; i < view.size(); ++i) {
                        const auto t =
                            bucket * span + static_cast<std::int64_t>(view.first() + i) * width;
                        if (t >= from && t < upTo)
                            column.add(static_cast<std::size_t>((t - m_grid.from) / m_grid.width),
                                       view, i, level);
                    }
                }));
        }
        return windows(upTo, to, level - 1);
    }

    void collectSketches()
    {
        for (auto &column : m_columns) {
            const auto wanted = sketchOf(column.bins.name);
            const auto id = wanted ? m_reader.sketchId(wanted->first) : -1;
            if (id < 0)
                continue;
            auto it = std::ranges::find(m_sketches, wanted->first, &Source::series);
            if (it == m_sketches.end())
                it = m_sketches.insert(it, Source{wanted->first, id, {}, {}, 0});
            it->quantiles.emplace_back(wanted->second, &column);
        }
    }

    static void flush(Source &source)
    {
        if (source.merged.count() > 0)
            for (const auto &[q, column] : source.quantiles)
                column->bins.mean[source.bin] = static_cast<float>(source.merged.quantile(q));
        source.merged.clear();
    }

    /// In order of time for each source.
    bool merge(Source &source, std::int64_t t, std::span<const std::uint8_t> sketch)
    {
        const auto bin = static_cast<std::size_t>((t - m_grid.from) / m_grid.width);
        if (source.bin != bin) {
            flush(source);
            source.bin = bin;
        }
        return source.merged.mergeEncoded(sketch);
    }

    Result<> sketches(std::int64_t from, std::int64_t to, int level)
    {
        if (from >= to)
            return {};
        if (m_isStopped && m_isStopped())
            return interrupted();
        bool isWhole = true;
        if (level == 0) {
            std::vector<std::int64_t> ids;
            for (const auto &source : m_sketches)
                ids.push_back(source.id);
            DR_RETURN_IF_ERROR(m_reader.seconds(
                ids, from / kSecond, (to + kSecond - 1) / kSecond,
                [&](std::int64_t second, std::size_t which, auto bytes) {
                    isWhole = merge(m_sketches[which], second * kSecond, bytes) && isWhole;
                }));
            return isWhole ? Result<>() : damagedSketch();
        }
        const auto width = pyramid::width(level), span = width * pyramid::kSketchBins;
        const auto upTo = std::min(to, finishedTo(m_reader, m_last, level, pyramid::kSketchBins));
        if (upTo <= from)
            return sketches(from, to, level - 1);
        for (auto &source : m_sketches)
            DR_RETURN_IF_ERROR(m_reader.merged(
                level, source.id, pyramid::floorDiv(from, span),
                pyramid::floorDiv(upTo - 1, span) + 1, [&](std::int64_t bin, auto bytes) {
                    if (const auto t = bin * width; t >= from && t < upTo)
                        isWhole = merge(source, t, bytes) && isWhole;
                }));
        return isWhole ? sketches(upTo, to, level - 1) : damagedSketch();
    }
    Result<> damagedSketch() const
    {
        return fail(ErrorCode::InvalidInput, "The recording is damaged: a sketch",
                    m_reader.path().string());
    }

    RecordingReader &m_reader;
    const RowCache &m_cache;
    const BinGrid &m_grid;
    const std::function<bool()> &m_isStopped;
    std::vector<Column> &m_columns;
    std::vector<Source> m_sketches;
    std::int64_t m_last = 0;
};

} // namespace

BinGrid gridFor(std::int64_t from, std::int64_t to, int most)
{
    // No 2 s: its percentiles would come from thousands of seconds, far apart in the file.
    static constexpr std::int64_t kWidths[] = {100'000,        kSecond,        5 * kSecond,
                                               10 * kSecond,   30 * kSecond,   60 * kSecond,
                                               120 * kSecond,  240 * kSecond,  600 * kSecond,
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
                                          const std::vector<std::string> &series,
                                          const std::function<bool()> &isStopped)
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
    DR_RETURN_IF_ERROR(Filler(reader, cache, grid, isStopped, columns).run());
    std::vector<SeriesBins> out;
    for (auto &column : columns)
        out.push_back(std::move(column.bins));
    return out;
}

} // namespace engine
