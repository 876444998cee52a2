#include "engine/data/synthetic_search.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sstream>

namespace engine {
namespace {

constexpr std::uint64_t kQueryStream = 0x51554552; // "QUER"
constexpr int kOthers = 10;                        ///< products of grade 0 among the judgments
constexpr double kEvenness = 20;                   ///< ranks before popularity makes a difference

std::vector<std::string> wordsIn(const std::string &text)
{
    std::istringstream in(text);
    std::vector<std::string> out;
    for (std::string word; in >> word;)
        out.push_back(word);
    return out;
}

bool has(const std::vector<std::string> &words, const std::string &word)
{
    return std::ranges::find(words, word) != words.end();
}

} // namespace

SyntheticSearch::SyntheticSearch(std::vector<Product> products,
                                 std::span<const std::uint32_t> popular, std::uint64_t seed)
    : m_products(std::move(products)), m_popular(popular.begin(), popular.end()),
      m_rank(m_products.size()), m_seed(seed)
{
    for (const auto &product : m_products)
        m_words.push_back(wordsIn(product.title));
    double sum = 0;
    for (std::size_t i = 0; i < m_popular.size(); ++i) {
        m_rank[m_popular[i]] = static_cast<std::uint32_t>(i);
        m_share.push_back(sum += 1 / (static_cast<double>(i) + kEvenness));
    }
}

Random SyntheticSearch::drawsOf(std::uint64_t number) const
{
    return {m_seed, (kQueryStream << 32) + number};
}

std::string SyntheticSearch::query(std::uint64_t number) const
{
    auto random = drawsOf(number);
    const auto at =
        std::ranges::upper_bound(m_share, random.uniform() * m_share.back()) - m_share.begin();
    const auto place = std::min(static_cast<std::size_t>(at), m_popular.size() - 1);
    const auto &words = m_words[m_popular[place]];
    if (words.empty())
        return {};
    auto others = words;
    others.pop_back();
    std::string out;
    const auto wanted = random.below(3); // 0, 1 or 2 words besides
    for (std::uint64_t i = 0; i < wanted && !others.empty(); ++i) {
        const auto pick = static_cast<std::ptrdiff_t>(random.below(others.size()));
        out += others[static_cast<std::size_t>(pick)] + " ";
        others.erase(others.begin() + pick);
    }
    return out + words.back();
}

std::map<std::string, double> SyntheticSearch::grades(const std::string &query) const
{
    std::map<std::string, double> out;
    auto wanted = wordsIn(query);
    if (wanted.empty())
        return out;
    const auto kind = wanted.back();
    wanted.pop_back();
    for (std::size_t i = 0; i < m_products.size(); ++i) {
        if (m_words[i].empty() || m_words[i].back() != kind)
            continue;
        double grade = 1 + (m_rank[i] < m_products.size() / 5 ? 1 : 0);
        for (const auto &word : wanted)
            grade += has(m_words[i], word) ? 1 : 0;
        out[m_products[i].id] = grade;
    }
    return out;
}

std::string SyntheticSearch::catalogue() const
{
    std::string text;
    for (std::size_t i = 0; i < m_products.size(); ++i) {
        const auto &product = m_products[i];
        const nlohmann::json line{
            {"id", product.id},
            {"title", product.title},
            {"price", product.price},
            {"popularity",
             1 - static_cast<double>(m_rank[i]) / static_cast<double>(m_products.size())}};
        text += line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    }
    return text;
}

std::string SyntheticSearch::judgments(std::uint64_t first, std::uint64_t end) const
{
    std::string text = "query,item,grade\n";
    for (auto number = first; number < end; ++number) {
        const auto asked = query(number);
        if (asked.empty())
            continue;
        const auto known = grades(asked);
        for (const auto &[id, grade] : known)
            text += fmt::format("{},{},{}\n", asked, id, grade);
        auto random = drawsOf(number);
        for (int i = 0; i < kOthers; ++i)
            if (const auto &id = m_products[random.below(m_products.size())].id;
                !known.contains(id))
                text += fmt::format("{},{},0\n", asked, id);
    }
    return text;
}

} // namespace engine
