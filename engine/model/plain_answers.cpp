#include "engine/model/plain_answers.h"

#include "engine/base/files.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

using nlohmann::json;

constexpr std::uint64_t kLargest = 1u << 30;
constexpr double kPrior = 5; ///< clicks' worth of belief that an ad is like the mean
constexpr std::string_view kFile = "plain.json";

Result<json> readJson(const std::filesystem::path &file)
{
    const auto text = readText(file, kLargest);
    if (!text)
        return tl::unexpected(text.error());
    auto out = json::parse(*text, nullptr, false);
    if (!out.is_object())
        return fail(ErrorCode::InvalidInput,
                    "The file is no JSON; make the shop anew with `drillctl shop create`",
                    file.string());
    return out;
}

tl::unexpected<Error> wrong(const std::filesystem::path &file, const json::exception &error)
{
    return fail(ErrorCode::InvalidInput,
                "A field is missing or of the wrong kind; make the shop anew with `drillctl shop "
                "create`: "
                    + std::string(error.what()),
                file.string());
}

} // namespace

Result<PlainSearch> PlainSearch::open(const std::filesystem::path &folder)
{
    const auto file = folder / "search.index";
    const auto bytes = readText(file, kLargest);
    if (!bytes)
        return tl::unexpected(bytes.error());
    auto index = SearchIndex::decode(
        {reinterpret_cast<const std::uint8_t *>(bytes->data()), bytes->size()}, file.string());
    if (!index)
        return tl::unexpected(index.error());
    const auto plain = readJson(folder / kFile);
    if (!plain)
        return tl::unexpected(plain.error());
    PlainSearch out;
    try {
        plain->at("popular").get_to(out.m_popular);
    } catch (const json::exception &error) {
        return wrong(folder / kFile, error);
    }
    out.m_index = std::make_unique<SearchIndex>(std::move(*index));
    out.m_reader = std::make_unique<QueryReader>(*out.m_index, QueryOptions{});
    out.m_bm25 = std::make_unique<Bm25>(*out.m_index, Bm25Settings{});
    return out;
}

RankedProducts PlainSearch::bm25(const std::string &query, int k) const
{
    std::vector<double> scores(m_index->products(), 0);
    m_bm25->score(m_reader->read(query), scores);
    std::vector<std::uint32_t> matching;
    for (std::uint32_t i = 0; i < scores.size(); ++i)
        if (scores[i] > 0)
            matching.push_back(i);
    std::ranges::sort(matching, [&](auto a, auto b) {
        return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
    });
    matching.resize(std::min(matching.size(), static_cast<std::size_t>(std::max(k, 0))));
    RankedProducts out;
    for (const auto product : matching) {
        out.products.push_back(m_index->ids()[product]);
        out.scores.push_back(static_cast<float>(scores[product]));
    }
    return out;
}

RankedProducts PlainSearch::popular(int k) const
{
    RankedProducts out;
    for (std::size_t i = 0; i < std::min(m_popular.size(), static_cast<std::size_t>(k)); ++i) {
        out.products.push_back(m_popular[i]);
        out.scores.push_back(1 - static_cast<float>(i) / static_cast<float>(k));
    }
    return out;
}

Result<> writePlainSearch(const std::filesystem::path &folder, std::span<const std::string> popular)
{
    const json plain{{"popular", std::vector<std::string>(popular.begin(), popular.end())}};
    return writeTextAtomically(folder / kFile, plain.dump() + "\n");
}

void BaseRates::learn(const std::string &ad, std::uint32_t slot, bool isClicked)
{
    add(ad, slot, {1, isClicked ? 1.0 : 0.0});
}

void BaseRates::add(const std::string &ad, std::uint32_t slot, const Count &more)
{
    for (auto *count : {&m_ads[ad][slot], &m_slots[slot], &m_all}) {
        count->shown += more.shown;
        count->clicks += more.clicks;
    }
}

Result<> BaseRates::save(const std::filesystem::path &folder) const
{
    auto rows = json::array();
    for (const auto &[ad, slots] : m_ads)
        for (const auto &[slot, count] : slots)
            rows.push_back({ad, slot, count.shown, count.clicks});
    return writeTextAtomically(folder / kFile, json{{"rates", rows}}.dump() + "\n");
}

Result<BaseRates> BaseRates::open(const std::filesystem::path &folder)
{
    const auto plain = readJson(folder / kFile);
    if (!plain)
        return tl::unexpected(plain.error());
    BaseRates out;
    try {
        for (const auto &row : plain->at("rates"))
            out.add(row.at(0).get<std::string>(), row.at(1).get<std::uint32_t>(),
                    {row.at(2).get<double>(), row.at(3).get<double>()});
    } catch (const json::exception &error) {
        return wrong(folder / kFile, error);
    }
    return out;
}

double BaseRates::rate(const std::string &ad, std::uint32_t slot) const
{
    const auto of = [&](std::uint32_t at) {
        const auto found = m_slots.find(at);
        const auto &count = found == m_slots.end() ? m_all : found->second;
        return count.shown > 0 ? count.clicks / count.shown : 0;
    };
    double clicks = kPrior, expected = kPrior;
    if (const auto found = m_ads.find(ad); found != m_ads.end())
        for (const auto &[at, count] : found->second) {
            clicks += count.clicks;
            expected += count.shown * of(at);
        }
    return std::min(1.0, of(slot) * clicks / expected);
}

} // namespace engine
