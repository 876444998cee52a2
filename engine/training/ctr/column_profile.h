#pragma once
// What the values of one column look like, gathered in one pass in bounded memory: what decides
// whether it is a category, a number, both or nothing. One thread.

#include "engine/model/feature_schema.h"

#include <unordered_map>

namespace engine {

struct ProfileRules
{
    std::uint32_t leastCount = 2;       ///< rows that a value needs for a code of its own
    std::uint32_t vocabulary = 200'000; ///< codes of a column, at most
    std::uint32_t hashBuckets = 0;      ///< for all other values; 0: one code for them together
};

class ColumnProfile
{
public:
    void add(std::string_view text);

    enum class Said { Nothing, Category, Number };
    /// The column as a feature, or why it is none ("every value is another one ...").
    [[nodiscard]] tl::expected<FeatureColumn, std::string>
    column(const std::string &name, Said said, const ProfileRules &rules) const;

private:
    void prune();
    [[nodiscard]] std::vector<std::string> vocabulary(const ProfileRules &rules) const;
    void describeNumbers(FeatureColumn &column) const;

    std::unordered_map<std::string, std::uint32_t> m_counts;
    std::vector<double> m_sample; ///< every m_step-th number
    std::uint64_t m_rows = 0, m_missing = 0, m_numbers = 0, m_wholes = 0, m_step = 1, m_pruned = 0;
    bool m_hasLeadingZero = false;
};

/// Edges between the values of `sample` so that the buckets hold about as many values each, at most
/// `most` buckets; sorts it.
[[nodiscard]] std::vector<double> bucketEdges(std::vector<double> &sample, std::size_t most);

} // namespace engine
