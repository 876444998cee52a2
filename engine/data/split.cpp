#include "engine/data/split.h"

#include "engine/base/random.h"

#include <algorithm>
#include <numeric>

namespace engine {
namespace {

/// The dataset with the first `keep(shopper)` events of each shopper.
template <class Keep>
Dataset heads(const Dataset &data, const Keep &keep)
{
    Dataset part;
    part.items = data.items;
    part.itemIds = data.itemIds;
    part.itemTitles = data.itemTitles;
    part.shopperIds = data.shopperIds;
    part.synthetic = data.synthetic;
    part.offsets.push_back(0);
    for (std::size_t shopper = 0; shopper < data.shoppers(); ++shopper) {
        const auto events = data.of(shopper).first(keep(shopper));
        part.events.insert(part.events.end(), events.begin(), events.end());
        part.offsets.push_back(part.events.size());
    }
    return part;
}

} // namespace

Split splitByTime(const Dataset &whole)
{
    Split split;
    split.train = heads(whole, [&whole](std::size_t shopper) {
        const auto size = whole.of(shopper).size();
        return size >= kFewestForTrace ? size - 2 : size;
    });
    for (std::size_t shopper = 0; shopper < whole.shoppers(); ++shopper) {
        const auto events = whole.of(shopper);
        if (events.size() < kFewestForTrace)
            continue;
        const auto row = [&](std::size_t h) {
            return TraceRow{static_cast<std::uint32_t>(shopper), static_cast<std::uint32_t>(h),
                            events[h], 0};
        };
        const auto isNew = [&events](std::size_t h) {
            const auto history = events.first(h);
            return std::find(history.begin(), history.end(), events[h]) == history.end();
        };
        if (isNew(events.size() - 3))
            split.validation.push_back(row(events.size() - 3));
        for (const auto h : {events.size() - 2, events.size() - 1}) {
            if (isNew(h))
                split.test.push_back(row(h));
        }
    }
    return split;
}

Dataset withoutRows(const Dataset &data, std::span<const TraceRow> rows)
{
    std::vector<std::size_t> keep(data.shoppers());
    for (std::size_t shopper = 0; shopper < keep.size(); ++shopper)
        keep[shopper] = data.of(shopper).size();
    for (const auto &row : rows)
        keep[row.shopper] = std::min<std::size_t>(keep[row.shopper], row.h);
    return heads(data, [&keep](std::size_t shopper) { return keep[shopper]; });
}

std::vector<TraceRow> makeTrace(std::span<const TraceRow> test, std::size_t limit,
                                std::uint64_t seed)
{
    constexpr std::uint64_t kTraceStream = 0x7472616365; // "trace"
    Random random(seed, kTraceStream);
    std::vector<TraceRow> trace(test.begin(), test.end());
    for (std::size_t i = trace.size(); i > 1; --i)
        std::swap(trace[i - 1], trace[random.below(i)]);
    if (trace.size() > limit)
        trace.resize(limit);

    // The rows of one shopper trade places until they come oldest first.
    std::vector<std::size_t> place(trace.size());
    std::iota(place.begin(), place.end(), std::size_t{0});
    std::stable_sort(place.begin(), place.end(), [&trace](std::size_t a, std::size_t b) {
        return trace[a].shopper < trace[b].shopper;
    });
    for (std::size_t first = 0; first < place.size();) {
        auto end = first;
        std::vector<TraceRow> rows;
        while (end < place.size() && trace[place[end]].shopper == trace[place[first]].shopper)
            rows.push_back(trace[place[end++]]);
        std::sort(rows.begin(), rows.end(),
                  [](const TraceRow &a, const TraceRow &b) { return a.h < b.h; });
        for (std::size_t i = first; i < end; ++i)
            trace[place[i]] = rows[i - first];
        first = end;
    }
    return trace;
}

std::vector<std::uint32_t> popularityOrder(const Dataset &train)
{
    std::vector<std::uint64_t> count(train.items);
    for (const auto item : train.events)
        ++count[item];
    std::vector<std::uint32_t> order(train.items);
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(),
                     [&count](std::uint32_t a, std::uint32_t b) { return count[a] > count[b]; });
    return order;
}

} // namespace engine
