#include "engine/scoring/demand_features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace engine {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
constexpr std::array<std::size_t, 5> kWindows{4, 8, 13, 26, 52};
constexpr std::array<std::size_t, 3> kShares{4, 13, 52};
constexpr std::size_t kFocus = 4, kColumnLags = 4;
/// How many observations the level of an average series counts for.
constexpr double kPrior = 0.5;

bool isKnown(float value)
{
    return value == value;
}

struct Sum
{
    double sum = 0, squares = 0;
    std::size_t count = 0;
    void add(double value)
    {
        sum += value;
        squares += value * value;
        ++count;
    }
    [[nodiscard]] float mean() const
    {
        return count > 0 ? static_cast<float>(sum / static_cast<double>(count)) : kNone;
    }
    [[nodiscard]] float deviation() const
    {
        if (count < 2)
            return kNone;
        const double n = static_cast<double>(count);
        return static_cast<float>(std::sqrt(std::max(0.0, squares / n - sum * sum / n / n)));
    }
};

} // namespace

DemandFeatures::Intermittent DemandFeatures::intermittent(std::span<const float> values)
{
    constexpr double kSmooth = 0.1;
    double size = 0, interval = 1, chance = 0, since = 1;
    bool started = false;
    for (const float value : values) {
        if (!isKnown(value))
            continue;
        const auto y = static_cast<double>(value);
        if (y > 0) {
            if (!started) {
                size = y;
                interval = since;
                chance = 1.0 / since;
                started = true;
            } else {
                size += kSmooth * (y - size);
                interval += kSmooth * (since - interval);
                chance += kSmooth * (1.0 - chance);
            }
            since = 1;
        } else {
            chance -= started ? kSmooth * chance : 0.0;
            since += 1;
        }
    }
    if (!started)
        return {};
    return {(1.0 - kSmooth / 2) * size / interval, chance * size};
}

DemandFeatures::DemandFeatures(const DemandSchema &schema) : m_schema(schema)
{
    for (std::size_t c = 0; c < schema.columns.size(); ++c) {
        const auto &column = schema.columns[c];
        if (!column.isStatic && !column.isRival && m_focus.size() < kFocus)
            m_focus.push_back(c);
        else if (!column.isStatic && !column.isKnown)
            m_pastOnly.push_back(c);
        if (column.isKnown || column.isStatic)
            m_planned.push_back(c);
    }
    const auto name = [this](const std::string &text) { m_names.push_back(text); };
    name("level");
    name("mean over level");
    name("history");
    for (int k = 0; k < schema.lags; ++k)
        name("lag " + std::to_string(k));
    for (const auto w : kWindows)
        name("mean of " + std::to_string(w));
    name("deviation of 13");
    name("deviation");
    name("most of 13");
    for (const auto w : kShares)
        name("total of " + std::to_string(w));
    if (schema.hasZeros) {
        for (const auto w : kShares)
            name("share sold of " + std::to_string(w));
        name("since sold");
        name("between sales");
        name("last size");
        name("sba");
        name("tsb");
    }
    for (const auto c : m_focus) {
        for (std::size_t k = 0; k < kColumnLags; ++k)
            name(schema.columns[c].name + " lag " + std::to_string(k));
    }
    for (const auto c : m_pastOnly)
        name(schema.columns[c].name + " lag 0");
    for (std::size_t k = 0; schema.usesKeys && k < schema.keyNames.size(); ++k)
        name(schema.keyNames[k]);
    m_fixed = m_names.size();
    name("step");
    name("period");
    for (const char *what : {"weekday", "day", "month", "week", "hour", "phase"})
        name(what);
    name("season 1");
    name("season 2");
    name("season mean");
    for (const auto c : m_planned)
        name(schema.columns[c].name);
    for (const auto c : m_focus) {
        name(schema.columns[c].name + " over recent");
        name(schema.columns[c].name + " over past");
        name(schema.columns[c].name + " over last");
    }
}

