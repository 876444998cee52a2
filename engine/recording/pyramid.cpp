#include "engine/recording/pyramid.h"

#include "engine/recording/schema.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace engine::pyramid {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr std::uint8_t kHasMean = 1, kHasCounts = 2, kSketches = 4;
constexpr std::size_t kHead = 4;

/// One window in the making.
struct Open
{
    float min = 0, max = 0;
    double sum = 0;
    std::uint32_t count = 0;

    void add(float value)
    {
        if (count++ == 0) {
            min = max = value;
        } else {
            min = std::min(min, value);
            max = std::max(max, value);
        }
        sum += static_cast<double>(value);
    }
    void add(const Open &finer)
    {
        if (finer.count == 0)
            return;
        min = count == 0 ? finer.min : std::min(min, finer.min);
        max = count == 0 ? finer.max : std::max(max, finer.max);
        sum += finer.sum;
        count += finer.count;
    }
};

/// Finished windows of one column on their way into a chunk.
struct Column
{
    std::array<float, kBins> min, max, mean;
    std::array<std::uint32_t, kBins> counts{};
    bool isEmpty = true;
};

struct WindowLevel
{
    std::int64_t bin = INT64_MIN;
    std::vector<Open> open; ///< apart from the columns: every row touches all of them
    std::vector<Column> columns;
};

struct SketchColumn
{
    Sketch open;
    std::array<Bytes, kSketchBins> done;
    bool isEmpty = true;
};

struct SketchLevel
{
    std::int64_t bin = INT64_MIN;
    std::map<std::int64_t, SketchColumn> columns;
};

void put(Bytes &out, std::uint32_t value)
{
    for (int shift = 0; shift < 32; shift += 8)
        out.push_back(static_cast<std::uint8_t>(value >> shift));
}

void put(Bytes &out, std::span<const float> values)
{
    for (const auto value : values)
        put(out, std::isnan(value) ? 0x7FC00000u : std::bit_cast<std::uint32_t>(value));
}

Bytes encodeWindows(const Column &column, int level, bool hasMean)
{
    const auto isThere = [](std::uint32_t count) { return count > 0; };
    const auto begin = std::ranges::find_if(column.counts, isThere) - column.counts.begin();
    const auto end = kBins
                     - (std::find_if(column.counts.rbegin(), column.counts.rend(), isThere)
                        - column.counts.rbegin());
    const auto size = static_cast<std::size_t>(end - begin);
    const auto of = [&](const auto &all) {
        return std::span(all).subspan(static_cast<std::size_t>(begin), size);
    };
    const auto full = static_cast<std::uint32_t>(width(level) / 100'000);
    const bool hasCounts = std::ranges::any_of(
        of(column.counts), [&](std::uint32_t count) { return count != 0 && count != full; });
    Bytes out;
    out.reserve(kHead + size * 16);
    out = {static_cast<std::uint8_t>(begin), static_cast<std::uint8_t>(size),
           static_cast<std::uint8_t>((hasMean ? kHasMean : 0) | (hasCounts ? kHasCounts : 0)), 0};
    put(out, of(column.min));
    put(out, of(column.max));
    if (hasMean)
        put(out, of(column.mean));
    if (hasCounts)
        for (const auto count : of(column.counts))
            put(out, count);
    return out;
}

Bytes encodeSketches(const SketchColumn &column)
{
    Bytes out = {0, static_cast<std::uint8_t>(kSketchBins), kSketches, 0};
    for (const auto &sketch : column.done) {
        out.push_back(static_cast<std::uint8_t>(sketch.size()));
        out.push_back(static_cast<std::uint8_t>(sketch.size() >> 8));
        out.insert(out.end(), sketch.begin(), sketch.end());
    }
    return out;
}

} // namespace

struct Builder::Impl
{
    std::array<WindowLevel, kLevels> levels;
    std::array<SketchLevel, kLevels> sketches; ///< [0] is the table of seconds, unused here
    std::vector<bool> hasMean;                 ///< by column
    std::vector<Chunk> finished;

