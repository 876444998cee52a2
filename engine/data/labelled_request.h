#pragma once
// Requests of the applications search, ads and inventory together with what became of them, and
// what an answer to one is worth (contracts 4.5): the same formula offline (expected) and live
// (earned). Values; the file is one JSON object a line (README).

#include "engine/base/error.h"

#include <array>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace engine {

/// A query with its judgments.
struct SearchRequest
{
    static constexpr std::size_t kPage = 10;
    std::string query;
    std::map<std::string, double> grades; ///< outside product id -> grade above 0
    /// NDCG@10 with gain 2^grade - 1; 0 when nothing is relevant.
    [[nodiscard]] double worth(std::span<const std::string> products) const;
};

/// A page view with its candidates, of which the best by score are shown.
struct AdsRequest
{
    std::vector<std::vector<std::string>> rows; ///< per candidate, as LabelledRequests::columns
    std::vector<double> appeal;                 ///< P(click) of each once it is looked at
    std::uint32_t slots = 10;
    /// Clicks to expect in slots 1, 2 ... when the candidates stand by falling score (ties: the
    /// earlier first). 0 unless there is one score per row.
    [[nodiscard]] double worth(std::span<const float> scores) const;
};

/// What is known of a series, and of the periods to forecast.
struct DemandQuery
{
    using Column = std::variant<std::vector<float>, std::vector<std::string>>;
    std::string series, start; ///< key; time of values[0], as it stands in the training's file
    std::vector<float> values; ///< oldest first; NaN: not known
    std::map<std::string, Column> plan; ///< by column, over the values and what is known of later
    int horizon = 1;
};

/// A query with what was sold then.
struct DemandRequest
{
    static constexpr std::array<double, 3> kLevels{0.1, 0.5, 0.9};
    static constexpr int kSeason = 7; ///< of the seasonal naive forecast
    DemandQuery query;
    std::vector<float> sold; ///< [horizon]
    /// max(0, 1 - loss / loss of the seasonal naive forecast), `loss` the mean pinball loss over
    /// horizon and levels. `quantiles`: [horizon * levels]. 0 when they are not as many.
    [[nodiscard]] double worth(std::span<const double> quantiles) const;
    [[nodiscard]] double naiveLoss() const;
};

/// The value of the same weekday last week (the last known ones again and again), for each step; 0
/// where nothing is known.
[[nodiscard]] std::vector<double> seasonalNaive(std::span<const float> values, int season,
                                                int horizon);

/// All of one application; the vector of its own kind is filled.
struct LabelledRequests
{
    std::vector<std::string> columns; ///< ads: of the rows
    std::vector<SearchRequest> search;
    std::vector<AdsRequest> ads;
    std::vector<DemandRequest> inventory;
    [[nodiscard]] std::size_t size() const { return search.size() + ads.size() + inventory.size(); }
};

/// Whole or not at all.
[[nodiscard]] Result<> writeRequests(const std::filesystem::path &file,
                                     const LabelledRequests &requests);
/// InvalidInput names file and line.
[[nodiscard]] Result<LabelledRequests> readRequests(const std::filesystem::path &file);

} // namespace engine
