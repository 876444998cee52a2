#include "engine/training/demand/stored_history.h"

#include <algorithm>

namespace engine {
namespace {

struct Stored
{
    std::string id;
    std::vector<float> keys;
    std::int64_t first = 0;
    std::vector<float> values, columns;
    template <class A>
    void fields(A &a)
    {
        a(id);
        a(keys);
        a(first);
        a(values);
        a(columns);
    }
};

} // namespace

std::optional<Bytes> storeHistory(const DemandTable &table, const DemandSchema &schema)
{
    const auto width = schema.columns.size();
    std::vector<Stored> all;
    std::size_t bytes = 0;
    for (const auto &series : table.series) {
        const auto keep = std::min(series.values.size(), static_cast<std::size_t>(schema.window));
        const auto from = series.values.size() - keep;
        bytes += 64 + series.id.size() + keep * (1 + width) * sizeof(float);
        if (bytes > kMostHistoryBytes)
            return std::nullopt;
        Stored stored;
        stored.id = series.id;
        stored.keys = series.keys;
        stored.first = series.first + static_cast<std::int64_t>(from);
        stored.values.assign(series.values.begin() + static_cast<std::ptrdiff_t>(from),
                             series.values.end());
        stored.columns.assign(series.columns.begin() + static_cast<std::ptrdiff_t>(from * width),
                              series.columns.begin()
                                  + static_cast<std::ptrdiff_t>(series.values.size() * width));
        all.push_back(std::move(stored));
    }
    return encode(all);
}

Result<DemandTable> readHistory(const Bytes &bytes, const DemandSchema &schema)
{
    auto all = decode<std::vector<Stored>>(bytes);
    if (!all)
        return fail(ErrorCode::InvalidInput, "The model cannot be used: history.bin is broken");
    DemandTable table;
    for (auto &stored : *all) {
        if (stored.columns.size() != stored.values.size() * schema.columns.size()
            || stored.keys.size() != schema.keyNames.size())
            return fail(ErrorCode::InvalidInput,
                        "The model cannot be used: history.bin does not fit its schema");
        table.series.push_back({std::move(stored.id),
                                std::move(stored.keys),
                                stored.first,
                                std::move(stored.values),
                                std::move(stored.columns),
                                0,
                                {},
                                {}});
    }
    return table;
}

} // namespace engine
