#pragma once
// What search and ads can still be told when no model answers: a BM25 list, the best-sellers, click
// rates. Made when the shop is, read by the gateway; immutable, any thread. File: plain.json
// (application_files.h).

#include "engine/model/bm25.h"
#include "engine/model/query_ranker.h"

#include <filesystem>
#include <map>
#include <memory>

namespace engine {

class PlainSearch
{
public:
    /// Reads search.index and plain.json of the application's folder.
    [[nodiscard]] static Result<PlainSearch> open(const std::filesystem::path &folder);
    /// Products whose words match, best first; empty when none does.
    [[nodiscard]] RankedProducts bm25(const std::string &query, int k) const;
    /// The best-sellers, whatever was asked.
    [[nodiscard]] RankedProducts popular(int k) const;

private:
    PlainSearch() = default;
    std::unique_ptr<SearchIndex> m_index; ///< the two below point to it
    std::unique_ptr<QueryReader> m_reader;
    std::unique_ptr<Bm25> m_bm25;
    std::vector<std::string> m_popular;
};

/// Best-selling first.
[[nodiscard]] Result<> writePlainSearch(const std::filesystem::path &folder,
                                        std::span<const std::string> popular);

/// How often an ad is clicked, whoever looks at it: its clicks over what its slots alone would have
/// made expect, shrunk to 1, times the rate of the slot.
class BaseRates
{
public:
    /// Learns from rows: the ad, the slot (from 1), whether it was clicked.
    void learn(const std::string &ad, std::uint32_t slot, bool isClicked);
    [[nodiscard]] Result<> save(const std::filesystem::path &folder) const;
    [[nodiscard]] static Result<BaseRates> open(const std::filesystem::path &folder);
    /// Unknown ads and slots count as the mean.
    [[nodiscard]] double rate(const std::string &ad, std::uint32_t slot) const;

    /// The columns of a row that it reads.
    static constexpr std::string_view kAd = "ad", kSlot = "slot";

private:
    struct Count
    {
        double shown = 0, clicks = 0;
    };
    void add(const std::string &ad, std::uint32_t slot, const Count &more);
    std::map<std::string, std::map<std::uint32_t, Count>> m_ads;
    std::map<std::uint32_t, Count> m_slots;
    Count m_all;
};

} // namespace engine