    void finishWindows(int level)
    {
        auto &here = levels[static_cast<std::size_t>(level)];
        const auto place = static_cast<std::size_t>(here.bin - floorDiv(here.bin, kBins) * kBins);
        for (std::size_t i = 0; i < here.columns.size(); ++i) {
            auto &open = here.open[i];
            auto &column = here.columns[i];
            if (open.count == 0)
                continue;
            if (column.isEmpty) {
                column.min.fill(kNaN);
                column.max.fill(kNaN);
                column.mean.fill(kNaN);
                column.counts.fill(0);
                column.isEmpty = false;
            }
            column.min[place] = open.min;
            column.max[place] = open.max;
            column.mean[place] = static_cast<float>(open.sum / open.count);
            column.counts[place] = open.count;
            if (level + 1 < kLevels)
                levels[static_cast<std::size_t>(level) + 1].open[i].add(open);
            open = {};
        }
    }
    void finishChunks(int level)
    {
        auto &here = levels[static_cast<std::size_t>(level)];
        const auto bucket = floorDiv(here.bin, kBins);
        for (std::size_t i = 0; i < here.columns.size(); ++i) {
            if (here.columns[i].isEmpty)
                continue;
            finished.push_back({schema::key(level, bucket, static_cast<std::int64_t>(i)),
                                encodeWindows(here.columns[i], level, hasMean[i])});
            here.columns[i].isEmpty = true;
        }
    }
    void finishSketches(int level)
    {
        auto &here = sketches[static_cast<std::size_t>(level)];
        const auto place =
            static_cast<std::size_t>(here.bin - floorDiv(here.bin, kSketchBins) * kSketchBins);
        for (auto &[id, column] : here.columns) {
            if (column.open.count() == 0)
                continue;
            column.done[place] = column.open.encode();
            column.isEmpty = false;
            if (level + 1 < kLevels)
                sketches[static_cast<std::size_t>(level) + 1].columns[id].open.merge(column.open);
            column.open.clear();
        }
    }
    void finishSketchChunks(int level)
    {
        auto &here = sketches[static_cast<std::size_t>(level)];
        const auto bucket = floorDiv(here.bin, kSketchBins);
        for (auto &[id, column] : here.columns) {
            if (column.isEmpty)
                continue;
            finished.push_back({schema::key(level, bucket, id), encodeSketches(column)});
            column.done = {};
            column.isEmpty = true;
        }
    }
    /// Finer levels first: they hand their windows up.
    void moveTo(std::int64_t t)
    {
        for (int level = 0; level < kLevels; ++level) {
            auto &here = levels[static_cast<std::size_t>(level)];
            const auto bin = floorDiv(t, width(level));
            if (bin == here.bin)
                break; // coarser ones have not moved either
            if (here.bin != INT64_MIN) {
                finishWindows(level);
                if (floorDiv(bin, kBins) != floorDiv(here.bin, kBins))
                    finishChunks(level);
            }
            here.bin = bin;
        }
        for (int level = 1; level < kLevels; ++level) {
            auto &here = sketches[static_cast<std::size_t>(level)];
            const auto bin = floorDiv(t, width(level));
            if (bin == here.bin)
                break;
            if (here.bin != INT64_MIN) {
                finishSketches(level);
                if (floorDiv(bin, kSketchBins) != floorDiv(here.bin, kSketchBins))
                    finishSketchChunks(level);
            }
            here.bin = bin;
        }
    }
};

Builder::Builder() : m_impl(std::make_unique<Impl>()) {}
Builder::~Builder() = default;
Builder::Builder(Builder &&) noexcept = default;
Builder &Builder::operator=(Builder &&) noexcept = default;

void Builder::addColumn(Fold fold)
{
    m_impl->hasMean.push_back(fold != Fold::Percentile);
    for (auto &level : m_impl->levels) {
        level.open.emplace_back();
        level.columns.emplace_back();
    }
}

void Builder::row(std::int64_t t, std::span<const float> values)
{
    m_impl->moveTo(t - 100'000); // a window belongs to where it starts
    auto &open = m_impl->levels[0].open;
    for (std::size_t i = 0; i < std::min(values.size(), open.size()); ++i)
        if (!std::isnan(values[i]))
            open[i].add(values[i]);
}

void Builder::sketch(std::int64_t id, const Sketch &sketch)
{
    m_impl->sketches[1].columns[id].open.merge(sketch);
}

void Builder::advance(std::int64_t t)
{
    m_impl->moveTo(t);
}

std::vector<Chunk> Builder::take()
{
    return std::exchange(m_impl->finished, {});
}

std::optional<WindowView> WindowView::of(std::span<const std::uint8_t> data)
{
    if (data.size() < kHead)
        return std::nullopt;
    WindowView view;
    view.m_first = data[0];
    view.m_size = data[1];
    view.m_hasMean = (data[2] & kHasMean) != 0;
    view.m_hasCounts = (data[2] & kHasCounts) != 0;
    view.m_data = data.subspan(kHead);
    const auto columns = std::size_t{2} + (view.m_hasMean ? 1 : 0) + (view.m_hasCounts ? 1 : 0);
    if ((data[2] & kSketches) != 0 || view.m_first + view.m_size > kBins
        || view.m_data.size() != columns * view.m_size * 4)
        return std::nullopt;
    return view;
}

float WindowView::number(std::size_t column, std::size_t i) const
{
    std::uint32_t bits = 0;
    const auto *at = m_data.data() + (column * m_size + i) * 4;
    for (int k = 0; k < 4; ++k)
        bits |= std::uint32_t{at[k]} << (8 * k);
    return std::bit_cast<float>(bits);
}

std::uint32_t WindowView::count(std::size_t i, int level) const
{
    if (m_hasCounts)
        return std::bit_cast<std::uint32_t>(number(m_hasMean ? 3 : 2, i));
    return std::isnan(min(i)) ? 0 : static_cast<std::uint32_t>(width(level) / 100'000);
}

bool eachSketch(std::span<const std::uint8_t> data,
                const std::function<bool(std::size_t, std::span<const std::uint8_t>)> &each)
{
    if (data.size() < kHead || data[2] != kSketches
        || std::size_t{data[0]} + data[1] > static_cast<std::size_t>(kSketchBins))
        return false;
    const std::size_t first = data[0], count = data[1];
    data = data.subspan(kHead);
    for (std::size_t i = 0; i < count; ++i) {
        if (data.size() < 2)
            return false;
        const std::size_t size = data[0] | std::size_t{data[1]} << 8;
        data = data.subspan(2);
        if (size > data.size() || (size > 0 && !each(first + i, data.first(size))))
            return false;
        data = data.subspan(size);
    }
    return data.empty();
}

} // namespace engine::pyramid
