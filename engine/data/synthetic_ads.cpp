#include "engine/data/synthetic_ads.h"

#include "engine/base/exact_math.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

/// One number per thing that is drawn; with the index of its owner it names a stream.
enum class Draw : std::uint64_t { Shop = 0xAD0, Ad, Shopper, View, Click };

Random drawOf(std::uint64_t seed, Draw what, std::uint64_t owner)
{
    return Random(seed, (static_cast<std::uint64_t>(what) << 48) | owner);
}

double sigmoid(double z)
{
    return 1.0 / (1.0 + exact::exp(-z));
}

std::size_t drawFrom(std::span<const double> cumulated, double uniform)
{
    const auto at =
        std::upper_bound(cumulated.begin(), cumulated.end(), uniform * cumulated.back());
    return std::min(static_cast<std::size_t>(at - cumulated.begin()), cumulated.size() - 1);
}

const std::array<const char *, SyntheticAds::kDevices> kDeviceName{"phone", "desktop", "tablet"};
const std::array<const char *, SyntheticAds::kPages> kPageName{"home",    "search", "category",
                                                               "product", "basket", "account"};

double entropy(double p)
{
    return -p * exact::log(p) - (1.0 - p) * exact::log(1.0 - p);
}

double logLoss(double p, bool clicked)
{
    return -exact::log(clicked ? p : 1.0 - p);
}

} // namespace

Result<SyntheticAdsRecipe> syntheticAdsRecipe(std::string_view size)
{
    SyntheticAdsRecipe recipe;
    recipe.name = size;
    if (size == "tiny") {
        recipe.shoppers = 400, recipe.ads = 150, recipe.advertisers = 30, recipe.categories = 8;
        recipe.views = 3'000;
    } else if (size == "demo") {
        recipe.shoppers = 5'000, recipe.ads = 1'000, recipe.advertisers = 150;
        recipe.categories = 20, recipe.views = 40'000;
    } else if (size == "large") {
        recipe.shoppers = 100'000, recipe.ads = 20'000, recipe.advertisers = 2'000;
        recipe.categories = 50, recipe.views = 1'000'000;
    } else {
        return fail(ErrorCode::InvalidInput, "There is no synthetic shop \"" + std::string(size)
                                                 + "\"; use tiny, demo or large");
    }
    return recipe;
}

SyntheticAds::SyntheticAds(SyntheticAdsRecipe recipe, std::uint64_t seed)
    : m_recipe(std::move(recipe)), m_seed(seed)
{
    auto random = drawOf(seed, Draw::Shop, 0);
    const auto fill = [&random](auto &values, double deviation) {
        for (auto &value : values)
            value = deviation * random.normal();
    };
    for (auto &centre : m_segment)
        fill(centre, 0.55);
    fill(m_device, 0.3);
    fill(m_page, 0.5);
    double share = 0;
    for (std::size_t h = 0; h < 24; ++h) {
        // Quiet at four in the morning, busy at four in the afternoon; clicks follow a little.
        const double wave = exact::cos2pi((static_cast<double>(h) - 16.0) / 24.0);
        m_hour[h] = 0.2 * wave;
        share += 1.2 + wave;
        m_hourShare[h] = share;
    }
    m_cross.resize(m_recipe.categories);
    std::vector<Vector> centre(m_recipe.categories);
    for (std::size_t c = 0; c < m_recipe.categories; ++c) {
        fill(m_cross[c], 0.5);
        fill(centre[c], 0.55);
    }
    double chance = 0;
    for (std::uint32_t a = 0; a < m_recipe.ads; ++a) {
        auto draw = drawOf(seed, Draw::Ad, a);
        const auto category = static_cast<std::uint32_t>(draw.below(m_recipe.categories));
        m_category.push_back(category);
        m_advertiser.push_back(static_cast<std::uint32_t>(draw.below(m_recipe.advertisers)));
        auto &vector = m_adVector.emplace_back();
        for (std::size_t d = 0; d < kLatent; ++d)
            vector[d] = centre[category][d] + 0.25 * draw.normal();
        const double logPrice = 3.0 + 0.9 * draw.normal();
        m_cents.push_back(static_cast<std::uint32_t>(100.0 * exact::exp(logPrice)));
        m_quality.push_back(0.5 * draw.normal() - 0.25 * (logPrice - 3.0));
        // A few campaigns with large budgets are candidates everywhere.
        chance += exact::pow(static_cast<double>(a) + 1.0, -0.7);
        m_adShare.push_back(chance);
    }
}

SyntheticAds::Vector SyntheticAds::shopperVector(std::uint32_t shopper) const
{
    auto random = drawOf(m_seed, Draw::Shopper, shopper);
    auto vector = m_segment[shopper % kSegments];
    for (auto &value : vector)
        value += 0.3 * random.normal();
    return vector;
}

double SyntheticAds::appeal(const View &view, std::uint32_t ad) const
{
    const auto shopper = shopperVector(view.shopper);
    double z = m_recipe.startOdds + m_quality[ad] + m_device[view.device] + m_page[view.page]
               + m_hour[view.hour];
    z -= 0.15 * exact::log(1.0 + static_cast<double>(view.visits));
    double product = 0;
    for (std::size_t d = 0; d < kLatent; ++d)
        product += shopper[d] * m_adVector[ad][d];
    z += m_recipe.taste * product;
    const auto &cross = m_cross[m_category[ad]];
    return sigmoid(z + cross[view.device] + cross[kDevices + view.page]);
}

