#include "engine/data/synthetic.h"

#include "engine/base/exact_math.h"
#include "engine/data/fast_exp.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace engine {
namespace {

/// One number per thing that is drawn; with the index of its owner it names a stream.
enum class Draw : std::uint64_t { Shopper = 5, Intent, Event };

Random drawOf(std::uint64_t seed, Draw what, std::uint64_t owner)
{
    return Random(seed, (static_cast<std::uint64_t>(what) << 40) | owner);
}

} // namespace

Result<SyntheticRecipe> syntheticRecipe(std::string_view size)
{
    SyntheticRecipe recipe;
    recipe.name = size;
    if (size == "tiny") {
        recipe.shoppers = 500, recipe.items = 800;
        recipe.departments = 5, recipe.leaves = 6;
        recipe.mostEvents = 100;
    } else if (size == "demo") {
        recipe.shoppers = 5'000, recipe.items = 10'000;
        recipe.departments = 10, recipe.leaves = 10;
    } else if (size == "large") {
        recipe.shoppers = 100'000, recipe.items = 200'000;
        recipe.departments = 20, recipe.leaves = 20;
    } else {
        return fail(ErrorCode::InvalidInput, "There is no synthetic shop \"" + std::string(size)
                                                 + "\"; use tiny, demo or large");
    }
    return recipe;
}

Result<std::string> syntheticSize(std::string_view source)
{
    constexpr std::string_view kPrefix = "synthetic";
    if (source == kPrefix)
        return std::string("demo");
    if (!source.starts_with("synthetic:"))
        return fail(ErrorCode::NotFound, "\"" + std::string(source) + "\" is no synthetic shop");
    const auto size = source.substr(kPrefix.size() + 1);
    if (auto recipe = syntheticRecipe(size); !recipe)
        return tl::unexpected(recipe.error());
    return std::string(size);
}

SyntheticShop::SyntheticShop(SyntheticRecipe recipe, std::uint64_t seed)
    : m_recipe(std::move(recipe)), m_seed(seed)
{
    makeCategories();
    makeItems();
    m_affinity = {0, 0.4 * m_recipe.transition, 0.8 * m_recipe.transition, m_recipe.transition};
    for (std::size_t kind = 0; kind < m_affinity.size(); ++kind)
        m_affinityFactor[kind] = exact::exp(m_affinity[kind]);
}

SyntheticShop::Taste SyntheticShop::taste(std::uint32_t shopper) const
{
    auto random = drawOf(m_seed, Draw::Shopper, shopper);
    Taste taste;
    const auto count = 2 + random.below(3);
    double sum = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto at = std::upper_bound(m_categoryShare.begin(), m_categoryShare.end(),
                                         random.uniform() * m_categoryShare.back());
        const double weight = 0.3 + random.exponential();
        taste.interests.push_back(
            {static_cast<std::uint32_t>(std::min<std::ptrdiff_t>(at - m_categoryShare.begin(),
                                                                 std::ptrdiff_t{categories()} - 1)),
             weight});
        sum += weight;
    }
    double length = 0;
    for (auto &interest : taste.interests) {
        interest.weight /= sum;
        for (std::size_t d = 0; d < kLatent; ++d)
            taste.weights[d] += interest.weight * m_categoryVector[interest.category][d];
    }
    for (std::size_t d = 0; d < kLatent; ++d) {
        // A liking of one's own, apart from any category: what brand and noise are matched with.
        taste.weights[d] += 0.15 * random.normal();
        length += taste.weights[d] * taste.weights[d];
    }
    const double scale = m_recipe.interest / exact::sqrt(length);
    for (std::size_t d = 0; d < kLatent; ++d)
        taste.weights[d] *= scale;
    taste.weights[kLatent] = -m_recipe.thrift * 0.5 * random.exponential() - 0.5 * m_recipe.thrift;
    const double events =
        m_recipe.medianEvents * exact::exp(m_recipe.spreadEvents * random.normal());
    taste.events = static_cast<std::uint32_t>(
        std::clamp(events, double(m_recipe.fewestEvents), double(m_recipe.mostEvents)));
    return taste;
}

