#include "engine/model/demand_history.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

namespace engine {

Result<SeriesHistory> seriesHistory(const Forecaster &model, const DemandQuery &query)
{
    const auto period = model.period(query.start);
    if (!period)
        return tl::unexpected(period.error());
    SeriesHistory out;
    out.series = query.series;
    out.first = *period;
    out.values = query.values;
    const auto &columns = model.columns();
    auto steps = query.values.size();
    for (const auto &[name, column] : query.plan) {
        const auto at = std::ranges::find(columns, name, &ForecastColumn::name);
        if (at == columns.end())
            return fail(ErrorCode::InvalidInput,
                        fmt::format("The model knows no column \"{}\"", name));
        const bool isText = std::holds_alternative<std::vector<std::string>>(column);
        if (isText != at->isCategory)
            return fail(ErrorCode::InvalidInput, fmt::format("The column \"{}\" needs {}", name,
                                                             at->isCategory ? "texts" : "numbers"));
        const auto size = std::visit([](const auto &values) { return values.size(); }, column);
        if (size < query.values.size())
            return fail(ErrorCode::InvalidInput,
                        fmt::format("The column \"{}\" has {} values for a history of {}", name,
                                    size, query.values.size()));
        steps = std::max(steps, size);
    }
    const auto width = columns.size();
    out.columns.assign(steps * width, std::numeric_limits<float>::quiet_NaN());
    for (std::size_t c = 0; c < width; ++c) {
        const auto at = query.plan.find(columns[c].name);
        if (at == query.plan.end())
            continue;
        if (const auto *texts = std::get_if<std::vector<std::string>>(&at->second)) {
            for (std::size_t i = 0; i < texts->size(); ++i)
                out.columns[i * width + c] = model.category(c, (*texts)[i]);
        } else {
            const auto &numbers = std::get<std::vector<float>>(at->second);
            for (std::size_t i = 0; i < numbers.size(); ++i)
                out.columns[i * width + c] = numbers[i];
        }
    }
    return out;
}

} // namespace engine
