#include "engine/training/search/click_model.h"

#include "engine/base/exact_math.h"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace engine {
namespace {

constexpr double kLeast = 1e-6;

tl::unexpected<Error> refuse(const char *why)
{
    return fail(ErrorCode::InvalidInput, std::string("The click model cannot be used: ") + why);
}

OwnedTensor tensorOf(const std::string &name, const std::vector<double> &values)
{
    OwnedTensor out{name, "F32", {static_cast<std::int64_t>(values.size())}, {}};
    out.data.resize(values.size() * sizeof(float));
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto value = static_cast<float>(values[i]);
        std::memcpy(out.data.data() + i * sizeof(float), &value, sizeof value);
    }
    return out;
}

Result<std::vector<double>> valuesOf(const Package &package, const char *name)
{
    const auto *entry = package.find(name);
    if (entry == nullptr || entry->dtype != "F32" || entry->shape.size() != 1)
        return refuse("a tensor clicks.* is missing");
    const auto *from = reinterpret_cast<const float *>(package.weights.data() + entry->offset);
    std::vector<double> out(from, from + entry->bytes / sizeof(float));
    for (const double x : out) {
        if (!(x >= 0 && x <= 1))
            return refuse("a probability is not between 0 and 1");
    }
    return out;
}

} // namespace

PositionModel PositionModel::train(const Impressions &data, const PositionOptions &options)
{
    // Equal (pair, rank) impressions are told apart by nothing: count them once.
    struct Cell
    {
        std::size_t pair;
        std::uint16_t rank;
        double shown, clicked;
    };
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> pairs;
    std::map<std::pair<std::size_t, std::uint16_t>, std::pair<double, double>> counted;
    std::size_t ranks = 0;
    for (const auto &row : data.rows) {
        const auto pair = pairs.try_emplace({row.query, row.document}, pairs.size()).first->second;
        auto &[shown, clicked] = counted[{pair, row.rank}];
        shown += 1;
        clicked += row.isClicked ? 1 : 0;
        ranks = std::max<std::size_t>(ranks, row.rank);
    }
    std::vector<Cell> cells;
    std::vector<double> shownAt(ranks, 0), shownPair(pairs.size(), 0);
    double shown = 0, clicked = 0;
    for (const auto &[key, count] : counted) {
        cells.push_back({key.first, key.second, count.first, count.second});
        shownAt[key.second - 1u] += count.first;
        shownPair[key.first] += count.first;
        shown += count.first;
        clicked += count.second;
    }
    PositionModel model;
    model.m_examined.resize(ranks);
    for (std::size_t r = 0; r < ranks; ++r)
        model.m_examined[r] = 1 / (1 + static_cast<double>(r));
    std::vector<double> attraction(pairs.size(), std::clamp(2 * clicked / shown, 0.01, 0.5));
    std::vector<double> examinedSum, attractedSum;
    double mean = attraction.empty() ? 0 : attraction.front();
    for (int round = 0; round < options.rounds; ++round) {
        examinedSum.assign(ranks, 0);
        attractedSum.assign(pairs.size(), 0);
        for (const auto &cell : cells) {
            const double e = model.m_examined[cell.rank - 1u], a = attraction[cell.pair];
            const double none = std::max(1e-12, 1 - e * a), without = cell.shown - cell.clicked;
            examinedSum[cell.rank - 1u] += cell.clicked + without * e * (1 - a) / none;
            attractedSum[cell.pair] += cell.clicked + without * a * (1 - e) / none;
        }
        for (std::size_t r = 0; r < ranks; ++r) {
            if (shownAt[r] > 0)
                model.m_examined[r] = examinedSum[r] / shownAt[r];
        }
        double sum = 0;
        for (std::size_t p = 0; p < attraction.size(); ++p) {
            attraction[p] =
                (attractedSum[p] + options.prior * mean) / (shownPair[p] + options.prior);
            sum += attraction[p];
        }
        mean = sum / static_cast<double>(attraction.size());
        // Only the product is determined: the first rank counts as always examined.
        const double first = *std::max_element(model.m_examined.begin(), model.m_examined.end());
        if (first > 0) {
            for (auto &e : model.m_examined)
                e /= first;
            for (auto &a : attraction)
                a = std::min(1.0, a * first);
            mean = std::min(1.0, mean * first);
        }
    }
    for (const auto &[key, number] : pairs)
        model.m_pairs.push_back(
            {data.queries[key.first], data.documents[key.second], attraction[number]});
    std::sort(model.m_pairs.begin(), model.m_pairs.end(), [](const Pair &a, const Pair &b) {
        return std::tie(a.query, a.document) < std::tie(b.query, b.document);
    });
    model.index();
    return model;
}

