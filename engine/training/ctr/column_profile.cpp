#include "engine/training/ctr/column_profile.h"

#include "engine/base/exact_math.h"
#include "engine/data/field.h"
#include "engine/data/labelled_rows.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr std::size_t kSample = 200'000;
constexpr std::size_t kMostValues = 4'000'000; ///< remembered at once
constexpr std::size_t kBuckets = 128;

} // namespace

std::vector<double> bucketEdges(std::vector<double> &sample, std::size_t most)
{
    std::sort(sample.begin(), sample.end());
    std::vector<double> edges;
    const auto put = [&](std::size_t i) { // between sample[i - 1] and sample[i]
        double edge = sample[i - 1] + (sample[i] - sample[i - 1]) / 2;
        if (!(edge > sample[i - 1]))
            edge = sample[i];
        if (std::isfinite(edge) && (edges.empty() || edge > edges.back()))
            edges.push_back(edge);
    };
    std::size_t distinct = sample.empty() ? 0 : 1;
    for (std::size_t i = 1; i < sample.size(); ++i)
        distinct += sample[i] > sample[i - 1] ? 1 : 0;
    // A bucket closes at the first new value after its fair share of the values still to come.
    double share = static_cast<double>(sample.size()) / static_cast<double>(most);
    std::size_t start = 0;
    for (std::size_t i = 1; i < sample.size(); ++i) {
        if (!(sample[i] > sample[i - 1]))
            continue;
        if (distinct > most && static_cast<double>(i - start) < share)
            continue;
        put(i);
        start = i;
        if (edges.size() + 1 >= most)
            break;
        share = static_cast<double>(sample.size() - i) / static_cast<double>(most - edges.size());
    }
    return edges;
}

void ColumnProfile::add(std::string_view text)
{
    text = trimmed(text);
    ++m_rows;
    if (isMissing(text)) {
        ++m_missing;
        return;
    }
    const auto digits = text.substr(text.front() == '-' ? 1 : 0);
    if (digits.size() > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9')
        m_hasLeadingZero = true;
    if (const auto number = numberOf(text)) {
        if (digits.find_first_not_of("0123456789") == std::string_view::npos)
            ++m_wholes;
        if (m_numbers++ % m_step == 0) {
            m_sample.push_back(*number);
            if (m_sample.size() >= 2 * kSample) {
                for (std::size_t i = 0; i < kSample; ++i)
                    m_sample[i] = m_sample[2 * i];
                m_sample.resize(kSample);
                m_step *= 2;
            }
        }
    }
    ++m_counts[std::string(text)];
    if (m_counts.size() > kMostValues)
        prune();
}

/// Forgets the values seen once: more of them than could ever get a code.
void ColumnProfile::prune()
{
    for (auto at = m_counts.begin(); at != m_counts.end();) {
        if (at->second == 1) {
            at = m_counts.erase(at);
            ++m_pruned;
        } else {
            ++at;
        }
    }
}

std::vector<std::string> ColumnProfile::vocabulary(const ProfileRules &rules) const
{
    std::vector<std::pair<std::uint32_t, const std::string *>> kept;
    for (const auto &[value, count] : m_counts) {
        if (count >= rules.leastCount)
            kept.emplace_back(count, &value);
    }
    std::sort(kept.begin(), kept.end(), [](const auto &a, const auto &b) {
        return a.first != b.first ? a.first > b.first : *a.second < *b.second;
    });
    kept.resize(std::min<std::size_t>(kept.size(), rules.vocabulary));
    std::vector<std::string> values;
    for (const auto &[count, value] : kept)
        values.push_back(*value);
    return values;
}

void ColumnProfile::describeNumbers(FeatureColumn &column) const
{
    auto sample = m_sample;
    column.edges = bucketEdges(sample, kBuckets);
    double sum = 0, squares = 0;
    for (const double x : sample) {
        const double size = exact::log(1.0 + std::fabs(x));
        sum += x < 0 ? -size : size;
        squares += size * size;
    }
    const auto n = static_cast<double>(sample.size());
    column.mean = sum / n;
    column.deviation = exact::sqrt(std::max(squares / n - column.mean * column.mean, 0.0));
    if (!(column.deviation > 1e-9))
        column.deviation = 1;
}

tl::expected<FeatureColumn, std::string> ColumnProfile::column(const std::string &name, Said said,
                                                               const ProfileRules &rules) const
{
    const auto known = m_rows - m_missing, distinct = m_counts.size() + m_pruned;
    if (known == 0)
        return tl::unexpected<std::string>("it has no value in any row");
    if (distinct == 1 && m_missing == 0)
        return tl::unexpected<std::string>("it has the same value in every row");
    FeatureColumn column;
    column.name = name;
    // A few words among many numbers are taken for missing numbers.
    const bool isNumeric = static_cast<double>(m_numbers) >= 0.99 * static_cast<double>(known);
    const bool isWhole = isNumeric && m_wholes == m_numbers;
    const bool looksLikeCode = isWhole && m_hasLeadingZero;
    if (said == Said::Number) {
        if (m_numbers == 0)
            return tl::unexpected<std::string>("it holds no number");
        column.isNumber = true;
    } else if (said == Said::Category) {
        column.isCategory = true;
    } else {
        column.isNumber = isNumeric && !looksLikeCode;
        column.isCategory = !isNumeric || isWhole;
    }
    if (column.isCategory && distinct == known && known >= 20 && said != Said::Number)
        return tl::unexpected<std::string>(
            "every row has another value, as an identifier has: nothing can be learned from it");
    if (column.isNumber) {
        describeNumbers(column);
        column.hasMissing = m_missing > 0 || m_numbers < known;
    }
    if (column.isCategory) {
        // Measurements in whole numbers: most values are seen once or twice.
        const bool isMeasure = column.isNumber && said == Said::Nothing && distinct * 4 > known;
        if (isMeasure) {
            column.isCategory = false;
        } else {
            column.values = vocabulary(rules);
            column.hashBuckets = rules.hashBuckets;
        }
    }
    return column;
}

} // namespace engine
