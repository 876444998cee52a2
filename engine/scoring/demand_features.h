#pragma once
// Cuts the features of one future step from a history: training and answering use this one file, so
// the same history gives the same numbers live and offline. Logarithms relative to the series' own
// level, so that a product of 3 a week and one of 3,000 teach each other. References for
// intermittent demand (Croston 1972; Syntetos & Boylan 2005; Teunter, Syntetos & Babai 2011) are
// features. Immutable; any thread.

#include "engine/scoring/demand_schema.h"

#include <span>

namespace engine {

/// A series as the features read it; borrowed.
struct SeriesView
{
    std::int64_t first = 0;         ///< period of values[0]
    std::span<const float> values;  ///< NaN: not known
    std::span<const float> columns; ///< [rows >= values.size()][columns]
    std::span<const float> keys;    ///< numbers of the key parts; NaN: never seen
};

class DemandFeatures
{
public:
    explicit DemandFeatures(const DemandSchema &schema);

    [[nodiscard]] std::size_t count() const { return m_names.size(); }
    [[nodiscard]] const std::vector<std::string> &names() const { return m_names; }

    /// What is the same for all steps from one origin.
    struct Origin
    {
        std::size_t known = 0; ///< values[0 .. known) are the history
        double level = 0;      ///< mean log of the positive values; the location is relative to it
        double mean = 0;       ///< log of the mean of the values; the mean is relative to it
        std::vector<float> fixed;        ///< features that do not depend on the step
        std::vector<float> recent, past; ///< mean of the last 8 and 26 of each focus column
    };
    void prepare(const SeriesView &series, std::size_t known, Origin &origin) const;
    /// The row of step `step` >= 1 behind the origin; `row` has count() floats.
    void fill(const SeriesView &series, const Origin &origin, int step, std::span<float> row) const;

    /// The mean of the next step by Croston's method with the Syntetos-Boylan correction, and by
    /// Teunter-Syntetos-Babai, both with smoothing .1: floors for intermittent series.
    struct Intermittent
    {
        double sba = 0, tsb = 0;
    };
    [[nodiscard]] static Intermittent intermittent(std::span<const float> values);

private:
    [[nodiscard]] float column(const SeriesView &series, std::size_t row, std::size_t column) const;
    [[nodiscard]] float relative(float value, double level) const;

    const DemandSchema &m_schema;
    std::vector<std::string> m_names;
    std::size_t m_fixed = 0;             ///< the first ones, in Origin::fixed
    std::vector<std::size_t> m_focus;    ///< columns whose past is looked at closely
    std::vector<std::size_t> m_pastOnly; ///< further columns that are not known in advance
    std::vector<std::size_t> m_planned;  ///< columns read at the step itself
};

} // namespace engine