/// A column's value, its logarithm for prices.
float DemandFeatures::column(const SeriesView &series, std::size_t row, std::size_t column) const
{
    const auto at = row * m_schema.columns.size() + column;
    if (at >= series.columns.size())
        return kNone;
    const float value = series.columns[at];
    if (!m_schema.columns[column].isPrice)
        return value;
    return value > 0 ? std::log(value) : kNone;
}

float DemandFeatures::relative(float value, double level) const
{
    if (!isKnown(value))
        return kNone;
    return static_cast<float>(
        std::log(std::max(0.0, static_cast<double>(value)) * std::exp(-level) + 0.1));
}

void DemandFeatures::prepare(const SeriesView &series, std::size_t known, Origin &origin) const
{
    const auto window = static_cast<std::size_t>(m_schema.window);
    const auto begin = known > window ? known - window : 0;
    const auto history = series.values.subspan(begin, known - begin);
    origin.known = known;
    double logs = kPrior * m_schema.globalLevel, positives = kPrior;
    double sum = kPrior * m_schema.globalMean, seen = kPrior;
    for (const float value : history) {
        if (!isKnown(value))
            continue;
        if (value > 0) {
            logs += std::log(static_cast<double>(value));
            positives += 1;
        }
        sum += std::max(0.0, static_cast<double>(value));
        seen += 1;
    }
    origin.level = logs / positives;
    origin.mean = std::log(std::max(1e-6, sum / seen));

    auto &out = origin.fixed;
    out.clear();
    out.push_back(static_cast<float>(origin.level));
    out.push_back(static_cast<float>(origin.mean - origin.level));
    out.push_back(static_cast<float>(seen - kPrior));
    std::vector<float> v(history.size());
    for (std::size_t i = 0; i < history.size(); ++i)
        v[i] = relative(history[i], origin.level);
    const auto back = [&](std::size_t k) { return k < v.size() ? v[v.size() - 1 - k] : kNone; };
    const auto raw = [&](std::size_t k) {
        return k < history.size() ? history[history.size() - 1 - k] : kNone;
    };
    for (std::size_t k = 0; k < static_cast<std::size_t>(m_schema.lags); ++k)
        out.push_back(back(k));
    Sum means;
    std::array<float, kWindows.size()> rolling{};
    std::array<float, kShares.size()> totals{}, shares{};
    rolling.fill(kNone);
    totals.fill(kNone);
    shares.fill(kNone);
    float most = kNone, deviation13 = kNone;
    double total = 0, sold = 0, sums = 0;
    // One walk back through time; what a window asks for is read off when its end is passed.
    const auto readOff = [&](std::size_t k) {
        for (std::size_t w = 0; w < kWindows.size(); ++w) {
            if (k == kWindows[w] || (k < kWindows[w] && k == v.size()))
                rolling[w] = means.mean();
        }
        for (std::size_t w = 0; w < kShares.size(); ++w) {
            if ((k == kShares[w] || (k < kShares[w] && k == v.size())) && sums > 0) {
                totals[w] = static_cast<float>(std::log(total / sums + 1e-3 * std::exp(origin.mean))
                                               - origin.mean);
                shares[w] = static_cast<float>(sold / sums);
            }
        }
        if (k == 13 || (k < 13 && k == v.size()))
            deviation13 = means.deviation();
    };
    for (std::size_t k = 0; k < v.size(); ++k) {
        if (const float value = back(k); isKnown(value)) {
            means.add(static_cast<double>(value));
            if (k < 13)
                most = isKnown(most) ? std::max(most, value) : value;
            total += std::max(0.0, static_cast<double>(raw(k)));
            sold += raw(k) > 0 ? 1 : 0;
            sums += 1;
        }
        readOff(k + 1);
    }
    out.insert(out.end(), rolling.begin(), rolling.end());
    out.push_back(deviation13);
    out.push_back(means.deviation());
    out.push_back(most);
    out.insert(out.end(), totals.begin(), totals.end());
    if (m_schema.hasZeros) {
        out.insert(out.end(), shares.begin(), shares.end());
        std::size_t since = 0;
        while (since < history.size() && !(raw(since) > 0))
            ++since;
        out.push_back(static_cast<float>(since));
        out.push_back(sold > 0 ? static_cast<float>(sums / sold) : kNone);
        out.push_back(back(since));
        const auto reference = intermittent(history);
        const auto asLog = [&](double value) {
            return static_cast<float>(std::log(value * std::exp(-origin.mean) + 1e-3));
        };
        out.push_back(asLog(reference.sba));
        out.push_back(asLog(reference.tsb));
    }
    origin.recent.assign(m_focus.size(), kNone);
    origin.past.assign(m_focus.size(), kNone);
    for (std::size_t f = 0; f < m_focus.size(); ++f) {
        Sum recent, past;
        for (std::size_t k = 0; k < std::min<std::size_t>(26, history.size()); ++k) {
            const float value = column(series, known - 1 - k, m_focus[f]);
            if (k < kColumnLags)
                out.push_back(value);
            if (!isKnown(value))
                continue;
            if (k < 8)
                recent.add(static_cast<double>(value));
            past.add(static_cast<double>(value));
        }
        for (std::size_t k = history.size(); k < kColumnLags; ++k)
            out.push_back(kNone);
        origin.recent[f] = recent.mean();
        origin.past[f] = past.mean();
    }
    for (const auto c : m_pastOnly)
        out.push_back(known > 0 ? column(series, known - 1, c) : kNone);
    for (std::size_t k = 0; m_schema.usesKeys && k < m_schema.keyNames.size(); ++k)
        out.push_back(k < series.keys.size() ? series.keys[k] : kNone);
}