void PositionModel::index()
{
    std::map<std::string, double> counts;
    m_queryMeans.clear();
    double sum = 0;
    for (const auto &pair : m_pairs) {
        m_queryMeans[pair.query] += pair.attraction;
        counts[pair.query] += 1;
        sum += pair.attraction;
    }
    for (auto &[query, mean] : m_queryMeans)
        mean /= counts[query];
    m_mean = m_pairs.empty() ? 0 : sum / static_cast<double>(m_pairs.size());
}

std::optional<double> PositionModel::attraction(const std::string &query,
                                                const std::string &document) const
{
    const auto at = std::lower_bound(m_pairs.begin(), m_pairs.end(), std::tie(query, document),
                                     [](const Pair &pair, const auto &key) {
                                         return std::tie(pair.query, pair.document) < key;
                                     });
    if (at == m_pairs.end() || at->query != query || at->document != document)
        return std::nullopt;
    return at->attraction;
}

double PositionModel::click(const std::string &query, const std::string &document, int rank) const
{
    double a = m_mean;
    if (const auto known = attraction(query, document))
        a = *known;
    else if (const auto mean = m_queryMeans.find(query); mean != m_queryMeans.end())
        a = mean->second;
    const auto at = std::clamp(rank, 1, static_cast<int>(m_examined.size())) - 1;
    return std::clamp(a * m_examined[static_cast<std::size_t>(at)], kLeast, 1 - kLeast);
}

std::vector<JudgedQuery> PositionModel::grades() const
{
    std::vector<JudgedQuery> out;
    for (std::size_t begin = 0; begin < m_pairs.size();) {
        auto end = begin;
        double most = 0;
        for (; end < m_pairs.size() && m_pairs[end].query == m_pairs[begin].query; ++end)
            most = std::max(most, m_pairs[end].attraction);
        out.push_back({m_pairs[begin].query, {}});
        for (; begin < end; ++begin)
            out.back().grades.emplace_back(
                m_pairs[begin].document,
                most > 0 ? static_cast<float>(3 * m_pairs[begin].attraction / most) : 0.0f);
    }
    return out;
}

void PositionModel::save(TrainedModel &model) const
{
    std::vector<double> attraction;
    std::string text;
    for (const auto &pair : m_pairs) {
        attraction.push_back(pair.attraction);
        text += pair.query + '\t' + pair.document + '\n';
    }
    model.tensors.push_back(tensorOf("clicks.examined", m_examined));
    model.tensors.push_back(tensorOf("clicks.attraction", attraction));
    model.files["clicks.txt"] = Bytes(text.begin(), text.end());
}

Result<PositionModel> PositionModel::open(const Package &package)
{
    const auto file = package.files.find("clicks.txt");
    if (file == package.files.end())
        return fail(ErrorCode::InvalidInput,
                    "This model holds no click model; train it on sessions with a column clicked");
    auto examined = valuesOf(package, "clicks.examined");
    auto attraction = valuesOf(package, "clicks.attraction");
    for (const auto *values : {&examined, &attraction}) {
        if (!*values)
            return tl::unexpected(values->error());
    }
    if (examined->empty())
        return refuse("it has no ranks");
    PositionModel model;
    model.m_examined = std::move(*examined);
    const std::string_view text(reinterpret_cast<const char *>(file->second.data()),
                                file->second.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find('\n', at);
        const auto tab = text.find('\t', at);
        if (end == std::string_view::npos || tab == std::string_view::npos || tab > end
            || model.m_pairs.size() == attraction->size())
            return refuse("its list of pairs is damaged");
        model.m_pairs.push_back({std::string(text.substr(at, tab - at)),
                                 std::string(text.substr(tab + 1, end - tab - 1)),
                                 (*attraction)[model.m_pairs.size()]});
        at = end + 1;
    }
    if (model.m_pairs.size() != attraction->size()
        || !std::is_sorted(model.m_pairs.begin(), model.m_pairs.end(),
                           [](const Pair &a, const Pair &b) {
                               return std::tie(a.query, a.document) < std::tie(b.query, b.document);
                           }))
        return refuse("its list of pairs is damaged");
    model.index();
    return model;
}

void LogLoss::add(double probability, bool isClicked)
{
    m_sum -= exact::log(isClicked ? probability : 1 - probability);
    ++m_count;
}

double LogLoss::mean() const
{
    return m_count == 0 ? 0 : m_sum / static_cast<double>(m_count);
}

} // namespace engine
