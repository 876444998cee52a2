#include "engine/training/demand/training_rows.h"

#include "engine/base/random.h"
#include "engine/data/parallel.h"

#include <algorithm>

namespace engine {
namespace {

constexpr std::uint64_t kDrawStream = 0xD3A1;

struct Place
{
    std::uint32_t series, known;
    std::int32_t step;
};

} // namespace

void TrainingRows::copyRow(std::size_t row, std::span<float> out) const
{
    for (std::size_t f = 0; f < features.size(); ++f)
        out[f] = features[f][row];
}

TrainingRows cutRows(const DemandTable &table, const DemandFeatures &features,
                     const DemandOptions &options, std::uint64_t seed, int threads)
{
    const auto first = static_cast<std::size_t>(options.firstStep);
    const auto last = static_cast<std::size_t>(options.horizon);
    const auto eachStep = [&](const DemandSeries &series, const auto &use) {
        for (std::size_t t = 0; t < series.values.size(); ++t) {
            if (series.values[t] != series.values[t])
                continue;
            for (std::size_t h = first; h <= last && h <= t; ++h)
                use(t + 1 - h, h);
        }
    };
    std::uint64_t all = 0;
    for (const auto &series : table.series)
        eachStep(series, [&](std::size_t, std::size_t) { ++all; });
    const double keep = std::min(1.0, static_cast<double>(options.mostRows)
                                          / std::max(1.0, static_cast<double>(all)));
    std::vector<Place> places;
    for (std::size_t s = 0; s < table.series.size(); ++s) {
        Random random(seed, kDrawStream, static_cast<std::uint64_t>(s) << 32);
        eachStep(table.series[s], [&](std::size_t known, std::size_t step) {
            if (keep >= 1.0 || random.uniform() < keep)
                places.push_back({static_cast<std::uint32_t>(s), static_cast<std::uint32_t>(known),
                                  static_cast<std::int32_t>(step)});
        });
    }
    // Rows of one origin stand together, so that its part is computed once.
    std::sort(places.begin(), places.end(), [](const Place &a, const Place &b) {
        return a.series != b.series ? a.series < b.series
               : a.known != b.known ? a.known < b.known
                                    : a.step < b.step;
    });
    TrainingRows rows;
    rows.features.assign(features.count(), std::vector<float>(places.size()));
    rows.sold.resize(places.size());
    rows.level.resize(places.size());
    rows.mean.resize(places.size());
    rows.series.resize(places.size());
    rows.period.resize(places.size());
    forChunks(
        places.size(), 4096, static_cast<unsigned>(std::max(1, threads)),
        [&](std::size_t begin, std::size_t end) {
            DemandFeatures::Origin origin;
            std::vector<float> row(features.count());
            for (std::size_t i = begin; i < end; ++i) {
                const auto &place = places[i];
                const auto &series = table.series[place.series];
                const SeriesView view{series.first, series.values, series.columns, series.keys};
                if (i == begin || places[i - 1].series != place.series
                    || places[i - 1].known != place.known)
                    features.prepare(view, place.known, origin);
                features.fill(view, origin, place.step, row);
                for (std::size_t f = 0; f < row.size(); ++f)
                    rows.features[f][i] = row[f];
                const auto target = place.known + static_cast<std::size_t>(place.step) - 1;
                rows.sold[i] = series.values[target];
                rows.level[i] = origin.level;
                rows.mean[i] = origin.mean;
                rows.series[i] = place.series;
                rows.period[i] = series.first + static_cast<std::int64_t>(target);
            }
        });
    return rows;
}

} // namespace engine
