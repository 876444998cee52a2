#include "engine/scoring/demand_forecaster.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace engine {
namespace {

/// Logarithms of amounts stay below this, so that no hostile history makes an infinity.
constexpr double kMostLog = 60;

tl::unexpected<Error> refuse(const std::string &why)
{
    return fail(ErrorCode::InvalidInput, why);
}

double amount(const DemandLaw &law, const DemandSchema &schema, double residual)
{
    const double value = std::exp(std::min(kMostLog, law.location + law.spread * residual));
    return schema.wholeNumbers ? std::max(1.0, std::round(value)) : value;
}

/// The law between its knots, straight; flat beyond the first and the last.
double residualAt(std::span<const float> law, double level)
{
    const double at = level * static_cast<double>(law.size()) - 0.5;
    if (at <= 0)
        return static_cast<double>(law.front());
    const auto below = static_cast<std::size_t>(at);
    if (below + 1 >= law.size())
        return static_cast<double>(law.back());
    const double part = at - static_cast<double>(below);
    const auto low = static_cast<double>(law[below]), high = static_cast<double>(law[below + 1]);
    return low + part * (high - low);
}

template <class T>
std::unordered_map<std::string, float> numbered(const std::vector<T> &texts)
{
    std::unordered_map<std::string, float> numbers;
    for (std::size_t i = 0; i < texts.size(); ++i)
        numbers.emplace(texts[i], static_cast<float>(i));
    return numbers;
}

float numberIn(const std::unordered_map<std::string, float> &numbers, const std::string &text)
{
    const auto at = numbers.find(text);
    return at == numbers.end() ? std::numeric_limits<float>::quiet_NaN() : at->second;
}

} // namespace

double quantileOf(const DemandLaw &law, const DemandSchema &schema, double level)
{
    const double none = 1.0 - law.positive;
    if (level <= none || law.positive <= 0)
        return 0;
    return amount(law, schema, residualAt(schema.law, (level - none) / law.positive));
}

double relativePointOf(const DemandLaw &law, const DemandSchema &schema)
{
    // Weights 1 / y of equally likely outcomes; the law rises, so their order is the law's.
    double all = 0;
    for (const float residual : schema.law)
        all += std::exp(-law.spread * static_cast<double>(residual));
    double sum = 0;
    for (const float residual : schema.law) {
        sum += std::exp(-law.spread * static_cast<double>(residual));
        if (sum >= all / 2)
            return amount(law, schema, static_cast<double>(residual));
    }
    return amount(law, schema, static_cast<double>(schema.law.back()));
}

Result<std::unique_ptr<DemandForecaster>> DemandForecaster::open(const Package &package)
{
    if (package.manifest.family != "demand")
        return refuse("This model is of the family \"" + package.manifest.family
                      + "\", not demand; forecasts need a demand model");
    const auto file = package.files.find("schema.bin");
    if (file == package.files.end())
        return refuse("The model cannot be used: it lacks schema.bin");
    auto schema = DemandSchema::read(file->second);
    if (!schema)
        return tl::unexpected(schema.error());
    std::unique_ptr<DemandForecaster> model(new DemandForecaster);
    model->m_version = package.manifest.version;
    model->m_digest = package.digest;
    model->m_schema = std::make_unique<DemandSchema>(std::move(*schema));
    model->m_features.emplace(*model->m_schema);
    const auto features = model->m_features->count();
    const auto read = [&](const char *name, TreeModel &into) -> Result<> {
        auto trees = readTrees(package, name, features);
        if (!trees)
            return tl::unexpected(trees.error());
        into = std::move(*trees);
        return {};
    };
    DR_RETURN_IF_ERROR(read("location", model->m_location));
    DR_RETURN_IF_ERROR(read("spread", model->m_spread));
    if (model->m_schema->hasZeros)
        DR_RETURN_IF_ERROR(read("positive", model->m_positive.emplace()));
    if (package.find("mean.roots") != nullptr)
        DR_RETURN_IF_ERROR(read("mean", model->m_mean.emplace()));
    for (const auto &column : model->m_schema->columns) {
        model->m_columns.push_back(
            {column.name, column.isCategory, column.isKnown, column.isPrice});
        model->m_categories.push_back(numbered(column.categories));
    }
    for (const auto &values : model->m_schema->keyValues)
        model->m_keyNumbers.push_back(numbered(values));
    return model;
}

Result<std::vector<StepForecast>> DemandForecaster::forecast(const SeriesHistory &history,
                                                             int horizon,
                                                             std::span<const double> levels) const
{
    if (horizon < 1 || horizon > kMostHorizon)
        return refuse("The horizon must be from 1 to " + std::to_string(kMostHorizon) + ", not "
                      + std::to_string(horizon));
    const auto width = m_columns.size();
    if (width > 0
        && (history.columns.size() % width != 0
            || history.columns.size() / width < history.values.size()))
        return refuse("The columns of the series " + history.series
                      + " do not fit its history: every period needs " + std::to_string(width)
                      + " of them");
    for (const double level : levels) {
        if (!(level > 0 && level < 1))
            return refuse("A quantile's level lies between 0 and 1");
    }
    std::vector<float> keys;
    const auto parts = keyParts(history.series, m_keyNumbers.size());
    for (std::size_t k = 0; k < m_keyNumbers.size(); ++k)
        keys.push_back(numberIn(m_keyNumbers[k], parts[k]));
    const SeriesView view{history.first, history.values, history.columns, keys};
    DemandFeatures::Origin origin;
    m_features->prepare(view, history.values.size(), origin);
    std::vector<float> row(m_features->count());
    std::vector<StepForecast> out(static_cast<std::size_t>(horizon));
    for (int step = 1; step <= horizon; ++step) {
        m_features->fill(view, origin, step, row);
        DemandLaw law;
        if (m_positive)
            law.positive = 1.0 / (1.0 + std::exp(-m_positive->score(row)));
        law.location = std::min(kMostLog, origin.level + m_location.score(row));
        law.spread = std::clamp(std::exp(std::min(kMostLog, m_spread.score(row))),
                                m_schema->spreadLeast, m_schema->spreadMost);
        law.mean = m_mean ? std::exp(std::min(kMostLog, origin.mean + m_mean->score(row)))
                          : law.positive * std::exp(law.location) * m_schema->meanFactor;
        auto &each = out[static_cast<std::size_t>(step - 1)];
        for (const double level : levels)
            each.quantiles.push_back(quantileOf(law, *m_schema, level));
        each.mean = law.mean;
        each.root = law.mean * m_schema->rootFactor;
        each.relative = relativePointOf(law, *m_schema);
    }
    return out;
}

float DemandForecaster::category(std::size_t column, const std::string &text) const
{
    return numberIn(m_categories.at(column), text);
}

bool DemandForecaster::knowsSeries(const std::string &series) const
{
    const auto parts = keyParts(series, m_keyNumbers.size());
    for (std::size_t k = 0; k < parts.size(); ++k) {
        if (!m_keyNumbers[k].contains(parts[k]))
            return false;
    }
    return true;
}

Result<std::int64_t> DemandForecaster::period(std::string_view time) const
{
    const auto read = readTime(time);
    if (!read)
        return tl::unexpected(read.error());
    return m_schema->axis.period(*read);
}

std::string DemandForecaster::timeText(std::int64_t period) const
{
    return m_schema->axis.text(period);
}

} // namespace engine
