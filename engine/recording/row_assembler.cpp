#include "engine/recording/row_assembler.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

/// A window that ends so long after it arrived has a broken clock behind it.
constexpr Micros kMostAhead{10'000'000};

constexpr std::pair<std::string_view, double> kPercentiles[] = {
    {".p50", 0.50}, {".p95", 0.95}, {".p99", 0.99}};

} // namespace

void RowAssembler::addTo(AssembledRow &row, const std::string &series, double value)
{
    const auto [it, isNew] = row.values.try_emplace(series, value);
    if (isNew)
        return;
    switch (seriesInfo(series).fold) {
    case Fold::Sum:
        it->second += value;
        break;
    case Fold::Max:
        it->second = std::max(it->second, value);
        break;
    default:
        it->second = value;
    }
}

void RowAssembler::addSketches(AssembledRow &row, const Window &window)
{
    for (const auto &sample : window.sketches)
        if (const auto sketch = Sketch::decode(sample.sketch))
            row.sketches[sample.series].merge(*sketch);
}

void RowAssembler::rememberLevels(Source &source, const Window &window)
{
    if (MonoTime(window.end) < source.levelsEnd)
        return;
    source.levelsEnd = MonoTime(window.end);
    source.levels.clear();
    for (const auto &sample : window.samples) {
        const auto fold = seriesInfo(sample.series).fold;
        if (fold == Fold::Last || fold == Fold::Percentile)
            source.levels[sample.series] = sample.value;
    }
    for (const auto &sample : window.sketches) {
        const auto sketch = Sketch::decode(sample.sketch);
        if (!sketch)
            continue;
        for (const auto &[suffix, q] : kPercentiles) // a percentile the source sent itself wins
            source.levels.try_emplace(sample.series + std::string(suffix), sketch->quantile(q));
    }
}

void RowAssembler::addLate(Source &source, const Window &window)
{
    ++m_lateWindows;
    for (const auto &sample : window.samples) {
        const auto fold = seriesInfo(sample.series).fold;
        if ((fold == Fold::Sum || fold == Fold::Max) && std::isfinite(sample.value))
            addTo(m_late, sample.series, sample.value);
    }
    addSketches(m_late, window);
    rememberLevels(source, window);
}

void RowAssembler::add(const Window &window, MonoTime arrived)
{
    auto &source = m_sources[window.source];
    const auto end = alignUp(MonoTime(window.end));
    const bool isAhead = end > arrived + kMostAhead;
    if (end <= m_taken || isAhead) {
        addLate(source, window);
        if (!isAhead)
            source.heard = std::max(source.heard, end);
        return;
    }
    source.heard = std::max(source.heard, end);
    auto [it, isNew] = source.waiting.try_emplace(end, window);
    if (isNew) {
        it->second.end = end.count();
        return;
    }
    // The old and the new process of one target can both report a part of one window.
    auto &known = it->second;
    for (const auto &sample : window.samples) {
        const auto same = std::find_if(known.samples.begin(), known.samples.end(),
                                       [&](const Sample &s) { return s.series == sample.series; });
        if (same == known.samples.end())
            known.samples.push_back(sample);
        else if (seriesInfo(sample.series).fold == Fold::Sum)
            same->value += sample.value;
        else
            same->value = sample.value;
    }
    known.sketches.insert(known.sketches.end(), window.sketches.begin(), window.sketches.end());
}

bool RowAssembler::isComplete(MonoTime end, MonoTime now) const
{
    if (now < end)
        return false;
    if (now >= end + kHold)
        return true;
    bool heardAny = false;
    for (const auto &[name, source] : m_sources) {
        if (source.heard + kKnown < end)
            continue;
        if (source.heard < end)
            return false;
        heardAny = true;
    }
    return heardAny;
}

AssembledRow RowAssembler::take(MonoTime end)
{
    AssembledRow row = std::move(m_late);
    m_late = {};
    row.end = end;
    m_taken = end;
    for (auto &[name, source] : m_sources) {
        // Windows before `end` are left over only when rows were skipped: their counts still count.
        while (!source.waiting.empty() && source.waiting.begin()->first <= end) {
            const auto node = source.waiting.extract(source.waiting.begin());
            const auto &window = node.mapped();
            for (const auto &sample : window.samples) {
                const auto fold = seriesInfo(sample.series).fold;
                if (fold == Fold::Sum)
                    source.counts.insert(sample.series);
                if ((fold == Fold::Sum || fold == Fold::Max) && std::isfinite(sample.value))
                    addTo(row, sample.series, sample.value);
            }
            addSketches(row, window);
            rememberLevels(source, window);
            // A source that spoke and did not name one of its counts counted nothing.
            for (const auto &series : source.counts)
                row.values.try_emplace(series, 0.0);
        }
        if (source.levelsEnd + kHold >= end)
            for (const auto &[series, value] : source.levels)
                if (std::isfinite(value))
                    row.values[series] = value;
    }
    return row;
}

} // namespace engine
