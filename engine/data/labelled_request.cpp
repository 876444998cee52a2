#include "engine/data/labelled_request.h"

#include "engine/base/files.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

namespace engine {
namespace {

using nlohmann::json;

constexpr std::uint64_t kLargest = 256u << 20;

double gain(double grade)
{
    return std::exp2(grade) - 1;
}

double pinball(double sold, double quantile, double level)
{
    const double over = sold - quantile;
    return over >= 0 ? level * over : (level - 1) * over;
}

/// JSON has no NaN: what is not known is null.
json numbers(std::span<const float> values)
{
    auto out = json::array();
    for (const auto value : values)
        out.push_back(std::isnan(value) ? json(nullptr) : json(value));
    return out;
}

std::vector<float> numbersOf(const json &from)
{
    std::vector<float> out;
    for (const auto &value : from)
        out.push_back(value.is_null() ? std::numeric_limits<float>::quiet_NaN()
                                      : value.get<float>());
    return out;
}

json toJson(const SearchRequest &request)
{
    return {{"query", request.query}, {"grades", request.grades}};
}

json toJson(const AdsRequest &request)
{
    return {{"rows", request.rows}, {"appeal", request.appeal}, {"slots", request.slots}};
}

json toJson(const DemandRequest &request)
{
    auto plan = json::object();
    for (const auto &[name, column] : request.query.plan) {
        if (const auto *texts = std::get_if<std::vector<std::string>>(&column))
            plan[name] = {{"texts", *texts}};
        else
            plan[name] = {{"numbers", numbers(std::get<std::vector<float>>(column))}};
    }
    return {{"series", request.query.series},          {"start", request.query.start},
            {"values", numbers(request.query.values)}, {"plan", plan},
            {"horizon", request.query.horizon},        {"sold", numbers(request.sold)}};
}

DemandRequest demandOf(const json &line)
{
    DemandRequest out;
    line.at("series").get_to(out.query.series);
    line.at("start").get_to(out.query.start);
    out.query.values = numbersOf(line.at("values"));
    for (const auto &[name, column] : line.at("plan").items()) {
        if (column.contains("texts"))
            out.query.plan[name] = column.at("texts").get<std::vector<std::string>>();
        else
            out.query.plan[name] = numbersOf(column.at("numbers"));
    }
    line.at("horizon").get_to(out.query.horizon);
    out.sold = numbersOf(line.at("sold"));
    if (out.query.horizon < 1 || out.sold.size() != static_cast<std::size_t>(out.query.horizon))
        throw json::other_error::create(501, "sold and horizon do not fit", &line);
    return out;
}

void add(LabelledRequests &to, const json &line)
{
    if (line.contains("columns")) {
        line.at("columns").get_to(to.columns);
    } else if (line.contains("query")) {
        SearchRequest request;
        line.at("query").get_to(request.query);
        line.at("grades").get_to(request.grades);
        to.search.push_back(std::move(request));
    } else if (line.contains("rows")) {
        AdsRequest request;
        line.at("rows").get_to(request.rows);
        line.at("appeal").get_to(request.appeal);
        line.at("slots").get_to(request.slots);
        const bool fits = request.rows.size() == request.appeal.size() && !request.rows.empty()
                          && std::ranges::all_of(request.rows, [&](const auto &row) {
                                 return row.size() == to.columns.size();
                             });
        if (!fits)
            throw json::other_error::create(501, "rows, appeal and columns do not fit", &line);
        to.ads.push_back(std::move(request));
    } else {
        to.inventory.push_back(demandOf(line));
    }
}

} // namespace

double SearchRequest::worth(std::span<const std::string> products) const
{
    std::vector<double> best;
    for (const auto &[product, grade] : grades)
        best.push_back(gain(grade));
    std::ranges::sort(best, std::greater<>());
    double ideal = 0, got = 0;
    for (std::size_t i = 0; i < std::min(best.size(), kPage); ++i)
        ideal += best[i] / std::log2(static_cast<double>(i) + 2);
    for (std::size_t i = 0; i < std::min(products.size(), kPage); ++i)
        if (const auto at = grades.find(products[i]); at != grades.end())
            got += gain(at->second) / std::log2(static_cast<double>(i) + 2);
    return ideal > 0 ? got / ideal : 0;
}

double AdsRequest::worth(std::span<const float> scores) const
{
    if (scores.size() != appeal.size())
        return 0;
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](auto a, auto b) { return scores[a] > scores[b]; });
    double clicks = 0;
    for (std::size_t i = 0; i < std::min<std::size_t>(order.size(), slots); ++i)
        clicks += appeal[order[i]] / static_cast<double>(i + 1);
    return clicks;
}

std::vector<double> seasonalNaive(std::span<const float> values, int season, int horizon)
{
    std::vector<double> out;
    const auto length = static_cast<std::int64_t>(values.size());
    for (int step = 0; step < horizon; ++step) {
        const auto at = length >= season ? length - season + step % season : length - 1;
        const auto value = at >= 0 ? values[static_cast<std::size_t>(at)]
                                   : std::numeric_limits<float>::quiet_NaN();
        out.push_back(std::isfinite(value) ? static_cast<double>(value) : 0);
    }
    return out;
}

double DemandRequest::naiveLoss() const
{
    const auto naive = seasonalNaive(query.values, kSeason, query.horizon);
    double loss = 0;
    for (std::size_t step = 0; step < sold.size(); ++step)
        for (const auto level : kLevels)
            loss += pinball(static_cast<double>(sold[step]), naive[step], level);
    return loss;
}

double DemandRequest::worth(std::span<const double> quantiles) const
{
    if (quantiles.size() != sold.size() * kLevels.size())
        return 0;
    const auto naive = naiveLoss();
    double loss = 0;
    for (std::size_t step = 0; step < sold.size(); ++step)
        for (std::size_t i = 0; i < kLevels.size(); ++i)
            loss += pinball(static_cast<double>(sold[step]), quantiles[step * kLevels.size() + i],
                            kLevels[i]);
    return naive > 0 ? std::max(0.0, 1 - loss / naive) : 0;
}

Result<> writeRequests(const std::filesystem::path &file, const LabelledRequests &requests)
{
    std::string text;
    const auto line = [&text](const json &json) {
        text += json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    };
    if (!requests.columns.empty())
        line({{"columns", requests.columns}});
    for (const auto &request : requests.search)
        line(toJson(request));
    for (const auto &request : requests.ads)
        line(toJson(request));
    for (const auto &request : requests.inventory)
        line(toJson(request));
    return writeTextAtomically(file, text);
}

Result<LabelledRequests> readRequests(const std::filesystem::path &file)
{
    const auto text = readText(file, kLargest);
    if (!text)
        return tl::unexpected(text.error());
    LabelledRequests out;
    std::size_t number = 0, begin = 0;
    while (begin < text->size()) {
        const auto end = std::min(text->find('\n', begin), text->size());
        ++number;
        try {
            add(out, json::parse(text->begin() + static_cast<std::ptrdiff_t>(begin),
                                 text->begin() + static_cast<std::ptrdiff_t>(end)));
        } catch (const json::exception &error) {
            return fail(ErrorCode::InvalidInput,
                        "This is no labelled request; make the shop anew with `drillctl shop "
                        "create` ("
                            + std::string(error.what()) + ")",
                        file.string() + ":" + std::to_string(number));
        }
        begin = end + 1;
    }
    return out;
}

} // namespace engine
