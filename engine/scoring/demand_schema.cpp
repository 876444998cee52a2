#include "engine/scoring/demand_schema.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace engine {
namespace {

tl::unexpected<Error> refuse(const std::string &why)
{
    return fail(ErrorCode::InvalidInput, "The model cannot be used: its schema " + why);
}

bool isRising(const std::vector<float> &law)
{
    for (std::size_t i = 0; i < law.size(); ++i) {
        if (!std::isfinite(law[i]) || (i > 0 && law[i] < law[i - 1]))
            return false;
    }
    return true;
}

} // namespace

Bytes DemandSchema::bytes() const
{
    return encode(*this);
}

Result<DemandSchema> DemandSchema::read(const Bytes &bytes)
{
    auto schema = decode<DemandSchema>(bytes);
    if (!schema)
        return refuse("is broken");
    const auto &axis = schema->axis;
    if (static_cast<std::uint32_t>(axis.kind) > 3 || axis.step < 1 || axis.step > 4'000'000'000'000
        || std::abs(axis.origin) > 9'000'000'000'000'000 || (axis.weekdays & 0x7F) == 0
        || axis.weekdays > 0x7F || !std::is_sorted(axis.closed.begin(), axis.closed.end()))
        return refuse("has no usable time axis");
    if (schema->season < 0 || schema->season > 10'000 || schema->window < 1
        || schema->window > 100'000 || schema->lags < 1 || schema->lags > 1000
        || schema->lags > schema->window || schema->horizon < 1
        || schema->horizon > Forecaster::kMostHorizon)
        return refuse("has a season, window, lags or horizon out of range");
    if (schema->law.size() < 3 || schema->law.size() > 10'000 || !isRising(schema->law))
        return refuse("has a law of residuals that does not rise");
    if (schema->keyValues.size() != schema->keyNames.size() || schema->columns.size() > 10'000)
        return refuse("has keys or columns that do not fit together");
    for (const double number : {schema->globalLevel, schema->globalMean, schema->rootFactor,
                                schema->meanFactor, schema->spreadLeast, schema->spreadMost}) {
        if (!std::isfinite(number))
            return refuse("holds NaN or infinity");
    }
    return std::move(*schema);
}

float DemandSchema::numberOf(const std::vector<std::string> &values, const std::string &text)
{
    const auto at = std::find(values.begin(), values.end(), text);
    return at == values.end() ? std::numeric_limits<float>::quiet_NaN()
                              : static_cast<float>(at - values.begin());
}

std::vector<std::string> keyParts(const std::string &series, std::size_t parts)
{
    std::vector<std::string> out;
    std::size_t from = 0;
    while (out.size() + 1 < parts) {
        const auto at = series.find('|', from);
        if (at == std::string::npos)
            break;
        out.push_back(series.substr(from, at - from));
        from = at + 1;
    }
    out.push_back(series.substr(std::min(from, series.size())));
    out.resize(parts);
    return out;
}

} // namespace engine
