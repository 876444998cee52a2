#pragma once
// What a demand model knows of its table: the time axis, the columns and their categories, and how
// features are cut from a history. Travels in the package as `schema.bin`, in the canonical
// encoding of engine/base/bytes.h. Value; any thread.

#include "engine/data/time_axis.h"
#include "engine/model/forecaster.h"
#include "engine/model/package.h"

#include <map>

namespace engine {

struct DemandSchema
{
    struct Column
    {
        std::string name;
        bool isCategory = false, isKnown = false, isPrice = false;
        bool isStatic = false; ///< never changed within a series of the training data
        bool isRival = false;  ///< made from the prices of other series, not read from the file
        std::vector<std::string> categories; ///< number 0, 1, ... in the order of mean demand
        template <class A>
        void fields(A &a)
        {
            a(name);
            a(isCategory);
            a(isKnown);
            a(isPrice);
            a(isStatic);
            a(isRival);
            a(categories);
        }
    };

    TimeAxis axis;
    std::string timeName, valueName;   ///< of the training file; name the roles in other files
    std::vector<std::string> keyNames; ///< columns that name a series
    std::vector<std::vector<std::string>> keyValues; ///< by key part, in the order of mean demand
    std::vector<Column> columns;
    std::vector<float> law; ///< quantiles of the standardised residual at (i + .5) / size
    std::int32_t season = 0, window = 0, lags = 0;
    std::int32_t horizon = 0; ///< the largest trained
    bool missingIsZero = false, wholeNumbers = false, hasZeros = false, usesKeys = true;
    double globalLevel = 0; ///< mean log of the positive values
    double globalMean = 0;  ///< mean of the values
    double rootFactor = 1;  ///< share of the mean, see StepForecast::root
    /// Without a part for the mean: sold over exp(location) in validation (Duan, 1983).
    double meanFactor = 1;
    double spreadLeast = 0, spreadMost = 0; ///< bounds of the spread seen in validation

    template <class A>
    void fields(A &a)
    {
        a(axis);
        a(timeName);
        a(valueName);
        a(keyNames);
        a(keyValues);
        a(columns);
        a(law);
        a(season);
        a(window);
        a(lags);
        a(horizon);
        a(missingIsZero);
        a(wholeNumbers);
        a(hasZeros);
        a(usesKeys);
        a(globalLevel);
        a(globalMean);
        a(rootFactor);
        a(meanFactor);
        a(spreadLeast);
        a(spreadMost);
    }

    [[nodiscard]] Bytes bytes() const;
    /// InvalidInput when the bytes are no schema or its numbers are out of range.
    [[nodiscard]] static Result<DemandSchema> read(const Bytes &bytes);

    /// The number of a text; NaN when it was not in the training data.
    [[nodiscard]] static float numberOf(const std::vector<std::string> &values,
                                        const std::string &text);
};

/// "a|b|c" in its parts; missing parts are empty.
[[nodiscard]] std::vector<std::string> keyParts(const std::string &series, std::size_t parts);

} // namespace engine
