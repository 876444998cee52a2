#include "engine/base/exact_math.h"
#include "engine/data/parallel.h"
#include "engine/data/synthetic.h"
#include "engine/data/synthetic_sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace engine {
namespace {

enum class Draw : std::uint64_t { Category = 1, Rank, Brand, Item, Words = 8 };

Random drawOf(std::uint64_t seed, Draw what, std::uint64_t owner)
{
    return Random(seed, (static_cast<std::uint64_t>(what) << 40) | owner);
}

constexpr auto kBrands = SyntheticShop::kBrands;

SyntheticShop::Vector direction(Random &random)
{
    SyntheticShop::Vector vector{};
    double length = 0;
    for (std::size_t d = 0; d < SyntheticShop::kLatent; ++d) {
        vector[d] = random.normal();
        length += vector[d] * vector[d];
    }
    for (std::size_t d = 0; d < SyntheticShop::kLatent; ++d)
        vector[d] /= exact::sqrt(length);
    return vector;
}

void addTo(SyntheticShop::Vector &sum, const SyntheticShop::Vector &part, double scale)
{
    for (std::size_t d = 0; d < SyntheticShop::kLatent; ++d)
        sum[d] += scale * part[d];
}

constexpr std::string_view kSyllables[] = {"al", "bra", "cor", "da", "el", "fen", "gri", "ho",
                                           "is", "ka",  "lum", "mo", "na", "or",  "pel", "qua",
                                           "ri", "sto", "tam", "ul", "ve", "win", "yar", "zen"};
constexpr std::string_view kAttributes[] = {
    "Small", "Large",   "Red",   "Blue",  "Green", "Black",  "White",    "Classic",
    "Light", "Heavy",   "Soft",  "Round", "Slim",  "Double", "Foldable", "Warm",
    "Cool",  "Vintage", "Plain", "Fine",  "Solid", "Quiet",  "Bright",   "Travel"};
constexpr std::string_view kNouns[] = {
    "Lamp",    "Mug",      "Chair",   "Blanket", "Kettle", "Notebook", "Backpack", "Scarf",
    "Clock",   "Frame",    "Candle",  "Basket",  "Vase",   "Pillow",   "Bottle",   "Tray",
    "Shelf",   "Radio",    "Bicycle", "Tent",    "Jacket", "Boots",    "Gloves",   "Watch",
    "Wallet",  "Pan",      "Knife",   "Bowl",    "Plate",  "Towel",    "Mirror",   "Rug",
    "Speaker", "Keyboard", "Mouse",   "Cable",   "Ladder", "Drill",    "Hammer",   "Planter"};

std::string nameFrom(Random &random, std::uint64_t syllables)
{
    std::string name;
    for (std::uint64_t i = 0; i < syllables; ++i)
        name += kSyllables[random.below(std::size(kSyllables))];
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return name;
}

} // namespace

void SyntheticShop::makeCategories()
{
    double sum = 0;
    for (std::uint32_t department = 0; department < m_recipe.departments; ++department) {
        auto random = drawOf(m_seed, Draw::Category, department);
        const auto common = direction(random);
        const double price = 2.0 + 0.6 * random.normal();
        for (std::uint32_t leaf = 0; leaf < m_recipe.leaves; ++leaf) {
            auto own = direction(random);
            Vector vector{};
            addTo(vector, common, 0.6);
            addTo(vector, own, 0.8);
            double length = 0;
            for (std::size_t d = 0; d < kLatent; ++d)
                length += vector[d] * vector[d];
            for (std::size_t d = 0; d < kLatent; ++d)
                vector[d] /= exact::sqrt(length);
            vector[kLatent] = price + 0.4 * random.normal();
            m_categoryVector.push_back(vector);
            sum += exact::exp(0.4 * random.normal());
            m_categoryShare.push_back(sum);
            m_complement.push_back(static_cast<std::uint32_t>(random.below(categories())));
        }
    }
}