void DemandFeatures::fill(const SeriesView &series, const Origin &origin, int step,
                          std::span<float> row) const
{
    std::copy(origin.fixed.begin(), origin.fixed.end(), row.begin());
    std::size_t at = m_fixed;
    const auto put = [&](float value) { row[at++] = value; };
    const auto target = origin.known + static_cast<std::size_t>(step) - 1;
    const auto period = series.first + static_cast<std::int64_t>(target);
    put(static_cast<float>(std::min(step, m_schema.horizon)));
    put(static_cast<float>(period));
    const auto calendar = m_schema.axis.calendar(period);
    for (const int part :
         {calendar.weekday, calendar.day, calendar.month, calendar.week, calendar.hour})
        put(part < 0 ? kNone : static_cast<float>(part));
    const auto season = static_cast<std::size_t>(m_schema.season);
    put(season > 1
            ? static_cast<float>((period % m_schema.season + m_schema.season) % m_schema.season)
            : kNone);
    float first = kNone, second = kNone, mean = kNone;
    if (season > 1) {
        const auto window = static_cast<std::size_t>(m_schema.window);
        const auto begin = origin.known > window ? origin.known - window : 0;
        Sum phases;
        const auto nearest = (static_cast<std::size_t>(step) + season - 1) / season;
        for (std::size_t k = nearest; k < nearest + 4 && k * season <= target; ++k) {
            const auto source = target - k * season;
            if (source < begin)
                break;
            const float value = relative(series.values[source], origin.level);
            if (k == nearest)
                first = value;
            else if (k == nearest + 1)
                second = value;
            if (isKnown(value))
                phases.add(static_cast<double>(value));
        }
        mean = phases.mean();
    }
    put(first);
    put(second);
    put(mean);
    for (const auto c : m_planned)
        put(column(series, target, c));
    for (std::size_t f = 0; f < m_focus.size(); ++f) {
        const auto c = m_focus[f];
        const bool planned = m_schema.columns[c].isKnown;
        const float value = planned ? column(series, target, c) : kNone;
        put(value - origin.recent[f]);
        put(value - origin.past[f]);
        put(planned && target > 0 ? value - column(series, target - 1, c) : kNone);
    }
}

} // namespace engine