SyntheticAds::View SyntheticAds::view(std::uint64_t number) const
{
    auto random = drawOf(m_seed, Draw::View, number);
    View view;
    view.number = number;
    // Some shoppers come far more often than others.
    const double u = random.uniform();
    view.shopper = static_cast<std::uint32_t>(u * u * static_cast<double>(m_recipe.shoppers));
    const double device = random.uniform();
    view.device = device < 0.55 ? 0 : device < 0.9 ? 1 : 2;
    view.page = static_cast<std::uint32_t>(random.below(kPages));
    view.hour = static_cast<std::uint32_t>(drawFrom(m_hourShare, random.uniform()));
    view.visits = static_cast<std::uint32_t>(8.0 * random.exponential());
    while (view.candidates.size() < std::min(m_recipe.candidates, m_recipe.ads)) {
        const auto ad = static_cast<std::uint32_t>(drawFrom(m_adShare, random.uniform()));
        if (std::find(view.candidates.begin(), view.candidates.end(), ad) == view.candidates.end())
            view.candidates.push_back(ad);
    }
    std::vector<std::pair<double, std::uint32_t>> order;
    for (const auto ad : view.candidates) {
        const double p = appeal(view, ad);
        // The ranker of the log sees a sixth of the truth: ads of the same view differ a little by
        // slot, which is what makes clicks fall faster than examination.
        const double score = 0.16 * exact::log(p / (1.0 - p)) + random.normal();
        order.emplace_back(-score, ad);
    }
    std::sort(order.begin(), order.end());
    for (std::size_t i = 0; i < order.size(); ++i)
        view.candidates[i] = order[i].second;
    return view;
}

double SyntheticAds::expectedClicks(const View &view, std::span<const std::uint32_t> shown) const
{
    double sum = 0;
    std::uint32_t slot = 0;
    for (const auto ad : shown)
        sum += clickProbability(view, ad, ++slot);
    return sum;
}

bool SyntheticAds::clicked(const View &view, std::uint32_t slot) const
{
    Random random = drawOf(m_seed, Draw::Click, view.number * m_recipe.slots + slot);
    return random.uniform() < clickProbability(view, view.candidates[slot - 1], slot);
}

const std::vector<std::string> &SyntheticAds::columns()
{
    static const std::vector<std::string> names{"shopper", "ad",   "advertiser", "category",
                                                "device",  "page", "hour",       "slot",
                                                "visits",  "price"};
    return names;
}

std::vector<std::string> SyntheticAds::row(const View &view, std::uint32_t ad,
                                           std::uint32_t slot) const
{
    const auto cents = m_cents[ad];
    const auto rest = std::to_string(cents % 100);
    return {"s" + std::to_string(view.shopper),
            "a" + std::to_string(ad),
            "v" + std::to_string(m_advertiser[ad]),
            "c" + std::to_string(m_category[ad]),
            kDeviceName[view.device],
            kPageName[view.page],
            std::to_string(view.hour),
            std::to_string(slot),
            std::to_string(view.visits),
            std::to_string(cents / 100) + "." + (rest.size() < 2 ? "0" : "") + rest};
}

std::string SyntheticAds::csv(std::uint64_t first, std::uint64_t end) const
{
    std::string text = "label,view";
    for (const auto &name : columns())
        text += "," + name;
    text += "\n";
    for (auto number = first; number < end; ++number) {
        const auto one = view(number);
        const auto shown = std::min<std::size_t>(m_recipe.slots, one.candidates.size());
        for (std::uint32_t slot = 1; slot <= shown; ++slot) {
            text += clicked(one, slot) ? "1," : "0,";
            text += std::to_string(number);
            for (const auto &field : row(one, one.candidates[slot - 1], slot))
                text += "," + field;
            text += "\n";
        }
    }
    return text;
}

SyntheticAds::Bounds SyntheticAds::bounds(std::uint64_t first, std::uint64_t end) const
{
    Bounds bounds;
    const auto slots = std::min(m_recipe.slots, std::min(m_recipe.candidates, m_recipe.ads));
    std::vector<double> clicks(slots, 0.0);
    for (auto number = first; number < end; ++number) {
        const auto one = view(number);
        for (std::uint32_t slot = 1; slot <= slots; ++slot) {
            const double p = clickProbability(one, one.candidates[slot - 1], slot);
            const bool click = clicked(one, slot);
            bounds.bayes += entropy(p);
            bounds.drawn += logLoss(p, click);
            clicks[slot - 1] += click ? 1.0 : 0.0;
        }
    }
    const auto views = static_cast<double>(end - first);
    bounds.rows = (end - first) * slots;
    const auto rows = static_cast<double>(bounds.rows);
    double all = 0;
    for (const double count : clicks) {
        const double rate = std::clamp(count / views, 1e-9, 1 - 1e-9);
        bounds.clickRate.push_back(count / views);
        bounds.byPosition += entropy(rate) * views;
        all += count;
    }
    bounds.bayes /= rows;
    bounds.drawn /= rows;
    bounds.byPosition /= rows;
    bounds.constant = entropy(std::clamp(all / rows, 1e-9, 1 - 1e-9));
    return bounds;
}

} // namespace engine