void SyntheticShop::makeItems()
{
    const auto items = m_recipe.items;
    // Popularity rank: a random order of all items (Fisher-Yates).
    std::vector<std::uint32_t> rank(items);
    std::iota(rank.begin(), rank.end(), 1u);
    auto shuffle = drawOf(m_seed, Draw::Rank, 0);
    for (std::uint32_t i = items; i > 1; --i)
        std::swap(rank[i - 1], rank[shuffle.below(i)]);

    for (std::uint32_t c = 0; c < categories(); ++c) {
        auto random = drawOf(m_seed, Draw::Brand, c);
        for (std::uint32_t b = 0; b < kBrands; ++b)
            addTo(m_brandVector.emplace_back(Vector{}), direction(random), 0.3);
    }
    std::vector<double> brandShare;
    double brandSum = 0;
    for (std::uint32_t b = 1; b <= kBrands; ++b)
        brandShare.push_back(brandSum += exact::pow(b, -0.9));

    m_category.resize(items);
    m_brand.resize(items);
    m_bias.resize(items);
    for (auto &dimension : m_rest)
        dimension.resize(items);
    for (std::uint32_t item = 0; item < items; ++item) {
        auto random = drawOf(m_seed, Draw::Item, item);
        const auto pick = [&random](const std::vector<double> &shares) {
            const auto at = std::upper_bound(shares.begin(), shares.end() - 1,
                                             random.uniform() * shares.back());
            return static_cast<std::uint32_t>(at - shares.begin());
        };
        m_category[item] = pick(m_categoryShare);
        m_brand[item] = pick(brandShare);
        auto rest = m_brandVector[m_category[item] * kBrands + m_brand[item]];
        addTo(rest, direction(random), 0.3);
        rest[kLatent] = std::clamp(0.6 * random.normal(), -1.5, 1.5);
        for (std::size_t d = 0; d <= kLatent; ++d)
            m_rest[d][item] = rest[d];
        m_bias[item] = -m_recipe.popularitySlope * exact::log(rank[item]);
    }
}

double SyntheticShop::price(std::uint32_t item) const
{
    return exact::exp(m_categoryVector[m_category[item]][kLatent] + m_rest[kLatent][item]);
}

std::string SyntheticShop::title(std::uint32_t item) const
{
    const auto category = m_category[item];
    auto ofBrand = drawOf(m_seed, Draw::Words, std::uint64_t{category} * kBrands + m_brand[item]);
    auto title = nameFrom(ofBrand, 2 + ofBrand.below(2));
    auto ofItem = drawOf(m_seed, Draw::Words, (std::uint64_t{1} << 32) + item);
    const auto words = 1 + ofItem.below(2);
    for (std::uint64_t i = 0; i < words; ++i) {
        title += ' ';
        title += kAttributes[ofItem.below(std::size(kAttributes))];
    }
    auto ofCategory = drawOf(m_seed, Draw::Words, (std::uint64_t{2} << 32) + category);
    if (categories() > std::size(kNouns)) {
        title += ' ';
        title += nameFrom(ofCategory, 2);
    }
    title += ' ';
    title += kNouns[category % std::size(kNouns)];
    return title;
}

Dataset SyntheticShop::generate(unsigned threads, const Progress &progress) const
{
    Dataset data;
    data.synthetic = true;
    data.items = m_recipe.items;
    const auto name = [](char kind, std::uint32_t number) {
        auto digits = std::to_string(number);
        return kind + std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
    };
    for (std::uint32_t item = 0; item < m_recipe.items; ++item) {
        data.itemIds.push_back(name('I', item));
        data.itemTitles.push_back(title(item));
    }
    const SyntheticSampler sampler(*this);
    std::vector<std::vector<std::uint32_t>> taken(m_recipe.shoppers);
    forChunks(
        taken.size(), 64, threads,
        [&](std::size_t first, std::size_t end) {
            for (auto shopper = first; shopper < end; ++shopper)
                taken[shopper] = sampler.events(static_cast<std::uint32_t>(shopper));
        },
        progress);
    data.offsets.push_back(0);
    for (std::uint32_t shopper = 0; shopper < m_recipe.shoppers; ++shopper) {
        data.shopperIds.push_back(name('S', shopper));
        data.events.insert(data.events.end(), taken[shopper].begin(), taken[shopper].end());
        data.offsets.push_back(data.events.size());
        taken[shopper] = {};
    }
    data.linesRead = data.events.size();
    return data;
}

bool SyntheticShop::made(const Dataset &data) const
{
    if (data.items != m_recipe.items || data.shoppers() != m_recipe.shoppers)
        return false;
    const SyntheticSampler sampler(*this);
    for (std::uint32_t shopper = 0; shopper < std::min(3u, m_recipe.shoppers); ++shopper) {
        const auto events = sampler.events(shopper);
        const auto there = data.of(shopper);
        if (!std::equal(events.begin(), events.end(), there.begin(), there.end()))
            return false;
    }
    return true;
}

} // namespace engine