std::vector<std::uint32_t> SyntheticShop::intents(std::uint32_t shopper, const Taste &taste,
                                                  std::size_t steps) const
{
    auto random = drawOf(m_seed, Draw::Intent, shopper);
    const auto interest = [&] {
        double at = random.uniform();
        for (const auto &one : taste.interests) {
            at -= one.weight;
            if (at < 0)
                return one.category;
        }
        return taste.interests.back().category;
    };
    std::vector<std::uint32_t> intents;
    intents.reserve(steps);
    for (std::size_t step = 0; step < steps; ++step) {
        const double chance = random.uniform();
        if (step == 0) {
            intents.push_back(interest());
        } else if (chance < 0.8) {
            intents.push_back(intents.back());
        } else if (chance < 0.9) {
            intents.push_back(interest());
        } else if (chance < 0.95) {
            const auto department = intents.back() / m_recipe.leaves;
            intents.push_back(department * m_recipe.leaves
                              + static_cast<std::uint32_t>(random.below(m_recipe.leaves)));
        } else {
            intents.push_back(static_cast<std::uint32_t>(random.below(categories())));
        }
    }
    return intents;
}

SyntheticShop::Moment SyntheticShop::momentAt(const Taste &taste, std::uint32_t intent,
                                              std::span<const std::uint32_t> history) const
{
    Moment moment;
    moment.weights = taste.weights;
    for (std::size_t d = 0; d < kLatent; ++d)
        moment.weights[d] += m_recipe.intent * m_categoryVector[intent][d];
    moment.previous = history.empty() ? kNoCategory : m_category[history.back()];
    return moment;
}

SyntheticShop::Moment SyntheticShop::moment(std::uint32_t shopper,
                                            std::span<const std::uint32_t> history) const
{
    const auto who = taste(shopper);
    return momentAt(who, intents(shopper, who, history.size() + 1).back(), history);
}

std::size_t SyntheticShop::transition(std::uint32_t from, std::uint32_t to) const
{
    if (from == kNoCategory)
        return 0;
    if (from == to)
        return 3;
    if (m_complement[from] == to)
        return 2;
    return from / m_recipe.leaves == to / m_recipe.leaves ? 1 : 0;
}

Random SyntheticShop::eventDraws(std::uint32_t shopper) const
{
    return drawOf(m_seed, Draw::Event, shopper);
}

double SyntheticShop::utility(const Moment &moment, std::uint32_t item) const
{
    const auto category = m_category[item];
    double sum = m_affinity[transition(moment.previous, category)];
    for (std::size_t d = 0; d <= kLatent; ++d)
        sum += moment.weights[d] * m_categoryVector[category][d];
    sum += m_bias[item];
    for (std::size_t d = 0; d <= kLatent; ++d)
        sum += moment.weights[d] * m_rest[d][item];
    return sum;
}

void SyntheticShop::utilities(const Moment &moment, std::vector<double> &out) const
{
    std::vector<double> ofCategory(categories());
    for (std::uint32_t c = 0; c < categories(); ++c) {
        ofCategory[c] = m_affinity[transition(moment.previous, c)];
        for (std::size_t d = 0; d <= kLatent; ++d)
            ofCategory[c] += moment.weights[d] * m_categoryVector[c][d];
    }
    // Dimension by dimension over blocks that stay in the cache. The additions of each item come in
    // the order of utility(), so both give the same bits.
    constexpr std::size_t kBlock = 256;
    out.resize(m_recipe.items);
    for (std::size_t first = 0; first < out.size(); first += kBlock) {
        const auto size = std::min(kBlock, out.size() - first);
        double block[kBlock];
        for (std::size_t i = 0; i < size; ++i)
            block[i] = ofCategory[m_category[first + i]] + m_bias[first + i];
        for (std::size_t d = 0; d <= kLatent; ++d) {
            const double weight = moment.weights[d];
            const double *rest = m_rest[d].data() + first;
            if (size == kBlock) { // a fixed length, so that it becomes vector code
                for (std::size_t i = 0; i < kBlock; ++i)
                    block[i] += weight * rest[i];
            } else {
                for (std::size_t i = 0; i < size; ++i)
                    block[i] += weight * rest[i];
            }
        }
        std::copy_n(block, size, out.data() + first);
    }
}

double SyntheticShop::logNormaliser(std::span<const double> utilities,
                                    std::span<const std::uint32_t> history)
{
    constexpr std::size_t kBlock = 256;
    double top = utilities.front();
    for (const double value : utilities)
        top = std::max(top, value);
    double sum = 0;
    std::size_t first = 0;
    for (; first + kBlock <= utilities.size(); first += kBlock) {
        double block[kBlock];
        for (std::size_t i = 0; i < kBlock; ++i)
            block[i] = fastExp(std::max(utilities[first + i] - top, -700.0));
        for (const double value : block)
            sum += value;
    }
    for (; first < utilities.size(); ++first)
        sum += fastExp(std::max(utilities[first] - top, -700.0));
    for (const auto item : history)
        sum -= fastExp(std::max(utilities[item] - top, -700.0));
    return top + exact::log(sum);
}

} // namespace engine
